//! One request with its redirects.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use reqwest::{
    Method, StatusCode,
    header::{self, HeaderMap},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Headers, Http, HttpError, client::explain};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Headers,
    pub(crate) body: Option<Bytes>,
    /// For everything, redirects included.
    pub(crate) timeout: Duration,
    /// The most bytes of the answer that are read.
    pub(crate) max_bytes: usize,
    /// Whether a longer answer is cut instead of refused.
    pub(crate) cut: bool,
    /// The most redirects to follow; the next one is the answer.
    pub(crate) redirects: u32,
    /// Whether private addresses may be reached.
    pub(crate) allow_private: bool,
    pub(crate) cancel: CancellationToken,
}

impl Request {
    /// Whether the method promises to change nothing.
    pub(crate) fn reads(&self) -> bool {
        self.method.is_safe()
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    /// The address that answered.
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the answer was longer.
    pub(crate) truncated: bool,
}

impl Response {
    /// Media type of the answer.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.headers.get(header::CONTENT_TYPE)?.to_str().ok()
    }
}

impl Http {
    /// Sends a request and reads the answer, following redirects.
    pub(crate) async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let (cancel, after) = (request.cancel.clone(), request.timeout);
        let sent = Arc::new(AtomicBool::new(false));
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(HttpError::Stopped { sent: sent.load(Ordering::Acquire) }),
            ended = tokio::time::timeout(after, self.follow(request, sent.clone())) => match ended {
                Ok(response) => response,
                Err(_) => Err(HttpError::TimedOut { after, sent: sent.load(Ordering::Acquire) }),
            },
        }
    }

    async fn follow(&self, mut request: Request, sent: Arc<AtomicBool>) -> Result<Response, HttpError> {
        loop {
            let response = self.once(&request, &sent).await?;
            let next = match response.status.is_redirection() && request.redirects > 0 {
                true => redirect(&request, &response)?,
                false => None,
            };
            match next {
                Some(next) => request = next,
                None => return Ok(response),
            }
        }
    }

    async fn once(&self, request: &Request, sent: &Arc<AtomicBool>) -> Result<Response, HttpError> {
        let client = self.client(&request.url, request.allow_private)?;
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let mut building = client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        match &request.body {
            // The body is asked for when there is a connection to send it on: from then on it may have arrived.
            Some(body) => {
                let (mark, bytes) = (sent.clone(), body.clone());
                let stream = futures::stream::once(async move {
                    mark.store(true, Ordering::Release);
                    Ok::<_, std::io::Error>(bytes)
                });
                building = building.header(header::CONTENT_LENGTH, body.len()).body(reqwest::Body::wrap_stream(stream));
            }
            None => sent.store(true, Ordering::Release),
        }
        let was_sent = || sent.load(Ordering::Acquire);
        let mut answer = building.send().await.map_err(|e| explain(&e, &host, was_sent()))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = answer.chunk().await.map_err(|e| explain(&e, &host, true))? {
            let room = request.max_bytes - body.len();
            truncated = chunk.len() > room;
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if truncated {
                break;
            }
        }
        match truncated && !request.cut {
            true => Err(HttpError::TooLarge { limit: request.max_bytes }),
            false => Ok(Response { status, url: request.url.clone(), headers, body, truncated }),
        }
    }
}

/// The request that a redirect asks for; none when the answer names no place to go.
fn redirect(request: &Request, response: &Response) -> Result<Option<Request>, HttpError> {
    let refuse = |why: &str| Err(HttpError::Redirect { why: why.into(), sent: true });
    let Some(location) = response.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) else {
        return Ok(None);
    };
    let Ok(url) = request.url.join(location) else { return refuse("a redirect to something that is no address") };
    if request.url.scheme() == "https" && url.scheme() != "https" {
        return refuse("a redirect from https to http is not followed");
    }
    let mut next = Request { url, redirects: request.redirects - 1, ..request.clone() };
    match response.status {
        StatusCode::SEE_OTHER if request.method != Method::HEAD => {
            next.method = Method::GET;
            next.body = None;
            next.headers.remove(header::CONTENT_TYPE);
        }
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => (),
        _ if request.reads() => (),
        _ => return refuse("a redirect would turn the request into one that only reads; correct the address"),
    }
    if next.url.origin() != request.url.origin() {
        if next.body.is_some() {
            return refuse("a redirect to another server is not followed with a body");
        }
        // What was meant for one server, a credential above all, is not shown to another.
        next.headers = next.headers.iter().filter(|(name, _)| *name == header::ACCEPT).map(owned).collect();
    }
    Ok(Some(next))
}

fn owned<N: Clone, V: Clone>((name, value): (&N, &V)) -> (N, V) {
    (name.clone(), value.clone())
}

/// The next request of a redirect, for tests that play a server on both sides of the guard.
#[cfg(test)]
pub(super) fn tests_redirect(request: &Request, response: &Response) -> Request {
    redirect(request, response).expect("it is followed").expect("it names a place")
}
