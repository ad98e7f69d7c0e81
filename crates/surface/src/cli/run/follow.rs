//! `affiant run watch` and `events`: a run as it happens, over a stream that is resumed when it breaks.

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    time::Duration,
};

use affiant_contract::duration;
use clap::{Arg, ArgAction, ArgMatches, Command};
use reqwest::Response;
use serde_json::{Value, json};

use super::{
    list::{because, spent},
    named, run_argument,
};
use crate::{
    cli::{
        Context, Exit, Failure,
        client::Client,
        ids,
        narrate::{Narrator, Waits},
        stream::Stream,
        terminal,
    },
    units::took,
};

/// The type of what a model says while it says it: not an event of the record.
pub(in crate::cli) const DELTA: &str = "model.delta";

/// How often a log hears that a run goes on.
const ASSURE: Duration = Duration::from_secs(30);

/// How long a run is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Until {
    /// Also stop when nothing but a person can move it.
    pub(in crate::cli) blocked: bool,
    /// The longest.
    pub(in crate::cli) timeout: Option<Duration>,
}

pub(super) fn wait_arguments() -> [Arg; 2] {
    let wait =
        Arg::new("wait").long("wait").value_name("STATE").help("Wait until it is `finished`, or `blocked` by a person");
    let timeout = Arg::new("timeout")
        .long("timeout")
        .value_name("TIME")
        .help("The longest to wait, for example 5m; the run goes on");
    [
        wait.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("finished")
            .value_parser(["finished", "blocked"]),
        timeout,
    ]
}

impl Until {
    /// What `--wait` and `--timeout` ask for; none without `--wait`.
    pub(super) fn asked(matches: &ArgMatches) -> Result<Option<Self>, Failure> {
        let Some(state) = matches.get_one::<String>("wait") else { return Ok(None) };
        Ok(Some(Self { blocked: state == "blocked", timeout: timeout(matches)? }))
    }
}

fn timeout(matches: &ArgMatches) -> Result<Option<Duration>, Failure> {
    let Some(text) = matches.get_one::<String>("timeout") else { return Ok(None) };
    let parsed = duration::parse(text);
    parsed.map(Some).ok_or_else(|| Failure::usage(format!("--timeout: `{text}` is not a time such as 30s or 5m")))
}

pub(super) fn arguments(command: Command) -> Command {
    command.arg(run_argument()).args(wait_arguments())
}

pub(super) async fn watch(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let until = Until::asked(matches)?.unwrap_or(Until { blocked: false, timeout: timeout(matches)? });
    let row = super::row(&client, &run).await?;
    let of = |field: &str| row[field].as_str().unwrap_or_default();
    terminal::data(&format!(
        "{}@{}  {}  {}",
        of("agentKey"),
        of("agentVersion"),
        ids::short(&run),
        row["planner"]["label"].as_str().unwrap_or_default()
    ));
    follow(&client, &run, until, &mut |line| terminal::data(line)).await
}

/// Follows a run from its first event and tells it, line by line, until it is time to stop.
pub(in crate::cli) async fn follow(
    client: &Client,
    run: &str,
    until: Until,
    tell: &mut dyn FnMut(&str),
) -> Result<Exit, Failure> {
    // What it waited for in the past is over: only from the newest event on does waiting stop whoever follows.
    let newest = if until.blocked { newest(client, run).await? } else { 0 };
    let mut narrator = Narrator::default();
    let tell = RefCell::new(tell);
    let waits = Cell::new(false);
    let mut take = |event: &Value, _: &str| {
        if let Some(line) = narrator.tell(event) {
            (tell.borrow_mut())(&stamped(&line, event["at"].as_str()));
        }
        waits.set(narrator.waits().is_some());
        let is_now = event["seq"].as_u64().is_some_and(|seq| seq >= newest);
        narrator.ended.is_some() || (until.blocked && is_now && waits.get())
    };
    let following = follow_events(client, run, None, terminal::out_is_terminal(), &mut take);
    let stopped = tokio::select! {
        result = following => result.map(|()| None)?,
        () = after(until.timeout) => Some(Exit::TimedOut),
        _ = tokio::signal::ctrl_c() => Some(Exit::Detached),
        never = assure(&tell, &waits) => match never {},
    };
    let tell = tell.into_inner();
    if let Some(exit) = stopped {
        tell(&format!("Detached. {run} goes on."));
        return Ok(exit);
    }
    if narrator.ended.as_ref().is_some_and(|(status, _)| status == "failed") {
        because(client, run).await?.lines().for_each(&mut *tell);
    }
    if let Some(waits) = narrator.waits() {
        tell(&format!("  next       {}", way_on(run, waits)));
    }
    let spent = match narrator.spent() {
        Some(spent) => spent,
        None => spent(client, run).await?,
    };
    tell(&format!("● {} events · {spent}", narrator.events));
    Ok(narrator.ended.as_ref().map_or(Exit::RunWaits, |(status, code)| Exit::of_run(status, code.as_deref())))
}

/// The number of the newest event of a run.
async fn newest(client: &Client, run: &str) -> Result<u64, Failure> {
    let audit = client.query("agent.audit", "v1", &json!({ "runId": run, "stepLimit": 1, "maxBytes": 0 })).await?;
    Ok(audit["record"]["lastSeq"].as_u64().unwrap_or_default())
}

/// The command with which a person moves a run that waits for one.
fn way_on(run: &str, waits: Waits<'_>) -> String {
    let run = ids::short(run);
    match waits {
        Waits::Approval(pending) => format!("affiant approval get {}", ids::short(&pending.approval)),
        Waits::Answer => format!("affiant run answer {run} ANSWER"),
        Waits::Outcome(step) => {
            format!(
                "find out what became of step {step}, then: affiant run resolve {run} --step {step} --outcome OUTCOME"
            )
        }
    }
}

/// A line as a log needs it where nobody looks at a terminal: when it happened, in UTC, and no columns.
fn stamped(line: &str, at: Option<&str>) -> String {
    match at.and_then(|at| at.get(..19)).filter(|_| !terminal::out_is_terminal()) {
        Some(at) => format!("{at}Z {}", line.trim_start()),
        None => line.to_owned(),
    }
}

/// Says now and then that nothing is broken, where nobody looks at a terminal.
async fn assure(tell: &RefCell<&mut dyn FnMut(&str)>, waits: &Cell<bool>) -> Infallible {
    if terminal::out_is_terminal() {
        std::future::pending::<()>().await;
    }
    let began = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(ASSURE).await;
        let word = if waits.get() { "waiting" } else { "running" };
        let passed = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        (tell.borrow_mut())(&format!("still {word} after {}", took(passed)));
    }
}

async fn after(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Gives every event after `after`, as value and as recorded bytes, until `take` says that it has enough. A stream
/// that breaks is opened again after the last event; a server that is gone for a moment is waited for. With `words`,
/// what models say arrives too, as events of type [`DELTA`] that are not part of the record.
pub(in crate::cli) async fn follow_events(
    client: &Client,
    run: &str,
    after: Option<u64>,
    words: bool,
    take: &mut dyn FnMut(&Value, &str) -> bool,
) -> Result<(), Failure> {
    let (mut last, mut broken) = (after, 0_u32);
    loop {
        let mut request = json!({ "runId": run });
        if words {
            request["deltas"] = true.into();
        }
        if let Some(last) = last {
            request["after"] = last.into();
        }
        match client.stream("agent.events", "v1", &request).await {
            Ok(response) if is_stream(&response) => {
                let mut stream = Stream::new(response);
                while let Some(sent) = stream.next().await {
                    let Ok(event) = serde_json::from_str::<Value>(&sent.data) else { continue };
                    if sent.kind == DELTA {
                        take(&json!({ "type": DELTA, "body": event }), &sent.data);
                        continue;
                    }
                    (last, broken) = (event["seq"].as_u64().or(last), 0);
                    if take(&event, &sent.data) {
                        return Ok(());
                    }
                }
            }
            // Something between us and the server does not stream: ask again and again instead.
            Ok(response) => {
                let page: Value = response.json().await.unwrap_or_default();
                for event in page["events"].as_array().into_iter().flatten() {
                    (last, broken) = (event["seq"].as_u64().or(last), 0);
                    if take(event, &event.to_string()) {
                        return Ok(());
                    }
                }
            }
            Err(failure) if failure.exit != Exit::Unreachable || broken > 50 => return Err(failure),
            Err(_) => (),
        }
        broken += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn is_stream(response: &Response) -> bool {
    let media = response.headers().get("content-type").and_then(|media| media.to_str().ok());
    media.is_some_and(|media| media.starts_with("text/event-stream"))
}

pub(super) fn events_arguments(command: Command) -> Command {
    let after = Arg::new("after").long("after").value_name("SEQ").value_parser(clap::value_parser!(u64));
    command
        .arg(run_argument())
        .arg(after.help("Only events after this one"))
        .arg(Arg::new("follow").long("follow").short('f').action(ArgAction::SetTrue).help("Go on until the run ends"))
}

/// Prints recorded events, each on a line, byte for byte. It ends with the run, or without `--follow` at the newest event.
pub(super) async fn events(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let after = matches.get_one::<u64>("after").copied();
    if matches.get_flag("follow") {
        let is_last =
            |event: &Value| matches!(event["type"].as_str(), Some("run.completed" | "run.failed" | "run.cancelled"));
        follow_events(&client, &run, after, false, &mut |event, bytes| {
            terminal::machine(bytes);
            is_last(event)
        })
        .await?;
        return Ok(Exit::Done);
    }
    let mut last = after;
    loop {
        let mut request = json!({ "runId": run, "limit": 1000 });
        if let Some(last) = last {
            request["after"] = last.into();
        }
        let page = client.query("agent.events", "v1", &request).await?;
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let Some(newest) = events.last() else { return Ok(Exit::Done) };
        events.iter().for_each(|event| terminal::machine(&event.to_string()));
        last = newest["seq"].as_u64();
    }
}
