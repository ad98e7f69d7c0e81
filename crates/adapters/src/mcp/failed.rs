//! What it means that a server could not be reached or did not answer, in words of our own.

use std::error::Error;

use affiant_engine::ports::ToolFailure;
use rmcp::{
    model::ErrorCode,
    service::{ClientInitializeError, ServiceError},
    transport::{
        DynamicTransportError,
        streamable_http_client::{HttpStatusError, StreamableHttpError},
    },
};
use url::Url;

use super::{answer, process::Program};
use crate::{
    display::{escape, shorten},
    failure::refuse,
    http::explain,
    secrets::Secrets,
};

/// A connection that did not come about: nothing was called.
pub(super) fn not_connected(server: &str, why: &str) -> ToolFailure {
    ToolFailure { retryable: true, ..refuse("binding-failed", format!("the MCP server `{server}`: {why}")) }
}

/// Why a handshake failed. A program that died says so itself, however its end was noticed.
pub(super) async fn handshake(error: &ClientInitializeError, program: Option<&Program>, secrets: &Secrets) -> String {
    match (error, program) {
        (ClientInitializeError::ConnectionClosed(_) | ClientInitializeError::TransportError { .. }, Some(program)) => {
            program.obituary().await
        }
        (ClientInitializeError::ConnectionClosed(_), None) => "it closed the connection".to_owned(),
        (ClientInitializeError::TransportError { error: inner, .. }, None) => {
            reached(inner, secrets).map_or_else(|| told(secrets, error), |reached| reached.why)
        }
        _ => told(secrets, error),
    }
}

/// Why a request got no answer. It may have been carried out all the same, unless something says that it was not.
pub(super) async fn request(
    error: &ServiceError,
    (server, what): (&str, &str),
    program: Option<&Program>,
    secrets: &Secrets,
) -> ToolFailure {
    let what = shorten(&escape(what), 100);
    let failed = |why: &str| refuse("binding-failed", format!("the MCP server `{server}`, {what}: {why}"));
    let lost = |why: &str| ToolFailure { retryable: true, uncertain: true, ..failed(why) };
    match (error, program) {
        (ServiceError::McpError(said), _) => {
            let message = shorten(&escape(&secrets.hide(&said.message)), answer::MOST_MESSAGE);
            // These say that nothing was begun.
            let unsent = matches!(
                said.code,
                ErrorCode::PARSE_ERROR
                    | ErrorCode::INVALID_REQUEST
                    | ErrorCode::METHOD_NOT_FOUND
                    | ErrorCode::INVALID_PARAMS
            );
            ToolFailure { uncertain: !unsent, ..refuse("tool-error", message) }
        }
        (ServiceError::TransportClosed | ServiceError::TransportSend(_), Some(program)) => {
            lost(&program.obituary().await)
        }
        (ServiceError::TransportClosed, None) => lost("the connection closed"),
        (ServiceError::TransportSend(inner), None) => match reached(inner, secrets) {
            Some(Reached { why, sent }) => ToolFailure { retryable: true, uncertain: sent, ..failed(&why) },
            None => lost(&told(secrets, error)),
        },
        _ => ToolFailure { uncertain: true, ..failed(&told(secrets, error)) },
    }
}

/// How far a request came, when that is known.
struct Reached {
    why: String,
    sent: bool,
}

/// What the HTTP transport says. Its own words are not passed on: they hold the whole address, which may hold a secret.
fn reached(error: &DynamicTransportError, secrets: &Secrets) -> Option<Reached> {
    let error = error.error.downcast_ref::<StreamableHttpError<reqwest::Error>>()?;
    Some(match error {
        StreamableHttpError::Client(error) => {
            let host = error.url().and_then(Url::host_str).unwrap_or("the server").to_owned();
            let explained = explain(error, &host, true);
            Reached { why: explained.to_string(), sent: explained.sent() }
        }
        // These say that the request was not begun.
        StreamableHttpError::HttpStatus(HttpStatusError { status, .. }) => {
            Reached { why: format!("it answered {status}"), sent: !matches!(status, 429 | 503) }
        }
        StreamableHttpError::AuthRequired(_) | StreamableHttpError::InsufficientScope(_) => {
            Reached { why: "it wants a credential that `headers` does not give".to_owned(), sent: false }
        }
        StreamableHttpError::SessionExpired => Reached { why: "it has forgotten the session".to_owned(), sent: false },
        other => Reached { why: told(secrets, other), sent: true },
    })
}

/// An error for people, without secrets, on one line.
fn told(secrets: &Secrets, error: &(dyn Error + 'static)) -> String {
    shorten(&escape(&secrets.hide(&error.to_string())), 300)
}
