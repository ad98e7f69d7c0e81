//! The list of runs, and the page that stands in its place until there is one.

use serde_json::{Value, json};

use super::{Shown, page::Show, words::between};

/// Rows on a page.
const ROWS: u64 = 50;

/// The lists that most people want, by name.
const VIEWS: &[(&str, &str)] = &[
    ("All", ""),
    ("Running", "status:running,queued"),
    ("Waiting", "status:waiting"),
    ("Failed", "status:failed"),
    ("Completed", "status:completed"),
    ("Cancelled", "status:cancelled"),
];

/// The first page: what can be done here, or the runs when there are any.
pub(super) async fn home(show: Show) -> Shown {
    let runs = show.ask("agent.status", json!({ "limit": 1 })).await?;
    if runs["runs"].as_array().is_some_and(|runs| !runs.is_empty()) {
        return show.on_to("/studio/runs");
    }
    let server = show.ask("server.status", json!({})).await?;
    let agents = show.ask("agent.list", json!({ "limit": 50 })).await?;
    show.page("studio/welcome.html", "Welcome", "runs", json!({ "server": server, "agents": agents["agents"] })).await
}

/// Runs, newest first, that a filter text lets through.
pub(super) async fn list(show: Show) -> Shown {
    let q = show.asked("q").unwrap_or_default();
    let mut input = json!({ "limit": ROWS });
    if !q.is_empty() {
        input["q"] = q.into();
    }
    if let Some(cursor) = show.asked("cursor") {
        input["cursor"] = cursor.into();
    }
    let (runs, wrong) = match show.try_ask("agent.status", input).await {
        Ok(runs) => (runs, None),
        Err(problem) if problem.code() == "filter-invalid" => {
            (json!({ "runs": [], "total": 0 }), Some(problem.detail().to_owned()))
        }
        Err(problem) => return Err(show.problem(&problem)),
    };
    let views = views(&show, q).await;
    let rows: Vec<Value> = runs["runs"].as_array().into_iter().flatten().map(row).collect();
    let next = runs["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)]));
    let facts = json!({ "q": q, "wrong": wrong, "views": views, "runs": rows, "total": runs["total"], "next": next });
    show.list("studio/runs.html", "Runs", "runs", facts, "runs").await
}

/// The lists that most people want, with how many runs are in each.
async fn views(show: &Show, q: &str) -> Vec<Value> {
    let counts =
        show.try_ask("server.status", json!({})).await.map(|server| server["runs"].clone()).unwrap_or_default();
    let of = |states: &str| match states {
        "" => counts.as_object().map(|all| all.values().filter_map(Value::as_u64).sum()),
        states => states.split(',').map(|state| counts[state].as_u64()).sum(),
    };
    let view = |(name, view): &(&str, &str)| {
        let count: Option<u64> = of(view.trim_start_matches("status:"));
        json!({ "name": name, "q": view, "count": count, "chosen": *view == q })
    };
    VIEWS.iter().map(view).collect()
}

/// A run as a list shows it: with how long it took, and the one thing that it waits for.
fn row(run: &Value) -> Value {
    let mut row = run.clone();
    if let Some(took) = between(&run["startedAt"], &run["endedAt"]) {
        row["tookMicros"] = took.into();
    }
    row
}
