//! `affiant agent …`: agents, those of the server and those in files.

mod new;
mod offline;
mod rehearse;
mod show;
mod think;
mod voices;

pub(in crate::cli) use show::{rows, tool};

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
        Verb {
            name: "new",
            alias: None,
            about: "Write the file of a new agent, with a test",
            examples: "  affiant agent new hello\n  affiant agent new triage --model anthropic/claude-sonnet-4-5",
            arguments: new::arguments,
            run: |context, matches| Box::pin(async { new::run(context, matches) }),
        },
        Verb {
            name: "validate",
            alias: None,
            about: "Find what is wrong with an agent, without running it",
            examples: "  affiant agent validate hello\n  affiant agent validate agents/hello-0.1.0.yaml -o jsonl",
            arguments: offline::arguments,
            run: |context, matches| Box::pin(async { offline::validate(context, matches) }),
        },
        Verb {
            name: "test",
            alias: None,
            about: "Run the tests that stand in an agent's file, without a server",
            examples: "  affiant agent test release-notes\n  affiant agent test agents/hello-0.1.0.yaml\n  \
                affiant agent test triage --record",
            arguments: offline::test_arguments,
            run: |context, matches| Box::pin(offline::test(context, matches)),
        },
    ],
};

const LIST: List = List { operation: "agent.list@1.0.0", view: "agent.index@1.0.0", first: First::Nothing };
