//! Personal values reach those who may see them, and nothing else: no log, no list, no error, no webhook, no file and
//! nobody else.

mod listener;
pub(crate) mod secrets;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{http::Client, server::scratch, sh};
use listener::Listener;

/// What stands in every personal field of the runs, and must stand nowhere else.
const CANARY: &str = "canary-7f3a-somebody";

/// How many runs carry the canary, unless `CANARY_RUNS` says otherwise.
const RUNS: usize = 20;

/// An agent that repeats what it hears: to a person, to a tool that succeeds, to one that fails, and as its own error.
const PROJECT: &[(&str, &str)] = &[
    ("contracts/canary-1.0.0.yaml", include_str!("canaries/canary-1.0.0.yaml")),
    ("contracts/canary.break-1.0.0.yaml", include_str!("canaries/canary.break-1.0.0.yaml")),
    ("contracts/canary.say-1.0.0.yaml", include_str!("canaries/canary.say-1.0.0.yaml")),
    ("contracts/canary.tools-1.0.0.yaml", include_str!("canaries/canary.tools-1.0.0.yaml")),
    ("affiant.toml", "contracts = [\"contracts\"]\n[server]\nprivate_webhooks = true\n"),
];

/// Runs with the canary in every personal field, and a look everywhere.
pub(crate) fn run() -> Result<()> {
    let (folder, home) = (scratch("canaries")?, scratch("canaries-home")?);
    fs::create_dir_all(folder.join("contracts"))?;
    for (name, text) in PROJECT {
        fs::write(folder.join(name), text)?;
    }
    let stage = Stage { folder, home, affiant: sh::affiant()?, env: Vec::new() };
    let found = stage.sing();
    stage.command(&["down"]).status().ok();
    found
}

/// A server, its project, and everything that it writes.
struct Stage {
    folder: PathBuf,
    home: PathBuf,
    affiant: PathBuf,
    /// What stands in its environment besides.
    env: Vec<(&'static str, &'static str)>,
}

/// How a run goes.
const WAYS: [&str; 3] = ["say", "break", "fail"];

impl Stage {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = sh::program(&self.affiant);
        command.args(args).current_dir(&self.folder).env("HOME", &self.home);
        command.env("XDG_DATA_HOME", self.home.join("share")).env("AFFIANT_LOG", "trace");
        command.envs(self.env.iter().copied());
        command
    }

    fn say(&self, args: &[&str]) -> Result<String> {
        sh::output(&mut self.command(args))
    }

    fn key(&self, name: &str) -> Result<String> {
        let secret = self.say(&["key", "create", name, "-o", "json", "--jq", ".secret"])?;
        Ok(secret.trim().trim_matches('"').to_owned())
    }

    fn sing(&self) -> Result<()> {
        let listener = Listener::start()?;
        self.say(&["up"])?;
        self.say(&["webhook", "create", &format!("http://{}/", listener.address()), "--events", "agent.*"])?;
        let (ana, ben) = (self.key("ana")?, self.key("ben")?);
        let (server, owner) = self.server()?;
        let [mut ana_calls, mut owner_calls] =
            [Client::connect(&server)?.with_key(&ana), Client::connect(&server)?.with_key(&owner)];
        let runs = std::env::var("CANARY_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(RUNS);
        let mut sung = Vec::new();
        for number in 0..runs {
            sung.push(self.run(number, &mut ana_calls, &mut owner_calls)?);
        }
        std::thread::sleep(Duration::from_secs(3));
        let shown = self.refused_to(&ben, &sung)?;
        self.seen_by(&ana, &sung)?;
        let told = listener.told();
        ensure!(told.len() >= runs, "only {} webhooks were delivered", told.len());
        ensure!(!told.iter().any(|payload| holds(payload)), "a webhook tells the canary");
        let files: Vec<PathBuf> = [files_below(&self.folder)?, files_below(&self.home)?].concat();
        let ours = |file: &&PathBuf| !file.ends_with("ana.affiant");
        let seen = files.iter().filter(ours).filter(|file| fs::read(file).is_ok_and(|bytes| holds(&bytes)));
        let seen: Vec<String> = seen.map(|file| file.display().to_string()).collect();
        ensure!(seen.is_empty(), "the canary stands in {}", seen.join(", "));
        println!(
            "   {runs} runs with a canary in every personal field; {shown} replies to others, {} webhooks and {} files \
             without it",
            told.len(),
            files.len()
        );
        Ok(())
    }

    /// The address of the server and the owner's key.
    fn server(&self) -> Result<(String, String)> {
        let data = self.home.join("share/affiant");
        let running: Value = serde_json::from_slice(&fs::read(data.join("server.json"))?)?;
        let url = running["url"].as_str().context("the server wrote its address down")?;
        let owner = fs::read_to_string(data.join("owner.key"))?;
        Ok((url.trim_start_matches("http://").to_owned(), owner.trim().to_owned()))
    }

    /// One run: prompt, input, answer, approval or refusal with a comment, tool output, errors, a reason to stop. Gives its id.
    fn run(&self, number: usize, ana: &mut Client, owner: &mut Client) -> Result<String> {
        let way = WAYS[number % WAYS.len()];
        let body = json!({ "agentKey": "canary", "prompt": CANARY, "input": { "said": CANARY, "way": way } });
        let reply = ana.post("/agent/run/v1.0.0", &body.to_string())?.json()?;
        let run = reply["runId"].as_str().with_context(|| format!("no run: {reply}"))?.to_owned();
        // What is refused names the field, not the value.
        let wrong = json!({ "agentKey": "canary", "prompt": CANARY, "input": { "said": [CANARY], "way": CANARY } });
        ensure!(ana.post("/agent/run/v1.0.0", &wrong.to_string())?.status == 422, "a wrong input is accepted");
        if number % 5 == 4 {
            let reason = json!({ "runId": run, "reason": CANARY });
            until(|| Ok(owner.post("/agent/cancel/v1.0.0", &reason.to_string())?.status < 300), "no cancel")?;
            return Ok(run);
        }
        let answer = json!({ "runId": run, "answer": CANARY });
        until(|| Ok(ana.post("/agent/input/v1.0.0", &answer.to_string())?.status < 300), "nobody asked")?;
        if way == "say" {
            let action = if number.is_multiple_of(2) { "approve" } else { "reject" };
            let decision = json!({ "runId": run, "action": action, "comment": CANARY });
            until(|| Ok(owner.post("/agent/approvals/v1.0.0", &decision.to_string())?.status < 300), "no approval")?;
        }
        let ended = |word: &str| ["completed", "failed", "cancelled"].contains(&word);
        let query = format!("runId={run}");
        until(
            || {
                let page = owner.get("/agent/status/v1.0.0", &query)?.json()?;
                Ok(page["runs"][0]["status"].as_str().is_some_and(ended))
            },
            "the run does not end",
        )?;
        Ok(run)
    }

    /// Whoever may not see it asks for everything: lists, the record, pages, exports, errors. Gives how many replies there were.
    fn refused_to(&self, ben: &str, runs: &[String]) -> Result<usize> {
        let mut shown = 0;
        let mut tried = |args: &[&str]| -> Result<Output> {
            let output = self.command(args).env("AFFIANT_TOKEN", ben).output()?;
            let hidden = !holds(&output.stdout) && !holds(&output.stderr);
            ensure!(hidden, "{args:?} shows the canary to somebody else");
            shown += 1;
            Ok(output)
        };
        for run in runs.iter().rev().take(2 * WAYS.len()) {
            let asked: &[&[&str]] = &[
                &["call", "agent.events", "--runId", run],
                &["call", "agent.audit", "--runId", run],
                &["call", "agent.compare", "--left", run, "--right", run],
                &["run", "explain", run],
                &["run", "explain", run, "--html"],
                &["run", "get", run, "-o", "json"],
                &["run", "events", run],
                &["audit", "export", run, "-o", "ben.affiant"],
                &["run", "list", "-o", "json"],
                &["call", "agent.status"],
            ];
            for args in asked {
                let output = tried(args)?;
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{args:?} failed, so nothing was tried: {said}");
            }
            // Refused or not, nothing is told.
            tried(&["approval", "list", "-o", "json"])?;
            tried(&["run", "retry", run])?;
        }
        Ok(shown)
    }

    /// Whoever may see it does, or nothing was ever tried.
    fn seen_by(&self, ana: &str, runs: &[String]) -> Result<()> {
        for run in runs.iter().take(WAYS.len()) {
            let mut export = self.command(&["audit", "export", run, "-o", "ana.affiant"]);
            export.env("AFFIANT_TOKEN", ana).output()?;
            ensure!(holds(&fs::read(self.folder.join("ana.affiant"))?), "the canary is not in {run}");
        }
        Ok(())
    }
}

/// Tries again until it holds, for ten seconds.
fn until(mut holds: impl FnMut() -> Result<bool>, otherwise: &str) -> Result<()> {
    for _ in 0..1000 {
        if holds()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("{otherwise}")
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
