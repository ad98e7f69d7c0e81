use serde_json::json;

use super::{World, contract};

#[tokio::test]
async fn tools_without_a_world_give_what_their_examples_say() {
    let world = World::new();
    for key in ["tool.echo", "items.classify", "text.render"] {
        for example in &contract(key).operation().unwrap().examples {
            let output = world.call(key, json!(example.input)).await;
            assert_eq!(output, Ok(json!(example.output)), "{key}: {}", example.title);
        }
    }
}

#[tokio::test]
async fn the_first_rule_that_matches_decides_and_no_item_is_lost() {
    let world = World::new();
    let output = world
        .call(
            "items.classify",
            json!({
                "items": [
                    { "subject": "fix: a", "body": "BREAKING CHANGE: b" },
                    { "subject": "feat(api): c", "body": "" },
                    { "subject": 7 },
                    { "title": "fix: not the field" },
                ],
                "rules": [
                    { "id": "breaking", "section": "Breaking", "pattern": "(?m)^BREAKING", "field": "body" },
                    { "id": "fix", "section": "Fixes", "pattern": "^fix: (?P<text>.*)" },
                    { "id": "feat", "section": "Features", "pattern": r"^feat(\((?P<scope>[^)]*)\))?: (?P<text>.*)" },
                ],
                "order": ["Nothing", "Features", "Breaking"],
            }),
        )
        .await
        .unwrap();
    let told = json!([output["sections"], output["unmatched"], output["counts"]]);
    insta::assert_snapshot!(told.to_string().replace("},{", "},\n{"), @r#"
    [[{"section":"Features","items":[{"index":1,"rule":"feat","captures":{"scope":"api","text":"c"},"item":{"subject":"feat(api): c","body":""}}]},
    {"section":"Breaking","items":[{"index":0,"rule":"breaking","captures":{},"item":{"subject":"fix: a","body":"BREAKING CHANGE: b"}}]}],[{"index":2,"item":{"subject":7}},
    {"index":3,"item":{"title":"fix: not the field"}}],{"total":4,"matched":2,"unmatched":2}]
    "#);
}

#[tokio::test]
async fn a_pattern_that_cannot_be_compiled_is_named() {
    let world = World::new();
    let mut told = Vec::new();
    for pattern in ["(", "(?=a)b", r"(a)\1", "(((a{200}){200}){200})"] {
        let rules = json!([{ "id": "r\n1", "section": "S", "pattern": pattern }]);
        told.push(world.call("items.classify", json!({ "items": [], "rules": rules })).await.unwrap_err());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    pattern-invalid: rule `r\n1`: `(`: unclosed group
    pattern-invalid: rule `r\n1`: `(?=a)b`: look-around, including look-ahead and look-behind, is not supported
    pattern-invalid: rule `r\n1`: `(a)\1`: backreferences are not supported
    pattern-invalid: rule `r\n1`: `(((a{200}){200}){200})`: Compiled regex exceeds size limit of 4194304 bytes.
    ");
}

#[tokio::test]
async fn a_pattern_made_to_take_for_ever_does_not() {
    let world = World::new();
    let items = json!([{ "subject": "a".repeat(200_000) + "!" }]);
    let rules = json!([{ "id": "evil", "section": "S", "pattern": "^(a+)+$" }]);
    let output = world.call("items.classify", json!({ "items": items, "rules": rules })).await.unwrap();
    assert_eq!(output["counts"]["unmatched"], 1);
}

async fn render(template: &str) -> String {
    let data = json!({ "name": "a\u{1b}[2Jb\n\u{202e}c", "list": [{ "x": 1 }], "html": "<b>&" });
    let world = World::new();
    match world.call("text.render", json!({ "template": template, "data": data })).await {
        Ok(output) => output["text"].as_str().unwrap().to_owned(),
        Err(told) => told,
    }
}

#[tokio::test]
async fn a_line_with_nothing_but_a_block_leaves_nothing_behind() {
    assert_eq!(
        render("{% for i in list %}\n  {% if true %}\n- {{ i.x }}\n  {% endif %}\n{% endfor %}\nend\n").await,
        "- 1\nend\n"
    );
}

#[tokio::test]
async fn untrusted_text_is_put_on_one_line_and_html_is_left_alone() {
    assert_eq!(render("{{ name | line }} {{ html }}").await, r"a\x1b[2Jb\n⟦U+202E⟧c <b>&");
}

#[tokio::test]
async fn a_template_loads_nothing_from_elsewhere() {
    for template in ["{% include '/etc/passwd' %}", "{% extends '/etc/passwd' %}", "{% import 'template' as t %}"] {
        let told = render(template).await;
        assert!(told.starts_with("template-invalid: "), "{template}: {told}");
    }
}

#[tokio::test]
async fn a_template_that_does_not_work_is_told_by_line() {
    let told = [
        render("a\n{{ nme }}").await,
        render("{% for %}").await,
        render("{{ list[0].y.z }}").await,
        render("{{ name | nofilter }}").await,
        render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}").await,
        render("{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}").await,
        render("{{ 'x' * 10000000000 }}").await,
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    template-invalid: line 2: undefined value: `nme` is undefined (`nme`)
    template-invalid: line 1: syntax error: unexpected end of block, expected in (`%}`)
    template-invalid: line 1: undefined value: `list[0].y` is undefined (`.y.z`)
    template-invalid: line 1: unknown filter: filter nofilter is unknown (`nofilter`)
    template-invalid: line 1: engine ran out of fuel
    template-invalid: failed to write output: I/O error during rendering: the document is larger than 10 MiB
    template-invalid: line 1: engine ran out of fuel (`'x' * 10000000000`)
    ");
}
