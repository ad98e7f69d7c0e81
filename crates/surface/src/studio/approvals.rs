//! What waits for a person: the inbox, and one request with everything that must be seen before it is decided.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse as _,
};
use serde_json::{Value, json};

use super::{
    Shown, change,
    page::{Show, header_text},
    session::Sent,
};
use crate::rest::{live::attachment, query::escape};

/// Requests in the inbox.
const ROWS: u64 = 100;

/// Runs that wait, among which those that need a word from a person are looked for.
const WAITING: u64 = 200;

/// What is said of a request that is no longer what was shown, or waits no more.
const GONE: &[&str] = &["approval-stale", "approval-resolved", "approval-expired", "run-ended"];

/// Requests, those that wait first, oldest first.
pub(super) async fn list(show: Show) -> Shown {
    let status = show.asked("status").unwrap_or("pending").to_owned();
    let mut input = json!({ "limit": ROWS });
    if status != "all" {
        input["status"] = status.clone().into();
    }
    if let Some(cursor) = show.asked("cursor") {
        input["cursor"] = cursor.into();
    }
    let found = show.ask("agent.approvals.list", show.bounded(input, 0)).await?;
    let mut approvals = found["approvals"].as_array().cloned().unwrap_or_default();
    approvals.sort_by_key(|it| it["requestedAt"].as_str().unwrap_or_default().to_owned());
    let next = found["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)]));
    let asking = if status == "pending" { asking(&show).await } else { Vec::new() };
    let facts = json!({
        "approvals": approvals, "total": found["total"], "status": status, "next": next, "asking": asking,
    });
    show.list("studio/approvals.html", "Approvals", "approvals", facts, "approvals").await
}

/// Runs that wait for a person in another way, oldest first: for an answer, or for the end of a step that nobody saw.
async fn asking(show: &Show) -> Vec<Value> {
    let waiting = show.try_ask("agent.status", json!({ "status": "waiting", "limit": WAITING })).await;
    let Ok(Value::Array(mut runs)) = waiting.map(|mut found| found["runs"].take()) else { return Vec::new() };
    runs.retain(|run| run["waitingFor"]["reason"] == "input" || run["waitingFor"]["reason"] == "unknown_outcome");
    runs.reverse();
    runs
}

/// One request, with the exact bytes.
pub(super) async fn one(show: Show, Path(approval): Path<String>) -> Shown {
    shown(&show, &approval, StatusCode::OK, json!({})).await
}

/// The page of a request, with what is to be said about it beside what it says itself.
async fn shown(show: &Show, approval: &str, status: StatusCode, about: Value) -> Shown {
    let found = show.ask("agent.approvals.list", json!({ "approvalId": approval })).await?;
    let approval = &found["approvals"][0];
    let title = approval["title"].as_str().unwrap_or("Approval").to_owned();
    let display = &approval["display"];
    let text = |name: &str| display[name].as_str().unwrap_or_default();
    let mut facts = json!({ "approval": approval, "change": change::lines(text("body"), text("media")) });
    for (name, said) in about.as_object().into_iter().flatten() {
        facts[name] = said.clone();
    }
    show.answer(status, "studio/approval.html", &title, "approvals", facts).await
}

/// Approves or rejects exactly what was shown. Whoever approves a long change says that they have opened all of it.
pub(super) async fn decide(Path(approval): Path<String>, sent: Sent) -> Shown {
    let show = &sent.show;
    if sent.field("action") == Some("approve") && sent.field("seen").is_none() && is_long(show, &approval).await {
        let wrong = "This change is longer than what is shown at first. Open the rest, read it, and say so below.";
        let about = json!({ "wrong": wrong, "comment": sent.field("comment") });
        return shown(show, &approval, StatusCode::UNPROCESSABLE_ENTITY, about).await;
    }
    let mut input = json!({ "approvalId": approval });
    for (field, name) in [("run", "runId"), ("digest", "actionDigest"), ("action", "action"), ("comment", "comment")] {
        if let Some(said) = sent.field(field) {
            input[name] = said.into();
        }
    }
    let run = sent.field("run").unwrap_or_default();
    match show.try_tell("agent.approvals", input, sent.field("once")).await {
        Ok(_) => show.on_to(&format!("/studio/approvals/{}", escape(&approval))),
        Err(problem) if GONE.contains(&problem.code()) => {
            let newer = newer(show, run, &approval).await;
            let about = json!({
                "wrong": problem.detail(), "code": problem.code(), "newer": newer, "comment": sent.field("comment"),
            });
            shown(show, &approval, StatusCode::CONFLICT, about).await
        }
        Err(problem) => Err(show.problem(&problem)),
    }
}

/// Whether a part of a request's change is not seen at first.
async fn is_long(show: &Show, approval: &str) -> bool {
    let found = show.try_ask("agent.approvals.list", json!({ "approvalId": approval })).await.unwrap_or_default();
    let display = &found["approvals"][0]["display"];
    let change =
        change::lines(display["body"].as_str().unwrap_or_default(), display["media"].as_str().unwrap_or_default());
    change["rest"].as_array().is_some_and(|rest| !rest.is_empty()) || change["more"] == true
}

/// The whole of what would be set free, as a file: for whoever decides about more than a page can hold.
pub(super) async fn text(show: Show, Path(approval): Path<String>) -> Shown {
    let found = show.ask("agent.approvals.list", json!({ "approvalId": approval })).await?;
    let display = &found["approvals"][0]["display"];
    let end = if display["media"].as_str().is_some_and(|media| media.contains("diff")) { "diff" } else { "txt" };
    let body = display["body"].as_str().unwrap_or_default().to_owned();
    let file = header_text(&attachment(&format!("{approval}.{end}")));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    ];
    Ok((headers, body).into_response())
}

/// What the same run asks now, in place of this request.
async fn newer(show: &Show, run: &str, approval: &str) -> Option<Value> {
    let pending = json!({ "runId": run, "status": "pending", "limit": 20, "maxBytes": 0 });
    let found = show.try_ask("agent.approvals.list", pending).await.ok()?;
    let mut rows = found["approvals"].as_array()?.iter().rev();
    rows.find(|row| row["approvalId"] != approval)
        .map(|row| json!({ "approvalId": row["approvalId"], "title": row["title"] }))
}
