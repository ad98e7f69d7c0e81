//! One JSON Schema file for each contract that gives values a shape.
//!
//! An operation's file holds `$defs/input` and `$defs/output`, each with an `$id` of its own, so that references
//! inside them keep their meaning. Events, forms, views and packs have one shape; capabilities, features and
//! presentations have none.

use affiant_contract::{Body, Contract, Form, Operation, Registry, Schema, View};
use serde_json::{Map, Value, json};

use super::schema::explicit;

/// The schema file of a contract; `None` when it gives no value a shape.
pub fn schema_file(registry: &Registry, contract: &Contract) -> Option<Value> {
    let id = format!("urn:affiant:{}:{}", contract.meta.key, contract.meta.version);
    let shape = match &contract.body {
        Body::Operation(operation) => parts(&id, &[("input", &operation.input), ("output", &operation.output)]),
        Body::Agent(agent) => match &agent.output {
            Some(output) => parts(&id, &[("input", &agent.input), ("output", output)]),
            None => parts(&id, &[("input", &agent.input)]),
        },
        Body::Event(event) => object(explicit(&event.payload)),
        Body::ContextPack(pack) => object(explicit(pack.parameters.as_ref()?)),
        Body::Form(form) => submitted(form, registry.operation_at(&form.operation)?.operation()),
        Body::View(view) => row(view, registry.operation_at(&view.operation)?.operation())?,
        Body::Capability(_) | Body::Feature(_) | Body::Presentation(_) => return None,
    };
    let mut file = Map::from_iter([
        ("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema")),
        ("$id".to_owned(), json!(id)),
        ("title".to_owned(), json!(contract.meta.title)),
        ("description".to_owned(), json!(contract.meta.description)),
    ]);
    file.extend(shape.into_iter().filter(|(keyword, _)| keyword != "$schema" && keyword != "$id"));
    Some(Value::Object(file))
}

fn object(schema: Value) -> Map<String, Value> {
    match schema {
        Value::Object(fields) => fields,
        always => Map::from_iter([("allOf".to_owned(), json!([always]))]),
    }
}

fn parts(id: &str, parts: &[(&str, &Schema)]) -> Map<String, Value> {
    let definition = |(name, schema): &(&str, &Schema)| {
        let mut fields = Map::from_iter([("$id".to_owned(), json!(format!("{id}:{name}")))]);
        fields.extend(object(explicit(schema)));
        ((*name).to_owned(), Value::Object(fields))
    };
    Map::from_iter([("$defs".to_owned(), Value::Object(parts.iter().map(definition).collect()))])
}

/// What a form submits: the fields it shows, with its own labels, help and insistence.
fn submitted(form: &Form, operation: &Operation) -> Map<String, Value> {
    let input = explicit(&operation.input);
    let mut properties = Map::new();
    for field in &form.fields {
        let mut schema = object(input["properties"].get(&field.field).cloned().unwrap_or(json!({})));
        schema.insert("title".into(), json!(field.label));
        if let Some(help) = &field.help {
            schema.insert("description".into(), json!(help));
        }
        properties.insert(field.field.clone(), Value::Object(schema));
    }
    let insists = |name: &str| form.fields.iter().any(|field| field.field == name && field.required);
    let asked = |name: &str| input["required"].as_array().is_some_and(|names| names.iter().any(|asked| asked == name));
    let required: Vec<_> = properties.keys().filter(|name| insists(name) || asked(name)).collect();
    let mut shape = Map::from_iter([
        ("type".to_owned(), json!("object")),
        ("additionalProperties".to_owned(), json!(false)),
        ("required".to_owned(), json!(required)),
    ]);
    shape.extend([("properties".to_owned(), Value::Object(properties))]);
    shape.extend(input.get("$defs").map(|definitions| ("$defs".to_owned(), definitions.clone())));
    shape
}

/// What one row of a view is: an item of the list that its query answers.
fn row(view: &View, operation: &Operation) -> Option<Map<String, Value>> {
    let output = explicit(&operation.output);
    let mut shape = object(output.pointer(&format!("/properties/{}/items", view.items))?.clone());
    shape.extend(output.get("$defs").map(|definitions| ("$defs".to_owned(), definitions.clone())));
    Some(shape)
}
