//! `affiant contract lock`: what was published, so that nothing changes under those who use it.

use std::path::PathBuf;

use affiant_contract::{Lock, Ref, lock::FILE};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::refused;
use crate::cli::{Context, Exit, Failure, narrate::counted, output::Data};

pub(super) fn arguments(command: Command) -> Command {
    let accept = Arg::new("accept").long("accept").value_name("KEY@VERSION").action(ArgAction::Append);
    command.arg(accept.help("Take over a published contract that was changed; nobody may use it yet"))
}

/// The lock of the project, if it has one.
pub(super) fn read(context: &Context<'_>) -> Result<Option<Lock>, Failure> {
    let Some(root) = context.host.project(&context.folder)? else { return Ok(None) };
    Lock::read(&root).map_err(|findings| refused(&findings))
}

/// Publishes what is not published yet.
pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let root = project(context)?;
    let accepted = matches.get_many::<String>("accept").into_iter().flatten();
    let accepted: Vec<Ref> = accepted.map(|text| reference(text)).collect::<Result<_, _>>()?;
    let mut lock = read(context)?.unwrap_or_default();
    let registry = context.registry()?;
    let update = lock.update(registry.iter().map(|contract| &**contract).filter(|it| !it.is_builtin()), &accepted);
    lock.write(&root)?;
    let names = |all: &[Ref]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut text = format!("{FILE}: {} added", counted(update.added.len(), "contract"));
    for (all, sign, says) in [
        (&update.added, "✓", "published"),
        (&update.missing, "△", "its file is gone; it stays published"),
        (&update.changed, "✗", "changed after it was published; give it a new version, or --accept it"),
    ] {
        names(all).iter().for_each(|name| text += &format!("\n  {sign} {name}   {says}"));
    }
    let left: Vec<&Ref> = update.changed.iter().filter(|changed| !accepted.contains(changed)).collect();
    let exit = if left.is_empty() { Exit::Done } else { Exit::Usage };
    let value = json!({ "file": root.join(FILE), "added": names(&update.added), "missing": names(&update.missing), "changed": names(&update.changed) });
    context.print(Data::One { value, text, id: FILE.to_owned() })?;
    Ok(exit)
}

fn project(context: &Context<'_>) -> Result<PathBuf, Failure> {
    context.host.project(&context.folder)?.ok_or_else(|| {
        Failure::usage(format!("{} stands in no project", context.folder.display()))
            .next("a file affiant.toml, which may be empty, makes a folder a project")
    })
}

fn reference(text: &str) -> Result<Ref, Failure> {
    text.parse().map_err(|error| Failure::usage(format!("--accept {text}: {error}")))
}
