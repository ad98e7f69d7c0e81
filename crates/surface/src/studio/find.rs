//! From any id, or a part of one, to its page.

use axum::extract::Path;
use serde_json::json;

use super::{Shown, page::Show};
use crate::{problem::Refusal, rest::query::escape};

/// What somebody pasted into the search box: an id leads to its page, anything else searches the runs.
pub(super) async fn search(show: Show) -> Shown {
    let wanted = show.asked("id").unwrap_or_default().trim().to_owned();
    if wanted.is_empty() {
        return show.on_to("/studio/runs");
    }
    show.on_to(&format!("/studio/go/{}", escape(&wanted)))
}

/// To the page of an id.
pub(super) async fn go(show: Show, Path(id): Path<String>) -> Shown {
    if let Some(page) = page_of(&show, id.trim()).await {
        return show.on_to(&page);
    }
    let refusal = Refusal::new("not-found", format!("Nothing here has the id `{}`, or a part of it.", id.trim()));
    Err(show.refused(refusal))
}

async fn page_of(show: &Show, id: &str) -> Option<String> {
    let found = |problemless: bool, page: String| problemless.then_some(page);
    if id.starts_with("run_")
        && let Some(page) = found(
            show.try_ask("agent.status", json!({ "runId": id })).await.is_ok(),
            format!("/studio/runs/{}", escape(id)),
        )
    {
        return Some(page);
    }
    if id.starts_with("apr_") && show.try_ask("agent.approvals.list", json!({ "approvalId": id })).await.is_ok() {
        return Some(format!("/studio/approvals/{}", escape(id)));
    }
    if id.starts_with("art_")
        && let Ok(artifact) = show.try_ask("agent.artifact.get", json!({ "artifactId": id })).await
    {
        let run = artifact["runId"].as_str()?;
        return Some(format!("/studio/runs/{}/artifacts/{}", escape(run), escape(id)));
    }
    ending(show, id).await
}

/// The newest run whose id ends or begins with this.
async fn ending(show: &Show, part: &str) -> Option<String> {
    let plain = part.len() >= 4 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !plain {
        return None;
    }
    let part = part.to_ascii_uppercase();
    let runs = show.try_ask("agent.status", json!({ "limit": 500 })).await.ok()?;
    let ids = runs["runs"].as_array()?.iter().filter_map(|run| run["runId"].as_str());
    let matches: Vec<&str> = ids.filter(|id| id.to_ascii_uppercase().ends_with(&part)).collect();
    match matches[..] {
        [one] => Some(format!("/studio/runs/{one}")),
        _ => None,
    }
}
