//! What waits for a person: the inbox, and one request with everything that must be seen before it is decided.

use axum::extract::Path;
use serde_json::{Value, json};

use super::{Shown, page::Show, session::Sent};
use crate::rest::query::escape;

/// Requests in the inbox.
const ROWS: u64 = 100;

/// Lines of a change that are shown at first; the others must be opened before anything can be decided.
const SHOWN: usize = 40;

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
    let found = show.ask("agent.approvals.list", input).await?;
    let mut approvals = found["approvals"].as_array().cloned().unwrap_or_default();
    approvals.sort_by_key(|it| it["requestedAt"].as_str().unwrap_or_default().to_owned());
    let next = found["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)]));
    let facts = json!({ "approvals": approvals, "total": found["total"], "status": status, "next": next });
    show.list("studio/approvals.html", "Approvals", "approvals", facts, "approvals").await
}

/// One request, with the exact bytes.
pub(super) async fn one(show: Show, Path(approval): Path<String>) -> Shown {
    let found = show.ask("agent.approvals.list", json!({ "approvalId": approval })).await?;
    let approval = &found["approvals"][0];
    let title = approval["title"].as_str().unwrap_or("Approval").to_owned();
    let facts = json!({ "approval": approval, "change": change(&approval["display"]), "stale": show.asked("stale") });
    show.page("studio/approval.html", &title, "approvals", facts).await
}

/// The lines of a change, each with what it does; those after the first few in a part of their own.
fn change(display: &Value) -> Value {
    let body = display["body"].as_str().unwrap_or_default();
    let diff = display["media"].as_str().is_some_and(|media| media.contains("diff"));
    let kind = |line: &str| match line.as_bytes().first() {
        _ if !diff => "same",
        Some(b'+') if line.starts_with("+++") => "file",
        Some(b'-') if line.starts_with("---") => "file",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "place",
        _ => "same",
    };
    let lines: Vec<Value> = body.lines().map(|line| json!({ "kind": kind(line), "text": line })).collect();
    let (first, rest) = lines.split_at(lines.len().min(SHOWN));
    let hidden = body.chars().any(crate::visible::is_hidden);
    json!({ "first": first, "rest": rest, "count": lines.len(), "hidden": hidden })
}

/// Approves or rejects exactly what was shown.
pub(super) async fn decide(Path(approval): Path<String>, sent: Sent) -> Shown {
    let mut input = json!({ "approvalId": approval });
    for (field, name) in [("run", "runId"), ("digest", "actionDigest"), ("action", "action"), ("comment", "comment")] {
        if let Some(said) = sent.field(field) {
            input[name] = said.into();
        }
    }
    sent.show.tell("agent.approvals", input, sent.field("once")).await?;
    sent.show.on_to(&format!("/studio/approvals/{}", escape(&approval)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_change_has_a_part_that_must_be_opened() {
        let body = format!("--- a\n+++ b\n@@ -1 +1,60 @@\n-old\n{}", "+new\n".repeat(60));
        let change = change(&json!({ "body": body, "media": "text/x-diff" }));
        let kinds: Vec<&str> =
            change["first"].as_array().unwrap()[..5].iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["file", "file", "place", "removed", "added"]);
        assert_eq!((change["first"].as_array().unwrap().len(), change["rest"].as_array().unwrap().len()), (40, 24));
        assert_eq!(change["hidden"], false);
    }

    #[test]
    fn what_hides_in_a_change_is_said() {
        assert_eq!(change(&json!({ "body": "a\u{202e}b", "media": "text/plain" }))["hidden"], true);
    }
}
