//! How things are said on pages: states, parts of ids, what lies between two moments.

use serde::Deserialize as _;
use serde_json::Value;

use crate::handlers::wire::Moment;

/// The end of an id: ids made close together have their beginnings in common.
pub(crate) fn tail(id: &str) -> String {
    let length = id.chars().count();
    match id.split_once('_') {
        Some((prefix, _)) if length > prefix.len() + 8 => {
            format!("{prefix}_…{}", id.chars().skip(length - 6).collect::<String>())
        }
        _ => id.to_owned(),
    }
}

/// What people call a state, and the sign that stands beside the word: no colour means anything alone.
pub(crate) fn state(status: &str) -> (&'static str, &'static str) {
    match status {
        "queued" => ("Queued", "queued"),
        "running" => ("Running", "running"),
        "waiting" => ("Waiting", "waiting"),
        "cancelling" => ("Cancelling", "running"),
        "completed" => ("Completed", "done"),
        "failed" => ("Failed", "failed"),
        "cancelled" => ("Cancelled", "stopped"),
        "pending" | "awaiting_approval" => ("Needs approval", "approval"),
        "approved" => ("Approved", "done"),
        "rejected" => ("Rejected", "failed"),
        "expired" => ("Expired", "stopped"),
        "withdrawn" => ("Withdrawn", "stopped"),
        "decided" => ("Decided", "queued"),
        "in_flight" => ("In flight", "running"),
        "retrying" => ("Retrying", "waiting"),
        "unknown" => ("Outcome unknown", "approval"),
        "awaiting_answer" => ("Needs an answer", "approval"),
        "stubbed" => ("Stubbed", "done"),
        "denied" => ("Denied", "failed"),
        "active" => ("Active", "done"),
        "revoked" => ("Revoked", "stopped"),
        "recorded" => ("Recorded", "queued"),
        "intact" => ("Intact", "intact"),
        "signed" => ("Signed", "intact"),
        "witnessed" => ("Witnessed", "intact"),
        "broken" => ("Broken", "broken"),
        _ => ("Unknown", "queued"),
    }
}

/// The state that is shown of a run: one that waits for a person says so, and for what.
pub(crate) fn standing(run: &Value) -> &str {
    match run["waitingFor"]["reason"].as_str() {
        Some("approval") => "awaiting_approval",
        Some("input") => "awaiting_answer",
        Some("unknown_outcome") => "unknown",
        _ => run["status"].as_str().unwrap_or_default(),
    }
}

/// The states of steps.
pub(super) const STATES: &[&str] = &[
    "decided",
    "awaiting_approval",
    "approved",
    "in_flight",
    "retrying",
    "unknown",
    "completed",
    "stubbed",
    "failed",
    "denied",
    "rejected",
    "expired",
    "withdrawn",
];

/// Microseconds between two moments of a reply; nothing where one is missing or they are no moments.
pub(super) fn between(from: &Value, to: &Value) -> Option<u64> {
    u64::try_from(micros(to)? - micros(from)?).ok()
}

/// A moment of a reply in microseconds since 1970.
pub(super) fn micros(moment: &Value) -> Option<i64> {
    moment.is_string().then(|| Moment::deserialize(moment).ok())?.map(|at| at.0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_that_waits_says_for_what() {
        let of = |reason: &str| state(standing(&json!({ "status": "waiting", "waitingFor": { "reason": reason } }))).0;
        let said = ["approval", "input", "unknown_outcome", "timer"].map(of);
        assert_eq!(said, ["Needs approval", "Needs an answer", "Outcome unknown", "Waiting"]);
        assert_eq!(standing(&json!({ "status": "failed" })), "failed");
    }

    #[test]
    fn an_id_is_shown_by_its_end() {
        assert_eq!(tail("run_01JDA3K9W2ZB8R5M0C7T7XK4QZ"), "run_…7XK4QZ");
        assert_eq!(tail("run_1"), "run_1");
        assert_eq!(tail("ü"), "ü");
    }
}
