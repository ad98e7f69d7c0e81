//! Facts about everything that is rendered, over the contracts that we ship and over one of a user's.

use std::collections::BTreeSet;

use affiant_contract::{Registry, builtin, load_file};
use serde_json::Value;

use super::*;

const REFUND: &str = include_str!("facts/refund.issue-1.0.0.yaml");

/// What we ship, and one operation of a user's.
pub(crate) fn registry() -> Registry {
    let mut contracts = builtin();
    contracts.push(load_file("contracts/refund.issue-1.0.0.yaml", REFUND).unwrap());
    Registry::new(contracts).unwrap()
}

fn openapi() -> Value {
    serde_json::to_value(openapi::document(&registry())).unwrap()
}

/// Every object in a document.
fn objects<'a>(value: &'a Value, found: &mut Vec<&'a serde_json::Map<String, Value>>) {
    match value {
        Value::Object(fields) => {
            found.push(fields);
            fields.values().for_each(|inner| objects(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| objects(inner, found)),
        _ => {}
    }
}

#[test]
fn every_operation_has_one_path_and_one_tool_under_one_name() {
    let document = openapi();
    let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let operations: BTreeSet<_> = items.map(|item| item["operationId"].as_str().unwrap().to_owned()).collect();
    let tools: BTreeSet<_> = mcp::tools(&registry()).tools.into_iter().map(|tool| tool.name).collect();
    assert_eq!(operations, tools);
    assert_eq!(tools.len(), registry().operations().count());
    assert!(tools.contains("refund_issue-v1_0_0"));
}

#[test]
fn every_reference_in_the_openapi_document_leads_somewhere() {
    let document = openapi();
    let mut found = Vec::new();
    objects(&document, &mut found);
    let targets = found.iter().filter_map(|fields| fields.get("$ref")?.as_str()?.strip_prefix('#'));
    let lost: Vec<_> = targets.filter(|target| document.pointer(target).is_none()).collect();
    assert_eq!(lost, Vec::<&str>::new());
}

#[test]
fn every_error_that_an_operation_can_give_is_declared_with_its_status() {
    let document = openapi();
    for bound in registry().operations() {
        let reference = bound.reference();
        let path = names::exact_path(&reference).replace('/', "~1");
        let method = names::method(bound.contract().meta.kind).to_lowercase();
        let responses = document.pointer(&format!("/paths/{path}/{method}/responses")).unwrap();
        for fact in errors::errors_of(bound.contract()) {
            assert!(responses.get(fact.status.to_string()).is_some(), "{reference} {}", fact.code);
        }
    }
}

#[test]
fn rendering_twice_gives_the_same_bytes_and_no_path_twice() {
    let render = || SURFACES.iter().flat_map(|surface| (surface.render)(&registry())).collect::<Vec<_>>();
    let files = render();
    assert!(files == render());
    let paths: BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
    assert_eq!(paths.len(), files.len());
}

#[test]
fn a_users_command_is_described_like_ours() {
    let registry = registry();
    let bound = registry.operation_at(&"refund.issue@1.0.0".parse().unwrap()).unwrap();
    let tool = mcp::tool(bound.contract(), bound.operation());
    insta::assert_snapshot!(serde_json::to_string_pretty(&tool).unwrap());
}
