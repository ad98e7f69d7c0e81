//! `affiant agent new NAME`: an agent to begin with, tests included.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::cli::{Context, Exit, Failure, output::Data};

/// The agent that everybody begins with. `NAME` and `TITLE` are replaced.
const TEMPLATE: &str = include_str!("new.yaml");

pub(super) fn arguments(command: Command) -> Command {
    command.arg(Arg::new("name").value_name("NAME").help("Its key: lower-case words with dashes").required(true))
}

pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let name = matches.get_one::<String>("name").expect("required");
    named_well(name)?;
    let project = context.host.project(&context.folder)?;
    let root = project.clone().unwrap_or_else(|| context.folder.clone());
    let file = root.join("agents").join(format!("{name}-0.1.0.yaml"));
    if file.exists() {
        return Err(Failure::new(Exit::Conflict, "exists", format!("{} is there already", file.display())));
    }
    std::fs::create_dir_all(root.join("agents"))?;
    std::fs::write(&file, TEMPLATE.replace("NAME", name).replace("TITLE", &title(name)))?;
    let mut text = format!("wrote    {}\n", file.display());
    if project.is_none() {
        std::fs::write(root.join("affiant.toml"), "")?;
        text += &format!(
            "wrote    {}   an empty one: it makes this folder a project\n",
            root.join("affiant.toml").display()
        );
    }
    text += &format!(
        "test     affiant agent test {name}\nload     affiant down && affiant up\nrun      affiant start {name} -i name=world"
    );
    context.print(Data::One { value: json!({ "key": name, "file": file }), text, id: name.clone() })?;
    Ok(Exit::Done)
}

/// Keys are lower-case words with dashes or dots, because they become routes and file names.
fn named_well(name: &str) -> Result<(), Failure> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match name.split(['-', '.']).all(word) {
        true => Ok(()),
        false => Err(Failure::usage(format!("`{name}` is no key")).next("write it like hello or release-notes")),
    }
}

/// `release-notes` → `Release Notes`.
fn title(name: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    name.split(['-', '.']).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_can_be_a_route() {
        assert!(named_well("release-notes").is_ok() && named_well("team.hello2").is_ok());
        for wrong in ["", "Hello", "a b", "../x", "-a", "a--b", "1a"] {
            assert!(named_well(wrong).is_err(), "{wrong}");
        }
        assert_eq!(title("release-notes"), "Release Notes");
    }
}
