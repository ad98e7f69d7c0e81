//! Finding one's way in a schema: local references, fields by dotted path, every schema inside.

use serde_json::Value;

use crate::{model::Schema, yaml::join};

/// Follows references inside the document, a few at most: a cycle ends at some schema of it.
pub fn resolve<'a>(root: &'a Schema, mut schema: &'a Schema) -> &'a Schema {
    for _ in 0..8 {
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
        match target.and_then(|target| root.pointer(target)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// What a dotted path leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    /// A field that the schema names.
    Named(&'a Schema),
    /// A field of an object that takes any field.
    Free,
    /// Nothing: the schema allows no such field.
    Missing,
}

/// The field at a dotted path such as `customer.email`. Lists are passed through: `lines.sku` is the `sku` of every
/// line.
pub fn field<'a>(root: &'a Schema, path: &str) -> Found<'a> {
    path.split('.').fold(Found::Named(root), |found, name| match found {
        Found::Named(schema) => step(root, schema, name, 0),
        other => other,
    })
}

fn step<'a>(root: &'a Schema, schema: &'a Schema, name: &str, depth: u8) -> Found<'a> {
    let schema = resolve(root, schema);
    // A reference that is still there leads to itself or outside.
    if depth > 8 || schema.get("$ref").is_some() {
        return Found::Missing;
    }
    if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
        return step(root, items, name, depth + 1);
    }
    if let Some(field) = schema.get("properties").and_then(|fields| fields.get(name)) {
        return Found::Named(field);
    }
    let branches = branches(schema).map(|branch| step(root, branch, name, depth + 1));
    let found = branches.reduce(|best, next| if matches!(best, Found::Missing | Found::Free) { next } else { best });
    match found {
        Some(Found::Missing | Found::Free) | None if takes_any_field(schema) => Found::Free,
        Some(found) => found,
        None => Found::Missing,
    }
}

/// Whether an object with a field that is not named is allowed.
fn takes_any_field(schema: &Schema) -> bool {
    let may_be_object = match schema.get("type") {
        None => branches(schema).next().is_none(),
        Some(Value::String(kind)) => kind == "object",
        Some(kinds) => kinds.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "object")),
    };
    may_be_object && schema.get("additionalProperties") != Some(&Value::Bool(false)) && !schema.is_boolean()
}

/// The alternatives and parts that apply to the same value.
pub fn branches(schema: &Schema) -> impl Iterator<Item = &Schema> {
    ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten()
}

/// The fields that an object schema names at its top, in order.
pub fn fields<'a>(root: &'a Schema, schema: &'a Schema) -> impl Iterator<Item = (&'a str, &'a Schema)> {
    let fields = resolve(root, schema).get("properties").and_then(Value::as_object);
    fields.into_iter().flatten().map(|(name, field)| (name.as_str(), field))
}

/// The names that an object schema requires at its top, in order.
pub fn required<'a>(root: &'a Schema, schema: &'a Schema) -> impl Iterator<Item = &'a str> {
    let names = resolve(root, schema).get("required").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

/// Keywords whose value is one schema.
const ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "unevaluatedProperties",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a map of schemas.
const MAP: &[&str] = &["properties", "patternProperties", "$defs", "dependentSchemas"];

/// Calls `visit` with every schema in a document and its JSON pointer, outer ones first.
pub fn visit<'a>(schema: &'a Schema, pointer: &str, visit: &mut impl FnMut(&str, &'a Schema)) {
    visit_inner(schema, pointer, visit);
}

fn visit_inner<'a>(schema: &'a Schema, pointer: &str, visit: &mut impl FnMut(&str, &'a Schema)) {
    visit(pointer, schema);
    let Some(keywords) = schema.as_object() else { return };
    for (keyword, value) in keywords {
        let at = join(pointer, keyword);
        match value {
            Value::Object(_) | Value::Bool(_) if ONE.contains(&keyword.as_str()) => visit_inner(value, &at, visit),
            Value::Array(list) if LIST.contains(&keyword.as_str()) => {
                for (index, inner) in list.iter().enumerate() {
                    visit_inner(inner, &join(&at, &index.to_string()), visit);
                }
            }
            Value::Object(map) if MAP.contains(&keyword.as_str()) => {
                for (name, inner) in map {
                    visit_inner(inner, &join(&at, name), visit);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_lists_and_references() {
        let schema = json!({
            "type": "object", "additionalProperties": false,
            "properties": {
                "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
                "labels": { "type": "object" },
            },
            "$defs": { "line": {
                "type": "object", "additionalProperties": false, "properties": { "sku": { "type": "string" } },
            } },
        });
        assert_eq!(field(&schema, "lines.sku"), Found::Named(&json!({ "type": "string" })));
        assert_eq!(field(&schema, "lines.name"), Found::Missing);
        assert_eq!(field(&schema, "labels.any.thing"), Found::Free);
        assert_eq!(field(&schema, "line"), Found::Missing);
    }

    #[test]
    fn a_reference_to_itself_ends() {
        let schema = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
        assert_eq!(field(&schema, "a.b.c"), Found::Missing);
    }
}
