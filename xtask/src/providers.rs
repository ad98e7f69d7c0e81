//! Our provider of models is asked by the official SDKs of Anthropic and OpenAI, and then by runs of the real server: it
//! speaks what the providers' own clients understand, and so do our runs.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{
    crash::minds::Provider,
    http::Client,
    mind, needs,
    server::{Server, scratch},
    sh,
};

/// The key that the provider wants; a word for a test, and no secret.
const KEY: &str = "sk-for-a-test";

/// The formats that the SDKs and our runs have in common: kind of connection, where it begins at the provider's address,
/// the path that a call must have come to.
const FORMATS: [(&str, &str, &str); 3] = [
    ("anthropic", "", "/v1/messages"),
    ("openai", "/v1", "/v1/responses"),
    ("openai-chat", "/v1", "/v1/chat/completions"),
];

/// Messages, streams, tools and refusals by the SDKs, then a run with a tool in each of the same formats.
pub(crate) fn sdks() -> Result<()> {
    let scripts = sh::root().join("scripts/providers");
    let python = needs::python(&scripts.join("requirements.txt"))?;
    let (folder, env) = (scratch("providers")?, [("PROVIDER_KEY", KEY)]);
    let provider = Provider::start_with(&["--key-from-env", "PROVIDER_KEY"], &env)?;
    let mut check = sh::program(python);
    sh::run(check.arg(scripts.join("check.py")).env("PROVIDER_URL", &provider.url).envs(env))?;
    project(&folder, &provider.url)?;
    let server = Server::start_with(&sh::affiant()?, &folder.join("data"), &folder, &env)?;
    let mut client = server.client()?;
    FORMATS.iter().try_for_each(|format| asked_by_a_run(&mut client, &provider, format))?;
    recorded(&folder, provider)
}

/// A test's answers are recorded once, then heard without the provider; another question is answered by nobody.
fn recorded(folder: &Path, provider: Provider) -> Result<()> {
    let affiant = sh::affiant()?;
    let test = |more: &[&str]| -> Result<(bool, String)> {
        let mut command = sh::program(&affiant);
        command.args(["agent", "test", "asks-anthropic"]).args(more).current_dir(folder).env("PROVIDER_KEY", KEY);
        let output = command.output()?;
        Ok((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    };
    let (agent, cassette) =
        (folder.join("agents/asks-anthropic-1.0.0.yaml"), folder.join("agents/asks.cassette.jsonl"));
    let text = fs::read_to_string(&agent)? + TEST;
    fs::write(&agent, &text)?;
    let (passed, said) = test(&["--record"])?;
    ensure!(passed && said.contains("recorded 2 exchanges"), "recording: {said}");
    ensure!(!fs::read_to_string(&cassette)?.contains(KEY), "the key is on the cassette");
    drop(provider);
    let (passed, said) = test(&[])?;
    ensure!(passed, "hearing it again: {said}");
    fs::write(&agent, text.replace("Look once.", "Look twice."))?;
    let (passed, said) = test(&[])?;
    ensure!(!passed && said.contains("cassette-miss"), "another question: {said}");
    let (before, (passed, said)) = (fs::read(&cassette)?, test(&["--record"])?);
    ensure!(!passed && fs::read(&cassette)? == before, "a recording without a provider: {said}");
    println!("   a test was recorded, heard again without the provider, and missed when it asked otherwise");
    Ok(())
}

const TEST: &str = r#"
tests:
  - title: It looks and says what it saw
    prompt: |
      Look once.
      script: [{"calls":[{"name":"tool_echo","arguments":{"value":1}}]},{"text":"Seen: {results}"}]
    cassette: asks.cassette.jsonl
    expect: { status: completed, calls: [tool.echo] }
"#;

/// A connection and an agent for each format.
fn project(folder: &Path, url: &str) -> Result<()> {
    fs::create_dir_all(folder.join("agents"))?;
    let table = |(kind, base, _): &(&str, &str, &str)| {
        format!("[providers.{kind}]\nkind = \"{kind}\"\nbase_url = \"{url}{base}\"\nkey = \"env:PROVIDER_KEY\"\n")
    };
    fs::write(folder.join("affiant.toml"), FORMATS.iter().map(table).collect::<String>())?;
    for (kind, ..) in FORMATS {
        let key = format!("asks-{kind}");
        let agent = mind::agent(&key, &format!("{kind}/small"), &["tool.echo@1.0.0"], &[]);
        fs::write(folder.join(format!("agents/{key}-1.0.0.yaml")), agent)?;
    }
    Ok(())
}

/// A run asks, has a tool called, is told what that gave, and ends; the provider saw two calls at the format's path.
fn asked_by_a_run(client: &mut Client, provider: &Provider, (kind, _, path): &(&str, &str, &str)) -> Result<()> {
    let turns = json!([
        { "text": "I look.", "calls": [{ "name": "tool_echo", "arguments": { "value": "a lamp" } }] },
        { "text": "Seen: {results}" },
    ]);
    let before = calls(provider, path)?;
    let body = json!({ "agentKey": format!("asks-{kind}"), "prompt": format!("script: {turns}"), "mode": "wait" });
    let reply = client.post("/agent/run/v1.1.0", &body.to_string())?.json()?;
    let run = reply["runId"].as_str().with_context(|| format!("no run with {kind}: {reply}"))?.to_owned();
    let row = ended(client, &run)?;
    ensure!(row["status"] == "completed", "the run with {kind} ended so: {row}");
    let audit = client.get("/agent/audit/v1.0.0", &format!("runId={run}"))?.json()?;
    ensure!(audit["result"].to_string().contains("a lamp"), "{kind}: the tool's result did not come back: {audit}");
    let seen = calls(provider, path)? - before;
    ensure!(seen == 2, "{kind}: the provider was asked {seen} times at {path} instead of twice");
    println!("   a run asked {kind} at {path} and had a tool called");
    Ok(())
}

fn ended(client: &mut Client, run: &str) -> Result<Value> {
    for _ in 0..300 {
        let page = client.get("/agent/status/v1.1", &format!("runId={run}"))?.json()?;
        let row = &page["runs"][0];
        if ["completed", "failed", "cancelled"].iter().any(|word| row["status"] == *word) {
            return Ok(row.clone());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    anyhow::bail!("run {run} does not end")
}

/// How many calls to this path the provider has seen.
fn calls(provider: &Provider, path: &str) -> Result<usize> {
    let mut client = Client::connect(provider.url.trim_start_matches("http://"))?;
    let book = client.get("/calls", "")?.json()?;
    let calls = book["calls"].as_array().context("the provider has no book of calls")?;
    Ok(calls.iter().filter(|call| call["outcome"] == "begun" && call["path"] == path).count())
}
