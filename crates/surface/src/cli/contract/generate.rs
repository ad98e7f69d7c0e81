//! `affiant contract docs` and `generate`: everything that is rendered from contracts, as files.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::builtin_argument;
use crate::{
    cli::{
        Context, Exit, Failure, help,
        output::{Column, Data, text},
    },
    render::{File, SURFACES, Surface},
    units,
};

const COLUMNS: &[Column] = &[
    Column::new("FILE", |row| text(row, "file")),
    Column::new("SIZE", |row| units::size(row["size"].as_u64().unwrap_or_default())),
    Column::new("STATE", |row| text(row, "state")),
];

/// The surface of the reference pages.
const REFERENCE: &str = "reference";

/// Everything, the command line's own help included.
const ALL: &str = "all";

fn out() -> Arg {
    Arg::new("out").long("out").value_name("DIR").help("The folder to write into").required(true)
}

pub(super) fn docs_arguments(command: Command) -> Command {
    command.arg(out()).arg(builtin_argument())
}

pub(super) fn arguments(command: Command) -> Command {
    let what = Arg::new("what").value_name("WHAT").required(true).help("What to write");
    command.arg(what.value_parser(names())).arg(out()).arg(builtin_argument())
}

/// What can be asked for: each surface by its name without its ending, and everything.
fn names() -> Vec<&'static str> {
    SURFACES.iter().map(|surface| name(surface)).chain([ALL]).collect()
}

fn name(surface: &Surface) -> &'static str {
    surface.name.split('.').next().unwrap_or(surface.name)
}

pub(super) fn docs(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let files = render(context, matches, |surface| name(surface) == REFERENCE)?;
    let below = format!("{REFERENCE}/");
    let files = files.into_iter().map(|(path, bytes)| (path.trim_start_matches(&below).to_owned(), bytes));
    write(context, matches, files.collect())
}

pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let what = matches.get_one::<String>("what").expect("required");
    let mut files = render(context, matches, |surface| what == ALL || name(surface) == what)?;
    if what == ALL {
        files.push(("cli-help.txt".to_owned(), help::text().into_bytes()));
    }
    write(context, matches, files)
}

fn render(
    context: &Context<'_>,
    matches: &ArgMatches,
    wanted: impl Fn(&Surface) -> bool,
) -> Result<Vec<File>, Failure> {
    let registry = context.read_registry(matches.get_flag("builtin"))?;
    Ok(SURFACES.iter().filter(|surface| wanted(surface)).flat_map(|surface| (surface.render)(&registry)).collect())
}

/// Writes files that are new or have changed, and says which.
fn write(context: &Context<'_>, matches: &ArgMatches, files: Vec<File>) -> Result<Exit, Failure> {
    let out = context.folder.join(matches.get_one::<String>("out").expect("required"));
    let items = files.iter().map(|(path, bytes)| one(&out, path, bytes)).collect::<Result<_, _>>()?;
    context.print(Data::List { items, columns: COLUMNS, next: None, total: None })?;
    Ok(Exit::Done)
}

fn one(out: &Path, path: &str, bytes: &[u8]) -> Result<Value, Failure> {
    let file: PathBuf = out.join(path);
    let state = match std::fs::read(&file) {
        Ok(old) if old == bytes => "unchanged",
        Ok(_) => "changed",
        Err(_) => "new",
    };
    if state != "unchanged" {
        let cannot =
            |error: std::io::Error| Failure::new(Exit::Unexpected, "io", format!("{}: {error}", file.display()));
        std::fs::create_dir_all(file.parent().unwrap_or(out)).map_err(cannot)?;
        std::fs::write(&file, bytes).map_err(cannot)?;
    }
    Ok(json!({ "file": path, "size": bytes.len(), "state": state }))
}
