//! `affiant view …`: filters of the run list, under names of one's own.

use super::{
    Noun, Verb,
    operation::{Act, First, List},
    output::text,
    terminal::safe_line,
};

pub(super) const NOUN: Noun = Noun {
    name: "view",
    about: "Views: filters of the run list that you keep under a name",
    verbs: &[
        Verb {
            name: "save",
            alias: None,
            about: "Keep a filter under a name; what had that name is replaced",
            examples: "  affiant view save failures --filter 'status:failed since:24h'\n  \
                affiant run list --view failures",
            arguments: |command| SAVE.arguments(command),
            run: |context, matches| Box::pin(SAVE.run(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List your views",
            examples: "  affiant view list",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "remove",
            alias: Some("rm"),
            about: "Forget a view; runs stay as they are",
            examples: "  affiant view remove failures",
            arguments: |command| REMOVE.arguments(command),
            run: |context, matches| Box::pin(REMOVE.run(context, matches)),
        },
    ],
};

const LIST: List = List { operation: "agent.views@1.0.0", view: "agent.views.index@1.0.0", first: First::Nothing };

const SAVE: Act = Act {
    operation: "agent.view.save@1.0.0",
    first: First::Text("name"),
    say: |view| {
        let of = |field: &str| safe_line(&text(view, field));
        format!("{} is saved: {}\n  look at it: affiant run list --view '{0}'", of("name"), of("filter"))
    },
};

const REMOVE: Act = Act {
    operation: "agent.view.remove@1.0.0",
    first: First::Text("name"),
    say: |view| match view["removed"].as_bool() {
        Some(true) => format!("{} is forgotten", safe_line(&text(view, "name"))),
        _ => format!("you have no view {}; yours: affiant view list", safe_line(&text(view, "name"))),
    },
};
