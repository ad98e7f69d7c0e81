//! From any id, or a part of one, to its page.

use affiant_contract::{Kind, Pick};
use axum::extract::Path;
use serde_json::json;

use super::{Shown, page::Show};
use crate::{
    problem::Refusal,
    render::names::{docs_path, is_newest},
    rest::query::escape,
};

/// What somebody pasted into the search box: an id leads to its page, anything else searches the runs.
pub(super) async fn search(show: Show) -> Shown {
    let wanted = show.asked("id").unwrap_or_default().trim().to_owned();
    if wanted.is_empty() {
        return show.on_to("/studio/runs");
    }
    show.on_to(&format!("/studio/go/{}", escape(&wanted)))
}

/// To the page of an id, or of a part of one that only one run has. What several have is a list of them.
pub(super) async fn go(show: Show, Path(id): Path<String>) -> Shown {
    let id = id.trim();
    match page_of(&show, id).await {
        Some(page) => show.on_to(&page),
        None => {
            let nothing = format!("Nothing here has the id `{id}`, and no run has a part of it.");
            Err(show.refused(Refusal::new("not-found", nothing)))
        }
    }
}

/// The page of an agent or of another contract, by its name or by name and version.
fn named(show: &Show, name: &str) -> Option<String> {
    let registry = show.studio.gateway.registry();
    let (key, version) = name.split_once('@').unwrap_or((name, ""));
    let pick = if version.is_empty() { Pick::Newest } else { version.parse().ok()? };
    let contract = registry.resolve(key, &pick)?;
    match contract.meta.kind {
        Kind::Agent => Some(format!("/studio/agents/{}", escape(name))),
        _ => Some(docs_path(contract, is_newest(registry, contract))),
    }
}

async fn page_of(show: &Show, id: &str) -> Option<String> {
    if id.starts_with("apr_") && show.try_ask("agent.approvals.list", json!({ "approvalId": id })).await.is_ok() {
        return Some(format!("/studio/approvals/{}", escape(id)));
    }
    if id.starts_with("art_")
        && let Ok(artifact) = show.try_ask("agent.artifact.get", json!({ "artifactId": id })).await
    {
        let run = artifact["runId"].as_str()?;
        return Some(format!("/studio/runs/{}/artifacts/{}", escape(run), escape(id)));
    }
    if id.starts_with("key_") {
        return Some("/studio/settings#keys".to_owned());
    }
    if let Some(page) = named(show, id) {
        return Some(page);
    }
    // Tables print an ellipsis before the end of an id.
    let part = id.rsplit('…').next().unwrap_or(id);
    let plain = part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let q = format!("id:{part}");
    let runs = match plain {
        true => show.try_ask("agent.status", json!({ "q": q, "limit": 2 })).await.ok()?,
        false => return None,
    };
    match runs["runs"].as_array()?.as_slice() {
        [] => None,
        [one] => Some(format!("/studio/runs/{}", escape(one["runId"].as_str()?))),
        _ => Some(format!("/studio/runs?q={}", escape(&q))),
    }
}
