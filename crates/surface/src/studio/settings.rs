//! What an administrator sets: keys and browser sessions, providers, folders, webhooks. State first, then what can be
//! done about it; whatever takes something away asks once more.

use axum::{extract::Path, http::StatusCode};
use serde_json::{Value, json};

use super::{Shown, page::Show, session::Sent};

/// Keys on the page.
const KEYS: usize = 200;

/// What can be done here: the end of the address, and the operation.
type Act = (&'static str, &'static str, Fields);

/// Fields of a form, each with its name in the operation's input.
type Fields = &'static [(&'static str, &'static str)];

const ACTS: &[Act] = &[
    ("revoke-key", "key.revoke", &[("key", "keyId"), ("reason", "reason")]),
    ("check-provider", "provider.check", &[("name", "name"), ("model", "model")]),
    ("remove-provider", "provider.remove", &[("name", "name")]),
    ("allow-folder", "workspace.allow", &[("path", "path"), ("access", "access"), ("reason", "reason")]),
    ("forbid-folder", "workspace.forbid", &[("path", "path"), ("reason", "reason")]),
    ("delete-webhook", "webhook.delete", &[("webhook", "webhookId")]),
];

/// All settings.
pub(super) async fn page(show: Show) -> Shown {
    shown(&show, StatusCode::OK, json!({ "done": show.asked("done") })).await
}

/// Changes one of them.
pub(super) async fn act(Path(name): Path<String>, sent: Sent) -> Shown {
    let show = &sent.show;
    let Some((_, operation, fields)) = ACTS.iter().find(|(known, ..)| *known == name) else {
        return Err(show.refused(crate::problem::Refusal::new("not-found", "There is no such setting.")));
    };
    let mut input = json!({});
    for (field, name) in *fields {
        if let Some(said) = sent.field(field) {
            input[*name] = said.into();
        }
    }
    match show.try_tell(operation, input.clone(), sent.field("once")).await {
        Ok(found) if name == "check-provider" => shown(show, StatusCode::OK, json!({ "checked": found })).await,
        Ok(_) => show.on_to(&format!("/studio/settings?done={name}")),
        Err(problem) => {
            let status = show.mendable(&problem)?;
            let about = json!({ "wrong": problem.detail(), "code": problem.code(), "typed": input });
            shown(show, status, about).await
        }
    }
}

async fn shown(show: &Show, status: StatusCode, mut facts: Value) -> Shown {
    for (name, operation) in [
        ("keys", "key.list"),
        ("providers", "provider.list"),
        ("workspaces", "workspace.list"),
        ("webhooks", "webhook.list"),
    ] {
        match show.try_ask(operation, json!({})).await {
            Ok(found) => facts[name] = found[name].clone(),
            Err(problem) if problem.code() == "forbidden" => {}
            Err(problem) => return Err(show.problem(&problem)),
        }
    }
    if let Some(Value::Array(keys)) = facts.get_mut("keys") {
        keys.sort_by_key(|key| key["status"] != "active");
        let more = keys.len().saturating_sub(KEYS);
        keys.truncate(KEYS);
        facts["moreKeys"] = more.into();
    }
    let own = show.viewer.who.auth.strip_prefix("key:").unwrap_or_default();
    facts["own"] = own.into();
    show.answer(status, "studio/settings.html", "Settings", "settings", facts).await
}
