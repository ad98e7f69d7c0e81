//! Reading a pack's sources, once.

use std::sync::Arc;

use affiant_contract::{Contract, PackSource, SourceSpec};
use affiant_journal::BlobRef;
use serde_json::{Map, Value};

use super::{Item, NotFilled, fill::fill, parameters_of};
use crate::ports::{Ports, Scope, SourceFailure, StoreError};

/// Why a snapshot could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The parameters do not fit.
    #[error(transparent)]
    Parameters(#[from] NotFilled),
    /// A source that the pack requires could not be read.
    #[error("source `{key}`: {failure}")]
    Source {
        /// Key of the source.
        key: String,
        /// What went wrong.
        failure: SourceFailure,
    },
    /// What was read could not be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads every source of a pack, keeps what they give, and answers with the parameters as filled in and the items in
/// their order: sources as the pack lists them, items of one source by name.
pub async fn read(
    ports: &Ports,
    pack: &Contract,
    given: &Map<String, Value>,
    scope: &Scope,
) -> Result<(Map<String, Value>, Vec<Item>), NotTaken> {
    let spec = pack.context_pack().expect("the caller looked a context pack up");
    let parameters = parameters_of(spec, given)?;
    let mut items = Vec::new();
    for source in &spec.sources {
        items.extend(read_one(ports, &fill(source, &parameters)?, scope).await?);
    }
    Ok((parameters, items))
}

async fn read_one(ports: &Ports, source: &PackSource, scope: &Scope) -> Result<Vec<Item>, NotTaken> {
    let mut found = match ports.sources.read(source, scope).await {
        Ok(found) => found,
        // What is not there may be left out where the pack says so; what may not be read is an error all the same.
        Err(failure) if !source.required && &*failure.code == "not-found" => return Ok(Vec::new()),
        Err(failure) => return Err(NotTaken::Source { key: source.key.clone(), failure }),
    };
    found.sort_by(|left, right| left.name.cmp(&right.name));
    let mut items = Vec::with_capacity(found.len());
    for it in found {
        let digest = ports.blobs.put(&scope.tenant, &it.bytes).await?;
        let content = BlobRef { digest, media: it.media.into(), size: it.bytes.len() as u64 };
        let (source_key, kind) = (Arc::from(source.key.as_str()), Arc::from(kind(&source.from)));
        items.push(Item { source: source_key, kind, name: it.name, origin: it.origin, content });
    }
    Ok(items)
}

/// The kind of a source, as it stands in packs.
pub fn kind(source: &SourceSpec) -> &'static str {
    match source {
        SourceSpec::File { .. } => "file",
        SourceSpec::Git { .. } => "git",
        SourceSpec::Text { .. } => "text",
        SourceSpec::Contract { .. } => "contract",
        SourceSpec::Http { .. } => "http",
    }
}
