//! The filter text of run lists: `status:failed,waiting agent:release-notes since:24h`. All of it must hold.

use std::{sync::Arc, time::Duration};

use affiant_contract::{duration, nearest};
use affiant_engine::ports::RunQuery;
use affiant_journal::Timestamp;

use crate::handlers::wire::Moment;

const FIELDS: &[&str] = &["status", "agent", "since", "id"];

const STATUSES: &[&str] = &["queued", "running", "waiting", "cancelling", "completed", "failed", "cancelled"];

/// Narrows a query by a filter text.
///
/// # Errors
///
/// A sentence that names the position, and the nearest known word where there is one.
pub(super) fn narrow(query: &mut RunQuery, text: &str, now: Timestamp) -> Result<(), String> {
    for (at, word) in words(text) {
        let (negated, plain) = word.strip_prefix('-').map_or((false, word), |plain| (true, plain));
        let Some((field, value)) = plain.split_once(':') else {
            return Err(format!("At character {at}: `{plain}` has no field; write `agent:{plain}` or `id:{plain}`."));
        };
        let value = value.trim_matches('"');
        match field {
            "status" => status(query, value, negated).map_err(|why| format!("At character {at}: {why}"))?,
            _ if negated => return Err(format!("At character {at}: only `status` can be excluded with `-`.")),
            "agent" => query.agent = Some(value.split('@').next().unwrap_or(value).into()),
            "since" => query.since = Some(since(value, now).ok_or_else(|| not_a_time(at, value))?),
            "id" => query.id_part = Some(value.to_owned()),
            other => {
                let hint = nearest(other, FIELDS.iter().copied()).map(|near| format!(" Did you mean `{near}`?"));
                let known = FIELDS.join("`, `");
                let hint = hint.unwrap_or_else(|| format!(" Known are `{known}`."));
                return Err(format!("At character {at}: runs have no field `{other}`.{hint}"));
            }
        }
    }
    Ok(())
}

/// The words of a text with their places, counted in characters from 1.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_whitespace().map(move |word| {
        let bytes = word.as_ptr() as usize - text.as_ptr() as usize;
        (text[..bytes].chars().count() + 1, word)
    })
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
fn since(value: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(span) = duration::parse(value) {
        return Some(before(now, span));
    }
    let text = if value.len() == 10 { format!("{value}T00:00:00Z") } else { value.to_owned() };
    serde_json::from_value::<Moment>(text.into()).ok().map(|moment| moment.0)
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    Timestamp(now.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
}

fn not_a_time(at: usize, value: &str) -> String {
    format!("At character {at}: `{value}` is no span such as `24h` or `7d`, and no date such as `2026-11-22`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(text: &str) -> String {
        let mut query = RunQuery::default();
        match narrow(&mut query, text, Timestamp(1_795_359_600_000_000)) {
            Ok(()) => {
                let RunQuery { statuses, agent, since, id_part, .. } = query;
                format!("{} {agent:?} {since:?} {id_part:?}", statuses.join("|"))
            }
            Err(why) => why,
        }
    }

    #[test]
    fn a_filter_narrows_or_says_where_it_is_wrong() {
        let texts = [
            "",
            "status:failed,waiting agent:release-notes@1 since:24h",
            "status:active -status:waiting",
            "status:failed -status:failed",
            "since:2026-11-20 id:7XK4",
            "since:\"2026-11-20T10:00:00+01:00\"",
            "ü  stauts:failed",
            "status:faild",
            "notes",
            "-agent:x",
            "since:yesterday",
            "colour:red",
        ];
        let lines: Vec<_> = texts.iter().map(|text| format!("{text}: {}", narrowed(text))).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        :  None None None
        status:failed,waiting agent:release-notes@1 since:24h: waiting|failed Some("release-notes") Some(2026-11-21T15:00:00.000000Z) None
        status:active -status:waiting: queued|running|cancelling None None None
        status:failed -status:failed: none None None None
        since:2026-11-20 id:7XK4:  None Some(2026-11-20T00:00:00.000000Z) Some("7XK4")
        since:"2026-11-20T10:00:00+01:00":  None Some(2026-11-20T09:00:00.000000Z) None
        ü  stauts:failed: At character 1: `ü` has no field; write `agent:ü` or `id:ü`.
        status:faild: At character 1: `faild` is no status; did you mean `failed`?
        notes: At character 1: `notes` has no field; write `agent:notes` or `id:notes`.
        -agent:x: At character 1: only `status` can be excluded with `-`.
        since:yesterday: At character 1: `yesterday` is no span such as `24h` or `7d`, and no date such as `2026-11-22`.
        colour:red: At character 1: runs have no field `colour`. Known are `status`, `agent`, `since`, `id`.
        "#);
    }
}
