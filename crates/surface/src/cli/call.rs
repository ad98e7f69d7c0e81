//! `affiant call KEY --field value …`: any operation, ours or the user's, with flags made from its contract.

use affiant_contract::{Contract, Operation};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value};

use super::{
    Context, Exit, Failure,
    contract::resolve,
    grammar,
    operation::{first_text, flags, input, remedy, send},
    output::Data,
    terminal,
};

const EXAMPLES: &str = "  affiant call agent.status --limit 5\n  \
    affiant call refund.issue --amount 12 --order A-7\n  affiant call agent.run --input-json '{\"agentKey\":\"echo\"}'";

/// The command before the contract is known.
pub(super) fn command() -> Command {
    let operation = Arg::new("operation").value_name("KEY[@VERSION]");
    let rest = Arg::new("rest").num_args(0..).trailing_var_arg(true).allow_hyphen_values(true).value_name("FLAGS");
    let help =
        Arg::new("help").long("help").short('h').action(ArgAction::SetTrue).help("Print the flags of the operation");
    let command =
        Command::new("call").about("Call any operation; its flags come from its contract").disable_help_flag(true);
    grammar::page(command, EXAMPLES)
        .arg(operation.help("The operation; `affiant call KEY --help` lists its flags"))
        .arg(rest.help("Its fields, as --field VALUE"))
        .arg(help)
}

/// The command once the contract is known: its fields beside the flags that every command has.
fn exact(contract: &Contract, operation: &Operation) -> Command {
    let flag = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help)
    };
    Command::new("call")
        .bin_name(format!("affiant call {}", contract.reference()))
        .about(contract.meta.description.clone())
        .arg(Arg::new("operation").value_name("KEY[@VERSION]").required(true))
        .args(flags(operation, None))
        .arg(flag("input-json", "JSON", "The whole input; flags are laid over it"))
        .arg(flag("idempotency-key", "KEY", "A repeated call with this key has no second effect"))
}

/// Calls the operation that the command line names.
pub(super) async fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let Some(name) = matches.get_one::<String>("operation") else {
        terminal::data(command().render_help().to_string().trim_end());
        return Ok(if matches.get_flag("help") { Exit::Done } else { Exit::Usage });
    };
    let contract = resolve(context.registry()?, name)?;
    let Some(operation) = contract.operation() else {
        return Err(Failure::usage(format!("{name} is not an operation: it cannot be called")));
    };
    // Only now is it known which flags there are, so the command line is read a second time.
    let again = grammar::bare().subcommand(exact(contract, operation));
    let all = match again.try_get_matches_from(&context.arguments) {
        Ok(all) => all,
        Err(error) => return Ok(grammar::refused(&error)),
    };
    let context = context.read_again(&all)?;
    let (_, parsed) = all.subcommand().expect("the same command line");
    // How a failure is printed was said among the flags, which whoever began this command line has not read.
    let done = call(&context, contract, operation, parsed).await.map_err(|failure| advised(failure, operation));
    Ok(done.map_or_else(|failure| failure.print(context.format()), |()| Exit::Done))
}

async fn call(
    context: &Context<'_>,
    contract: &Contract,
    operation: &Operation,
    flags: &ArgMatches,
) -> Result<(), Failure> {
    let once = flags.get_one::<String>("idempotency-key").map(String::as_str);
    let reply = send(&context.client()?, contract, &Value::Object(whole(operation, flags)?), once).await?;
    let text = terminal::safe(&serde_json::to_string_pretty(&reply).unwrap_or_default());
    let id = first_text(&reply);
    context.print(Data::One { value: reply, text, id })
}

/// What to do about an error that only this contract has.
fn advised(failure: Failure, operation: &Operation) -> Failure {
    match remedy(operation, &failure.code) {
        Some(remedy) => failure.next(remedy),
        None => failure,
    }
}

/// `--input-json`, with the flags laid over it.
fn whole(operation: &Operation, flags: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let text = flags.get_one::<String>("input-json").map_or("{}", String::as_str);
    let whole = serde_json::from_str(text);
    let mut whole: Map<String, Value> = whole.map_err(|error| Failure::usage(format!("--input-json: {error}")))?;
    whole.extend(input(operation, flags)?);
    Ok(whole)
}
