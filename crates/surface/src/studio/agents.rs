//! The agents that this server has, and one of them: what it does, what it may, and how its runs went.

use affiant_contract::{Contract, Pick};
use axum::extract::Path;
use serde_json::{Value, json};

use super::{
    Shown,
    page::{Halt, Show},
};
use crate::render::names::{docs_path, is_newest};

/// Runs on the page of an agent.
const RUNS: u64 = 10;

/// Every agent, newest version each.
pub(super) async fn list(show: Show) -> Shown {
    let agents = show.ask("agent.list", json!({ "limit": 500 })).await?;
    show.list("studio/agents.html", "Agents", "agents", json!({ "agents": agents["agents"] }), "agents").await
}

/// One agent, the newest version of it or the one behind `@`.
pub(super) async fn one(show: Show, Path(name): Path<String>) -> Shown {
    let agent = describe(&show, &name).await?;
    let key = agent["agentKey"].as_str().unwrap_or_default();
    let runs = show.ask("agent.status", json!({ "agentKey": key, "limit": RUNS })).await?;
    let known = show.ask("agent.list", json!({ "q": key, "limit": 500 })).await?;
    let known = known["agents"].as_array().into_iter().flatten().find(|it| it["agentKey"] == key).cloned();
    let facts = json!({
        "agent": agent, "runs": runs["runs"], "counts": known.as_ref().map(|it| &it["runs"]),
        "versions": known.as_ref().map(|it| &it["versions"]), "policy": policy(&show, &agent),
        "packs": packs(&show, &agent), "reference": reference(&show, &agent),
    });
    let title = agent["title"].as_str().unwrap_or("Agent");
    show.page("studio/agent.html", title, "agents", facts).await
}

/// What `agent.describe` says of `key` or `key@version`.
pub(super) async fn describe(show: &Show, name: &str) -> Result<Value, Halt> {
    let (key, version) = name.split_once('@').map_or((name, None), |(key, version)| (key, Some(version)));
    let mut asked = json!({ "agentKey": key });
    if let Some(version) = version {
        asked["version"] = version.into();
    }
    show.ask("agent.describe", asked).await
}

/// The contract of a described agent.
pub(super) fn contract<'a>(show: &'a Show, agent: &Value) -> Option<&'a Contract> {
    let version = agent["agentVersion"].as_str()?.parse::<Pick>().ok()?;
    show.studio.gateway.registry().resolve(agent["agentKey"].as_str()?, &version).map(|contract| &**contract)
}

fn reference(show: &Show, agent: &Value) -> Option<String> {
    let contract = contract(show, agent)?;
    Some(docs_path(contract, is_newest(show.studio.gateway.registry(), contract)))
}

/// The page of what a reference such as `fs.write@1.0.0` names.
fn page_of(show: &Show, reference: &str) -> Option<String> {
    let registry = show.studio.gateway.registry();
    let contract = registry.get(&reference.parse().ok()?)?;
    Some(docs_path(contract, is_newest(registry, contract)))
}

fn packs(show: &Show, agent: &Value) -> Vec<Value> {
    let packs = agent["packs"].as_array().into_iter().flatten();
    packs
        .map(|pack| {
            let page = pack["pack"].as_str().and_then(|pack| page_of(show, pack));
            json!({ "pack": pack["pack"], "parameters": pack["parameters"], "page": page })
        })
        .collect()
}

/// What an agent may call, and what policy says of it, were the viewer to start a run now.
pub(super) fn policy(show: &Show, agent: &Value) -> Vec<Value> {
    let registry = show.studio.gateway.registry();
    let rows = agent["tools"].as_array().into_iter().flatten();
    rows.map(|row| {
        let name = row["operation"].as_str().unwrap_or_default();
        let bound = name.parse().ok().and_then(|reference| registry.tool_at(&reference));
        json!({
            "operation": name, "page": page_of(show, name), "title": bound.map(|it| &it.contract().meta.title),
            "effect": effect(row), "readOnly": row["readOnly"], "idempotent": row["idempotent"],
            "expires": row["approvalExpiresSeconds"].as_u64().map(|seconds| seconds * 1_000_000),
            "decision": row["decision"], "policies": row["policies"],
        })
    })
    .collect()
}

/// What a tool does to the world, in a word.
fn effect(tool: &Value) -> &'static str {
    match (tool["readOnly"].as_bool(), tool["destructive"].as_bool()) {
        (Some(true), _) => "reads",
        (_, Some(true)) => "may overwrite or destroy",
        _ => "has an effect",
    }
}
