//! One run that is followed by nobody, and the same one followed by a thousand: what they cost it.
//!
//! A conversation is the run as people have it: it waits for a model most of the time, and a follower that cost it
//! something would be seen in how long its rounds take. A run of `echo` waits for nothing; there followers, who are
//! processes of the same machine, take away what they need, and the figure says how much is sent.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::models::{Spread, conversation, decided, project, status, submit, until};
use crate::{
    crash::minds::Provider,
    http::Client,
    server::{Server, scratch},
    sh,
};

/// Steps of the run of `echo`.
const STEPS: u64 = 300;
/// How many follow it.
const FOLLOWERS: usize = 1000;
/// What a run may take at most.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let provider = Provider::shipped(&["--delay", "10"])?;
    let folder = project("bench-followers", &provider.url)?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    talk(&server, "warm", 0)?;
    let conversation =
        json!({ "alone": talk(&server, "alone", 0)?, "followed": talk(&server, "followed", FOLLOWERS)? });
    let folder = scratch("bench-followers-echo")?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    echo(&server, 0)?;
    let echo = json!({ "alone": echo(&server, 0)?, "followed": echo(&server, FOLLOWERS)? });
    Ok(json!({ "followers": FOLLOWERS, "conversation": conversation, "echo": echo }))
}

/// A conversation, and what its rounds take.
fn talk(server: &Server, name: &str, followers: usize) -> Result<Value> {
    let mut client = server.client()?;
    let cpu = cpu_millis(server)?;
    let run = submit(&mut client, name, &conversation())?;
    let told = followed(server, &mut client, &run, followers)?;
    let decided = decided(&mut client, &run)?;
    let rounds = decided.windows(3).filter(|three| three[0].0);
    let rounds = Spread::of(rounds.map(|three| (three[2].1 - three[0].1) as f64 / 1e3));
    Ok(json!({
        "roundMsMedian": rounds.median, "roundMsP99": rounds.p99,
        "completedSeconds": told.completed, "untilEverybodySawItsEndSeconds": told.seen,
        "serverCpuSeconds": (cpu_millis(server)? - cpu) as f64 / 1e3, "megabytesSent": told.bytes as f64 / 1e6,
    }))
}

/// A run of `echo`, as fast as the machine can.
fn echo(server: &Server, followers: usize) -> Result<Value> {
    let mut client = server.client()?;
    let cpu = cpu_millis(server)?;
    let body = json!({ "agentKey": "echo", "input": { "steps": STEPS } }).to_string();
    let run = client.post("/agent/run/v1.0.0", &body)?.json()?["runId"].as_str().context("no runId")?.to_owned();
    let told = followed(server, &mut client, &run, followers)?;
    Ok(json!({
        "steps": STEPS, "completedSeconds": told.completed, "untilEverybodySawItsEndSeconds": told.seen,
        "serverCpuSeconds": (cpu_millis(server)? - cpu) as f64 / 1e3, "megabytesSent": told.bytes as f64 / 1e6,
    }))
}

/// When a run had ended, when everybody who followed it had seen that, and how much they were sent.
struct Told {
    completed: f64,
    seen: f64,
    bytes: u64,
}

/// Follows a run until each follower has seen its end.
fn followed(server: &Server, client: &mut Client, run: &str, followers: usize) -> Result<Told> {
    let began = Instant::now();
    let following: Vec<_> = (0..followers)
        .map(|_| {
            let (address, key, run) = (server.address.clone(), server.key.clone(), run.to_owned());
            thread::Builder::new().stack_size(128 << 10).spawn(move || follow(&address, &key, &run))
        })
        .collect::<std::io::Result<_>>()?;
    until(PATIENCE, || Ok(status(client, run)? == "completed"))?;
    let completed = began.elapsed().as_secs_f64();
    let mut bytes = 0;
    for follower in following {
        bytes += follower.join().expect("a follower does not panic")?;
    }
    Ok(Told { completed, seen: began.elapsed().as_secs_f64(), bytes })
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
