//! `affiant call KEY --field value …`: any operation, ours or the user's, with flags made from its contract.

use affiant_contract::{Contract, Kind, Operation};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::{Context, Exit, Failure, contract::resolve, output::Data};

/// The command before the contract is known.
pub(super) fn command() -> Command {
    Command::new("call")
        .about("Call any operation; its flags come from its contract")
        .before_help("Examples:\n  affiant call agent.status --limit 5\n  affiant call refund.issue --amount 12 --order A-7\n  affiant call agent.run --input-json '{\"agentKey\":\"echo\"}'")
        .disable_help_flag(true)
        .arg(Arg::new("operation").value_name("KEY[@VERSION]").required(true).help("The operation; `affiant call KEY --help` lists its flags"))
        .arg(Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).value_name("FLAGS").help("Its fields, as --field VALUE"))
}

/// Calls the operation that the command line names.
pub(super) async fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let name = matches.get_one::<String>("operation").expect("required");
    let contract = resolve(context.registry()?, name)?;
    let Some(operation) = contract.operation() else {
        return Err(Failure::usage(format!("{name} is not an operation: it cannot be called")));
    };
    let rest = matches.get_many::<String>("rest").into_iter().flatten().cloned();
    let parsed = flags(contract, operation).try_get_matches_from(rest);
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) if error.use_stderr() => {
            return Err(Failure::usage(error.to_string().trim_start_matches("error: ").trim_end()));
        }
        Err(help) => {
            super::terminal::data(help.to_string().trim_end());
            return Ok(Exit::Done);
        }
    };
    let input = Value::Object(input(operation, &parsed)?);
    let reply = send(context, contract, &input, parsed.get_one::<String>("idempotency-key")).await?;
    let text = serde_json::to_string_pretty(&reply).unwrap_or_default();
    let id = reply
        .as_object()
        .and_then(|reply| reply.values().next())
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    context.print(Data::One { value: reply, text: super::terminal::safe(&text), id })?;
    Ok(Exit::Done)
}

async fn send(
    context: &Context<'_>,
    contract: &Contract,
    input: &Value,
    once: Option<&String>,
) -> Result<Value, Failure> {
    let (key, version) = (&contract.meta.key, contract.meta.version.to_string());
    let client = context.client()?;
    match contract.meta.kind {
        Kind::Query => client.query(key, &version, input).await,
        _ => client.keyed_command(key, &version, input, once.map(String::as_str)).await,
    }
}

/// A `clap` command with a flag for each field of the operation's input.
fn flags(contract: &Contract, operation: &Operation) -> Command {
    let name = format!("affiant call {}", contract.reference());
    let mut command = Command::new("call").no_binary_name(true).bin_name(name).about(contract.meta.description.clone());
    for (field, schema) in properties(operation) {
        let help = schema["description"].as_str().unwrap_or_default().to_owned();
        let flag = Arg::new(field.clone())
            .long(field.clone())
            .help(help)
            .value_name(placeholder(schema))
            .allow_hyphen_values(true);
        let repeated = schema["type"] == "array";
        command = command.arg(if repeated { flag.action(ArgAction::Append) } else { flag });
    }
    command
        .arg(
            Arg::new("input-json")
                .long("input-json")
                .value_name("JSON")
                .help("The whole input; flags are laid over it"),
        )
        .arg(
            Arg::new("idempotency-key")
                .long("idempotency-key")
                .value_name("KEY")
                .help("A repeated call with this key has no second effect"),
        )
}

fn properties(operation: &Operation) -> impl Iterator<Item = (&String, &Value)> {
    // `--input-json` and `--idempotency-key` are ours; a field of that name is given inside the JSON.
    let ours = |field: &str| matches!(field, "input-json" | "idempotency-key" | "help");
    operation.input["properties"].as_object().into_iter().flatten().filter(move |(field, _)| !ours(field))
}

fn placeholder(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|");
    }
    schema["type"].as_str().unwrap_or("json").to_uppercase()
}

/// The input that the flags give, each read by the type its schema names.
fn input(operation: &Operation, flags: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut input = match flags.get_one::<String>("input-json") {
        Some(json) => serde_json::from_str(json).map_err(|error| Failure::usage(format!("--input-json: {error}")))?,
        None => Map::new(),
    };
    for (field, schema) in properties(operation) {
        let values: Vec<&String> = flags.get_many(field).into_iter().flatten().collect();
        let Some(first) = values.first() else { continue };
        let value = match schema["type"].as_str() {
            Some("array") => {
                Value::Array(values.iter().map(|text| typed(field, &schema["items"], text)).collect::<Result<_, _>>()?)
            }
            _ => typed(field, schema, first)?,
        };
        input.insert(field.clone(), value);
    }
    Ok(input)
}

fn typed(field: &str, schema: &Value, text: &str) -> Result<Value, Failure> {
    if schema["type"] == "string" {
        return Ok(text.into());
    }
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("--{field}: `{text}` is not {}: {error}", placeholder(schema)))
    };
    serde_json::from_str(text).map_err(|error| wrong(&error))
}
