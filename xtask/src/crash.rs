//! The crash harness: the real server under load, killed at random moments. This process stands outside it,
//! counts what the server acknowledged and what its tools did, and compares at the end.

mod effects;
pub(crate) mod minds;
mod project;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use effects::Effects;
use serde_json::{Value, json};

use crate::{
    http::Client,
    server::{Server, scratch},
    sh,
};

/// Clients that submit runs all the time.
const CLIENTS: u64 = 4;

/// What the clients know to be accepted: the run's id, by the name they gave it.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

/// How many times the server of a release is killed, once, for [`crate::bench`].
const KILLS: u64 = 1000;

/// What a round of kills showed.
struct Shown {
    kills: u64,
    acknowledged: usize,
    completed: usize,
    unknown: usize,
    ready: Ready,
}

/// How long each start took, from the first to the last.
struct Ready(Vec<Duration>);

impl Ready {
    /// The longest of so many hundredths of the starts.
    fn within(&self, hundredths: usize) -> u128 {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted.get((sorted.len() * hundredths / 100).min(sorted.len() - 1)).map_or(0, Duration::as_millis)
    }

    /// What half of the first tenth, and half of the last tenth, stayed within: a start must not take longer because
    /// there is more in the store.
    fn first_and_last_tenth(&self) -> (u128, u128) {
        let tenth = self.0.len().div_ceil(10);
        let half = |part: &[Duration]| Self(part.to_vec()).within(50);
        (half(&self.0[..tenth]), half(&self.0[self.0.len() - tenth..]))
    }
}

/// Kills the server `kills` times and accounts for every run and every effect. Kills one that was built already where
/// its file is named.
pub(crate) fn run(kills: u64, program: Option<&str>) -> Result<()> {
    let affiant = program.map_or_else(sh::affiant, |file| Ok(file.into()))?;
    let Shown { acknowledged, completed, unknown, ready, .. } = kill_often(&affiant, kills)?;
    let (p50, p99, slowest) = (ready.within(50), ready.within(99), ready.within(100));
    println!(
        "   {kills} kills, {acknowledged} acknowledged runs: {completed} completed, {unknown} wait for a person to settle \
         an unknown outcome; ready again after {p50} ms (p99 {p99} ms, at most {slowest} ms)"
    );
    Ok(())
}

/// The same as a measurement of what is handed out.
pub(crate) fn measure() -> Result<Value> {
    let shown = kill_often(&sh::shipped("affiant-server", "affiant")?, KILLS)?;
    let (first, last) = shown.ready.first_and_last_tenth();
    Ok(json!({
        "kills": shown.kills,
        "acknowledgedRuns": shown.acknowledged, "completed": shown.completed,
        "waitForAPersonToSettleAnUnknownOutcome": shown.unknown,
        "lost": 0, "stuck": 0, "effectsRepeated": 0,
        "readyAgainMs": {
            "p50": shown.ready.within(50), "p99": shown.ready.within(99), "max": shown.ready.within(100),
            "p50OfTheFirstTenth": first, "p50OfTheLastTenth": last,
        },
    }))
}

fn kill_often(affiant: &Path, kills: u64) -> Result<Shown> {
    let folder = scratch("crash")?;
    let effects = Effects::listen()?;
    project::write(&folder.join("project"), effects.address())?;
    let start = || Server::start(affiant, &folder.join("data"), &folder.join("project"));

    let mut random = Random(u64::from(std::process::id()) << 17 | 1);
    let acknowledged = Acknowledged::default();
    let mut ready = Vec::new();
    for kill in 0..kills {
        let mut server = start()?;
        ready.push(server.ready_after);
        let load = Clients::start(&server, kill, &acknowledged);
        std::thread::sleep(Duration::from_millis(20 + random.below(300)));
        server.kill()?;
        load.stop();
    }
    let server = start()?;
    ready.push(server.ready_after);
    let runs = settle(&server, &acknowledged)?;
    let acknowledged = acknowledged.lock().expect("no client panics");
    let (completed, unknown) = account(&acknowledged, &runs, &effects)?;
    Ok(Shown { kills, acknowledged: acknowledged.len(), completed, unknown, ready: Ready(ready) })
}

/// Submits runs until told to stop; every name is used until it is acknowledged, under one idempotency key.
struct Clients {
    stop: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Clients {
    fn start(server: &Server, round: u64, acknowledged: &Acknowledged) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..CLIENTS)
            .map(|client| {
                let (address, key) = (server.address.clone(), server.key.clone());
                let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
                std::thread::spawn(move || submit(&address, &key, &format!("r{round}c{client}"), &stop, &acknowledged))
            })
            .collect();
        Self { stop, threads }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("a client does not panic");
        }
    }
}

fn submit(address: &str, key: &str, prefix: &str, stop: &AtomicBool, acknowledged: &Acknowledged) {
    let Ok(client) = Client::connect(address) else { return };
    let mut client = client.with_key(key);
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("{prefix}n{number}");
        let body = json!({ "agentKey": "crash-test", "input": { "name": name } }).to_string();
        // The server may be killed inside any call; only what it acknowledged is counted.
        let Ok(reply) = client.post_once("/agent/run/v1.0.0", &name, &body) else { return };
        let run = reply.json().ok().and_then(|body| Some(body["runId"].as_str()?.to_owned()));
        if let (202, Some(run)) = (reply.status, run) {
            acknowledged.lock().expect("no client panics").insert(name, run);
        }
    }
}

/// Waits until no run can move by itself any more, and gives every acknowledged run's row.
fn settle(server: &Server, acknowledged: &Acknowledged) -> Result<BTreeMap<String, Value>> {
    let mut moved = Instant::now();
    let mut client = server.client()?;
    let wanted: Vec<String> = acknowledged.lock().expect("no client panics").values().cloned().collect();
    let mut settled = BTreeMap::new();
    while settled.len() < wanted.len() {
        ensure!(moved.elapsed() < Duration::from_secs(120), "{} runs are stuck", wanted.len() - settled.len());
        for run in &wanted {
            if settled.contains_key(run) {
                continue;
            }
            let row = row(&mut client, run)?;
            let status = row["status"].as_str().unwrap_or_default();
            let parked = status == "waiting" && row["waitingFor"]["reason"] == "unknown_outcome";
            if parked || matches!(status, "completed" | "failed" | "cancelled") {
                settled.insert(run.clone(), row);
                moved = Instant::now();
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(settled)
}

fn row(client: &mut Client, run: &str) -> Result<Value> {
    let reply = client.get("/agent/status/v1.1", &format!("runId={run}"))?;
    let body = reply.json()?;
    let row = body["runs"].get(0).cloned();
    row.with_context(|| format!("acknowledged run {run} is lost: {} {body}", reply.status))
}

/// Compares what was promised with what happened; gives how many runs completed, and how many wait for a person.
fn account(
    acknowledged: &BTreeMap<String, String>,
    runs: &BTreeMap<String, Value>,
    effects: &Effects,
) -> Result<(usize, usize)> {
    let seen = effects.seen();
    let mut by_run: HashMap<(&str, &str), Vec<&str>> = HashMap::new();
    for effect in &seen {
        by_run.entry((&effect.path, &effect.name)).or_default().push(&effect.key);
    }
    let (mut completed, mut unknown) = (0, 0);
    for (name, run) in acknowledged {
        let of = |path| by_run.get(&(path, name.as_str())).map(Vec::as_slice).unwrap_or_default();
        let keys: BTreeSet<&&str> = of("/apply").iter().collect();
        ensure!(keys.len() <= 1, "run {run}: an idempotent effect was applied under {} keys: {keys:?}", keys.len());
        let once = of("/once").len();
        ensure!(once <= 1, "run {run}: an effect that must not be repeated happened {once} times");
        match runs[run]["status"].as_str().unwrap_or_default() {
            "completed" => {
                completed += 1;
                ensure!(keys.len() == 1 && once == 1, "run {run} completed without its effects");
            }
            "waiting" => unknown += 1,
            other => anyhow::bail!("run {run} ended {other}: {}", runs[run]),
        }
    }
    ensure!(completed > 0, "no run completed, so nothing was shown");
    Ok((completed, unknown))
}

/// A small random sequence (xorshift); which moments it picks does not matter, that they differ does.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
