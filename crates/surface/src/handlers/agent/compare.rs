//! `agent.compare`: where two runs agree and where they part.

use std::sync::Arc;

use affiant_engine::{
    compare::{self, Aligned},
    ports::RunRow,
};
use affiant_journal::{Body, Event, Payload, RunId, SnapshotId};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{agents::PlannerWords, usage::UsageWords};
use crate::{
    gateway::{Context, Handlers},
    handlers::{
        history::{History, Opened, may_see},
        services::Services,
        wire::Moment,
    },
    problem::Refusal,
};

/// Steps in a reply when the caller does not say.
const STEPS: u64 = 1000;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.compare", "^1", move |context, input| compare(services.clone(), context, input))
}

/// Input of `agent.compare`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    left: RunId,
    right: RunId,
    only_differences: Option<bool>,
    limit: Option<u64>,
}

/// Output of `agent.compare`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    left: Side,
    right: Side,
    same: Same,
    steps: Vec<Step>,
    counts: Counts,
    truncated: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Side {
    run_id: RunId,
    agent_key: Arc<str>,
    agent_version: Arc<str>,
    planner: PlannerWords,
    status: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context_snapshot_id: Option<SnapshotId>,
    steps: u64,
    submitted_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Moment>,
    /// Since 1.1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageWords>,
}

impl Side {
    fn new(row: RunRow, usage: Option<UsageWords>) -> Self {
        Self {
            run_id: row.run,
            agent_key: row.agent,
            agent_version: row.agent_version,
            planner: PlannerWords::of_kind(&row.planner),
            status: row.status,
            context_snapshot_id: row.snapshot,
            steps: row.steps,
            submitted_at: row.submitted_at.into(),
            ended_at: row.ended_at.map(Moment),
            usage,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Same {
    agent: bool,
    input: bool,
    context: bool,
    result: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    relation: Relation,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<u64>,
    operation: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Vec<Difference>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Relation {
    Same,
    Changed,
    OnlyLeft,
    OnlyRight,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    left: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right: Option<Value>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counts {
    same: u64,
    changed: u64,
    only_left: u64,
    only_right: u64,
}

impl Counts {
    fn count(&mut self, relation: Relation) {
        *match relation {
            Relation::Same => &mut self.same,
            Relation::Changed => &mut self.changed,
            Relation::OnlyLeft => &mut self.only_left,
            Relation::OnlyRight => &mut self.only_right,
        } += 1;
    }
}

fn relation(step: &Aligned) -> Relation {
    match (step.left, step.right) {
        (Some(_), None) => Relation::OnlyLeft,
        (None, _) => Relation::OnlyRight,
        _ if step.differences.is_empty() => Relation::Same,
        _ => Relation::Changed,
    }
}

async fn compare(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let tenant = &context.who.tenant;
    let rows = (services.row(tenant, input.left.as_str()).await?, services.row(tenant, input.right.as_str()).await?);
    let (left, left_opened) = read(&services, &context, &input.left).await?;
    let (right, right_opened) = read(&services, &context, &input.right).await?;
    let comparison = compare::compare(&left.events, &right.events);
    let mut counts = Counts::default();
    comparison.steps.iter().for_each(|step| counts.count(relation(step)));
    let all = !input.only_differences.unwrap_or(true);
    let wanted: Vec<&Aligned> =
        comparison.steps.iter().filter(|step| all || relation(step) != Relation::Same).collect();
    let limit = usize::try_from(input.limit.unwrap_or(STEPS)).unwrap_or(usize::MAX);
    let tells = context.operation.contract().meta.version >= Version::new(1, 1, 0);
    let usage = |history: &History| tells.then(|| UsageWords::of(&history.run));
    let root = |history: &History| history.run.snapshot.as_ref().map(|snapshot| snapshot.root);
    // Whoever may not see the input of one of them compares commitments, which are salted: the same input may then be
    // told as another one, and never another one as the same.
    let sees = |history: &History| may_see(&context.who, &history.run.submitter.id);
    let commitments = |history: &History| history.events.first().map(|event| event.sd.clone());
    let same_input = match sees(&left) && sees(&right) {
        true => left_opened.of(0) == right_opened.of(0),
        false => commitments(&left) == commitments(&right),
    };
    Ok(Output {
        same: Same {
            agent: left.run.submitted.agent == right.run.submitted.agent,
            input: same_input,
            context: root(&left) == root(&right),
            result: comparison.same_result,
        },
        left: Side::new(rows.0, usage(&left)),
        right: Side::new(rows.1, usage(&right)),
        truncated: wanted.len() > limit,
        steps: wanted.into_iter().take(limit).map(shown).collect(),
        counts,
    })
}

/// A run with the personal values put back, so that two runs with the same values are the same.
async fn read(services: &Services, context: &Context, run: &RunId) -> Result<(History, Opened), Refusal> {
    let tenant = &context.who.tenant;
    let mut history = services.history(tenant, run).await?;
    let opened = services.opened_for(&context.who, &history.run.submitter.id, run, 0).await?;
    for event in &mut history.events {
        restore(event, &opened);
    }
    Ok((history, opened))
}

fn restore(event: &mut Event, opened: &Opened) {
    let seq = event.seq;
    let (payload, at) = match &mut event.body {
        Body::StepDecided(it) => (&mut it.arguments, "/arguments"),
        Body::StepObserved(it) => (&mut it.result, "/result"),
        Body::RunCompleted(it) => (&mut it.output, "/output"),
        _ => return,
    };
    if let Payload::Inline(value) = payload {
        opened.restore(seq, at, value);
    }
}

fn shown(step: &Aligned) -> Step {
    let some = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
    let difference =
        |it: &compare::Difference| Difference { path: it.path.clone(), left: some(&it.left), right: some(&it.right) };
    let differences: Vec<_> = step.differences.iter().map(difference).collect();
    Step {
        relation: relation(step),
        left: step.left,
        right: step.right,
        operation: step.operation.clone(),
        differences: Some(differences).filter(|differences| !differences.is_empty()),
    }
}
