//! One operation of the document.

use std::collections::BTreeMap;

use affiant_contract::{Auth, Contract, Idempotency, Kind, Operation, Schema, Stability};
use serde_json::{Value, json};

use super::{
    document::{Components, Media, Named, OperationItem, OrRef, Parameter, RequestBody},
    responses::{named_examples, output_name, responses},
};
use crate::render::{
    names::{alias_paths, feature_of, operation_id},
    schema::{explicit, rebased, refers},
};

/// The operation in a contract. What it shares with others goes into the components.
pub(super) fn operation(
    contract: &Contract,
    operation: &Operation,
    newest: bool,
    components: &mut Components,
) -> OperationItem {
    let output = output_name(contract);
    components.schemas.insert(output.clone(), component(&operation.output, &output));
    let (parameters, request_body) = match contract.meta.kind {
        Kind::Query => (query_parameters(contract, operation, components), None),
        _ => (headers(operation), Some(body(contract, operation, components))),
    };
    OperationItem {
        operation_id: operation_id(&contract.reference()),
        summary: contract.meta.title.clone(),
        description: description(contract),
        tags: vec![feature_of(contract).to_owned()],
        security: (operation.policy.auth == Auth::Anonymous).then(Vec::new),
        parameters,
        request_body,
        responses: responses(contract, operation, components),
        deprecated: contract.meta.stability == Stability::Deprecated,
        extensions: extensions(contract, operation, newest),
    }
}

fn description(contract: &Contract) -> String {
    let meta = &contract.meta;
    let goal = meta.goal.as_ref().map(|goal| format!("**Goal.** {goal}"));
    let context = meta.context.as_ref().map(|context| format!("**Context.** {context}"));
    [Some(meta.description.clone()), goal, context].into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// A schema as a component: with its integers bounded, and its references pointing at its new place.
fn component(schema: &Schema, name: &str) -> Value {
    rebased(&explicit(schema), &format!("#/components/schemas/{name}"))
}

fn input_name(contract: &Contract) -> String {
    format!("{}-input", operation_id(&contract.reference()))
}

fn body(contract: &Contract, operation: &Operation, components: &mut Components) -> RequestBody {
    let name = input_name(contract);
    components.schemas.insert(name.clone(), component(&operation.input, &name));
    let examples = operation.examples.iter().map(|example| (example.title.as_str(), json!(example.input)));
    let media =
        Media { schema: json!({ "$ref": format!("#/components/schemas/{name}") }), examples: named_examples(examples) };
    RequestBody {
        description: format!("The input of `{}`.", contract.reference()),
        required: true,
        content: Named::from([("application/json".into(), media)]),
    }
}

fn headers(operation: &Operation) -> Vec<OrRef<Parameter>> {
    let keyed = operation.idempotency == Idempotency::Keyed;
    keyed.then(|| OrRef::component("parameters", "Idempotency-Key")).into_iter().collect()
}

/// The header under which a repeated command is recognised.
pub(super) fn idempotency_key() -> Parameter {
    Parameter {
        name: "Idempotency-Key".into(),
        place: "header",
        description: Some(
            "One key for a request and all its repetitions. The same key and body get the first reply again; another \
             body under the same key is 409 `idempotency-conflict`."
                .into(),
        ),
        required: false,
        schema: Some(json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" })),
        content: None,
        example: Some(json!("9f1c6f0e-2b7a-4a57-9a39-3c1d5a1be0a4")),
    }
}

/// One parameter for each field of the input. A field that is no plain value or list of them is written as JSON.
fn query_parameters(contract: &Contract, operation: &Operation, components: &mut Components) -> Vec<OrRef<Parameter>> {
    let name = input_name(contract);
    let input = component(&operation.input, &name);
    let required: Vec<_> = input["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = input["properties"].as_object().into_iter().flatten();
    let parameters = fields.map(|(field, schema)| {
        let required = required.contains(&field.as_str());
        OrRef::Here(query_parameter(field, schema, required, example_of(operation, field)))
    });
    let parameters = parameters.collect();
    if refers(&operation.input) {
        components.schemas.insert(name, input);
    }
    parameters
}

fn example_of<'a>(operation: &'a Operation, field: &str) -> Option<&'a Value> {
    operation.examples.iter().find_map(|example| example.input.get(field))
}

fn query_parameter(name: &str, schema: &Value, required: bool, example: Option<&Value>) -> Parameter {
    let mut schema = schema.clone();
    let description = schema.as_object_mut().and_then(|fields| fields.remove("description"));
    let parameter = Parameter {
        name: name.to_owned(),
        place: "query",
        description: description.and_then(|text| text.as_str().map(str::to_owned)),
        required,
        schema: None,
        content: None,
        example: None,
    };
    if is_plain(&schema) {
        return Parameter { schema: Some(schema), example: example.cloned(), ..parameter };
    }
    let example = example.map(|value| ("an example", value.clone()));
    let media = Media { schema, examples: named_examples(example.into_iter()) };
    Parameter { content: Some(Named::from([("application/json".into(), media)])), ..parameter }
}

/// Whether a query string can hold the value as it is: text, number, boolean, or a list of them.
fn is_plain(schema: &Value) -> bool {
    let plain = |kind: &Value| matches!(kind.as_str(), Some("string" | "integer" | "number" | "boolean"));
    match &schema["type"] {
        Value::String(kind) if kind == "array" => plain(&schema["items"]["type"]),
        Value::Null => schema["enum"].is_array(),
        kind => plain(kind),
    }
}

fn extensions(contract: &Contract, operation: &Operation, newest: bool) -> BTreeMap<&'static str, Value> {
    let meta = &contract.meta;
    let mut extensions = BTreeMap::from([
        ("x-affiant-contract", json!(contract.reference())),
        ("x-affiant-kind", json!(meta.kind)),
        ("x-affiant-stability", json!(meta.stability)),
        ("x-affiant-owners", json!(meta.owners)),
        ("x-affiant-auth", json!(operation.policy.auth)),
        ("x-affiant-hints", json!(operation.hints)),
        ("x-affiant-idempotency", json!(operation.idempotency)),
        ("x-affiant-docs", json!(crate::render::names::docs_path(contract, newest))),
    ]);
    let mut add = |name, value: Value, present: bool| {
        if present {
            extensions.insert(name, value);
        }
    };
    add("x-affiant-capability", json!(operation.capability), operation.capability.is_some());
    add("x-affiant-pii", json!(operation.policy.pii), !operation.policy.pii.is_empty());
    add("x-affiant-field-classes", json!(operation.policy.classes), !operation.policy.classes.is_empty());
    add("x-affiant-rate-limit", json!(operation.policy.rate_limit), operation.policy.rate_limit.is_some());
    add("x-affiant-emits", json!(operation.emits), !operation.emits.is_empty());
    add("x-affiant-aliases", json!(alias_paths(&contract.reference())), newest);
    extensions
}
