//! Nouns, verbs and flags, as one `clap` command built from tables.

use std::{future::Future, pin::Pin, process::ExitCode};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};

use super::{Context, Exit, Failure, NOUNS, call, help, output::FORMATS};

/// What a verb does.
pub type Run = for<'a> fn(&'a Context<'a>, &'a ArgMatches) -> Pin<Box<dyn Future<Output = Result<Exit, Failure>> + 'a>>;

/// What a verb adds to its `clap` command: its arguments.
pub type Arguments = fn(Command) -> Command;

/// A noun: `run`, `agent`, `contract`.
pub struct Noun {
    /// As it is typed.
    pub name: &'static str,
    /// One line.
    pub about: &'static str,
    /// What can be done with it.
    pub verbs: &'static [Verb],
}

/// A verb of a noun.
pub struct Verb {
    /// As it is typed.
    pub name: &'static str,
    /// Another way to type it.
    pub alias: Option<&'static str>,
    /// One line.
    pub about: &'static str,
    /// Examples, shown before the flags.
    pub examples: &'static str,
    /// Its arguments.
    pub arguments: Arguments,
    /// What it does.
    pub run: Run,
}

/// Words that stand for a noun and a verb, and what they stand for.
pub(crate) const SHORTCUTS: &[(&str, &[&str], &str)] = &[
    ("up", &["server", "start"], "Start the server in the background"),
    ("down", &["server", "stop"], "Stop the server"),
    ("start", &["run", "start"], "Start a run of an agent"),
    ("ps", &["run", "list", "--active"], "List the runs that have not ended"),
    ("watch", &["run", "watch"], "Follow a run"),
    ("approve", &["approval", "approve"], "Approve exactly the bytes that are shown"),
];

/// The whole command line.
pub(crate) fn command() -> Command {
    let mut command = Command::new("affiant")
        .about("Runs AI agents in the background and leaves a record of every run that anybody can verify.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .max_term_width(100)
        .args(globals());
    for noun in NOUNS {
        command = command.subcommand(noun_command(noun));
    }
    for (word, stands_for, about) in SHORTCUTS.iter().filter(|(_, stands_for, _)| find(stands_for).is_some()) {
        let verb = find(stands_for).expect("filtered above");
        let about = format!("{about} (is: affiant {})", stands_for.join(" "));
        command = command.subcommand(verb_command(verb).name(*word).about(about));
    }
    command.subcommand(call::command()).subcommand(help::command())
}

fn noun_command(noun: &Noun) -> Command {
    let mut command = Command::new(noun.name).about(noun.about).subcommand_required(true).arg_required_else_help(true);
    for verb in noun.verbs {
        command = command.subcommand(verb_command(verb));
    }
    command
}

fn verb_command(verb: &Verb) -> Command {
    let mut command = Command::new(verb.name).about(verb.about);
    if !verb.examples.is_empty() {
        command = command.before_help(format!("Examples:\n{}", verb.examples.trim_end()));
    }
    if let Some(alias) = verb.alias {
        command = command.visible_alias(alias);
    }
    (verb.arguments)(command)
}

fn globals() -> Vec<Arg> {
    let value = |name: &'static str, placeholder: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(placeholder).help(help).global(true).help_heading("Global flags")
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue).global(true).help_heading("Global flags")
    };
    vec![
        value("output", "FORMAT", "How data is printed")
            .short('o')
            .value_parser(FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>()),
        value("fields", "A,B.C", "Only these fields"),
        value("jq", "EXPR", "Filter the JSON document with jq"),
        value("server", "URL", "The server to talk to").env("AFFIANT_SERVER").hide_env_values(true),
        value("token-file", "FILE", "File with the key to use; AFFIANT_TOKEN is used before it"),
        value("data-dir", "DIR", "Data folder of the server on this machine")
            .env("AFFIANT_DATA_DIR")
            .hide_env_values(true),
        Arg::new("folder")
            .short('C')
            .value_name("DIR")
            .help("Work in this folder")
            .global(true)
            .help_heading("Global flags"),
        flag("yes", "Do not ask").short('y'),
        flag("no-input", "Never ask; where an answer is needed, stop"),
    ]
}

/// The verb that these words name.
fn find(words: &[&str]) -> Option<&'static Verb> {
    let noun = NOUNS.iter().find(|noun| Some(&noun.name) == words.first())?;
    noun.verbs.iter().find(|verb| Some(&verb.name) == words.get(1))
}

/// Carries out what the command line says.
pub(crate) async fn dispatch(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let (word, inner) = matches.subcommand().expect("clap insists on a subcommand");
    match word {
        "help" => return help::run(inner),
        "call" => return call::run(context, inner).await,
        _ => (),
    }
    if let Some((_, stands_for, _)) = SHORTCUTS.iter().find(|(name, ..)| *name == word) {
        let verb = find(stands_for).expect("only shortcuts with a verb are offered");
        return (verb.run)(context, inner).await;
    }
    let (verb, inner) = inner.subcommand().expect("clap insists on a verb");
    let verb = find(&[word, verb]).expect("clap knows only our verbs");
    (verb.run)(context, inner).await
}

/// Says what is wrong with a command line, or shows the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    // Nothing can be done when not even this can be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}
