//! Contract files to contracts: one file, a folder, or everything that is built into the binary.

mod fields;

use std::{fs, io, path::Path, sync::Arc};

use serde_json::{Map, Value, json};

use crate::{
    digest::digest,
    finding::{self, Finding, Span},
    model::{Body, Contract, Kind, Meta, Source},
    yaml::{self, Document},
};

use fields::Fields;

/// The fields of a contract file that belong to [`Meta`]; every other one belongs to the kind.
const META: &[&str] = &[
    "kind",
    "key",
    "version",
    "title",
    "description",
    "goal",
    "context",
    "domain",
    "owners",
    "tags",
    "stability",
    "docs",
    "feature",
];

/// What a folder of contract files gave.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The contracts that could be read, in the order of their paths.
    pub contracts: Vec<Contract>,
    /// Everything that is wrong with the files that could not.
    pub findings: Vec<Finding>,
}

/// Reads one contract file. `path_label` is what people see as its path.
///
/// # Errors
///
/// Every finding at once, with its place: broken YAML, unknown, missing and misshapen fields.
pub fn load_file(path_label: &str, text: &str) -> Result<Contract, Vec<Finding>> {
    let text: Arc<str> = Arc::from(text);
    let contract = |(meta, body)| {
        let digest = Arc::from(digest(text.as_bytes()));
        Contract { meta, body, source: Source { path: path_label.into(), text: text.clone(), digest } }
    };
    if let Some(right) = yaml::value(&text).and_then(quickly) {
        return Ok(contract(right));
    }
    let (document, mut findings) = yaml::read(path_label, &text);
    let Some(document) = document else { return Err(findings) };
    if findings.iter().any(|finding| finding.code.starts_with("yaml-")) {
        return Err(findings);
    }
    match read(path_label, &text, &document, &mut findings) {
        Some(read) if findings.is_empty() => Ok(contract(read)),
        _ => {
            finding::sort(&mut findings);
            Err(findings)
        }
    }
}

/// Reads every `.yaml` and `.yml` file below a folder, in the order of their paths. Labels are paths relative to
/// `root`, with forward slashes. Folders and files whose name begins with a dot are left alone.
pub fn load_folder(root: &Path, folder: &Path) -> Loaded {
    let mut files = Vec::new();
    let mut loaded = Loaded::default();
    if let Err(error) = collect(folder, &mut files) {
        loaded.findings.push(unreadable(root, folder, &error));
    }
    files.sort();
    for file in files {
        let label = label(root, &file);
        match fs::read_to_string(&file) {
            Ok(text) => match load_file(&label, &text) {
                Ok(contract) => loaded.contracts.push(contract),
                Err(findings) => loaded.findings.extend(findings),
            },
            Err(error) => loaded.findings.push(unreadable(root, &file, &error)),
        }
    }
    loaded
}

/// The contracts, agents and context packs that are built into this binary.
///
/// # Panics
///
/// Never in a released binary: a test holds every built-in file to be readable.
pub fn builtin() -> Vec<Contract> {
    BUILTIN
        .iter()
        .map(|(path, text)| {
            load_file(&format!("builtin:{path}"), text).unwrap_or_else(|findings| {
                panic!("the built-in contract {path} cannot be read: {}", findings[0]);
            })
        })
        .collect()
}

/// Path and text of every built-in file, in the order of their paths.
pub const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

fn collect(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

fn label(root: &Path, file: &Path) -> String {
    let relative = file.strip_prefix(root).unwrap_or(file);
    relative.to_string_lossy().replace('\\', "/")
}

fn unreadable(root: &Path, path: &Path, error: &io::Error) -> Finding {
    let message = format!("the file cannot be read: {error}");
    Finding::error("unreadable", message).at(label(root, path), Arc::from(""), Span::default())
}

/// Reads a contract that is right; `None` when anything is wrong with it, which is then found out with its place.
fn quickly(value: Value) -> Option<(Meta, Body)> {
    let Value::Object(top) = value else { return None };
    let (meta, body): (Map<_, _>, Map<_, _>) = top.into_iter().partition(|(name, _)| META.contains(&name.as_str()));
    let meta: Meta = serde_json::from_value(Value::Object(meta)).ok()?;
    let body = Value::Object(with_defaults(meta.kind, body));
    let body = match meta.kind {
        Kind::Command | Kind::Query => serde_json::from_value(body).map(Body::Operation),
        Kind::Event => serde_json::from_value(body).map(Body::Event),
        Kind::Capability => serde_json::from_value(body).map(Body::Capability),
        Kind::Feature => serde_json::from_value(body).map(Body::Feature),
        Kind::Form => serde_json::from_value(body).map(Body::Form),
        Kind::View => serde_json::from_value(body).map(Body::View),
        Kind::Presentation => serde_json::from_value(body).map(Body::Presentation),
        Kind::Agent => serde_json::from_value(body).map(Body::Agent),
        Kind::ContextPack => serde_json::from_value(body).map(Body::ContextPack),
    };
    Some((meta, body.ok()?))
}

/// What goes without saying: a query only reads, so a second one has no further effect, with or without a key.
fn with_defaults(kind: Kind, mut body: Map<String, Value>) -> Map<String, Value> {
    if kind == Kind::Query {
        body.entry("hints").or_insert_with(|| json!({ "readOnly": true, "idempotent": true }));
        body.entry("idempotency").or_insert_with(|| json!("natural"));
    }
    body
}

fn read(file: &str, text: &Arc<str>, document: &Document, findings: &mut Vec<Finding>) -> Option<(Meta, Body)> {
    let Value::Object(top) = &document.value else {
        let span = document.span("");
        findings.push(Finding::error("not-a-mapping", "a contract is a mapping of fields").at(
            file,
            text.clone(),
            span,
        ));
        return None;
    };
    let (meta, body): (Map<_, _>, Map<_, _>) =
        top.clone().into_iter().partition(|(name, _)| META.contains(&name.as_str()));
    let mut fields = Fields { file, text, document, findings };
    let kind = fields.kind(&meta)?;
    let meta: Option<Meta> = fields.read("a contract", meta, fields::meta_skeleton());
    let body = fields.body(kind, with_defaults(kind, body));
    Some((meta?, body?))
}

impl Fields<'_> {
    fn body(&mut self, kind: Kind, body: Map<String, Value>) -> Option<Body> {
        let skeleton = fields::body_skeleton(kind);
        Some(match kind {
            Kind::Command => Body::Operation(self.read("a command", body, skeleton)?),
            Kind::Query => Body::Operation(self.read("a query", body, skeleton)?),
            Kind::Event => Body::Event(self.read("an event", body, skeleton)?),
            Kind::Capability => Body::Capability(self.read("a capability", body, skeleton)?),
            Kind::Feature => Body::Feature(self.read("a feature", body, skeleton)?),
            Kind::Form => Body::Form(self.read("a form", body, skeleton)?),
            Kind::View => Body::View(self.read("a view", body, skeleton)?),
            Kind::Presentation => Body::Presentation(self.read("a presentation", body, skeleton)?),
            Kind::Agent => Body::Agent(self.read("an agent", body, skeleton)?),
            Kind::ContextPack => Body::ContextPack(self.read("a context pack", body, skeleton)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_file_can_be_read() {
        let findings: Vec<_> = BUILTIN
            .iter()
            .filter_map(|(path, text)| load_file(path, text).err())
            .flatten()
            .map(|finding| finding.to_string())
            .collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        assert!(!BUILTIN.is_empty());
    }
}
