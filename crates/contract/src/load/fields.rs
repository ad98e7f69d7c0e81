//! The fields of a contract file, read into the model with every mistake reported at its place.
//!
//! Reading stops at the first mistake, so it is done again: an unknown field is left out, a misshapen or missing
//! one is replaced by what stands in a minimal contract of the kind, and each round reports one mistake.

use std::sync::Arc;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use serde_path_to_error::Segment;

use crate::{
    finding::Finding,
    model::{CommandBinding, HttpBinding, Kind, McpBinding, RulesPlanner},
    suggest::nearest,
    yaml::{self, Document},
};

use super::META;

/// One file while its fields are read.
pub(super) struct Fields<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a Arc<str>,
    pub(super) document: &'a Document,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// A mistake that reading met: where, and what serde says about it.
struct Mistake {
    pointer: String,
    message: String,
}

impl Mistake {
    fn new(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let message = error.inner().to_string();
        let mut pointer = pointer(error.path());
        // The path of an unknown field names the field itself or the fields around it; here it is always the latter.
        if let Some(field) = quoted(&message).first().filter(|_| message.starts_with("unknown field"))
            && let Some(around) = pointer.strip_suffix(&yaml::join("", field))
        {
            pointer.truncate(around.len());
        }
        Self { pointer, message }
    }
}

impl Fields<'_> {
    /// The kind, which decides how everything else is read.
    pub(super) fn kind(&mut self, meta: &Map<String, Value>) -> Option<Kind> {
        let Some(value) = meta.get("kind") else {
            let finding = Finding::error("missing-field", "`kind` is missing");
            let help = "Begin the file with `kind: command`, `query`, `event`, `agent` or another kind";
            self.push("", finding.help(help));
            return None;
        };
        match Kind::deserialize(value) {
            Ok(kind) => Some(kind),
            Err(error) => {
                self.report(&Mistake { pointer: "/kind".into(), message: error.to_string() }, "a contract");
                None
            }
        }
    }

    /// Reads `fields` as a `T`, reporting every mistake; `None` when there was one.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        what: &str,
        mut fields: Map<String, Value>,
        skeleton: Value,
    ) -> Option<T> {
        let before = self.findings.len();
        // Each round removes a field or puts a right one in its place, so this many rounds are enough.
        for _ in 0..200 {
            let value = Value::Object(fields.clone());
            let mistake = match serde_path_to_error::deserialize::<_, T>(&value) {
                Ok(read) => return (self.findings.len() == before).then_some(read),
                Err(error) => refine(&value, Mistake::new(&error)),
            };
            self.report(&mistake, what);
            repair(&mut fields, &mistake, &skeleton);
        }
        None
    }

    fn report(&mut self, mistake: &Mistake, what: &str) {
        let Mistake { pointer, message } = mistake;
        let names = quoted(message);
        if let Some(field) = names.first().filter(|_| message.starts_with("unknown field")) {
            let top = !pointer.contains('/');
            let known = names[1..].iter().copied().chain(META.iter().copied().filter(|_| top));
            let finding = Finding::error("unknown-field", format!("{what} has no field `{field}`{}", place(pointer)));
            let span = self.document.key_span(&yaml::join(pointer, field));
            let finding = finding.help(suggestion(field, known)).at(self.file, self.text.clone(), span);
            self.findings.push(finding);
        } else if let Some(field) = names.first().filter(|_| message.starts_with("missing field")) {
            let finding = Finding::error("missing-field", format!("`{field}` is missing{}", place(pointer)));
            self.push(pointer, finding.help(format!("Add `{field}: …`")));
        } else if let Some(variant) = names.first().filter(|_| message.starts_with("unknown variant")) {
            let field = pointer.rsplit('/').next().unwrap_or_default();
            let finding = Finding::error("unknown-value", format!("`{variant}` is not a value of `{field}`"));
            self.push(pointer, finding.help(suggestion(variant, names[1..].iter().copied())));
        } else {
            let finding = Finding::error("misshapen-field", format!("{}{message}", of(pointer)));
            let version = message.contains("semver");
            self.push(
                pointer,
                if version { finding.help("A version has three numbers, such as 1.0.0") } else { finding },
            );
        }
    }

    fn push(&mut self, pointer: &str, finding: Finding) {
        let span = self.document.span(pointer);
        self.findings.push(finding.at(self.file, self.text.clone(), span));
    }
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" in `{}`", dotted(pointer)) }
}

fn of(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!("`{}`: ", dotted(pointer)) }
}

/// `/emits/0/when` as people write it: `emits[0].when`.
fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for segment in pointer.split('/').skip(1) {
        if segment.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{segment}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(segment);
        }
    }
    text
}

fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(name, known.clone()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None => format!("Known are {}", known.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The texts that stand in backquotes in a message of serde.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => yaml::join(&pointer, &index.to_string()),
        Segment::Map { key } => yaml::join(&pointer, key),
        Segment::Enum { variant } => yaml::join(&pointer, variant),
        Segment::Unknown => pointer,
    })
}

/// Tagged values are read in one piece, which loses the place inside them; reading what the tag names finds it.
fn refine(value: &Value, mistake: Mistake) -> Mistake {
    let inner = match mistake.pointer.as_str() {
        "/binding" => tagged(value, "/binding", |kind, value| match kind {
            "http" => inside::<HttpBinding>(value),
            "command" => inside::<CommandBinding>(value),
            "mcp" => inside::<McpBinding>(value),
            _ => None,
        }),
        "/planner" => tagged(value, "/planner", |_, value| inside::<RulesPlanner>(value)),
        _ => None,
    };
    inner.unwrap_or(mistake)
}

fn tagged(value: &Value, at: &str, read: impl Fn(&str, Value) -> Option<Mistake>) -> Option<Mistake> {
    let mut fields = value.pointer(at)?.as_object()?.clone();
    let kind = fields.shift_remove("kind")?;
    let mistake = read(kind.as_str()?, Value::Object(fields))?;
    Some(Mistake { pointer: format!("{at}{}", mistake.pointer), ..mistake })
}

fn inside<T: DeserializeOwned>(value: Value) -> Option<Mistake> {
    let error = serde_path_to_error::deserialize::<_, T>(&value).err()?;
    Some(Mistake::new(&error))
}

/// Makes the fields right where the mistake is, so that the next round finds the next one.
fn repair(fields: &mut Map<String, Value>, mistake: &Mistake, skeleton: &Value) {
    if mistake.message.starts_with("unknown field") {
        let names = quoted(&mistake.message);
        let mut value = Value::Object(std::mem::take(fields));
        let parent = value.pointer_mut(&mistake.pointer).and_then(Value::as_object_mut);
        let removed = parent.zip(names.first()).and_then(|(parent, name)| parent.shift_remove(*name));
        if let Value::Object(repaired) = value {
            *fields = repaired;
        }
        if removed.is_some() {
            return;
        }
    }
    let top = match mistake.pointer.split('/').nth(1) {
        Some(top) => top.to_owned(),
        None => quoted(&mistake.message).first().map(|name| (*name).to_owned()).unwrap_or_default(),
    };
    match skeleton.get(&top) {
        Some(right) => fields.insert(top, right.clone()),
        None => fields.shift_remove(&top),
    };
}

/// The fields of [`crate::model::Meta`] that must be there, with right values.
pub(super) fn meta_skeleton() -> Value {
    json!({
        "kind": "command", "key": "a.key", "version": "1.0.0", "title": "Title", "description": "Description.",
        "domain": "domain", "stability": "experimental",
    })
}

/// The fields that a contract of this kind must have, with right values.
pub(super) fn body_skeleton(kind: Kind) -> Value {
    let object = json!({ "type": "object" });
    match kind {
        Kind::Command | Kind::Query => {
            json!({ "input": object, "output": object, "policy": { "auth": "user" } })
        }
        Kind::Event => json!({ "payload": object }),
        Kind::Capability => json!({ "capabilityKind": "integration", "provides": [] }),
        Kind::Feature => json!({ "capabilities": [], "includes": [] }),
        Kind::Form => json!({
            "operation": "an.operation@1.0.0", "fields": [], "action": { "key": "run", "label": "Run" },
        }),
        Kind::View => json!({
            "operation": "an.operation@1.0.0", "entity": "row", "items": "items", "columns": [],
        }),
        Kind::Presentation => json!({ "operation": "an.operation@1.0.0", "formats": [], "sections": [] }),
        Kind::Agent => json!({ "input": object, "planner": { "kind": "rules", "rules": [] } }),
        Kind::ContextPack => json!({ "sources": [] }),
    }
}
