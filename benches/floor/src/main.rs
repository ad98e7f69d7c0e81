//! The bare floor that benchmarks compare with: axum, one SQLite writer with group commit and
//! `synchronous=FULL`, and no engine. `POST /runs` stores one row, as long as a run's
//! first event, and answers 202. `POST /steps` does so too, and then
//! stores two rows for each step that the body asks for, what is meant and what came of it, each step after the one
//! before it is on disk; `GET /done` says how many such runs have ended.
#![expect(clippy::print_stdout, reason = "prints the address it listens on")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;
use tokio::sync::oneshot;

/// A row to store, and whom to tell when it is on disk.
struct Write {
    rows: Vec<Bytes>,
    done: oneshot::Sender<()>,
}

/// Bytes of the event with which a run is accepted, as Affiant writes it down for agent `echo`.
const FIRST: usize = 1058;
/// Bytes of what a step is meant to do, likewise.
const INTENT: usize = 900;
/// Bytes of what came of it.
const RESULT: usize = 435;

struct Floor {
    writer: Sender<Write>,
    done: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: floor FOLDER")?;
    let floor = Arc::new(Floor { writer: start_writer(&folder)?, done: AtomicU64::new(0) });
    let routes = Router::new().route("/runs", post(run)).route("/steps", post(steps)).route("/done", get(done));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes.with_state(floor)).await.context("the floor stopped")
}

async fn run(State(floor): State<Arc<Floor>>, body: Bytes) -> (StatusCode, &'static str) {
    let mut first = body.to_vec();
    first.resize(FIRST, b'x');
    match floor.store(vec![first.into()]).await {
        Ok(()) => (StatusCode::ACCEPTED, r#"{"status":"queued"}"#),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "{}"),
    }
}

async fn steps(State(floor): State<Arc<Floor>>, body: Bytes) -> (StatusCode, &'static str) {
    let wanted: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let steps = wanted["input"]["steps"].as_u64().unwrap_or(1);
    let reply = run(State(floor.clone()), body).await;
    tokio::spawn(async move {
        let rows = [INTENT, RESULT].map(|size| Bytes::from(vec![b'x'; size]));
        for _ in 0..steps {
            if floor.store(rows.to_vec()).await.is_err() {
                return;
            }
        }
        floor.done.fetch_add(1, Ordering::Relaxed);
    });
    reply
}

async fn done(State(floor): State<Arc<Floor>>) -> String {
    floor.done.load(Ordering::Relaxed).to_string()
}

impl Floor {
    async fn store(&self, rows: Vec<Bytes>) -> Result<()> {
        let (done, stored) = oneshot::channel();
        self.writer.send(Write { rows, done })?;
        stored.await.context("the writer stopped")
    }
}

fn start_writer(folder: &str) -> Result<Sender<Write>> {
    let database = Connection::open(format!("{folder}/floor.db"))?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")?;
    let (sender, receiver) = bounded(65_536);
    std::thread::spawn(move || write_all(&database, &receiver));
    Ok(sender)
}

/// Stores what is waiting in one transaction, tells everybody, and starts again.
fn write_all(database: &Connection, receiver: &Receiver<Write>) -> Result<()> {
    let mut waiting = Vec::new();
    while let Ok(first) = receiver.recv() {
        waiting.push(first);
        waiting.extend(receiver.try_iter().take(4095));
        database.execute_batch("BEGIN IMMEDIATE")?;
        let mut insert = database.prepare_cached("INSERT INTO rows (bytes) VALUES (?1)")?;
        for write in &waiting {
            for row in &write.rows {
                insert.execute([&row[..]])?;
            }
        }
        database.execute_batch("COMMIT")?;
        for write in waiting.drain(..) {
            write.done.send(()).ok();
        }
    }
    Ok(())
}
