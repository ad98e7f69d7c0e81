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
const ROUNDS: usize = 100;
/// Conversations at once.
const AT_ONCE: usize = 1_000;

/// Takes both measurements.
pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    Ok(json!({ "step": step(&affiant)?, "streams": streams(&affiant)? }))
}

fn project(name: &str, url: &str) -> Result<std::path::PathBuf> {
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
/// decided. Both less what the provider takes when it is asked directly.
fn step(affiant: &std::path::Path) -> Result<Value> {
    let provider = Provider::start(&["--delay", "0"])?;
    let folder = project("bench-models", &provider.url)?;
    let server = Server::start(affiant, &folder.join("data"), &folder)?;
    let mut client = server.client()?;
    let mut turns = vec![json!({ "calls": [{ "name": "tool_echo", "arguments": { "value": 1 } }] }); ROUNDS - 1];
    turns.push(json!({ "text": "Done." }));
    let run = submit(&mut client, "one", &format!("script: {}", Value::from(turns)))?;
    until(Duration::from_secs(120), || Ok(status(&mut client, &run)? == "completed"))?;
    let reply = client.get("/agent/events/v1", &format!("runId={run}&limit=10000"))?.json()?;
    let events = reply["events"].as_array().into_iter().flatten();
    let decided = events.filter(|event| event["type"] == "step.decided");
    let decided: Vec<(bool, u64)> =
        decided.filter_map(|event| Some((event["body"]["rule"] == "model", event["mono"].as_u64()?))).collect();
    ensure!(decided.len() == 2 * ROUNDS - 1, "{} steps were decided in {ROUNDS} rounds", decided.len());
    let took = |from: &(bool, u64), to: &(bool, u64)| (to.1 - from.1) as f64 / 1e3;
    let of =
        |model: bool| decided.windows(2).filter(move |pair| pair[0].0 == model).map(|pair| took(&pair[0], &pair[1]));
    let (step, tool) = (Spread::of(of(true)), Spread::of(of(false)));
    let round = Spread::of(decided.windows(3).filter(|three| three[0].0).map(|three| took(&three[0], &three[2])));
    let provider = Spread::of(direct(&provider.url)?.into_iter());
    Ok(json!({
        "rounds": ROUNDS, "eachRound": "one model call and one tool call, both durable before and after",
        "providerMsMedian": provider.median,
        "modelStepMsMedian": step.median, "modelStepMsP99": step.p99,
        "modelStepOverheadMsMedian": step.median - provider.median,
        "toolStepMsMedian": tool.median,
        "roundMsMedian": round.median, "roundMsP99": round.p99, "roundOverheadMsMedian": round.median - provider.median,
    }))
}

/// How long something took, in milliseconds.
struct Spread {
    median: f64,
    p99: f64,
}

impl Spread {
    fn of(took: impl Iterator<Item = f64>) -> Self {
        let mut took: Vec<f64> = took.collect();
        took.sort_by(f64::total_cmp);
        let at = |place: usize| took.get(place).copied().unwrap_or_default();
        Self { median: at(took.len() / 2), p99: at(took.len() * 99 / 100) }
    }
}

/// The provider asked directly, with a question of the same kind.
fn direct(url: &str) -> Result<Vec<f64>> {
    let mut client = Client::connect(url.trim_start_matches("http://"))?;
    let body = json!({ "model": "one", "stream": true, "messages": [{ "role": "user", "content": "hello" }] });
    let mut took = Vec::new();
    for number in 0..ROUNDS {
        let began = Instant::now();
        let reply = client.post_once("/v1/chat/completions", &format!("d{number}"), &body.to_string())?;
        ensure!(reply.status == 200, "the provider answered {}", reply.status);
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

/// Resident memory while a thousand runs hear their models' words.
fn streams(affiant: &std::path::Path) -> Result<Value> {
    let provider = Provider::start(&["--delay", "2000"])?;
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

fn submit(client: &mut Client, name: &str, prompt: &str) -> Result<String> {
    let body = json!({ "agentKey": "bench-mind", "prompt": prompt }).to_string();
    let reply = client.post_once("/agent/run/v1.0.0", name, &body)?;
    let answer = reply.json()?;
    answer["runId"].as_str().map(str::to_owned).with_context(|| format!("not accepted: {} {answer}", reply.status))
}

fn status(client: &mut Client, run: &str) -> Result<String> {
    let body = client.get("/agent/status/v1.1", &format!("runId={run}"))?.json()?;
    let row = &body["runs"][0];
    ensure!(row["status"] != "failed", "the run failed: {row}");
    Ok(row["status"].as_str().unwrap_or_default().to_owned())
}

fn until(most: Duration, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !holds()? {
        ensure!(began.elapsed() < most, "it took longer than {} s", most.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
