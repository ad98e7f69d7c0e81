//! `affiant contract diff OLD NEW`.

use affiant_contract::{Contract, compat};
use clap::{Arg, ArgMatches, Command};

use super::{refused, resolve};
use crate::cli::{Context, Exit, Failure, output::Data, terminal::safe_line};

pub(super) fn arguments(command: Command) -> Command {
    let side = |name: &'static str, help: &'static str| {
        Arg::new(name).value_name("KEY[@VERSION]|FILE").help(help).required(true)
    };
    command
        .arg(side("old", "The contract before"))
        .arg(side("new", "The contract after"))
        .after_help("Exit codes: 0 the new version is high enough for the change; 2 it is not.")
}

/// Compares two contracts by what their callers can see.
pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let side = |name: &str| one(context, matches.get_one::<String>(name).expect("required"));
    let comparison = compat::compare(&side("old")?, &side("new")?);
    let exit = if comparison.enough { Exit::Done } else { Exit::Usage };
    let value = serde_json::to_value(&comparison).expect("a comparison has text keys alone");
    context.print(Data::One { value, text: page(&comparison), id: comparison.new.to_string() })?;
    Ok(exit)
}

/// A contract from a file, where there is one of this name, or from the project and ours.
fn one(context: &Context<'_>, named: &str) -> Result<Contract, Failure> {
    let path = context.folder.join(named);
    if path.is_file() {
        let text = std::fs::read_to_string(&path)?;
        return affiant_contract::load_file(named, &text).map_err(|findings| refused(&findings));
    }
    Ok(resolve(context.registry()?, named)?.clone())
}

/// A comparison for people: what it amounts to, then each change with its reason and a value that shows it.
fn page(comparison: &compat::Comparison) -> String {
    let verdict = match comparison.verdict {
        compat::Verdict::Same => "the same",
        compat::Verdict::Documentation => "only texts changed",
        compat::Verdict::Additive => "additive: nobody is broken",
        compat::Verdict::Breaking => "BREAKING",
    };
    let mut page = format!("{} → {}   {verdict}\n", comparison.old, comparison.new);
    for change in &comparison.changes {
        let sign = if change.breaking { "✗" } else { "✓" };
        page += &format!("  {sign} {}: {}\n", safe_line(&change.path), safe_line(&change.what));
        page += &format!("      why      {}\n", safe_line(&change.why));
        if let Some(witness) = &change.witness {
            page += &format!("      example  {}\n", safe_line(&witness.to_string()));
        }
    }
    page + &match comparison.enough {
        true => format!("✓ {} is high enough; the change needs {}", comparison.new.version, comparison.needs),
        false => format!("✗ the change needs version {} or higher", comparison.needs),
    }
}
