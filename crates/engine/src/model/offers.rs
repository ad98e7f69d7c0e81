//! What a model may do: the agent's tools under names that every provider takes, and two abilities of the run itself.

use std::collections::BTreeSet;

use affiant_contract::{Issue, May};
use serde_json::{Value, json};

use super::transcript::{Call, Told, Wants};
use crate::{
    agent::ReadyTool,
    ports::{Part, ToolOffer},
};

/// The name of the ability to ask a person.
const ASK: &str = "ask_person";
/// The name of the ability to keep an artifact.
const KEEP: &str = "keep_artifact";
/// The longest name that every provider takes.
const LONGEST: usize = 64;

/// What a model of an agent may do.
#[derive(Debug)]
pub(crate) struct Abilities {
    pub(crate) offers: Vec<ToolOffer>,
    wants: Vec<Kind>,
    schemas: Vec<affiant_contract::CompiledSchema>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Tool(usize),
    Ask,
    Keep,
}

impl Abilities {
    /// The agent's tools, and what it may do beside.
    pub(crate) fn new(tools: &[ReadyTool], may: May) -> Self {
        let mut made = Self { offers: Vec::new(), wants: Vec::new(), schemas: Vec::new() };
        let mut taken: BTreeSet<String> = [ASK.to_owned(), KEEP.to_owned()].into();
        for (place, tool) in tools.iter().enumerate() {
            let contract = tool.bound.contract();
            let description = contract.meta.description.clone();
            let name = name(&contract.meta.key, &mut taken);
            let input = tool.bound.operation().input.clone();
            made.add(Kind::Tool(place), ToolOffer { name, description, input });
        }
        if may.ask {
            made.add(Kind::Ask, ask());
        }
        if may.keep {
            made.add(Kind::Keep, keep());
        }
        made
    }

    fn add(&mut self, kind: Kind, offer: ToolOffer) {
        self.schemas.push(affiant_contract::CompiledSchema::new(offer.input.clone()));
        self.wants.push(kind);
        self.offers.push(offer);
    }

    /// What a piece of an answer wants, if it is a call. A call that cannot be made is answered at once.
    pub(super) fn understand(&self, part: &Part) -> Option<Call> {
        let Part::Call { id, name, arguments, .. } = part else { return None };
        let (wants, told) = match self.wanted(name, arguments) {
            Ok(wants) => (wants, None),
            Err(content) => (Wants::Nothing, Some(Told { content, error: true })),
        };
        Some(Call { id: id.as_str().into(), name: name.clone(), wants, told, step: None })
    }

    fn wanted(&self, name: &str, arguments: &str) -> Result<Wants, String> {
        let place = self.offers.iter().position(|offer| offer.name == name).ok_or_else(|| self.unknown(name))?;
        let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
        let value: Value = serde_json::from_str(arguments)
            .map_err(|error| format!("The arguments of {name} are not whole JSON: {error}. It was not called."))?;
        self.schemas[place].check(&value).map_err(|issues| invalid(name, &issues))?;
        Ok(match self.wants[place] {
            Kind::Tool(tool) => Wants::Tool(tool, value),
            Kind::Ask => Wants::Ask(value),
            Kind::Keep => Wants::Keep(value),
        })
    }

    fn unknown(&self, name: &str) -> String {
        let names: Vec<&str> = self.offers.iter().map(|offer| offer.name.as_str()).collect();
        format!("There is no tool `{name}`. The tools are: {}.", names.join(", "))
    }
}

fn invalid(name: &str, issues: &[Issue]) -> String {
    let wrong: Vec<String> = issues.iter().take(5).map(|issue| format!("`{}` {}", issue.path, issue.message)).collect();
    format!("The arguments of {name} are not valid, and it was not called: {}.", wrong.join("; "))
}

/// A name for an operation: its key with `_` for what not every provider takes, and a number where two would be alike.
fn name(key: &str, taken: &mut BTreeSet<String>) -> String {
    let plain: String = key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    let plain: String = plain.chars().take(LONGEST - 3).collect();
    let numbered = (2..).map(|number| format!("{plain}_{number}"));
    let name = std::iter::once(plain.clone()).chain(numbered).find(|name| !taken.contains(name));
    let name = name.expect("there are more numbers than tools");
    taken.insert(name.clone());
    name
}

fn ask() -> ToolOffer {
    ToolOffer {
        name: ASK.into(),
        description:
            "Asks the person who started this run, and waits for their answer, which may take hours. Ask only \
                      what you cannot find out yourself."
                .into(),
        input: json!({
            "type": "object", "additionalProperties": false, "required": ["question"],
            "properties": { "question": { "type": "string", "description": "The question, complete in itself." } },
        }),
    }
}

fn keep() -> ToolOffer {
    ToolOffer {
        name: KEEP.into(),
        description: "Keeps a text as an artifact of this run, for people to read and download. It is not written \
                      anywhere else."
            .into(),
        input: json!({
            "type": "object", "additionalProperties": false, "required": ["name", "content"],
            "properties": {
                "name": { "type": "string", "pattern": "^[^/\\\\\\x00-\\x1f]{1,120}$", "description": "File name." },
                "content": { "type": "string", "description": "The whole text." },
                "kind": {
                    "enum": ["file", "diff", "output", "report", "log"], "default": "report",
                    "description": "What it is.",
                },
                "mediaType": { "type": "string", "pattern": "^[a-z]+/[a-z0-9.+-]+$", "default": "text/markdown" },
                "summary": { "type": "string", "description": "One line for lists." },
                "cites": {
                    "type": "array", "items": { "type": "string" },
                    "description": "What it rests on: commits, files, addresses.",
                },
            },
        }),
    }
}
