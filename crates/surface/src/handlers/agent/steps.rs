//! `agent.step.get`, and what is told of a step wherever steps are told of.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{
    ApprovalId, Body, Decision, Digest, Event, Payload, RunId, StepDecided, StepFailed, StepObserved, TenantId,
    Timestamp, bytes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    gateway::{Context, Handlers},
    handlers::{history::Opened, services::Services, wire::Moment},
    problem::{Refusal, TYPE_BASE},
};

/// The largest arguments or result in a reply, in bytes of JSON.
const LARGEST: usize = 256 << 10;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.step.get", "^1", move |context, input| get(services.clone(), context, input))
}

/// What a run's events tell of one step.
pub(super) struct Told<'a> {
    pub(super) decided: &'a StepDecided,
    pub(super) decided_seq: u64,
    pub(super) observed: Option<(u64, &'a StepObserved)>,
    pub(super) failed: Option<(u64, &'a StepFailed)>,
    pub(super) approval: Option<ApprovalId>,
    /// When the newest attempt began and ended.
    pub(super) started_at: Option<Timestamp>,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) duration_us: Option<u64>,
    /// Every event about it, by `seq`.
    pub(super) events: Vec<u64>,
}

/// The steps that these events tell of, by number.
pub(super) fn told(events: &[Event]) -> BTreeMap<u64, Told<'_>> {
    let mut steps = BTreeMap::new();
    for event in events {
        if let Body::StepDecided(decided) = &event.body {
            steps.insert(decided.step, Told::of(decided, event));
        } else if let Some(told) = step_of(&event.body).and_then(|step| steps.get_mut(&step)) {
            told.take(event);
        }
    }
    steps
}

/// The step that an event is about.
fn step_of(body: &Body) -> Option<u64> {
    match body {
        Body::ApprovalRequested(it) => Some(it.step),
        Body::ApprovalResolved(it) => Some(it.step),
        Body::StepDispatched(it) => Some(it.step),
        Body::StepObserved(it) => Some(it.step),
        Body::StepFailed(it) => Some(it.step),
        Body::StepUnknown(it) => Some(it.step),
        Body::TimerSet(it) => Some(it.step),
        _ => None,
    }
}

impl<'a> Told<'a> {
    fn of(decided: &'a StepDecided, event: &Event) -> Self {
        Self {
            decided,
            decided_seq: event.seq,
            observed: None,
            failed: None,
            approval: None,
            started_at: decided.dispatch.as_ref().map(|_| event.at),
            ended_at: None,
            duration_us: None,
            events: vec![event.seq],
        }
    }

    fn take(&mut self, event: &'a Event) {
        self.events.push(event.seq);
        match &event.body {
            Body::ApprovalRequested(it) => self.approval = Some(it.approval.clone()),
            Body::StepDispatched(_) => {
                (self.started_at, self.ended_at, self.duration_us) = (Some(event.at), None, None);
            }
            Body::StepObserved(it) => {
                (self.observed, self.failed) = (Some((event.seq, it)), None);
                (self.ended_at, self.duration_us) = (Some(event.at), Some(it.duration_us));
            }
            Body::StepFailed(it) => {
                self.failed = Some((event.seq, it));
                (self.ended_at, self.duration_us) = (Some(event.at), Some(it.duration_us));
            }
            _ => {}
        }
    }

    /// Digest of the recorded result: of its blob, or of its bytes in the event.
    pub(super) fn result_digest(&self) -> Option<Digest> {
        match &self.observed?.1.result {
            Payload::Blob(blob) => Some(blob.digest),
            Payload::Inline(value) => bytes::encode(value).ok().map(|bytes| Digest::of(&bytes)),
        }
    }
}

/// A failure as a problem. The message is personal: it is there for those who may open it.
pub(super) fn problem(code: &str, message: Option<String>) -> Value {
    let mut title = code.replace('-', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut problem = json!({ "type": format!("{TYPE_BASE}{code}"), "title": title, "code": code });
    if let Some(message) = message {
        problem["detail"] = message.into();
    }
    problem
}

/// Input of `agent.step.get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    run_id: RunId,
    step_number: u64,
}

/// Output of `agent.step.get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    run_id: RunId,
    step_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    operation: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Arc<str>>,
    decision: Decision,
    status: String,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    action_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arguments: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_micros: Option<u64>,
    events: Vec<u64>,
}

async fn get(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    let folded = services.engine.folded(tenant, &input.run_id).await?;
    let step = folded.run.step(input.step_number).ok_or_else(|| Refusal::plain("step-not-found"))?;
    let events = services.events_about(tenant, &folded, input.step_number..input.step_number + 1).await?;
    let told = told(&events).remove(&input.step_number).ok_or_else(|| Refusal::plain("step-not-found"))?;
    let submitter = &folded.run.submitter.id;
    let opened = services.opened_for(&context.who, submitter, &input.run_id, told.decided_seq).await?;
    let arguments = Some((told.decided_seq, &told.decided.arguments));
    let arguments = whole(&services, tenant, arguments, "/arguments", &opened).await?;
    let result = told.observed.map(|(seq, observed)| (seq, &observed.result));
    let result = whole(&services, tenant, result, "/result", &opened).await?;
    let error = told.failed.map(|(seq, failed)| problem(&failed.code, opened.text(seq, "/message")));
    let small = |value: &Value| value.to_string().len() <= LARGEST;
    let truncated = [&arguments, &result].into_iter().flatten().any(|value| !small(value));
    Ok(Output {
        result_digest: told.result_digest(),
        run_id: input.run_id,
        step_number: input.step_number,
        name: step.name.clone(),
        label: told.decided.label.clone(),
        operation: told.decided.operation.name.clone(),
        rule: Some(step.rule.clone()),
        decision: told.decided.decision,
        status: step.state.word().to_owned(),
        attempts: step.state.attempts(),
        action_digest: Some(step.action),
        arguments: arguments.filter(|arguments| small(arguments) && arguments.is_object()),
        result: result.filter(small),
        error,
        truncated: truncated.then_some(true),
        approval_id: told.approval,
        started_at: told.started_at.map(Moment),
        ended_at: told.ended_at.map(Moment),
        duration_micros: told.duration_us,
        events: told.events,
    })
}

async fn whole(
    services: &Services,
    tenant: &TenantId,
    payload: Option<(u64, &Payload)>,
    at: &str,
    opened: &Opened,
) -> Result<Option<Value>, Refusal> {
    match payload {
        Some((seq, payload)) => services.value(tenant, payload, seq, at, opened).await,
        None => Ok(None),
    }
}
