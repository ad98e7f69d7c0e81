//! A load of runs from a process of its own, as `cargo xtask load …`: many connections, one request at a time on each.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::{http::Client, option};

/// What a load gave.
pub(crate) struct Load {
    /// Requests that were accepted.
    pub(crate) accepted: u64,
    /// From the first request to the last reply.
    pub(crate) took: Duration,
    /// Reply times, sorted.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    /// Accepted per second.
    pub(crate) fn rate(&self) -> f64 {
        self.accepted as f64 / self.took.as_secs_f64()
    }

    /// The reply time that this part of all replies did not exceed, in milliseconds.
    pub(crate) fn percentile(&self, part: f64) -> f64 {
        let at = ((self.latencies.len() as f64 * part) as usize).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    }
}

/// Sends `total` requests over `connections`, each the same bytes.
pub(crate) fn post(address: &str, key: &str, path: &str, body: &str, connections: u64, total: u64) -> Result<Load> {
    let sent = AtomicU64::new(0);
    let began = Instant::now();
    let results: Vec<Result<Vec<Duration>>> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..connections).map(|_| scope.spawn(|| one_connection(address, key, path, body, &sent, total))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a load thread does not panic")).collect()
    });
    let took = began.elapsed();
    let mut latencies = Vec::new();
    for result in results {
        latencies.extend(result?);
    }
    latencies.sort();
    Ok(Load { accepted: latencies.len() as u64, took, latencies })
}

fn one_connection(
    address: &str,
    key: &str,
    path: &str,
    body: &str,
    sent: &AtomicU64,
    total: u64,
) -> Result<Vec<Duration>> {
    let mut client = Client::connect(address)?.with_key(key);
    let request = client.post_bytes(path, "", body).into_bytes();
    let mut latencies = Vec::new();
    while sent.fetch_add(1, Ordering::Relaxed) < total {
        let began = Instant::now();
        let reply = client.exchange(&request)?;
        ensure!(reply.status / 100 == 2, "status {}: {}", reply.status, String::from_utf8_lossy(&reply.body));
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

/// `load --address A --key-file F --connections N --total N --steps N [--path P]`, printing one JSON object.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let number = |name: &str, usual: u64| option(args, name).map_or(Ok(usual), str::parse);
    let address = option(args, "--address").context("--address HOST:PORT is missing")?;
    let key = option(args, "--key-file").map_or(Ok(String::new()), std::fs::read_to_string)?;
    let path = option(args, "--path").unwrap_or("/agent/run/v1.0.0");
    let body = json!({ "agentKey": "echo", "input": { "steps": number("--steps", 1)? } }).to_string();
    let load = post(address, key.trim(), path, &body, number("--connections", 32)?, number("--total", 10_000)?)?;
    let report = json!({
        "accepted": load.accepted,
        "seconds": load.took.as_secs_f64(),
        "perSecond": load.rate(),
        "p50Ms": load.percentile(0.5),
        "p99Ms": load.percentile(0.99),
    });
    println!("{report}");
    Ok(())
}
