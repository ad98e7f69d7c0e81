//! The same request in four languages: a shell, our command line, Python and TypeScript.

use affiant_contract::{Contract, Kind, Schema};
use serde_json::{Map, Value};

use super::pretty::pretty;
use crate::render::names::{exact_path, method};

/// Where a server listens unless it is told otherwise.
pub(crate) const SERVER: &str = "http://127.0.0.1:4780";

/// One request, ready to be written in any language.
pub(crate) struct Request<'a> {
    /// The operation.
    pub contract: &'a Contract,
    /// Whether no other version is newer; the command line then needs no version.
    pub newest: bool,
    /// Its input.
    pub input: &'a Map<String, Value>,
}

impl Request<'_> {
    fn url(&self) -> String {
        format!("{SERVER}{}", exact_path(&self.contract.reference()))
    }

    fn is_query(&self) -> bool {
        self.contract.meta.kind == Kind::Query
    }

    /// Name and text of each query parameter; lists are repeated, objects are JSON.
    fn parameters(&self) -> Vec<(&str, String)> {
        let texts = |value: &Value| match value {
            Value::Array(items) if !items.is_empty() && items.iter().all(is_plain) => items.iter().map(plain).collect(),
            value => vec![plain(value)],
        };
        self.input.iter().flat_map(|(name, value)| texts(value).into_iter().map(|text| (name.as_str(), text))).collect()
    }

    /// For a shell, with curl.
    pub(crate) fn curl(&self) -> String {
        let mut lines = Vec::new();
        let authorise = "--header \"Authorization: Bearer $AFFIANT_TOKEN\"".to_owned();
        if self.is_query() {
            lines.push(format!("curl --get {}", self.url()));
            lines.push(authorise);
            lines.extend(
                self.parameters()
                    .iter()
                    .map(|(name, text)| format!("--data-urlencode {}", shell(&format!("{name}={text}")))),
            );
        } else {
            lines.push(format!("curl {}", self.url()));
            lines.push(authorise);
            lines.push("--header \"Idempotency-Key: $(uuidgen)\"".to_owned());
            lines.push(format!("--json {}", shell(&pretty(&Value::Object(self.input.clone())))));
        }
        lines.join(" \\\n  ")
    }

    /// With our own command line.
    pub(crate) fn cli(&self) -> String {
        let mut words = vec![command(self.contract, self.newest)];
        let schema = self.contract.operation().map_or(&Value::Null, |operation| &operation.input);
        words.extend(self.input.iter().map(|(name, value)| flag(schema, name, value)));
        let line = words.join(" ");
        if line.len() <= 88 { line } else { words.join(" \\\n  ") }
    }

    /// With Python's standard library.
    pub(crate) fn python(&self) -> String {
        if self.is_query() { self.python_get() } else { self.python_post() }
    }

    fn python_get(&self) -> String {
        let url = self.url();
        let parameters = self.parameters();
        let (address, query) = if parameters.is_empty() {
            (format!("\"{url}\""), String::new())
        } else {
            let pairs = parameters.iter().map(|(name, text)| format!("    ({}, {}),\n", quoted(name), quoted(text)));
            let list: String = pairs.collect();
            (format!("\"{url}?\" + urllib.parse.urlencode(query)"), format!("query = [\n{list}]\n"))
        };
        let parse = if query.is_empty() { "" } else { ", urllib.parse" };
        format!(
            "import json, os{parse}, urllib.request\n\n{query}request = urllib.request.Request(\n    {address},\n    \
             headers={{\"Authorization\": \"Bearer \" + os.environ[\"AFFIANT_TOKEN\"]}},\n)\n{PYTHON_SEND}"
        )
    }

    fn python_post(&self) -> String {
        let body = python_value(&Value::Object(self.input.clone()), 0);
        format!(
            "import json, os, urllib.request, uuid\n\nbody = {body}\nrequest = urllib.request.Request(\n    \"{url}\",\n    \
             data=json.dumps(body).encode(),\n    headers={{\n        \"Authorization\": \"Bearer \" + \
             os.environ[\"AFFIANT_TOKEN\"],\n        \"Content-Type\": \"application/json\",\n        \
             \"Idempotency-Key\": str(uuid.uuid4()),\n    }},\n    method=\"{method}\",\n)\n{PYTHON_SEND}",
            url = self.url(),
            method = method(self.contract.meta.kind),
        )
    }

    /// With `fetch`, in a browser or in Node.
    pub(crate) fn typescript(&self) -> String {
        if self.is_query() { self.typescript_get() } else { self.typescript_post() }
    }

    fn typescript_get(&self) -> String {
        let pairs = self.parameters();
        let adds =
            pairs.iter().map(|(name, text)| format!("url.searchParams.append({}, {});\n", quoted(name), quoted(text)));
        let adds: String = adds.collect();
        let url = self.url();
        let head = if adds.is_empty() { String::new() } else { format!("const url = new URL(\"{url}\");\n{adds}") };
        let address = if adds.is_empty() { format!("\"{url}\"") } else { "url".to_owned() };
        format!(
            "{head}const response = await fetch({address}, {{\n  headers: {{ Authorization: `Bearer \
             ${{process.env.AFFIANT_TOKEN}}` }},\n}});\n{TYPESCRIPT_READ}"
        )
    }

    fn typescript_post(&self) -> String {
        let body = pretty(&Value::Object(self.input.clone())).replace('\n', "\n  ");
        format!(
            "const response = await fetch(\"{url}\", {{\n  method: \"{method}\",\n  headers: {{\n    Authorization: `Bearer \
             ${{process.env.AFFIANT_TOKEN}}`,\n    \"Content-Type\": \"application/json\",\n    \"Idempotency-Key\": \
             crypto.randomUUID(),\n  }},\n  body: JSON.stringify({body}),\n}});\n{TYPESCRIPT_READ}",
            url = self.url(),
            method = method(self.contract.meta.kind),
        )
    }
}

const PYTHON_SEND: &str = "with urllib.request.urlopen(request) as response:\n    print(json.load(response))";
const TYPESCRIPT_READ: &str =
    "if (!response.ok) throw new Error((await response.json()).detail);\nconsole.log(await response.json());";

/// `affiant call agent.run`, before its flags.
pub(crate) fn command(contract: &Contract, newest: bool) -> String {
    match newest {
        true => format!("affiant call {}", contract.meta.key),
        false => format!("affiant call {}", contract.reference()),
    }
}

/// `--agentKey release-notes`: how a field is given on the command line. Texts are given as they are, everything else
/// as JSON, and lists by repeating the flag.
fn flag(input: &Schema, name: &str, value: &Value) -> String {
    let schema = &input["properties"][name];
    let text = |schema: &Schema, value: &Value| match value {
        Value::String(text) if schema["type"] == "string" => text.clone(),
        other => other.to_string(),
    };
    let one = |schema: &Schema, value: &Value| format!("--{name} {}", shell(&text(schema, value)));
    match value {
        Value::Array(items) if schema["type"] == "array" && !items.is_empty() => {
            items.iter().map(|item| one(&schema["items"], item)).collect::<Vec<_>>().join(" ")
        }
        value => one(schema, value),
    }
}

fn is_plain(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// A value as a query string or a command line has it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A word of a shell command: as it is when nothing in it is special, else in single quotes.
fn shell(word: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./:@=,+%".contains(c);
    if !word.is_empty() && word.chars().all(harmless) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A text in double quotes, as JSON, Python and TypeScript all read it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A value as Python writes it.
fn python_value(value: &Value, depth: usize) -> String {
    let (here, inside) = ("    ".repeat(depth), "    ".repeat(depth + 1));
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) if !items.is_empty() => {
            let lines = items.iter().map(|item| format!("{inside}{},\n", python_value(item, depth + 1)));
            format!("[\n{}{here}]", lines.collect::<String>())
        }
        Value::Object(fields) if !fields.is_empty() => {
            let lines = fields
                .iter()
                .map(|(name, field)| format!("{inside}{}: {},\n", quoted(name), python_value(field, depth + 1)));
            format!("{{\n{}{here}}}", lines.collect::<String>())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_read_are_quoted() {
        assert_eq!(shell("run_01JD"), "run_01JD");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell("$HOME"), "'$HOME'");
        assert_eq!(shell(""), "''");
    }

    #[test]
    fn python_writes_its_own_constants() {
        let value = serde_json::json!({ "a": [true, null], "b": {} });
        assert_eq!(python_value(&value, 0), "{\n    \"a\": [\n        True,\n        None,\n    ],\n    \"b\": {},\n}");
    }
}
