//! `agent.bundle`: everything that proves one run, in one file that waits to be fetched.

mod desk;
mod gather;

use std::{sync::Arc, time::Duration};

use affiant_journal::{Digest, RecordExported, RunId, TenantId};
use affiant_proof::{
    bundle::{CannotPack, pack},
    checkpoint,
    tree::{self, Head},
};
use serde::{Deserialize, Serialize};

pub use desk::Desk;

use self::desk::Ready;
use crate::{
    gateway::{Context, Handlers},
    handlers::{history::may_see, services::Services, wire::Moment},
    problem::Refusal,
};

/// How long a file waits to be fetched.
const WAITS: Duration = Duration::from_secs(600);

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.bundle", "^1", move |context, input| bundle(services.clone(), context, input))
}

/// Input of `agent.bundle`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    run_id: RunId,
    with_blobs: Option<bool>,
    previous_checkpoint: Option<String>,
}

/// Output of `agent.bundle`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    run_id: RunId,
    uri: String,
    digest: Digest,
    size: u64,
    events: u64,
    tree_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
}

async fn bundle(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    let history = services.history(tenant, &input.run_id).await?;
    if !history.run.status.ended() {
        return Err(Refusal::plain("run-not-ended"));
    }
    services.sealer.ensure_open(tenant).await?;
    let from = match &input.previous_checkpoint {
        Some(note) => Some(continued(&services, &context, note).await?),
        None => None,
    };
    let with_disclosures = may_see(&context.who, &history.run.submitter.id);
    let exported = RecordExported { run: input.run_id.clone(), with_disclosures };
    services.recorder.record(tenant, context.who.actor(), exported.into(), Vec::new()).await?;

    let mut parts = services.gather(tenant, &history, with_disclosures, input.with_blobs.unwrap_or(true)).await?;
    let events = parts.events.len() as u64;
    let newest = parts.events.iter().chain(&parts.admin).map(|logged| logged.index).max().unwrap_or(0);
    let sealed = services.sealer.covering(tenant, newest + 1).await?;
    let (tree_size, signers) = (sealed.checkpoint.head.size, services.sealer.signers(tenant).await?);
    (parts.checkpoint, parts.from) = (sealed.note, from);
    let nodes = services.sealer.nodes(tenant, tree_size);
    let packing = tokio::task::spawn_blocking(move || {
        let packed = pack(parts, &nodes, &signers.iter().collect::<Vec<_>>());
        let packed = packed.map_err(|error| match (error, nodes.failure()) {
            (CannotPack::Log(_), Some(failure)) => failure.into(),
            (error, _) => Refusal::internal(error),
        })?;
        let mut bytes = Vec::new();
        packed.write(&mut bytes).map_err(Refusal::internal)?;
        Ok::<_, Refusal>(bytes)
    });
    let bytes: Arc<[u8]> = packing.await.map_err(Refusal::internal)??.into();
    let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
    let now = services.clock.now();
    let expires = now.plus(WAITS);
    let (by, tenant) = (context.who.id.clone(), tenant.clone());
    services.desk.put(Ready { tenant, by, run: input.run_id.clone(), digest, bytes, expires }, now);
    let uri = format!("/bundles/{}.affiant?digest={digest}", input.run_id);
    Ok(Output { run_id: input.run_id, uri, digest, size, events, tree_size, expires_at: Some(expires.into()) })
}

/// The size of the log that an auditor's checkpoint signs, once today's log is shown to continue it.
async fn continued(services: &Services, context: &Context, note: &str) -> Result<u64, Refusal> {
    let tenant = &context.who.tenant;
    let unknown = || {
        let detail = "The checkpoint is not one that this log signed, or today's log does not continue it.";
        Refusal::declared(&context.operation, "checkpoint-unknown", detail)
            .unwrap_or_else(|| Refusal::plain("conflict"))
    };
    let keys = services.sealer.keys(tenant).await?;
    let every: Vec<_> = keys.history().keys.into_iter().map(|reign| reign.key).collect();
    let held = checkpoint::open(note, &every).map_err(|_| unknown())?.checkpoint;
    let newest = services.sealer.newest(tenant).await?.checkpoint.head;
    if held.origin != keys.origin || held.head.size > newest.size {
        return Err(unknown());
    }
    let (root, size) = (root_at(services, tenant, held.head.size).await?, held.head.size);
    if (Head { size, root }) == held.head { Ok(size) } else { Err(unknown()) }
}

async fn root_at(services: &Services, tenant: &TenantId, size: u64) -> Result<Digest, Refusal> {
    let nodes = services.sealer.nodes(tenant, size);
    let root = tokio::task::spawn_blocking(move || tree::root(&nodes, size));
    root.await.map_err(Refusal::internal)?.map_err(Refusal::internal)
}
