//! One run: where it stands, its steps, and one of them in all detail.

use axum::extract::Path;
use serde_json::{Map, Value, json};

use super::{
    Shown,
    page::{Halt, Show, data},
    session::Sent,
    words::{STATES, between, micros, state, tail},
};
use crate::rest::query::escape;

/// Steps on a page.
const STEPS: u64 = 50;

/// What every tab of a run shows above it.
pub(super) async fn head(show: &Show, run: &str) -> Result<Value, Halt> {
    let status = show.ask("agent.status", json!({ "runId": run })).await?;
    let mut head = status["runs"][0].clone();
    if let Some(took) = between(&head["startedAt"], &head["endedAt"]) {
        head["tookMicros"] = took.into();
    }
    if head["waitingFor"]["approvalId"].is_string() {
        let pending = json!({ "runId": run, "status": "pending", "limit": 20 });
        head["approvals"] = show.ask("agent.approvals.list", pending).await?["approvals"].clone();
    }
    Ok(head)
}

/// The steps of a run on a line of time, and the chosen one beside them.
pub(super) async fn timeline(show: Show, Path(run): Path<String>) -> Shown {
    let head = head(&show, &run).await?;
    let after = after(&show);
    let asked = window(&show, &run, after);
    let mut audit = show.ask("agent.audit", asked).await?;
    place(&mut audit);
    let chosen = match show.asked("step").and_then(|step| step.parse::<u64>().ok()) {
        Some(step) => Some(show.ask("agent.step.get", json!({ "runId": run, "stepNumber": step })).await?),
        None => None,
    };
    let next = audit["nextStepsAfter"].as_u64().map(|after| show.with(&[("after", &after.to_string()), ("step", "")]));
    let first = (after >= 0).then(|| show.with(&[("after", ""), ("step", "")]));
    let signs: Map<String, Value> = STATES.iter().map(|it| ((*it).to_owned(), json!(state(it)))).collect();
    let facts = json!({ "signs": signs, "run": head, "audit": audit, "step": chosen, "tab": "timeline", "next": next, "first": first });
    let title = format!("{} {}", head["agentKey"].as_str().unwrap_or_default(), tail(&run));
    show.page("studio/run.html", &title, "runs", facts).await
}

/// The step behind which the page begins; -1 for the first page.
fn after(show: &Show) -> i64 {
    show.asked("after").and_then(|after| after.parse().ok()).unwrap_or(-1).max(-1)
}

/// What `agent.audit` is asked for the steps behind this one.
fn window(show: &Show, run: &str, after: i64) -> Value {
    let limit = show.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(STEPS).clamp(1, 1000);
    json!({ "runId": run, "stepsAfter": after, "stepLimit": limit })
}

/// The steps of a run as data, for a window over them.
pub(super) async fn steps(show: Show, Path(run): Path<String>) -> Shown {
    let audit = show.ask("agent.audit", window(&show, &run, after(&show))).await?;
    Ok(data(&json!({ "steps": audit["steps"], "total": audit["totals"]["steps"] })))
}

/// Gives each step its place on a line of time that the shown steps fill, in thousandths.
fn place(audit: &mut Value) {
    let Some(steps) = audit["steps"].as_array_mut() else { return };
    let spans: Vec<Option<(i64, Option<i64>)>> =
        steps.iter().map(|step| Some((micros(&step["startedAt"])?, micros(&step["endedAt"])))).collect();
    let known = || spans.iter().flatten();
    let from = known().map(|(began, _)| *began).min().unwrap_or_default();
    let to = known().map(|(began, ended)| ended.unwrap_or(*began)).max().unwrap_or_default();
    let whole = (to - from).max(1);
    for (step, span) in steps.iter_mut().zip(&spans) {
        let Some((began, ended)) = span else { continue };
        let left = ((began - from) * 1000 / whole).min(996);
        let width = ((ended.unwrap_or(to) - began) * 1000 / whole).clamp(4, 1000 - left);
        step["bar"] = json!({ "left": left, "width": width });
    }
}

/// Stops a run.
pub(super) async fn cancel(Path(run): Path<String>, sent: Sent) -> Shown {
    let mut input = json!({ "runId": run });
    if let Some(reason) = sent.field("reason") {
        input["reason"] = reason.into();
    }
    if sent.field("force").is_some() {
        input["mode"] = "force".into();
    }
    sent.show.tell("agent.cancel", input, sent.field("once")).await?;
    sent.show.on_to(&format!("/studio/runs/{}", escape(&run)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_its_place_among_the_others_and_is_never_too_small_to_see() {
        let at = |ms: u32| format!("2026-11-22T15:02:11.{ms:03}Z");
        let mut audit = json!({ "steps": [
            { "startedAt": at(0), "endedAt": at(500) },
            { "startedAt": at(500), "endedAt": at(501) },
            { "startedAt": at(1), "endedAt": at(999) },
            { "status": "awaiting_approval" },
            { "startedAt": at(999) },
        ] });
        place(&mut audit);
        let bars: Vec<&Value> = audit["steps"].as_array().unwrap().iter().map(|step| &step["bar"]).collect();
        assert_eq!(bars[0], &json!({ "left": 0, "width": 500 }));
        assert_eq!(bars[1], &json!({ "left": 500, "width": 4 }));
        assert_eq!(bars[3], &Value::Null);
        assert_eq!(bars[4], &json!({ "left": 996, "width": 4 }));
    }
}
