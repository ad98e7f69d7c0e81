//! The test vectors of `docs/record-format.md`, and the sample bundle beside them, are what this code does.
//! `UPDATE_VECTORS=1 cargo test -p affiant-proof --test vectors` writes them anew.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod support;

use std::path::{Path, PathBuf};

use affiant_journal::{bytes, *};
use affiant_proof::{
    checkpoint::{Checkpoint, cosign},
    envelope::Envelope,
    keys::{KeyKind, KeyName, SigningKey},
    paths::Proofs,
    snapshot,
    tree::{self, Frontier, Head, Node},
};
use serde_json::{Value, json};
use support::{World, cosigned, file};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/record-format")
}

/// Compares a file with what it should be, or writes it.
fn same(name: &str, content: &[u8]) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path, content).unwrap();
    } else {
        assert!(std::fs::read(&path).unwrap() == content, "{name} is stale: run with UPDATE_VECTORS=1");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key(name: &str, kind: KeyKind, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), kind, &[seed; 32])
}

fn log() -> SigningKey {
    key("audit.example.org/t_1", KeyKind::Note, 1)
}

fn encodings() -> Value {
    let values = [
        json!({"b": 1, "a": [true, false, null], "": {}}),
        json!({"\u{ffff}": 1, "\u{10000}": 2, "\"": 3, "é": 4}),
        json!("\u{0}\u{8}\t\n\u{c}\r\u{1f} \"\\/\u{7f}\u{2028}😀"),
        json!([0, -1, 9_007_199_254_740_991i64, -9_007_199_254_740_991i64]),
    ];
    let spelled = |value: &Value| {
        let bytes = bytes::encode(value).unwrap();
        json!({"hex": hex(&bytes), "sha256": Digest::of(&bytes), "text": String::from_utf8(bytes).unwrap()})
    };
    values.iter().map(spelled).collect()
}

fn refused() -> Value {
    let deep = "[".repeat(65) + &"]".repeat(65);
    let cases: [&[u8]; 17] = [
        b"{\"a\": 1}",
        br#"{"b":1,"a":2}"#,
        br#"{"a":1,"a":1}"#,
        br#"{"a":1,"b":2,"a":3}"#,
        b"1.0",
        b"1e3",
        b"9007199254740992",
        b"-0",
        b"007",
        br#""\u0041""#,
        br#""\/""#,
        br#""\u001F""#,
        br#""\u000a""#,
        b"\"\xff\"",
        b"{}\n",
        b"\xef\xbb\xbf{}",
        deep.as_bytes(),
    ];
    let refusal = |bytes: &&[u8]| {
        let deviation = bytes::read_strict(bytes).unwrap_err();
        json!({"at": deviation.at, "hex": hex(bytes), "why": deviation.kind.to_string()})
    };
    cases.iter().map(refusal).collect()
}

fn commitments() -> Value {
    let values =
        [("/prompt", json!("write the notes")), ("/arguments/to", json!({"mail": "ana@example.org", "n": 1.5}))];
    let opened = values.map(|(path, value)| Disclosure::new(Salt([7; 16]), path, value));
    let mut list: Vec<Digest> = opened.iter().map(Disclosure::commit).collect();
    let erased = erased_digest(&mut list);
    let one = |it: &Disclosure| json!({"commitment": it.commit(), "text": it.text()});
    let disclosures: Value = opened.iter().map(one).collect();
    json!({"disclosures": disclosures, "erased": {"commitments": list, "digest": erased}})
}

fn action() -> Value {
    let (subject, tenant) = (PrincipalId::new("u_ana"), TenantId::new("t_1"));
    let action = Action {
        agent: Digest::of(b"kind: agent\n"),
        arguments: Digest::of(br#"{"path":"."}"#),
        operation: "git.log@1.0.0",
        operation_digest: Digest::of(b"kind: query\n"),
        subject: &subject,
        target: "run_1",
        tenant: &tenant,
    };
    json!({"digest": action.digest(), "text": String::from_utf8(bytes::encode(&action).unwrap()).unwrap()})
}

fn snapshot_root() -> Value {
    let content = json!({"digest": Digest::of(b"# Changes\n"), "media": "text/markdown", "size": 10});
    let item =
        |name: &str| json!({"content": content, "kind": "file", "name": name, "origin": "/srv", "source": "docs"});
    let document = json!({"items": [item("CHANGELOG.md"), item("docs/CHANGELOG.md")]});
    json!({"document": document, "root": snapshot::root(document.to_string().as_bytes()).unwrap().0})
}

fn trees() -> Value {
    let leaves: Vec<Digest> = (0..11u8).map(|leaf| Digest::of_leaf(&[leaf])).collect();
    let root = |leaves: &[Digest]| {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| drop(frontier.push(*leaf)));
        frontier.root()
    };
    let roots: Vec<Digest> = (0..=leaves.len()).map(|size| root(&leaves[..size])).collect();
    let nodes = |node: Node| {
        let (start, end) = ((node.index << node.level) as usize, ((node.index + 1) << node.level) as usize);
        leaves.get(start..end).map(root)
    };
    let included =
        |(index, size)| json!({"index": index, "path": tree::inclusion(&nodes, index, size).unwrap(), "size": size});
    let included = [(0, 1), (0, 11), (5, 11), (10, 11), (6, 7)].map(included);
    let continued = |(from, to)| json!({"from": from, "path": tree::consistency(&nodes, from, to).unwrap(), "to": to});
    let continued = [(1, 11), (6, 11), (8, 11), (10, 11)].map(continued);
    let table = Proofs::collect(&nodes, 11, vec![3, 4, 10], vec![], Some(6)).unwrap();
    json!({
        "consistency": continued,
        "inclusion": included,
        "leaf_inputs": "leaf i is the single byte i",
        "leaves": leaves,
        "proofs.json for leaves 3, 4 and 10 of 11": table,
        "roots": roots,
    })
}

fn signatures() -> Value {
    let witness = key("witness.example.net/w1", KeyKind::Cosignature, 2);
    let checkpoint =
        Checkpoint { origin: "audit.example.org/t_1".into(), head: Head { size: 417, root: Digest::of(b"root") } };
    let mut note = checkpoint.sign(&[&log()]);
    note.signatures.push(cosign(&note, &witness, 1_795_359_600));
    let envelope = Envelope::sign("application/vnd.in-toto+json", b"{}", &[&log()]);
    let of = |key: &SigningKey| json!({"secret": key.to_secret_text(), "public": key.verifier()});
    json!({
        "checkpoint": checkpoint.text(),
        "envelope": String::from_utf8(envelope.to_bytes()).unwrap(),
        "keys": {"log": of(&log()), "witness": of(&witness)},
        "note": note.to_string(),
    })
}

fn leaf_hashes() -> Value {
    let world = World::new(1);
    let stream = world.log.stream(&world.scripts[0].run);
    let one = |entry: &Entry| json!({"event": std::str::from_utf8(&entry.bytes).unwrap(), "leaf": entry.leaf});
    stream.logged.iter().take(3).map(|logged| one(&logged.entry)).collect()
}

#[test]
fn the_vectors_are_what_this_code_does() {
    let vectors = json!({
        "action": action(),
        "commitments": commitments(),
        "encoding": encodings(),
        "events": leaf_hashes(),
        "refused": refused(),
        "signatures": signatures(),
        "snapshot": snapshot_root(),
        "tree": trees(),
        "v": 1,
    });
    same("vectors.json", (serde_json::to_string_pretty(&vectors).unwrap() + "\n").as_bytes());
}

#[test]
fn the_sample_bundle_is_what_this_code_writes() {
    let world = World::new(1);
    let mut parts = world.parts(0);
    parts.checkpoint = cosigned(parts.checkpoint);
    let bundle = affiant_proof::bundle::pack(parts, &world.log, &[&world.log.key]).unwrap();
    same("sample.affiant", &file(&bundle));
    let trust = serde_json::to_string_pretty(&world.log.trust()).unwrap() + "\n";
    same("trust.json", trust.as_bytes());
}
