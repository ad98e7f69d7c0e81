//! One run that is followed by nobody, and the same one followed by a thousand: what they cost it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    server::{Server, scratch},
    sh,
};

/// Steps of the run.
const STEPS: u64 = 3000;
/// How many follow it.
const FOLLOWERS: usize = 1000;

pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let folder = scratch("bench-followers")?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    followed(&server, 0)?;
    let (alone, followed) = (followed(&server, 0)?, followed(&server, FOLLOWERS)?);
    Ok(json!({ "steps": STEPS, "followers": FOLLOWERS, "alone": alone, "followed": followed }))
}

/// Carries a run out while so many follow it, until each of them has seen its end.
fn followed(server: &Server, followers: usize) -> Result<Value> {
    let mut client = server.client()?;
    let (cpu, began) = (cpu_millis(server)?, Instant::now());
    let body = json!({ "agentKey": "echo", "input": { "steps": STEPS } }).to_string();
    let run = client.post("/agent/run/v1.0.0", &body)?.json()?["runId"].as_str().context("no runId")?.to_owned();
    let following: Vec<_> = (0..followers)
        .map(|_| {
            let (address, key, run) = (server.address.clone(), server.key.clone(), run.clone());
            thread::Builder::new().stack_size(128 << 10).spawn(move || follow(&address, &key, &run))
        })
        .collect::<std::io::Result<_>>()?;
    loop {
        let status = client.get("/agent/status/v1.0.0", &format!("runId={run}"))?.json()?;
        if status["runs"][0]["status"] == "completed" {
            break;
        }
        ensure!(began.elapsed() < Duration::from_secs(120), "the run did not complete: {status}");
        thread::sleep(Duration::from_millis(5));
    }
    let completed = began.elapsed();
    let mut bytes = 0;
    for follower in following {
        bytes += follower.join().expect("a follower does not panic")?;
    }
    Ok(json!({
        "seconds": completed.as_secs_f64(),
        "untilEverybodySawItsEndSeconds": began.elapsed().as_secs_f64(),
        "serverCpuSeconds": (cpu_millis(server)? - cpu) as f64 / 1e3,
        "megabytesSent": bytes as f64 / 1e6,
    }))
}

/// Reads a run's events to their end, and gives how many bytes they were.
fn follow(address: &str, key: &str, run: &str) -> Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "GET /agent/events/v1?runId={run} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         accept: text/event-stream\r\nconnection: close\r\n\r\n"
    )?;
    let (mut total, mut piece) = (0, [0; 32 << 10]);
    loop {
        match stream.read(&mut piece)? {
            0 => return Ok(total),
            read => total += read as u64,
        }
    }
}

/// User and system time of the server so far.
fn cpu_millis(server: &Server) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid()))?;
    let fields: Vec<&str> = stat.rsplit(')').next().context("no fields")?.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("no times");
    // Linux counts in hundredths of a second; fields 14 and 15, of which two and a name stand before.
    Ok((ticks(11)? + ticks(12)?) * 10)
}
