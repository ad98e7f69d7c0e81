//! What a server runs with, written into the record when it is not what it was the last time: contracts, policy, settings.
//!
//! The files of all contracts are kept by digest, so that a bundle holds what its run pinned even after the file changed.

use std::collections::BTreeMap;

use affiant_contract::Registry;
use affiant_engine::{Engine, EngineError, ports::Document};
use affiant_journal::{Actor, ActorKind, ConfigChanged, Digest, Payload, TenantId, bytes};
use affiant_surface::handlers::CONTRACT_FILES;
use serde_json::{Value, json};

use super::{connections, money};
use crate::project::Config;

/// The collection of documents that says what the record knows of the configuration.
const COLLECTION: &str = "configuration";
/// Files of contracts in one append.
const FILES: usize = 32;

/// Records what has changed since the last start, for one tenant.
pub(super) async fn record(
    engine: &Engine,
    tenant: &TenantId,
    registry: &Registry,
    config: &Config,
    prices: Value,
) -> Result<(), EngineError> {
    let files: BTreeMap<String, (Digest, &str)> = registry
        .iter()
        .map(|contract| {
            let text = &*contract.source.text;
            (contract.reference().to_string(), (Digest::of(text.as_bytes()), text))
        })
        .collect();
    let now: BTreeMap<&str, String> =
        files.iter().map(|(name, (digest, _))| (name.as_str(), digest.to_string())).collect();
    let before = known(engine, tenant, "contracts").await?;
    if before != json!(now) {
        let new = files.values().filter(|(digest, _)| !mentions(&before, digest));
        // First the files, a few at a time: who starts with a thousand need not hold each of them twice.
        for some in new.collect::<Vec<_>>().chunks(FILES) {
            let files =
                some.iter().map(|(digest, text)| document(tenant, CONTRACT_FILES, digest.to_string(), json!(text)));
            engine.keep(tenant, CONTRACT_FILES, files.collect()).await?;
        }
        let known = document(tenant, COLLECTION, "contracts".to_owned(), json!(now));
        say(engine, tenant, "contracts", changes(&before, &now), vec![known]).await?;
    }
    let rest = [
        ("policy", json!({ "digest": engine.policies().digest() })),
        ("server", serde_json::to_value(&config.server).expect("settings are texts and numbers")),
        ("providers", connections::recorded(&config.providers)),
        ("prices", prices),
        ("budgets", money::recorded_budgets(&config.budgets)),
        ("mcp", config.mcp.iter().map(|(name, server)| (name.clone(), server.recorded())).collect::<Value>()),
    ];
    for (setting, value) in rest {
        let known = known(engine, tenant, setting).await?;
        // A server that never had any says nothing about having none.
        if known != value && !(known.is_null() && value == json!({})) {
            let kept = document(tenant, COLLECTION, setting.to_owned(), value.clone());
            say(engine, tenant, setting, value, vec![kept]).await?;
        }
    }
    Ok(())
}

async fn known(engine: &Engine, tenant: &TenantId, setting: &str) -> Result<Value, EngineError> {
    let kept = engine.ports().store.document(tenant, COLLECTION, setting).await?;
    Ok(kept.and_then(|kept| kept.value).unwrap_or_default())
}

fn mentions(before: &Value, digest: &Digest) -> bool {
    let digest = digest.to_string();
    before.as_object().is_some_and(|files| files.values().any(|known| known == digest.as_str()))
}

/// Which contracts came, went, or changed, by name where they fit an event, and the digest over all of them.
fn changes(before: &Value, now: &BTreeMap<&str, String>) -> Value {
    let empty = serde_json::Map::new();
    let before = before.as_object().unwrap_or(&empty);
    let added: Vec<&&str> = now.keys().filter(|name| !before.contains_key(**name)).collect();
    let removed: Vec<&String> = before.keys().filter(|name| !now.contains_key(name.as_str())).collect();
    let changed: Vec<&&str> = now
        .iter()
        .filter(|(name, digest)| before.get(**name).is_some_and(|it| it != digest.as_str()))
        .map(|(name, _)| name)
        .collect();
    let all = Digest::of(&bytes::encode(now).expect("names and digests have a spelling"));
    let named = json!({ "added": added, "changed": changed, "count": now.len(), "digest": all, "removed": removed });
    if bytes::fits(&named) {
        return named;
    }
    let counts = (added.len(), changed.len(), removed.len());
    json!({ "added": counts.0, "changed": counts.1, "count": now.len(), "digest": all, "removed": counts.2 })
}

fn document(tenant: &TenantId, collection: &str, id: String, value: Value) -> Document {
    Document { tenant: tenant.clone(), collection: collection.into(), id: id.into(), value: Some(value) }
}

async fn say(
    engine: &Engine,
    tenant: &TenantId,
    setting: &str,
    value: Value,
    documents: Vec<Document>,
) -> Result<(), EngineError> {
    let by = Actor { auth: "none".into(), id: "operator".into(), kind: ActorKind::System };
    let body = ConfigChanged { change: "set".into(), setting: setting.into(), value: Payload::Inline(value) };
    engine.record_admin(tenant, &by, body, documents).await
}
