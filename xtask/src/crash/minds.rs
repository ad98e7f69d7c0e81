//! The crash harness for agents with a model: the real server is killed while its runs talk to a provider of models on
//! this machine, a process of its own that writes down every call. Afterwards every call belongs to an attempt that the
//! record knows, and every conversation reads like that of a run that nobody disturbed.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::{Acknowledged, Effects, Random, project, settle};
use crate::{
    http::Client,
    server::{Server, scratch},
    sh,
};

/// Runs that are submitted before each kill.
const RUNS: u64 = 4;

/// The provider of models. It outlives every server, and ends with this harness.
pub(crate) struct Provider {
    child: Child,
    /// Its address, `http://127.0.0.1:PORT`.
    pub(crate) url: String,
}

impl Provider {
    /// Starts it with these arguments.
    pub(crate) fn start(args: &[&str]) -> Result<Self> {
        Self::start_with(args, &[])
    }

    /// Starts the optimised one with these arguments, for measurements.
    pub(crate) fn shipped(args: &[&str]) -> Result<Self> {
        Self::launch(sh::shipped("provider", "provider")?, args, &[])
    }

    /// Starts it with these arguments, in this environment.
    pub(crate) fn start_with(args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        sh::run(&mut sh::cargo(&["build", "--quiet", "--package", "provider"]))?;
        Self::launch(sh::target().join("debug/provider"), args, env)
    }

    fn launch(program: PathBuf, args: &[&str], env: &[(&str, &str)]) -> Result<Self> {
        let mut command = sh::program(program);
        command.args(args).envs(env.iter().copied()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the provider of models")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut line)?;
        let url = line.trim().rsplit(' ').next().unwrap_or_default().to_owned();
        ensure!(url.starts_with("http://"), "the provider did not print its address but {line:?}");
        Ok(Self { child, url })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Kills the server `kills` times and accounts for every call of a model.
pub(crate) fn run(kills: u64) -> Result<()> {
    let folder = scratch("crash-minds")?;
    let (effects, log) = (Effects::listen()?, folder.join("calls.jsonl"));
    let provider = Provider::start(&["--delay", "5", "--log", &log.display().to_string()])?;
    project::write(&folder.join("project"), effects.address())?;
    project::write_mind(&folder.join("project"), &provider.url)?;
    let affiant = sh::affiant()?;
    let start = || Server::start(&affiant, &folder.join("data"), &folder.join("project"));

    let (mut random, acknowledged) = (Random(u64::from(std::process::id()) << 17 | 1), Acknowledged::default());
    let mut server = start()?;
    submit(&mut server.client()?, "calm", &acknowledged)?;
    settle(&server, &acknowledged)?;
    for kill in 0..kills {
        let mut client = server.client()?;
        (0..RUNS).try_for_each(|number| submit(&mut client, &format!("k{kill}n{number}"), &acknowledged))?;
        std::thread::sleep(Duration::from_millis(random.below(250)));
        server.kill()?;
        server = start()?;
    }
    let rows = settle(&server, &acknowledged)?;
    let report = account(&server, &acknowledged.lock().expect("no client panics"), &rows, &log, &effects)?;
    println!("   {kills} kills, {report}");
    Ok(())
}

fn submit(client: &mut Client, name: &str, acknowledged: &Acknowledged) -> Result<()> {
    let turns = json!([
        { "text": format!("I will leave a mark for {name}."),
          "calls": [{ "name": "effect_apply", "arguments": { "name": name } }] },
        { "calls": [{ "name": "tool_echo", "arguments": { "value": name } }] },
        { "text": format!("A mark was left for {name}.") },
    ]);
    let body = json!({ "agentKey": "crash-mind", "prompt": format!("script: {turns}") }).to_string();
    let reply = client.post_once("/agent/run/v1.0.0", name, &body)?;
    let run = reply.json()?["runId"].as_str().map(str::to_owned);
    let run = run.with_context(|| format!("{name} was not accepted: {}", reply.status))?;
    acknowledged.lock().expect("no client panics").insert(name.to_owned(), run);
    Ok(())
}

/// Compares the calls that the provider saw with the attempts that the record knows, and the conversations with the
/// one that nobody disturbed.
fn account(
    server: &Server,
    acknowledged: &BTreeMap<String, String>,
    rows: &BTreeMap<String, Value>,
    log: &Path,
    effects: &Effects,
) -> Result<String> {
    let calls = calls(log)?;
    let mut client = server.client()?;
    let calm = conversation(&mut client, "calm", &acknowledged["calm"], &calls)?;
    let (mut asked, mut again) = (0, 0);
    for (name, run) in acknowledged {
        ensure!(rows[run]["status"] == "completed", "run {run} of {name} did not complete: {}", rows[run]);
        let told = conversation(&mut client, name, run, &calls)?;
        ensure!(told.text == calm.text, "{name} was led otherwise:\n{}\nundisturbed:\n{}", told.text, calm.text);
        let marks = effects.seen().iter().filter(|effect| effect.name == *name).map(|it| it.key.clone()).collect();
        let marks: std::collections::BTreeSet<String> = marks;
        ensure!(marks.len() == 1, "run {run} left marks under {} keys", marks.len());
        (asked, again) = (asked + told.asked, again + told.again);
    }
    Ok(format!(
        "{} acknowledged runs, all completed and led as the undisturbed one; {asked} model calls, {again} of them asked \
         once more because their answer was not on disk yet, none after it was",
        acknowledged.len()
    ))
}

/// One run's conversation.
struct Told {
    text: String,
    asked: usize,
    again: usize,
}

/// What was said in a run, with its name masked, and how its calls are accounted for.
fn conversation(client: &mut Client, name: &str, run: &str, calls: &BTreeMap<String, usize>) -> Result<Told> {
    let (mut told, steps) = (Told { text: String::new(), asked: 0, again: 0 }, 5);
    for number in 0..steps {
        let reply = client.get("/agent/step/get/v1", &format!("runId={run}&stepNumber={number}"))?;
        let step = reply.json()?;
        ensure!(reply.status == 200, "step {number} of {run}: {} {step}", reply.status);
        let result = step["result"].get("content").unwrap_or(&step["result"]);
        let said = format!("{} {}\n", masked(&step["arguments"]), masked(result)).replace(name, "NAME");
        told.text += &without_marks(&said);
        if number % 2 == 0 {
            let attempts = usize::try_from(step["attempts"].as_u64().unwrap_or_default())?;
            let seen = calls.get(&format!("{run}/{number}")).copied().unwrap_or_default();
            // A server may die between its note and the call, so that the provider saw fewer; it never saw more.
            ensure!(seen >= 1 && seen <= attempts, "step {number} of {run}: {attempts} attempts, {seen} calls");
            told.asked += seen;
            told.again += seen - 1;
        }
    }
    Ok(told)
}

/// A text without the marks of its fences, which are digests of what stands between them, the run's name included.
fn without_marks(text: &str) -> String {
    let fences = ["--- untrusted ", "--- end of "];
    fences.iter().fold(text.to_owned(), |text, fence| {
        let mut parts = text.split(fence);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |whole, part| {
            let mark = part.chars().take_while(char::is_ascii_hexdigit).count();
            whole + fence + "MARK" + &part[mark..]
        })
    })
}

/// A value without the provider's ids of calls, which differ from conversation to conversation.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !matches!(name.as_str(), "id" | "call"));
            kept.map(|(name, value)| (name.clone(), masked(value))).collect()
        }
        Value::Array(items) => items.iter().map(masked).collect(),
        plain => plain.clone(),
    }
}

/// How often the provider was asked under each key.
fn calls(log: &Path) -> Result<BTreeMap<String, usize>> {
    let mut seen = BTreeMap::new();
    for line in fs::read_to_string(log)?.lines() {
        let Ok(call) = serde_json::from_str::<Value>(line) else { bail!("the provider's log has a line {line:?}") };
        if call["outcome"] == "begun" {
            *seen.entry(call["key"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    Ok(seen)
}
