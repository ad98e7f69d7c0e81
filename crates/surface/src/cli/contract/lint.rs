//! `affiant contract lint`.

use affiant_contract::{Contract, Finding, Lock, Severity, lint};
use affiant_engine::rules::Expression;
use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use super::{builtin_argument, lock};
use crate::cli::{
    Context, Exit, Failure,
    narrate::counted,
    output::{Column, Data, Format, text},
    terminal,
};

const COLUMNS: &[Column] = &[
    Column::new("SEVERITY", |row| text(row, "severity")),
    Column::new("PLACE", |row| format!("{}:{}:{}", text(row, "file"), row["line"], row["column"])),
    Column::new("RULE", |row| text(row, "code")),
    Column::new("MESSAGE", |row| text(row, "message")),
    Column::wide("HELP", |row| text(row, "help")),
];

pub(super) fn arguments(command: Command) -> Command {
    command
        .arg(builtin_argument())
        .after_help("Exit codes: 0 nothing is wrong, or only warnings; 2 a contract cannot be used as it is.")
}

/// Prints every finding of the project's contracts, or of ours.
pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let builtin = matches.get_flag("builtin");
    let loaded = context.host.contracts(&context.folder, builtin)?;
    let (ours, theirs): (Vec<_>, Vec<_>) = loaded.contracts.into_iter().partition(Contract::is_builtin);
    let (contracts, beside) = if builtin { (ours, theirs) } else { (theirs, ours) };
    let lock = if builtin { None } else { lock::read(context)? };
    let mut findings = loaded.findings;
    findings.extend(look(&contracts, &beside, lock.as_ref()));
    print(context, &findings, contracts.len())?;
    Ok(exit(&findings))
}

/// Every finding of these contracts.
pub(in crate::cli) fn look(contracts: &[Contract], beside: &[Contract], lock: Option<&Lock>) -> Vec<Finding> {
    lint::lint(&lint::Lint { contracts, beside, expression: Some(&Expression::check), lock, start: false })
}

/// How a command ends that found this.
pub(in crate::cli) fn exit(findings: &[Finding]) -> Exit {
    let unusable = findings.iter().any(|finding| finding.severity == Severity::Error);
    if unusable { Exit::Usage } else { Exit::Done }
}

/// Prints findings: for people with the lines they are about, for programs as a list.
pub(in crate::cli) fn print(context: &Context<'_>, findings: &[Finding], contracts: usize) -> Result<(), Failure> {
    if context.format() != Format::Table {
        let items = findings.iter().map(row).collect();
        return context.print(Data::List { items, columns: COLUMNS, next: None, total: None });
    }
    match findings.is_empty() {
        true => terminal::page(&format!("✓ {}, nothing is wrong", counted(contracts, "contract"))),
        false => terminal::data(affiant_contract::render::findings(findings, terminal::out_is_terminal()).trim_end()),
    }
    Ok(())
}

fn row(finding: &Finding) -> Value {
    json!({
        "code": finding.code, "severity": finding.severity, "message": finding.message, "help": finding.help,
        "file": finding.file, "line": finding.span.line, "column": finding.span.column,
    })
}
