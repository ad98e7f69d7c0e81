//! `affiant key …`, `workspace …`, `webhook …`: who may call, where agents may work, who is told.

use serde_json::Value;

use super::{
    Noun, Verb,
    operation::{Act, First, List},
    output::{plain, text},
    terminal::safe_line,
};

pub(super) const KEYS: Noun = Noun {
    name: "key",
    about: "Keys: who may call",
    verbs: &[
        Verb {
            name: "create",
            alias: None,
            about: "Make a key; its secret is shown once",
            examples: "  affiant key create ci\n  affiant key create ops --role admin --expiresAt 2027-01-01T00:00:00Z",
            arguments: |command| CREATE_KEY.arguments(command),
            run: |context, matches| Box::pin(CREATE_KEY.run(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List keys, never their secrets",
            examples: "  affiant key list\n  affiant key list --status active -o json",
            arguments: |command| LIST_KEYS.arguments(command),
            run: |context, matches| Box::pin(LIST_KEYS.run(context, matches)),
        },
        Verb {
            name: "revoke",
            alias: None,
            about: "Take a key back at once",
            examples: "  affiant key revoke 3J6M --reason 'left the team' --yes",
            arguments: |command| REVOKE_KEY.arguments(command),
            run: |context, matches| Box::pin(REVOKE_KEY.run(context, matches)),
        },
    ],
};

pub(super) const WORKSPACES: Noun = Noun {
    name: "workspace",
    about: "Folders in which agents may work",
    verbs: &[
        Verb {
            name: "allow",
            alias: None,
            about: "Let agents read a folder, and write in it if you say so",
            examples: "  affiant workspace allow .\n  affiant workspace allow /srv/shop --access write",
            arguments: |command| ALLOW.arguments(command),
            run: |context, matches| Box::pin(ALLOW.run(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List the allowed folders",
            examples: "  affiant workspace list",
            arguments: |command| LIST_FOLDERS.arguments(command),
            run: |context, matches| Box::pin(LIST_FOLDERS.run(context, matches)),
        },
        Verb {
            name: "forbid",
            alias: None,
            about: "Take a folder away from agents",
            examples: "  affiant workspace forbid /srv/shop",
            arguments: |command| FORBID.arguments(command),
            run: |context, matches| Box::pin(FORBID.run(context, matches)),
        },
    ],
};

pub(super) const WEBHOOKS: Noun = Noun {
    name: "webhook",
    about: "Webhooks: who is told of events",
    verbs: &[
        Verb {
            name: "create",
            alias: None,
            about: "Deliver events to an address; the signing secret is shown once",
            examples: "  affiant webhook create https://hooks.example.com/affiant --events 'agent.run.*'",
            arguments: |command| CREATE_WEBHOOK.arguments(command),
            run: |context, matches| Box::pin(CREATE_WEBHOOK.run(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List webhooks and what waits to be delivered",
            examples: "  affiant webhook list",
            arguments: |command| LIST_WEBHOOKS.arguments(command),
            run: |context, matches| Box::pin(LIST_WEBHOOKS.run(context, matches)),
        },
        Verb {
            name: "delete",
            alias: None,
            about: "Deliver nothing more to an address",
            examples: "  affiant webhook delete 7XK4QZ --yes",
            arguments: |command| DELETE_WEBHOOK.arguments(command),
            run: |context, matches| Box::pin(DELETE_WEBHOOK.run(context, matches)),
        },
    ],
};

const LIST_KEYS: List = List { operation: "key.list@1.0.0", view: "key.index@1.0.0", first: First::Nothing };
const LIST_FOLDERS: List =
    List { operation: "workspace.list@1.0.0", view: "workspace.index@1.0.0", first: First::Nothing };
const LIST_WEBHOOKS: List =
    List { operation: "webhook.list@1.0.0", view: "webhook.index@1.0.0", first: First::Nothing };

const CREATE_KEY: Act = Act {
    operation: "key.create@1.0.0",
    first: First::Text("name"),
    say: |key| {
        let made = format!(
            "{}  {}  for {}, role {}",
            of(key, "keyId"),
            of(key, "name"),
            of(key, "principalId"),
            of(key, "role")
        );
        format!("{made}\n{}", secret(key, "Use it as AFFIANT_TOKEN, or keep it in a file for --token-file."))
    },
};

const REVOKE_KEY: Act = Act {
    operation: "key.revoke@1.0.0",
    first: First::Id("keyId", &LIST_KEYS),
    say: |key| format!("{} works no more since {}", of(key, "keyId"), plain(&key["revokedAt"])),
};

const ALLOW: Act = Act {
    operation: "workspace.allow@1.0.0",
    first: First::Folder("path"),
    say: |folder| match text(folder, "access").as_str() {
        "write" => format!("agents may read and write in {}", of(folder, "path")),
        _ => format!("agents may read in {}", of(folder, "path")),
    },
};

const FORBID: Act = Act {
    operation: "workspace.forbid@1.0.0",
    first: First::Folder("path"),
    say: |folder| format!("agents may work in {} no more", of(folder, "path")),
};

const CREATE_WEBHOOK: Act = Act {
    operation: "webhook.create@1.0.0",
    first: First::Text("url"),
    say: |hook| {
        let made = format!("{}  {}  {}", of(hook, "webhookId"), of(hook, "url"), safe_line(&plain(&hook["events"])));
        format!("{made}\n{}", secret(hook, "The receiver checks signatures with it (Standard Webhooks)."))
    },
};

const DELETE_WEBHOOK: Act = Act {
    operation: "webhook.delete@1.0.0",
    first: First::Id("webhookId", &LIST_WEBHOOKS),
    say: |hook| format!("{} deleted; {} deliveries dropped", of(hook, "webhookId"), hook["dropped"]),
};

fn of(value: &Value, field: &str) -> String {
    safe_line(&text(value, field))
}

/// The secret of something new, which is shown this once.
fn secret(made: &Value, use_it: &str) -> String {
    match made["secret"].as_str() {
        Some(secret) => format!("  {}\n  Shown this once. {use_it}", safe_line(secret)),
        None => "  Its secret was shown when it was made, and never again.".to_owned(),
    }
}
