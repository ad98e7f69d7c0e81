//! What the signs on the pages mean, each beside its word: states, marks, and what a record's level proves and does not.

use serde_json::{Value, json};

use super::{Shown, page::Show, timeline::MARKS};

/// States of runs, in the order in which a run has them.
const RUNS: &[(&str, &str)] = &[
    ("queued", "It was accepted, and no worker has taken it yet."),
    ("running", "A worker has it."),
    ("awaiting_approval", "A person has to allow the next step, or refuse it."),
    ("awaiting_answer", "It has asked a question, and goes on with the answer."),
    ("unknown", "Nobody saw how a step ended that cannot be repeated safely; a person has to say it."),
    ("waiting", "It goes on by itself when a time has come."),
    ("completed", "It came to its end and has a result."),
    ("failed", "It ended without a result, and its page says why."),
    ("cancelled", "Somebody stopped it."),
];

/// States that only steps have.
const STEPS: &[(&str, &str)] = &[
    ("decided", "The planner wants it; nothing was done yet."),
    ("in_flight", "It is being done. The intent is in the record, so a crash now leaves a trace."),
    ("retrying", "An attempt failed, and another will be made."),
    ("stubbed", "In a dry run: nothing was done, and the result was made up."),
    ("denied", "Policy forbids it, and nothing was done."),
];

/// States that only approvals have.
const APPROVALS: &[(&str, &str)] = &[
    ("approved", "Somebody allowed exactly the bytes that were shown."),
    ("rejected", "Somebody refused it, and nothing was done."),
    ("expired", "Nobody decided in time. Silence never approves."),
    ("withdrawn", "The run no longer asks for it."),
];

/// Levels of a record: what each proves, and what it does not.
const LEVELS: &[(&str, &str, &str)] = &[
    ("recorded", "That the server wrote events down.", "That they are as they were written. Nothing was computed yet."),
    (
        "intact",
        "That the chain of hashes, computed again, holds: no event was changed, left out or put in before the last one.",
        "That whoever owns the database did not write a whole new chain.",
    ),
    (
        "signed",
        "That the log signed this chain, so nothing before the signature can be rewritten for somebody who has it.",
        "That everybody is shown the same log.",
    ),
    (
        "witnessed",
        "That a second party has seen the same log and signed it as well.",
        "That what a tool or a model said was true, or that nothing happened outside of this server.",
    ),
    (
        "broken",
        "That something was changed: the first event that does not fit is named.",
        "Who did it, or what stood there.",
    ),
];

/// All of them.
pub(super) async fn page(show: Show) -> Shown {
    let rows = |rows: &[(&str, &str)]| -> Value { rows.iter().map(|(sign, says)| json!([sign, says])).collect() };
    let facts = json!({
        "groups": [
            { "title": "Runs", "rows": rows(RUNS) },
            { "title": "Steps", "rows": rows(STEPS) },
            { "title": "Approvals", "rows": rows(APPROVALS) },
        ],
        "levels": LEVELS, "marks": MARKS,
    });
    show.page("studio/signs.html", "What the signs mean", "", facts).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::words::{STATES, state};

    #[test]
    fn every_state_is_explained_once() {
        let mut explained: Vec<&str> = [RUNS, STEPS, APPROVALS].concat().iter().map(|(sign, _)| *sign).collect();
        for step in STATES {
            assert!(explained.contains(step), "{step}");
        }
        let levels = LEVELS.iter().map(|(sign, ..)| *sign);
        assert!(explained.iter().copied().chain(levels).all(|sign| state(sign).0 != "Unknown"));
        let all = explained.len();
        explained.sort_unstable();
        explained.dedup();
        assert_eq!(explained.len(), all);
    }
}
