//! Does every example validate? Documentation and tests are made of them.

use serde_json::{Map, Value};

use crate::{
    finding::Finding,
    model::{Body, Schema},
    validate::validate_schema,
};

use super::Subject;

pub(super) fn check(subject: &mut Subject<'_>) {
    match &subject.contract.body {
        Body::Operation(operation) => {
            if operation.examples.is_empty() {
                let finding = Finding::error("no-example", format!("{} has no example", subject.contract.meta.key));
                subject.at_key(
                    "/examples",
                    finding.help("Add a real request with its real reply; the reference shows it"),
                );
            }
            for (index, example) in operation.examples.iter().enumerate() {
                fits(subject, &format!("/examples/{index}/input"), &operation.input, &example.input);
                fits(subject, &format!("/examples/{index}/output"), &operation.output, &example.output);
            }
        }
        Body::Event(event) => {
            if event.examples.is_empty() {
                let finding = Finding::error("no-example", format!("{} has no example", subject.contract.meta.key));
                subject.at_key("/examples", finding.help("Add a real payload; the reference shows it"));
            }
            for (index, example) in event.examples.iter().enumerate() {
                fits(subject, &format!("/examples/{index}/payload"), &event.payload, &example.payload);
            }
        }
        _ => {}
    }
}

fn fits(subject: &mut Subject<'_>, pointer: &str, schema: &Schema, value: &Map<String, Value>) {
    let Err(issues) = validate_schema(schema, &Value::Object(value.clone())) else { return };
    let part = pointer.rsplit('/').next().unwrap_or_default();
    for issue in issues.into_iter().filter(|issue| issue.code != "schema-invalid") {
        let field = issue.path.rsplit('/').next().filter(|field| !field.is_empty()).map(|field| format!("`{field}` "));
        let message = match issue.code.as_str() {
            "required" | "unknown-field" => issue.message.clone(),
            _ => format!("{}{}", field.unwrap_or_default(), issue.message),
        };
        let finding =
            Finding::error("example-does-not-fit", format!("the example's {part} does not validate: {message}"));
        subject.at(&format!("{pointer}{}", issue.path), finding.help("Correct the example or the schema"));
    }
}
