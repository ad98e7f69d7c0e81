//! `affiant run list` and `get`.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{named, row};
use crate::cli::{
    Context, Exit, Failure,
    client::Client,
    ids,
    narrate::{self, clock},
    operation::{again, watch_argument, watched},
    output::{Column, Data, Format, text},
    terminal::{self, safe_line},
};

const COLUMNS: &[Column] = &[
    Column::new("STATUS", status),
    Column::new("RUN", |row| ids::short(&text(row, "runId"))),
    Column::new("AGENT", |row| format!("{}@{}", text(row, "agentKey"), text(row, "agentVersion"))),
    Column::new("PLANNER", |row| text(&row["planner"], "label")),
    Column::new("STEPS", |row| text(row, "steps")),
    Column::new("STARTED", |row| text(row, "submittedAt").get(..19).unwrap_or_default().replace('T', " ")),
    Column::new("ERROR", |row| safe_line(&text(row, "lastError"))),
    Column::wide("TOKENS", |row| text(&row["usage"], "tokens")),
    Column::wide("COST", cost),
    Column::wide("ID", |row| text(row, "runId")),
    Column::wide("SNAPSHOT", |row| text(row, "contextSnapshotId")),
    Column::wide("BY", |row| text(row, "startedBy")),
];

/// Status with its sign; what a run waits for is said instead of that it waits.
fn status(row: &Value) -> String {
    let status = text(row, "status");
    let (sign, word) = match (status.as_str(), row["waitingFor"]["reason"].as_str()) {
        ("queued", _) => ("◌", "queued"),
        ("running", _) => ("●", "running"),
        ("waiting", Some("approval")) => ("△", "needs approval"),
        ("waiting", Some("input")) => ("△", "asks a question"),
        ("waiting", Some("unknown_outcome")) => ("?", "outcome unknown"),
        ("waiting", _) => ("◌", "waiting"),
        ("completed", _) => ("✓", "completed"),
        ("failed", _) => ("✗", "failed"),
        ("cancelled", _) => ("⊘", "cancelled"),
        ("cancelling", _) => ("⊘", "cancelling"),
        _ => ("", ""),
    };
    if word.is_empty() { status } else { format!("{sign} {word}") }
}

/// Money.
fn cost(row: &Value) -> String {
    narrate::spent(&row["usage"]).map_or_else(String::new, |(_, cost)| cost)
}

pub(super) fn arguments(command: Command) -> Command {
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    command
        .arg(
            value("query", "FILTER", "Filter, for example `status:failed since:24h cost:>0.10 text:invoice`")
                .short('q'),
        )
        .arg(value("view", "NAME", "A filter that was kept with `affiant view save`"))
        .arg(value("agent", "KEY", "Only runs of this agent"))
        .arg(value("status", "STATUS", "Only runs in this status"))
        .arg(value("limit", "N", "Rows of a page").default_value("50").value_parser(clap::value_parser!(u64)))
        .arg(value("cursor", "C", "Go on after this page"))
        .arg(Arg::new("all").long("all").action(ArgAction::SetTrue).help("Every page"))
        .arg(Arg::new("active").long("active").action(ArgAction::SetTrue).help("Only runs that have not ended"))
        .arg(watch_argument())
}

pub(super) async fn list(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (mut request, all) = (request(matches), matches.get_flag("all"));
    if let Some(name) = matches.get_one::<String>("view") {
        let own = request.get("q").and_then(Value::as_str).unwrap_or_default();
        let both = format!("{} {own}", view(&client, name).await?);
        request.insert("q".to_owned(), both.trim_end().into());
    }
    let Some(every) = watched(context, matches)? else {
        let (items, next, total) = rows(&client, request, all).await?;
        let nothing = items.is_empty() && matches!(context.format(), Format::Table | Format::Wide);
        context.print(Data::List { items, columns: COLUMNS, next, total })?;
        if nothing {
            terminal::note(none(matches));
        }
        return Ok(Exit::Done);
    };
    again(context, every, COLUMNS, async || Ok(rows(&client, request.clone(), all).await?.0)).await
}

/// The filter that is kept under a name.
async fn view(client: &Client, name: &str) -> Result<String, Failure> {
    let views = client.query("agent.views", "v1", &json!({})).await?;
    let own = views["views"].as_array().into_iter().flatten().find(|view| view["name"] == name);
    own.map(|view| text(view, "filter")).ok_or_else(|| {
        let said = format!("you have no view {name}; yours: affiant view list");
        Failure::new(Exit::NotFound, "view-not-found", said)
    })
}

/// What an empty list means, and what to do; beside the list, which stays one that a program can read.
fn none(matches: &ArgMatches) -> &'static str {
    let filtered = ["query", "view", "agent", "status", "cursor"].iter().any(|name| matches.contains_id(name));
    match (filtered, matches.get_flag("active")) {
        (true, _) => "No run matches. All of them: affiant run list",
        (false, true) => "No run is under way. Start one: affiant start AGENT   Those that ended: affiant run list",
        (false, false) => "There are no runs yet. See one work: affiant try   Start one: affiant start AGENT",
    }
}

/// The rows, where the next page begins, and how many there are on all pages.
async fn rows(
    client: &Client,
    mut request: Map<String, Value>,
    all: bool,
) -> Result<(Vec<Value>, Option<String>, Option<u64>), Failure> {
    let mut items = Vec::new();
    loop {
        let mut page = client.query("agent.status", "v1.3", &Value::Object(request.clone())).await?;
        items.extend(page["runs"].as_array_mut().map(std::mem::take).unwrap_or_default());
        let next = page["nextCursor"].as_str().map(str::to_owned);
        match &next {
            Some(cursor) if all => request.insert("cursor".to_owned(), cursor.as_str().into()),
            _ => return Ok((items, next, page["total"].as_u64())),
        };
    }
}

fn request(matches: &ArgMatches) -> Map<String, Value> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let mut filter = text("query").unwrap_or_default();
    if matches.get_flag("active") {
        filter = format!("{filter} status:queued,running,waiting,cancelling").trim_start().to_owned();
    }
    let mut request = Map::from_iter([("limit".to_owned(), json!(matches.get_one::<u64>("limit")))]);
    for (field, value) in
        [("q", Some(filter)), ("agentKey", text("agent")), ("status", text("status")), ("cursor", text("cursor"))]
    {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            request.insert(field.to_owned(), value.into());
        }
    }
    request
}

pub(super) async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = named(&client, matches, "run").await?;
    let value = row(&client, &run).await?;
    if value.is_null() {
        return Err(Failure::new(Exit::NotFound, "run-not-found", format!("there is no run {run}")));
    }
    let approvals = client.query("agent.approvals.list", "v1", &json!({ "runId": run, "status": "pending" })).await?;
    let artifacts = client.query("agent.artifacts", "v1.1", &json!({ "runId": run })).await?;
    let audit = audit(&client, &run).await?;
    let spent = used(&audit);
    let mut text = page(&value, &spent, &approvals["approvals"], &artifacts["artifacts"]);
    if value["status"] == "failed" {
        text += &because(&client, &run).await?;
    }
    if let Some(result) = result(&audit) {
        text += &format!("  gave       {}\n", safe_line(&result));
    }
    super::print(context, value, "runId", text)?;
    Ok(Exit::Done)
}

/// Tokens and money of a run by now, as its audit says.
pub(super) async fn spent(client: &Client, run: &str) -> Result<String, Failure> {
    Ok(used(&audit(client, run).await?))
}

async fn audit(client: &Client, run: &str) -> Result<Value, Failure> {
    client.query("agent.audit", "v1", &json!({ "runId": run, "stepLimit": 1, "maxBytes": SHOWN })).await
}

fn used(audit: &Value) -> String {
    narrate::spent(&audit["totals"]).map_or_else(String::new, |(tokens, cost)| format!("{tokens} tokens · {cost}"))
}

/// Bytes of a value that are shown on a line; `-o json` has all of them.
const SHOWN: usize = 400;

/// What a run gave, on a line.
fn result(audit: &Value) -> Option<String> {
    if let Some(whole) = audit.get("result") {
        return Some(shortened(whole));
    }
    let cut = audit["cut"].as_array()?.iter().find(|cut| cut["field"] == "result")?;
    Some(format!("{}… ({} bytes in all)", text(cut, "start"), cut["size"]))
}

/// A value as JSON, cut where it is long.
pub(super) fn shortened(value: &Value) -> String {
    let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let start = &said[..said.floor_char_boundary(SHOWN)];
    if start.len() < said.len() { format!("{start}… ({} bytes in all)", said.len()) } else { said }
}

/// Why a run failed, for those who may read it, and the step that it failed by in its own words; a line each.
pub(in crate::cli) async fn because(client: &Client, run: &str) -> Result<String, Failure> {
    let audit = client.query("agent.audit", "v1", &json!({ "runId": run, "maxBytes": 0 })).await?;
    let mut reasons = vec![text(&audit["problem"], "detail")];
    let mut steps = audit["steps"].as_array().into_iter().flatten();
    if let Some(step) = steps.rfind(|step| step["status"] == "failed") {
        let input = json!({ "runId": run, "stepNumber": step["stepNumber"] });
        let step = client.query("agent.step.get", "v1", &input).await?;
        reasons.push(text(&step["error"], "detail"));
    }
    // The run often fails with the words of the step.
    if reasons.len() == 2 && reasons[0].contains(&reasons[1]) {
        reasons.pop();
    }
    let next = way_on(&text(&audit["problem"], "code"), &reasons).map(|way| way.replace("RUN", &ids::short(run)));
    let said = reasons.iter().filter(|reason| !reason.is_empty());
    let said = said.map(|reason| format!("  because    {}\n", safe_line(reason)));
    Ok(said.chain(next.map(|next| format!("  next       {next}\n"))).collect())
}

/// What to do about a run that failed with this code, unless the reasons say it.
fn way_on(code: &str, reasons: &[String]) -> Option<&'static str> {
    let said = ["affiant run retry", "affiant.toml", "pin it again"];
    let is_said = reasons.iter().any(|reason| said.iter().any(|words| reason.contains(words)));
    affiant_contract::errors::ending(code).filter(|_| !is_said).map(|ending| ending.remedy)
}

/// One run for people.
fn page(row: &Value, spent: &str, approvals: &Value, artifacts: &Value) -> String {
    let of = |field: &str| text(row, field);
    let mut page = format!("{}  {}@{}  {}\n", of("runId"), of("agentKey"), of("agentVersion"), status(row));
    page += &format!("  planner    {} · {spent}\n", text(&row["planner"], "label"));
    page += &format!("  started    {} by {}\n", of("submittedAt"), safe_line(&of("startedBy")));
    for (field, label) in
        [("endedAt", "ended"), ("contextSnapshotId", "snapshot"), ("parentRunId", "parent"), ("lastError", "error")]
    {
        if !of(field).is_empty() {
            page += &format!("  {label:<10} {}\n", safe_line(&of(field)));
        }
    }
    page += &format!("  steps      {}\n", of("steps"));
    for approval in approvals.as_array().into_iter().flatten() {
        let (id, title) = (text(approval, "approvalId"), safe_line(&text(approval, "title")));
        page += &format!(
            "  △ {title}   expires {}   affiant approval get {}\n",
            clock(&text(approval, "expiresAt")),
            ids::short(&id)
        );
    }
    if let Some(question) = row["waitingFor"]["question"].as_str() {
        page += &format!("  △ {}   affiant run answer {} ANSWER\n", safe_line(question), ids::short(&of("runId")));
    }
    for artifact in artifacts.as_array().into_iter().flatten() {
        page += &format!(
            "  artifact   {}  {}  {}\n",
            text(artifact, "artifactId"),
            safe_line(&text(artifact, "name")),
            safe_line(&text(artifact, "summary"))
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_about_a_failed_run_is_said_once() {
        let told = |code: &str, reason: &str| way_on(code, &[reason.to_owned()]).is_some();
        assert!(told("model-failed", "`main` did not accept the key (401). Run: affiant provider connect main"));
        assert!(!told("budget-exhausted", "To go on from here: affiant run retry RUN --budget-cost AMOUNT"));
        assert!(!told("a-code-of-a-contract", "Not yet."));
    }
}
