//! Keys of providers and secrets of tools reach whom they are for, and nothing else. Everybody who is given one here
//! repeats it: a provider that refuses it, an MCP server, a service, a program, each when it succeeds and when it fails.

mod pages;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Stage, files_below, listener::Listener, until};
use crate::{crash::minds::Provider, http::Client, mind, server::scratch, sh};

/// The secrets: the variable of the environment that holds one, and what it holds.
const SECRETS: [(&str, &str); 6] = [
    // The key that the provider takes, connected by command.
    ("GOOD_KEY", "sk-canary-1a9d-good"),
    // Two that it refuses, and repeats: connected by command, and named in the configuration.
    ("BAD_KEY", "sk-canary-52c7-bad"),
    ("FILED_KEY", "sk-canary-e08b-filed"),
    ("MCP_TOKEN", "canary-7c41-of-a-server"),
    ("SERVICE_HEADER", "Bearer canary-b3f6-of-a-service"),
    ("PROGRAM_TOKEN", "canary-94ee-of-a-program"),
];

const GOSSIP: &str = include_str!("secrets/gossip.py");

/// The operations of a program and a service that repeat what they are given.
const OPERATIONS: [(&str, &str); 4] = [
    (
        "gossip.service",
        "{ kind: http, url: 'SERVICE/tell', allowPrivate: true, headers: { Authorization: 'env:SERVICE_HEADER' } }",
    ),
    (
        "gossip.refusal",
        "{ kind: http, url: 'SERVICE/fail', allowPrivate: true, headers: { Authorization: 'env:SERVICE_HEADER' } }",
    ),
    ("gossip.program", "{ kind: command, argv: [python3, gossip.py, program, tell], env: [PROGRAM_TOKEN] }"),
    ("gossip.crash", "{ kind: command, argv: [python3, gossip.py, program, fail], env: [PROGRAM_TOKEN] }"),
];

/// Runs with every secret, and a look everywhere.
pub(crate) fn run() -> Result<()> {
    let (folder, home) = (scratch("secrets")?, scratch("secrets-home")?);
    let provider = Provider::start_with(&["--key-from-env", "GOOD_KEY"], &SECRETS)?;
    let stage = Stage { folder, home, affiant: sh::affiant()?, env: SECRETS.to_vec() };
    fs::write(stage.folder.join("gossip.py"), GOSSIP)?;
    let service = Service::start(&stage.folder.join("gossip.py"))?;
    project(&stage.folder, &provider.url, &service.url)?;
    let found = stage.tell(&provider.url);
    stage.command(&["down"]).status().ok();
    found
}

fn project(folder: &Path, provider: &str, service: &str) -> Result<()> {
    fs::create_dir_all(folder.join("contracts"))?;
    let config = format!(
        "contracts = [\"contracts\"]\n[server]\nprivate_webhooks = true\n\n[providers.filed]\nkind = \"openai\"\n\
         base_url = \"{provider}/v1\"\nkey = \"env:FILED_KEY\"\n\n[mcp.gossip]\n\
         command = [\"python3\", \"gossip.py\", \"mcp\"]\nenv = {{ TOKEN = \"env:MCP_TOKEN\" }}\n"
    );
    fs::write(folder.join("affiant.toml"), config)?;
    for (key, binding) in OPERATIONS {
        let text =
            OPERATION.replace("KEY", key).replace("BINDING", &binding.replace("SERVICE/", &format!("{service}/")));
        fs::write(folder.join(format!("contracts/{key}-1.0.0.yaml")), text)?;
    }
    for name in ["good", "bad", "filed"] {
        let key = format!("gossip-{name}");
        let agent = mind::agent(&key, &format!("{name}/small"), &TOOLS, &["retry: { attempts: 1 }"]);
        fs::write(folder.join(format!("contracts/{key}-1.0.0.yaml")), agent)?;
    }
    Ok(())
}

/// The service that repeats its header. It ends with this check.
struct Service {
    child: Child,
    url: String,
}

impl Service {
    fn start(script: &Path) -> Result<Self> {
        let mut child = Command::new("python3").arg(script).arg("service").stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut line)?;
        Ok(Self { child, url: line.trim().to_owned() })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Stage {
    fn tell(&self, provider: &str) -> Result<()> {
        let listener = Listener::start()?;
        // The server reads its contracts when it starts, so the MCP server's tools are pinned before.
        self.done(&["mcp", "pin", "gossip", "tell", "fail", "--read-only"])?;
        self.done(&["up"])?;
        self.done(&["webhook", "create", &format!("http://{}/", listener.address()), "--events", "agent.*"])?;
        let connect =
            |name, key| ["provider", "connect", name, "--kind", "anthropic", "--base-url", provider, "--from-env", key];
        self.done(&connect("good", "GOOD_KEY"))?;
        self.done(&[&connect("bad", "BAD_KEY")[..], &["--no-check"]].concat())?;
        // Refused, with the key in the provider's words.
        self.heard(&connect("worse", "BAD_KEY"))?;
        let (address, owner) = self.server()?;
        let mut client = Client::connect(&address)?.with_key(&owner);
        let runs: Result<Vec<String>> = ["good", "bad", "filed"].iter().map(|name| asks(&mut client, name)).collect();
        let runs = runs?;
        let mut replies = self.commands(&runs)?;
        for operation in ["mcp.gossip.tell", "mcp.gossip.fail"].into_iter().chain(OPERATIONS.map(|(key, _)| key)) {
            self.heard(&["call", operation])?;
            replies += 1;
        }
        let pages = pages::all(&mut client, &runs, &hidden)?;
        until(|| Ok(listener.told().len() >= runs.len()), "no webhook was delivered")?;
        listener.told().iter().try_for_each(|payload| hidden("a webhook", payload))?;
        let files = [files_below(&self.folder)?, files_below(&self.home)?].concat();
        for file in &files {
            hidden(&file.display().to_string(), &fs::read(file).unwrap_or_default())?;
        }
        println!(
            "   {} secrets, each repeated by whoever was given it: {replies} commands, {pages} pages, {} webhooks and {} \
             files, 0 hits",
            SECRETS.len(),
            listener.told().len(),
            files.len()
        );
        Ok(())
    }

    /// What a person may ask about the runs and the connections, failures included.
    fn commands(&self, runs: &[String]) -> Result<usize> {
        let mut asked = 0;
        for run in runs {
            let bundle = format!("{run}.affiant");
            let shown: &[&[&str]] = &[
                &["run", "explain", run],
                &["run", "explain", run, "--html"],
                &["run", "explain", run, "--md"],
                &["run", "get", run, "-o", "json"],
                &["run", "events", run],
                &["call", "agent.audit", "--runId", run],
                &["call", "agent.replay", "--runId", run],
                &["audit", "export", run, "-o", &bundle],
            ];
            shown.iter().try_for_each(|args| self.heard(args).map(drop))?;
            asked += shown.len();
        }
        let shown: &[&[&str]] = &[
            &["provider", "list", "-o", "json"],
            &["provider", "check", "good"],
            &["provider", "check", "bad"],
            &["provider", "check", "filed"],
            &["provider", "detect"],
            &["mcp", "list", "-o", "json"],
            &["mcp", "list", "gossip"],
            &["call", "server.status"],
            &["run", "list", "-o", "json"],
            &["server", "status"],
        ];
        shown.iter().try_for_each(|args| self.heard(args).map(drop))?;
        // A bundle holds what its reader may open; the secrets are in none of it.
        let steps = self.heard(&["call", "agent.step.get", "--runId", &runs[0], "--stepNumber", "1"])?;
        ensure!(steps.contains("[secret]"), "the server that repeats its token was not heard: {steps}");
        Ok(asked + shown.len() + 1)
    }

    /// A command that succeeds and tells no secret.
    fn done(&self, args: &[&str]) -> Result<()> {
        let (succeeded, said) = self.told(args)?;
        ensure!(succeeded, "{args:?} failed: {said}");
        Ok(())
    }

    /// What a command says, whether it succeeds or not: without a secret.
    fn heard(&self, args: &[&str]) -> Result<String> {
        self.told(args).map(|(_, said)| said)
    }

    fn told(&self, args: &[&str]) -> Result<(bool, String)> {
        let output = self.command(args).output()?;
        let said = [output.stdout, output.stderr].concat();
        hidden(&format!("{args:?}"), &said)?;
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }
}

/// A run that asks over this connection and then calls everybody who repeats secrets.
fn asks(client: &mut Client, name: &str) -> Result<String> {
    let tools =
        ["mcp_gossip_tell", "mcp_gossip_fail", "gossip_service", "gossip_refusal", "gossip_program", "gossip_crash"];
    let calls: Vec<Value> = tools.iter().map(|tool| json!({ "name": tool, "arguments": {} })).collect();
    let turns = json!([{ "calls": calls }, { "text": "They said: {results}" }]);
    let body = json!({ "agentKey": format!("gossip-{name}"), "prompt": format!("script: {turns}") });
    let answer = client.post("/agent/run/v1.0.0", &body.to_string())?.json()?;
    let run = answer["runId"].as_str().with_context(|| format!("no run: {answer}"))?.to_owned();
    let wanted = if name == "good" { "completed" } else { "failed" };
    let mut row = Value::Null;
    until(
        || {
            row = client.get("/agent/status/v1.1", &format!("runId={run}"))?.json()?["runs"][0].clone();
            Ok(matches!(row["status"].as_str(), Some("completed" | "failed")))
        },
        "a run does not end",
    )?;
    ensure!(row["status"] == wanted, "the run over `{name}` ended so: {row}");
    Ok(run)
}

/// Whether no secret, and no word of one that is long enough to be one, is among these bytes.
fn hidden(what: &str, bytes: &[u8]) -> Result<()> {
    for (name, secret) in SECRETS {
        let secret = secret.trim_start_matches("Bearer ").as_bytes();
        ensure!(!bytes.windows(secret.len()).any(|window| window == secret), "{name} is told by {what}");
    }
    Ok(())
}

const OPERATION: &str = "\
kind: command
key: KEY
version: 1.0.0
title: Repeat a secret
description: Repeats what it was given as a secret.
goal: Show that a secret does not come back.
context: Used only in the check that secrets stay where they belong.
domain: gossip
owners: [test]
tags: [test]
stability: experimental
input: { type: object, additionalProperties: false }
output: { type: object, additionalProperties: false, properties: { text: { type: string, description: What was said. } } }
errors: [binding-failed]
policy: { auth: user }
hints: { readOnly: true, destructive: false, idempotent: true }
examples:
  - { title: Once, input: {}, output: { text: a } }
binding: BINDING
";

/// Everybody who is given a secret.
const TOOLS: [&str; 6] = [
    "mcp.gossip.tell@1.0.0",
    "mcp.gossip.fail@1.0.0",
    "gossip.service@1.0.0",
    "gossip.refusal@1.0.0",
    "gossip.program@1.0.0",
    "gossip.crash@1.0.0",
];
