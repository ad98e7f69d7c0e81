//! A schema as rows that people read: each field once, nested ones below the one that holds them.

use std::collections::BTreeMap;

use affiant_contract::{FieldClass, Schema};
use serde_json::{Map, Value};

use super::page::Field;

/// Deeper nesting is shown by the schema alone.
const DEEPEST: usize = 6;

/// The fields of an object schema. `examples` are values that satisfy it; `classes` are field classes by dotted path.
pub(crate) fn fields(
    schema: &Schema,
    examples: &[&Map<String, Value>],
    classes: &BTreeMap<String, FieldClass>,
) -> Vec<Field> {
    let examples: Vec<Value> = examples.iter().map(|example| Value::Object((*example).clone())).collect();
    let mut reader = Reader { root: schema, examples: &examples, classes, rows: Vec::new() };
    reader.object(schema, "", 0);
    reader.rows
}

/// Follows references inside the document, a few at most.
pub(crate) fn resolve<'a>(root: &'a Schema, mut schema: &'a Schema) -> &'a Schema {
    for _ in 0..8 {
        let target = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#'));
        match target.and_then(|target| root.pointer(target)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

struct Reader<'a> {
    root: &'a Schema,
    examples: &'a [Value],
    classes: &'a BTreeMap<String, FieldClass>,
    rows: Vec<Field>,
}

impl<'a> Reader<'a> {
    /// The fields of an object, those of everything it is composed of included.
    fn object(&mut self, schema: &'a Schema, path: &str, depth: usize) {
        let schema = resolve(self.root, schema);
        let required: Vec<&str> = texts(&schema["required"]).collect();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.field(field, name, path, depth, required.contains(&name.as_str()));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.object(part, path, depth);
        }
    }

    fn field(&mut self, schema: &'a Schema, name: &str, path: String, depth: usize, required: bool) {
        let described = schema["description"].as_str();
        let schema = resolve(self.root, schema);
        let inner = self.inner(schema, &path);
        let example = self.example(&path).filter(|value| !value.is_object() && !is_list_of_objects(value));
        self.rows.push(Field {
            name: name.to_owned(),
            depth,
            kind: kind(self.root, schema),
            required,
            description: described.or_else(|| schema["description"].as_str()).map(str::to_owned),
            constraints: constraints(self.root, schema),
            values: values(self.root, schema),
            default: schema.get("default").cloned(),
            example: example.cloned(),
            class: self.classes.get(&path.replace("[]", "")).copied(),
            path,
        });
        if let Some((inner, path)) = inner.filter(|_| depth + 1 < DEEPEST) {
            self.object(inner, &path, depth + 1);
        }
    }

    /// The object inside a field: itself, or the items of a list.
    fn inner(&self, schema: &'a Schema, path: &str) -> Option<(&'a Schema, String)> {
        let mut inner = schema;
        let mut path = path.to_owned();
        while inner["items"].is_object() {
            inner = resolve(self.root, &inner["items"]);
            path.push_str("[]");
        }
        let shaped = inner["properties"].is_object() || inner["allOf"].is_array();
        shaped.then_some((inner, path))
    }

    /// The first value that an example has at a path.
    fn example(&self, path: &str) -> Option<&'a Value> {
        self.examples.iter().find_map(|example| at(example, path))
    }
}

fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| {
        let name = part.trim_end_matches("[]");
        let mut value = value.get(name)?;
        for _ in 0..(part.len() - name.len()) / 2 {
            value = value.get(0)?;
        }
        Some(value)
    })
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(Value::is_object))
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What a schema asks for: `string`, `list of objects`, `string or null`.
pub(crate) fn kind(root: &Schema, schema: &Schema) -> String {
    let schema = resolve(root, schema);
    match &schema["type"] {
        Value::String(kind) if kind == "array" => list(root, schema),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => untyped(root, schema),
    }
}

fn list(root: &Schema, schema: &Schema) -> String {
    match schema.get("items").map(|items| kind(root, items)) {
        None => "list".to_owned(),
        Some(one) if one.contains(' ') => format!("list of ({one})"),
        Some(one) if one == "any" => "list of any values".to_owned(),
        Some(one) => format!("list of {one}s"),
    }
}

fn untyped(root: &Schema, schema: &Schema) -> String {
    for keyword in ["oneOf", "anyOf"] {
        if let Some(branches) = schema[keyword].as_array() {
            let mut kinds: Vec<_> = branches.iter().map(|branch| kind(root, branch)).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
    }
    let listed = schema["enum"].as_array().and_then(|values| values.first()).or_else(|| schema.get("const"));
    let kind = match listed {
        Some(Value::String(_)) => "string",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        _ if schema["properties"].is_object() || schema["allOf"].is_array() => "object",
        _ => "any",
    };
    kind.to_owned()
}

fn values(root: &Schema, schema: &Schema) -> Vec<Value> {
    let listed = |schema: &Schema| schema["enum"].as_array().cloned().unwrap_or_default();
    match schema.get("items") {
        Some(items) => listed(resolve(root, items)),
        None => listed(schema),
    }
}

/// What must hold of a value, each rule as a fragment.
fn constraints(root: &Schema, schema: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(constant) = schema.get("const") {
        found.push(format!("always `{constant}`"));
    }
    found.extend(schema["format"].as_str().map(format_words));
    found.extend(schema["pattern"].as_str().map(pattern_words));
    found.extend(range(schema, ["minimum", "maximum"], ""));
    found.extend(exclusive(schema));
    found.extend(schema.get("multipleOf").map(|step| format!("a multiple of {step}")));
    found.extend(range(schema, ["minLength", "maxLength"], " characters"));
    found.extend(range(schema, ["minItems", "maxItems"], " items"));
    found.extend(range(schema, ["minProperties", "maxProperties"], " fields"));
    if schema["uniqueItems"] == true {
        found.push("no item twice".to_owned());
    }
    if schema["additionalProperties"] == false && schema["properties"].is_object() {
        found.push("no other fields".to_owned());
    }
    if let Some(items) = schema.get("items") {
        let inner = constraints(root, resolve(root, items));
        found.extend(inner.into_iter().filter(|rule| rule != "no other fields").map(|rule| format!("each {rule}")));
    }
    found
}

/// `1 to 500`, `at least 1`, `at most 20 items`.
fn range(schema: &Schema, [least, most]: [&str; 2], unit: &str) -> Option<String> {
    let unit_of = |bound: &Value| if bound == 1 { unit.trim_end_matches('s') } else { unit };
    match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) if least == most => Some(format!("exactly {least}{}", unit_of(least))),
        (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
        (Some(least), None) => Some(format!("at least {least}{}", unit_of(least))),
        (None, Some(most)) => Some(format!("at most {most}{}", unit_of(most))),
        (None, None) => None,
    }
}

fn exclusive(schema: &Schema) -> impl Iterator<Item = String> {
    let above = schema.get("exclusiveMinimum").map(|bound| format!("more than {bound}"));
    let below = schema.get("exclusiveMaximum").map(|bound| format!("less than {bound}"));
    above.into_iter().chain(below)
}

fn format_words(format: &str) -> String {
    match format {
        "date-time" => "a time as RFC 3339 writes it",
        "date" => "a date such as `2026-11-22`",
        "email" => "a mail address",
        "uri" => "an absolute URI",
        "uri-reference" => "a URI, absolute or relative",
        "uuid" => "a UUID",
        "duration" => "a duration as ISO 8601 writes it",
        other => return format!("format `{other}`"),
    }
    .to_owned()
}

fn pattern_words(pattern: &str) -> String {
    match pattern {
        r"\S" => "not empty, and not only white space".to_owned(),
        r"^sha256:[0-9a-f]{64}$" => "`sha256:` and 64 lower-case hex digits".to_owned(),
        other => format!("matches `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: Value, example: Value) -> String {
        let example = example.as_object().cloned().unwrap_or_default();
        let rows = fields(&schema, &[&example], &BTreeMap::from([("rows.name".to_owned(), FieldClass::Pii)]));
        let tell = |row: &Field| {
            let required = if row.required { "*" } else { "" };
            let class = row.class.map(|class| format!(" {class:?}")).unwrap_or_default();
            let example = row.example.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
            let constraints = row.constraints.join(", ");
            format!("{}{required}: {} [{constraints}]{class}{example}", row.path, row.kind)
        };
        rows.iter().map(tell).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn nested_fields_stand_below_the_one_that_holds_them() {
        let schema = json!({
            "type": "object",
            "required": ["rows"],
            "properties": {
                "rows": {
                    "type": "array", "maxItems": 20,
                    "items": { "$ref": "#/$defs/row" },
                },
                "total": { "type": "integer", "minimum": 0 },
            },
            "$defs": { "row": {
                "type": "object", "additionalProperties": false, "required": ["name"],
                "properties": { "name": { "type": "string", "pattern": "\\S" } },
            } },
        });
        insta::assert_snapshot!(told(schema, json!({ "rows": [{ "name": "Ana" }] })), @r#"
        rows*: list of objects [at most 20 items]
        rows[].name*: string [not empty, and not only white space] Pii = "Ana"
        total: integer [at least 0]
        "#);
    }

    #[test]
    fn every_rule_is_told_in_words() {
        let schema = json!({ "properties": {
            "a": { "type": "string", "minLength": 1, "maxLength": 40, "format": "date-time" },
            "b": { "type": ["number", "null"], "exclusiveMinimum": 0, "multipleOf": 0.5 },
            "c": { "type": "array", "items": { "type": "string", "minLength": 1 }, "uniqueItems": true, "minItems": 1 },
            "d": { "anyOf": [{ "type": "string" }, { "const": false }] },
            "e": { "enum": ["x", "y"] },
            "f": {},
        } });
        insta::assert_snapshot!(told(schema, json!({})), @r"
        a: string [a time as RFC 3339 writes it, 1 to 40 characters]
        b: number or null [more than 0, a multiple of 0.5]
        c: list of strings [at least 1 item, no item twice, each at least 1 character]
        d: string or boolean []
        e: string []
        f: any []
        ");
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let schema = json!({ "properties": { "next": { "$ref": "#" } } });
        assert_eq!(fields(&schema, &[], &BTreeMap::new()).len(), DEEPEST);
    }
}
