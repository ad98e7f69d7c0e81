//! `affiant help TOPIC`, and the text of every help page for documentation.

use clap::{Arg, ArgMatches, Command};

use super::{Exit, Failure, exit, grammar, terminal};

/// A topic, and how its text is made.
type Topic = (&'static str, fn() -> String);

const TOPICS: &[Topic] = &[("exit-codes", exit_codes), ("commands", text)];

pub(crate) fn command() -> Command {
    let topics = TOPICS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    Command::new("help")
        .about("Explain a topic; `affiant NOUN VERB --help` explains a command")
        .arg(Arg::new("topic").value_name("TOPIC").value_parser(topics).required(true))
}

pub(crate) fn run(matches: &ArgMatches) -> Result<Exit, Failure> {
    let topic = matches.get_one::<String>("topic").map(String::as_str).unwrap_or_default();
    let Some((_, render)) = TOPICS.iter().find(|(name, _)| *name == topic) else {
        return Err(Failure::usage(format!("there is no help on `{topic}`")));
    };
    terminal::data(render().trim_end());
    Ok(Exit::Done)
}

fn exit_codes() -> String {
    exit::TABLE.iter().map(|(exit, meaning)| format!("{:>4}  {meaning}\n", *exit as u8)).collect()
}

/// Every help page, one after the other: the surface `cli-help.txt`.
pub fn text() -> String {
    let mut pages = String::new();
    let mut command = grammar::command().disable_colored_help(true).term_width(100);
    command.build();
    pages_of(&mut command, "affiant", &mut pages);
    pages
}

fn pages_of(command: &mut Command, name: &str, pages: &mut String) {
    let help = command.render_long_help().to_string();
    let help: String = help.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    *pages += &format!("$ {name} --help\n\n{help}\n");
    for inner in command.get_subcommands_mut() {
        let name = format!("{name} {}", inner.get_name());
        pages_of(inner, &name, pages);
    }
}
