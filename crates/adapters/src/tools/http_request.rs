//! `http.request`: one request to a public address.

use std::{collections::BTreeMap, sync::Arc};

use affiant_engine::ports::{Preview, ToolCall, ToolFailure};
use affiant_journal::Digest;
use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{Builtin, arguments, fs_read::cut, output};
use crate::{
    display::{escape, shorten},
    failure::refuse,
    http::{Http, Request as Sent, Response, headers},
    secrets::{is_secret_field, is_secret_parameter},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<String>,
    json: Option<Value>,
    #[serde(default = "max_bytes")]
    max_bytes: usize,
    #[serde(default = "redirects")]
    redirects: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    status: u16,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    digest: Digest,
    size: usize,
    truncated: bool,
}

fn get() -> String {
    "GET".into()
}

fn max_bytes() -> usize {
    1 << 20
}

fn redirects() -> u32 {
    5
}

pub(super) struct Request {
    pub(super) http: Arc<Http>,
}

#[async_trait]
impl Builtin for Request {
    fn key(&self) -> &'static str {
        "http.request"
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let request = request(&call)?;
        let reads = request.reads();
        let response = self.http.send(request).await.map_err(|e| e.failure(reads))?;
        output(describe(response))
    }

    async fn preview(&self, call: &ToolCall) -> Result<Option<Preview>, ToolFailure> {
        let request = request(call)?;
        Ok(Some(show(&request)))
    }
}

fn request(call: &ToolCall) -> Result<Sent, ToolFailure> {
    let input: Input = arguments(call)?;
    let wrong = |what: &str| refuse("input-invalid", what);
    let method = Method::from_bytes(input.method.as_bytes()).map_err(|_| wrong("the method is none"))?;
    let url: Url = input.url.parse().map_err(|_| wrong("`url` is not an address such as https://example.com/"))?;
    if let Some(place) = secret_in(&input.headers, &url) {
        return Err(wrong(&format!(
            "{place} carries a secret, and what is written here is in the record and in a model's context. Declare an \
             operation with `binding: {{ kind: http, headers: {{ Authorization: env:NAME }} }}`, whose secret only \
             the server knows, and use that"
        )));
    }
    let fields = input.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let mut headers = headers(fields).map_err(|e| e.failure(true))?;
    let body = match (input.body, input.json) {
        (Some(_), Some(_)) => return Err(wrong("`body` and `json` are two bodies; send one of them")),
        (Some(text), None) => Some(Bytes::from(text)),
        (None, Some(json)) => {
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Some(Bytes::from(json.to_string()))
        }
        (None, None) => None,
    };
    if body.is_some() && method.is_safe() {
        return Err(wrong("a request that only reads has no body"));
    }
    Ok(Sent {
        url,
        method,
        headers,
        body,
        timeout: call.timeout,
        max_bytes: input.max_bytes,
        cut: true,
        redirects: input.redirects,
        allow_private: false,
        cancel: call.cancel.clone(),
    })
}

/// Where a secret would be sent from: arguments are no place for one.
fn secret_in(headers: &BTreeMap<String, String>, url: &Url) -> Option<String> {
    if let Some(name) = headers.keys().find(|name| is_secret_field(name)) {
        return Some(format!("header `{}`", shorten(&escape(name), 60)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("the part of `url` before `@`".into());
    }
    let name = url.query_pairs().map(|(name, _)| name).find(|name| is_secret_parameter(name))?;
    Some(format!("`{}` in `url`", shorten(&escape(&name), 60)))
}

fn describe(response: Response) -> Output {
    let text = match std::str::from_utf8(&response.body) {
        Ok(text) => Some(text),
        // The cut may have gone through a character.
        Err(e) if response.truncated && e.error_len().is_none() => {
            std::str::from_utf8(&response.body[..e.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    Output {
        status: response.status.as_u16(),
        url: response.url.to_string(),
        content_type: response.content_type().map(str::to_owned),
        text: text.filter(|text| !text.contains('\0')).map(str::to_owned),
        digest: Digest::of(&response.body),
        size: response.body.len(),
        truncated: response.truncated,
    }
}

/// A request as a person is shown it: the line, the names of the header fields, and the body.
pub(super) fn show(request: &Sent) -> Preview {
    let line = format!("{} {}", request.method, escape(request.url.as_str()));
    let mut body = format!("{line}\n");
    for name in request.headers.keys() {
        body.push_str(&format!("{name}: …\n"));
    }
    if let Some(bytes) = &request.body {
        let text = String::from_utf8_lossy(bytes);
        body.push_str(&format!("\n{}", cut(&text, 1 << 20)));
    }
    let size = request.body.as_ref().map_or(String::new(), |body| format!("  {} bytes sent", body.len()));
    let host = escape(request.url.host_str().unwrap_or_default());
    Preview { title: shorten(&line, 120), effect: format!("network: {host}{size}"), body, media: "text/plain".into() }
}
