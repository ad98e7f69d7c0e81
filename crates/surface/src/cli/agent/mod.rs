//! `affiant agent …`: agents, those of the server and those in files.

mod show;

use super::{
    Noun, Verb,
    operation::{First, List},
};

pub(super) const NOUN: Noun = Noun {
    name: "agent",
    about: "Agents: who does the work, and by which rules",
    verbs: &[
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List the agents that the server knows",
            examples: "  affiant agent list\n  affiant agent list -q git -o id",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show an agent: its rules, what it may call, how far it may go",
            examples: "  affiant agent get release-notes\n  affiant agent get echo@1.0.0 -o json --jq .tools",
            arguments: show::arguments,
            run: |context, matches| Box::pin(show::get(context, matches)),
        },
    ],
};

const LIST: List = List { operation: "agent.list@1.0.0", view: "agent.index@1.0.0", first: First::Nothing };
