//! Runs whose next step a model decides: what a step costs beyond the provider's own time, and how much memory a
//! thousand conversations at once take. The provider is a process of its own on this machine.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    crash::minds::Provider,
    http::Client,
    mind,
    server::{Server, scratch},
    sh,
};

/// Rounds of the measured conversation.
pub(super) const ROUNDS: usize = 100;
/// Conversations at once.
const AT_ONCE: usize = 1_000;

/// Takes both measurements.
pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    Ok(json!({ "step": step(&affiant)?, "streams": streams(&affiant)? }))
}

pub(super) fn project(name: &str, url: &str) -> Result<std::path::PathBuf> {
    let folder = scratch(name)?;
    fs::create_dir_all(folder.join("agents"))?;
    let toml = format!(
        "[server]\nworkers = {AT_ONCE}\n\n[providers.local]\nkind = \"openai-chat\"\nbase_url = \"{url}/v1\"\nat_once = {AT_ONCE}\n"
    );
    fs::write(folder.join("affiant.toml"), toml)?;
    let agent = mind::agent("bench-mind", "local/one", &["tool.echo@1.0.0"], &[]);
    fs::write(folder.join("agents/bench-mind-1.0.0.yaml"), agent)?;
    Ok(folder)
}

/// From one question to the next, and of that the step that asks: from its decision until what its answer wants is
/// decided. Both less what the provider took for that very question, by its own book.
fn step(affiant: &std::path::Path) -> Result<Value> {
    let provider = Provider::shipped(&["--delay", "0"])?;
    let folder = project("bench-models", &provider.url)?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    let mut client = server.client()?;
    let run = submit(&mut client, "one", &conversation())?;
    until(Duration::from_secs(120), || Ok(status(&mut client, &run)? == "completed"))?;
    let decided = decided(&mut client, &run)?;
    let took = |from: &(bool, u64), to: &(bool, u64)| (to.1 - from.1) as f64 / 1e3;
    let of =
        |model: bool| decided.windows(2).filter(move |pair| pair[0].0 == model).map(|pair| took(&pair[0], &pair[1]));
    let round = || decided.windows(3).filter(|three| three[0].0).map(|three| took(&three[0], &three[2]));
    let own = own(&provider.url)?;
    let beyond = |all: &mut dyn Iterator<Item = f64>| Spread::of(all.zip(&own).map(|(whole, own)| whole - own));
    let (step, tool, over) = (Spread::of(of(true)), Spread::of(of(false)), beyond(&mut of(true)));
    Ok(json!({
        "rounds": ROUNDS, "eachRound": "one model call and one tool call, both durable before and after",
        "providerMsMedian": Spread::of(own.iter().copied()).median,
        "modelStepMsMedian": step.median, "modelStepMsP99": step.p99,
        "modelStepOverheadMsMedian": over.median, "modelStepOverheadMsP99": over.p99,
        "toolStepMsMedian": tool.median,
        "roundMsMedian": Spread::of(round()).median, "roundOverheadMsMedian": beyond(&mut round()).median,
    }))
}

/// A prompt after which the model calls a tool in every round but the last.
pub(super) fn conversation() -> String {
    let mut turns = vec![json!({ "calls": [{ "name": "tool_echo", "arguments": { "value": 1 } }] }); ROUNDS - 1];
    turns.push(json!({ "text": "Done." }));
    format!("script: {}", Value::from(turns))
}

/// When each step of such a run was decided, in microseconds of the server's clock, and whether it asked the model.
pub(super) fn decided(client: &mut Client, run: &str) -> Result<Vec<(bool, u64)>> {
    let reply = client.get("/agent/events/v1", &format!("runId={run}&limit=10000"))?.json()?;
    let events = reply["events"].as_array().into_iter().flatten();
    let decided = events.filter(|event| event["type"] == "step.decided");
    let decided: Vec<(bool, u64)> =
        decided.filter_map(|event| Some((event["body"]["rule"] == "model", event["mono"].as_u64()?))).collect();
    ensure!(decided.len() == 2 * ROUNDS - 1, "{} steps were decided in {ROUNDS} rounds", decided.len());
    Ok(decided)
}

/// What the provider took for each call by its own book, from the request to the answer's last byte, in milliseconds.
fn own(url: &str) -> Result<Vec<f64>> {
    let book = Client::connect(url.trim_start_matches("http://"))?.get("/calls", "")?.json()?;
    let calls = || book["calls"].as_array().into_iter().flatten();
    let begun = calls().filter(|call| call["outcome"] == "begun");
    let took = begun.map(|begun| {
        let end = calls().find(|call| call["number"] == begun["number"] && call["outcome"] == "completed")?;
        Some((end["micros"].as_u64()? - begun["micros"].as_u64()?) as f64 / 1e3)
    });
    took.collect::<Option<_>>().context("a call has no end")
}

/// How long something took, in milliseconds.
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) p99: f64,
}

impl Spread {
    pub(super) fn of(took: impl Iterator<Item = f64>) -> Self {
        let mut took: Vec<f64> = took.collect();
        took.sort_by(f64::total_cmp);
        let at = |place: usize| took.get(place).copied().unwrap_or_default();
        Self { median: at(took.len() / 2), p99: at(took.len() * 99 / 100) }
    }
}

/// Resident memory while a thousand runs hear their models' words.
fn streams(affiant: &std::path::Path) -> Result<Value> {
    let provider = Provider::shipped(&["--delay", "2000"])?;
    let folder = project("bench-streams", &provider.url)?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    let mut client = server.client()?;
    let idle = server.resident_kib();
    let turns = json!([{ "text": "word ".repeat(200) }]);
    for number in 0..AT_ONCE {
        submit(&mut client, &format!("s{number}"), &format!("script: {turns}"))?;
    }
    let mut most = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        most = most.max(server.resident_kib().unwrap_or_default());
        std::thread::sleep(Duration::from_millis(200));
    }
    let running = client.get("/agent/status/v1.1", "status=running&limit=1")?.json()?["total"].clone();
    Ok(json!({ "submitted": AT_ONCE, "running": running, "idleKiB": idle, "residentKiB": most }))
}

pub(super) fn submit(client: &mut Client, name: &str, prompt: &str) -> Result<String> {
    let body = json!({ "agentKey": "bench-mind", "prompt": prompt }).to_string();
    let reply = client.post_once("/agent/run/v1.0.0", name, &body)?;
    let answer = reply.json()?;
    answer["runId"].as_str().map(str::to_owned).with_context(|| format!("not accepted: {} {answer}", reply.status))
}

pub(super) fn status(client: &mut Client, run: &str) -> Result<String> {
    let body = client.get("/agent/status/v1.1", &format!("runId={run}"))?.json()?;
    let row = &body["runs"][0];
    ensure!(row["status"] != "failed", "the run failed: {row}");
    Ok(row["status"].as_str().unwrap_or_default().to_owned())
}

pub(super) fn until(most: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < most, "it took longer than {} s", most.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
