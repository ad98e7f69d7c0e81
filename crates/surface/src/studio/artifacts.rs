//! What a run has made: a list, one of them shown as text, compared with another, and its bytes as a file.

use axum::{
    extract::Path,
    http::{HeaderMap, header},
    response::IntoResponse as _,
};
use serde_json::{Value, json};

use super::{
    Shown, change,
    page::{Halt, Show, header_text},
    run,
};
use crate::{
    gateway::Target,
    problem::Refusal,
    rest::{
        live::{ARTIFACTS, Content, content},
        query::escape,
    },
};

/// Artifacts on a page.
const ROWS: u64 = 200;

/// Bytes of text that a page shows.
const SHOWN: u64 = 64 << 10;

/// Bytes of text in which a page of lines is looked for.
const READ: u64 = 1 << 20;

/// Numbered lines on a page, and bytes of them.
const LINES: (usize, usize) = (400, 32 << 10);

/// What a run has made, the first of it beside the list.
pub(super) async fn list(show: Show, Path(run): Path<String>) -> Shown {
    page(&show, &run, None).await
}

/// One artifact beside the others.
pub(super) async fn one(show: Show, Path((run, artifact)): Path<(String, String)>) -> Shown {
    page(&show, &run, Some(&artifact)).await
}

async fn page(show: &Show, run: &str, chosen: Option<&str>) -> Shown {
    let head = run::head(show, run).await?;
    let mut asked = json!({ "runId": run, "limit": ROWS });
    if let Some(cursor) = show.asked("cursor") {
        asked["cursor"] = cursor.into();
    }
    let found = show.ask("agent.artifacts", asked).await?;
    let first = found["artifacts"][0]["artifactId"].as_str();
    let mut artifact = match chosen.or(first) {
        Some(id) => Some(show.ask("agent.artifact.get", json!({ "artifactId": id, "maxBytes": READ })).await?),
        None => None,
    };
    if let Some(owner) = artifact.as_ref().and_then(|it| it["runId"].as_str()).filter(|owner| *owner != run) {
        let id = chosen.unwrap_or_default();
        return show.on_to(&format!("/studio/runs/{}/artifacts/{}", escape(owner), escape(id)));
    }
    let others = others(show, &head, &found, artifact.as_ref()).await;
    let diff = match (show.asked("against"), &artifact) {
        (Some(other), Some(it)) => Some(difference(show, other, &it["artifactId"]).await?),
        _ => None,
    };
    let kind = artifact.as_ref().map(|it| kind_of(it, show.asked("as")));
    let wanted = show.asked("line").and_then(|line| line.parse().ok()).unwrap_or(1);
    let numbered = artifact.as_ref().filter(|_| kind == Some("text"));
    let numbered = numbered.map(|it| numbered_lines(show, it["text"].as_str().unwrap_or_default(), wanted));
    if show.is_page() {
        shorten(artifact.as_mut());
    }
    let lines = artifact.as_ref().filter(|_| kind == Some("diff"));
    let lines = lines.map(|it| change::whole(it["text"].as_str().unwrap_or_default()));
    let next = found["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)]));
    let facts = json!({
        "run": head, "tab": "artifacts", "artifacts": found["artifacts"], "total": found["total"], "next": next,
        "artifact": artifact, "kind": kind, "lines": lines, "numbered": numbered,
        "others": others, "against": show.asked("against"), "diff": diff,
    });
    let title = format!("Artifacts of {}", super::words::tail(run));
    show.list("studio/artifacts.html", &title, "runs", facts, "artifacts").await
}

/// Leaves as much of a text as a page shows in one piece.
fn shorten(artifact: Option<&mut Value>) {
    let Some(artifact) = artifact else { return };
    let text = artifact["text"].as_str().unwrap_or_default();
    let most = usize::try_from(SHOWN).unwrap_or(usize::MAX);
    if text.len() > most {
        artifact["text"] = text[..text.floor_char_boundary(most)].into();
        artifact["truncated"] = true.into();
    }
}

/// The lines about a line, each with its number, and the addresses of those before and behind them.
fn numbered_lines(show: &Show, text: &str, wanted: usize) -> Value {
    let (most, mut room) = LINES;
    let of = text.lines().count();
    let first = (wanted.clamp(1, of.max(1)) - 1) / most * most + 1;
    let mut lines = Vec::new();
    for (number, line) in (first..).zip(text.lines().skip(first - 1).take(most)) {
        let shown = &line[..line.floor_char_boundary(room.max(80))];
        room = room.saturating_sub(shown.len());
        let cut = (shown.len() < line.len()).then_some(line.len());
        lines.push(json!({ "number": number, "text": shown, "cut": cut }));
    }
    let last = first + lines.len().saturating_sub(1);
    let at = |line: usize| show.with(&[("line", &line.to_string())]);
    json!({
        "lines": lines, "first": first, "last": last, "of": of,
        "before": (first > 1).then(|| at(first - most)), "behind": (last < of).then(|| at(last + 1)),
    })
}

/// As what an artifact is shown: never as a page of its own.
fn kind_of(artifact: &Value, wanted: Option<&str>) -> &'static str {
    let media = artifact["contentType"].as_str().unwrap_or_default();
    match media {
        _ if !artifact["text"].is_string() => "bytes",
        _ if wanted == Some("text") => "text",
        media if media.starts_with("text/markdown") => "markdown",
        media if media.contains("diff") => "diff",
        _ => "text",
    }
}

/// What an artifact can be compared with: what bears its name in the run that this one came from, and the others here.
async fn others(show: &Show, head: &Value, found: &Value, artifact: Option<&Value>) -> Vec<Value> {
    let Some(artifact) = artifact else { return Vec::new() };
    let row = |it: &Value, whose: &str| json!({ "artifactId": it["artifactId"], "name": it["name"], "whose": whose });
    let mut others = Vec::new();
    if let Some(parent) = head["parentRunId"].as_str() {
        let theirs =
            show.try_ask("agent.artifacts", json!({ "runId": parent, "limit": ROWS })).await.unwrap_or_default();
        let same = |it: &&Value| it["name"] == artifact["name"];
        others.extend(theirs["artifacts"].as_array().into_iter().flatten().filter(same).map(|it| row(it, parent)));
    }
    let here = found["artifacts"].as_array().into_iter().flatten();
    others.extend(here.filter(|it| it["artifactId"] != artifact["artifactId"]).map(|it| row(it, "")));
    others
}

/// How an artifact differs from another.
pub(super) async fn difference(show: &Show, left: &str, right: &Value) -> Result<Value, Halt> {
    let mut diff = show.ask("agent.artifact.diff", json!({ "left": left, "right": right })).await?;
    diff["lines"] = change::whole(diff["diff"].as_str().unwrap_or_default());
    Ok(diff)
}

/// The bytes of an artifact as a file to be saved, whole or a range of them.
pub(super) async fn bytes(show: Show, Path((_, artifact)): Path<(String, String)>, headers: HeaderMap) -> Shown {
    let gateway = &show.studio.gateway;
    let pick = affiant_contract::Pick::Newest;
    let route = gateway.route(&Target::Named { key: ARTIFACTS.into(), pick });
    let route = route.ok_or_else(|| show.refused(Refusal::plain("not-found")))?;
    let sent = async {
        let entered = gateway.enter(&route, &show.viewer.credential(), None)?;
        content(&show.studio.services, &entered.who.tenant, &artifact, &headers).await
    };
    match sent.await.map_err(|refusal| show.refused(refusal))? {
        Content::Here(response) => Ok(response),
        Content::Outside(whole) => {
            let mut response = show.refused(Refusal::plain("range-not-satisfiable")).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, header_text(&whole));
            Ok(response)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_shown_as_what_it_says_or_as_text() {
        let of = |media: &str, wanted| kind_of(&json!({ "contentType": media, "text": "a" }), wanted);
        assert_eq!(of("text/markdown; charset=utf-8", None), "markdown");
        assert_eq!(of("text/markdown", Some("text")), "text");
        assert_eq!(of("text/x-diff", None), "diff");
        assert_eq!(of("text/html", None), "text");
        assert_eq!(kind_of(&json!({ "contentType": "image/svg+xml" }), None), "bytes");
    }
}
