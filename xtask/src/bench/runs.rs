//! Runs per second through the real binary, with the load from another process, beside the floor.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    http::Client,
    server::{Server, scratch},
    sh,
};

/// One-step runs in the load.
const RUNS: u64 = 40_000;
/// Events of a one-step run of `echo`: submitted, claimed, decided, observed, completed.
const EVENTS: u64 = 5;
/// Ten-step runs in the load.
const TEN_STEP_RUNS: u64 = 500;
/// Their steps.
const STEPS: u64 = TEN_STEP_RUNS * 10;

/// Rounds of load and floor, one after the other, because the machine is not equally fast all the time. Each figure is
/// the median; a ratio is taken within its round.
const ROUNDS: usize = 5;

pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (one_step, ten_steps, floor) = (one_step(&affiant, "")?, ten_steps(&affiant)?, floor()?);
        let unsigned = one_step_rate(&affiant, "[server]\ncheckpoint_seconds = 0\n")?;
        let ratio = |of: &Value, to: f64| of.as_f64().unwrap_or_default() / to;
        rounds.push(json!({
            "ratioAccepted": ratio(&one_step["acceptedPerSecond"], floor["acceptedPerSecond"].as_f64().unwrap_or(1.0)),
            "ratioSteps": ratio(&ten_steps["stepsPerSecond"], floor["stepsPerSecond"].as_f64().unwrap_or(1.0)),
            "ratioSignedToUnsigned": ratio(&one_step["completedPerSecond"], unsigned),
            "oneStep": one_step, "tenSteps": ten_steps, "floor": floor,
        }));
    }
    let median = |pointer: &str| {
        let mut values: Vec<f64> = rounds.iter().filter_map(|round| round.pointer(pointer)?.as_f64()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let medians = json!({
        "acceptedPerSecond": median("/oneStep/acceptedPerSecond"),
        "completedPerSecond": median("/oneStep/completedPerSecond"),
        "stepsPerSecond": median("/tenSteps/stepsPerSecond"),
        "bytesPerEvent": median("/oneStep/bytesPerEvent"),
        "ratioAccepted": median("/ratioAccepted"), "ratioSteps": median("/ratioSteps"),
        "ratioSignedToUnsigned": median("/ratioSignedToUnsigned"),
    });
    Ok(json!({ "medians": medians, "submitToFirstStep": latency(&affiant)?, "rounds": rounds }))
}

fn one_step_rate(affiant: &std::path::Path, config: &str) -> Result<f64> {
    one_step(affiant, config)?["completedPerSecond"].as_f64().context("no rate")
}

fn one_step(affiant: &std::path::Path, config: &str) -> Result<Value> {
    let folder = scratch("bench-one-step")?;
    std::fs::write(folder.join("affiant.toml"), config)?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    warm(&server)?;
    let began = Instant::now();
    let load = load(&server.address, &folder.join("data/owner.key"), "/agent/run/v1.0.0", 32, RUNS, 1)?;
    wait_for_completed(&server, RUNS + 1, Duration::from_secs(120))?;
    let all = began.elapsed();
    let (bytes, events) = (size_of(&folder.join("data"))?, (RUNS + 1) * EVENTS);
    Ok(json!({
        "runs": RUNS, "connections": 32,
        "acceptedPerSecond": load["perSecond"], "completedPerSecond": RUNS as f64 / all.as_secs_f64(),
        "replyP50Ms": load["p50Ms"], "replyP99Ms": load["p99Ms"],
        "bytesOnDisk": bytes, "bytesPerEvent": bytes / events,
        "residentKiB": server.resident_kib(),
    }))
}

fn ten_steps(affiant: &std::path::Path) -> Result<Value> {
    let folder = scratch("bench-ten-steps")?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    warm(&server)?;
    let began = Instant::now();
    load(&server.address, &folder.join("data/owner.key"), "/agent/run/v1.0.0", 32, TEN_STEP_RUNS, 10)?;
    wait_for_completed(&server, TEN_STEP_RUNS + 1, Duration::from_secs(60))?;
    let took = began.elapsed().as_secs_f64();
    Ok(json!({ "runs": TEN_STEP_RUNS, "steps": STEPS, "seconds": took, "stepsPerSecond": STEPS as f64 / took }))
}

/// One run at a time, from both sides: from the request to the reply, before which the first step's intent is on disk
/// when a worker is free; and from the run's first event to its first step's result, by the clock of the journal.
fn latency(affiant: &std::path::Path) -> Result<Value> {
    let folder = scratch("bench-latency")?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    warm(&server)?;
    let mut client = server.client()?;
    let (mut micros, mut replies) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        let began = Instant::now();
        let reply = client.post("/agent/run/v1.0.0", r#"{"agentKey":"echo","input":{"steps":1}}"#)?.json()?;
        replies.push(began.elapsed().as_micros() as u64);
        let run = reply["runId"].as_str().context("no runId")?.to_owned();
        wait_for_run(&mut client, &run)?;
        let events = client.get("/agent/events/v1", &format!("runId={run}"))?.json()?;
        let mono = |kind: &str| events["events"].as_array()?.iter().find(|e| e["type"] == kind)?["mono"].as_u64();
        let (submitted, observed) = mono("run.submitted").zip(mono("step.observed")).context("events are missing")?;
        micros.push(observed - submitted);
    }
    let percentiles = |mut of: Vec<u64>| {
        of.sort_unstable();
        json!({ "p50Ms": of[of.len() / 2] as f64 / 1e3, "p99Ms": of[of.len() * 99 / 100] as f64 / 1e3 })
    };
    Ok(json!({
        "runs": micros.len(),
        "requestToReplyWithTheFirstStepDecidedOnDisk": percentiles(replies),
        "runSubmittedToStepObserved": percentiles(micros),
    }))
}

fn floor() -> Result<Value> {
    let folder = scratch("bench-floor")?;
    let mut floor = Floor::start(&folder)?;
    let nobody = std::path::Path::new("/dev/null");
    let accepted = load(&floor.address, nobody, "/runs", 32, RUNS, 1)?;
    let began = Instant::now();
    load(&floor.address, nobody, "/steps", 32, TEN_STEP_RUNS, 10)?;
    let mut client = Client::connect(&floor.address)?;
    while client.get("/done", "")?.json()? != TEN_STEP_RUNS {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed().as_secs_f64();
    floor.child.kill()?;
    Ok(json!({ "acceptedPerSecond": accepted["perSecond"], "stepsPerSecond": STEPS as f64 / took }))
}

struct Floor {
    child: Child,
    address: String,
}

impl Floor {
    fn start(folder: &std::path::Path) -> Result<Self> {
        let mut command = sh::program(sh::shipped("floor", "floor")?);
        let mut child = command.arg(folder).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut line)?;
        let address = line.trim().rsplit("http://").next().context("no address")?.to_owned();
        Ok(Self { child, address })
    }
}

/// Runs `xtask load` as a process of its own and reads its report.
fn load(address: &str, key: &std::path::Path, path: &str, connections: u64, total: u64, steps: u64) -> Result<Value> {
    let mut load = sh::program(std::env::current_exe()?);
    load.args(["load", "--address", address, "--path", path, "--key-file"]).arg(key);
    load.args([
        "--connections",
        &connections.to_string(),
        "--total",
        &total.to_string(),
        "--steps",
        &steps.to_string(),
    ]);
    Ok(serde_json::from_str(&sh::output(&mut load)?)?)
}

/// One run before the clock starts, so that what is loaded on first use is loaded.
fn warm(server: &Server) -> Result<()> {
    let reply = server.client()?.post("/agent/run/v1.0.0", r#"{"agentKey":"echo","mode":"wait"}"#)?;
    ensure!(reply.status / 100 == 2, "{}", String::from_utf8_lossy(&reply.body));
    Ok(())
}

fn wait_for_run(client: &mut Client, run: &str) -> Result<()> {
    for _ in 0..2000 {
        let body = client.get("/agent/status/v1.0.0", &format!("runId={run}"))?.json()?;
        if body["runs"][0]["status"] == "completed" {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    anyhow::bail!("run {run} did not complete")
}

/// Waits until this many runs are completed.
pub(super) fn wait_for_completed(server: &Server, wanted: u64, patience: Duration) -> Result<()> {
    let (began, mut client) = (Instant::now(), server.client()?);
    loop {
        let body = client.get("/agent/status/v1.0.0", "status=completed&limit=1")?.json()?;
        let done = body["total"].as_u64().context("agent.status gave no total")?;
        if done >= wanted {
            return Ok(());
        }
        ensure!(began.elapsed() < patience, "only {done} of {wanted} runs completed");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes of every file below a folder.
pub(super) fn size_of(folder: &std::path::Path) -> Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        total += if entry.file_type()?.is_dir() { size_of(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(total)
}
