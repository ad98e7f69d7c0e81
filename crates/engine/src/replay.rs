//! Derives every decision of a run again from its journal, and names the first that comes out otherwise.

use std::{collections::VecDeque, sync::Arc};

use affiant_journal::{Body, Decision, Digest, Event, Payload, PlannerRef, RunId, run::PACK};
use affiant_policy::Principal;
use serde_json::{Map, Value, json};

use crate::{
    Engine, EngineError,
    payload::spelled,
    rules::{Plan, PlannedArtifact, PlannedCall, PlannedQuestion, Stuck, Wish},
    work::{Work, digest_of},
};

/// What came of deriving a run's decisions again.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayReport {
    /// Decisions that were derived again, up to the first that differs.
    pub decisions: u64,
    /// The planner: kind, and whether its version is the one that decided.
    pub planner: PlannerRef,
    /// The words people read.
    pub label: &'static str,
    /// The first decision that came out otherwise.
    pub first_difference: Option<FirstDifference>,
}

/// A decision that came out otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstDifference {
    /// The event.
    pub seq: u64,
    /// The step it decided.
    pub step: Option<u64>,
    /// What differs, in a sentence.
    pub because: String,
    /// As recorded.
    pub recorded: Value,
    /// As derived now.
    pub derived: Value,
}

impl Engine {
    /// Derives every decision of a run again.
    pub async fn replay(&self, who: &Principal, run: &RunId) -> Result<ReplayReport, EngineError> {
        let (tenant, stream) = (&who.tenant, run.stream());
        let read = self.read(tenant, &stream, 0).await?;
        let missing = || EngineError::Missing { what: "run", name: run.to_string() };
        let first = read.events.first().ok_or_else(missing)?;
        let Body::RunSubmitted(submitted) = &first.body else { return Err(missing()) };
        let agent = self.pinned_agent(&submitted.agent, &submitted.operations)?;
        let mut report = ReplayReport {
            decisions: 0,
            planner: submitted.planner.clone(),
            label: agent.agent().planner.label(),
            first_difference: None,
        };
        if submitted.planner.version != agent.planner_version() {
            report.first_difference = Some(other_version(&submitted.planner, agent.planner_version()));
            return Ok(report);
        }
        let sealed = self.sealed(tenant, &stream, 0).await?;
        let (prompt, input) = (sealed.at(first, "/prompt"), sealed.at(first, "/input"));
        let mut work = Work::new(tenant.clone(), run, agent, prompt.as_ref().and_then(Value::as_str), input.as_ref());
        let mut expected = VecDeque::new();
        for event in &read.events {
            if is_decision(&event.body) {
                if expected.is_empty() {
                    expected = derive(&work);
                }
                let derived = expected.pop_front();
                if !derived.as_ref().is_some_and(|derived| derived.plainly_is(&event.body)) {
                    report.first_difference = first_difference(event, derived, &work);
                }
                if report.first_difference.is_some() {
                    return Ok(report);
                }
                report.decisions += 1;
            }
            self.take(&mut work, event, &sealed, true).await?;
            forget_calls_that_were_not_made(event, &mut expected);
        }
        Ok(report)
    }
}

fn other_version(made: &PlannerRef, here: u64) -> FirstDifference {
    let PlannerRef { kind, version } = made;
    let because = format!("the decisions were made by version {version} of the {kind} planner, which is not here");
    let (recorded, derived) = (json!({ "version": version }), json!({ "version": here }));
    FirstDifference { seq: 0, step: None, because, recorded, derived }
}

/// A run that ends with calls of a plan not decided has nothing more to compare.
fn forget_calls_that_were_not_made(event: &Event, expected: &mut VecDeque<Derived>) {
    if matches!(event.body, Body::RunFailed(_) | Body::RunCancelled(_)) {
        expected.clear();
    }
}

/// Whether the planner decided this.
fn is_decision(body: &Body) -> bool {
    match body {
        Body::StepDecided(it) => &*it.rule != PACK && it.decision != Decision::Reused,
        Body::ArtifactCreated(it) => it.rule.is_some(),
        Body::InputRequested(it) => &*it.rule != FORK,
        Body::RunCompleted(_) => true,
        Body::RunFailed(it) => matches!(&*it.code, "planner-failed" | "model-failed"),
        _ => false,
    }
}

/// A decision as it is recorded, to be compared field by field and shown.
fn recorded(body: &Body) -> Value {
    match body {
        Body::StepDecided(it) => json!({
            "rule": it.rule, "facts": it.facts, "call": it.operation.name, "as": it.name,
            "arguments": arguments_digest(&it.arguments),
        }),
        Body::ArtifactCreated(it) => json!({
            "rule": it.rule, "facts": it.facts, "artifact": it.name, "digest": it.content.digest,
        }),
        Body::InputRequested(it) => {
            json!({ "rule": it.rule, "facts": it.facts, "ask": it.question, "as": it.name })
        }
        Body::RunCompleted(it) => {
            json!({ "rule": it.rule, "facts": it.facts, "finish": digest_of(&it.output) })
        }
        Body::RunFailed(it) => json!({ "rule": it.rule, "fail": true }),
        _ => Value::Null,
    }
}

fn first_difference(event: &Event, derived: Option<Derived>, work: &Work) -> Option<FirstDifference> {
    let recorded = recorded(&event.body);
    let derived = derived.map_or(Value::Null, |derived| derived.spelled(work));
    let because = difference(&recorded, &derived)?;
    let step = crate::view::step_of(&event.body);
    Some(FirstDifference { seq: event.seq, step, because, recorded, derived })
}

/// The rule of what a fork took over.
pub(crate) const FORK: &str = "fork";

/// What can be compared of arguments: hidden fields have salts of their own, so arguments with such fields are
/// compared by rule, facts and operation alone.
fn arguments_digest(payload: &Payload) -> Option<Digest> {
    let hidden = matches!(payload, Payload::Inline(value) if holds_hidden(value));
    (!hidden).then(|| digest_of(payload))
}

fn holds_hidden(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            (members.len() == 1 && members.get("sd").is_some_and(Value::is_string))
                || members.values().any(holds_hidden)
        }
        Value::Array(items) => items.iter().any(holds_hidden),
        _ => false,
    }
}

/// One decision of a plan: what makes one event.
struct Derived {
    rule: Option<Arc<str>>,
    facts: Arc<Map<String, Value>>,
    what: What,
}

enum What {
    Call(PlannedCall),
    Artifact(PlannedArtifact),
    Ask(PlannedQuestion),
    Finish(Value),
    Fail,
}

/// What the planner decides now, one entry for each event it makes.
fn derive(work: &Work) -> VecDeque<Derived> {
    match work.next() {
        Ok(plan) => decisions(plan),
        Err(Stuck::Unanswered) => VecDeque::new(),
        Err(_) => VecDeque::from([Derived { rule: None, facts: Arc::default(), what: What::Fail }]),
    }
}

fn decisions(plan: Plan) -> VecDeque<Derived> {
    let (rule, facts) = (Some(plan.rule), Arc::new(plan.facts));
    let one = |what| Derived { rule: rule.clone(), facts: facts.clone(), what };
    match plan.wish {
        Wish::Call(calls) => calls.into_iter().map(|call| one(What::Call(call))).collect(),
        Wish::Artifact(it) => VecDeque::from([one(What::Artifact(it))]),
        Wish::Ask(it) => VecDeque::from([one(What::Ask(it))]),
        Wish::Finish(output) => VecDeque::from([one(What::Finish(Value::Object(output)))]),
        Wish::Fail(_) | Wish::GiveUp { .. } => VecDeque::from([one(What::Fail)]),
    }
}

impl Derived {
    /// Whether an event records exactly this, seen without spelling anything: nearly all of a long journal is. What is
    /// not plainly the same is compared field by field.
    fn plainly_is(&self, body: &Body) -> bool {
        match (&self.what, body) {
            (What::Call(call), Body::StepDecided(it)) => {
                self.is_by(&it.rule, &it.facts)
                    && call.name.as_deref() == it.name.as_deref()
                    && is_inline(&it.arguments, &call.arguments)
                    && *it.operation.name == *call.tool.to_string()
            }
            (What::Finish(output), Body::RunCompleted(it)) => {
                self.is_by(&it.rule, &it.facts) && is_inline(&it.output, output)
            }
            _ => false,
        }
    }

    fn is_by(&self, rule: &str, facts: &Map<String, Value>) -> bool {
        self.rule.as_deref() == Some(rule) && *self.facts == *facts
    }

    fn spelled(&self, work: &Work) -> Value {
        let (rule, facts) = (&self.rule, &*self.facts);
        match &self.what {
            What::Call(call) => {
                let visible = work.agent.tool(&call.tool).is_none_or(|tool| tool.hidden.is_empty());
                let digest = visible.then(|| Digest::of(&spelled(&call.arguments)));
                json!({
                    "rule": rule, "facts": facts, "call": call.tool.to_string(), "as": call.name, "arguments": digest,
                })
            }
            What::Artifact(it) => {
                json!({ "rule": rule, "facts": facts, "artifact": it.name, "digest": Digest::of(&it.content) })
            }
            What::Ask(it) => json!({ "rule": rule, "facts": facts, "ask": it.question, "as": it.name }),
            What::Finish(output) => {
                json!({ "rule": rule, "facts": facts, "finish": Digest::of(&spelled(output)) })
            }
            What::Fail => json!({ "rule": rule, "fail": true }),
        }
    }
}

fn is_inline(payload: &Payload, value: &Value) -> bool {
    matches!(payload, Payload::Inline(inline) if inline == value)
}

/// What differs between a decision as recorded and as derived, in a sentence.
fn difference(recorded: &Value, derived: &Value) -> Option<String> {
    let none = Map::new();
    let (one, other) = (recorded.as_object().unwrap_or(&none), derived.as_object().unwrap_or(&none));
    if derived.is_null() {
        return Some("nothing was to be decided here".into());
    }
    let comparable = |field: &&str| *field != "arguments" || (!one[*field].is_null() && !other[*field].is_null());
    let fields = ["rule", "call", "as", "arguments", "artifact", "digest", "ask", "finish", "fail", "facts"];
    let field = fields.iter().find(|field| {
        one.contains_key(**field) != other.contains_key(**field)
            || (one.contains_key(**field) && comparable(field) && one[**field] != other[**field])
    })?;
    Some(format!("the decision has another `{field}`"))
}
