//! `affiant run metrics`.

use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};

use crate::{
    cli::{
        Context, Exit, Failure,
        output::{Column, Data, text},
        terminal::{self, safe_line},
    },
    units::took,
};

const COLUMNS: &[Column] = &[
    Column::new("AGENT", |row| safe_line(&text(row, "agentKey"))),
    Column::new("RUNS", |row| text(row, "runs")),
    Column::new("COMPLETED", |row| text(row, "completed")),
    Column::new("FAILED", |row| text(row, "failed")),
    Column::new("CANCELLED", |row| text(row, "cancelled")),
    Column::new("UNDER WAY", |row| text(row, "underWay")),
    Column::new("MEDIAN", |row| row["tookMedianMicros"].as_u64().map(took).unwrap_or_default()),
    Column::new("P95", |row| row["tookP95Micros"].as_u64().map(took).unwrap_or_default()),
    Column::new("MODELS USED", |row| used(&row["used"])),
];

/// What models used, in each currency.
fn used(used: &Value) -> String {
    let one = |it: &Value| format!("{} {} · {} tokens", text(it, "cost"), text(it, "currency"), text(it, "tokens"));
    used.as_array().into_iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}

pub(super) fn arguments(command: Command) -> Command {
    let days = Arg::new("days").long("days").value_name("N").help("How many days to look at, today included; up to 90");
    command.arg(days.default_value("7").value_parser(value_parser!(u64).range(1..=90)))
}

pub(super) async fn metrics(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let days = matches.get_one::<u64>("days");
    let mut told = client.query("agent.metrics", "v1", &json!({ "days": days })).await?;
    let (examined, complete) = (text(&told, "examined"), told["complete"] == true);
    let items = told["agents"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let total = Some(items.len() as u64);
    context.print(Data::List { items, columns: COLUMNS, next: None, total })?;
    if !complete {
        terminal::note(&format!("Only the newest {examined} runs of this span were counted."));
    }
    Ok(Exit::Done)
}
