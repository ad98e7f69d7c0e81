//! `server.status`: what this server is, and how it is doing.

use std::sync::Arc;

use affiant_engine::ports::{ApprovalQuery, RunQuery, Window};
use affiant_journal::TenantId;
use affiant_policy::Role;
use serde::{Deserialize, Serialize};

use super::{
    services::{Services, StorageKind},
    wire::Moment,
};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let services = Arc::new(services.clone());
    Handlers::new().on("server.status", "^1", move |context, input| status(services.clone(), context, input))
}

/// Input of `server.status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusInput {}

/// Output of `server.status`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusOutput {
    version: String,
    started_at: Moment,
    uptime_seconds: u64,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_folder: Option<String>,
    tenant: TenantId,
    principal: Caller,
    storage: Storage,
    runs: Runs,
    approvals_pending: u64,
    workers: Workers,
    contracts: usize,
    agents: usize,
    events: u64,
    providers: Vec<Provider>,
}

/// Whom the credential stands for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    id: String,
    role: String,
}

/// Where records are kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    kind: StorageKind,
    durable: bool,
}

/// Runs by state.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    queued: u64,
    running: u64,
    waiting: u64,
    cancelling: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
}

/// Who carries runs out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    online: u64,
    busy: u64,
}

/// A model provider.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    name: String,
    state: String,
}

async fn status(services: Arc<Services>, context: Context, _: StatusInput) -> Result<StatusOutput, Refusal> {
    let (facts, tenant, admin) = (&services.facts, &context.who.tenant, context.who.role == Role::Admin);
    let runs = runs(&services, tenant).await?;
    let pending = ApprovalQuery { status: Some("pending".into()), window: counting(), ..ApprovalQuery::default() };
    let approvals_pending = services.store.approvals(tenant, pending).await?.total;
    let online = facts.workers as u64;
    Ok(StatusOutput {
        version: facts.version.to_owned(),
        started_at: facts.started_at.into(),
        uptime_seconds: services.clock.now().since(facts.started_at).as_secs(),
        address: facts.address.clone(),
        data_folder: admin.then(|| facts.data_dir.display().to_string()),
        tenant: tenant.clone(),
        principal: Caller { id: context.who.id.to_string(), role: if admin { "admin" } else { "user" }.to_owned() },
        storage: Storage { kind: facts.storage, durable: facts.storage != StorageKind::Memory },
        workers: Workers { online, busy: online.min(runs.running + runs.cancelling) },
        runs,
        approvals_pending,
        contracts: services.registry.len(),
        agents: services.registry.agents().count(),
        events: services.store.log(tenant).await?.size,
        providers: Vec::new(),
    })
}

/// One row is the least that a list can be asked for; its total is what counts.
fn counting() -> Window {
    Window { limit: 1, ..Window::default() }
}

async fn runs(services: &Services, tenant: &TenantId) -> Result<Runs, Refusal> {
    let mut runs = Runs::default();
    for (status, count) in [
        ("queued", &mut runs.queued),
        ("running", &mut runs.running),
        ("waiting", &mut runs.waiting),
        ("cancelling", &mut runs.cancelling),
        ("completed", &mut runs.completed),
        ("failed", &mut runs.failed),
        ("cancelled", &mut runs.cancelled),
    ] {
        let query = RunQuery { statuses: vec![status.into()], window: counting(), ..RunQuery::default() };
        *count = services.store.runs(tenant, query).await?.total;
    }
    Ok(runs)
}
