//! `affiant agent validate` and `test`: agents in files, without a server.

use std::sync::Arc;

use affiant_contract::{Contract, Finding, Kind};
use affiant_engine::rules;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{
    rehearse::{self, Rehearsed},
    voices::Voices,
};
use crate::cli::{
    Context, Exit, Failure,
    contract::{self, lint},
    narrate::counted,
    output::{Column, Data, Format, text},
    terminal::{self, safe_line},
};

pub(super) fn arguments(command: Command) -> Command {
    command.arg(
        Arg::new("agent")
            .value_name("AGENT[@VERSION]|FILE")
            .required(true)
            .help("An agent of this project, or its file"),
    )
}

pub(super) fn test_arguments(command: Command) -> Command {
    let help = "Ask the providers in tests that name a `cassette`, and write what they say there; this may cost money";
    let record = Arg::new("record").long("record").help(help).action(ArgAction::SetTrue);
    arguments(command).arg(record).after_help("Exit codes: 0 every test passes; 10 one does not.")
}

/// The agent that the command line names, with every finding that keeps it from being read.
fn named(context: &Context<'_>, matches: &ArgMatches) -> Result<Contract, Failure> {
    let named = matches.get_one::<String>("agent").expect("required");
    let path = context.folder.join(named);
    let agent = if path.is_file() {
        let text = std::fs::read_to_string(&path)?;
        affiant_contract::load_file(named, &text).map_err(|findings| contract::refused(&findings))?
    } else {
        contract::resolve(context.registry()?, named)?.clone()
    };
    match agent.meta.kind {
        Kind::Agent => Ok(agent),
        kind => Err(Failure::usage(format!(
            "{} is no agent but a {}",
            agent.reference(),
            json!(kind).as_str().unwrap_or_default()
        ))),
    }
}

pub(super) fn validate(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let agent = named(context, matches)?;
    let registry = context.registry()?;
    let beside: Vec<Contract> =
        registry.iter().map(|contract| (**contract).clone()).filter(|it| it.reference() != agent.reference()).collect();
    let mut findings = lint::look(std::slice::from_ref(&agent), &beside, None);
    let body = agent.agent().expect("its kind says so");
    // What lint has found already is not said twice: it knows the lines, the planner knows what rules give each other.
    if findings.is_empty() {
        findings.extend(rules::check(body, registry).iter().map(|problem| finding(&agent, problem)));
    }
    lint::print(context, &findings, 1)?;
    Ok(lint::exit(&findings))
}

fn finding(agent: &Contract, problem: &rules::Problem) -> Finding {
    let source = &agent.source;
    let finding = Finding::error("rules", problem.to_string());
    finding.at(source.path.display().to_string(), "".into(), Default::default())
}

const COLUMNS: &[Column] = &[
    Column::new("TEST", |row| text(row, "title")),
    Column::new("PASSED", |row| text(row, "passed")),
    Column::new("TROUBLE", |row| {
        row["trouble"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    }),
];

/// Runs the tests that stand in an agent.
pub(super) async fn test(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let agent = Arc::new(named(context, matches)?);
    let body = agent.agent().expect("its kind says so");
    let folder =
        agent.source.path.parent().map_or_else(|| context.folder.clone(), |beside| context.folder.join(beside));
    let tools = context.host.tools(&context.folder);
    let record = matches.get_flag("record");
    if record && !body.tests.iter().any(|case| case["cassette"].is_string()) {
        let failure = Failure::usage(format!("no test of {} names a cassette", agent.reference()));
        return Err(failure.next("say `cassette: FILE` in a test, instead of `says`"));
    }
    let (mut voices, mut all) = (Voices::new(context, record), Vec::new());
    for case in &body.tests {
        let mut speakers = |file: &std::path::Path| voices.of(file);
        all.push(rehearse::rehearse(&agent, case, context.registry()?, &*tools, (&folder, &mut speakers)).await);
    }
    voices.keep(all.iter().all(|test| test.ended))?;
    print(context, &agent, &all, record)?;
    Ok(if all.iter().all(|test| test.trouble.is_empty()) { Exit::Done } else { Exit::RunFailed })
}

fn print(context: &Context<'_>, agent: &Contract, all: &[Rehearsed], record: bool) -> Result<(), Failure> {
    if context.format() != Format::Table {
        let row = |test: &Rehearsed| json!({ "title": test.title, "passed": test.trouble.is_empty(), "trouble": test.trouble });
        let items = all.iter().map(row).collect();
        return context.print(Data::List { items, columns: COLUMNS, next: None, total: None });
    }
    for test in all {
        let sign = if test.trouble.is_empty() { "✓" } else { "✗" };
        terminal::page(&format!("  {sign} {}", safe_line(&test.title)));
        test.trouble.iter().for_each(|trouble| terminal::page(&indented(trouble)));
    }
    let failed = all.iter().filter(|test| !test.trouble.is_empty()).count();
    terminal::page(&match (all.len(), failed) {
        (0, _) => format!("{} has no tests; add `tests:` to its file", agent.reference()),
        (total, 0) => {
            let thinks = agent.agent().is_some_and(|agent| agent.planner.model().is_some());
            let how = match (thinks, record) {
                (true, true) => "providers were asked where a test has a cassette",
                (true, false) => "the model's answers are the tests' own, nothing was spent",
                (false, _) => "rules, no model",
            };
            format!("✓ {}, all pass; {how}", counted(total, "test"))
        }
        (total, failed) => format!("✗ {failed} of {} failed", counted(total, "test")),
    });
    Ok(())
}

fn indented(text: &str) -> String {
    terminal::safe(text).lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}
