//! Handlers and contracts say the same: values made from the schemas pass through the Rust types unchanged.

use affiant_contract::{BoundOperation, Schema, validate_schema};
use serde_json::{Map, Value, json};

use crate::testing::World;

#[test]
fn every_handler_reads_and_writes_what_its_contract_says() {
    let services = World::shipped().services;
    let (registry, handlers) = (&services.registry, super::all(&services));
    let drift: Vec<String> = registry
        .operations()
        .filter_map(|operation| handlers.shape(&operation.reference()).map(|shape| (operation, shape)))
        .flat_map(|(operation, shape)| {
            let said = operation.operation();
            let examples = said.examples.iter().map(|example| Value::Object(example.input.clone()));
            let inputs = examples.chain(samples(&said.input));
            let inputs = inputs.filter_map(move |input| {
                let error = (shape.input)(input.clone()).err()?;
                Some(format!("{} does not read the input {input}: {error}", operation.reference()))
            });
            let examples = said.examples.iter().map(|example| Value::Object(example.output.clone()));
            let outputs = examples.chain(samples(&said.output));
            let outputs = outputs.filter_map(move |output| written(operation, shape.output, output).err());
            inputs.chain(outputs).collect::<Vec<_>>()
        })
        .collect();
    assert!(drift.is_empty(), "{}", drift.join("\n"));
}

fn written(operation: &BoundOperation, keep: fn(Value) -> Result<Value, String>, output: Value) -> Result<(), String> {
    let name = operation.reference();
    let kept = keep(output.clone()).map_err(|error| format!("{name} cannot answer {output}: {error}"))?;
    operation.validate_output(&kept).map_err(|issues| format!("{name} answers {kept}: {issues:?}"))?;
    let same = without_fractions(&kept) == without_fractions(&output);
    if same { Ok(()) } else { Err(format!("{name} answers {kept} where its contract says {output}")) }
}

/// Moments are shown with milliseconds, and examples may leave them out.
fn without_fractions(value: &Value) -> String {
    value.to_string().replace(".000Z", "Z")
}

/// A value with every field that the schema names, and one with only those it requires.
fn samples(schema: &Schema) -> [Value; 2] {
    [true, false].map(|every| {
        let value = sample(schema, every);
        validate_schema(schema, &value).unwrap_or_else(|issues| panic!("{value} is no sample of {schema}: {issues:?}"));
        value
    })
}

fn sample(schema: &Schema, every: bool) -> Value {
    for keyword in ["const", "default"] {
        if let Some(value) = schema.get(keyword) {
            return value.clone();
        }
    }
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    if let Some(first) = ["oneOf", "anyOf"].iter().find_map(|keyword| schema.get(keyword)?.get(0)) {
        return sample(first, every);
    }
    match schema.get("type").and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str())) {
        Some("object") => object(schema, every),
        Some("array") if every => schema.get("items").map_or(json!([]), |items| json!([sample(items, every)])),
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            (0..least).map(|_| sample(&schema["items"], every)).collect()
        }
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => text(schema),
    }
}

fn object(schema: &Schema, every: bool) -> Value {
    let named = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let with = |required: &[&str]| -> Value {
        let wanted = named.iter().filter(|(name, _)| every || required.contains(&name.as_str()));
        Value::Object(wanted.map(|(name, schema)| (name.clone(), sample(schema, every))).collect::<Map<_, _>>())
    };
    let value = with(&required(schema));
    match schema.get("if") {
        Some(condition) if validate_schema(condition, &value).is_ok() => {
            with(&[required(schema), required(&schema["then"])].concat())
        }
        _ => value,
    }
}

fn required(schema: &Schema) -> Vec<&str> {
    schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn text(schema: &Schema) -> Value {
    let digest = format!("sha256:{}", "0".repeat(64));
    let candidates = [
        "x",
        &digest,
        &digest[7..],
        "1.0.0",
        "0.50",
        "USD",
        "2026-11-22",
        "2026-11-22T15:02:11.204Z",
        "https://example.com/x",
        "x.y",
        "/studio/runs",
    ];
    let fits = |candidate: &&&str| validate_schema(schema, &json!(candidate)).is_ok();
    let fit = candidates.iter().find(fits).unwrap_or_else(|| panic!("no sample text satisfies {schema}"));
    json!(fit)
}
