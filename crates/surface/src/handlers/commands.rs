//! `agent.run` and everything that people ask of a run that exists: stop it, approve, answer, settle.

use std::{sync::Arc, time::Duration};

use affiant_contract::{Issue, Pick};
use affiant_engine::{Cancel, EngineError, Remember, Resolve, Settle, Submit, Submitted, outbox::OutboxError};
use affiant_journal::{ApprovalId, Budget, Digest, Mode, RunId, SnapshotId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    services::Services,
    wire::{BudgetInput, Moment},
};
use crate::{
    gateway::{Answer, Context, Handlers, Keep},
    problem::Refusal,
};

/// How long a caller in mode `wait` waits; then the answer is that of `background`.
const PATIENCE: Duration = Duration::from_secs(60);

/// The handlers of these commands.
pub fn handlers(services: &Services) -> Handlers {
    let [for_run, for_cancel, for_decide, for_answer, for_settle] = [(); 5].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .keeping("agent.run", "^1", move |context, input| run(for_run.clone(), context, input))
        .on("agent.cancel", "^1", move |context, input| cancel(for_cancel.clone(), context, input))
        .on("agent.approvals", "^1", move |context, input| decide(for_decide.clone(), context, input))
        .on("agent.input", "^1", move |context, input| answer(for_answer.clone(), context, input))
        .on("agent.step.resolve", "^1", move |context, input| settle(for_settle.clone(), context, input))
}

/// Input of `agent.run`. Identity fields were held against the credential at the door.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunInput {
    agent_key: String,
    context_snapshot_id: Option<String>,
    prompt: Option<String>,
    input: Option<Map<String, Value>>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    priority: i64,
    #[serde(rename = "tenantId")]
    _tenant_id: Option<String>,
    #[serde(rename = "actorId")]
    _actor_id: Option<String>,
    metadata: Option<Map<String, Value>>,
    agent_version: Option<String>,
    budget: Option<BudgetInput>,
    deadline: Option<Moment>,
    notify: Option<Notify>,
}

/// Whom to tell when a run ends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notify {
    url: String,
}

/// Output of `agent.run`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RunOutput {
    run_id: String,
    status: String,
    submitted_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_snapshot_id: Option<String>,
}

async fn run(services: Arc<Services>, context: Context, input: RunInput) -> Result<Answer<RunOutput>, Refusal> {
    let told = told(&services, &context, input.notify.as_ref()).await?;
    let waits = input.mode == Mode::Wait;
    let remember = context.keep.clone().map(remember);
    // Whoever waits gets another answer than the one that is kept with the run, and that one is kept again.
    let kept = remember.is_some() && !waits;
    let submit = Submit { notify: told, ..submit(&context, input)? };
    let submitted = services.engine.submit(&context.who, submit, remember).await?;
    let mut output = output_of(&submitted);
    if waits {
        Box::pin(wait(&services, &context, &submitted.run, &mut output)).await?;
    }
    let location = Some(location_of(&submitted.run));
    Ok(Answer { output, location, kept })
}

/// The webhook that is told of the run. Only an address that an administrator has made a webhook is told: its receiver
/// knows the secret, and callers cannot have this server send to whatever they name.
async fn told(services: &Services, context: &Context, notify: Option<&Notify>) -> Result<Option<Arc<str>>, Refusal> {
    let Some(Notify { url }) = notify else { return Ok(None) };
    match services.outbox.told_at(&context.who.tenant, url).await {
        Ok(webhook) => Ok(Some(webhook)),
        Err(OutboxError::Engine(error)) => Err(error.into()),
        Err(_) => {
            let message = "must be the address of a webhook; an administrator makes one with `webhook.create`";
            Err(Refusal::invalid_field("/notify/url", "webhook-not-found", message))
        }
    }
}

fn submit(context: &Context, input: RunInput) -> Result<Submit, Refusal> {
    let wrong = |_| {
        Refusal::invalid_field(
            "/agentVersion",
            "version",
            "must be a version such as 1.0.0, or 1 for the newest of these",
        )
    };
    Ok(Submit {
        agent_key: input.agent_key,
        agent_version: input
            .agent_version
            .as_deref()
            .map_or(Ok(Pick::Newest), |version| version.parse().map_err(wrong))?,
        snapshot: input.context_snapshot_id.map(SnapshotId::from),
        prompt: input.prompt,
        input: input.input.map(Value::Object),
        mode: input.mode,
        priority: input.priority,
        metadata: input.metadata,
        budget: input.budget.map(Budget::from),
        deadline: input.deadline.map(|deadline| deadline.0),
        operation: context.operation.reference(),
        idempotency: context.key.as_deref().map(|key| Digest::of(key.as_bytes())),
        notify: None,
    })
}

fn output_of(submitted: &Submitted) -> RunOutput {
    RunOutput {
        run_id: submitted.run.to_string(),
        status: submitted.status.to_owned(),
        submitted_at: submitted.submitted_at.into(),
        context_snapshot_id: submitted.snapshot.as_ref().map(ToString::to_string),
    }
}

fn location_of(run: &RunId) -> String {
    format!("/agent/status/v1?runId={run}")
}

/// The reply, to be kept under the caller's key in the transaction that accepts the run: a server that dies between
/// the two would otherwise leave a run behind of which a second call with the same key could not be told.
fn remember(keep: Keep) -> Remember {
    Box::new(move |submitted| keep.remembered(&output_of(submitted), Some(location_of(&submitted.run))))
}

/// Waits until the run has ended, or patience has.
async fn wait(services: &Services, context: &Context, run: &RunId, output: &mut RunOutput) -> Result<(), Refusal> {
    let tenant = &context.who.tenant;
    let mut follower = services.engine.follow(tenant, run);
    let ended = async {
        loop {
            let row = services.row(tenant, run.as_str()).await?;
            output.status = row.status.to_string();
            output.context_snapshot_id = row.snapshot.as_ref().map(ToString::to_string);
            if row.ended_at.is_some() {
                return Ok(());
            }
            follower.grown(row.events).await;
        }
    };
    tokio::select! {
        ended = ended => ended,
        () = tokio::time::sleep(PATIENCE) => Ok(()),
        () = services.stop.cancelled() => Ok(()),
    }
}

/// Input of `agent.cancel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelInput {
    run_id: String,
    reason: Option<String>,
    #[serde(rename = "requestedBy")]
    _requested_by: Option<String>,
    #[serde(default)]
    mode: CancelMode,
}

/// How a run is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CancelMode {
    /// After the step in flight.
    #[default]
    Graceful,
    /// By killing it.
    Force,
}

/// Output of `agent.cancel`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CancelOutput {
    run_id: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Moment>,
}

async fn cancel(services: Arc<Services>, context: Context, input: CancelInput) -> Result<CancelOutput, Refusal> {
    let wish = Cancel { reason: input.reason, force: input.mode == CancelMode::Force };
    let done = services.engine.cancel(&context.who, &RunId::from(input.run_id), wish).await?;
    Ok(CancelOutput {
        run_id: done.run.to_string(),
        status: done.status.to_owned(),
        cancelled_at: done.cancelled_at.map(Moment::from),
    })
}

/// Input of `agent.approvals`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideInput {
    run_id: String,
    action: Decision,
    comment: Option<String>,
    #[serde(rename = "approverId")]
    _approver_id: Option<String>,
    approval_id: Option<String>,
    action_digest: Option<Digest>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Decision {
    /// Let it happen.
    Approve,
    /// Do not.
    Reject,
}

/// Output of `agent.approvals`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideOutput {
    approval_id: String,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<Moment>,
}

async fn decide(services: Arc<Services>, context: Context, input: DecideInput) -> Result<DecideOutput, Refusal> {
    let wish = Resolve {
        run: RunId::from(input.run_id),
        approval: input.approval_id.map(ApprovalId::from),
        action: input.action_digest,
        approve: input.action == Decision::Approve,
        comment: input.comment,
    };
    let done = services.engine.resolve(&context.who, wish).await?;
    Ok(DecideOutput {
        approval_id: done.approval.to_string(),
        status: done.status.to_owned(),
        resolved_at: Some(done.resolved_at.into()),
    })
}

/// Input of `agent.input`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerInput {
    run_id: String,
    name: Option<String>,
    answer: Value,
}

/// Output of `agent.input`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerOutput {
    run_id: String,
    name: String,
    status: String,
    answered_at: Moment,
}

async fn answer(services: Arc<Services>, context: Context, input: AnswerInput) -> Result<AnswerOutput, Refusal> {
    let run = RunId::from(input.run_id);
    let done = services.engine.answer(&context.who, &run, input.name.as_deref(), input.answer).await?;
    Ok(AnswerOutput {
        run_id: run.to_string(),
        name: done.name,
        status: done.status.to_owned(),
        answered_at: done.answered_at.into(),
    })
}

/// Input of `agent.step.resolve`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettleInput {
    run_id: String,
    step_number: u64,
    outcome: Outcome,
    result: Option<Map<String, Value>>,
    comment: Option<String>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// It happened, with the result that is given.
    Happened,
    /// It is tried again.
    Retry,
    /// It failed.
    Fail,
}

/// Output of `agent.step.resolve`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SettleOutput {
    run_id: String,
    step_number: u64,
    status: String,
    resolved_at: Moment,
}

async fn settle(services: Arc<Services>, context: Context, input: SettleInput) -> Result<SettleOutput, Refusal> {
    let run = RunId::from(input.run_id);
    let comment = input.comment.as_deref();
    let how = match (input.outcome, input.result) {
        (Outcome::Happened, Some(result)) => {
            let result = Value::Object(result);
            check_result(&services, &context, &run, input.step_number, &result).await?;
            Settle::Observed(result)
        }
        // The contract asks for a result with this outcome, and for none with the others.
        (Outcome::Happened, None) | (_, Some(_)) => return Err(Refusal::plain("input-invalid")),
        (Outcome::Retry, None) => Settle::Retry,
        (Outcome::Fail, None) => Settle::Fail(comment.unwrap_or("A person said that it did not happen.").to_owned()),
    };
    let done = services.engine.settle(&context.who, &run, input.step_number, how, comment).await?;
    Ok(SettleOutput {
        run_id: run.to_string(),
        step_number: done.step,
        status: done.status.to_owned(),
        resolved_at: done.settled_at.into(),
    })
}

/// What a person says an operation gave must be something that it can give.
async fn check_result(
    services: &Services,
    context: &Context,
    run: &RunId,
    step: u64,
    result: &Value,
) -> Result<(), Refusal> {
    let folded = services.engine.folded(&context.who.tenant, run).await?;
    let step = folded.run.step(step).ok_or_else(|| Refusal::plain("step-not-found"))?;
    let name = folded.run.operation(step).name.parse().ok();
    match name.and_then(|name| services.registry.tool_at(&name)) {
        Some(bound) => bound.validate_output(result).map_err(|issues| {
            let what = format!("`result` is not what {} answers.", bound.reference());
            let refusal = Refusal::declared(&context.operation, "result-invalid", what);
            refusal.unwrap_or_else(|| Refusal::plain("input-invalid")).with_issues(within("/result", issues))
        }),
        None => Ok(()),
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let code = error.code();
        match error {
            EngineError::Store(error) => error.into(),
            EngineError::Unwritten(_) | EngineError::Vault(_) => Self::internal(error),
            EngineError::Currency(wrong) => Self::invalid_field("/budget/currency", "currency", wrong.to_string()),
            EngineError::Input(issues) => Self::plain(code).with_issues(within("/input", issues)),
            EngineError::Rejected(_) if !error.approvals().is_empty() => {
                let waiting = error.approvals().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                Self::new(
                    code,
                    format!("Several approvals wait: {waiting}. Name one with version 1.1 of this operation."),
                )
            }
            error => Self::new(code, sentence(&error.to_string())),
        }
    }
}

/// Issues of a part, with their paths as the caller wrote them.
fn within(part: &str, issues: Vec<Issue>) -> Vec<Issue> {
    issues.into_iter().map(|issue| Issue { path: format!("{part}{}", issue.path), ..issue }).collect()
}

/// A fragment as a sentence.
fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if fragment.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}
