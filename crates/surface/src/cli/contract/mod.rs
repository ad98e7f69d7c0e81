//! `affiant contract …`: contract files, without a server.

mod diff;
mod generate;
pub(super) mod lint;
mod lock;

use affiant_contract::{Contract, Finding, Kind, Pick, Registry};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{
    Context, Exit, Failure, Noun, Verb,
    output::{Column, Data, text},
    terminal,
};

pub(super) const NOUN: Noun = Noun {
    name: "contract",
    about: "Contracts: what can be asked",
    verbs: &[
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List contracts",
            examples: "  affiant contract list\n  affiant contract list --kind command -o id",
            arguments: list_arguments,
            run: |context, matches| Box::pin(list(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show one contract",
            examples: "  affiant contract get agent.run@1.0.0\n  affiant contract get agent.run -o json --jq .input",
            arguments: |command| command.arg(reference_argument("contract")),
            run: |context, matches| Box::pin(get(context, matches)),
        },
        Verb {
            name: "lint",
            alias: None,
            about: "Find everything that is wrong with contracts, in one go",
            examples: "  affiant contract lint\n  affiant contract lint --builtin -o jsonl",
            arguments: lint::arguments,
            run: |context, matches| Box::pin(async { lint::run(context, matches) }),
        },
        Verb {
            name: "diff",
            alias: None,
            about: "Say what a change does to callers, and which version it needs",
            examples: "  affiant contract diff agent.run@1.0.0 agent.run@1.1.0\n  affiant contract diff refund.issue@1.0.0 ./refund.issue.yaml -o json",
            arguments: diff::arguments,
            run: |context, matches| Box::pin(async { diff::run(context, matches) }),
        },
        Verb {
            name: "lock",
            alias: None,
            about: "Publish contracts: remember them in contracts.lock, so that a changed one is noticed",
            examples: "  affiant contract lock\n  affiant contract lock --accept refund.issue@1.0.0",
            arguments: lock::arguments,
            run: |context, matches| Box::pin(async { lock::run(context, matches) }),
        },
        Verb {
            name: "docs",
            alias: None,
            about: "Write the reference pages of every contract",
            examples: "  affiant contract docs --out ./docs/reference",
            arguments: generate::docs_arguments,
            run: |context, matches| Box::pin(async { generate::docs(context, matches) }),
        },
        Verb {
            name: "generate",
            alias: None,
            about: "Write what is rendered from contracts: OpenAPI, JSON Schema, MCP tools",
            examples: "  affiant contract generate openapi --out ./api\n  affiant contract generate all --builtin --out surfaces",
            arguments: generate::arguments,
            run: |context, matches| Box::pin(async { generate::run(context, matches) }),
        },
    ],
};

/// The argument `KEY[@VERSION]`.
fn reference_argument(name: &'static str) -> Arg {
    Arg::new(name).value_name("KEY[@VERSION]").help("A contract; without a version, the newest").required(true)
}

/// The argument `--builtin`.
fn builtin_argument() -> Arg {
    Arg::new("builtin").long("builtin").action(ArgAction::SetTrue).help("Only the contracts we ship")
}

fn list_arguments(command: Command) -> Command {
    command
        .arg(Arg::new("kind").long("kind").value_name("KIND").help("Only this kind: command, query, event, agent, …"))
        .arg(builtin_argument())
}

async fn list(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    const COLUMNS: &[Column] = &[
        Column::new("KEY", |row| text(row, "key")),
        Column::new("VERSION", |row| text(row, "version")),
        Column::new("KIND", |row| text(row, "kind")),
        Column::new("STABILITY", |row| text(row, "stability").replace('_', " ")),
        Column::new("TITLE", |row| text(row, "title")),
        Column::wide("FEATURE", |row| text(row, "feature")),
        Column::wide("FILE", |row| text(row, "path")),
    ];
    let kind = matches.get_one::<String>("kind");
    if let Some(Err(error)) = kind.map(|kind| serde_json::from_value::<Kind>(kind.as_str().into())) {
        return Err(Failure::usage(format!("--kind: {error}")));
    }
    let builtin = matches.get_flag("builtin");
    let all = context.registry()?.iter().filter(|contract| !builtin || contract.is_builtin());
    let items = all.map(|contract| row(contract)).filter(|row| kind.is_none_or(|kind| row["kind"] == kind.as_str()));
    let items = items.collect();
    context.print(Data::List { items, columns: COLUMNS, next: None, total: None })?;
    Ok(Exit::Done)
}

fn row(contract: &Contract) -> Value {
    let meta = &contract.meta;
    json!({
        "key": meta.key, "version": meta.version, "kind": meta.kind, "title": meta.title, "stability": meta.stability,
        "feature": meta.feature, "owners": meta.owners, "tags": meta.tags,
        "path": contract.source.path, "digest": contract.source.digest,
    })
}

async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let contract = resolve(context.registry()?, matches.get_one::<String>("contract").expect("required"))?;
    let id = contract.reference().to_string();
    let value = affiant_contract::render::json(contract);
    context.print(Data::One { value, text: terminal::safe(&contract.source.text), id })?;
    Ok(Exit::Done)
}

/// The contract that `key`, `key@1` or `key@1.0.0` names.
pub(super) fn resolve<'a>(registry: &'a Registry, name: &str) -> Result<&'a Contract, Failure> {
    let (key, version) = name.split_once('@').unwrap_or((name, ""));
    let pick =
        if version.is_empty() { Pick::Newest } else { version.parse().map_err(|error| wrong_version(name, &error))? };
    if let Some(contract) = registry.resolve(key, &pick) {
        return Ok(contract);
    }
    Err(missing(registry, key, version))
}

fn wrong_version(name: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("`{name}`: {error}")).next("write it as agent.run, agent.run@1 or agent.run@1.0.0")
}

fn missing(registry: &Registry, key: &str, version: &str) -> Failure {
    let versions: Vec<String> = registry.versions(key).map(|contract| contract.meta.version.to_string()).collect();
    if !versions.is_empty() {
        let message = format!("{key} has no version {version}; it has {}", versions.join(", "));
        return Failure::new(Exit::NotFound, "contract-not-found", message);
    }
    let failure = Failure::new(Exit::NotFound, "contract-not-found", format!("there is no contract `{key}`"));
    let keys = registry.iter().map(|contract| &*contract.meta.key);
    match affiant_contract::nearest(key, keys) {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next("affiant contract list"),
    }
}

/// The failure for a project whose contracts cannot be used.
pub(super) fn refused(findings: &[Finding]) -> Failure {
    let message = format!("the contracts of this project have {} findings", findings.len());
    let failure = Failure::new(Exit::Usage, "contract-invalid", message);
    let lines = affiant_contract::render::findings(findings, false);
    Failure { details: lines.lines().map(str::to_owned).collect(), ..failure }.next("affiant contract lint")
}
