//! The list of runs, and the page that stands in its place until there is one.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Shown, format::Format, page::Show, session::Sent, words::between};
use crate::{problem::Problem, rest::query};

/// Rows on a page.
const ROWS: u64 = 50;
/// Rows that are asked for at once for a file, and the most that it has.
const FILE_PART: u64 = 500;
const FILE: usize = 10_000;

/// Words of a filter that are tried without.
const HINTS: usize = 6;

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
    let q = show.asked("q").unwrap_or_default().to_owned();
    shown(&show, StatusCode::OK, &q, json!({})).await
}

/// Keeps the filter of a list under a name.
pub(super) async fn save_view(sent: Sent) -> Shown {
    let filter = sent.field("q").unwrap_or_default();
    change_view(&sent, "agent.view.save", filter, json!({ "name": sent.field("name"), "filter": filter })).await
}

/// Forgets one.
pub(super) async fn remove_view(sent: Sent) -> Shown {
    change_view(&sent, "agent.view.remove", "", json!({ "name": sent.field("name") })).await
}

async fn change_view(sent: &Sent, operation: &str, q: &str, input: Value) -> Shown {
    match sent.show.try_tell(operation, input, sent.field("once")).await {
        Ok(_) if q.is_empty() => sent.show.on_to("/studio/runs"),
        Ok(_) => sent.show.on_to(&format!("/studio/runs?{}", query::encode(&[("q", q)]))),
        Err(problem) => {
            let status = sent.show.mendable(&problem)?;
            shown(&sent.show, status, q, json!({ "notSaved": problem.detail(), "name": sent.field("name") })).await
        }
    }
}

async fn shown(show: &Show, status: StatusCode, q: &str, mut facts: Value) -> Shown {
    let found = match show.format {
        Format::Csv | Format::Jsonl => file(show, q).await,
        Format::Html | Format::Json => show.try_ask("agent.status", asked(q, ROWS, show.asked("cursor"))).await,
    };
    let (runs, wrong) = match found {
        Ok(runs) => (runs, None),
        Err(problem) if problem.code() == "filter-invalid" => {
            (json!({ "runs": [], "total": 0 }), Some(problem.detail().to_owned()))
        }
        Err(problem) => return Err(show.problem(&problem)),
    };
    let views = views(show, q).await;
    facts["saved"] = views.iter().any(|view| view["chosen"] == true).into();
    facts["views"] = views.into();
    facts["runs"] = runs["runs"].as_array().into_iter().flatten().map(row).collect();
    facts["next"] = runs["nextCursor"].as_str().map(|cursor| show.with(&[("cursor", cursor)])).into();
    for (name, value) in [("q", q.into()), ("wrong", wrong.into()), ("total", runs["total"].clone())] {
        facts[name] = value;
    }
    facts["examined"] = runs["examined"].clone();
    let nothing = facts["runs"].as_array().is_some_and(Vec::is_empty) && facts["wrong"].is_null();
    if show.is_page() && nothing {
        facts["without"] = without(show, q).await.into();
    }
    match status {
        StatusCode::OK => show.list("studio/runs.html", "Runs", "runs", facts, "runs").await,
        wrong => show.answer(wrong, "studio/runs.html", "Runs", "runs", facts).await,
    }
}

/// How many runs there would be without one of the words of a filter that lets nothing through.
async fn without(show: &Show, q: &str) -> Vec<Value> {
    let terms = terms(q);
    let mut hints = Vec::new();
    for (at, term) in terms.iter().enumerate().take(HINTS).filter(|_| terms.len() > 1) {
        let others = terms.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, term)| *term);
        let q = others.collect::<Vec<_>>().join(" ");
        let found = show.try_ask("agent.status", asked(&q, 1, None)).await.unwrap_or_default();
        if let Some(total) = found["total"].as_u64().filter(|total| *total > 0) {
            let page = format!("/studio/runs?{}", query::encode(&[("q", &q)]));
            hints.push(json!({ "term": term, "total": total, "page": page }));
        }
    }
    hints
}

/// The words of a filter. What stands in quotes is one of them, or a part of one.
fn terms(q: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = q.split(move |c: char| {
        quoted ^= c == '"';
        c.is_whitespace() && !quoted
    });
    parts.filter(|term| !term.is_empty()).collect()
}

fn asked(q: &str, limit: u64, cursor: Option<&str>) -> Value {
    let mut input = json!({ "limit": limit });
    if !q.is_empty() {
        input["q"] = q.into();
    }
    if let Some(cursor) = cursor {
        input["cursor"] = cursor.into();
    }
    input
}

/// All runs that a filter lets through, up to what a file may have.
async fn file(show: &Show, q: &str) -> Result<Value, Problem> {
    let (mut runs, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut part = show.try_ask("agent.status", asked(q, FILE_PART, cursor.as_deref())).await?;
        if let Value::Array(rows) = part["runs"].take() {
            runs.extend(rows);
        }
        cursor = part["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() || runs.len() >= FILE {
            runs.truncate(FILE);
            return Ok(json!({ "runs": runs }));
        }
    }
}

/// The lists that most people want, with how many runs are in each, and those that the viewer has saved.
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
    let own = show.try_ask("agent.views", json!({})).await.unwrap_or_default();
    let own =
        own["views"].as_array().into_iter().flatten().map(
            |view| json!({ "name": view["name"], "q": view["filter"], "chosen": view["filter"] == q, "own": true }),
        );
    VIEWS.iter().map(view).chain(own).collect()
}

/// A run as a list shows it: with how long it took, and the one thing that it waits for.
fn row(run: &Value) -> Value {
    let mut row = run.clone();
    if let Some(took) = between(&run["startedAt"], &run["endedAt"]) {
        row["tookMicros"] = took.into();
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_quotes_is_one_word_of_a_filter() {
        assert_eq!(terms(" status:failed  text:\"a b\" -c "), ["status:failed", "text:\"a b\"", "-c"]);
        assert!(terms("").is_empty());
    }
}
