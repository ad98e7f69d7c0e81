//! What a request says, in the words of a [`Call`](crate::gateway::Call).

use std::{borrow::Cow, net::SocketAddr, sync::Arc, time::Duration};

use affiant_contract::Pick;
use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Uri, header, request::Parts},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::query;
use crate::{
    auth::Credential,
    gateway::{Input, Target},
    problem::{Refusal, TraceId},
};

/// The caller's own name for the request: the trace id of `traceparent`, or `X-Request-Id`.
pub(super) fn trace(headers: &HeaderMap) -> Option<TraceId> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let trace = text("traceparent").and_then(TraceId::of_traceparent);
    trace.or_else(|| text("x-request-id").and_then(TraceId::read))
}

/// The path without percent escapes.
pub(super) fn path(uri: &Uri) -> Result<Cow<'_, str>, Refusal> {
    query::decode(uri.path())
}

/// The operation that a path would name if it were loaded: `/agent/run/v9`.
pub(super) fn named(path: &str) -> Option<Target> {
    let (key, version) = path.strip_prefix('/')?.rsplit_once("/v")?;
    let pick: Pick = version.parse().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    key.bytes().all(plain).then(|| Target::Named { key: key.replace('/', ".").into(), pick })
}

/// What the `Authorization` header shows.
pub(super) fn credential(headers: &HeaderMap) -> Credential {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(first), None) = (shown.next(), shown.next()) else {
        return if headers.contains_key(header::AUTHORIZATION) { Credential::Unknown } else { Credential::None };
    };
    let bearer = first.to_str().ok().and_then(|text| text.split_once(' '));
    match bearer {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Credential::Key(key.trim().to_owned()),
        _ => Credential::Unknown,
    }
}

/// The key under which the reply is kept.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut keys = headers.get_all("idempotency-key").iter();
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) => Ok(Some(String::from_utf8_lossy(key.as_bytes()).into_owned())),
        _ => Err(Refusal::invalid_field("/Idempotency-Key", "given-twice", "must be given once")),
    }
}

/// Address of the caller, where the server was told it.
pub(super) fn peer(request: &Parts) -> Option<Arc<str>> {
    if request.headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    let ConnectInfo(address) = request.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_string().into())
}

/// The input of a query: `?input=` with a whole JSON object, or one parameter for each field.
pub(super) fn parameters(uri: &Uri, most: usize) -> Result<Input, Refusal> {
    let query = uri.query().unwrap_or("");
    if query.len() > most {
        return Err(Refusal::new("payload-too-large", format!("The query string has more than {most} bytes.")));
    }
    let mut pairs = query::pairs(query)?;
    match &mut pairs[..] {
        [(name, value)] if name == "input" => Ok(Input::Json(std::mem::take(value).into())),
        _ => Ok(Input::Parameters(pairs)),
    }
}

/// The input of a command: the JSON body.
pub(super) async fn body(headers: &HeaderMap, body: Body, most: usize, patience: Duration) -> Result<Input, Refusal> {
    json_only(headers)?;
    let too_large = || Refusal::new("payload-too-large", format!("The body has more than {most} bytes."));
    let said = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|length: u64| length > most as u64) {
        return Err(too_large());
    }
    let whole = Limited::new(body, most).collect();
    match tokio::time::timeout(patience, whole).await {
        Ok(Ok(body)) => Ok(Input::Json(body.to_bytes())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new("malformed-json", "The body ended before it was complete.")),
        Err(_) => Err(Refusal::plain("request-timeout")),
    }
}

/// JSON and nothing else: what a form on a stranger's page can send is never taken for a command.
fn json_only(headers: &HeaderMap) -> Result<(), Refusal> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or("");
    let mut parts = media.split(';').map(str::trim);
    let json = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    });
    if !json || !utf8 {
        return Err(Refusal::plain("unsupported-media-type"));
    }
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => {
            Err(Refusal::new("unsupported-media-type", "The body is compressed; send it as it is."))
        }
        _ => Ok(()),
    }
}
