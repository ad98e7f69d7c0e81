//! The bare floor that benchmarks compare with: axum, one SQLite writer with group commit and
//! `synchronous=FULL`, and no engine. `POST /runs` stores one row and answers 202; `POST /steps` stores
//! `runs` × `steps` rows, each row of a run after the one before it is on disk.
#![expect(clippy::print_stdout, reason = "prints the address it listens on")]

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;
use tokio::sync::oneshot;

/// A row to store, and whom to tell when it is on disk.
struct Write {
    bytes: Bytes,
    done: oneshot::Sender<()>,
}

type Writer = Arc<Sender<Write>>;

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: floor FOLDER")?;
    let writer: Writer = Arc::new(start_writer(&folder)?);
    let app = Router::new().route("/runs", post(run)).route("/steps", post(steps)).with_state(writer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await.context("the floor stopped")
}

async fn run(State(writer): State<Writer>, body: Bytes) -> (StatusCode, &'static str) {
    match store(&writer, body).await {
        Ok(()) => (StatusCode::ACCEPTED, r#"{"status":"queued"}"#),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "{}"),
    }
}

async fn steps(State(writer): State<Writer>, body: Bytes) -> (StatusCode, &'static str) {
    let wanted: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let (runs, steps) = (wanted["runs"].as_u64().unwrap_or(500), wanted["steps"].as_u64().unwrap_or(10));
    let row = Bytes::from(vec![b'x'; 600]);
    let runs: Vec<_> = (0..runs).map(|_| tokio::spawn(one_run(writer.clone(), row.clone(), steps))).collect();
    for run in runs {
        if !matches!(run.await, Ok(Ok(()))) {
            return (StatusCode::SERVICE_UNAVAILABLE, "{}");
        }
    }
    (StatusCode::OK, "{}")
}

async fn one_run(writer: Writer, row: Bytes, steps: u64) -> Result<()> {
    for _ in 0..steps {
        store(&writer, row.clone()).await?;
    }
    Ok(())
}

async fn store(writer: &Writer, bytes: Bytes) -> Result<()> {
    let (done, stored) = oneshot::channel();
    writer.send(Write { bytes, done })?;
    stored.await.context("the writer stopped")
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
            insert.execute([&write.bytes[..]])?;
        }
        database.execute_batch("COMMIT")?;
        for write in waiting.drain(..) {
            write.done.send(()).ok();
        }
    }
    Ok(())
}
