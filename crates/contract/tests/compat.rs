//! What a change to a contract does to those who rely on it.

use affiant_contract::{
    Contract,
    compat::{Verdict, compare, needs},
    load_file, validate_schema,
};
use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

fn operation(version: &str, input: &Value, output: &Value, rest: &str) -> Contract {
    let text = format!(
        "kind: command
key: refund.issue
version: {version}
title: Issue a refund
description: Pays a customer's money back.
domain: shop
stability: stable
capability: shop.payments@1.0.0
input: {input}
output: {output}
{rest}
"
    );
    load_file("contracts/refund.issue.yaml", &text).unwrap_or_else(|findings| panic!("{findings:?}"))
}

const REST: &str = "policy: { auth: user }\nerrors: [conflict]";

fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

/// The verdict and every change, one a line.
fn told(old: &Contract, new: &Contract) -> String {
    let comparison = compare(old, new);
    let mut lines = vec![format!("{:?}, needs {}", comparison.verdict, comparison.needs)];
    for change in comparison.changes {
        let mark = if change.breaking { '!' } else { '+' };
        let witness = change.witness.map(|witness| format!(" {witness}")).unwrap_or_default();
        lines.push(format!("{mark} {}: {} ({}) [{}]{witness}", change.path, change.what, change.why, change.pointer));
    }
    lines.join("\n")
}

/// What becomes of an input with one field when the field's schema changes.
fn input(old: Value, new: Value) -> String {
    let of = |field: Value| operation("1.0.0", &object(json!({ "x": field }), &[]), &object(json!({}), &[]), REST);
    told(&of(old), &of(new))
}

fn inputs(old: &Value, new: &Value) -> String {
    let of = |input: &Value| operation("1.0.0", input, &object(json!({}), &[]), REST);
    told(&of(old), &of(new))
}

fn outputs(old: &Value, new: &Value) -> String {
    let of = |output: &Value| operation("1.0.0", &object(json!({}), &[]), output, REST);
    told(&of(old), &of(new))
}

fn rest(old: &str, new: &str) -> String {
    let of = |rest: &str| operation("1.2.3", &object(json!({}), &[]), &object(json!({}), &[]), rest);
    told(&of(old), &of(new))
}

#[test]
fn an_input_may_only_widen() {
    let string = json!({ "type": "string" });
    let plain = object(json!({ "x": string }), &[]);
    assert_snapshot!(inputs(&plain, &object(json!({ "x": string, "y": string }), &[])), @"
    Additive, needs 1.1.0
    + input: `y` is accepted (every input that was accepted is accepted still) [/input/properties/y]
    ");
    assert_snapshot!(inputs(&object(json!({ "x": string, "y": string }), &[]), &plain), @r#"
    Breaking, needs 2.0.0
    ! input: `y` is no longer accepted (an input that was accepted is refused now: `y` is not a field here; did you mean `x`?) [/input/properties/y] {"y":"a"}
    "#);
    assert_snapshot!(inputs(&plain, &object(json!({ "x": string }), &["x"])), @"
    Breaking, needs 2.0.0
    ! input: `x` is now required (an input that was accepted is refused now: `x` is required) [/input/required] {}
    ");
    assert_snapshot!(inputs(&object(json!({ "x": string }), &["x"]), &plain), @"
    Additive, needs 1.1.0
    + input: `x` is no longer required (every input that was accepted is accepted still) [/input/required]
    ");
    assert_snapshot!(inputs(&plain, &object(json!({ "x": string, "y": string }), &["y"])), @"
    Breaking, needs 2.0.0
    ! input: `y` is now required (an input that was accepted is refused now: `y` is required) [/input/required] {}
    + input: `y` is accepted (every input that was accepted is accepted still) [/input/properties/y]
    ");
}

#[test]
fn every_keyword_of_an_input_is_understood() {
    assert_snapshot!(input(json!({ "type": "string" }), json!({ "type": "integer" })), @r#"
    Breaking, needs 2.0.0
    ! input.x: may no longer be a string (an input that was accepted is refused now: `x` must be an integer) [/input/properties/x/type] {"x":"a"}
    + input.x: may now be an integer (every input that was accepted is accepted still) [/input/properties/x/type]
    "#);
    assert_snapshot!(input(json!({ "type": "integer" }), json!({ "type": "number" })), @"
    Additive, needs 1.1.0
    + input.x: may now be a number (every input that was accepted is accepted still) [/input/properties/x/type]
    ");
    assert_snapshot!(input(json!({ "enum": ["a", "b"] }), json!({ "enum": ["b", "c"] })), @r#"
    Breaking, needs 2.0.0
    ! input.x: may no longer be `a` (an input that was accepted is refused now: `x` must be one of `b`, `c`) [/input/properties/x] {"x":"a"}
    + input.x: may now be `c` (every input that was accepted is accepted still) [/input/properties/x]
    "#);
    assert_snapshot!(input(json!({ "type": "integer" }), json!({ "type": "integer", "minimum": 1 })), @r#"
    Breaking, needs 2.0.0
    ! input.x: `minimum` is now 1 (an input that was accepted is refused now: `x` must be at least 1) [/input/properties/x/minimum] {"x":0}
    "#);
    assert_snapshot!(input(json!({ "type": "integer", "maximum": 9 }), json!({ "type": "integer", "maximum": 5 })), @r#"
    Breaking, needs 2.0.0
    ! input.x: `maximum` is now 5, was 9 (an input that was accepted is refused now: `x` must be at most 5) [/input/properties/x/maximum] {"x":9}
    "#);
    assert_snapshot!(input(json!({ "type": "string" }), json!({ "type": "string", "maxLength": 3 })), @r#"
    Breaking, needs 2.0.0
    ! input.x: `maxLength` is now 3 (an input that was accepted is refused now: `x` must have at most 3 characters) [/input/properties/x/maxLength] {"x":"aaaa"}
    "#);
    assert_snapshot!(input(json!({ "type": "string" }), json!({ "type": "string", "pattern": "^[a-z]+$" })), @r#"
    Breaking, needs 2.0.0
    ! input.x: must now have the pattern `^[a-z]+$` (an input that was accepted is refused now: `x` must match the pattern `^[a-z]+$`) [/input/properties/x/pattern] {"x":""}
    "#);
    assert_snapshot!(input(json!({ "type": "string" }), json!({ "type": "string", "format": "date-time" })), @r#"
    Breaking, needs 2.0.0
    ! input.x: must now have the format `date-time` (an input that was accepted is refused now: `x` must be a date and time such as 2026-11-22T15:02:11Z) [/input/properties/x/format] {"x":"a"}
    "#);
    assert_snapshot!(input(json!({ "type": "array", "items": { "type": "string" } }), json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "minItems": 1 })), @r#"
    Breaking, needs 2.0.0
    ! input.x: `minItems` is now 1 (an input that was accepted is refused now: `x` must have at least 1 item) [/input/properties/x/minItems] {"x":[]}
    ! input.x[]: `minLength` is now 1 (an input that was accepted is refused now: an item must have at least 1 character) [/input/properties/x/items/minLength] {"x":[""]}
    "#);
    assert_snapshot!(input(json!({ "type": "object" }), object(json!({ "a": { "type": "string" } }), &[])), @r#"
    Breaking, needs 2.0.0
    ! input.x.a: may now only be a string (an input that was accepted is refused now: `a` must not be null; leave the field out instead) [/input/properties/x/properties/a/type] {"x":{"a":null}}
    ! input.x: fields that are not named are no longer accepted (an input that was accepted is refused now: `somethingElse` is not a field here; known are `a`) [/input/properties/x/additionalProperties] {"x":{"somethingElse":{}}}
    "#);
    assert_snapshot!(input(json!({ "type": "string", "default": "a" }), json!({ "type": "string", "default": "b" })), @r#"
    Breaking, needs 2.0.0
    ! input.x: means `"b"` when it is left out, and meant `"a"` (the same call does something else) [/input/properties/x/default]
    "#);
    assert_snapshot!(input(json!({ "type": ["string", "null"] }), json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] })), @"Documentation, needs 1.0.1");
    assert_snapshot!(input(json!({ "type": "string" }), json!({ "type": "string", "not": { "const": "x" } })), @r#"
    Breaking, needs 2.0.0
    ! input.x: `not` refuses more than before (an input that was accepted is refused now: `x` has a form that the contract excludes) [/input/properties/x/not] {"x":"x"}
    "#);
}

#[test]
fn an_output_may_only_narrow() {
    let string = json!({ "type": "string" });
    let plain = object(json!({ "x": string }), &["x"]);
    assert_snapshot!(outputs(&plain, &object(json!({ "x": string, "y": string }), &["x"])), @"
    Additive, needs 1.1.0
    + output: `y` is new (readers ignore fields that they do not know) [/output/properties/y]
    ");
    assert_snapshot!(outputs(&plain, &object(json!({ "x": string }), &[])), @"
    Breaking, needs 2.0.0
    ! output: `x` may be missing (readers of the old contract do not expect it: `x` is required) [/output/required] {}
    ");
    assert_snapshot!(outputs(&object(json!({ "x": string }), &[]), &plain), @"
    Additive, needs 1.1.0
    + output: `x` is always there (readers of the old contract expect no less) [/output/required]
    ");
    assert_snapshot!(outputs(&plain, &object(json!({}), &[])), @"
    Breaking, needs 2.0.0
    ! output: `x` may be missing (readers of the old contract do not expect it: `x` is required) [/output/required] {}
    + output: `x` is no longer there (readers of the old contract expect no less) [/output/properties/x]
    ");
    let of = |values: Value| object(json!({ "status": { "enum": values } }), &["status"]);
    assert_snapshot!(outputs(&of(json!(["open", "paid"])), &of(json!(["open", "paid", "lost"]))), @r#"
    Breaking, needs 2.0.0
    ! output.status: may now be `lost` (readers of the old contract do not expect it: `status` must be one of `open`, `paid`) [/output/properties/status] {"status":"lost"}
    "#);
    assert_snapshot!(outputs(&of(json!(["open", "paid"])), &of(json!(["paid"]))), @"
    Additive, needs 1.1.0
    + output.status: is no longer `open` (readers of the old contract expect no less) [/output/properties/status]
    ");
}

#[test]
fn what_stands_beside_the_schemas_counts_too() {
    assert_snapshot!(rest("policy: { auth: user }", "policy: { auth: admin }"), @"
    Breaking, needs 2.0.0
    ! policy.auth: was `user` and is `admin` (a caller that is only `user` is refused now) [/policy/auth]
    ");
    assert_snapshot!(rest("policy: { auth: user }", "policy: { auth: anonymous }"), @"
    Additive, needs 1.3.0
    + policy.auth: was `user` and is `anonymous` (a caller that is only `anonymous` may call it now) [/policy/auth]
    ");
    assert_snapshot!(rest(
        "policy: { auth: user }\nerrors: [conflict]",
        "policy: { auth: user }\nerrors: [run-ended, { code: gone, status: 410, when: It is gone., remedy: Give up. }]",
    ), @"
    Breaking, needs 2.0.0
    ! errors: `gone` is new (callers meet status 410, which they did not have to handle) [/errors]
    + errors: `run-ended` is new (callers handle status 409 already) [/errors]
    + errors: `conflict` no longer happens (callers need not handle it any more) [/errors]
    ");
    assert_snapshot!(rest(
        "policy: { auth: user }\nemits: [{ event: a.b@1.0.0, when: Always. }]",
        "policy: { auth: user, rateLimit: { perMinute: 1, burst: 1 } }\nidempotency: natural\nhints: { destructive: true }",
    ), @"
    Breaking, needs 2.0.0
    ! policy.rateLimit: was no limit and is 1 a minute, 1 at once (callers within the old limit are refused now) [/policy/rateLimit]
    ! emits: a.b@1.0.0 is gone (whoever waits for the event waits in vain) [/emits]
    ! hints.destructive: may destroy something now (retries and approvals of its callers rest on the old promise) [/hints/destructive]
    ! idempotency: was keyed and is natural (callers decide by it whether they may repeat a call) [/idempotency]
    ");
}

#[test]
fn a_text_is_documentation_and_nothing_is_the_same() {
    let schema = object(json!({ "x": { "type": "string", "description": "A text." } }), &[]);
    let changed = object(json!({ "x": { "type": "string", "description": "Another text." } }), &[]);
    assert_snapshot!(inputs(&schema, &changed), @"Documentation, needs 1.0.1");
    assert_snapshot!(inputs(&schema, &schema), @"Same, needs 1.0.0");
}

#[test]
fn the_needed_version_follows_the_verdict() {
    let needed = |old: &str, verdict| needs(&old.parse().unwrap(), verdict).to_string();
    let all = [Verdict::Same, Verdict::Documentation, Verdict::Additive, Verdict::Breaking];
    assert_eq!(all.map(|verdict| needed("1.2.3", verdict)), ["1.2.3", "1.2.4", "1.3.0", "2.0.0"]);
    assert_eq!(all.map(|verdict| needed("0.2.3", verdict)), ["0.2.3", "0.2.4", "0.2.4", "0.3.0"]);
}

#[test]
fn a_schema_that_refers_to_itself_is_compared() {
    let tree = |leaf: Value| {
        json!({
            "type": "object", "additionalProperties": false, "properties": { "tree": { "$ref": "#/$defs/tree" } },
            "$defs": { "tree": { "type": "object", "properties": {
                "leaf": leaf, "left": { "$ref": "#/$defs/tree" }, "right": { "$ref": "#/$defs/tree" },
            } } },
        })
    };
    assert_snapshot!(inputs(&tree(json!({ "type": "string" })), &tree(json!({ "type": "integer" }))), @r#"
    Breaking, needs 2.0.0
    ! input.tree.leaf: may no longer be a string (an input that was accepted is refused now: `leaf` must be an integer) [/input/properties/tree/properties/leaf/type] {"tree":{"leaf":"a"}}
    + input.tree.leaf: may now be an integer (every input that was accepted is accepted still) [/input/properties/tree/properties/leaf/type]
    "#);
    assert_snapshot!(inputs(&tree(json!({ "type": "integer" })), &tree(json!({ "type": "number" }))), @"
    Additive, needs 1.1.0
    + input.tree.leaf: may now be a number (every input that was accepted is accepted still) [/input/properties/tree/properties/leaf/type]
    ");
}

fn leaf() -> impl Strategy<Value = Value> {
    let number = -3i64..4;
    prop_oneof![
        Just(json!({})),
        Just(json!({ "type": "boolean" })),
        (prop::option::of(number.clone()), prop::option::of(number.clone()), any::<bool>()).prop_map(
            |(low, high, whole)| {
                let mut schema = json!({ "type": if whole { "integer" } else { "number" } });
                low.into_iter().for_each(|low| schema["minimum"] = json!(low));
                high.into_iter().for_each(|high| schema["exclusiveMaximum"] = json!(high));
                schema
            }
        ),
        (
            prop::option::of(0u64..3),
            prop::option::of(0u64..4),
            prop::option::of(prop::sample::select(vec!["^a", "b$", "[0-9]"]))
        )
            .prop_map(|(low, high, pattern)| {
                let mut schema = json!({ "type": "string" });
                low.into_iter().for_each(|low| schema["minLength"] = json!(low));
                high.into_iter().for_each(|high| schema["maxLength"] = json!(high));
                pattern.into_iter().for_each(|pattern| schema["pattern"] = json!(pattern));
                schema
            }),
        prop::sample::subsequence(vec![json!(1), json!("a"), json!("b"), json!(null), json!(true)], 1..4)
            .prop_map(|values| json!({ "enum": values })),
        prop::sample::subsequence(vec!["string", "integer", "number", "null", "boolean", "object"], 1..4)
            .prop_map(|types| json!({ "type": types })),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(2, 12, 3, |inner| {
        let fields = prop::collection::btree_map(prop::sample::select(vec!["p", "q", "r"]), inner.clone(), 0..3);
        let required = prop::sample::subsequence(vec!["p", "q"], 0..2);
        let rest = prop_oneof![Just(None), Just(Some(json!(false))), inner.clone().prop_map(Some)];
        prop_oneof![
            3 => (fields, required, rest).prop_map(|(fields, required, rest)| {
                let mut schema = json!({ "type": "object", "properties": fields, "required": required });
                rest.into_iter().for_each(|rest| schema["additionalProperties"] = rest);
                schema
            }),
            2 => (inner.clone(), prop::option::of(0u64..3), any::<bool>()).prop_map(|(items, most, unique)| {
                let mut schema = json!({ "type": "array", "items": items, "uniqueItems": unique });
                most.into_iter().for_each(|most| schema["maxItems"] = json!(most));
                schema
            }),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|branches| json!({ "anyOf": branches })),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|branches| json!({ "oneOf": branches })),
            1 => prop::collection::vec(inner.clone(), 1..3).prop_map(|branches| json!({ "allOf": branches })),
            1 => inner.prop_map(|inner| json!({ "not": inner })),
        ]
    })
}

/// Two schemas that have something to do with each other, more often than chance would have it.
fn pair() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (schema(), schema()),
        (schema(), schema()).prop_map(|(a, b)| (a.clone(), json!({ "anyOf": [a, b] }))),
        (schema(), schema()).prop_map(|(a, b)| (json!({ "anyOf": [a, b] }), a)),
        (schema(), leaf()).prop_map(|(a, b)| {
            let mut changed = a.clone();
            if let (Some(changed), Some(b)) = (changed.as_object_mut(), b.as_object()) {
                changed.extend(b.clone());
            }
            (a, changed)
        }),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        (-4i64..5).prop_map(|i| json!(i)),
        (-8i64..9).prop_map(|i| json!(i as f64 / 2.0)),
        prop::sample::select(vec!["", "a", "b", "ab", "a1b", "1", "abcd"]).prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map(prop::sample::select(vec!["p", "q", "r", "s"]), inner, 0..4)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

/// Every case compiles a few dozen schemas, so there are not many unless `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    /// The promise of the whole module: what is called additive refuses nothing that was accepted.
    #[test]
    fn an_additive_change_refuses_nothing_that_was_accepted((old, new) in pair(), values in prop::collection::vec(value(), 60)) {
        let of = |field: &Value| object(json!({ "x": field }), &["x"]);
        let (old, new) = (of(&old), of(&new));
        let output = object(json!({}), &[]);
        let comparison = compare(&operation("1.0.0", &old, &output, REST), &operation("1.1.0", &new, &output, REST));
        for change in &comparison.changes {
            if let Some(witness) = &change.witness {
                prop_assert!(validate_schema(&old, witness).is_ok() && validate_schema(&new, witness).is_err());
            }
        }
        if comparison.verdict != Verdict::Breaking {
            for value in values {
                let value = json!({ "x": value });
                let lost = validate_schema(&old, &value).is_ok() && validate_schema(&new, &value).is_err();
                prop_assert!(!lost, "{value} was accepted and is refused, and the change is called {:?}", comparison.verdict);
            }
        }
    }
}
