//! One run: where it stands, its steps, and one of them in all detail.

use axum::extract::Path;
use serde_json::{Map, Value, json};

use super::{
    Shown,
    page::{Halt, Show, data},
    session::Sent,
    timeline::{self, Line, MARKS},
    words::{STATES, between, micros, state, tail},
};
use crate::rest::query::escape;

/// Steps on a page.
const STEPS: u64 = 50;

/// Bytes of what a run was given, or gave, on a page.
pub(super) const SHOWN: u64 = 16 << 10;

/// What every tab of a run shows above it.
pub(super) async fn head(show: &Show, run: &str) -> Result<Value, Halt> {
    let status = show.ask("agent.status", json!({ "runId": run })).await?;
    let mut head = status["runs"][0].clone();
    if let Some(took) = between(&head["startedAt"], &head["endedAt"]) {
        head["tookMicros"] = took.into();
    }
    if head["waitingFor"]["approvalId"].is_string() {
        let pending = json!({ "runId": run, "status": "pending", "limit": 20, "maxBytes": 0 });
        head["approvals"] = show.ask("agent.approvals.list", pending).await?["approvals"].clone();
    }
    Ok(head)
}

/// The steps of a run on a line of time, and the chosen one beside them.
pub(super) async fn timeline(show: Show, Path(run): Path<String>) -> Shown {
    let head = head(&show, &run).await?;
    let after = after(&show);
    // What a run was given may be long to open, and nobody reads it again beside each step.
    let whole = after < 0 && show.asked("step").is_none();
    let asked = show.bounded(json!({ "runId": run, "given": whole, "overview": timeline::PARTS }), SHOWN);
    let audit = window(&show, asked, after).await?;
    let mut cut = audit["cut"].as_array().into_iter().flatten();
    let gave = audit["result"].is_object() || cut.any(|cut| cut["field"] == "result");
    let total = audit["totals"]["steps"].as_u64().unwrap_or_default();
    let map = (total > STEPS).then(|| timeline::map(&audit["overview"], total));
    let chosen = match show.asked("step").and_then(|step| step.parse::<u64>().ok()) {
        Some(step) => Some(show.ask("agent.step.get", json!({ "runId": run, "stepNumber": step })).await?),
        None => None,
    };
    let next = audit["nextStepsAfter"]
        .as_u64()
        .map(|after| show.with(&[("after", &after.to_string()), ("from", ""), ("step", "")]));
    let first = (after >= 0).then(|| show.with(&[("after", ""), ("from", ""), ("step", "")]));
    let signs: Map<String, Value> = STATES.iter().map(|it| ((*it).to_owned(), json!(state(it)))).collect();
    let facts = json!({
        "failed": failed(&show, &run, &head, total).await, "signs": signs, "marks": MARKS, "run": head, "audit": audit, "map": map, "from": after + 1, "step": chosen,
        "gave": gave, "whole": whole,
        "tab": "timeline", "next": next, "first": first,
    });
    let title = format!("{} {}", head["agentKey"].as_str().unwrap_or_default(), tail(&run));
    show.page("studio/run.html", &title, "runs", facts).await
}

/// What the last step of a failed run failed with: as a rule that is the reason, and the run's own is where it led.
async fn failed(show: &Show, run: &str, head: &Value, steps: u64) -> Option<Value> {
    let last = steps.checked_sub(1).filter(|_| head["status"] == "failed" && show.is_page())?;
    let step = show.try_ask("agent.step.get", json!({ "runId": run, "stepNumber": last })).await.ok()?;
    let detail = step["error"]["detail"].as_str()?;
    Some(json!({ "stepNumber": last, "detail": detail, "code": step["error"]["code"] }))
}

/// The longest input that is put into a form, in bytes.
const TYPED: u64 = 64 << 10;

/// What a run was given, where the viewer may see it and where it fits into a form.
pub(super) async fn given(show: &Show, run: &str) -> Option<Value> {
    let asked = json!({ "runId": run, "stepLimit": 1, "given": true, "maxBytes": TYPED });
    let audit = show.try_ask("agent.audit", asked).await.ok()?;
    audit
        .get("given")
        .filter(|_| audit["cut"].as_array().is_none_or(|cut| cut.iter().all(|it| it["field"] == "result")))
        .cloned()
}

/// The step behind which the page begins; -1 for the first page. The map of a run says `from` for the step behind it.
fn after(show: &Show) -> i64 {
    let number = |name| show.asked(name).and_then(|number| number.parse::<i64>().ok());
    number("after").or_else(|| number("from").map(|from| from.saturating_sub(1))).unwrap_or(-1).max(-1)
}

/// What `agent.audit` says, of the steps behind this one, as they are drawn. The step before them is asked for
/// as well: it says when nothing was under way.
async fn window(show: &Show, mut asked: Value, after: i64) -> Result<Value, Halt> {
    let limit = show.asked("limit").and_then(|limit| limit.parse().ok()).unwrap_or(STEPS).clamp(1, 1000);
    let more = i64::from(after >= 0);
    asked["stepsAfter"] = (after - more).into();
    asked["stepLimit"] = (limit + more.unsigned_abs()).into();
    let mut audit = show.ask("agent.audit", asked).await?;
    if let Some(steps) = audit["steps"].as_array_mut() {
        let earlier = steps.first().filter(|step| step["stepNumber"].as_i64().is_some_and(|number| number <= after));
        let before = earlier.and_then(|step| micros(&step["endedAt"]));
        if earlier.is_some() {
            steps.remove(0);
        }
        let mut line = Line { steps, before };
        line.draw();
        line.mark(show.studio.gateway.registry());
    }
    Ok(audit)
}

/// The steps of a run as data, for a window over them.
pub(super) async fn steps(show: Show, Path(run): Path<String>) -> Shown {
    let audit = window(&show, json!({ "runId": run, "maxBytes": 0 }), after(&show)).await?;
    Ok(data(&json!({ "steps": audit["steps"], "total": audit["totals"]["steps"] })))
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
