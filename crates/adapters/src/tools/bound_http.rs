//! Binding `http`: a service carries the operation out.
//!
//! The exact argument bytes are the JSON body; for `GET` they become the query. The service recognises a second
//! attempt by the `Idempotency-Key`.

use affiant_contract::{Contract, HttpBinding};
use affiant_engine::ports::{ToolCall, ToolFailure};
use bytes::Bytes;
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Map, Value};
use url::Url;

use super::{arguments, template::Template};
use crate::{
    Environment,
    failure::{declared, reason, refuse},
    http::{Http, HttpError, Request, Response, from_environment},
    secrets::Secrets,
};

/// The largest answer.
const MOST: usize = 10 << 20;
/// One attempt, unless the binding says otherwise.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

pub(super) async fn call(
    http: &Http,
    environment: &Environment,
    binding: &HttpBinding,
    call: &ToolCall,
) -> Result<Value, ToolFailure> {
    let request = request(environment, binding, call)?;
    let reads = request.reads();
    let ended = http.send(request).await.map_err(|error| failure(&error, reads));
    let ended = ended.and_then(|response| result(&response, reads, &call.operation));
    secrets(environment, binding).hide_from(ended)
}

/// An error of a request, with the line of the contract that opens the way to a private address.
fn failure(error: &HttpError, reads: bool) -> ToolFailure {
    let failure = error.failure(reads);
    match error {
        HttpError::Address { .. } => ToolFailure {
            message: format!(
                "{}. If the service is meant to be there, say `allowPrivate: true` in the contract's binding",
                failure.message
            ),
            ..failure
        },
        _ => failure,
    }
}

/// What the service was given that must not come back from it.
fn secrets(environment: &Environment, binding: &HttpBinding) -> Secrets {
    let mut secrets = Secrets::default();
    let variables = binding.headers.values().filter_map(|value| value.strip_prefix("env:"));
    variables.filter_map(environment).for_each(|value| secrets.add(&value));
    secrets
}

/// The request that a call stands for.
pub(super) fn request(
    environment: &Environment,
    binding: &HttpBinding,
    call: &ToolCall,
) -> Result<Request, ToolFailure> {
    let input: Map<String, Value> = arguments(call)?;
    let method = binding.method.as_deref().unwrap_or("POST").to_ascii_uppercase();
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| misbound("its method is none"))?;
    let reads = method.is_safe();
    let fields = binding.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut headers = from_environment(fields, environment).map_err(|e| misbound(&e.to_string()))?;
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    if !reads {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        let key = HeaderValue::try_from(&*call.idempotency_key);
        headers.insert(IDEMPOTENCY_KEY, key.map_err(|_| refuse("internal", "the idempotency key is no header value"))?);
    }
    Ok(Request {
        url: url(&binding.url, &input, reads)?,
        method,
        headers,
        body: (!reads).then(|| Bytes::copy_from_slice(&call.arguments)),
        timeout: binding.timeout.unwrap_or(TIMEOUT).min(call.timeout),
        max_bytes: MOST,
        cut: false,
        redirects: 5,
        allow_private: binding.allow_private,
        cancel: call.cancel.clone(),
    })
}

/// The address with the input's fields in it. No field reaches into the name of the server, and none leads to
/// another path than the one that the contract shows.
fn url(template: &str, input: &Map<String, Value>, query: bool) -> Result<Url, ToolFailure> {
    let authority_end = template.find("://").map(|at| at + 3).and_then(|start| {
        let rest = template.get(start..)?;
        Some(start + rest.find(['/', '?', '#']).unwrap_or(rest.len()))
    });
    let Some((origin, rest)) = authority_end.and_then(|end| template.split_at_checked(end)) else {
        return Err(misbound("its address is not absolute"));
    };
    if origin.contains(['{', '}']) {
        return Err(misbound("a field cannot stand in the name of the server"));
    }
    let template = Template::parse(rest);
    if template.has_braces() {
        return Err(misbound("its address holds a brace that belongs to no field"));
    }
    let rest = template.fill(|field| encode(field, input.get(field)))?;
    let mut url = Url::parse(&format!("{origin}{rest}")).map_err(|_| misbound("its address cannot be read"))?;
    if query {
        let open = input.iter().filter(|(name, _)| !template.names(name));
        let pairs: Vec<_> = open.flat_map(|(name, value)| pairs(name, value)).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
    }
    Ok(url)
}

/// A field as a part of a path or query, with everything escaped that could end the part.
fn encode(field: &str, value: Option<&Value>) -> Result<String, ToolFailure> {
    let text = value.and_then(text).ok_or_else(|| {
        refuse(
            "input-invalid",
            format!("`{field}` is part of the address and must be a text, a number or a truth value"),
        )
    })?;
    if text.is_empty() || text == "." || text == ".." {
        return Err(refuse(
            "input-invalid",
            format!("`{field}` is part of the address and cannot be empty, `.` or `..`"),
        ));
    }
    Ok(text
        .bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect())
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A field of a query: a list repeats it, an object is JSON.
fn pairs(name: &str, value: &Value) -> Vec<(String, String)> {
    let one = |value: &Value| (name.to_owned(), text(value).unwrap_or_else(|| value.to_string()));
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().map(one).collect(),
        other => vec![one(other)],
    }
}

/// The answer as the operation's output.
fn result(response: &Response, reads: bool, operation: &Contract) -> Result<Value, ToolFailure> {
    let status = response.status.as_u16();
    if !response.status.is_success() {
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        let why = reason(&body).map_or(String::new(), |why| format!(": {why}"));
        return Err(declared(operation, &response.body).unwrap_or_else(|| ToolFailure {
            retryable: matches!(status, 408 | 425 | 429 | 500 | 502..=504),
            // Behind these another server may have done the work. 501 and 503 say that it was not begun.
            uncertain: !reads && matches!(status, 500 | 502 | 504..),
            ..refuse("binding-failed", format!("the service answered {status}{why}"))
        }));
    }
    if response.body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(&response.body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(ToolFailure {
            uncertain: !reads,
            ..refuse("binding-failed", format!("the service answered {status} with something that is no JSON object"))
        }),
    }
}

fn misbound(why: &str) -> ToolFailure {
    refuse("binding-failed", format!("the binding cannot be used: {why}"))
}
