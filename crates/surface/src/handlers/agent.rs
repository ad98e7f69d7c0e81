//! `agent.*`: agents, their runs, and everything that is known of a run.

mod agents;
mod approvals;
mod artifacts;
mod audit;
mod bundle;
mod compare;
mod events;
mod filter;
mod find;
mod metrics;
mod status;
mod steps;
mod trace;
mod usage;
mod views;

use std::sync::Arc;

use super::services::Services;
use crate::gateway::Handlers;

pub use artifacts::content_path;
pub(crate) use artifacts::unified;
pub use bundle::Desk;

/// The handlers that change nothing of a run.
pub fn handlers(services: &Services) -> Handlers {
    let services = &Arc::new(services.clone());
    agents::handlers(services)
        .and(approvals::handlers(services))
        .and(artifacts::handlers(services))
        .and(audit::handlers(services))
        .and(bundle::handlers(services))
        .and(compare::handlers(services))
        .and(events::handlers(services))
        .and(metrics::handlers(services))
        .and(status::handlers(services))
        .and(steps::handlers(services))
        .and(trace::handlers(services))
        .and(views::handlers(services))
}
