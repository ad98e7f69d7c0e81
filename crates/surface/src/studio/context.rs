//! What a run was told: its snapshot, item by item, and for models what of it was in each conversation.

use axum::extract::Path;
use serde_json::{Value, json};

use super::{Shown, page::Show, run};

/// Items on a page.
const ROWS: u64 = 500;

/// Calls of models on a page.
const CALLS: usize = 50;

/// The snapshot that a run reads, with the content of one item, and what models were sent of it.
pub(super) async fn page(show: Show, Path(run): Path<String>) -> Shown {
    let head = run::head(&show, &run).await?;
    let snapshot = match head["contextSnapshotId"].as_str() {
        Some(snapshot) => Some(show.ask("context.snapshot.get", asked(&show, snapshot)).await?),
        None => None,
    };
    let mut facts = json!({ "run": head, "tab": "context", "chosen": show.asked("item"), "snapshot": snapshot });
    if head["planner"]["kind"] == "model" {
        let calls = calls(&show, &run).await;
        if let Some(items) = facts["snapshot"]["items"].as_array_mut() {
            told(items, calls.first());
        }
        facts["calls"] = calls.iter().map(call).collect();
    }
    facts["next"] = json!(facts["snapshot"]["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)])));
    let title = format!("Context of {}", super::words::tail(&run));
    show.page("studio/context.html", &title, "runs", facts).await
}

fn asked(show: &Show, snapshot: &str) -> Value {
    let mut asked = json!({ "snapshotId": snapshot, "limit": ROWS });
    for (parameter, field) in [("item", "itemKey"), ("cursor", "cursor")] {
        if let Some(value) = show.asked(parameter) {
            asked[field] = value.into();
        }
    }
    asked
}

/// The steps in which a model was asked, as far as a page shows them.
async fn calls(show: &Show, run: &str) -> Vec<Value> {
    let mut calls = Vec::new();
    let mut after = json!(-1);
    while calls.len() < CALLS {
        let asked = json!({ "runId": run, "stepsAfter": after, "stepLimit": 1000, "maxBytes": 0 });
        let Ok(audit) = show.try_ask("agent.audit", asked).await else { break };
        for step in audit["steps"].as_array().into_iter().flatten() {
            let model = step["operation"].as_str().is_some_and(|operation| operation.starts_with("model.call@"));
            if model && calls.len() < CALLS {
                let one = json!({ "runId": run, "stepNumber": step["stepNumber"] });
                calls.extend(show.try_ask("agent.step.get", one).await);
            }
        }
        after = audit["nextStepsAfter"].clone();
        if !after.is_number() {
            break;
        }
    }
    calls
}

/// Says of each item whether the first message held it whole, or named it alone.
fn told(items: &mut [Value], first: Option<&Value>) {
    let Some(opening) = first.and_then(|call| call["arguments"]["messages"][0]["parts"].as_array()) else { return };
    let said: String = opening.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n");
    for item in items.iter_mut().filter(|item| item["kind"] != "input") {
        let digest = item["digest"].as_str().unwrap_or_default();
        let end = format!(", {digest} ---");
        let whole = said.lines().any(|line| line.starts_with("--- untrusted ") && line.ends_with(&end));
        item["told"] = match (whole, said.contains(digest)) {
            (true, _) => "whole".into(),
            (false, true) => "named".into(),
            (false, false) => "no".into(),
        };
    }
}

/// One call of a model, with what was left out of it to make room.
fn call(step: &Value) -> Value {
    let (arguments, result) = (&step["arguments"], &step["result"]);
    json!({
        "stepNumber": step["stepNumber"], "status": step["status"], "model": arguments["model"], "after": arguments["after"],
        "added": arguments["messages"].as_array().map(Vec::len), "instructions": arguments["instructions"].is_string(),
        "dropped": arguments["dropped"], "usage": result["usage"], "readable": arguments.is_object(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_was_told_whole_or_by_name_or_not_at_all() {
        let mut items =
            [json!({ "digest": "sha256:a" }), json!({ "digest": "sha256:b" }), json!({ "digest": "sha256:c" })];
        let text = "--- untrusted 0a: context notes, sha256:a ---\nx\n\nAlso in the context, but not shown here:\n- big (text/plain, sha256:b)";
        told(&mut items, Some(&json!({ "arguments": { "messages": [{ "parts": [{ "text": text }] }] } })));
        let told: Vec<&str> = items.iter().map(|item| item["told"].as_str().unwrap()).collect();
        assert_eq!(told, ["whole", "named", "no"]);
    }
}
