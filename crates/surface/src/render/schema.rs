//! Contract schemas as they stand in rendered documents.
//!
//! The gateway holds every integer within ±(2^53−1), whatever its schema says; a document that other programs check
//! against has to say so. It also says aloud where an object is free, because generators take silence for emptiness.
//! And a schema that moves into a larger document takes its references along.

use affiant_contract::{MAX_SAFE_INTEGER, Schema};
use serde_json::{Map, Value, json};

/// Keywords whose value is one schema.
const ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
];
/// Keywords whose value is a list of schemas.
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value maps names to schemas.
const NAMED: &[&str] = &["properties", "patternProperties", "dependentSchemas", "$defs"];

/// The schema with the bounds of integers and the freedom of objects written down. It accepts what it accepted.
pub(super) fn explicit(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    each(&mut schema, &mut |fields| {
        bound_integers(fields);
        free_objects(fields);
    });
    schema
}

/// The schema with each reference into itself (`#/$defs/…`) made a reference below `base`.
pub(super) fn rebased(schema: &Schema, base: &str) -> Schema {
    let mut schema = schema.clone();
    each(&mut schema, &mut |fields| {
        let Some(Value::String(target)) = fields.get_mut("$ref") else { return };
        if let Some(inner) = target.strip_prefix('#') {
            *target = format!("{base}{inner}");
        }
    });
    schema
}

/// Whether the schema refers to a part of itself.
pub(super) fn refers(schema: &Schema) -> bool {
    let mut found = false;
    each(&mut schema.clone(), &mut |fields| found |= fields.contains_key("$ref"));
    found
}

/// Calls `change` for the schema and every schema inside it. Values that only look like one, in `enum`, `default` or
/// `examples`, are left alone.
pub(super) fn each(schema: &mut Schema, change: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(fields) = schema else { return };
    change(fields);
    for (keyword, value) in fields {
        match value {
            inner if ONE.contains(&keyword.as_str()) => each(inner, change),
            Value::Array(list) if LIST.contains(&keyword.as_str()) => {
                list.iter_mut().for_each(|inner| each(inner, change));
            }
            Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                named.values_mut().for_each(|inner| each(inner, change));
            }
            _ => {}
        }
    }
}

fn bound_integers(fields: &mut Map<String, Value>) {
    let integer = match fields.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "integer"),
        _ => false,
    };
    if !integer || fields.contains_key("enum") || fields.contains_key("const") {
        return;
    }
    for (inclusive, exclusive, bound) in
        [("minimum", "exclusiveMinimum", -MAX_SAFE_INTEGER), ("maximum", "exclusiveMaximum", MAX_SAFE_INTEGER)]
    {
        if !fields.contains_key(inclusive) && !fields.contains_key(exclusive) {
            fields.insert(inclusive.to_owned(), json!(bound));
        }
    }
}

fn free_objects(fields: &mut Map<String, Value>) {
    const SHAPES: &[&str] =
        &["properties", "patternProperties", "additionalProperties", "allOf", "anyOf", "oneOf", "$ref"];
    let object = fields.get("type").is_some_and(|kind| kind == "object");
    if object && !SHAPES.iter().any(|shape| fields.contains_key(*shape)) {
        fields.insert("additionalProperties".to_owned(), json!(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_get_the_bounds_that_the_gateway_checks() {
        let schema = json!({ "properties": { "n": { "type": "integer", "minimum": 0 }, "s": { "type": "string" } } });
        let expected = json!({ "properties": {
            "n": { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_i64 },
            "s": { "type": "string" },
        } });
        assert_eq!(explicit(&schema), expected);
    }

    #[test]
    fn a_free_object_says_that_it_is_free() {
        let free = json!({ "type": "object", "description": "Labels." });
        assert_eq!(explicit(&free)["additionalProperties"], json!(true));
        let shaped = json!({ "type": "object", "properties": {} });
        assert_eq!(explicit(&shaped), shaped);
    }

    #[test]
    fn a_default_that_looks_like_a_schema_is_left_alone() {
        let schema = json!({ "type": "array", "default": { "type": "integer" } });
        assert_eq!(explicit(&schema), schema);
    }

    #[test]
    fn references_into_a_schema_move_with_it() {
        let schema = json!({ "items": { "$ref": "#/$defs/item" }, "$defs": { "item": { "$ref": "#" } } });
        let moved = rebased(&schema, "#/components/schemas/x");
        assert_eq!(moved.pointer("/items/$ref"), Some(&json!("#/components/schemas/x/$defs/item")));
        assert_eq!(moved.pointer("/$defs/item/$ref"), Some(&json!("#/components/schemas/x")));
        assert!(refers(&schema) && !refers(&json!({ "enum": [{ "$ref": "#" }] })));
    }
}
