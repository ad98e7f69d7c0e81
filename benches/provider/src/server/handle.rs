//! One request: is it let in, what goes wrong, and what is answered.

use std::{
    io,
    pin::Pin,
    sync::{Arc, PoisonError, atomic::Ordering},
    task::{Context, Poll},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::Shared;
use crate::{
    answer::Answer,
    brain::Conversation,
    formats::{self, Format},
    ledger::Call,
    script::{Trouble, Turn, Wait},
};

/// Requests that were under way when everybody was told to stay away still arrive.
const UNDER_WAY: Duration = Duration::from_millis(250);
/// The pause of a slow answer.
const SLOW: Duration = Duration::from_millis(100);

pub(super) async fn anthropic(shared: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !headers.contains_key("anthropic-version") {
        return refuse(formats::anthropic::FORMAT, 400, "anthropic-version: header is required", None);
    }
    answer(shared.0, &headers, "/v1/messages", &body, formats::anthropic::FORMAT, None).await
}

pub(super) async fn openai(shared: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(shared.0, &headers, "/v1/responses", &body, formats::openai::FORMAT, None).await
}

pub(super) async fn openai_chat(shared: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(shared.0, &headers, "/v1/chat/completions", &body, formats::openai_chat::FORMAT, None).await
}

pub(super) async fn ollama(shared: State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    answer(shared.0, &headers, "/api/chat", &body, formats::ollama::FORMAT, None).await
}

pub(super) async fn gemini(
    shared: State<Arc<Shared>>,
    Path(call): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let format = formats::gemini::FORMAT;
    match call.split_once(':') {
        Some((model, "streamGenerateContent")) => {
            answer(shared.0, &headers, "/v1beta/models", &body, format, Some((model, true))).await
        }
        Some((model, "generateContent")) => {
            answer(shared.0, &headers, "/v1beta/models", &body, format, Some((model, false))).await
        }
        _ => refuse(format, 404, "there is no such method", None),
    }
}

/// A JSON text.
pub(super) fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The list of models, for those who have the key.
pub(super) fn list(shared: &Shared, headers: &HeaderMap, format: Format, models: Value) -> Response {
    match locked_out(shared, headers) {
        Some(said) => refuse(format, 401, &said, None),
        None => json(&models),
    }
}

/// What is said to somebody without the key. It repeats the key that was tried, as careless providers do.
fn locked_out(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let (key, tried) = (shared.options.key.as_deref()?, tried(headers));
    (tried != key).then(|| format!("Incorrect API key provided: {tried}"))
}

/// The key that came with a request.
fn tried(headers: &HeaderMap) -> &str {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    let bearer = field("authorization").and_then(|it| it.strip_prefix("Bearer "));
    field("x-api-key").or(field("x-goog-api-key")).or(bearer).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn answer(
    shared: Arc<Shared>,
    headers: &HeaderMap,
    path: &str,
    body: &Bytes,
    format: Format,
    asked: Option<(&str, bool)>,
) -> Response {
    let (digest, who) = (hex(&Sha256::digest(body)), hex(&Sha256::digest(tried(headers))[..6]));
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
    let call = shared.ledger.begin(path, key, &who, &digest);
    let mut ends = Ends::new(shared.clone(), call.clone());
    let refused = |status: u16, said: &str| {
        ends.end(&format!("refused {status}"));
        refuse(format, status, said, None)
    };
    if let Some(said) = locked_out(&shared, headers) {
        return refused(401, &said);
    }
    let conversation = match read(format, body, asked) {
        Ok(conversation) => conversation,
        Err(said) => return refused(400, &said),
    };
    if conversation.model.contains("unknown") {
        return refused(404, &format!("The model `{}` does not exist", conversation.model));
    }
    let turn = conversation.next(&shared.options.script);
    let trouble = trouble(&shared, &call, &turn);
    if let Some(left) = resting(&shared, &who) {
        let wait = Wait::Seconds(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1));
        ends.told_to_wait(wait);
        ends.end("refused 429");
        return refuse(format, 429, "You were told to wait", Some(wait));
    }
    match trouble {
        Some(Trouble::Status(status, wait)) => {
            if let Some(wait) = wait {
                let now = Instant::now();
                shared.rests.lock().unwrap_or_else(PoisonError::into_inner).insert(who, (now, now + wait.time()));
                ends.told_to_wait(wait);
            }
            ends.end(&format!("refused {status}"));
            refuse(format, status, "This went wrong on purpose", wait)
        }
        Some(Trouble::Hang) => {
            // The request is dropped when the client goes away, and the call with it.
            let _ends = ends;
            std::future::pending().await
        }
        trouble => give(&shared, format, &conversation, &turn, trouble, ends, body.len()),
    }
}

fn read(format: Format, body: &Bytes, asked: Option<(&str, bool)>) -> Result<Conversation, String> {
    let mut value: Value =
        serde_json::from_slice(body).map_err(|why| format!("We could not parse the JSON body: {why}"))?;
    // Gemini says in the path what others say in the body.
    if let (Some((model, stream)), Some(fields)) = (asked, value.as_object_mut()) {
        fields.insert("model".into(), model.into());
        fields.insert("stream".into(), stream.into());
    }
    (format.read)(&value)
}

/// What goes wrong this time: what a harness queued, what the turn says, or what chance says.
fn trouble(shared: &Shared, call: &Call, turn: &Turn) -> Option<Trouble> {
    if let Some(next) = shared.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
        return Some(next);
    }
    let attempt = usize::try_from(call.attempt).unwrap_or(usize::MAX) - 1;
    if let Some(trouble) = turn.trouble.get(attempt) {
        return Some(*trouble);
    }
    let options = &shared.options;
    let chance = Sha256::digest(format!("{}/{}/{}", options.seed, call.digest, call.attempt));
    let number = |at: usize| u32::from_be_bytes([chance[at], chance[at + 1], chance[at + 2], chance[at + 3]]);
    let hit = f64::from(number(0)) < options.rate * f64::from(u32::MAX);
    let which = number(4) as usize % options.troubles.len().max(1);
    options.troubles.get(which).copied().filter(|_| hit)
}

/// How long this one is still to stay away. Who comes all the same is counted.
fn resting(shared: &Shared, who: &str) -> Option<Duration> {
    let (since, until) = *shared.rests.lock().unwrap_or_else(PoisonError::into_inner).get(who)?;
    let now = Instant::now();
    let left = until.checked_duration_since(now).filter(|left| !left.is_zero())?;
    if now.duration_since(since) > UNDER_WAY {
        shared.early.fetch_add(1, Ordering::SeqCst);
    }
    Some(left)
}

fn give(
    shared: &Shared,
    format: Format,
    conversation: &Conversation,
    turn: &Turn,
    trouble: Option<Trouble>,
    ends: Ends,
    size: usize,
) -> Response {
    let answer = Answer::new(conversation, turn, &ends.call.digest, size);
    let mut frames = match conversation.stream {
        true => (format.stream)(&answer),
        false => vec![(format.whole)(&answer).to_string()],
    };
    let outcome = match trouble {
        Some(Trouble::Garbage) => {
            frames = vec!["data: {\"type\": \u{1}<html>\n\n\n{{{\n".to_owned()];
            "garbage"
        }
        Some(Trouble::Half) => {
            let half = frames.len() / 2;
            frames.truncate(half.max(1));
            "half"
        }
        Some(Trouble::Silence) => {
            let half = frames.len() / 2;
            frames.truncate(half.max(1));
            "silence"
        }
        _ => "completed",
    };
    let slow = if trouble == Some(Trouble::Slow) { SLOW } else { Duration::ZERO };
    let pause = slow.max(shared.options.delay).max(Duration::from_millis(turn.delay));
    let pieces = stream::iter(frames).then(move |frame| async move {
        if !pause.is_zero() {
            sleep(pause).await;
        }
        Ok::<_, io::Error>(Bytes::from(frame))
    });
    let end = stream::once(async move {
        match outcome {
            "half" => Err(io::Error::other("the connection breaks on purpose")),
            "silence" => std::future::pending().await,
            _ => Ok(Bytes::new()),
        }
    });
    let media = if conversation.stream { format.media } else { "application/json" };
    let body = Body::from_stream(Told { inner: Box::pin(pieces.chain(end)), ends, outcome });
    let id = format!("req_{}", answer.id);
    (
        [
            (header::CONTENT_TYPE, media.to_owned()),
            (header::HeaderName::from_static("request-id"), id.clone()),
            (header::HeaderName::from_static("x-request-id"), id),
        ],
        body,
    )
        .into_response()
}

fn refuse(format: Format, status: u16, said: &str, wait: Option<Wait>) -> Response {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    match wait {
        Some(Wait::Seconds(seconds)) => set("retry-after", seconds.to_string()),
        Some(Wait::Millis(millis)) => set("retry-after-ms", millis.to_string()),
        Some(Wait::Date(seconds)) => set("retry-after", date(u64::from(seconds) + 1)),
        None => (),
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, headers, json(&(format.error)(status.as_u16(), said))).into_response()
}

/// The date so many seconds from now, as HTTP spells it (RFC 9110, section 5.6.7).
#[expect(clippy::disallowed_methods, reason = "a date in a header is the real one")]
fn date(ahead: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() + ahead;
    let (days, seconds) = (now / 86_400, now % 86_400);
    // Howard Hinnant's `civil_from_days`, for days after 1970.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * part + 2) / 5 + 1, if part < 10 { part + 3 } else { part - 9 });
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let names = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (name, month) = (names[(days % 7) as usize], months[month as usize - 1]);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{name}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Writes down how a call ended, whatever ends it.
struct Ends {
    shared: Arc<Shared>,
    call: Call,
    told: std::cell::Cell<bool>,
}

impl Ends {
    fn new(shared: Arc<Shared>, call: Call) -> Self {
        let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(now, Ordering::SeqCst);
        Self { shared, call, told: std::cell::Cell::new(false) }
    }

    /// The refusal says how long to stay away.
    fn told_to_wait(&mut self, wait: Wait) {
        self.call.rest = u64::try_from(wait.time().as_millis()).unwrap_or(u64::MAX);
    }

    fn end(&self, outcome: &str) {
        if !self.told.replace(true) {
            self.shared.ledger.end(&self.call, outcome);
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.end("aborted");
        self.shared.now.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An answer that says when it is over. Dropped before its end, the client has closed the connection.
struct Told {
    inner: Pin<Box<dyn Stream<Item = Result<Bytes, io::Error>> + Send>>,
    ends: Ends,
    outcome: &'static str,
}

impl Stream for Told {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.inner.as_mut().poll_next(context);
        if let Poll::Ready(None | Some(Err(_))) = &polled {
            self.ends.end(self.outcome);
        }
        polled
    }
}
