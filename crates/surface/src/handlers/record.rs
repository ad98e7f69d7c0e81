//! `log.checkpoint`, `log.proof`, `log.keys` and `log.rotate`: the signed head of a tenant's log, what leads from an event
//! to it, and the keys that sign.

mod acts;
mod keys;

use std::sync::Arc;

use affiant_engine::seal::{SealError, StoredNodes};
use affiant_journal::{Digest, StreamId, TenantId};
use affiant_proof::tree::{self, MissingNode};
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_checkpoint, for_proof] = [(); 2].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("log.checkpoint", "^1", move |context, input| checkpoint(for_checkpoint.clone(), context, input))
        .on("log.proof", "^1", move |context, input| proof(for_proof.clone(), context, input))
        .and(acts::handlers(services))
        .and(keys::handlers(services))
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}

/// Input of `log.checkpoint`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointInput {}

/// Output of `log.checkpoint`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckpointOutput {
    origin: String,
    tree_size: u64,
    root_hash: Digest,
    note: String,
    key_id: String,
    signed_at: Moment,
}

async fn checkpoint(
    services: Arc<Services>,
    context: Context,
    _: CheckpointInput,
) -> Result<CheckpointOutput, Refusal> {
    services.sealer.ensure_open(&context.who.tenant).await?;
    let sealed = services.sealer.covering(&context.who.tenant, 1).await?;
    if sealed.checkpoint.head.size == 0 {
        let detail = "Nothing of the tenant's log has been signed yet.";
        return Err(declared(&context, "checkpoint-not-found", detail));
    }
    Ok(CheckpointOutput {
        tree_size: sealed.checkpoint.head.size,
        root_hash: sealed.checkpoint.head.root,
        note: sealed.note.to_string(),
        key_id: format!("{}+{}", sealed.key.name(), sealed.key.id()),
        signed_at: sealed.at.into(),
        origin: sealed.checkpoint.origin,
    })
}

fn declared(context: &Context, code: &str, detail: &'static str) -> Refusal {
    Refusal::declared(&context.operation, code, detail).unwrap_or_else(|| Refusal::new("not-found", detail))
}

/// Input of `log.proof`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofInput {
    stream: Option<String>,
    seq: Option<u64>,
    tree_size: Option<u64>,
    from_tree_size: Option<u64>,
}

/// Output of `log.proof`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofOutput {
    tree_size: u64,
    root_hash: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    inclusion: Option<Inclusion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consistency: Option<Consistency>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Inclusion {
    leaf_index: u64,
    leaf_hash: Digest,
    hashes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Consistency {
    from_tree_size: u64,
    from_root_hash: Digest,
    hashes: Vec<String>,
}

/// Which hashes are asked for.
#[derive(Clone, Copy)]
struct Asked {
    size: u64,
    leaf: Option<u64>,
    from: Option<u64>,
}

async fn proof(services: Arc<Services>, context: Context, input: ProofInput) -> Result<ProofOutput, Refusal> {
    let tenant = &context.who.tenant;
    let unknown = || declared(&context, "tree-size-unknown", "The signed log is smaller, or has no such event.");
    services.sealer.ensure_open(tenant).await?;
    let signed = services.sealer.newest(tenant).await?.checkpoint.head.size;
    let size = input.tree_size.unwrap_or(signed);
    let leaf = leaf_of(&services, tenant, &input).await?;
    let from = input.from_tree_size;
    let beyond = leaf.is_some_and(|leaf| leaf >= size) || from.is_some_and(|from| from > size);
    if size == 0 || size > signed || beyond {
        return Err(unknown());
    }
    let nodes = services.sealer.nodes(tenant, size);
    let proving = tokio::task::spawn_blocking(move || {
        let made = prove(&nodes, Asked { size, leaf, from });
        made.map_err(|missing| nodes.failure().map_or_else(|| Refusal::internal(missing), Refusal::from))
    });
    proving.await.map_err(Refusal::internal)?
}

/// The place in the log of the event that is asked about, if one is.
async fn leaf_of(services: &Services, tenant: &TenantId, input: &ProofInput) -> Result<Option<u64>, Refusal> {
    let (stream, seq) = match (&input.stream, input.seq) {
        (None, None) => return Ok(None),
        (Some(stream), Some(seq)) => (StreamId::from(stream.as_str()), seq),
        (Some(_), None) => return Err(Refusal::invalid_field("/seq", "required", "is needed with `stream`")),
        (None, Some(_)) => return Err(Refusal::invalid_field("/stream", "required", "is needed with `seq`")),
    };
    let found = services.store.places(tenant, &stream, seq, 1).await?;
    if found.is_empty() && services.store.places(tenant, &stream, 0, 1).await?.is_empty() {
        return Err(Refusal::plain("run-not-found"));
    }
    // A stream that is not as long leads to a leaf that no tree has.
    Ok(Some(found.first().copied().unwrap_or(u64::MAX)))
}

fn prove(nodes: &StoredNodes, asked: Asked) -> Result<ProofOutput, MissingNode> {
    let Asked { size, leaf, from } = asked;
    let inclusion = |leaf: u64| {
        let leaf_hash = tree::subtree(nodes, leaf..leaf + 1)?;
        Ok(Inclusion { leaf_index: leaf, leaf_hash, hashes: texts(tree::inclusion(nodes, leaf, size)?) })
    };
    let consistency = |from: u64| {
        let hashes = texts(tree::consistency(nodes, from, size)?);
        Ok(Consistency { from_tree_size: from, from_root_hash: tree::root(nodes, from)?, hashes })
    };
    Ok(ProofOutput {
        tree_size: size,
        root_hash: tree::root(nodes, size)?,
        inclusion: leaf.map(inclusion).transpose()?,
        consistency: from.map(consistency).transpose()?,
    })
}

fn texts(hashes: Vec<Digest>) -> Vec<String> {
    hashes.iter().map(Digest::to_string).collect()
}

#[cfg(test)]
mod tests;
