//! Large stores and long runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::runs::wait_for_completed;
use crate::{
    load,
    server::{Server, scratch},
    sh,
};

/// An agent that asks a person at once, so that its runs wait for ever.
const WAITER: &str = "\
kind: agent
key: waiter
version: 1.0.0
title: Agent that waits
description: Asks a question that nobody answers.
goal: Fill a store with runs that wait.
context: Runs only in the benchmark of large stores.
domain: bench
owners: [bench]
tags: [bench]
stability: experimental
input: { type: object, additionalProperties: false }
planner:
  kind: rules
  rules:
    - id: ask
      when: '!has(answers.go)'
      then: { ask: { question: May I go on?, as: go, schema: { type: boolean } } }
    - id: done
      then: { finish: {} }
";

/// 100,000 finished and 10,000 waiting runs; then memory, the first page of `agent.status`, and submission.
pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let folder = scratch("bench-large")?;
    std::fs::create_dir_all(folder.join("contracts"))?;
    std::fs::write(folder.join("affiant.toml"), "contracts = [\"contracts\"]\n")?;
    std::fs::write(folder.join("contracts/waiter-1.0.0.yaml"), WAITER)?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    let submit = |agent: &str, total: u64| {
        let body = json!({ "agentKey": agent }).to_string();
        load::post(&server.address, &server.key, "/agent/run/v1.0.0", &body, 32, total)
    };
    let empty = submit("echo", 10_000)?.rate();
    submit("echo", 90_000)?;
    wait_for_completed(&server, 100_000, Duration::from_secs(300))?;
    submit("waiter", 10_000)?;
    let full = submit("echo", 10_000)?.rate();
    wait_for_completed(&server, 110_000, Duration::from_secs(120))?;
    let pages = first_pages(&server)?;
    Ok(json!({
        "finishedRuns": 110_000, "waitingRuns": 10_000, "residentKiB": server.resident_kib(),
        "statusFirstPageP50Ms": pages[pages.len() / 2], "statusFirstPageP99Ms": pages[pages.len() * 99 / 100],
        "submitPerSecondEmpty": empty, "submitPerSecondFull": full, "ratio": full / empty,
    }))
}

/// Times of the first page of `agent.status`, sorted, in milliseconds.
fn first_pages(server: &Server) -> Result<Vec<f64>> {
    let mut client = server.client()?;
    let mut times = Vec::new();
    for number in 0..500 {
        let query = if number % 2 == 0 { "limit=50" } else { "limit=50&status=waiting" };
        let began = Instant::now();
        let reply = client.get("/agent/status/v1.0.0", query)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(reply.status == 200, "{}", String::from_utf8_lossy(&reply.body));
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// How often the journal of the long run is replayed.
const REPLAYS: usize = 9;

/// One run of 10,000 steps: cost per step at its beginning and at its end, and the replay of its journal.
pub(super) fn long() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let folder = scratch("bench-long")?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    let mut client = server.client()?;
    let reply = client.post("/agent/run/v1.0.0", r#"{"agentKey":"echo","input":{"steps":10000}}"#)?.json()?;
    let run = reply["runId"].as_str().context("no runId")?.to_owned();
    wait_for_completed(&server, 1, Duration::from_secs(300))?;
    let observed = observed_times(&mut client, &run)?;
    ensure!(observed.len() == 10_000, "only {} steps were observed", observed.len());
    let per_step = |from: usize, to: usize| (observed[to] - observed[from]) as f64 / (to - from) as f64;
    let (mut replays, mut reply) = (Vec::new(), Value::Null);
    for _ in 0..REPLAYS {
        let began = Instant::now();
        let replay = client.get("/agent/replay/v1", &format!("runId={run}"))?;
        replays.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(replay.status == 200, "{}", String::from_utf8_lossy(&replay.body));
        reply = replay.json()?;
    }
    let first = replays[0];
    replays.sort_by(f64::total_cmp);
    Ok(json!({
        "steps": 10_000, "firstThousandUsPerStep": per_step(0, 999), "lastThousandUsPerStep": per_step(9000, 9999),
        "replayMsFirst": first, "replayMsMedian": replays[REPLAYS / 2], "replay": reply,
    }))
}

/// `mono` of every `step.observed`, in order.
fn observed_times(client: &mut crate::http::Client, run: &str) -> Result<Vec<u64>> {
    let (mut after, mut times) = (None, Vec::new());
    loop {
        let after_text = after.map(|seq: u64| format!("&after={seq}")).unwrap_or_default();
        let page = client.get("/agent/events/v1", &format!("runId={run}&limit=1000{after_text}"))?.json()?;
        let events = page["events"].as_array().context("no events")?;
        let Some(last) = events.last() else { return Ok(times) };
        times.extend(events.iter().filter(|e| e["type"] == "step.observed").filter_map(|e| e["mono"].as_u64()));
        after = last["seq"].as_u64();
    }
}
