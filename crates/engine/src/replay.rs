//! Derives every decision of a run again from its journal, and names the first that comes out otherwise.

use std::collections::VecDeque;

use affiant_journal::{Body, Decision, Digest, Event, RunId, run::PACK};
use affiant_policy::Principal;
use serde_json::{Map, Value, json};

use crate::{
    Engine, EngineError,
    payload::spelled,
    rules::{self, Plan, Stuck, Wish},
    work::{Work, digest_of},
};

/// What came of deriving a run's decisions again.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayReport {
    /// Decisions that were derived again, up to the first that differs.
    pub decisions: u64,
    /// The planner: kind, and whether its version is the one that decided.
    pub planner: affiant_journal::PlannerRef,
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
        let agent = self.pinned_agent(&submitted.agent)?;
        let mut report = ReplayReport {
            decisions: 0,
            planner: submitted.planner.clone(),
            label: agent.agent().planner.label(),
            first_difference: None,
        };
        if submitted.planner.version != rules::VERSION {
            report.first_difference = Some(other_version(submitted.planner.version));
            return Ok(report);
        }
        let sealed = self.sealed(tenant, &stream, 0).await?;
        let (prompt, input) = (sealed.at(first, "/prompt"), sealed.at(first, "/input"));
        let mut work = Work::new(tenant.clone(), run, agent, prompt.as_ref().and_then(Value::as_str), input.as_ref());
        let mut expected = VecDeque::new();
        for event in &read.events {
            if let Some(recorded) = recorded(&event.body) {
                if expected.is_empty() {
                    expected = derive(&work);
                }
                let derived = expected.pop_front().unwrap_or(Value::Null);
                if let Some(because) = difference(&recorded, &derived) {
                    let step = crate::view::step_of(&event.body);
                    report.first_difference =
                        Some(FirstDifference { seq: event.seq, step, because, recorded, derived });
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

fn other_version(version: u64) -> FirstDifference {
    let because = format!("the decisions were made by version {version} of the rules planner, which is not here");
    let (recorded, derived) = (json!({ "version": version }), json!({ "version": rules::VERSION }));
    FirstDifference { seq: 0, step: None, because, recorded, derived }
}

/// A run that ends with calls of a plan not decided has nothing more to compare.
fn forget_calls_that_were_not_made(event: &Event, expected: &mut VecDeque<Value>) {
    if matches!(event.body, Body::RunFailed(_) | Body::RunCancelled(_)) {
        expected.clear();
    }
}

/// A decision of the planner as it is recorded; none for events that it did not decide.
fn recorded(body: &Body) -> Option<Value> {
    Some(match body {
        Body::StepDecided(it) if &*it.rule != PACK && it.decision != Decision::Reused => json!({
            "rule": it.rule, "facts": it.facts, "call": it.operation.name, "as": it.name,
            "arguments": arguments_digest(&it.arguments),
        }),
        Body::ArtifactCreated(it) => json!({
            "rule": it.rule.as_ref()?, "facts": it.facts, "artifact": it.name, "digest": it.content.digest,
        }),
        Body::InputRequested(it) if &*it.rule != FORK => {
            json!({ "rule": it.rule, "facts": it.facts, "ask": it.question, "as": it.name })
        }
        Body::RunCompleted(it) => {
            json!({ "rule": it.rule, "facts": it.facts, "finish": digest_of(&it.output) })
        }
        Body::RunFailed(it) if &*it.code == "planner-failed" => json!({ "rule": it.rule, "fail": true }),
        _ => return None,
    })
}

/// The rule of what a fork took over.
pub(crate) const FORK: &str = "fork";

/// What can be compared of arguments: hidden fields have salts of their own, so arguments with such fields are
/// compared by rule, facts and operation alone.
fn arguments_digest(payload: &affiant_journal::Payload) -> Option<Digest> {
    let hidden = matches!(payload, affiant_journal::Payload::Inline(value) if holds_hidden(value));
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

/// What the planner decides now, one entry for each event it makes.
fn derive(work: &Work) -> VecDeque<Value> {
    match rules::next(&work.agent.rules, &work.facts) {
        Ok(plan) => spell(work, plan),
        Err(Stuck::Unanswered) => VecDeque::new(),
        Err(_) => VecDeque::from([json!({ "rule": null, "fail": true })]),
    }
}

fn spell(work: &Work, plan: Plan) -> VecDeque<Value> {
    let (rule, facts) = (plan.rule, Value::Object(plan.facts));
    match plan.wish {
        Wish::Call(calls) => calls
            .into_iter()
            .map(|call| {
                let visible = work.agent.tool(&call.tool).is_none_or(|tool| tool.hidden.is_empty());
                let digest = visible.then(|| Digest::of(&spelled(&call.arguments)));
                json!({
                    "rule": rule, "facts": facts, "call": call.tool.to_string(), "as": call.name, "arguments": digest,
                })
            })
            .collect(),
        Wish::Artifact(it) => VecDeque::from([json!({
            "rule": rule, "facts": facts, "artifact": it.name, "digest": Digest::of(&it.content),
        })]),
        Wish::Ask(it) => VecDeque::from([json!({ "rule": rule, "facts": facts, "ask": it.question, "as": it.name })]),
        Wish::Finish(output) => VecDeque::from([json!({
            "rule": rule, "facts": facts, "finish": Digest::of(&spelled(&Value::Object(output))),
        })]),
        Wish::Fail(_) => VecDeque::from([json!({ "rule": rule, "fail": true })]),
    }
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
