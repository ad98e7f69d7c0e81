//! Who reads the sources of context packs. A kind of source is one file here.
//!
//! What a source gives depends on what is read and on nothing else: not on the machine, the time or the order in
//! which a disk lists its files. The root of a snapshot is therefore the same wherever it is taken.

mod contract;
mod file;
mod git;
mod http;
mod media;

use std::sync::Arc;

use affiant_contract::{PackSource, Registry, SourceSpec};
use affiant_engine::ports::{Scope, SourceFailure, SourceItem, Sources};
use async_trait::async_trait;

use crate::http::Http;

/// Reads every kind of source.
pub struct Reader {
    http: Arc<Http>,
    contracts: Arc<Registry>,
}

impl Reader {
    /// A reader that finds contracts here.
    pub(crate) fn new(contracts: Arc<Registry>, http: Arc<Http>) -> Self {
        Self { http, contracts }
    }
}

#[async_trait]
impl Sources for Reader {
    async fn read(&self, source: &PackSource, scope: &Scope) -> Result<Vec<SourceItem>, SourceFailure> {
        let (from, scope) = (source.from.clone(), scope.clone());
        match from {
            SourceSpec::File { root, include, exclude } => {
                aside(move || file::read(&scope.roots, &root, &include, &exclude)).await
            }
            SourceSpec::Git { root, read, range, limit } => {
                aside(move || git::read(&scope.roots, &root, read, range.as_deref(), limit)).await
            }
            SourceSpec::Text { text } => Ok(vec![one("the pack", "text/plain", text.into_bytes())]),
            SourceSpec::Contract { contract } => contract::read(&self.contracts, &contract).map(|item| vec![item]),
            SourceSpec::Http { url } => http::read(&self.http, &url).await.map(|item| vec![item]),
        }
    }
}

/// The one thing that a source gives.
fn one(origin: &str, media: &str, bytes: Vec<u8>) -> SourceItem {
    SourceItem { name: String::new(), origin: origin.to_owned(), media: media.to_owned(), bytes: bytes.into() }
}

fn fail(code: &str, message: impl Into<String>) -> SourceFailure {
    SourceFailure { code: code.into(), message: message.into() }
}

/// Runs work that blocks beside the async threads.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceFailure> + Send + 'static,
) -> Result<T, SourceFailure> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, "a source did not return");
        Err(fail("unreadable", "reading broke off with an internal error"))
    })
}

#[cfg(test)]
mod tests;
