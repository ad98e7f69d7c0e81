//! `affiant completion`, `man` and `version`: what concerns the program itself.

use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;
use serde_json::json;

use super::{Context, Exit, Failure, grammar, narrate::counted, output::Data, terminal};

/// The commands, by their word.
pub(super) fn commands() -> [Command; 3] {
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(clap::value_parser!(Shell));
    let out = Arg::new("out").long("out").value_name("DIR").help("The folder to write into").required(true);
    [
        grammar::page(
            Command::new("completion").about("Print completions for a shell"),
            "  affiant completion bash > ~/.local/share/bash-completion/completions/affiant\n  affiant completion fish > ~/.config/fish/completions/affiant.fish",
        )
        .arg(shell.help("The shell")),
        grammar::page(Command::new("man").about("Write man pages"), "affiant man --out ~/.local/share/man/man1").arg(out),
        grammar::page(Command::new("version").about("The version, and what it is made for"), "affiant version -o json"),
    ]
}

/// Carries out one of them; none when the word is another's.
pub(super) fn run(context: &Context<'_>, word: &str, matches: &ArgMatches) -> Option<Result<Exit, Failure>> {
    Some(match word {
        "completion" => completion(matches),
        "man" => man(context, matches),
        "version" => version(context),
        _ => return None,
    })
}

fn completion(matches: &ArgMatches) -> Result<Exit, Failure> {
    let shell = matches.get_one::<Shell>("shell").expect("required");
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut grammar::command(), "affiant", &mut script);
    terminal::data(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::Done)
}

fn man(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let folder = context.folder.join(matches.get_one::<String>("out").expect("required"));
    std::fs::create_dir_all(&folder)?;
    let mut command = grammar::command();
    command.build();
    let pages = pages(command, "affiant", &folder)?;
    let text = format!("wrote {} into {}", counted(pages, "page"), folder.display());
    context.print(Data::One { value: json!({ "folder": folder, "pages": pages }), text, id: String::new() })?;
    Ok(Exit::Done)
}

/// Writes `affiant-run-start.1` and all others, and says how many.
fn pages(command: Command, name: &str, folder: &Path) -> Result<usize, Failure> {
    let inner: Vec<Command> = command.get_subcommands().cloned().collect();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.name(name.to_owned()).display_name(name.to_owned())).render(&mut page)?;
    std::fs::write(folder.join(format!("{name}.1")), page)?;
    let below = inner.into_iter().map(|inner| {
        let name = format!("{name}-{}", inner.get_name());
        pages(inner, &name, folder)
    });
    below.sum::<Result<usize, Failure>>().map(|below| below + 1)
}

fn version(context: &Context<'_>) -> Result<Exit, Failure> {
    let (version, system) = (context.host.version(), format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH));
    let value = json!({ "version": version, "system": system });
    context.print(Data::One { value, text: format!("affiant {version}  {system}"), id: version.to_owned() })?;
    Ok(Exit::Done)
}
