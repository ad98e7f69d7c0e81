//! `agent.approvals.list`: what waits for a person, exactly as the person must see it.

use std::{collections::HashMap, sync::Arc};

use affiant_engine::ports::{ApprovalQuery, ApprovalRow, Page, Preview, Window};
use affiant_journal::{ApprovalId, ApprovalRequested, Body, Digest, Event, PrincipalId, RunId, StepDecided, TenantId};
use affiant_policy::Role;
use serde::{Deserialize, Serialize};

use crate::{
    gateway::{Context, Handlers},
    handlers::{history::Opened, services::Services, wire::Moment},
    problem::Refusal,
};

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.approvals.list", "^1", move |context, input| list(services.clone(), context, input))
}

/// Input of `agent.approvals.list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    approval_id: Option<ApprovalId>,
    run_id: Option<RunId>,
    agent_key: Option<Arc<str>>,
    status: Option<Arc<str>>,
    limit: Option<u64>,
    cursor: Option<String>,
    max_bytes: Option<u64>,
}

/// Output of `agent.approvals.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    approvals: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    approval_id: ApprovalId,
    run_id: RunId,
    agent_key: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_version: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_number: Option<u64>,
    operation: Arc<str>,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    action_digest: Digest,
    display_digest: Digest,
    display: Preview,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_size: Option<usize>,
    status: Arc<str>,
    requested_at: Moment,
    expires_at: Moment,
    requested_by: PrincipalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver_not_requester: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approver: Option<PrincipalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

impl Row {
    /// Leaves as many bytes of the body as were asked for, and says how many there are.
    fn shorten(&mut self, most: usize) {
        let body = &mut self.display.body;
        if body.len() > most {
            self.body_size = Some(body.len());
            body.truncate(body.floor_char_boundary(most));
        }
    }
}

/// The newest events of the runs of one page, as far back as they are needed, each read once.
type Read = HashMap<RunId, (Vec<Event>, Opened)>;

async fn list(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    if let Some(run) = &input.run_id {
        services.row(tenant, run.as_str()).await?;
    }
    let page = page(&services, tenant, &input).await?;
    if input.approval_id.is_some() && page.rows.is_empty() {
        return Err(Refusal::plain("approval-not-found"));
    }
    let mut read = Read::new();
    let mut approvals = Vec::with_capacity(page.rows.len());
    let mut first: HashMap<RunId, u64> = HashMap::new();
    for row in &page.rows {
        let step = first.entry(row.run.clone()).or_insert(row.step);
        *step = row.step.min(*step);
    }
    for row in page.rows {
        if !read.contains_key(&row.run) {
            let step = first.get(&row.run).copied().unwrap_or_default();
            let events = services.since_step(tenant, &row.run, step).await?;
            let from = events.first().map_or(0, |event| event.seq);
            let submitter = services.row(tenant, row.run.as_str()).await?.actor;
            let opened = services.opened_for(&context.who, &submitter, &row.run, from).await?;
            read.insert(row.run.clone(), (events, opened));
        }
        let Some((events, opened)) = read.get(&row.run) else { continue };
        let mut row = shown(&services, &context, row, events, opened).await?;
        if let Some(most) = input.max_bytes {
            row.shorten(usize::try_from(most).unwrap_or(usize::MAX));
        }
        approvals.push(row);
    }
    // With an agent named, rows are passed over one by one, and nobody counts those that follow.
    let total = input.agent_key.is_none().then_some(page.total);
    Ok(Output { approvals, total, next_cursor: page.next })
}

/// Rows that match. The store knows nothing of agents here, so their runs are asked one by one.
async fn page(services: &Services, tenant: &TenantId, input: &Input) -> Result<Page<ApprovalRow>, Refusal> {
    let limit = usize::try_from(input.limit.unwrap_or(50)).unwrap_or(usize::MAX);
    let mut after = input.cursor.clone();
    let mut rows = Vec::new();
    loop {
        let query = ApprovalQuery {
            approval: input.approval_id.clone(),
            run: input.run_id.clone(),
            status: input.status.clone(),
            window: Window { limit: limit - rows.len(), offset: 0, after: after.take() },
        };
        let page = services.store.approvals(tenant, query).await?;
        for row in page.rows {
            let wanted = match &input.agent_key {
                Some(agent) => services.row(tenant, row.run.as_str()).await?.agent == *agent,
                None => true,
            };
            if wanted {
                rows.push(row);
            }
        }
        if rows.len() == limit || page.next.is_none() {
            return Ok(Page { rows, total: page.total, next: page.next });
        }
        after = page.next;
    }
}

async fn shown(
    services: &Services,
    context: &Context,
    row: ApprovalRow,
    events: &[Event],
    opened: &Opened,
) -> Result<Row, Refusal> {
    let tenant = &context.who.tenant;
    let run = services.row(tenant, row.run.as_str()).await?;
    let unwritten = || Refusal::internal(format!("approval {} is in no event of {}", row.approval, row.run));
    let (seq, asked) = asked(events, &row.approval).ok_or_else(unwritten)?;
    let decided = decided(events, row.step).ok_or_else(unwritten)?;
    let display = services.value(tenant, &asked.display, seq, "/display", opened).await?.ok_or_else(unwritten)?;
    let display: Preview = serde_json::from_value(display).map_err(Refusal::internal)?;
    let resolved = events.iter().rev().find_map(|event| match &event.body {
        Body::ApprovalResolved(resolved) if resolved.approval == row.approval => Some(event.seq),
        _ => None,
    });
    let comment = resolved.filter(|_| context.who.role == Role::Admin).and_then(|seq| opened.text(seq, "/comment"));
    Ok(Row {
        approval_id: row.approval,
        run_id: row.run,
        agent_key: run.agent,
        agent_version: Some(run.agent_version),
        step_number: Some(row.step),
        operation: decided.operation.name.clone(),
        title: display.title.clone(),
        reason: Some(asked.policies.join(", ")),
        action_digest: row.action,
        display_digest: row.displayed,
        display,
        body_size: None,
        status: row.status,
        requested_at: row.requested_at.into(),
        expires_at: row.expires_at.into(),
        requested_by: run.actor,
        approver_not_requester: Some(asked.approver_not_requester),
        resolved_at: row.resolved_at.map(Moment),
        approver: row.approver,
        comment,
    })
}

fn asked<'a>(events: &'a [Event], approval: &ApprovalId) -> Option<(u64, &'a ApprovalRequested)> {
    events.iter().find_map(|event| match &event.body {
        Body::ApprovalRequested(asked) if asked.approval == *approval => Some((event.seq, asked)),
        _ => None,
    })
}

fn decided(events: &[Event], step: u64) -> Option<&StepDecided> {
    events.iter().find_map(|event| match &event.body {
        Body::StepDecided(decided) if decided.step == step => Some(decided),
        _ => None,
    })
}
