//! `agent.status`: where runs stand.

use std::sync::Arc;

use affiant_engine::ports::{ApprovalQuery, RunQuery, RunRow, Window};
use affiant_journal::{ApprovalId, Body, Event, Mode, Payload, RunId, RunSubmitted, SnapshotId, TenantId};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::{
    agents::PlannerWords,
    filter, find,
    usage::{self, UsageWords},
};
use crate::{
    gateway::{Context, Handlers},
    handlers::{
        services::Services,
        wire::{Moment, Part},
    },
    problem::Refusal,
};

/// How far back the event that a run waits behind is looked for. Nothing but cancel requests follows it.
const TAIL: u64 = 64;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.status", "^1", move |context, input| status(services.clone(), context, input))
}

/// Input of `agent.status`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    run_id: Option<RunId>,
    status: Option<Arc<str>>,
    limit: Option<u64>,
    offset: Option<u64>,
    q: Option<String>,
    agent_key: Option<Arc<str>>,
    cursor: Option<String>,
}

/// Output of `agent.status`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    runs: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Since 1.3.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    examined: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    run_id: RunId,
    agent_key: Arc<str>,
    status: Arc<str>,
    submitted_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_snapshot_id: Option<SnapshotId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Arc<str>>,
    #[serde(flatten)]
    more: Option<More>,
}

/// What 1.1.0 says beyond 1.0.0.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct More {
    agent_version: Arc<str>,
    planner: PlannerWords,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    steps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitingFor>,
    priority: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    started_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Moment>,
    /// Since 1.2.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageWords>,
}

/// What a waiting run waits for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitingFor {
    reason: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
}

async fn status(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    if let Some(run) = &input.run_id {
        services.row(tenant, run.as_str()).await?;
    }
    let part = Part::of(input.limit, 50, input.offset, input.cursor)?;
    let mut query = RunQuery {
        run: input.run_id,
        statuses: input.status.into_iter().collect(),
        agent: input.agent_key,
        window: Window { limit: part.limit, offset: part.offset, after: part.cursor.clone() },
        ..RunQuery::default()
    };
    let mut tests = Vec::new();
    if let Some(text) = &input.q {
        tests = filter::narrow(&mut query, text, services.clock.now()).map_err(|why| {
            let refusal = Refusal::declared(&context.operation, "filter-invalid", why.clone());
            refusal.unwrap_or_else(|| Refusal::invalid_field("/q", "filter-invalid", why))
        })?;
    }
    let found = find::runs(&services, &context.who, query, &tests).await?;
    let version = &context.operation.contract().meta.version;
    let since = |minor| *version >= Version::new(1, minor, 0);
    let next_offset = found.total.and_then(|total| part.next_offset(found.rows.len(), total));
    let mut runs = Vec::with_capacity(found.rows.len());
    for row in found.rows {
        let more = if since(1) { Some(more_of(&services, tenant, &row, since(2)).await?) } else { None };
        runs.push(shown(row, more));
    }
    let (next_cursor, examined) = (found.next.filter(|_| since(1)), found.examined.filter(|_| since(3)));
    Ok(Output { runs, total: found.total, next_offset, next_cursor, examined })
}

fn shown(row: RunRow, more: Option<More>) -> Row {
    Row {
        completed_at: row.ended_at.filter(|_| &*row.status == "completed").map(Moment),
        run_id: row.run,
        agent_key: row.agent,
        status: row.status,
        submitted_at: row.submitted_at.into(),
        started_at: row.started_at.map(Moment),
        context_snapshot_id: row.snapshot,
        last_error: row.error,
        more,
    }
}

/// What a run is about, as its caller says.
pub(super) fn label(first: &RunSubmitted) -> Option<String> {
    let Some(Payload::Inline(metadata)) = &first.metadata else { return None };
    metadata.get("label")?.as_str().map(str::to_owned)
}

async fn more_of(services: &Services, tenant: &TenantId, row: &RunRow, usage: bool) -> Result<More, Refusal> {
    let first = if_whole(submitted(services, tenant, &row.run).await)?;
    let label = first.as_ref().and_then(label);
    Ok(More {
        agent_version: row.agent_version.clone(),
        planner: PlannerWords::of_kind(&row.planner),
        label,
        steps: row.steps,
        waiting_for: if_whole(waiting_for(services, tenant, row).await)?,
        priority: row.priority,
        mode: first.map(|first| first.mode),
        started_by: row.actor.to_string(),
        parent_run_id: row.parent.clone(),
        ended_at: row.ended_at.map(Moment),
        usage: if usage { if_whole(usage::of_row(services, tenant, row).await)? } else { None },
    })
}

/// What a run's journal says of it, where the journal is as it was written. A run whose journal was altered stays on
/// lists, without what only the journal says; whoever asks for that run alone is told.
pub(super) fn if_whole<T>(said: Result<Option<T>, Refusal>) -> Result<Option<T>, Refusal> {
    match said {
        Err(refusal) if refusal.code() == "storage-damaged" => Ok(None),
        said => said,
    }
}

/// What began a run.
pub(super) async fn submitted(
    services: &Services,
    tenant: &TenantId,
    run: &RunId,
) -> Result<Option<RunSubmitted>, Refusal> {
    let first = services.store.load(tenant, &run.stream(), 0, 1).await?;
    let Some(first) = first.first() else { return Ok(None) };
    match Event::from_bytes(&first.bytes).map_err(Refusal::internal)?.body {
        Body::RunSubmitted(submitted) => Ok(Some(submitted)),
        _ => Ok(None),
    }
}

async fn waiting_for(services: &Services, tenant: &TenantId, row: &RunRow) -> Result<Option<WaitingFor>, Refusal> {
    let Some(reason) = row.waiting.clone() else { return Ok(None) };
    let mut waiting =
        WaitingFor { reason, approval_id: None, name: None, question: None, step_number: None, until: None };
    match &*waiting.reason {
        "approval" => {
            let window = Window { limit: 1, ..Window::default() };
            let (run, status) = (Some(row.run.clone()), Some("pending".into()));
            let query = ApprovalQuery { run, status, window, ..ApprovalQuery::default() };
            let oldest = services.store.approvals(tenant, query).await?.rows.pop();
            waiting.until = oldest.as_ref().map(|approval| approval.expires_at.into());
            waiting.approval_id = oldest.map(|approval| approval.approval);
        }
        "timer" => waiting.until = row.runnable_at.map(Moment),
        _ => look_back(services, tenant, row, &mut waiting).await?,
    }
    Ok(Some(waiting))
}

/// The newest question or unknown step stands among the last events.
async fn look_back(
    services: &Services,
    tenant: &TenantId,
    row: &RunRow,
    waiting: &mut WaitingFor,
) -> Result<(), Refusal> {
    let entries = services.entries(tenant, &row.run.stream(), row.events.saturating_sub(TAIL)).await?;
    for entry in entries.iter().rev() {
        match Event::from_bytes(&entry.bytes).map_err(Refusal::internal)?.body {
            Body::InputRequested(asked) if &*waiting.reason == "input" => {
                (waiting.name, waiting.question) = (Some(asked.name), Some(asked.question));
                return Ok(());
            }
            Body::StepUnknown(unknown) if &*waiting.reason == "unknown_outcome" => {
                waiting.step_number = Some(unknown.step);
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}
