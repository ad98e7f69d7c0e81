//! Verbs that look at a run from outside: compare, replay, explain.

use std::collections::BTreeMap;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{list::shortened, named, print, run_argument, sides};
use crate::{
    cli::{
        Context, Exit, Failure,
        client::Client,
        ids,
        narrate::{counted, spent},
        output::text,
        terminal::{self, safe_line},
        trace,
    },
    units::took,
};

pub(super) fn compare_arguments(command: Command) -> Command {
    let run = |name: &'static str, help: &'static str| Arg::new(name).value_name("RUN").help(help).required(true);
    command.arg(run("left", "A run")).arg(run("right", "Another run"))
}

pub(super) async fn compare(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (left, right) = (named(&client, matches, "left").await?, named(&client, matches, "right").await?);
    let reply = client.query("agent.compare", "v1", &json!({ "left": left, "right": right })).await?;
    let text = comparison(&reply, &sides::lines(&client, &left, &right).await?);
    print(context, reply, "left", text)?;
    Ok(Exit::Done)
}

fn comparison(reply: &Value, sides: &str) -> String {
    let mut page = String::new();
    for side in ["left", "right"] {
        let run = &reply[side];
        let planner = text(&run["planner"], "label");
        page += &format!(
            "{side:<6} {}  {}@{}  {planner}  {} steps  {}{}\n",
            text(run, "runId"),
            text(run, "agentKey"),
            text(run, "agentVersion"),
            run["steps"],
            text(run, "status"),
            used(&run["usage"])
        );
    }
    for what in ["agent", "input", "context", "result"] {
        let word = if reply["same"][what] == true { "same" } else { "differs" };
        page += &format!("{what:<8} {word}\n");
    }
    page += sides;
    for step in reply["steps"].as_array().into_iter().flatten().filter(|step| step["relation"] != "same") {
        let number = |side: &str| step[side].as_u64().map_or_else(|| "-".to_owned(), |number| number.to_string());
        page += &format!(
            "{:<10} {:>5} {:>5}  {}\n",
            text(step, "relation").replace('_', " "),
            number("left"),
            number("right"),
            text(step, "operation")
        );
        for difference in step["differences"].as_array().into_iter().flatten() {
            page += &format!(
                "             {}: {} → {}\n",
                text(difference, "path"),
                safe_line(&difference["left"].to_string()),
                safe_line(&difference["right"].to_string())
            );
        }
    }
    page
}

/// Tokens, money and calls of models, where there were any.
fn used(usage: &Value) -> String {
    let Some((tokens, cost)) = spent(usage).filter(|(tokens, _)| *tokens > 0) else {
        return if usage.is_null() { String::new() } else { "  no tokens".to_owned() };
    };
    let calls =
        counted(usage["modelCalls"].as_u64().and_then(|calls| calls.try_into().ok()).unwrap_or(0), "model call");
    format!("  {tokens} tokens · {cost} in {calls}")
}

pub(super) async fn replay(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let reply = client.query("agent.replay", "v1", &json!({ "runId": run })).await?;
    let equal = reply["equal"] == true;
    let text = if equal {
        format!(
            "✓ {} decisions derived again, all as recorded ({})",
            reply["decisions"],
            text(&reply["planner"], "label")
        )
    } else {
        let first = &reply["firstDifference"];
        format!("✗ differs at event {}: {}", first["seq"], safe_line(&text(first, "because")))
    };
    print(context, reply, "runId", text)?;
    Ok(if equal { Exit::Done } else { Exit::Altered })
}

pub(super) fn trace_arguments(command: Command) -> Command {
    let step = trace::number("step", 0, "The step to begin at; without, how the run ended");
    trace::arguments(command.arg(run_argument()).arg(step))
}

pub(super) async fn traced(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let mut input = Map::from_iter([("runId".to_owned(), run.into())]);
    input.extend(matches.get_one::<u64>("step").map(|step| ("stepNumber".to_owned(), json!(step))));
    trace::print(context, &client, matches, input).await
}

pub(super) fn explain_arguments(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let html = flag("html", "As one HTML page without a script, to read, print and keep").conflicts_with("md");
    command.arg(run_argument()).arg(html).arg(flag("md", "As Markdown"))
}

pub(super) async fn explain(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let page = [("html", "text/html"), ("md", "text/markdown")].into_iter().find(|(flag, _)| matches.get_flag(flag));
    if let Some((_, media)) = page {
        terminal::data(client.page("agent.audit", "v1", &json!({ "runId": run }), media).await?.trim_end());
        return Ok(Exit::Done);
    }
    let reply = client.query("agent.audit", "v1", &json!({ "runId": run, "given": true })).await?;
    let mut text = explanation(&reply, &reasons(&client, &run, &reply).await?);
    if reply["totals"]["modelCalls"].as_u64().is_some_and(|calls| calls > 0) {
        trace::models(&client.query("agent.trace", "v1", &json!({ "runId": run })).await?, &mut text);
    }
    print(context, reply, "runId", text)?;
    Ok(Exit::Done)
}

/// Failed steps whose reasons are told.
const REASONS: usize = 20;

/// Why steps failed, in the words that whoever asks may read, by step.
async fn reasons(client: &Client, run: &str, audit: &Value) -> Result<BTreeMap<u64, String>, Failure> {
    let mut reasons = BTreeMap::new();
    let failed = audit["steps"].as_array().into_iter().flatten().filter(|step| step["status"] == "failed");
    for number in failed.filter_map(|step| step["stepNumber"].as_u64()).take(REASONS) {
        let step = client.query("agent.step.get", "v1", &json!({ "runId": run, "stepNumber": number })).await?;
        let said = [text(&step["error"], "code"), text(&step["error"], "detail")];
        let said: Vec<String> = said.iter().filter(|said| !said.is_empty()).map(|said| safe_line(said)).collect();
        reasons.insert(number, said.join(": "));
    }
    Ok(reasons)
}

/// Six questions, each answered from events whose numbers stand behind the sentence.
fn explanation(audit: &Value, reasons: &BTreeMap<u64, String>) -> String {
    let agent = &audit["agent"];
    let mut page = format!(
        "{}  {}@{}  {}\n\n",
        text(audit, "runId"),
        text(agent, "key"),
        text(agent, "version"),
        text(audit, "status")
    );
    let by = &audit["startedBy"];
    page += &format!(
        "Who      {} ({}) started it at {} [#0]\n",
        safe_line(&text(by, "id")),
        text(by, "auth"),
        text(audit, "submittedAt")
    );
    page += &format!(
        "How      planner: {}; agent contract {} [#0]\n",
        text(&audit["planner"], "label"),
        text(agent, "digest")
    );
    if let Some(context) = audit.get("context").filter(|context| !context.is_null()) {
        page += &format!(
            "From     snapshot {} with root {} {}\n",
            text(context, "snapshotId"),
            text(context, "hash"),
            reading(audit)
        );
    }
    page += &given(audit);
    for step in audit["steps"].as_array().into_iter().flatten() {
        let why = step["stepNumber"].as_u64().and_then(|number| reasons.get(&number));
        page += &step_line(step, why);
    }
    for approval in audit["approvals"].as_array().into_iter().flatten() {
        let who = approval["approver"].as_str().map(|who| format!(" by {}", safe_line(who))).unwrap_or_default();
        page += &format!(
            "Allowed  step {}: {}{who}, action {} {}\n",
            approval["stepNumber"],
            text(approval, "status"),
            text(approval, "actionDigest"),
            cited(approval)
        );
    }
    for output in audit["outputs"].as_array().into_iter().flatten() {
        page += &format!(
            "Made     {} {} {} {}\n",
            text(output, "kind"),
            safe_line(&text(output, "name")),
            text(output, "digest"),
            cited(output)
        );
    }
    let last = &audit["record"]["lastSeq"];
    if let Some(result) = audit.get("result") {
        page += &format!("Gave     {} [#{last}]\n", safe_line(&shortened(result)));
    }
    if let Some(problem) = audit["problem"]["code"].as_str() {
        let detail = audit["problem"]["detail"].as_str().map(|detail| format!(": {}", safe_line(detail)));
        page += &format!("Failed   {problem}{} [#{last}]\n", detail.unwrap_or_default());
    }
    let totals = &audit["totals"];
    let cost = format!("{} tokens, {} {}", totals["tokens"], text(totals, "cost"), text(totals, "currency"));
    let prices = totals["prices"].as_str().map(|table| format!(", estimated by prices `{}`", safe_line(table)));
    let unpriced = totals["unpricedTokens"].as_u64().map(|tokens| format!(", {tokens} tokens without a price"));
    let by = [prices, unpriced].into_iter().flatten().collect::<String>();
    page += &format!("Cost     {} events, {} steps, {cost}{by} [#0–#{last}]\n", totals["events"], totals["steps"]);
    page + &format!(
        "Record   {} up to event {last}, head {} [#0–#{last}]\n",
        text(&audit["record"], "level"),
        ids::short(&text(&audit["record"], "head"))
    )
}

/// What the run was given, a line each; nothing for those who may not see it.
fn given(audit: &Value) -> String {
    let given =
        |what: &str| Some(format!("Given    {what} {} [#0]\n", safe_line(&shortened(audit["given"].get(what)?))));
    ["input", "prompt"].into_iter().filter_map(given).collect()
}

fn step_line(step: &Value, why: Option<&String>) -> String {
    let label =
        [text(step, "label"), text(step, "operation")].into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let time = step["durationMicros"].as_u64().map(|micros| format!(", {}", took(micros))).unwrap_or_default();
    format!(
        "Did      step {}: {} by rule `{}`, {}{}{time} {}\n",
        step["stepNumber"],
        safe_line(&label),
        text(step, "rule"),
        text(step, "status"),
        why.map_or_else(String::new, |why| format!(" ({why})")),
        cited(step)
    )
}

/// The events that say what the run reads: those of the step that read its packs, or the first, which names a snapshot.
fn reading(audit: &Value) -> String {
    let mut steps = audit["steps"].as_array().into_iter().flatten();
    steps.find(|step| text(step, "operation").starts_with("context.pack.snapshot")).map_or("[#0]".to_owned(), cited)
}

/// The events behind a sentence.
fn cited(value: &Value) -> String {
    let events = value["events"].as_array().into_iter().flatten();
    let numbers: Vec<String> = events.map(|event| format!("#{event}")).collect();
    format!("[{}]", numbers.join(" "))
}
