//! Flat query parameters as a JSON object, by the schema of the operation.

use serde_json::{Map, Value};

use crate::{
    model::Schema,
    schema::resolve,
    validate::{Issue, MAX_SAFE_INTEGER},
    yaml::join,
};

/// Reads `name=value` pairs as the object that `schema` describes.
pub(crate) fn query(schema: &Schema, parameters: &[(String, String)]) -> Result<Value, Vec<Issue>> {
    let mut fields: Map<String, Value> = Map::new();
    let mut issues = Vec::new();
    for (name, text) in parameters {
        let field = property(schema, name);
        let list = field.filter(|field| kinds(schema, field).contains(&"array") && !text.starts_with('['));
        let item = match list {
            Some(list) => value(schema, list.get("items"), text),
            None => value(schema, field, text),
        };
        let item = match item {
            Ok(item) => item,
            Err((code, message)) => {
                issues.push(Issue { path: join("", name), code: code.into(), message });
                continue;
            }
        };
        match (fields.get_mut(name), list) {
            (Some(Value::Array(items)), Some(_)) => items.push(item),
            (Some(_), _) => issues.push(Issue {
                path: join("", name),
                code: "given-twice".into(),
                message: "must be given once; it is not a list".into(),
            }),
            (None, Some(_)) => drop(fields.insert(name.clone(), Value::Array(vec![item]))),
            (None, None) => drop(fields.insert(name.clone(), item)),
        }
    }
    if issues.is_empty() { Ok(Value::Object(fields)) } else { Err(issues) }
}

fn property<'a>(schema: &'a Schema, name: &str) -> Option<&'a Schema> {
    let field = schema.get("properties")?.get(name)?;
    Some(resolve(schema, field))
}

/// The types that a schema allows, as far as it says so, those of its alternatives included.
fn kinds<'a>(root: &'a Schema, schema: &'a Schema) -> Vec<&'a str> {
    let schema = resolve(root, schema);
    match schema.get("type") {
        Some(Value::String(one)) => return vec![one],
        Some(Value::Array(several)) => return several.iter().filter_map(Value::as_str).collect(),
        _ => {}
    }
    let values = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let constant = schema.get("const").into_iter();
    let alternatives = ["anyOf", "oneOf"].into_iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
    let mut kinds: Vec<&str> = values.iter().chain(constant).map(kind_of).collect();
    kinds.extend(alternatives.filter(|branch| *branch != schema).flat_map(|branch| kinds_of_branch(root, branch)));
    kinds
}

fn kinds_of_branch<'a>(root: &'a Schema, branch: &'a Schema) -> Vec<&'a str> {
    match resolve(root, branch).get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => branch.get("const").map(kind_of).into_iter().collect(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

type Refusal = (&'static str, String);

/// One text as the first type that it can be read as; a text where the schema allows one.
fn value(root: &Schema, schema: Option<&Schema>, text: &str) -> Result<Value, Refusal> {
    let kinds = schema.map(|schema| kinds(root, schema)).unwrap_or_default();
    let mut refusal = None;
    for kind in &kinds {
        match read(kind, text) {
            Some(Ok(value)) => return Ok(value),
            Some(Err(why)) => drop(refusal.get_or_insert(why)),
            None => {}
        }
    }
    match refusal {
        Some(refusal) if !kinds.contains(&"string") => Err(refusal),
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// `None` where the text is the value.
fn read(kind: &str, text: &str) -> Option<Result<Value, Refusal>> {
    let refuse = |message: &str| Err(("type", message.to_owned()));
    Some(match kind {
        "integer" => match text.parse::<i64>() {
            Ok(integer) if integer.abs() <= MAX_SAFE_INTEGER && plain_integer(text) => Ok(Value::from(integer)),
            Ok(_) if plain_integer(text) => Err(("integer-range", format!("must be within ±{MAX_SAFE_INTEGER}"))),
            _ => refuse("must be an integer such as 12"),
        },
        "number" => match serde_json::from_str::<Value>(text) {
            Ok(number @ Value::Number(_)) => Ok(number),
            _ => refuse("must be a number such as 1.5"),
        },
        "boolean" => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => refuse("must be true or false"),
        },
        "object" => match serde_json::from_str::<Value>(text) {
            Ok(object @ Value::Object(_)) => Ok(object),
            _ => refuse("must be a JSON object"),
        },
        "array" => match serde_json::from_str::<Value>(text) {
            Ok(array @ Value::Array(_)) => Ok(array),
            _ => refuse("must be a JSON array, or the parameter repeated"),
        },
        _ => return None,
    })
}

/// `-12` and `0`, not `+12` or `007`: what JSON would read.
fn plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0" || !digits.starts_with(['0', '+'])
}
