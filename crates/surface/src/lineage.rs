//! A reply of `agent.trace` as people read it: in a terminal, on a page. Pure: the reply in, words and branches out.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::units::size;

/// A thing, and what it came from or led to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Branch {
    /// How the thing above came from this one, or this one from the thing above.
    pub(crate) how: String,
    /// Id of the node.
    pub(crate) id: String,
    /// What it is, in words.
    pub(crate) name: String,
    /// On what that rests, where that is less than an event that says so.
    pub(crate) basis: String,
    /// The events that say so; of the root, those that speak of it.
    pub(crate) events: Vec<u64>,
    /// Whether it stands further up already, with everything below it.
    pub(crate) again: bool,
    pub(crate) below: Vec<Branch>,
}

/// Where the focus of a reply came from.
pub(crate) fn back(reply: &Value) -> Branch {
    Tree { reply, ends: ("from", "to"), told: BTreeSet::new() }.root()
}

/// What it led to.
pub(crate) fn forward(reply: &Value) -> Branch {
    Tree { reply, ends: ("to", "from"), told: BTreeSet::new() }.root()
}

struct Tree<'r> {
    reply: &'r Value,
    ends: (&'static str, &'static str),
    told: BTreeSet<&'r str>,
}

impl<'r> Tree<'r> {
    fn root(mut self) -> Branch {
        let id = text(self.reply, "focus");
        let node = node(self.reply, id);
        let below = self.below(id);
        let (how, basis) = (String::new(), String::new());
        Branch {
            how,
            id: id.to_owned(),
            name: name(node),
            basis,
            events: numbers(&node["events"]),
            again: false,
            below,
        }
    }

    fn below(&mut self, id: &'r str) -> Vec<Branch> {
        self.told.insert(id);
        let mut next: Vec<&'r Value> = list(&self.reply["edges"])
            .filter(|edge| edge[self.ends.0] == id && edge["relation"] != "quotes")
            .filter(|edge| node(self.reply, text(edge, self.ends.1)).is_object())
            .collect();
        // What the line names stands behind what made it; otherwise in the order in which it happened.
        next.sort_by_key(|edge| {
            let first = numbers(&node(self.reply, text(edge, self.ends.1))["events"]).first().copied();
            (edge["relation"] == "cites", first)
        });
        next.into_iter().map(|edge| self.branch(edge)).collect()
    }

    fn branch(&mut self, edge: &'r Value) -> Branch {
        let id = text(edge, self.ends.1);
        let known = self.told.contains(id);
        let below = if known { Vec::new() } else { self.below(id) };
        // A thing that nothing stands below is said again and not referred to.
        let leads = list(&self.reply["edges"]).any(|edge| edge[self.ends.0] == id && edge["relation"] != "quotes");
        Branch {
            how: how(edge, self.ends.0 == "to"),
            id: id.to_owned(),
            name: name(node(self.reply, id)),
            basis: basis(edge),
            events: numbers(&edge["events"]),
            again: known && leads,
            below,
        }
    }
}

fn how(edge: &Value, forward: bool) -> String {
    let word = match (text(edge, "relation"), forward) {
        ("wasGeneratedBy", false) => "made by",
        ("wasGeneratedBy", true) => "made",
        ("used", false) => "used",
        ("used", true) => "used by",
        ("wasInformedBy", false) => "because of",
        ("wasInformedBy", true) => "led to",
        ("wasDerivedFrom", false) => "taken over from",
        ("wasDerivedFrom", true) => "taken over by",
        ("wasAttributedTo", false) => "word of",
        ("wasAttributedTo", true) => "said",
        ("partOf", false) => "part of",
        ("partOf", true) => "with",
        ("cites", false) => "names",
        ("cites", true) => "named by",
        (other, _) => other,
    };
    word.to_owned()
}

/// On what an edge rests, with what was read.
fn basis(edge: &Value) -> String {
    let reads = |wanted: &str| -> Vec<&str> {
        list(&edge["reads"]).filter(|read| read["basis"] == wanted).map(|read| text(read, "path")).collect()
    };
    let (recorded, contract) = (reads("recorded"), reads("contract"));
    let said = [("read", recorded), ("its text reads", contract)];
    let said = said.iter().filter(|(_, paths)| !paths.is_empty());
    let said: Vec<String> = said.map(|(word, paths)| format!("{word} {}", paths.join(", "))).collect();
    match (text(edge, "basis"), said.is_empty()) {
        ("words", _) => "the same word stands there".to_owned(),
        ("contract", true) => "its text says so".to_owned(),
        _ => said.join("; "),
    }
}

/// What a node is, in words.
pub(crate) fn name(node: &Value) -> String {
    let (id, label) = (text(node, "id"), text(node, "label"));
    let of = |field: &str| node[field].as_str().map(|text| format!(" ({text})")).unwrap_or_default();
    match id.split(':').next().unwrap_or_default() {
        "step" if node["kind"] == "model" => format!("model call, step {}, {label}", node["stepNumber"]),
        "step" if node["operation"] == label => format!("step {}, {label}", node["stepNumber"]),
        "step" => format!("step {}, {label}{}", node["stepNumber"], of("operation")),
        "artifact" if node["line"].is_null() => format!("artifact {label}"),
        "item" if node["path"].is_string() => {
            format!("{label}, at {} of item {}", text(node, "path"), text(node, "itemKey"))
        }
        "item" => format!("item {label} of the snapshot{}", of("trust")),
        "answer" => format!("the answer to: {label}"),
        "run" => format!("{}, {label}", text(node, "runId")),
        _ => label.to_owned(),
    }
}

/// Where the words of a line stand: what holds them, and where in it.
pub(crate) fn quotes(reply: &Value) -> Vec<Value> {
    let said = |quote: &Value| {
        let mut said = quote.clone();
        said["name"] = name(node(reply, text(quote, "node"))).into();
        said
    };
    list(&reply["line"]["quotes"]).map(said).collect()
}

/// How much of something a model was shown, in words.
pub(crate) fn shown(extent: &str) -> &'static str {
    match extent {
        "whole" => "whole",
        "cut" => "its beginning",
        "named" => "its name alone",
        "left_out" => "left out",
        _ => "how much, if any, cannot be seen",
    }
}

/// Bytes from one place to another, as people read them.
pub(crate) fn span(place: &Value) -> String {
    let (from, to) = (place["from"].as_u64().unwrap_or_default(), place["to"].as_u64().unwrap_or_default());
    let path = match text(place, "path") {
        "" => String::new(),
        path => format!("{path}, "),
    };
    format!("{path}line {}, bytes {from} to {to} ({})", place["line"], size(to.saturating_sub(from)))
}

/// The node of this id; null where there is none.
pub(crate) fn node<'r>(reply: &'r Value, id: &str) -> &'r Value {
    list(&reply["nodes"]).find(|node| node["id"] == id).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn numbers(value: &Value) -> Vec<u64> {
    list(value).filter_map(Value::as_u64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn branches_end_where_a_thing_was_told_before() {
        let edge = |from: &str, to: &str, relation: &str| json!({ "from": from, "to": to, "relation": relation, "basis": "recorded", "events": [1] });
        let node =
            |id: &str, kind: &str| json!({ "id": id, "kind": kind, "label": id, "events": [1], "stepNumber": 1 });
        let reply = json!({
            "focus": "output",
            "nodes": [node("output", "document"), node("step:1", "step"), node("step:2", "model"), node("input", "input")],
            "edges": [edge("output", "step:1", "wasGeneratedBy"), edge("output", "step:2", "wasGeneratedBy"),
                edge("step:2", "step:1", "used"), edge("step:1", "input", "used"), edge("output", "input", "quotes")],
        });
        let mut lines = Vec::new();
        fn tell(branch: &Branch, depth: usize, lines: &mut Vec<String>) {
            lines.push(format!(
                "{}{} {}{}",
                "  ".repeat(depth),
                branch.how,
                branch.name,
                if branch.again { " (above)" } else { "" }
            ));
            branch.below.iter().for_each(|below| tell(below, depth + 1, lines));
        }
        tell(&back(&reply), 0, &mut lines);
        insta::assert_snapshot!(lines.join("\n"), @r"
         output
          made by step 1, step:1
            used input
          made by model call, step 1, step:2
            used step 1, step:1 (above)
        ");
        assert_eq!(forward(&reply).below, []);
    }
}
