//! The events of a run, exactly as they were recorded.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Path,
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    Shown,
    format::Format,
    page::{Halt, Show, header_text},
    run,
};
use crate::{
    problem::{Problem, Refusal},
    rest::live::attachment,
};

/// Events on a page.
const ROWS: usize = 100;

/// Events in one reply that is looked through.
const CHUNK: u64 = 1000;

/// Replies that are looked through for one page, when hardly any event is let through.
const CHUNKS: usize = 20;

/// Bytes of one event that a page shows.
const SHOWN: usize = 4096;

/// Bytes of all events of a page after which each is shown more briefly.
const ROOM: usize = 128 << 10;

/// Bytes of one event that a page shows when there is hardly any room left.
const BRIEF: usize = 512;

/// One reply of `agent.events`, each event in its own bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    last_seq: u64,
}

/// What a list says of an event.
#[derive(Deserialize)]
struct Head<'a> {
    seq: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    actor: Actor<'a>,
}

#[derive(Deserialize)]
struct Actor<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Which types of event are wanted: words that must all let an event through. `step` lets every `step.…` through,
/// `step,approval` either, `-step` none of them.
struct Filter(Vec<(bool, Vec<String>)>);

impl Filter {
    fn of(text: &str) -> Self {
        let word = |word: &str| {
            let (not, word) = word.strip_prefix('-').map_or((false, word), |word| (true, word));
            let word = word.strip_prefix("type:").unwrap_or(word);
            (not, word.split(',').map(|one| one.trim_end_matches('.').to_ascii_lowercase()).collect())
        };
        Self(text.split_whitespace().map(word).collect())
    }

    fn lets(&self, kind: &str) -> bool {
        let is = |wanted: &String| {
            kind.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.0.iter().all(|(not, any)| any.iter().any(is) != *not)
    }
}

/// A page of events, or all of them as a file with exactly the bytes of the record.
pub(super) async fn list(show: Show, Path(run): Path<String>) -> Shown {
    let head = run::head(&show, &run).await?;
    let filter = Filter::of(show.asked("q").unwrap_or_default());
    if show.format == Format::Jsonl {
        return Ok(file(show, run, filter));
    }
    let from: u64 = show.asked("from").and_then(|from| from.parse().ok()).unwrap_or(0);
    let found = look(&show, &run, from, &filter).await?;
    let at = |seq: u64| show.with(&[("from", &seq.to_string())]);
    let earlier = (from > 0).then(|| if filter.0.is_empty() { from.saturating_sub(ROWS as u64) } else { 0 });
    let facts = json!({
        "run": head, "tab": "events", "events": found.rows, "q": show.asked("q").unwrap_or_default(), "lastSeq": found.last,
        "next": found.next.map(at), "earlier": earlier.map(at), "looked": found.looked,
    });
    let title = format!("Events of {}", super::words::tail(&run));
    show.page("studio/events.html", &title, "runs", facts).await
}

/// What was found from a place on.
struct Found {
    rows: Vec<Value>,
    /// Bytes of events in the rows.
    bytes: usize,
    last: u64,
    next: Option<u64>,
    /// The last event that was looked at.
    looked: Option<u64>,
}

async fn look(show: &Show, run: &str, from: u64, filter: &Filter) -> Result<Found, Halt> {
    let mut found = Found { rows: Vec::new(), bytes: 0, last: 0, next: None, looked: None };
    let mut place = from;
    for _ in 0..CHUNKS {
        let reply = part(show, run, place).await.map_err(|problem| show.problem(&problem))?;
        let reply: Reply<'_> =
            serde_json::from_slice(&reply).map_err(|error| show.refused(Refusal::internal(error)))?;
        found.last = reply.last_seq;
        for raw in &reply.events {
            let Ok(head) = serde_json::from_str::<Head<'_>>(raw.get()) else { continue };
            if found.rows.len() == ROWS {
                found.next = Some(head.seq);
                return Ok(found);
            }
            found.looked = Some(head.seq);
            place = head.seq + 1;
            if filter.lets(&head.kind) {
                let shown = if found.bytes > ROOM { BRIEF } else { SHOWN };
                found.bytes += raw.get().len().min(shown);
                found.rows.push(row(&head, raw.get(), shown));
            }
        }
        if reply.events.is_empty() || place > found.last {
            return Ok(found);
        }
    }
    found.next = Some(place);
    Ok(found)
}

async fn part(show: &Show, run: &str, from: u64) -> Result<Bytes, Problem> {
    let after = i64::try_from(from).unwrap_or(i64::MAX) - 1;
    show.bytes("agent.events", json!({ "runId": run, "after": after, "limit": CHUNK })).await
}

fn row(head: &Head<'_>, raw: &str, most: usize) -> Value {
    let shown = &raw[..raw.floor_char_boundary(most)];
    json!({
        "seq": head.seq, "type": head.kind, "at": head.at, "actor": head.actor.id, "bytes": raw.len(), "text": shown,
        "cut": shown.len() < raw.len(),
    })
}

/// The events as lines, read as they are sent.
fn file(show: Show, run: String, filter: Filter) -> Response {
    let name = attachment(&format!("{run}.jsonl"));
    let lines = futures::stream::try_unfold((show, run, filter, Some(0)), |(show, run, filter, place)| async move {
        let Some(place) = place else { return Ok::<_, std::io::Error>(None) };
        let failed = |why: String| std::io::Error::other(why);
        let reply = part(&show, &run, place).await.map_err(|problem| failed(problem.detail().to_owned()))?;
        let reply: Reply<'_> = serde_json::from_slice(&reply).map_err(|error| failed(error.to_string()))?;
        let (mut text, mut next) = (String::new(), None);
        for raw in &reply.events {
            let head: Head<'_> = serde_json::from_str(raw.get()).map_err(|error| failed(error.to_string()))?;
            next = Some(head.seq + 1).filter(|next| *next <= reply.last_seq);
            if filter.lets(&head.kind) {
                text.push_str(raw.get());
                text.push('\n');
            }
        }
        Ok(Some((Bytes::from(text), (show, run, filter, next))))
    });
    let headers = [
        (header::CONTENT_TYPE, header_text("application/jsonl")),
        (header::CONTENT_DISPOSITION, header_text(&name)),
        (header::CACHE_CONTROL, header_text("private, no-store")),
    ];
    (headers, Body::from_stream(lines)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_of_events_names_types_and_their_families() {
        let table = [
            ("", "run.submitted", true),
            ("step", "step.decided", true),
            ("step", "stepped", false),
            ("type:step.decided", "step.decided", true),
            ("step -step.decided", "step.decided", false),
            ("run,approval", "approval.requested", true),
            ("-step,run", "run.submitted", false),
        ];
        for (filter, kind, let_through) in table {
            assert_eq!(Filter::of(filter).lets(kind), let_through, "{filter} {kind}");
        }
    }
}
