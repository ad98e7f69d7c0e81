//! Is it alive, and can it work? Two questions for whoever restarts servers and routes traffic to them.

use std::sync::Arc;

use affiant_engine::ports::Store;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};

/// `GET /healthz`: the process answers. `GET /readyz`: its storage answers too, so that calls can be carried out.
pub fn router(store: Arc<dyn Store>) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(store)
}

async fn alive() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#)
}

async fn ready(State(store): State<Arc<dyn Store>>) -> impl IntoResponse {
    let (status, text) = match store.next_runnable().await {
        Ok(_) => (StatusCode::OK, r#"{"status":"ready"}"#),
        // Why it does not answer is in the server's log; here it would be told to anybody.
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"storage does not answer"}"#),
    };
    (status, [(CONTENT_TYPE, "application/json")], text)
}
