//! The operations that are code in this binary: one file per domain. A file holds the input and output types of its
//! operations, spelled as their contracts spell them, and the functions between those and the engine.
//!
//! The types are held to the contracts by a test: for every handler an input and an output with every field, and one
//! with only the required ones, are made from the schemas and must pass through the Rust types unchanged.

pub mod again;
pub mod agent;
pub mod commands;
pub mod context;
pub mod contract;
pub(crate) mod history;
pub mod keys;
pub mod providers;
pub mod record;
pub mod server;
pub mod services;
pub mod sessions;
pub mod subjects;
pub mod webhooks;
pub mod wire;
pub mod workspace;

use crate::gateway::Handlers;

pub use services::Services;

/// The collection of documents that holds the files of contracts by digest, for bundles of runs that pinned them.
pub const CONTRACT_FILES: &str = "contract-file";

/// Every handler of this crate.
pub fn all(services: &Services) -> Handlers {
    agent::handlers(services)
        .and(contract::handlers(&services.registry))
        .and(again::handlers(services))
        .and(commands::handlers(services))
        .and(context::handlers(services))
        .and(keys::handlers(services))
        .and(providers::handlers(services))
        .and(record::handlers(services))
        .and(server::handlers(services))
        .and(sessions::handlers(services))
        .and(subjects::handlers(services))
        .and(webhooks::handlers(services))
        .and(workspace::handlers(services))
}

#[cfg(test)]
mod drift;
