//! Verbs that change a run: cancel, retry, fork, answer, resolve.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Until,
    follow::{follow, wait_arguments},
    named, print, run_argument,
    start::{announce, finished, typed},
};
use crate::cli::{Context, Exit, Failure, ids, terminal::safe_line};

fn value(name: &'static str, placeholder: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(placeholder).help(help)
}

fn given<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a String> {
    matches.get_one::<String>(name)
}

/// A request with those of these fields that are given.
fn request(fields: &[(&str, Option<Value>)]) -> Value {
    let given = fields.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?)));
    Value::Object(Map::from_iter(given))
}

/// The flags that say how much a run may use.
pub(super) fn budget_arguments(command: Command) -> Command {
    let number = |name, help| value(name, "NUMBER", help).value_parser(clap::value_parser!(u64)).help_heading("Budget");
    command
        .arg(value("budget-cost", "AMOUNT", "The most money, such as 0.50").help_heading("Budget"))
        .arg(value("budget-currency", "CODE", "Its currency, USD unless said otherwise").help_heading("Budget"))
        .arg(number("budget-tokens", "The most model tokens, read and written"))
        .arg(number("budget-steps", "The most steps"))
        .arg(number("budget-tool-calls", "The most calls of tools"))
}

/// The budget that the flags say, if they say any.
pub(super) fn budget(matches: &ArgMatches) -> Option<Value> {
    let text = |name: &str| given(matches, name).map(|text| json!(text));
    let number = |name: &str| matches.get_one::<u64>(name).map(|number| json!(number));
    let budget = request(&[
        ("cost", text("budget-cost")),
        ("currency", text("budget-currency")),
        ("tokens", number("budget-tokens")),
        ("steps", number("budget-steps")),
        ("toolCalls", number("budget-tool-calls")),
    ]);
    budget.as_object().is_some_and(|fields| !fields.is_empty()).then_some(budget)
}

pub(super) fn cancel_arguments(command: Command) -> Command {
    command.arg(run_argument()).arg(value("reason", "TEXT", "Why, kept sealed in the record")).arg(
        Arg::new("force")
            .long("force")
            .action(ArgAction::SetTrue)
            .help("Kill the step in flight; its outcome may stay unknown"),
    )
}

pub(super) async fn cancel(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let mode = if matches.get_flag("force") { "force" } else { "graceful" };
    let reason = given(matches, "reason").map(|reason| json!(reason));
    let input = request(&[("runId", Some(json!(run))), ("mode", Some(json!(mode))), ("reason", reason)]);
    let reply = client.command("agent.cancel", "v1.1", &input).await?;
    let text = format!("{} {run}", reply["status"].as_str().unwrap_or_default());
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}

pub(super) fn retry_arguments(command: Command) -> Command {
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let fresh = flag("fresh-context").help("Read the context packs again instead of the same snapshot");
    let resume = flag("resume").help("Go on where it ended: take its results over and pay for none of them again");
    budget_arguments(command.arg(run_argument()).arg(fresh).arg(resume).args(wait_arguments()))
}

pub(super) async fn retry(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let mut input = json!({ "runId": run, "freshContext": matches.get_flag("fresh-context") });
    if matches.get_flag("resume") {
        input["resume"] = true.into();
    }
    if let Some(budget) = budget(matches) {
        input["budget"] = budget;
    }
    let reply = client.command("agent.retry", "v1", &input).await?;
    let new = reply["runId"].as_str().unwrap_or_default();
    if let Some(until) = Until::asked(matches)? {
        let exit = follow(&client, new, until, &mut |line| announce(context, line)).await?;
        finished(context, &client, new).await?;
        return Ok(exit);
    }
    let text = format!("{new}  again from {}\nFollow: affiant watch {}", ids::short(&run), ids::short(new));
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}

pub(super) fn fork_arguments(command: Command) -> Command {
    let command = command
        .arg(run_argument())
        .arg(
            value("at", "STEP", "The first step that is decided anew")
                .required(true)
                .value_parser(clap::value_parser!(u64)),
        )
        .arg(value("set", "KEY=VALUE", "Change a field of the input").action(ArgAction::Append));
    budget_arguments(command).arg(
        Arg::new("dry-run")
            .long("dry-run")
            .action(ArgAction::SetTrue)
            .help("Only show what is reused and what runs again"),
    )
}

pub(super) async fn fork(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let mut input =
        json!({ "runId": run, "fromStep": matches.get_one::<u64>("at"), "dryRun": matches.get_flag("dry-run") });
    for pair in matches.get_many::<String>("set").into_iter().flatten() {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("`--set {pair}`: expected KEY=VALUE")));
        };
        input["input"][key.trim_start_matches("input.")] = typed(context, value);
    }
    if let Some(budget) = budget(matches) {
        input["budget"] = budget;
    }
    let reply = client.command("agent.fork", "v1", &input).await?;
    let text = plan(&reply);
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}

/// What a fork reuses, what it does again, and what it will ask.
fn plan(reply: &Value) -> String {
    let mut text = String::new();
    for step in reply["plan"].as_array().into_iter().flatten() {
        let word = match step["action"].as_str() {
            Some("reused") => "reused from record",
            Some("approval") => "needs approval",
            _ => "runs again",
        };
        let of = |field: &str| safe_line(step[field].as_str().unwrap_or_default());
        text += &format!("{word:<20} step {}  {}  {}\n", step["stepNumber"], of("operation"), of("because"));
    }
    match reply["runId"].as_str() {
        Some(run) => text + &format!("{run}  started; follow: affiant watch {}", ids::short(run)),
        None => text + "Nothing was started. Leave out --dry-run to start it.",
    }
}

pub(super) fn answer_arguments(command: Command) -> Command {
    command
        .arg(run_argument())
        .arg(Arg::new("answer").value_name("ANSWER").required(true).help("The answer; JSON where it reads as JSON"))
        .arg(value("name", "NAME", "Which question, when there are several"))
}

pub(super) async fn answer(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let answer = given(matches, "answer").map(|answer| typed(context, answer));
    let name = given(matches, "name").map(|name| json!(name));
    let input = request(&[("runId", Some(json!(run))), ("name", name), ("answer", answer)]);
    let reply = client.command("agent.input", "v1", &input).await?;
    let text = format!("answered {}   the run is {}", reply["name"], reply["status"].as_str().unwrap_or_default());
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}

pub(super) fn resolve_arguments(command: Command) -> Command {
    let outcome = value("outcome", "OUTCOME", "`happened` (give its result), `retry`, or `fail`").required(true);
    command
        .arg(run_argument())
        .arg(value("step", "N", "The step").required(true).value_parser(clap::value_parser!(u64)))
        .arg(outcome.value_parser(["happened", "retry", "fail"]))
        .arg(value("result", "JSON", "The result, when it happened"))
        .arg(value("comment", "TEXT", "How you know, kept sealed in the record"))
}

pub(super) async fn resolve(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let result = given(matches, "result").map(|json| serde_json::from_str::<Value>(json)).transpose();
    let result = result.map_err(|error| Failure::usage(format!("--result: {error}")))?;
    let input = request(&[
        ("runId", Some(json!(run))),
        ("stepNumber", matches.get_one::<u64>("step").map(|step| json!(step))),
        ("outcome", given(matches, "outcome").map(|outcome| json!(outcome))),
        ("result", result),
        ("comment", given(matches, "comment").map(|comment| json!(comment))),
    ]);
    let reply = client.command("agent.step.resolve", "v1", &input).await?;
    let text =
        format!("step {} resolved   the run is {}", reply["stepNumber"], reply["status"].as_str().unwrap_or_default());
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}
