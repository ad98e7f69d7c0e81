//! From a schema to a form, from a form to a value, from an issue to its field.

use affiant_contract::validate_schema;
use serde_json::{Value, json};

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["name", "places"],
        "properties": {
            "name": { "type": "string", "minLength": 2 },
            "count": { "type": "integer", "default": 3 },
            "loud": { "type": "boolean" },
            "colour": { "enum": ["red", "blue"] },
            "tags": { "type": "array", "items": { "type": "string" } },
            "days": { "type": "array", "items": { "enum": ["mo", "tu"] } },
            "places": {
                "type": "array", "minItems": 1,
                "items": { "type": "object", "required": ["town"], "properties": { "town": { "type": "string" } } },
            },
            "target": { "oneOf": [
                { "type": "object", "required": ["kind", "to"],
                  "properties": { "kind": { "const": "mail" }, "to": { "type": "string", "format": "email" } } },
                { "type": "object", "required": ["kind"], "properties": { "kind": { "const": "none" } } },
            ] },
            "odd": { "anyOf": [{ "type": "string" }, { "type": "array" }] },
            "open": { "type": "object" },
        },
        "if": { "properties": { "loud": { "const": true } }, "required": ["loud"] },
        "then": { "required": ["colour"] },
    })
}

fn typed(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn made(typed: Option<&[(String, String)]>, value: Option<&Value>) -> Field {
    Builder::new(typed).field(&schema(), &schema(), "/input", true, value)
}

fn told(field: &Field) -> Vec<String> {
    field.fields.iter().map(|field| format!("{} {}", field.key, field.widget)).collect()
}

#[test]
fn each_field_has_the_widget_of_its_schema() {
    let form = made(None, None);
    let widgets = told(&form);
    let expected = [
        "name text",
        "count number",
        "loud select",
        "colour select",
        "tags lines",
        "days checks",
        "places rows",
        "target branches",
        "odd json",
        "open json",
    ];
    assert_eq!(widgets, expected);
    let why: Vec<_> = form.fields.iter().filter_map(|field| field.why.as_deref()).collect();
    assert_eq!(why, ["its schema uses `anyOf`", "its schema leaves open which fields it has"]);
    assert_eq!(form.fields[3].help.as_deref(), Some("Needed when `loud` is `true`."));
    assert_eq!(form.fields[6].fields.len(), 1, "one row is needed");
}

#[test]
fn what_was_entered_is_a_value_again() {
    let entered = typed(&[
        ("/input/name", "Ana"),
        ("/input/count", "5"),
        ("/input/loud", "true"),
        ("/input/colour", "red"),
        ("/input/tags", "a\r\n\r\n b "),
        ("/input/days", "mo"),
        ("/input/days", "tu"),
        ("/input/places/0/town", ""),
        ("/input/places/1/town", "Rome"),
        ("/input/target", "0"),
        ("/input/target#0/to", "ana@example.com"),
        ("/input/odd", "[1]"),
    ]);
    let mut form = made(Some(&entered), None);
    let value = read(&mut form).unwrap();
    assert_eq!(
        value,
        json!({
            "name": "Ana", "count": 5, "loud": true, "colour": "red", "tags": ["a", "b"], "days": ["mo", "tu"],
            "places": [{ "town": "Rome" }], "target": { "kind": "mail", "to": "ana@example.com" }, "odd": [1],
        })
    );
    assert_eq!(validate_schema(&schema(), &value), Ok(()));
    let again = made(None, Some(&value));
    assert_eq!(read(&mut again.clone()), Some(value));
}

#[test]
fn an_issue_stands_beside_the_field_it_is_about() {
    let entered =
        typed(&[("/input/name", "A"), ("/input/places/4/town", "Rome"), ("/input/target", "0"), ("/input/count", "x")]);
    let mut form = made(Some(&entered), None);
    let value = read(&mut form).unwrap();
    let issues = validate_schema(&schema(), &value).unwrap_err();
    let within = |issue: Issue| Issue { path: format!("/input{}", issue.path), ..issue };
    let mut form = [form];
    assert_eq!(lay(&mut form, issues.into_iter().map(within).collect()), []);
    let found: Vec<String> = wrong(&form).into_iter().map(|(_, label, issue)| format!("{label}: {issue}")).collect();
    assert_eq!(found, ["Name: must have at least 2 characters", "Count: must be a number", "To: `to` is required"]);
    assert_eq!(form[0].fields[0].value, "A", "nothing that was typed is lost");
}

#[test]
fn a_list_gets_a_row_when_it_is_asked_for() {
    let entered = typed(&[("/input/places/0/town", "Rome"), ("add", "/input/places")]);
    let form = made(Some(&entered), None);
    let towns: Vec<&str> = form.fields[6].fields.iter().map(|row| row.fields[0].value.as_str()).collect();
    assert_eq!(towns, ["Rome", ""]);
}

#[test]
fn what_was_typed_in_another_alternative_is_kept() {
    let entered = typed(&[("/input/target", "1"), ("/input/target#0/to", "ana@example.com")]);
    let mut form = made(Some(&entered), None);
    assert_eq!(form.fields[7].fields[0].fields[1].value, "ana@example.com");
    assert_eq!(read(&mut form).unwrap()["target"], json!({ "kind": "none" }));
}
