//! What changes while pages are open: one stream for a whole browser, which tells what happened to which run.
//!
//! A message says *that* something was stored, not what: which events a run got, and of which kinds. Pages ask again for
//! what they show, with the viewer's rights. The `id` of a message is a place in the store's own order of all entries,
//! so a browser that comes back is told everything it missed, once; and whoever was away for too long is told to ask for
//! everything again.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use affiant_engine::{outbox, ports::Positioned};
use affiant_journal::{StreamId, TenantId};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;
use serde::{Deserialize, Serialize};

use super::{Studio, session::Viewer};
use crate::{events::MEDIA_TYPE, problem::Refusal, rest::query};

/// How often the store is asked when nothing happens.
const POLL: Duration = Duration::from_millis(250);

/// How long a stream may be silent; then it says that it is still there.
const HEARTBEAT: u32 = 60;

/// Entries that are looked at for one message.
const BATCH: usize = 1000;

/// Whoever is further behind than this is told to ask for everything again.
const FAR: u64 = 10_000;

/// What happened to one run.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Change {
    /// `seq` of its first event that is new.
    from: u64,
    /// `seq` of the last.
    to: u64,
    /// Their kinds, each once.
    types: Vec<String>,
}

/// What happened since the last message.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Changes {
    runs: BTreeMap<String, Change>,
    /// How many approvals wait now, where that may have changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    /// Whether the log of administrative facts has grown.
    admin: bool,
}

struct Stream {
    studio: Arc<Studio>,
    viewer: Viewer,
    after: u64,
    begun: bool,
}

/// The stream of a browser that is signed in.
pub(super) async fn stream(
    State(studio): State<Arc<Studio>>,
    viewer: Option<Viewer>,
    headers: HeaderMap,
    axum::extract::RawQuery(query): axum::extract::RawQuery,
) -> Response {
    // `EventSource` takes any other answer than 200 as the word to stop asking; a redirect would be followed.
    let Some(viewer) = viewer else { return StatusCode::UNAUTHORIZED.into_response() };
    let seen = headers.get("last-event-id").and_then(|seen| seen.to_str().ok()?.parse().ok());
    let pairs = query::pairs(query.as_deref().unwrap_or_default()).unwrap_or_default();
    let asked = pairs.iter().find(|(name, _)| name == "after").and_then(|(_, after)| after.parse().ok());
    let Ok(end) = studio.place().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let after = seen.or(asked).unwrap_or(end);
    let stream = Stream { studio, viewer, after, begun: false };
    let body = stream::unfold(stream, |mut stream| async move {
        let piece = stream.piece().await?;
        Some((Ok::<_, Infallible>(piece), stream))
    });
    let headers = [(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")];
    let quick = [("x-accel-buffering", "no")];
    (headers, quick, Body::from_stream(body)).into_response()
}

impl Studio {
    /// The place of the newest entry.
    pub(super) async fn place(&self) -> Result<u64, Refusal> {
        let known = self.place.load(Ordering::Relaxed);
        let end = outbox::end(&*self.services.store, known).await?;
        self.place.fetch_max(end, Ordering::Relaxed);
        Ok(end)
    }
}

impl Stream {
    /// The next message; nothing when the viewer may not see any more, the store refuses, or the server stops.
    async fn piece(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.begun, true) {
            // Something at once, so that the browser knows that it is connected.
            return self.caught_up().await.ok().flatten().or_else(|| Some(self.frame("still", "{}")));
        }
        let services = self.studio.services.clone();
        for _ in 0..HEARTBEAT {
            tokio::select! {
                () = tokio::time::sleep(POLL) => (),
                () = services.stop.cancelled() => return None,
            }
            if !self.viewer.is_still(&services.keyring, services.clock.now()) {
                return None;
            }
            match self.news().await {
                Ok(None) => (),
                Ok(Some(message)) => return Some(message),
                Err(refusal) => {
                    tracing::warn!(cause = refusal.cause(), "a stream of changes was cut");
                    return None;
                }
            }
        }
        Some(self.frame("still", "{}"))
    }

    /// What happened since the last message, if anything did.
    async fn news(&mut self) -> Result<Option<Bytes>, Refusal> {
        let entries = self.studio.services.store.tail(self.after, BATCH).await?;
        let Some(last) = entries.last() else { return Ok(None) };
        if entries.len() == BATCH
            && let Some(everything) = self.caught_up().await?
        {
            return Ok(Some(everything));
        }
        self.after = last.position;
        Ok(self.message(&entries).await)
    }

    /// The word to ask for everything again, for whoever is too far behind to be told what happened.
    async fn caught_up(&mut self) -> Result<Option<Bytes>, Refusal> {
        let end = self.studio.place().await?;
        if end.saturating_sub(self.after) <= FAR {
            return Ok(None);
        }
        self.after = end;
        Ok(Some(self.frame("everything", "{}")))
    }

    async fn message(&self, entries: &[Positioned]) -> Option<Bytes> {
        let mut changes = changes(entries, &self.viewer.who.tenant);
        if changes == Changes::default() {
            return None;
        }
        let asks = |kind: &String| kind.starts_with("approval.") || kind.starts_with("run.");
        if changes.runs.values().any(|change| change.types.iter().any(asks)) {
            changes.waiting = self.studio.waiting(&self.viewer).await;
        }
        Some(self.frame("changes", &serde_json::to_string(&changes).ok()?))
    }

    fn frame(&self, event: &str, data: &str) -> Bytes {
        Bytes::from(format!("retry: 1000\nid: {}\nevent: {event}\ndata: {data}\n\n", self.after))
    }
}

/// What these entries say of the runs of one tenant.
fn changes(entries: &[Positioned], tenant: &TenantId) -> Changes {
    #[derive(Deserialize)]
    struct Told {
        r#type: String,
        seq: u64,
    }
    let mut changes = Changes::default();
    for entry in entries.iter().filter(|entry| entry.tenant == *tenant) {
        let Ok(told) = serde_json::from_slice::<Told>(&entry.entry.bytes) else { continue };
        if entry.stream == StreamId::admin() {
            changes.admin = true;
            continue;
        }
        let change =
            changes.runs.entry(entry.stream.to_string()).or_insert(Change { from: told.seq, ..Change::default() });
        change.to = told.seq;
        if !change.types.contains(&told.r#type) {
            change.types.push(told.r#type);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use affiant_journal::{Digest, Entry};

    use super::*;

    fn entry(position: u64, tenant: &str, stream: &str, seq: u64, kind: &str) -> Positioned {
        let bytes = format!(r#"{{"seq":{seq},"type":"{kind}"}}"#).into_bytes();
        let entry = Entry { leaf: Digest::of(&bytes), bytes: bytes.into() };
        Positioned { position, tenant: tenant.into(), stream: StreamId::new(stream), entry }
    }

    #[test]
    fn a_message_says_what_each_run_got_and_nothing_of_others() {
        let entries = [
            entry(1, "t_a", "run_1", 3, "step.observed"),
            entry(2, "t_b", "run_9", 0, "run.submitted"),
            entry(3, "t_a", "run_1", 4, "step.decided"),
            entry(4, "t_a", "run_2", 0, "run.submitted"),
            entry(5, "t_a", "run_1", 5, "step.observed"),
        ];
        let told = serde_json::to_string(&changes(&entries, &"t_a".into())).unwrap();
        assert_eq!(
            told,
            r#"{"runs":{"run_1":{"from":3,"to":5,"types":["step.observed","step.decided"]},"run_2":{"from":0,"to":0,"types":["run.submitted"]}},"admin":false}"#
        );
        assert_eq!(changes(&[entry(6, "t_b", "admin", 0, "key.created")], &"t_a".into()), Changes::default());
        assert!(changes(&[entry(6, "t_a", "admin", 0, "key.created")], &"t_a".into()).admin);
    }
}
