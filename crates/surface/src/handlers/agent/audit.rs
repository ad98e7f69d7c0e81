//! `agent.audit`: who started a run, on whose authority it acted, what it read, called, asked and made, with the events
//! that prove each part.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use affiant_engine::{Folded, snapshot};
use affiant_journal::{
    ActorKind, ApprovalId, ArtifactId, Body, Decision, Digest, Event, Mode, Payload, Pinned, PrincipalId, Run, RunId,
    SnapshotId, TenantId,
    run::{Status, StepState},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    agents::PlannerWords,
    steps::{self, Told},
    usage::model_calls,
};
use crate::{
    gateway::{Context, Handlers},
    handlers::{
        history::{Opened, may_see},
        services::Services,
        wire::Moment,
    },
    problem::Refusal,
};

mod cut;
mod output;
mod overview;

use cut::{Cut, Part};
use output::*;

/// Steps in a reply when the caller does not say.
const STEPS: u64 = 1000;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.audit", "^1", move |context, input| audit(services.clone(), context, input))
}

async fn audit(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    let folded = services.engine.folded(tenant, &input.run_id).await?;
    let run = &folded.run;
    let wanted = wanted(run.count(), &input);
    let events = services.events_about(tenant, &folded, wanted.clone()).await?;
    let opened = services.opened_for(&context.who, &run.submitter.id, &input.run_id, folded.last.seq).await?;
    let most = input.max_bytes.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    let mut cut = Vec::new();
    let (result, problem) = end(&services, tenant, &folded, &opened, most).await?;
    let result = result.and_then(|part| part.whole_or(&mut cut));
    let given = match input.given {
        true => given(&services, &context, run, most, &mut cut).await?,
        false => None,
    };
    let (key, version) = run.submitted.agent.name.split_once('@').unwrap_or((&run.submitted.agent.name, ""));
    Ok(Output {
        run_id: run.id.clone(),
        agent: Agent { key: key.to_owned(), version: version.to_owned(), digest: run.submitted.agent.digest },
        planner: PlannerWords::of_kind(&run.submitted.planner.kind),
        status: run.status.word().to_owned(),
        mode: run.submitted.mode,
        started_by: StartedBy {
            id: run.submitter.id.clone(),
            kind: run.submitter.kind,
            auth: Some(run.submitter.auth.clone()),
        },
        parent_run_id: run.parent().cloned(),
        submitted_at: run.submitted_at.into(),
        started_at: run.started_at.map(Moment),
        ended_at: run.ended_at.map(Moment),
        context: read_by(&services, tenant, run).await?,
        contracts: contracts(run),
        next_steps_after: (wanted.end < run.count()).then(|| wanted.end.saturating_sub(1)),
        overview: input.overview.map(|parts| overview::of(&services.registry, &folded, parts)),
        steps: steps_of(run, &steps::told(&events), wanted),
        tools: tools(run),
        approvals: approvals(&folded),
        outputs: outputs(&folded),
        given,
        result,
        cut: Some(cut).filter(|cut| !cut.is_empty()),
        problem,
        totals: totals(run),
        record: record(&folded),
    })
}

fn contracts(run: &Run) -> Vec<Held> {
    let submitted = &run.submitted;
    let pinned = [&submitted.agent, &submitted.operation].into_iter().chain(&submitted.operations);
    let mut held: Vec<Held> = Vec::new();
    for Pinned { name, digest } in pinned {
        if !held.iter().any(|other| other.contract == *name) {
            held.push(Held { contract: name.clone(), digest: *digest });
        }
    }
    held
}

async fn read_by(services: &Services, tenant: &TenantId, run: &Run) -> Result<Option<ContextRead>, Refusal> {
    let Some(named) = &run.snapshot else { return Ok(None) };
    let document = services.store.document(tenant, snapshot::COLLECTION, named.id.as_str()).await?;
    let value = document.and_then(|document| document.value);
    let kept: Option<snapshot::Snapshot> = value.and_then(|value| serde_json::from_value(value).ok());
    let pack = kept.as_ref().and_then(|kept| kept.pack.clone());
    Ok(Some(ContextRead {
        snapshot_id: named.id.clone(),
        hash: named.root,
        pack_key: pack.as_ref().map(|pack| pack.key.clone()),
        pack_version: pack.map(|pack| pack.version.to_string()),
        item_count: kept.map(|kept| kept.items.len()),
    }))
}

/// The steps that the caller asks for, of so many.
fn wanted(count: u64, input: &Input) -> Range<u64> {
    let first = input.steps_after.map_or(0, |after| u64::try_from(after.saturating_add(1)).unwrap_or(0)).min(count);
    first..first.saturating_add(input.step_limit.unwrap_or(STEPS)).min(count)
}

fn steps_of(run: &Run, told: &BTreeMap<u64, Told<'_>>, wanted: Range<u64>) -> Vec<StepRow> {
    let row = |(number, told): (&u64, &Told<'_>)| {
        let step = run.step(*number)?;
        Some(StepRow {
            step_number: *number,
            label: told.decided.label.clone(),
            operation: told.decided.operation.name.clone(),
            rule: Some(step.rule.clone()),
            decision: told.decided.decision,
            status: step.state.word().to_owned(),
            attempts: step.state.attempts(),
            action_digest: Some(step.action),
            result_digest: told.result_digest(),
            approval_id: told.approval.clone(),
            started_at: told.started_at.map(Moment),
            ended_at: told.ended_at.map(Moment),
            duration_micros: told.duration_us,
            events: told.events.clone(),
        })
    };
    told.range(wanted).filter_map(row).collect()
}

fn tools(run: &Run) -> Vec<ToolRow> {
    let mut rows: BTreeMap<&Arc<str>, ToolRow> = BTreeMap::new();
    for step in run.steps() {
        let operation = &run.operation(step).name;
        let row = rows.entry(operation).or_insert_with(|| ToolRow::new(operation));
        row.calls += 1;
        match step.state {
            StepState::Failed { .. } => row.failed += 1,
            StepState::Denied | StepState::Rejected => row.refused += 1,
            _ => {}
        }
    }
    rows.into_values().collect()
}

fn approvals(folded: &Folded) -> Vec<ApprovalRow> {
    let operation = |step| folded.run.step(step).map(|it| folded.run.operation(it).name.clone());
    let mut rows: Vec<ApprovalRow> = Vec::new();
    for event in &folded.landmarks {
        match &event.body {
            Body::ApprovalRequested(it) => rows.push(ApprovalRow {
                approval_id: it.approval.clone(),
                step_number: it.step,
                operation: operation(it.step).unwrap_or_default(),
                action_digest: it.action,
                status: "pending".into(),
                approver: None,
                requested_at: event.at.into(),
                resolved_at: None,
                events: vec![event.seq],
            }),
            Body::ApprovalResolved(it) => {
                let Some(row) = rows.iter_mut().find(|row| row.approval_id == it.approval) else { continue };
                row.status = serde_json::to_value(it.decision)
                    .ok()
                    .and_then(|word| word.as_str().map(str::to_owned))
                    .unwrap_or_default();
                (row.approver, row.resolved_at) = (it.approver.clone(), Some(event.at.into()));
                row.events.push(event.seq);
            }
            _ => {}
        }
    }
    rows
}

fn outputs(folded: &Folded) -> Vec<OutputRow> {
    let row = |event: &Arc<Event>| match &event.body {
        Body::ArtifactCreated(it) => Some(OutputRow {
            artifact_id: it.artifact.clone(),
            kind: it.kind.clone(),
            name: Some(it.name.clone()),
            digest: it.content.digest,
            size: Some(it.content.size),
            step_number: it.step,
            cites: Some(it.cites.clone()),
            events: vec![event.seq],
        }),
        _ => None,
    };
    folded.landmarks.iter().filter_map(row).collect()
}

/// What the run was given, for those who may see it; nothing of it when it was erased.
async fn given(
    services: &Services,
    context: &Context,
    run: &Run,
    most: usize,
    cut: &mut Vec<Cut>,
) -> Result<Option<Given>, Refusal> {
    if !may_see(&context.who, &run.submitter.id) {
        return Ok(None);
    }
    let Some(said) = services.opened_at(&context.who.tenant, &run.id.stream(), 0).await? else { return Ok(None) };
    let mut part = |path: &str, field| {
        let value = said.iter().find(|said| said.path() == path)?.value().clone();
        Part::of(field, value, most).whole_or(cut)
    };
    let (input, prompt) = (part("/input", "given.input"), part("/prompt", "given.prompt"));
    Ok(Some(Given {
        input: input.filter(Value::is_object),
        prompt: prompt.and_then(|prompt| prompt.as_str().map(str::to_owned)),
    }))
}

/// What the run gave, or why it failed.
async fn end(
    services: &Services,
    tenant: &TenantId,
    folded: &Folded,
    opened: &Opened,
    most: usize,
) -> Result<(Option<Part>, Option<Value>), Refusal> {
    let last = &folded.last;
    match (&last.body, &folded.run.status) {
        (Body::RunCompleted(it), _) => {
            if let Payload::Blob(blob) = &it.output
                && opened.of(last.seq).is_empty()
                && let Some(bytes) = Cut::read(services, tenant, blob, most).await?
            {
                return Ok((Cut::of_object("result", &bytes, blob.digest, most).map(Part::Cut), None));
            }
            let output = services.value(tenant, &it.output, last.seq, "/output", opened).await?;
            Ok((output.filter(Value::is_object).map(|output| Part::of("result", output, most)), None))
        }
        (Body::RunFailed(it), Status::Failed { .. }) => {
            Ok((None, Some(steps::problem(&it.code, opened.text(last.seq, "/message")))))
        }
        _ => Ok((None, None)),
    }
}

fn totals(run: &Run) -> TotalsRow {
    let usage = run.usage.clone().unwrap_or_default();
    let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
    TotalsRow {
        events: run.events,
        steps: run.count(),
        tool_calls: run.tool_calls,
        model_calls: model_calls(run),
        tokens: usage.tokens,
        cost: or(usage.cost, "0"),
        currency: or(usage.currency, "USD"),
        prices: usage.prices,
        unpriced_tokens: Some(usage.unpriced).filter(|tokens| *tokens > 0),
        duration_micros: run
            .ended_at
            .map(|end| u64::try_from(end.since(run.submitted_at).as_micros()).unwrap_or(u64::MAX)),
    }
}

/// What can be checked from the events alone: each hash, and that each event names the one before it.
fn record(folded: &Folded) -> Record {
    let broken_at = folded.broken_at;
    let level = if broken_at.is_some() { "broken" } else { "intact" };
    Record { level: level.to_owned(), last_seq: folded.last.seq, head: folded.head, broken_at }
}
