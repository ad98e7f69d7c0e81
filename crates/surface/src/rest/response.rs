//! Replies as HTTP responses.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Response as Http, StatusCode, header},
    response::Response,
};

use crate::{
    gateway::Reply,
    present,
    problem::{self, Problem, TraceId},
};

pub(super) const CONTRACT_VERSION: HeaderName = HeaderName::from_static("contract-version");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks the answer of a path that no page has, so that it is told apart from a page that answers 404 itself.
#[derive(Clone, Copy)]
struct Nowhere;

/// No page has this path.
pub(super) fn nowhere() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(Nowhere);
    response
}

/// Whether no page has this path.
pub(super) fn is_nowhere(response: &Response) -> bool {
    response.extensions().get::<Nowhere>().is_some()
}

/// A reply of the gateway.
pub(super) fn reply(reply: &Reply) -> Response {
    let version = reply.version.as_deref();
    let done = match &reply.outcome {
        Ok(done) => done,
        Err(refused) => return problem(refused, version),
    };
    let mut response = Http::new(Body::from(done.body.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    set(headers, CONTRACT_VERSION, version);
    set(headers, header::LOCATION, done.location.as_deref());
    if done.again {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if done.location.is_some() {
        *response.status_mut() = StatusCode::ACCEPTED;
    }
    response
}

/// A reply as a page.
pub(super) fn page(page: String, format: present::Format, version: Option<&str>) -> Response {
    let mut response = Http::new(Body::from(page));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    set(headers, header::CONTENT_SECURITY_POLICY, Some(&present::policy()));
    set(headers, CONTRACT_VERSION, version);
    response
}

/// A problem, with the headers that belong to its status.
pub(super) fn problem(problem: &Problem, version: Option<&str>) -> Response {
    let mut response = Http::new(Body::from(problem.to_json()));
    *response.status_mut() = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
    set(headers, CONTRACT_VERSION, version);
    set(headers, header::ALLOW, problem.allow());
    let wait = problem.retry_after().or((problem.status() == 503).then_some(1));
    if let Some(seconds) = wait {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status() == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"affiant\""));
    }
    response
}

/// A response that is its status alone.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// What may be done with a path.
pub(super) fn options(allow: &'static str) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// The response with what every response has. A page that says more about itself keeps what it says.
pub(super) fn secured(mut response: Response, trace: &TraceId) -> Response {
    let headers = response.headers_mut();
    set(headers, REQUEST_ID, Some(trace.as_str()));
    let rules = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Other sites learn nothing. Our own forms must: without a referrer a browser sends the origin `null` along.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in rules {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The response to `HEAD`: what `GET` would say, without the body.
pub(super) fn without_body(mut response: Response) -> Response {
    use axum::body::HttpBody as _;
    if let Some(length) = response.body().size_hint().exact()
        && !response.headers().contains_key(header::TRANSFER_ENCODING)
        && response.status() != StatusCode::NO_CONTENT
    {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
    response
}

/// Sets a header whose text may, in a contract of somebody's own, be none that a header can hold.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
    }
}
