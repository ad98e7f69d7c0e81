//! `affiant agent new NAME`: an agent to begin with, tests included.

use affiant_contract::ModelName;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::cli::{Context, Exit, Failure, output::Data};

/// The agent that everybody begins with. `NAME` and `TITLE` are replaced.
const RULES: &str = include_str!("new.yaml");
/// The one with a model. `MODEL` is replaced, too.
const MODEL: &str = include_str!("new-model.yaml");

pub(super) fn arguments(command: Command) -> Command {
    let help = "Let this model decide, PROVIDER/NAME, for example anthropic/claude-sonnet-4-5; rules when left out";
    command
        .arg(Arg::new("name").value_name("NAME").help("Its key: lower-case words with dashes").required(true))
        .arg(Arg::new("model").long("model").value_name("MODEL").help(help))
}

pub(super) fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let name = matches.get_one::<String>("name").expect("required");
    named_well(name)?;
    let model = matches.get_one::<String>("model").map(|model| model.parse::<ModelName>()).transpose();
    let model = model.map_err(|error| Failure::usage(error.to_string()))?;
    let project = context.host.project(&context.folder)?;
    let root = project.clone().unwrap_or_else(|| context.folder.clone());
    let file = root.join("agents").join(format!("{name}-0.1.0.yaml"));
    if file.exists() {
        return Err(Failure::new(Exit::Conflict, "exists", format!("{} is there already", file.display())));
    }
    std::fs::create_dir_all(root.join("agents"))?;
    std::fs::write(&file, written(name, model.as_ref()))?;
    let mut text = format!("wrote    {}\n", file.display());
    if project.is_none() {
        std::fs::write(root.join("affiant.toml"), "")?;
        text += &format!(
            "wrote    {}   an empty one: it makes this folder a project\n",
            root.join("affiant.toml").display()
        );
    }
    let input = if model.is_some() { "text='My parcel never came.'" } else { "name=world" };
    text += &format!(
        "test     affiant agent test {name}\nload     affiant down && affiant up\nrun      affiant start {name} -i {input} --wait"
    );
    context.print(Data::One { value: json!({ "key": name, "file": file }), text, id: name.clone() })?;
    Ok(Exit::Done)
}

/// The file.
fn written(name: &str, model: Option<&ModelName>) -> String {
    let text = match model {
        // A name that reads as another YAML value must be a text.
        Some(model) => MODEL.replace("MODEL", &serde_json::Value::from(model.to_string()).to_string()),
        None => RULES.to_owned(),
    };
    text.replace("NAME", name).replace("TITLE", &title(name))
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
    fn a_new_agent_is_a_contract_without_findings() {
        let model = "anthropic/claude-sonnet-4-5".parse().unwrap();
        let read = |model| affiant_contract::load_file("agents/hello-0.1.0.yaml", &written("hello", model)).unwrap();
        let contracts = [read(None), read(Some(&model))];
        let beside = affiant_contract::builtin();
        for agent in &contracts {
            let contracts = std::slice::from_ref(agent);
            let lint = affiant_contract::lint::Lint { contracts, beside: &beside, ..Default::default() };
            assert_eq!(affiant_contract::lint::lint(&lint), []);
        }
        let planner = contracts[1].agent().unwrap().planner.model().unwrap();
        assert_eq!(planner.model.as_slice(), ["anthropic/claude-sonnet-4-5"]);
    }

    #[test]
    fn a_name_is_one_that_can_be_a_route() {
        assert!(named_well("release-notes").is_ok() && named_well("team.hello2").is_ok());
        for wrong in ["", "Hello", "a b", "../x", "-a", "a--b", "1a"] {
            assert!(named_well(wrong).is_err(), "{wrong}");
        }
        assert_eq!(title("release-notes"), "Release Notes");
    }
}
