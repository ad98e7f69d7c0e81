//! `/healthz`: the process lives. `/readyz`: it can do its work. Neither asks who wants to know, and neither says more.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};

/// Asks whatever the server depends on.
pub type Ready = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// Both pages.
pub fn router(ready: Ready) -> Router {
    let readyz = move || {
        let ready = ready();
        async move {
            match ready.await {
                true => say(StatusCode::OK, r#"{"status":"ready"}"#),
                false => say(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"not ready"}"#),
            }
        }
    };
    let healthz = || std::future::ready(say(StatusCode::OK, r#"{"status":"ok"}"#));
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

fn say(status: StatusCode, body: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
