//! `log.keys` and `log.rotate`: the keys that sign a log.

use std::sync::Arc;

use affiant_engine::seal::{BadKeys, LogKeys, Phase as Exchange, SealError};
use affiant_journal::{ConfigChanged, Payload};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::declared;
use crate::{
    gateway::{Context, Handlers},
    handlers::services::Services,
    problem::Refusal,
};

pub(super) fn handlers(services: &Services) -> Handlers {
    let [for_keys, for_rotate] = [(); 2].map(|()| Arc::new(services.clone()));
    Handlers::new().on("log.keys", "^1", move |context, input| keys(for_keys.clone(), context, input)).on(
        "log.rotate",
        "^1",
        move |context, input| rotate(for_rotate.clone(), context, input),
    )
}

/// Input of `log.keys`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysInput {}

/// Output of `log.keys`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysOutput {
    origin: String,
    epoch: u64,
    keys: Vec<KeyRow>,
    before: Vec<Earlier>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyRow {
    key: String,
    from: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Earlier {
    origin: String,
    keys: Vec<String>,
}

async fn keys(services: Arc<Services>, context: Context, _: KeysInput) -> Result<KeysOutput, Refusal> {
    services.sealer.ensure_open(&context.who.tenant).await?;
    let keys = services.sealer.keys(&context.who.tenant).await?;
    let history = keys.history().keys.into_iter();
    let rows = history.map(|reign| KeyRow { key: reign.key.to_string(), from: reign.from, until: reign.until });
    let before = keys.before.iter().map(|history| Earlier {
        origin: history.origin.clone(),
        keys: history.keys.iter().map(|reign| reign.key.to_string()).collect(),
    });
    Ok(KeysOutput { epoch: keys.epoch, keys: rows.collect(), before: before.collect(), origin: keys.origin })
}

/// Input of `log.rotate`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateInput {
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Begin,
    End,
}

/// Output of `log.rotate`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RotateOutput {
    origin: String,
    tree_size: u64,
    signers: Vec<String>,
}

async fn rotate(services: Arc<Services>, context: Context, input: RotateInput) -> Result<RotateOutput, Refusal> {
    let tenant = &context.who.tenant;
    services.sealer.ensure_open(tenant).await?;
    let exchange = match input.phase {
        Phase::Begin => Exchange::Begin,
        Phase::End => Exchange::End,
    };
    let keys = services.sealer.rotate(tenant, exchange).await.map_err(|error| match error {
        SealError::Keys { why: BadKeys::Exchanging, .. } => {
            declared(&context, "rotation-not-possible", "Two keys sign already; end that exchange first.")
        }
        SealError::Keys { why: BadKeys::NotExchanging, .. } => {
            declared(&context, "rotation-not-possible", "One key signs, and no exchange is under way.")
        }
        other => other.into(),
    })?;
    let signers = signers(&keys)?;
    let value = Payload::Inline(json!({ "phase": input.phase, "signers": signers }));
    let changed = ConfigChanged { change: "set".into(), setting: "log-keys".into(), value };
    services.recorder.record(tenant, context.who.actor(), changed.into(), Vec::new()).await?;
    let tree_size = services.sealer.newest(tenant).await?.checkpoint.head.size;
    Ok(RotateOutput { origin: keys.origin, tree_size, signers })
}

fn signers(keys: &LogKeys) -> Result<Vec<String>, Refusal> {
    let signers = keys.signers().map_err(Refusal::internal)?;
    Ok(signers.iter().map(|key| key.verifier().to_string()).collect())
}
