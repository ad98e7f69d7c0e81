//! Source `contract`: the file of a contract.

use affiant_contract::{Ref, Registry};
use affiant_engine::ports::{SourceFailure, SourceItem};

use super::{fail, one};
use crate::display::escape;

pub(super) fn read(contracts: &Registry, contract: &str) -> Result<SourceItem, SourceFailure> {
    let reference: Ref =
        contract.parse().map_err(|e: affiant_contract::NotARef| fail("unreadable", escape(&e.to_string())))?;
    let found =
        contracts.get(&reference).ok_or_else(|| fail("not-found", format!("no contract {reference} is loaded")))?;
    let origin = found.source.path.to_string_lossy();
    Ok(one(&origin, "application/yaml", found.source.text.as_bytes().to_vec()))
}
