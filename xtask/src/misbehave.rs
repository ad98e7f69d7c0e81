//! Runs of the real server ask a provider of models that misbehaves by chance, in every wire format: it refuses, answers
//! garbage, half an answer, or nothing. Every run must end; one that fails must name what really happened last; and
//! nobody may ask before a wait that the provider named is over. The provider, a process of its own, writes down both.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    crash::minds::Provider,
    http::Client,
    mind, option,
    server::{Server, scratch},
    sh,
};

/// What goes wrong, and how often.
const TROUBLES: &str = "429,429:1,429:date:1,429:ms:400,503:1,500,502,529,garbage,half,hang,silence,slow";
const RATE: &str = "0.5";
/// The kinds of connection, with a key each, so that each has a pace of its own.
const KINDS: [&str; 5] = ["anthropic", "openai", "openai-chat", "gemini", "ollama"];
/// Requests that left before a refusal arrived are not early.
const UNDER_WAY_MS: u64 = 250;
/// Nothing takes longer than this unless it is stuck.
const STUCK: Duration = Duration::from_secs(300);

/// `misbehave --runs N --seed N`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let number = |name: &str, usual: u64| option(args, name).map_or(Ok(usual), str::parse);
    asked(number("--runs", 200)?, number("--seed", 1)?)
}

/// So many runs, with chance made of this seed.
pub(crate) fn asked(runs: u64, seed: u64) -> Result<()> {
    let (folder, seed, began) = (scratch("misbehave")?, seed.to_string(), Instant::now());
    let log = folder.join("calls.jsonl");
    let said = log.display().to_string();
    let provider =
        Provider::start(&["--troubles", TROUBLES, "--rate", RATE, "--seed", &seed, "--delay", "2", "--log", &said])?;
    project(&folder, &provider.url)?;
    let keys: Vec<String> = KINDS.iter().map(|kind| kind.to_uppercase().replace('-', "_") + "_TEST_KEY").collect();
    let env: Vec<(&str, &str)> = keys.iter().zip(KINDS).map(|(name, kind)| (name.as_str(), kind)).collect();
    let server = Server::start_with(&sh::affiant()?, &folder.join("data"), &folder, &env)?;
    let mut client = server.client()?;
    let ids: Result<Vec<String>> = (0..runs).map(|number| submit(&mut client, number)).collect();
    let rows = ended(&mut client, &ids?)?;
    let book = Book::read(&log)?;
    let report = account(&mut client, &rows, &book)?;
    println!("   seed {seed}: {report}; {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn project(folder: &Path, url: &str) -> Result<()> {
    fs::create_dir_all(folder.join("agents"))?;
    let mut toml = "[server]\nworkers = 256\n".to_owned();
    for kind in KINDS {
        let name = kind.to_uppercase().replace('-', "_");
        toml += &format!(
            "\n[providers.{kind}]\nkind = \"{kind}\"\nbase_url = \"{url}\"\nkey = \"env:{name}_TEST_KEY\"\nat_once = 4\n"
        );
        let (key, model) = (format!("ill-{kind}"), format!("{kind}/small"));
        let agent = mind::agent(&key, &model, &["tool.echo@1.0.0"], &PATIENCE);
        fs::write(folder.join(format!("agents/{key}-1.0.0.yaml")), agent)?;
    }
    Ok(fs::write(folder.join("affiant.toml"), toml)?)
}

fn submit(client: &mut Client, number: u64) -> Result<String> {
    let kind = KINDS[usize::try_from(number)? % KINDS.len()];
    let call = json!([{ "name": "tool_echo", "arguments": { "value": number } }]);
    let turns =
        json!([{ "text": format!("Run {number}."), "calls": call }, { "calls": call }, { "text": "That was it." }]);
    let body = json!({ "agentKey": format!("ill-{kind}"), "prompt": format!("script: {turns}") }).to_string();
    let reply = client.post("/agent/run/v1.0.0", &body)?;
    let answer = reply.json()?;
    answer["runId"].as_str().map(str::to_owned).with_context(|| format!("not accepted: {} {answer}", reply.status))
}

/// Waits until every run has ended.
fn ended(client: &mut Client, runs: &[String]) -> Result<BTreeMap<String, Value>> {
    let (began, mut rows) = (Instant::now(), BTreeMap::new());
    while rows.len() < runs.len() {
        ensure!(began.elapsed() < STUCK, "{} of {} runs are stuck", runs.len() - rows.len(), runs.len());
        for run in runs.iter().filter(|run| !rows.contains_key(*run)).cloned().collect::<Vec<_>>() {
            let row = client.get("/agent/status/v1.1", &format!("runId={run}"))?.json()?["runs"][0].clone();
            if matches!(row["status"].as_str(), Some("completed" | "failed" | "cancelled")) {
                rows.insert(run, row);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(rows)
}

/// How a call of the provider went.
struct Call {
    key: String,
    who: String,
    began: u64,
    ended: u64,
    outcome: String,
    rest: u64,
}

/// The provider's own book.
struct Book {
    calls: Vec<Call>,
}

impl Book {
    fn read(log: &Path) -> Result<Self> {
        let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
        for line in fs::read_to_string(log)?.lines() {
            let it: Value = serde_json::from_str(line).with_context(|| format!("the provider wrote {line:?}"))?;
            let (number, text) = (
                |name: &str| it[name].as_u64().unwrap_or_default(),
                |name: &str| it[name].as_str().unwrap_or_default().to_owned(),
            );
            let (began, outcome) = (number("at"), text("outcome"));
            if outcome == "begun" {
                let call = Call { key: text("key"), who: text("who"), began, ended: u64::MAX, outcome, rest: 0 };
                calls.insert(number("number"), call);
            } else if let Some(call) = calls.get_mut(&number("number")) {
                (call.ended, call.outcome, call.rest) = (began, outcome, number("rest"));
            }
        }
        Ok(Self { calls: calls.into_values().collect() })
    }

    /// Calls that came although whoever asked had been told to stay away.
    fn early(&self) -> Vec<String> {
        let mut early = Vec::new();
        for told in self.calls.iter().filter(|call| call.rest > 0) {
            let away = told.ended + UNDER_WAY_MS..told.ended + told.rest;
            let came = self.calls.iter().filter(|call| call.who == told.who && away.contains(&call.began));
            early.extend(came.map(|call| format!("{} {} ms too early", call.key, away.end - call.began)));
        }
        early
    }

    /// What the provider did last under an idempotency key.
    fn last(&self, key: &str) -> Option<&Call> {
        self.calls.iter().filter(|call| call.key == key).max_by_key(|call| call.began)
    }
}

fn account(client: &mut Client, rows: &BTreeMap<String, Value>, book: &Book) -> Result<String> {
    let early = book.early();
    ensure!(early.is_empty(), "{} calls came too early: {}", early.len(), early.join(", "));
    let (mut completed, mut failed) = (0, BTreeMap::<String, usize>::new());
    for (run, row) in rows {
        match row["status"].as_str() {
            Some("completed") => completed += 1,
            Some("failed") => *failed.entry(cause(client, run, row, book)?).or_default() += 1,
            _ => bail!("run {run} ended so: {row}"),
        }
    }
    let outcomes: BTreeSet<&str> = book.calls.iter().map(|call| call.outcome.as_str()).collect();
    ensure!(outcomes.len() > 5, "too little went wrong to show anything: {outcomes:?}");
    let rests = book.calls.iter().filter(|call| call.rest > 0).count();
    let wrong = book.calls.iter().filter(|call| call.outcome != "completed").count();
    let failed: Vec<String> = failed.iter().map(|(cause, runs)| format!("{runs} {cause}")).collect();
    Ok(format!(
        "{} runs, {completed} completed, failed and said why: {}; {} calls, {wrong} of them went wrong; {rests} waits \
         named, none cut short",
        rows.len(),
        if failed.is_empty() { "none".to_owned() } else { failed.join(", ") },
        book.calls.len()
    ))
}

/// The code of what ended a run, which must be what the provider did last in that step.
fn cause(client: &mut Client, run: &str, row: &Value, book: &Book) -> Result<String> {
    let page = client.get("/agent/events/v1", &format!("runId={run}&limit=10000"))?.json()?;
    let events = page["events"].as_array().cloned().unwrap_or_default();
    let last = events.iter().rev().find(|event| event["type"] == "step.failed");
    let body = &last.with_context(|| format!("run {run} failed without a failed step: {row}"))?["body"];
    let (step, code) = (body["step"].as_u64().unwrap_or_default(), body["code"].as_str().unwrap_or_default());
    let audit = client.get("/agent/audit/v1.0.0", &format!("runId={run}"))?.json()?;
    let said = audit["problem"]["detail"].as_str().unwrap_or_default();
    ensure!(said.contains(&format!(": {code}. ")), "run {run} does not say `{code}`: {said}");
    let outcome = book.last(&format!("{run}/{step}")).map_or("never asked", |call| call.outcome.as_str());
    let fits = match code {
        "provider-failed" => matches!(outcome, "refused 500" | "refused 502" | "refused 503" | "refused 529"),
        "reply-broken" => matches!(outcome, "garbage" | "half"),
        // A wait that is longer than the call may take, and a turn that does not come, end it before anything is sent.
        "rate-limited" => outcome == "refused 429" || said.contains("nothing was sent"),
        "timeout" => outcome == "aborted" || said.contains("nothing was sent"),
        _ => false,
    };
    ensure!(fits, "run {run} says of step {step} `{said}`, where the provider says `{outcome}`");
    Ok(code.to_owned())
}

/// How long one of its calls may take, and how often it is made again.
const PATIENCE: [&str; 2] = ["timeout: 6s", "retry: { attempts: 4, backoffMs: 50, maxMs: 500 }"];
