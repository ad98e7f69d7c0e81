//! Schemas without room to spare: a server holds those of all contracts for as long as it runs.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Schema;

/// Reads a schema, and gives back the room that its objects and arrays grew beyond what they hold.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Schema, D::Error> {
    Value::deserialize(from).map(snug)
}

fn snug(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().map(|(name, field)| (name, snug(field))).collect()),
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(snug).collect();
            items.shrink_to_fit();
            Value::Array(items)
        }
        other => other,
    }
}
