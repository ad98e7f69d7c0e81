//! How fast the store is, on the disk that holds the folder it is given. Prints one JSON object.
//!
//!     cargo bench -p affiant-store --bench append -- [FOLDER [append|lives|full|seal]]
//!
//! As a test (`cargo test --benches`) it does a little of everything, to show that it works, and its figures mean nothing.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use affiant_engine::ports::{Append, Claim, Clock, Place, RunQuery, RunRow, SealedValue, Store, Vault};
use affiant_journal::{Digest, Entry, StreamId, TenantId, Timestamp};
use affiant_store::{Opened, Options, open, testing::Dice};
use serde_json::{Map, Value, json};

/// Bytes of an event; the events of a run are about as long.
const EVENT: usize = 560;
/// Callers at once.
const CALLERS: u64 = 32;

/// How much is done.
#[derive(Clone, Copy)]
struct Scale {
    measured: Duration,
    finished: u64,
    waiting: u64,
    repeated: usize,
}

const WHOLE: Scale = Scale { measured: Duration::from_secs(4), finished: 100_000, waiting: 10_000, repeated: 1000 };
const LITTLE: Scale = Scale { measured: Duration::from_millis(50), finished: 200, waiting: 20, repeated: 10 };

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
        Timestamp(since.as_micros() as i64)
    }

    fn mono(&self) -> u64 {
        self.now().0 as u64
    }
}

fn opened(folder: &Path) -> Opened {
    let folder = folder.to_owned();
    open(Options { folder, heads: None, clock: Arc::new(WallClock), chance: Arc::new(Dice::new(7)) })
        .expect("the folder opens")
}

fn entry(number: u64) -> Entry {
    let mut text = format!("{{\"number\":{number},\"filling\":\"");
    text.extend(std::iter::repeat_n('x', EVENT - text.len()));
    Entry { bytes: text.as_bytes().into(), leaf: Digest::of_leaf(text.as_bytes()) }
}

fn tenant() -> TenantId {
    "t_01jd5q8e4m0000000000000000".into()
}

fn row(run: &str, status: &str, at: Timestamp) -> RunRow {
    RunRow {
        tenant: tenant(),
        run: run.into(),
        agent: "echo".into(),
        agent_version: "1.0.0".into(),
        planner: "rules".into(),
        status: status.into(),
        waiting: None,
        priority: 0,
        submitted_at: at,
        started_at: None,
        ended_at: None,
        snapshot: Some("ctx_01jd5q8e4m0000000000000000".into()),
        error: None,
        actor: "u_01jd5q8e4m0000000000000000".into(),
        parent: None,
        steps: 1,
        events: 1,
        runnable_at: Some(at),
        worker: None,
    }
}

fn grow(run: &str, expected: u64, count: u64, row: RunRow) -> Append {
    let entries = (expected..expected + count).map(entry).collect();
    Append { run: Some(row), ..Append::new(tenant(), StreamId::from(run), expected, entries) }
}

/// Runs `work` in this many tasks until the time is over; gives what they did in all, per second.
async fn rate<F>(callers: u64, work: impl Fn(u64) -> F) -> f64
where
    F: Future<Output = u64> + Send + 'static,
{
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers).map(|caller| tokio::spawn(work(caller))).collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("a caller does not panic");
    }
    done as f64 / begin.elapsed().as_secs_f64()
}

/// Appends of one to three events, each with its run's row, on a run of its own per caller.
async fn appends(store: &Arc<dyn Store>, scale: Scale, callers: u64) -> f64 {
    rate(callers, |caller| {
        let store = store.clone();
        async move {
            let (end, mut expected) = (Instant::now() + scale.measured, 0);
            let run = WallClock.now();
            let id = format!("run_{:020}{caller:06}", run.0);
            while Instant::now() < end {
                let count = expected % 3 + 1;
                let row = RunRow { events: expected, ..row(&id, "running", run) };
                store.append(grow(&id, expected, count, row)).await.expect("the store is well");
                expected += count;
            }
            expected
        }
    })
    .await
}

/// Accepting runs: first event, row, and a sealed value.
async fn submits(store: &Arc<dyn Store>, scale: Scale, callers: u64) -> (f64, Vec<Duration>) {
    let numbers = Arc::new(AtomicU64::new(0));
    let (sender, receiver) = std::sync::mpsc::channel();
    let rate = rate(callers, |_| {
        let (store, numbers, sender) = (store.clone(), numbers.clone(), sender.clone());
        async move {
            let (end, mut took) = (Instant::now() + scale.measured, Vec::new());
            while Instant::now() < end {
                let begin = Instant::now();
                let now = WallClock.now();
                let run = format!("run_{:020}{:06}", now.0, numbers.fetch_add(1, Ordering::Relaxed));
                let row = RunRow { runnable_at: None, ..row(&run, "queued", now) };
                let sealed = SealedValue {
                    seq: 0,
                    commitment: Digest::of(run.as_bytes()),
                    subject: "u_1".into(),
                    cipher: [7; 120].into(),
                };
                let append = Append { sealed: vec![sealed], ..grow(&run, 0, 1, row) };
                store.append(append).await.expect("the store is well");
                took.push(begin.elapsed());
            }
            let done = took.len() as u64;
            sender.send(took).expect("somebody waits for it");
            done
        }
    })
    .await;
    drop(sender);
    (rate, receiver.into_iter().flatten().collect())
}

/// Whole runs of one step: accepted, claimed, stepped, ended. Claims are of 16 runs, as a server's are.
async fn lives(store: &Arc<dyn Store>, scale: Scale) -> f64 {
    let numbers = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + scale.measured;
    let accepted = (0..CALLERS).map(|_| {
        let (store, numbers) = (store.clone(), numbers.clone());
        tokio::spawn(async move {
            while Instant::now() < end {
                let now = WallClock.now();
                let run = format!("run_{:020}{:06}", now.0, numbers.fetch_add(1, Ordering::Relaxed));
                store.append(grow(&run, 0, 1, row(&run, "queued", now))).await.expect("the store is well");
            }
        })
    });
    let accepted: Vec<_> = accepted.collect();
    let completed = rate(4, |_| {
        let store = store.clone();
        async move {
            let mut completed = 0;
            while Instant::now() < end {
                let (now, limit) = (WallClock.now(), 16);
                let until = now.plus(Duration::from_secs(30));
                let claim = Claim { now, until, worker: "w_1".into(), limit, full: Vec::new() };
                let runs = store.claim(claim).await.expect("the store is well");
                if runs.is_empty() {
                    tokio::task::yield_now().await;
                }
                let lives = runs.into_iter().map(|run| {
                    let store = store.clone();
                    tokio::spawn(async move { live(&*store, run).await })
                });
                for life in lives.collect::<Vec<_>>() {
                    life.await.expect("a life does not panic");
                    completed += 1;
                }
            }
            completed
        }
    })
    .await;
    for task in accepted {
        task.await.expect("a caller does not panic");
    }
    completed
}

async fn live(store: &dyn Store, claimed: RunRow) {
    let stream = claimed.run.stream();
    let journal = store.load(&claimed.tenant, &stream, 0, 1000).await.expect("the store is well");
    assert_eq!(journal.len(), 1);
    let id = claimed.run.to_string();
    let running = RunRow { status: "running".into(), ..claimed };
    store.append(grow(&id, 1, 2, running.clone())).await.expect("the store is well");
    let ended = RunRow { status: "completed".into(), runnable_at: None, worker: None, ..running };
    store.append(grow(&id, 3, 2, ended)).await.expect("the store is well");
}

/// Fills the store with runs of four events that are over, and runs that wait for a person.
async fn fill(store: &Arc<dyn Store>, Scale { finished, waiting, .. }: Scale) {
    let tasks = (0..64).map(|lane| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in (lane..finished + waiting).step_by(64) {
                let now = WallClock.now();
                let run = format!("run_{:020}{number:06}", now.0);
                let done = number >= waiting;
                let mut row = row(&run, if done { "completed" } else { "waiting" }, now);
                row.runnable_at = (!done).then(|| now.plus(Duration::from_secs(86_400)));
                store.append(grow(&run, 0, 4, row)).await.expect("the store is well");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a caller does not panic");
    }
}

async fn pages(store: &Arc<dyn Store>, scale: Scale, query: RunQuery) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..scale.repeated {
        let begin = Instant::now();
        store.runs(&tenant(), query.clone()).await.expect("the store is well");
        took.push(begin.elapsed());
    }
    took
}

async fn loads(store: &Arc<dyn Store>, scale: Scale) -> Vec<Duration> {
    let runs = store.runs(&tenant(), RunQuery::default()).await.expect("the store is well");
    let mut took = Vec::new();
    for row in runs.rows.iter().cycle().take(scale.repeated) {
        let begin = Instant::now();
        store.load(&tenant(), &row.run.stream(), 0, 1000).await.expect("the store is well");
        took.push(begin.elapsed());
    }
    took
}

fn part(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    let at = (took.len() * percent / 100).min(took.len() - 1);
    round(took[at].as_secs_f64() * 1e3)
}

fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn spread(mut took: Vec<Duration>) -> Value {
    json!({ "p50_ms": part(&mut took, 50), "p99_ms": part(&mut took, 99), "worst_ms": part(&mut took, 100) })
}

/// Resident memory in MiB, where the system says so.
fn resident() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(round(kib / 1024.0))
}

fn size_of(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("journal.db")).expect("the journal is a file").len()
}

async fn measure_seals(vault: &Arc<dyn Vault>, scale: Scale) -> f64 {
    let (tenant, stream, count) = (tenant(), StreamId::from("run_1"), 200 * scale.repeated as u64);
    let commitments: Vec<Digest> = (0..1000u64).map(|number| Digest::of(&number.to_le_bytes())).collect();
    let begin = Instant::now();
    for seq in 0..count {
        let commitment = &commitments[(seq % 1000) as usize];
        let place = Place { tenant: &tenant, subject: "u_1", stream: &stream, seq, commitment };
        vault
            .seal(&place, "[\"c2FsdHNhbHRzYWx0c2FsdA\",\"/prompt\",\"Write the notes for the next release\"]")
            .expect("the vault is well");
    }
    round(begin.elapsed().as_secs_f64() * 1e6 / count as f64)
}

async fn measure(folder: PathBuf, only: &str, scale: Scale) -> Value {
    let mut found = Map::new();
    let mut note = |name: &str, value: Value| {
        eprintln_line(name, &value);
        found.insert(name.to_owned(), value);
    };
    let wanted = |name: &str| only.is_empty() || only == name;
    note("resident_before_mib", json!(resident()));
    if wanted("append") {
        let opened = opened(&folder.join("append"));
        note("resident_empty_mib", json!(resident()));
        for callers in [1, CALLERS, 128] {
            let rate = appends(&opened.store, scale, callers).await;
            note(&format!("append_1_to_3_events_{callers}_callers_events_per_s"), json!(rate.round()));
        }
        note("resident_after_mib", json!(resident()));
    }
    if wanted("lives") {
        let opened = opened(&folder.join("lives"));
        note("one_step_runs_completed_per_s", json!(lives(&opened.store, scale).await.round()));
        let events = opened.store.counts().await.expect("the store is well").entries;
        note("load_of_a_run", spread(loads(&opened.store, scale).await));
        drop(opened);
        note("bytes_per_event", json!(size_of(&folder.join("lives")) / events));
    }
    if wanted("full") {
        let empty = opened(&folder.join("empty"));
        let (before, took) = submits(&empty.store, scale, CALLERS).await;
        note("submit_empty_store_runs_per_s", json!(before.round()));
        note("submit_empty_store", spread(took));
        let (one, took) = submits(&empty.store, scale, 1).await;
        note("submit_one_caller_runs_per_s", json!(one.round()));
        note("submit_one_caller", spread(took));
        drop(empty);
        let full = opened(&folder.join("full"));
        fill(&full.store, scale).await;
        note("first_page", spread(pages(&full.store, scale, RunQuery::default()).await));
        let waiting = RunQuery { statuses: vec!["waiting".into()], ..RunQuery::default() };
        note("first_page_waiting", spread(pages(&full.store, scale, waiting).await));
        let echo = RunQuery { agent: Some("echo".into()), ..RunQuery::default() };
        note("first_page_of_an_agent", spread(pages(&full.store, scale, echo).await));
        let part = RunQuery { id_part: Some("000777".into()), ..RunQuery::default() };
        note("first_page_by_part_of_an_id", spread(pages(&full.store, scale, part).await));
        let (after, took) = submits(&full.store, scale, CALLERS).await;
        note("submit_full_store_runs_per_s", json!(after.round()));
        note("submit_full_store", spread(took));
        note("submit_full_to_empty", json!(round(after / before)));
        note("resident_full_mib", json!(resident()));
    }
    if wanted("seal") {
        let opened = opened(&folder.join("seal"));
        note("seal_us", json!(measure_seals(&opened.vault, scale).await));
    }
    Value::Object(found)
}

#[expect(clippy::print_stderr, reason = "progress, for whoever waits")]
fn eprintln_line(name: &str, value: &Value) {
    eprintln!("{name}: {value}");
}

fn main() {
    let scale = if std::env::args().any(|argument| argument == "--bench") { WHOLE } else { LITTLE };
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let given = arguments.next().map(PathBuf::from);
    let only = arguments.next().unwrap_or_default();
    let temporary = tempfile::tempdir().expect("there is a folder for temporary files");
    let folder = given.unwrap_or_else(|| temporary.path().to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let found = runtime.expect("a runtime starts").block_on(measure(folder, &only, scale));
    println!("{}", serde_json::to_string_pretty(&found).expect("it is JSON"));
}
