//! How a value of a schema is asked for.

use serde_json::Value;

use crate::render::reference::fields::resolve;

/// Deeper nesting is written as JSON.
const DEEPEST: usize = 5;

/// A text that may be longer than this is asked for in several lines.
const LONG: u64 = 200;

/// What no form asks for field by field.
const BEYOND: &[&str] = &["anyOf", "not", "patternProperties", "prefixItems", "contains", "dependentSchemas"];

/// How a value is asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Shape<'s> {
    /// In one field of this widget.
    Leaf(&'static str),
    /// In the fields of an object.
    Group,
    /// In rows, each an object of this schema.
    Rows(&'s Value),
    /// In one of several forms; the field of this name tells them apart.
    Branches(&'s str, &'s [Value]),
}

/// How a value of this schema is asked for, or why it is written as JSON.
pub(crate) fn shape<'s>(root: &'s Value, schema: &'s Value, depth: usize) -> Result<Shape<'s>, String> {
    if depth > DEEPEST {
        return Err("it is nested deeper than a form goes".into());
    }
    if schema.get("const").is_some() {
        return Ok(Shape::Leaf("const"));
    }
    if schema["enum"].is_array() {
        return Ok(Shape::Leaf("select"));
    }
    if let Some(beyond) = BEYOND.iter().find(|keyword| schema.get(**keyword).is_some()) {
        return Err(format!("its schema uses `{beyond}`"));
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        let tells = discriminator(root, branches).ok_or("nothing tells the forms apart that its schema allows")?;
        return Ok(Shape::Branches(tells, branches));
    }
    match one_type(schema)? {
        "boolean" => Ok(Shape::Leaf("select")),
        "integer" | "number" => Ok(Shape::Leaf("number")),
        "string" => Ok(Shape::Leaf(if is_long(schema) { "textarea" } else { "text" })),
        "array" => list(root, resolve(root, &schema["items"]), depth),
        "object" => object(schema),
        other => Err(format!("its type is `{other}`")),
    }
}

fn one_type(schema: &Value) -> Result<&str, String> {
    match &schema["type"] {
        Value::String(one) => Ok(one),
        Value::Array(several) => {
            let mut others = several.iter().filter_map(Value::as_str).filter(|one| *one != "null");
            match (others.next(), others.next()) {
                (Some(one), None) => Ok(one),
                _ => Err("it may be of several types".into()),
            }
        }
        _ if schema["properties"].is_object() => Ok("object"),
        _ => Err("its schema names no type".into()),
    }
}

fn is_long(schema: &Value) -> bool {
    schema["maxLength"].as_u64().is_some_and(|most| most > LONG) || schema.get("contentMediaType").is_some()
}

fn list<'s>(root: &'s Value, items: &'s Value, depth: usize) -> Result<Shape<'s>, String> {
    match shape(root, items, depth + 1) {
        Ok(Shape::Leaf("text" | "number")) => Ok(Shape::Leaf("lines")),
        Ok(Shape::Leaf("select")) if items["enum"].is_array() => Ok(Shape::Leaf("checks")),
        Ok(Shape::Group) => Ok(Shape::Rows(items)),
        Ok(_) => Err("it is a list of something that one line does not hold".into()),
        Err(why) => Err(format!("of each of its items {why}")),
    }
}

fn object(schema: &Value) -> Result<Shape<'_>, String> {
    let named = schema["properties"].as_object().is_some_and(|properties| !properties.is_empty());
    let conditions = [schema].into_iter().chain(schema["allOf"].as_array().into_iter().flatten());
    let adds = |part: &Value| {
        ["then", "else"].iter().any(|branch| {
            let fields = part[*branch]["properties"].as_object();
            fields.is_some_and(|fields| fields.keys().any(|name| schema["properties"].get(name).is_none()))
        })
    };
    match named {
        _ if schema["additionalProperties"].is_object() => Err("its fields have names of the caller's choice".into()),
        false => Err("its schema leaves open which fields it has".into()),
        true if conditions.into_iter().any(adds) => Err("it has other fields under a condition".into()),
        true => Ok(Shape::Group),
    }
}

/// The field that has another constant in every form.
fn discriminator<'s>(root: &'s Value, branches: &'s [Value]) -> Option<&'s str> {
    let constant = |branch: &'s Value, name: &str| resolve(root, branch)["properties"][name].get("const");
    let first = resolve(root, branches.first()?)["properties"].as_object()?;
    let tells = |name: &&String| {
        let found: Vec<_> = branches.iter().filter_map(|branch| constant(branch, name)).collect();
        found.len() == branches.len() && (1..found.len()).all(|at| !found[..at].contains(&found[at]))
    };
    first.keys().find(tells).map(String::as_str)
}

/// What can be chosen of an enumeration, a yes or no, or a list of an enumeration.
pub(crate) fn options(schema: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match (&schema["enum"], &schema["items"]["enum"]) {
        (Value::Array(values), _) | (_, Value::Array(values)) => values.iter().map(text).collect(),
        _ if schema["type"] == "boolean" => vec!["true".into(), "false".into()],
        _ => Vec::new(),
    }
}
