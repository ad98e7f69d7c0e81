//! The formats that providers speak. Each is a function to a request body and a reader of the streamed answer.

mod anthropic;
mod chat;
mod gemini;
mod ollama;
mod openai;
mod openai_chat;

use affiant_engine::ports::{ModelRequest, Part, ProviderKind};
use serde_json::{Map, Value, json};

use super::{draft::Reader, frames::Framing};

/// One format.
pub(super) trait Wire: Send + Sync {
    /// Path of a request below the base URL, as segments.
    fn path(&self, model: &str) -> Vec<String>;
    /// The query of a request.
    fn query(&self) -> Option<&'static str> {
        None
    }
    /// The fields that every request carries, the key's apart.
    fn fields(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// The field that carries the key, and its value.
    fn key(&self, key: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {key}"))
    }
    /// The request.
    fn body(&self, asked: Asked<'_>) -> Value;
    /// A reader of the answer, when the conversation holds so many calls already.
    fn reader(&self, calls: usize) -> Box<dyn Reader>;
    /// How the answer is cut.
    fn framing(&self) -> Framing {
        Framing::Events
    }
    /// Where the list of models is, as segments, and where the names stand in it.
    fn models(&self) -> (&'static [&'static str], Names) {
        (&["models"], |list| names(list, "data", "id"))
    }
}

/// Reads the names of models out of a provider's list.
pub(super) type Names = fn(&Value) -> Vec<String>;

/// What is asked.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) model: &'a str,
    pub(super) request: &'a ModelRequest,
    /// Whether the provider is at the kind's own address, not at a compatible one.
    pub(super) at_home: bool,
}

/// The format of a kind.
pub(super) fn wire(kind: ProviderKind) -> &'static dyn Wire {
    match kind {
        ProviderKind::Anthropic => &anthropic::Anthropic,
        ProviderKind::Openai => &openai::Openai,
        ProviderKind::OpenaiChat => &openai_chat::OpenaiChat,
        ProviderKind::Gemini => &gemini::Gemini,
        ProviderKind::Ollama => &ollama::Ollama,
    }
}

/// How many calls of tools a conversation holds.
pub(super) fn calls(request: &ModelRequest) -> usize {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.filter(|part| matches!(part, Part::Call { .. })).count()
}

fn names(list: &Value, field: &str, name: &str) -> Vec<String> {
    let rows = list[field].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(|row| Some(row[name].as_str()?.trim_start_matches("models/").to_owned())).collect()
}

/// Arguments as the object that some formats want. What is no object (a cut answer) is shown to the model as it was.
fn object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(value @ Value::Object(_)) => value,
        Ok(Value::Null) => json!({}),
        _ if arguments.trim().is_empty() => json!({}),
        _ => json!({ "unreadable": arguments }),
    }
}

/// The content of a tool's result, for formats that cannot mark an error.
fn spoken(content: &str, error: bool) -> String {
    match error {
        true => format!("Error: {content}"),
        false => content.to_owned(),
    }
}

/// The texts of a message, joined.
fn texts(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text { text } if !text.is_empty() => Some(text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n\n")
}

/// Sets a field of an object where there is a value for it.
fn set(object: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(field.to_owned(), value);
    }
}

/// Whether a schema says of every object that all fields are required and no others allowed: what providers want of a
/// schema that they hold a model to.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object);
            let is_object = fields.get("type").is_some_and(|kind| kind == "object") || properties.is_some();
            let required = fields.get("required").and_then(Value::as_array).map_or(0, Vec::len);
            let closed = fields.get("additionalProperties") == Some(&Value::Bool(false))
                && required == properties.map_or(0, Map::len);
            (!is_object || closed) && fields.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

/// A number of tokens.
fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn text_at(value: &Value, pointer: &str) -> Option<String> {
    Some(value.pointer(pointer)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_strict_when_every_object_in_it_is_closed_and_whole() {
        let closed = json!({ "type": "object", "required": ["a"], "additionalProperties": false,
            "properties": { "a": { "type": "array", "items": { "type": "string" } } } });
        assert!(is_strict(&closed));
        let mut open = closed.clone();
        open["required"] = json!([]);
        assert!(!is_strict(&open));
        assert!(!is_strict(&json!({ "type": "array", "items": { "type": "object", "properties": {} } })));
    }

    #[test]
    fn arguments_that_were_cut_are_shown_as_they_were() {
        assert_eq!(object(r#"{"a":1}"#), json!({ "a": 1 }));
        assert_eq!(object(""), json!({}));
        assert_eq!(object(r#"{"a":"#), json!({ "unreadable": "{\"a\":" }));
    }
}
