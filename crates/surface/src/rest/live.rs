//! The routes that answer with something else than one JSON reply: a run's events as a stream, the bytes of an artifact,
//! and those of a bundle. All come through the gateway's door like every call.

use std::sync::Arc;

use affiant_engine::ports::ArtifactRow;
use affiant_journal::{Digest, RunId, TenantId};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use serde::Deserialize;

use super::{MAX_QUERY, Rest, query, request, response};
use crate::{
    events,
    gateway::{Entered, Route},
    handlers::Services,
    problem::{Refusal, TraceId},
};

/// The query whose right is needed for the bytes of an artifact.
pub(crate) const ARTIFACTS: &str = "agent.artifacts";

/// The query that makes a bundle; its right is needed to fetch the file.
pub(super) const BUNDLE: &str = "agent.bundle";

/// Whether the caller would rather have a stream.
pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    let mut media = accepted.flat_map(|accept| accept.split(',')).map(|media| media.split(';').next().unwrap_or(""));
    media.any(|media| media.trim().eq_ignore_ascii_case(events::MEDIA_TYPE))
}

/// The artifact that a path asks the content of.
pub(super) fn artifact_in(path: &str) -> Option<&str> {
    let artifact = path.strip_prefix("/agent/artifacts/")?.strip_suffix("/content")?;
    (!artifact.is_empty() && !artifact.contains('/')).then_some(artifact)
}

/// The run whose bundle a path asks for.
pub(super) fn bundle_in(path: &str) -> Option<&str> {
    let run = path.strip_prefix("/bundles/")?.strip_suffix(".affiant")?;
    (!run.is_empty() && !run.contains('/')).then_some(run)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct From {
    run_id: RunId,
    after: Option<i64>,
    #[serde(default)]
    deltas: bool,
}

impl Rest {
    /// A run's events from a place on. What the browser says it saw last counts more than what the address says.
    pub(super) async fn stream(&self, route: Arc<Route>, request: &Parts) -> Result<Response, Refusal> {
        let (version, entered) = (route.version.clone(), self.entered(&route, request)?);
        let input = self.gateway.accept(&entered, request::parameters(&request.uri, MAX_QUERY)?)?;
        let from: From = serde_json::from_value(input).map_err(Refusal::internal)?;
        let seen = last_event_id(&request.headers)?.or(from.after.and_then(|after| u64::try_from(after).ok()));
        let next = seen.map_or(0, |seen| seen.saturating_add(1));
        let source = events::Source {
            engine: self.services.engine.clone(),
            store: self.services.store.clone(),
            stop: self.services.stop.clone(),
        };
        let Some(stream) = source.follow(&entered.who.tenant, &from.run_id, next, from.deltas).await? else {
            // Nothing will follow. `EventSource` takes 204 as the word to stop asking.
            return Ok(response::empty(StatusCode::NO_CONTENT));
        };
        let body = stream_body(stream);
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(events::MEDIA_TYPE));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        response::set(headers, response::CONTRACT_VERSION, Some(&version));
        Ok(response)
    }

    /// The bytes of an artifact, or a range of them.
    pub(super) async fn artifact(&self, id: &str, request: &Parts, trace: &TraceId) -> Result<Response, Refusal> {
        if let Some(options) = only_read(&request.method)? {
            return Ok(options);
        }
        let route = self.artifacts.as_ref().ok_or_else(|| Refusal::plain("not-found"))?;
        let entered = self.entered(route, request)?;
        match content(&self.services, &entered.who.tenant, id, &request.headers).await? {
            Content::Here(response) => Ok(response),
            Content::Outside(whole) => {
                let mut response = self.refusal(Refusal::plain("range-not-satisfiable"), Some(route), trace);
                response::set(response.headers_mut(), header::CONTENT_RANGE, Some(&whole));
                Ok(response)
            }
        }
    }

    /// A bundle that waits for whoever asked for it.
    pub(super) fn bundle(&self, run: &str, request: &Parts) -> Result<Response, Refusal> {
        if let Some(options) = only_read(&request.method)? {
            return Ok(options);
        }
        let route = self.bundles.as_ref().ok_or_else(|| Refusal::plain("not-found"))?;
        let entered = self.entered(route, request)?;
        let pairs = query::pairs(request.uri.query().unwrap_or(""))?;
        let digest = pairs.iter().find(|(name, _)| name == "digest").map(|(_, digest)| digest.parse::<Digest>());
        let digest = digest.transpose().map_err(|_| Refusal::invalid_field("/digest", "digest", "must be a digest"))?;
        let waiting = self.services.desk.fetch(&entered.who, run, digest, self.services.clock.now());
        let bytes =
            waiting.ok_or_else(|| Refusal::new("not-found", "No such bundle waits. Ask agent.bundle for it."))?;
        let mut response = Response::new(Body::from(bytes.to_vec()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        response::set(headers, header::CONTENT_DISPOSITION, Some(&attachment(&format!("{run}.affiant"))));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
        Ok(response)
    }

    fn entered(&self, route: &Arc<Route>, request: &Parts) -> Result<Entered, Refusal> {
        let credential = request::credential(&request.headers);
        self.gateway.enter(route, &credential, request::peer(request).as_deref())
    }
}

/// The bytes of an artifact, as they are fetched over HTTP at whatever door.
pub(crate) enum Content {
    /// All of them, the range that was asked for, or that the caller has them already.
    Here(Response),
    /// None of them is in the range that was asked for; what `Content-Range` says to that.
    Outside(String),
}

/// The content of a tenant's artifact, as these headers ask for it: `If-None-Match`, `Range`, `If-Range`.
///
/// # Errors
///
/// `artifact-not-found`.
pub(crate) async fn content(
    services: &Services,
    tenant: &TenantId,
    id: &str,
    headers: &HeaderMap,
) -> Result<Content, Refusal> {
    let row = services.artifact(tenant, id).await?;
    let etag = format!("\"{}\"", row.content.digest.hex());
    if matches(headers, header::IF_NONE_MATCH, &etag) {
        let mut response = response::empty(StatusCode::NOT_MODIFIED);
        response::set(response.headers_mut(), header::ETAG, Some(&etag));
        return Ok(Content::Here(response));
    }
    let bytes = services.content(tenant, &row).await?;
    let unchanged = !headers.contains_key(header::IF_RANGE) || matches(headers, header::IF_RANGE, &etag);
    let range = headers.get(header::RANGE).filter(|_| unchanged).and_then(|range| range.to_str().ok());
    let mut response = match range.map_or(Range::Whole, |range| range_of(range, bytes.len())) {
        Range::Whole => Response::new(Body::from(bytes.to_vec())),
        Range::Part(first, last) => {
            let mut response = Response::new(Body::from(bytes[first..=last].to_vec()));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let part = format!("bytes {first}-{last}/{}", bytes.len());
            response::set(response.headers_mut(), header::CONTENT_RANGE, Some(&part));
            response
        }
        Range::Outside => return Ok(Content::Outside(format!("bytes */{}", bytes.len()))),
    };
    describe(response.headers_mut(), &row, &etag);
    Ok(Content::Here(response))
}

/// Bytes are read and never written: the reply to `OPTIONS`, a refusal of every other method, or nothing to say.
fn only_read(method: &Method) -> Result<Option<Response>, Refusal> {
    match *method {
        Method::OPTIONS => Ok(Some(response::options("GET, HEAD, OPTIONS"))),
        Method::GET | Method::HEAD => Ok(None),
        ref method => {
            let refusal = Refusal::new("method-not-allowed", format!("{method} is not possible here."));
            Err(refusal.allowing("GET, HEAD, OPTIONS"))
        }
    }
}

fn stream_body<S, E>(stream: S) -> Body
where
    S: futures::Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    use futures::StreamExt as _;
    Body::from_stream(stream.map(|chunk| chunk.map_err(|error| axum::BoxError::from(format!("{error:?}")))))
}

/// The `seq` that a follower saw last.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
    let Some(id) = headers.get("last-event-id") else { return Ok(None) };
    let seq = id.to_str().ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).and_then(|id| id.parse().ok());
    let wrong = || Refusal::invalid_field("/Last-Event-ID", "last-event-id", "must be the `id` of an event");
    seq.map(Some).ok_or_else(wrong)
}

fn matches(headers: &HeaderMap, name: header::HeaderName, etag: &str) -> bool {
    let said = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    said.split(',').any(|one| one.trim() == etag || one.trim() == "*")
}

/// What an artifact's response says of it. Whatever it holds, it is a file to be saved and never a page of this server.
fn describe(headers: &mut HeaderMap, row: &ArtifactRow, etag: &str) {
    response::set(headers, header::CONTENT_TYPE, Some(&row.content.media));
    response::set(headers, header::ETAG, Some(etag));
    response::set(headers, header::CONTENT_DISPOSITION, Some(&attachment(&row.name)));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
}

/// `attachment` with the file's name in both spellings (RFC 6266).
pub(crate) fn attachment(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "-_. ".contains(letter) { letter } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut escaped = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{escaped}")
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Range {
    /// Everything: no range, several of them, or one that cannot be read.
    Whole,
    /// From the first to the last byte, both included.
    Part(usize, usize),
    /// Nothing that is there.
    Outside,
}

fn range_of(range: &str, length: usize) -> Range {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Range::Whole;
    };
    let number = |text: &str| text.parse::<usize>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    match (first, last) {
        ("", suffix) => match number(suffix) {
            Some(0) => Range::Outside,
            Some(_) if length == 0 => Range::Outside,
            Some(suffix) => Range::Part(length.saturating_sub(suffix), length - 1),
            None => Range::Whole,
        },
        (first, last) => match (number(first), number(last), last.is_empty()) {
            (Some(first), _, true) if first < length => Range::Part(first, length - 1),
            (Some(first), Some(last), _) if first <= last && first < length => Range::Part(first, last.min(length - 1)),
            (Some(first), Some(last), _) if first > last => Range::Whole,
            (Some(_), None, false) | (None, _, _) => Range::Whole,
            _ => Range::Outside,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_or_nothing_or_not_understood() {
        let table = [
            ("bytes=0-3", Range::Part(0, 3)),
            ("bytes=4-", Range::Part(4, 9)),
            ("bytes=-3", Range::Part(7, 9)),
            ("bytes=-99", Range::Part(0, 9)),
            ("bytes=9-99", Range::Part(9, 9)),
            ("bytes=10-", Range::Outside),
            ("bytes=10-12", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=3-1", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("bytes=a-b", Range::Whole),
            ("lines=0-1", Range::Whole),
            ("bytes=99999999999999999999-", Range::Whole),
        ];
        for (range, expected) in table {
            assert_eq!(range_of(range, 10), expected, "{range}");
        }
        assert_eq!(range_of("bytes=0-", 0), Range::Outside);
        assert_eq!(range_of("bytes=-1", 0), Range::Outside);
    }

    #[test]
    fn a_file_name_cannot_leave_its_quotes() {
        assert_eq!(
            attachment("a\"b\r\nü.md"),
            "attachment; filename=\"a_b___.md\"; filename*=UTF-8''a%22b%0D%0A%C3%BC.md"
        );
    }
}
