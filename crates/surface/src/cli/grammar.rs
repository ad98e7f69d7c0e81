//! Nouns, verbs and flags, as one `clap` command built from tables.

use std::{future::Future, pin::Pin};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};

use super::{Context, Exit, Failure, NOUNS, call, first_run, help, output::FORMATS, tools};

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
    ("verify", &["audit", "verify"], "Check a bundle without any server"),
    ("open", &["session", "open"], "Open Studio in the browser, signed in"),
];

/// The command line without any command.
pub(crate) fn bare() -> Command {
    Command::new("affiant")
        .about("Runs AI agents in the background and leaves a record of every run that anybody can verify.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .max_term_width(100)
        .args(globals())
}

/// The whole command line.
pub(crate) fn command() -> Command {
    let mut command = bare().subcommand(first_run::command());
    for noun in NOUNS {
        command = command.subcommand(noun_command(noun));
    }
    for (word, stands_for, about) in SHORTCUTS.iter().filter(|(_, stands_for, _)| find(stands_for).is_some()) {
        let verb = find(stands_for).expect("filtered above");
        let about = format!("{about} (is: affiant {})", stands_for.join(" "));
        command = command.subcommand(shortcut(verb, &stands_for[2..]).name(*word).about(about));
    }
    command.subcommand(call::command()).subcommands(tools::commands()).subcommand(help::command())
}

fn noun_command(noun: &Noun) -> Command {
    let mut command = Command::new(noun.name).about(noun.about).subcommand_required(true).arg_required_else_help(true);
    for verb in noun.verbs {
        command = command.subcommand(verb_command(verb));
    }
    command
}

/// A verb with flags that are given already.
fn shortcut(verb: &Verb, given: &[&'static str]) -> Command {
    if given.is_empty() {
        return verb_page(verb).defer(verb.arguments);
    }
    let command = (verb.arguments)(verb_page(verb));
    // A flag of this name is there: a test gives every shortcut its flags.
    given.iter().fold(command, |command, flag| {
        command.mut_arg(flag.trim_start_matches('-'), |flag| flag.default_value("true").hide(true))
    })
}

fn verb_command(verb: &Verb) -> Command {
    // Flags that come from a contract cost reading it; only the verb that is used pays.
    let command = verb_page(verb).defer(verb.arguments);
    if let Some(alias) = verb.alias { command.visible_alias(alias) } else { command }
}

fn verb_page(verb: &Verb) -> Command {
    page(Command::new(verb.name).about(verb.about), verb.examples)
}

/// A command whose help shows examples before flags.
pub(crate) fn page(command: Command, examples: &str) -> Command {
    let examples: String = examples.trim_end().lines().map(|line| format!("  {}\n", line.trim_start())).collect();
    command.before_help(format!("Examples:\n{}", examples.trim_end())).help_template(TEMPLATE)
}

/// What it is, how it is typed, examples, and only then every flag.
const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}{all-args}{after-help}";

/// Whether a flag of ours has this name, so that no field can be a flag of the same name.
pub(crate) fn is_taken(name: &str) -> bool {
    let ours = ["input-json", "idempotency-key", "operation", "help", "all", "watch"];
    ours.contains(&name) || globals().iter().any(|global| global.get_id() == name)
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
        value("server", "URL", "The server to talk to; AFFIANT_SERVER when absent"),
        value("token-file", "FILE", "File with the key to use; AFFIANT_TOKEN is used before it"),
        value("data-dir", "DIR", "Data folder of the server on this machine; AFFIANT_DATA_DIR when absent"),
        Arg::new("folder")
            .short('C')
            .value_name("DIR")
            .help("Work in this folder")
            .global(true)
            .help_heading("Global flags"),
        value("color", "WHEN", "Colours: auto, always or never").value_parser(["auto", "always", "never"]),
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
        "try" => return first_run::run(context, inner).await,
        _ => (),
    }
    if let Some(result) = tools::run(context, word, inner) {
        return result;
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
pub(crate) fn refused(error: &clap::Error) -> Exit {
    // Nothing can be done when not even this can be printed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_command_line_is_one_that_clap_accepts() {
        command().debug_assert();
    }

    #[test]
    fn every_noun_and_every_verb_is_there_once_with_examples_that_are_accepted() {
        let nouns: BTreeSet<&str> = NOUNS.iter().map(|noun| noun.name).collect();
        assert_eq!(nouns.len(), NOUNS.len());
        for noun in NOUNS {
            let verbs: BTreeSet<&str> =
                noun.verbs.iter().flat_map(|verb| [Some(verb.name), verb.alias]).flatten().collect();
            let named = noun.verbs.len() + noun.verbs.iter().filter(|verb| verb.alias.is_some()).count();
            assert_eq!(verbs.len(), named, "{}", noun.name);
            for verb in noun.verbs {
                assert!(
                    !verb.about.ends_with('.') && verb.examples.contains("affiant "),
                    "{} {}",
                    noun.name,
                    verb.name
                );
                verb.examples.lines().for_each(accepted);
            }
        }
    }

    /// Parses an example as a shell would hand it over, without what stands behind a pipe.
    pub(crate) fn accepted(example: &str) {
        let command_line = example.split(" | ").next().and_then(|line| line.split(" > ").next()).unwrap_or_default();
        let command_line = command_line.trim();
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in command_line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        let parsed = command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
    }

    #[test]
    fn every_shortcut_stands_for_a_verb() {
        let missing: Vec<_> = SHORTCUTS.iter().filter(|(_, words, _)| find(words).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_shortcut_brings_the_flags_it_stands_for() {
        let matches = command().try_get_matches_from(["affiant", "ps"]).unwrap();
        assert!(matches.subcommand().unwrap().1.get_flag("active"));
    }
}
