//! The server: routes, keys, troubles, and the pace that it asks for.

mod handle;

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

use crate::{
    formats,
    ledger::{Call, Ledger},
    script::{Trouble, Turn},
};

/// What a provider is told at its start.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Port on loopback; any free one when 0.
    pub port: u16,
    /// The key that callers must have; any will do when none is named.
    pub key: Option<String>,
    /// What the model says in conversations that hold no script themselves.
    pub script: Vec<Turn>,
    /// File to which calls are appended, a JSON object a line.
    pub log: Option<PathBuf>,
    /// Troubles that happen by chance.
    pub troubles: Vec<Trouble>,
    /// How likely they are, from 0 to 1.
    pub rate: f64,
    /// What chance is made of.
    pub seed: u64,
    /// Pause before each piece of every answer.
    pub delay: Duration,
}

/// A provider that listens. Dropping it ends it.
pub struct Provider {
    address: SocketAddr,
    shared: Arc<Shared>,
    serves: JoinHandle<()>,
}

pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) ledger: Ledger,
    /// Troubles of the next requests, whichever they are.
    pub(crate) next: Mutex<VecDeque<Trouble>>,
    /// Until when somebody was told to stay away, and since when, by who that is.
    pub(crate) rests: Mutex<HashMap<String, (Instant, Instant)>>,
    pub(crate) early: AtomicU64,
    pub(crate) now: AtomicU64,
    pub(crate) most: AtomicU64,
}

impl Provider {
    /// Listens on loopback.
    ///
    /// # Errors
    ///
    /// When the port is taken or the log cannot be written.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let address = listener.local_addr()?;
        let ledger = Ledger::open(options.log.as_deref())?;
        let shared = Arc::new(Shared {
            options,
            ledger,
            next: Mutex::default(),
            rests: Mutex::default(),
            early: AtomicU64::new(0),
            now: AtomicU64::new(0),
            most: AtomicU64::new(0),
        });
        let router = router(shared.clone());
        let serves = tokio::spawn(async move {
            // It ends with the runtime, or with the handle.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, shared, serves })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What goes wrong with the next requests, one after the other.
    pub fn next(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.shared.next.lock().unwrap_or_else(PoisonError::into_inner).extend(troubles);
    }

    /// All requests, and how each ended.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.ledger.calls()
    }

    /// How many requests came while those who asked had been told to stay away, a quarter of a second for those under way
    /// not counted.
    pub fn early(&self) -> u64 {
        self.shared.early.load(Ordering::SeqCst)
    }

    /// The most requests that were ever under way at once.
    pub fn most(&self) -> u64 {
        self.shared.most.load(Ordering::SeqCst)
    }

    /// Serves until it is stopped.
    pub async fn wait(mut self) {
        let _ = (&mut self.serves).await;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.serves.abort();
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/messages", post(handle::anthropic))
        .route("/v1/responses", post(handle::openai))
        .route("/v1/chat/completions", post(handle::openai_chat))
        .route("/v1beta/models/{call}", post(handle::gemini))
        .route("/api/chat", post(handle::ollama))
        .route("/v1/models", get(list_models))
        .route("/v1beta/models", get(list_gemini))
        .route("/api/tags", get(|| async { handle::json(&formats::ollama::models()) }))
        .route("/calls", get(calls))
        .route("/trouble", post(trouble))
        .layer(DefaultBodyLimit::max(64 << 20))
        .with_state(shared)
}

async fn list_models(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let format = match headers.contains_key("anthropic-version") {
        true => formats::anthropic::FORMAT,
        false => formats::openai_chat::FORMAT,
    };
    handle::list(&shared, &headers, format, formats::models())
}

async fn list_gemini(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    handle::list(&shared, &headers, formats::gemini::FORMAT, formats::gemini::models())
}

/// For harnesses in other processes: what was asked, and how well the pace was kept.
async fn calls(State(shared): State<Arc<Shared>>) -> Response {
    let (early, most) = (shared.early.load(Ordering::SeqCst), shared.most.load(Ordering::SeqCst));
    handle::json(&json!({ "calls": shared.ledger.calls(), "early": early, "most": most }))
}

/// For harnesses in other processes: `["429:1", "half"]`.
async fn trouble(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(troubles) = serde_json::from_slice::<Vec<Trouble>>(&body) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    shared.next.lock().unwrap_or_else(PoisonError::into_inner).extend(troubles);
    StatusCode::NO_CONTENT.into_response()
}
