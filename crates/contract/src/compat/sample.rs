//! Values that a schema accepts: small ones, unusual ones, and one with a given part inside.

use serde_json::{Map, Value, json};

use crate::{
    model::Schema,
    schema::{branches, resolve},
    validate::compile,
};

use super::losses::{Lost, Step};

/// How deep values are made up. Every level costs a compiled schema or two.
const DEPTH: u8 = 6;

/// In the order in which values are made up.
const TYPES: &[&str] = &["object", "string", "integer", "null", "boolean", "number", "array"];

/// Texts of many forms.
const TEXTS: &[&str] = &[
    "a",
    "",
    "A",
    "1",
    "abc",
    "a-b",
    "a.b",
    "a_b",
    "1.0.0",
    "2026-01-01T00:00:00Z",
    "2026-01-01",
    "12:00:00Z",
    "P1D",
    "a@example.com",
    "https://example.com/",
    "example.com",
    "127.0.0.1",
    "::1",
    "/a",
    "EUR",
    "00000000-0000-4000-8000-000000000000",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

/// The smallest value that comes to mind and that the schema accepts.
pub(super) fn minimal(root: &Schema, schema: &Schema) -> Option<Value> {
    several(root, schema, DEPTH).into_iter().next()
}

/// Values that the schema accepts, from the smallest to more unusual ones.
pub(super) fn variety(root: &Schema, schema: &Schema) -> Vec<Value> {
    several(root, schema, DEPTH)
}

/// A value that the schema accepts and that holds `part` at the end of the way.
pub(super) fn with(root: &Schema, schema: &Schema, steps: &[Step], part: &Value) -> Option<Value> {
    let schema = resolve(root, schema);
    let Some((step, rest)) = steps.split_first() else { return Some(part.clone()) };
    match step {
        Step::Field(name) => {
            let mut whole = minimal(root, schema).and_then(|value| match value {
                Value::Object(fields) => Some(fields),
                _ => None,
            });
            let fields = whole.get_or_insert_default();
            let inner = field(schema, name).unwrap_or(&Value::Bool(true));
            fields.insert(name.clone(), with(root, inner, rest, part)?);
            whole.map(Value::Object)
        }
        Step::Item => {
            let inner = schema.get("items").unwrap_or(&Value::Bool(true));
            let item = with(root, inner, rest, part)?;
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 100);
            Some(Value::Array((0..least).map(|_| item.clone()).collect()))
        }
    }
}

/// Parts that `schema` may accept and that what is lost may refuse.
pub(super) fn candidates(root: &Schema, schema: &Schema, lost: &Lost) -> Vec<Value> {
    let schema = resolve(root, schema);
    let mut found = match lost {
        Lost::Choice(value) => vec![value.clone()],
        Lost::Types(kinds) => kinds.iter().flat_map(|kind| plain(kind)).collect(),
        Lost::Field(name) => having(root, schema, name).into_iter().collect(),
        Lost::Unnamed => having(root, schema, "somethingElse").into_iter().collect(),
        Lost::Without(name) => variety(root, schema)
            .into_iter()
            .map(|mut value| {
                value.as_object_mut().map(|fields| fields.shift_remove(name));
                value
            })
            .collect(),
        Lost::Limit(keyword, before, after) => beyond(keyword, before.as_ref(), after),
        Lost::Others(_) | Lost::Form(..) | Lost::Other(_) => Vec::new(),
    };
    found.extend(variety(root, schema));
    found
}

/// The values that a schema speaks of, whatever it says about them.
pub(super) fn mentioned(schema: &Schema) -> Vec<Value> {
    let mut found = Vec::new();
    crate::schema::visit(schema, "", &mut |_, inner| {
        let lists = ["enum", "examples"].into_iter().filter_map(|keyword| inner.get(keyword)?.as_array()).flatten();
        let single = ["const", "default", "minimum", "maximum"].into_iter().filter_map(|keyword| inner.get(keyword));
        found.extend(lists.chain(single).cloned());
    });
    found
}

fn having(root: &Schema, schema: &Schema, name: &str) -> Option<Value> {
    let field = field(schema, name).unwrap_or(&Value::Bool(true));
    let value = minimal(root, field)?;
    let mut whole = minimal(root, schema).unwrap_or_else(|| json!({}));
    whole.as_object_mut()?.insert(name.to_owned(), value);
    Some(whole)
}

/// The schema of a field, named or not.
pub(super) fn field<'a>(schema: &'a Schema, name: &str) -> Option<&'a Schema> {
    let named = schema.get("properties").and_then(|fields| fields.get(name));
    named
        .or_else(|| schema.get("additionalProperties"))
        .or_else(|| branches(schema).find_map(|branch| branch.get("properties").and_then(|fields| fields.get(name))))
}

/// Values just beyond a limit.
fn beyond(keyword: &str, before: Option<&Value>, after: &Value) -> Vec<Value> {
    let number = |value: &Value, by: i64| match value.as_i64() {
        Some(integer) => json!(integer.saturating_add(by)),
        None => json!(value.as_f64().unwrap_or_default() + by as f64),
    };
    let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0).min(100_000);
    let mut found: Vec<Value> =
        before.into_iter().flat_map(|before| [before.clone(), number(before, 1), number(before, -1)]).collect();
    match keyword {
        "minimum" | "exclusiveMinimum" => found.extend([number(after, -1), after.clone(), json!(0), json!(-1)]),
        "maximum" | "exclusiveMaximum" => found.extend([number(after, 1), after.clone(), json!(0)]),
        "multipleOf" => found.extend([json!(1), json!(0.5), number(after, 1), number(after, -1)]),
        "minLength" => found.extend([json!(""), json!("a".repeat(count(after).saturating_sub(1)))]),
        "maxLength" => found.push(json!("a".repeat(count(after) + 1))),
        "minItems" => found.push(json!([])),
        "maxItems" => found.extend(["a", "1"].map(|item| json!(vec![item; count(after) + 1]))),
        "minProperties" => found.push(json!({})),
        "maxProperties" => {
            found.push((0..=count(after)).map(|at| (format!("f{at}"), json!(at))).collect::<Map<_, _>>().into())
        }
        "uniqueItems" => found.extend([json!([1, 1]), json!(["a", "a"]), json!([{}, {}]), json!([true, true])]),
        _ => {}
    }
    found
}

fn plain(kind: &str) -> Vec<Value> {
    match kind {
        "null" => vec![Value::Null],
        "boolean" => vec![json!(true), json!(false)],
        "integer" => vec![json!(0), json!(1), json!(-1), json!(10)],
        "number" => vec![json!(0.5), json!(-1.5), json!(10.5), json!(1)],
        "string" => TEXTS.iter().map(|text| json!(text)).collect(),
        "array" => vec![json!([])],
        _ => vec![json!({})],
    }
}

/// Up to a few dozen values that a schema accepts, each checked.
fn several(root: &Schema, schema: &Schema, depth: u8) -> Vec<Value> {
    let schema = resolve(root, schema);
    let mut proposals = Vec::new();
    propose(root, schema, depth, &mut proposals);
    let Ok(validator) = compile(&standalone(root, schema)) else { return Vec::new() };
    let mut accepted: Vec<Value> = Vec::new();
    for proposal in proposals {
        if accepted.len() < 24 && !accepted.contains(&proposal) && validator.is_valid(&proposal) {
            accepted.push(proposal);
        }
    }
    accepted
}

fn standalone(root: &Schema, schema: &Schema) -> Schema {
    let mut document = schema.clone();
    if let (Some(keywords), Some(definitions)) = (document.as_object_mut(), root.get("$defs")) {
        keywords.entry("$defs").or_insert_with(|| definitions.clone());
    }
    document
}

fn propose(root: &Schema, schema: &Schema, depth: u8, proposals: &mut Vec<Value>) {
    if let Some(one) = schema.get("const") {
        proposals.push(one.clone());
    }
    proposals.extend(schema.get("enum").and_then(Value::as_array).into_iter().flatten().cloned());
    proposals.extend(schema.get("default").cloned());
    if depth == 0 {
        return;
    }
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() => vec!["object"],
        _ if schema.get("items").is_some() => vec!["array"],
        // A schema that says nothing about types takes the plainest of each.
        _ => {
            proposals.extend(TYPES.iter().flat_map(|kind| plain(kind)));
            vec!["string", "number"]
        }
    };
    for kind in kinds {
        match kind {
            "object" => objects(root, schema, depth, proposals),
            "array" => arrays(root, schema, depth, proposals),
            "string" => texts(schema, proposals),
            "integer" | "number" => numbers(schema, kind, proposals),
            other => proposals.extend(plain(other)),
        }
    }
    let rest: Vec<Value> = proposals.iter().filter(|value| value.is_object()).take(4).cloned().collect();
    for branch in branches(schema) {
        for value in several(root, branch, depth - 1).into_iter().take(6) {
            proposals.extend(rest.iter().filter_map(|base| merged(base, &value)));
            proposals.push(value);
        }
    }
}

fn merged(a: &Value, b: &Value) -> Option<Value> {
    let mut fields = a.as_object()?.clone();
    fields.extend(b.as_object()?.clone());
    Some(Value::Object(fields))
}

fn objects(root: &Schema, schema: &Schema, depth: u8, proposals: &mut Vec<Value>) {
    let required: Vec<&str> = crate::schema::required(root, schema).collect();
    let mut least = Map::new();
    for name in &required {
        let inner = field(schema, name).unwrap_or(&Value::Bool(true));
        let Some(value) = several(root, inner, depth - 1).into_iter().next() else { continue };
        least.insert((*name).to_owned(), value);
    }
    proposals.push(Value::Object(least.clone()));
    let mut all = least.clone();
    for (name, inner) in crate::schema::fields(root, schema) {
        for value in several(root, inner, depth.saturating_sub(4)).into_iter().take(5) {
            let mut fields = least.clone();
            fields.insert(name.to_owned(), value.clone());
            all.entry(name.to_owned()).or_insert(value);
            proposals.push(Value::Object(fields));
        }
    }
    proposals.push(Value::Object(all));
}

fn arrays(root: &Schema, schema: &Schema, depth: u8, proposals: &mut Vec<Value>) {
    let anything = Value::Bool(true);
    let items = several(root, schema.get("items").unwrap_or(&anything), depth - 1);
    let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(1_000);
    proposals.push(Value::Array((0..least).filter_map(|_| items.first().cloned()).collect()));
    let distinct = usize::try_from(least).unwrap_or(0).max(1);
    proposals.push(Value::Array(items.iter().take(distinct).cloned().collect()));
    proposals.extend(items.iter().map(|item| json!([item])));
    proposals.extend(items.iter().map(|item| json!([item, item])));
}

fn texts(schema: &Schema, proposals: &mut Vec<Value>) {
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(10_000);
    let most = schema.get("maxLength").and_then(Value::as_u64).unwrap_or(least + 8).min(10_000);
    if let Some(text) = schema.get("pattern").and_then(Value::as_str).and_then(matching) {
        proposals.push(Value::String(text));
    }
    proposals.extend(TEXTS.iter().map(|text| json!(text)));
    for length in [least, least + 1, most] {
        proposals.push(json!("a".repeat(usize::try_from(length).unwrap_or(0))));
    }
}

fn numbers(schema: &Schema, kind: &str, proposals: &mut Vec<Value>) {
    let limit = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let step = if kind == "integer" { 1.0 } else { 0.5 };
    let around = |limit: f64| [limit, limit + step, limit - step, limit.floor(), limit.ceil()];
    let limits =
        ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf"].into_iter().filter_map(limit);
    let numbers = [0.0, 1.0, -1.0].into_iter().chain(limits.flat_map(around)).chain([10.0, 0.5, -1.5, 100.0, 1000.0]);
    for number in numbers {
        let mut value = json!(number);
        crate::validate::normalise(&mut value);
        proposals.push(value);
    }
}

/// A short text that a pattern of the plain sort matches: literals, classes, groups, alternatives and repetitions.
fn matching(pattern: &str) -> Option<String> {
    let parsed = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    write(&parsed, &mut text);
    Some(text)
}

fn write(pattern: &regex_syntax::hir::Hir, text: &mut String) {
    use regex_syntax::hir::{Class, HirKind};
    match pattern.kind() {
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => {
            let likely = "a0A-_. ".chars().find(|c| class.iter().any(|range| range.start() <= *c && *c <= range.end()));
            text.extend(likely.or_else(|| class.iter().next().map(|range| range.start())));
        }
        HirKind::Repetition(repetition) => (0..repetition.min.min(1_000)).for_each(|_| write(&repetition.sub, text)),
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, text)),
        HirKind::Alternation(parts) => parts.first().into_iter().for_each(|part| write(part, text)),
        HirKind::Class(Class::Bytes(_)) | HirKind::Empty | HirKind::Look(_) => {}
    }
}
