//! `context.*`: packs, what they read, and the snapshots that were taken of them.

use std::sync::Arc;

use super::services::Services;
use crate::gateway::Handlers;

mod packs;
mod snapshots;

use packs::{describe, search};
use snapshots::{diff, get, take};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_describe, for_search, for_take, for_get, for_diff] = [(); 5].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("context.pack.describe", "^1", move |context, input| describe(for_describe.clone(), context, input))
        .on("context.pack.search", "^1", move |context, input| search(for_search.clone(), context, input))
        .on("context.pack.snapshot", "^1", move |context, input| take(for_take.clone(), context, input))
        .on("context.snapshot.get", "^1", move |context, input| get(for_get.clone(), context, input))
        .on("context.snapshot.diff", "^1", move |context, input| diff(for_diff.clone(), context, input))
}
