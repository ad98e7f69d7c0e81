//! Who reads the sources of context packs.

use std::sync::Arc;

use affiant_contract::PackSource;
use async_trait::async_trait;

use super::Scope;

/// Who reads the sources of context packs.
#[async_trait]
pub trait Sources: Send + Sync {
    /// Reads one source, whose parameters are filled in already, as items in a stable order.
    async fn read(&self, source: &PackSource, scope: &Scope) -> Result<Vec<SourceItem>, SourceFailure>;
}

/// One thing that a source gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceItem {
    /// Name within the source: a relative path, or empty when the source gives one thing.
    pub name: String,
    /// Where it came from, for people: a path, a revision range, an address. Not part of the root.
    pub origin: String,
    /// Media type.
    pub media: String,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

/// Why a source could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceFailure {
    /// Kebab-case code: `not-found`, `path-not-allowed`, `too-large`, `unreadable`.
    pub code: Arc<str>,
    /// A sentence for people.
    pub message: String,
}
