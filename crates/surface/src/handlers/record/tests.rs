use affiant_contract::Pick;
use affiant_engine::ports::SealedValue;
use affiant_journal::Digest;
use serde_json::{Value, json};

use crate::{
    gateway::{Call, SurfaceName},
    testing::World,
};

async fn by(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
    let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
    let call = Call { credential: world.credential(caller), ..call };
    let outcome = world.gateway.call(call).await.outcome;
    outcome.map(|done| done.value()).map_err(|problem| problem.code().to_owned())
}

/// A value of `u_user` is sealed, so that there is something to erase.
async fn sealed(world: &World) {
    let sealed =
        SealedValue { seq: 0, commitment: Digest::of(b"c"), subject: "u_user".into(), cipher: b"cipher"[..].into() };
    let entry = affiant_journal::Entry::from_bytes(b"{}".to_vec());
    let mut append = affiant_engine::ports::Append::new("t_a".into(), "run_x".into(), 0, vec![entry]);
    append.sealed = vec![sealed];
    world.services.store.append(append).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_administrative_act_is_an_event_of_the_admin_stream() {
    let world = World::shipped();
    world.work();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let key = by(&world, "admin", "key.create", json!({ "name": "ci" })).await.unwrap();
    by(&world, "admin", "key.revoke", json!({ "keyId": key["keyId"] })).await.unwrap();
    by(&world, "admin", "workspace.allow", json!({ "path": path })).await.unwrap();
    by(&world, "admin", "workspace.forbid", json!({ "path": path })).await.unwrap();
    by(&world, "admin", "log.rotate", json!({ "phase": "begin" })).await.unwrap();
    sealed(&world).await;
    by(&world, "admin", "subject.hold", json!({ "subject": "u_user", "held": true, "reason": "r" })).await.unwrap();
    let held = by(&world, "admin", "subject.erase", json!({ "subject": "u_user", "basis": "b" })).await;
    assert_eq!(held.unwrap_err(), "subject-held");
    by(&world, "admin", "subject.hold", json!({ "subject": "u_user", "held": false, "reason": "r" })).await.unwrap();
    by(&world, "admin", "subject.erase", json!({ "subject": "u_user", "basis": "b" })).await.unwrap();
    let run = json!({ "agentKey": "echo", "input": { "steps": 1 }, "mode": "wait" });
    let run = by(&world, "user", "agent.run", run).await.unwrap();
    by(&world, "user", "agent.bundle", json!({ "runId": run["runId"] })).await.unwrap();
    by(&world, "user", "key.list", json!({})).await.unwrap_err();
    world.gateway.flush_refusals(true).await;

    let events = world.admin_events("t_a", 0).await;
    let said: Vec<String> =
        events.iter().map(|event| event.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        said,
        [
            "u_admin key.created",
            "u_admin key.revoked",
            "u_admin config.changed",
            "u_admin config.changed",
            "u_admin config.changed",
            "u_admin config.changed",
            "u_admin config.changed",
            "u_admin subject.erased",
            "u_user record.exported",
            "u_user call.refused",
        ],
        "{events:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_an_event_leads_to_the_signed_head() {
    let world = World::shipped();
    for number in 0..5 {
        by(&world, "admin", "key.create", json!({ "name": format!("k{number}") })).await.unwrap();
    }
    let head = by(&world, "user", "log.checkpoint", json!({})).await.unwrap();
    let asked = json!({ "stream": "admin", "seq": 3, "fromTreeSize": 2 });
    let proof = by(&world, "user", "log.proof", asked).await.unwrap();
    assert_eq!((&proof["treeSize"], &proof["rootHash"]), (&head["treeSize"], &head["rootHash"]));
    let digest = |value: &Value| value.as_str().unwrap().parse::<Digest>().unwrap();
    let inclusion = &proof["inclusion"];
    let path: Vec<Digest> = inclusion["hashes"].as_array().unwrap().iter().map(digest).collect();
    let (leaf, index) = (digest(&inclusion["leafHash"]), inclusion["leafIndex"].as_u64().unwrap());
    let (size, root) = (proof["treeSize"].as_u64().unwrap(), digest(&proof["rootHash"]));
    affiant_proof::tree::verify_inclusion(&leaf, index, size, &path, &root).unwrap();
    for beyond in [json!({ "treeSize": 99 }), json!({ "stream": "admin", "seq": 99 })] {
        assert_eq!(by(&world, "user", "log.proof", beyond).await.unwrap_err(), "tree-size-unknown");
    }
}
