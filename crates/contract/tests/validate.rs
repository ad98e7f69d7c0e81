//! What a caller is told about an input, and what a query string becomes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use affiant_contract::{BoundOperation, Issue, Pick, Registry, builtin, load_file, normalise, validate_schema};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn registry() -> Registry {
    Registry::new(builtin()).unwrap()
}

fn operation(key: &str, version: &str) -> Arc<BoundOperation> {
    registry().operation(key, &version.parse().unwrap()).unwrap().clone()
}

fn lines(issues: Result<(), Vec<Issue>>) -> String {
    let issues = issues.err().unwrap_or_default();
    issues
        .iter()
        .map(|issue| format!("{} {}: {}", issue.path, issue.code, issue.message))
        .collect::<Vec<_>>()
        .join("\n")
}

fn run(input: &Value) -> String {
    lines(operation("agent.run", "1.0.0").validate_input(input))
}

/// What is said about one field with this schema.
fn field(schema: Value, value: Value) -> String {
    let whole = json!({ "type": "object", "additionalProperties": false, "properties": { "x": schema } });
    lines(validate_schema(&whole, &json!({ "x": value })))
}

#[test]
fn an_input_as_the_contract_wants_it_is_accepted() {
    assert_snapshot!(run(&json!({ "agentKey": "release-notes", "input": { "repository": "." }, "mode": "wait", "priority": -1000 })), @"");
}

#[test]
fn every_issue_is_told_at_once_with_the_nearest_name() {
    assert_snapshot!(run(&json!({ "promt": "x", "mode": "fast", "priority": 1001, "tenantId": null, "colour": "red" })), @"
    /mode enum: must be one of `background`, `wait`, `dry_run`
    /priority maximum: must be at most 1000
    /tenantId null: must not be null; leave the field out instead
    /promt unknown-field: `promt` is not a field here; did you mean `prompt`?
    /colour unknown-field: `colour` is not a field here; known are `agentKey`, `contextSnapshotId`, `prompt`, `input`, `mode`, `priority`, `tenantId`, `actorId`, `metadata`
    /agentKey required: `agentKey` is required
    ");
    assert_snapshot!(run(&json!({ "agentKey": "  " })), @"/agentKey pattern: must not be blank");
    assert_snapshot!(run(&json!([])), @" type: must be an object");
}

#[test]
fn an_integer_is_one_that_every_reader_keeps() {
    let most = 9_007_199_254_740_991_i64;
    assert_snapshot!(run(&json!({ "agentKey": "a", "metadata": { "a": [most], "b": -most } })), @"");
    assert_snapshot!(run(&json!({ "agentKey": "a", "metadata": { "a": [most + 1], "b": -most - 1, "c": u64::MAX } })), @"
    /metadata/a/0 integer-range: must be within ±9007199254740991, where every reader keeps integers exactly
    /metadata/b integer-range: must be within ±9007199254740991, where every reader keeps integers exactly
    /metadata/c integer-range: must be within ±9007199254740991, where every reader keeps integers exactly
    ");
}

#[test]
fn a_message_never_holds_a_value() {
    let secret = "4111-1111-1111-1111";
    let schema = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "card": { "type": "object", "additionalProperties": false, "properties": { "number": { "type": "integer" } } },
            "list": { "enum": ["a", "b"] },
            "form": { "anyOf": [{ "type": "integer" }, { "type": "string", "maxLength": 3 }] },
        },
    });
    let policy = "{ auth: user, pii: [form], classes: { card: secret } }";
    let text = format!(
        "kind: command\nkey: card.add\nversion: 1.0.0\ntitle: Add\ndescription: Adds.\ndomain: shop\nstability: idea\n\
         capability: a.b@1.0.0\ninput: {schema}\noutput: {{ type: object }}\npolicy: {policy}\n"
    );
    let operation = BoundOperation::new(Arc::new(load_file("card.add.yaml", &text).unwrap())).unwrap();
    let hostile = json!({ "card": { "number": secret, (secret): 1 }, "list": secret, "form": secret });
    let told = lines(operation.validate_input(&hostile));
    assert!(!told.contains("4111"), "{told}");
    assert_snapshot!(told, @"
    /card/number type: must be an integer
    /card unknown-field: holds a field that the contract does not know
    /list enum: must be one of `a`, `b`
    /form max-length: must have at most 3 characters
    ");
}

#[test]
fn every_refusal_says_what_must_hold() {
    let told = [
        field(json!({ "type": "string" }), json!(1)),
        field(json!({ "type": ["string", "integer"] }), json!(1.5)),
        field(json!({ "const": "a" }), json!("b")),
        field(json!({ "pattern": "^[a-z]+$" }), json!("A")),
        field(json!({ "format": "date-time" }), json!("yesterday")),
        field(json!({ "exclusiveMinimum": 1, "multipleOf": 2 }), json!(1)),
        field(json!({ "minLength": 1 }), json!("")),
        field(json!({ "maxItems": 1, "uniqueItems": true }), json!([1, 1])),
        field(json!({ "minProperties": 1 }), json!({})),
        field(json!({ "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] }), json!({})),
        field(json!({ "anyOf": [{ "type": "integer" }, { "type": "object", "required": ["a"] }] }), json!({})),
        field(json!({ "not": {} }), json!(1)),
        field(json!(false), json!(1)),
    ];
    assert_snapshot!(told.join("\n"), @"
    /x type: must be a string
    /x type: must be an integer or a string
    /x const: must be `a`
    /x pattern: must match the pattern `^[a-z]+$`
    /x format: must be a date and time such as 2026-11-22T15:02:11Z
    /x exclusive-minimum: must be greater than 1
    /x multiple-of: must be a multiple of 2
    /x min-length: must have at least 1 character
    /x max-items: must have at most 1 item
    /x unique-items: must not hold the same item twice
    /x min-properties: must have at least 1 field
    /x one-of: matches none of the 2 forms that the contract allows here
    /x/a required: `a` is required
    /x not: has a form that the contract excludes
    /x not-allowed: is not allowed here
    ");
}

#[test]
fn a_pattern_runs_in_linear_time_or_not_at_all() {
    assert_snapshot!(field(json!({ "pattern": "(?=a)b" }), json!("b")).trim(), @r#"schema-invalid: "(?=a)b" is not a "regex""#);
    let text = "a".repeat(50_000) + "!";
    assert_eq!(field(json!({ "pattern": "^(a+)+$" }), json!(text)), "/x pattern: must match the pattern `^(a+)+$`");
}

#[test]
fn a_number_without_a_fraction_is_an_integer() {
    let mut value = json!({ "a": 1.0, "b": [2.5, -0.0, 3e2], "c": 1e300 });
    normalise(&mut value);
    assert_eq!(value, json!({ "a": 1, "b": [2.5, 0, 300], "c": 1e300 }));
}

fn query(schema: Value, pairs: &[(&str, &str)]) -> String {
    let text = format!(
        "kind: query\nkey: a.b\nversion: 1.0.0\ntitle: A\ndescription: B.\ndomain: shop\nstability: idea\n\
         capability: a.c@1.0.0\ninput: {}\noutput: {{ type: object }}\npolicy: {{ auth: user }}\n",
        json!({ "type": "object", "properties": schema }),
    );
    let operation = BoundOperation::new(Arc::new(load_file("a.b.yaml", &text).unwrap())).unwrap();
    let pairs: Vec<_> = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    match operation.coerce_query(&pairs) {
        Ok(value) => value.to_string(),
        Err(issues) => lines(Err(issues)),
    }
}

#[test]
fn a_query_string_becomes_what_the_schema_asks_for() {
    let schema = json!({
        "limit": { "type": "integer" }, "ratio": { "type": "number" }, "all": { "type": "boolean" },
        "tags": { "type": "array", "items": { "type": "string" } }, "ids": { "type": "array", "items": { "type": "integer" } },
        "filter": { "type": "object" }, "name": { "type": "string" }, "level": { "enum": [1, 2, "max"] },
        "either": { "anyOf": [{ "type": "integer" }, { "type": "string" }] },
    });
    let right = [
        ("limit", "12"),
        ("ratio", "1.5"),
        ("all", "true"),
        ("tags", "a"),
        ("tags", "b"),
        ("ids", "[1,2]"),
        ("filter", "{\"a\":1}"),
        ("name", "12"),
        ("level", "2"),
        ("either", "x"),
        ("unknown", "1"),
    ];
    assert_snapshot!(query(schema.clone(), &right), @r#"
    {"limit":12,"ratio":1.5,"all":true,"tags":["a","b"],"ids":[1,2],"filter":{"a":1},"name":"12","level":2,"either":"x","unknown":"1"}
    "#);
    let wrong = [
        ("limit", "1.5"),
        ("ratio", "NaN"),
        ("all", "yes"),
        ("ids", "x"),
        ("filter", "a"),
        ("name", "a"),
        ("name", "b"),
        ("level", "max"),
        ("either", ""),
    ];
    assert_snapshot!(query(schema.clone(), &wrong), @"
    /limit type: must be an integer such as 12
    /ratio type: must be a number such as 1.5
    /all type: must be true or false
    /ids type: must be an integer such as 12
    /filter type: must be a JSON object
    /name given-twice: must be given once; it is not a list
    ");
    assert_snapshot!(query(schema, &[("limit", "+1"), ("limit", "007"), ("limit", "9007199254740992"), ("limit", "")]), @"
    /limit type: must be an integer such as 12
    /limit type: must be an integer such as 12
    /limit integer-range: must be within ±9007199254740991
    /limit type: must be an integer such as 12
    ");
}

#[test]
fn a_version_is_picked_exactly_or_as_the_newest_match() {
    let text = |version: &str| {
        format!(
            "kind: event\nkey: a.b\nversion: {version}\ntitle: A\ndescription: B.\ndomain: d\nstability: idea\n\
             capability: a.c@1.0.0\npayload: {{ type: object }}\n"
        )
    };
    let versions = ["1.0.0", "1.0.1", "1.10.0", "1.2.0", "2.0.0", "3.0.0-rc.1"];
    let contracts = versions.map(|version| load_file("a.b.yaml", &text(version)).unwrap());
    let registry = Registry::new(contracts.into()).unwrap();
    let picked = |pick: &Pick| registry.resolve("a.b", pick).map_or("none".into(), |c| c.meta.version.to_string());
    let by = |text: &str| text.parse().map_or_else(|error| format!("{error}"), |pick| picked(&pick));
    let texts =
        ["v1", "1", "v1.0", "1.2", "v1.0.0", "1.0.2", "v2", "v3", "3.0.0-rc.1", "v4", "", "v", "1.x", "01", "1.2.3.4"];
    let told: Vec<_> = texts.iter().map(|text| format!("{text:?} {}", by(text))).collect();
    assert_snapshot!(told.join("\n"), @r#"
    "v1" 1.10.0
    "1" 1.10.0
    "v1.0" 1.0.1
    "1.2" 1.2.0
    "v1.0.0" 1.0.0
    "1.0.2" none
    "v2" 2.0.0
    "v3" none
    "3.0.0-rc.1" 3.0.0-rc.1
    "v4" none
    "" `` is not a version such as 1.0.0, v1 or v1.1
    "v" `v` is not a version such as 1.0.0, v1 or v1.1
    "1.x" `1.x` is not a version such as 1.0.0, v1 or v1.1
    "01" `01` is not a version such as 1.0.0, v1 or v1.1
    "1.2.3.4" `1.2.3.4` is not a version such as 1.0.0, v1 or v1.1
    "#);
    assert_eq!(picked(&Pick::Newest), "2.0.0");
    let all: Vec<_> = registry.versions("a.b").map(|contract| contract.meta.version.to_string()).collect();
    assert_eq!(all, ["1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0", "3.0.0-rc.1"]);
}

#[test]
fn a_version_is_there_once() {
    let mut contracts = builtin();
    contracts.push(contracts[0].clone());
    let findings = Registry::new(contracts).unwrap_err();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, "duplicate-contract");
}

#[test]
fn whoever_names_a_contract_is_found() {
    let registry = registry();
    let event = "agent.run.started@1.0.0".parse().unwrap();
    let names: Vec<_> =
        registry.referenced_by(&event).iter().map(|contract| contract.reference().to_string()).collect();
    assert!(names.contains(&"agent.run@1.0.0".to_owned()), "{names:?}");
    assert!(names.contains(&"agent.execution@1.0.0".to_owned()), "{names:?}");
}

#[test]
fn a_field_that_another_one_asks_for_is_told_with_it() {
    let schema = serde_json::json!({
        "type": "object", "properties": { "stream": {}, "seq": {} },
        "dependentRequired": { "stream": ["seq"], "seq": ["stream"] },
    });
    let issues = affiant_contract::validate_schema(&schema, &serde_json::json!({ "seq": 1 })).unwrap_err();
    let told: Vec<_> = issues.iter().map(|it| format!("{} {}: {}", it.path, it.code, it.message)).collect();
    assert_eq!(told, ["/stream dependentRequired: `stream` is needed with `seq`"]);
}
