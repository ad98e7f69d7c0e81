//! Where something in a run came from, and what it led to: drawn from left to right, and as a list.

use axum::extract::Path;
use serde_json::{Map, Value, json};

use super::{
    Shown,
    drawing::Drawing,
    page::{Halt, Show},
    run,
    words::tail,
};
use crate::{lineage, problem::Refusal, rest::query::escape};

/// Edges that are followed when somebody asks what came of something.
const ON: u64 = 6;

/// What somebody asks of the focus.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Everything near it.
    All,
    /// Why it happened.
    Why,
    /// What it led to.
    Led,
    /// What the model saw.
    Saw,
}

/// The neighbourhood of the focus.
pub(super) async fn page(show: Show, Path(run): Path<String>) -> Shown {
    let question = match show.asked("ask") {
        Some("why") => Question::Why,
        Some("led") => Question::Led,
        Some("saw") => Question::Saw,
        _ => Question::All,
    };
    let mut asked = focus(&show, &run)?;
    let head = run::head(&show, &run).await?;
    if question == Question::Led {
        asked.insert("depth".into(), ON.into());
    }
    let trace = show.ask("agent.trace", Value::Object(asked)).await?;
    let at = lineage::node(&trace, trace["focus"].as_str().unwrap_or_default()).clone();
    let drawing = Drawing::of(&trace, |node| wanted(question, &trace, node));
    let facts = json!({
        "run": head, "tab": "graph", "asked": show.asked("ask"), "focus": trace["focus"], "name": lineage::name(&at),
        "drawing": placed(&run, &trace, drawing), "back": linked(&run, &trace, json!(lineage::back(&trace))),
        "forward": linked(&run, &trace, json!(lineage::forward(&trace))["below"].clone()),
        "quotes": quotes(&run, &trace), "open": link(&run, &at, true),
        "why": show.with(&[("ask", "why")]), "led": show.with(&[("ask", "led")]), "saw": show.with(&[("ask", "saw")]),
        "all": show.with(&[("ask", "")]), "command": command(&run, &at), "before": beside(&at, -1),
        "after": beside(&at, 1), "trace": trace,
    });
    let title = format!("Graph of {}", tail(&run));
    show.page("studio/graph.html", &title, "runs", facts).await
}

/// The focus of the line beside this one.
fn beside(node: &Value, step: i64) -> Option<String> {
    let line = node["line"].as_u64()?.checked_add_signed(step)?;
    Some(format!("artifact:{}:{line}", node["artifactId"].as_str()?))
}

/// The same in a terminal.
fn command(run: &str, node: &Value) -> String {
    match (node["artifactId"].as_str(), node["line"].as_u64(), node["stepNumber"].as_u64()) {
        (Some(artifact), Some(line), _) => format!("affiant artifact trace {artifact} --line {line}"),
        (Some(artifact), None, _) => format!("affiant artifact trace {artifact}"),
        (None, _, Some(step)) => format!("affiant run trace {run} --step {step}"),
        _ => format!("affiant run trace {run}"),
    }
}

/// What `agent.trace` is asked: `step:N`, `artifact:ID`, `artifact:ID:LINE`, or nothing for the end of the run.
fn focus(show: &Show, run: &str) -> Result<Map<String, Value>, Halt> {
    let mut asked = Map::from_iter([("runId".to_owned(), json!(run))]);
    let Some(focus) = show.asked("focus").filter(|focus| *focus != "output") else { return Ok(asked) };
    let parts: Vec<&str> = focus.split(':').collect();
    let more = match parts.as_slice() {
        ["step", number] => number.parse::<u64>().ok().map(|number| vec![("stepNumber", json!(number))]),
        ["artifact", id] => Some(vec![("artifactId", json!(id))]),
        ["artifact", id, line] => {
            line.parse::<u64>().ok().map(|line| vec![("artifactId", json!(id)), ("line", json!(line))])
        }
        _ => None,
    };
    let spelled = "is spelled `step:3`, `artifact:ID` or `artifact:ID:12`";
    let more = more.ok_or_else(|| show.refused(Refusal::invalid_field("/focus", "focus-invalid", spelled)))?;
    asked.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(asked)
}

/// Whether a node is part of the answer.
fn wanted(question: Question, trace: &Value, node: &Value) -> bool {
    let distance = node["distance"].as_i64().unwrap_or_default();
    let model = |node: &Value| node["kind"] == "model";
    match question {
        Question::All => true,
        Question::Why => distance <= 0,
        Question::Led => distance >= 0,
        Question::Saw => {
            let edges = trace["edges"].as_array().into_iter().flatten();
            let id = node["id"].as_str().unwrap_or_default();
            let mut takers = edges.filter(|edge| edge["to"] == id && edge["relation"] != "quotes");
            let shown = |edge: &Value| model(lineage::node(trace, edge["from"].as_str().unwrap_or_default()));
            distance == 0 || model(node) || takers.any(shown)
        }
    }
}

/// The drawing with an address behind every node.
fn placed(run: &str, trace: &Value, drawing: Drawing) -> Value {
    let mut drawn = json!(drawing);
    for node in drawn["nodes"].as_array_mut().into_iter().flatten() {
        let known = lineage::node(trace, node["id"].as_str().unwrap_or_default());
        let here = trace["focus"] == node["id"];
        node["href"] = link(run, known, here).into();
        node["name"] = lineage::name(known).into();
        node["here"] = here.into();
    }
    for edge in drawn["edges"].as_array_mut().into_iter().flatten() {
        let end = |end: &str| lineage::name(lineage::node(trace, edge[end].as_str().unwrap_or_default()));
        edge["title"] =
            format!("{} {} {}", end("from"), edge["relation"].as_str().unwrap_or_default(), end("to")).into();
    }
    drawn
}

/// Branches with an address behind every thing.
fn linked(run: &str, trace: &Value, mut branch: Value) -> Value {
    match &mut branch {
        Value::Array(all) => all.iter_mut().for_each(|one| *one = linked(run, trace, one.take())),
        Value::Object(one) => {
            let id = one.get("id").and_then(Value::as_str).unwrap_or_default();
            let here = trace["focus"] == id;
            let href = link(run, lineage::node(trace, id), here);
            let below = one.get_mut("below").map(Value::take).unwrap_or_default();
            one.insert("below".into(), linked(run, trace, below));
            one.insert("href".into(), href.into());
        }
        _ => (),
    }
    branch
}

fn quotes(run: &str, trace: &Value) -> Vec<Value> {
    let with = |mut quote: Value| {
        let node = lineage::node(trace, quote["node"].as_str().unwrap_or_default());
        quote["href"] = link(run, node, false).into();
        quote["at"] = lineage::span(&quote["place"]).into();
        quote
    };
    lineage::quotes(trace).into_iter().map(with).collect()
}

/// The page of a thing: of a step or an artifact its own graph, or what is at the focus already, its own page.
fn link(run: &str, node: &Value, here: bool) -> String {
    let base = format!("/studio/runs/{}", escape(run));
    let text = |field: &str| node[field].as_str().map(escape);
    let first = node["events"][0].as_u64().unwrap_or_default();
    let id = node["id"].as_str().unwrap_or_default();
    let graph = || format!("{base}/graph?focus={}", escape(id).replace("%3A", ":"));
    match id.split(':').next().unwrap_or_default() {
        "step" if here => format!("{base}?step={}#inspector", node["stepNumber"]),
        "artifact" if here => {
            let line = node["line"].as_u64().map(|line| format!("?as=text&line={line}#L{line}")).unwrap_or_default();
            format!("{base}/artifacts/{}{line}", text("artifactId").unwrap_or_default())
        }
        "step" | "artifact" => graph(),
        "item" => format!("{base}/context?item={}#content", text("itemKey").unwrap_or_default()),
        "snapshot" => format!("{base}/context"),
        "approval" => format!("/studio/approvals/{}", text("approvalId").unwrap_or_default()),
        "run" => {
            let step = node["stepNumber"].as_u64().map(|step| format!("?step={step}#inspector")).unwrap_or_default();
            format!("/studio/runs/{}{step}", text("runId").unwrap_or_default())
        }
        "output" if here => format!("{base}/audit"),
        "output" => format!("{base}/graph"),
        _ => format!("{base}/events?from={first}#e{first}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_in_a_graph_has_a_page() {
        let of = |node: Value, here| link("run_1", &node, here);
        let line = json!({ "id": "artifact:art_1:5", "artifactId": "art_1", "line": 5, "events": [7] });
        assert_eq!(of(line.clone(), false), "/studio/runs/run_1/graph?focus=artifact:art_1:5");
        assert_eq!(of(line, true), "/studio/runs/run_1/artifacts/art_1?as=text&line=5#L5");
        assert_eq!(of(json!({ "id": "decision:4", "events": [4] }), false), "/studio/runs/run_1/events?from=4#e4");
        let step = json!({ "id": "run:run_2:3", "runId": "run_2", "stepNumber": 3, "events": [0] });
        assert_eq!(of(step, false), "/studio/runs/run_2?step=3#inspector");
    }
}
