//! `affiant run start AGENT`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Until,
    change::{budget, budget_arguments},
    follow, preview,
};
use crate::cli::{Context, Exit, Failure, client::Client, fresh_key, ids, output::Format};

pub(super) fn arguments(command: Command) -> Command {
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    let command = command
        .arg(Arg::new("agent").value_name("AGENT[@VERSION]").help("The agent").required(true))
        .arg(
            value("input", "KEY=VALUE", "A field of the agent's input; JSON where it reads as JSON")
                .short('i')
                .action(ArgAction::Append),
        )
        .arg(value("input-json", "JSON", "The agent's whole input"))
        .arg(value("prompt", "TEXT", "What the agent is asked to do, in words"))
        .arg(value("snapshot", "CTX", "The context snapshot to read"))
        .arg(
            value("priority", "N", "-1000 to 1000, higher first")
                .allow_negative_numbers(true)
                .value_parser(clap::value_parser!(i64)),
        )
        .arg(value("idempotency-key", "KEY", "A repeated start with this key starts nothing"))
        .arg(Arg::new("dry-run").long("dry-run").action(ArgAction::SetTrue).help("Take no step that has an effect"))
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["dry-run", "wait", "idempotency-key"])
                .help("Start nothing: check the input, and say what policy would ask"),
        )
        .args(super::follow::wait_arguments());
    budget_arguments(command)
}

pub(super) async fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let input = request(context, matches)?;
    if matches.get_flag("check") {
        return preview::run(context, &client, input).await;
    }
    let key = matches.get_one::<String>("idempotency-key").cloned().unwrap_or_else(fresh_key);
    let started = client.keyed_command("agent.run", "v1.1", &input, Some(&key)).await;
    let started = started.map_err(|failure| with_key(failure, &key))?;
    let run = started["runId"].as_str().unwrap_or_default().to_owned();
    let Some(until) = Until::asked(matches)? else {
        let agent = input["agentKey"].as_str().unwrap_or_default();
        let text = format!(
            "{run}  {agent}  {}\nRuns in the background. Follow: affiant watch {}",
            started["status"].as_str().unwrap_or_default(),
            ids::short(&run)
        );
        super::print(context, started, "runId", text)?;
        return Ok(Exit::Done);
    };
    let exit = follow(&client, &run, until, &mut |line| announce(context, line)).await?;
    finished(context, &client, &run).await?;
    Ok(exit)
}

/// Lines about a run that is waited for: to people on standard output, beside data on standard error.
#[expect(clippy::print_stderr, reason = "progress is not data")]
pub(super) fn announce(context: &Context<'_>, line: &str) {
    if context.format() == Format::Table { crate::cli::terminal::data(line) } else { eprintln!("{line}") }
}

/// The row of a run that was waited for, where data is wanted.
pub(super) async fn finished(context: &Context<'_>, client: &Client, run: &str) -> Result<(), Failure> {
    if context.format() == Format::Table {
        return Ok(());
    }
    super::print(context, super::row(client, run).await?, "runId", String::new())
}

/// A failed start may have started something: the same key makes a second try safe.
fn with_key(mut failure: Failure, key: &str) -> Failure {
    if failure.exit == Exit::Unreachable || failure.exit == Exit::Unexpected {
        failure.details.push(format!("to try again without starting twice: --idempotency-key {key}"));
    }
    failure
}

fn request(context: &Context<'_>, matches: &ArgMatches) -> Result<Value, Failure> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let agent = text("agent").expect("required");
    let (key, version) = agent.split_once('@').map_or((agent.as_str(), None), |(key, version)| (key, Some(version)));
    let mut request = Map::from_iter([
        ("agentKey".to_owned(), key.into()),
        ("input".to_owned(), agent_input(context, matches)?.into()),
    ]);
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            request.insert(name.to_owned(), value);
        }
    };
    set("agentVersion", version.map(Value::from));
    set("prompt", text("prompt").map(Value::from));
    set("contextSnapshotId", text("snapshot").map(Value::from));
    set("priority", matches.get_one::<i64>("priority").copied().map(Value::from));
    set("budget", budget(matches));
    set("mode", matches.get_flag("dry-run").then(|| json!("dry_run")));
    Ok(Value::Object(request))
}

/// The agent's input: `--input-json`, with every `-i key=value` laid over it.
fn agent_input(context: &Context<'_>, matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let whole = matches.get_one::<String>("input-json").map(String::as_str).unwrap_or("{}");
    let mut input: Map<String, Value> =
        serde_json::from_str(whole).map_err(|error| Failure::usage(format!("--input-json: {error}")))?;
    for pair in matches.get_many::<String>("input").into_iter().flatten() {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("`-i {pair}`: expected KEY=VALUE")));
        };
        input.insert(key.to_owned(), typed(context, value));
    }
    Ok(input)
}

/// A value as it was meant: JSON where it reads as JSON, a folder of this machine where it begins like one, else text.
/// The server works elsewhere, so a relative folder would mean another one there.
pub(in crate::cli) fn typed(context: &Context<'_>, value: &str) -> Value {
    if value == "." || value == ".." || value.starts_with("./") || value.starts_with("../") {
        let path = context.folder.join(value);
        return path.canonicalize().unwrap_or(path).to_string_lossy().into_owned().into();
    }
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}
