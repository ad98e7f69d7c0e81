//! The filter text of run lists: `status:failed,waiting agent:release-notes since:24h cost:>0.10 input.team:shop`. All of
//! it must hold.
//!
//! What lists are ordered or counted by becomes a part of the store's query. The rest is a [`Test`] of one run after the
//! other: what a run cost, who started it and what was said to it stand in its journal, partly sealed, and no index repeats
//! them (`docs/design/filters.md`).

mod test;

use std::{sync::Arc, time::Duration};

use affiant_contract::{duration, nearest};
use affiant_engine::ports::RunQuery;
use affiant_journal::Timestamp;

pub(super) use self::test::{Needs, Test, Words};
use crate::handlers::wire::Moment;

/// Every field, those of the input aside, which are `input.` and their path.
const FIELDS: &[&str] = &[
    "status",
    "agent",
    "since",
    "until",
    "id",
    "actor",
    "error",
    "steps",
    "took",
    "cost",
    "tokens",
    "text",
    "input.FIELD",
];

const STATUSES: &[&str] = &["queued", "running", "waiting", "cancelling", "completed", "failed", "cancelled"];

/// Narrows a query by a filter text, and gives the tests that are left, those that need the least first.
///
/// # Errors
///
/// A sentence that names the position, and the nearest known word where there is one.
pub(super) fn narrow(query: &mut RunQuery, text: &str, now: Timestamp) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for (at, word) in words(text) {
        let placed = |why: String| format!("At character {at}: {why}");
        let (negated, plain) = word.strip_prefix('-').map_or((false, &*word), |plain| (true, plain));
        let Some((field, value)) = plain.split_once(':') else {
            return Err(placed(format!("`{plain}` has no field; write `text:{plain}` or `agent:{plain}`.")));
        };
        if value.is_empty() {
            return Err(placed(format!("`{field}:` has no value.")));
        }
        match field {
            "status" => status(query, value, negated).map_err(placed)?,
            "since" | "until" | "id" if negated => {
                return Err(placed(format!("`{field}` cannot be excluded with `-`.")));
            }
            "agent" if !negated => query.agent = Some(value.split('@').next().unwrap_or(value).into()),
            "since" => query.since = Some(moment(value, now).ok_or_else(|| placed(not_a_time(value)))?),
            "until" => query.until = Some(moment(value, now).ok_or_else(|| placed(not_a_time(value)))?),
            "id" => query.id_part = Some(value.to_owned()),
            field => tests.push(Test::new(field, value, negated).map_err(placed)?),
        }
    }
    tests.sort_by_key(Test::needs);
    Ok(tests)
}

/// What is said of a field that is not there.
fn unknown(field: &str) -> String {
    let known = || format!(" Known are `{}`.", FIELDS.join("`, `"));
    let near = nearest(field, FIELDS.iter().copied());
    let hint = near.map(|near| format!(" Did you mean `{near}`?")).unwrap_or_else(known);
    format!("runs have no field `{field}`.{hint}")
}

/// The words of a text with their places, counted in characters from 1. Between quotes a space ends no word; the quotes
/// are not a part of it.
fn words(text: &str) -> Vec<(usize, String)> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<(usize, String)>, false);
    for (at, letter) in (1..).zip(text.chars()) {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert((at, String::new()));
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert((at, String::new())).1.push(letter),
        }
    }
    words.extend(word);
    words
}

fn status(query: &mut RunQuery, value: &str, negated: bool) -> Result<(), String> {
    let mut wanted: Vec<&str> = Vec::new();
    for word in value.split(',') {
        match word {
            "active" => wanted.extend(&STATUSES[..4]),
            "ended" => wanted.extend(&STATUSES[4..]),
            known if STATUSES.contains(&known) => wanted.push(known),
            other => {
                let near = nearest(other, STATUSES.iter().copied()).unwrap_or("running");
                return Err(format!("`{other}` is no status; did you mean `{near}`?"));
            }
        }
    }
    let chosen = STATUSES.iter().filter(|status| wanted.contains(status) != negated);
    let before = std::mem::take(&mut query.statuses);
    let both = chosen.filter(|status| before.is_empty() || before.iter().any(|other| **other == ***status));
    query.statuses = both.map(|status| Arc::from(*status)).collect();
    if query.statuses.is_empty() {
        // Nothing is in two states at once. No run has this one, so the list is empty.
        query.statuses.push("none".into());
    }
    Ok(())
}

/// A span before now, or a moment.
fn moment(value: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(span) = duration::parse(value) {
        return Some(before(now, span));
    }
    let text = if value.len() == 10 { format!("{value}T00:00:00Z") } else { value.to_owned() };
    serde_json::from_value::<Moment>(text.into()).ok().map(|moment| moment.0)
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}

fn not_a_time(value: &str) -> String {
    format!("`{value}` is no span such as `24h` or `7d`, and no date such as `2026-11-22`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(text: &str) -> String {
        let mut query = RunQuery::default();
        match narrow(&mut query, text, Timestamp(1_795_359_600_000_000)) {
            Ok(tests) => {
                let RunQuery { statuses, agent, since, until, id_part, .. } = query;
                let moment = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                let parts = [
                    statuses.join("|"),
                    agent.unwrap_or_default().to_string(),
                    moment(since),
                    moment(until),
                    id_part.unwrap_or_default(),
                    tests.iter().map(|test| format!("{test:?}")).collect::<Vec<_>>().join(" & "),
                ];
                parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn a_filter_narrows_or_says_where_it_is_wrong() {
        let texts = [
            "status:failed,waiting agent:release-notes@1 since:24h",
            "status:active -status:waiting",
            "status:failed -status:failed",
            "since:2026-11-20 until:2h id:7XK4",
            "since:\"2026-11-20T10:00:00+01:00\"",
            "input.team:shop text:\"out of\" -actor:u_ci cost:>0.10 steps:<=3",
            "-agent:echo error:budget-exhausted took:>5m tokens:0 -input.order.id:4*",
            "ü  stauts:failed",
            "status:faild",
            "notes",
            "-since:2h",
            "since:yesterday",
            "colour:red",
            "agent:",
            "cost:much",
            "cost:>0.1234567891",
            "took:>soon",
            "input.:1",
        ];
        let lines: Vec<_> = texts.iter().map(|text| format!("{text}: {}", narrowed(text))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        status:failed,waiting agent:release-notes@1 since:24h: waiting|failed, release-notes, 2026-11-21T15:00:00.000000Z
        status:active -status:waiting: queued|running|cancelling
        status:failed -status:failed: none
        since:2026-11-20 until:2h id:7XK4: 2026-11-20T00:00:00.000000Z, 2026-11-22T13:00:00.000000Z, 7XK4
        since:"2026-11-20T10:00:00+01:00": 2026-11-20T09:00:00.000000Z
        input.team:shop text:"out of" -actor:u_ci cost:>0.10 steps:<=3: Test { negated: true, on: Actor("u_ci") } & Test { negated: false, on: Steps(AtMost, 3) } & Test { negated: false, on: Cost(More, Money(100000000)) } & Test { negated: false, on: Input("/team", "shop") } & Test { negated: false, on: Text("out of") }
        -agent:echo error:budget-exhausted took:>5m tokens:0 -input.order.id:4*: Test { negated: true, on: Agent("echo") } & Test { negated: false, on: Error("budget-exhausted") } & Test { negated: false, on: Took(More, 300000000) } & Test { negated: false, on: Tokens(Equal, 0) } & Test { negated: true, on: Input("/order/id", "4*") }
        ü  stauts:failed: At character 1: `ü` has no field; write `text:ü` or `agent:ü`.
        status:faild: At character 1: `faild` is no status; did you mean `failed`?
        notes: At character 1: `notes` has no field; write `text:notes` or `agent:notes`.
        -since:2h: At character 1: `since` cannot be excluded with `-`.
        since:yesterday: At character 1: `yesterday` is no span such as `24h` or `7d`, and no date such as `2026-11-22`.
        colour:red: At character 1: runs have no field `colour`. Known are `status`, `agent`, `since`, `until`, `id`, `actor`, `error`, `steps`, `took`, `cost`, `tokens`, `text`, `input.FIELD`.
        agent:: At character 1: `agent:` has no value.
        cost:much: At character 1: `much` is not an amount such as `0.50`: digits with at most nine after the point.
        cost:>0.1234567891: At character 1: `0.1234567891` is not an amount such as `0.50`: digits with at most nine after the point.
        took:>soon: At character 1: `soon` is no span such as `5m` or `2h`.
        input.:1: At character 1: runs have no field `input.`. Known are `status`, `agent`, `since`, `until`, `id`, `actor`, `error`, `steps`, `took`, `cost`, `tokens`, `text`, `input.FIELD`.
        "#);
    }
}
