//! What a person is told about a contract file that cannot be read.

use affiant_contract::{Body, SourceSpec, load_file, render};
use insta::assert_snapshot;

fn told(text: &str) -> String {
    match load_file("contracts/refund.issue-1.0.0.yaml", text) {
        Ok(_) => "nothing".into(),
        Err(findings) => render::findings(&findings, false),
    }
}

const META: &str = "key: refund.issue
version: 1.0.0
title: Issue a refund
description: Pays money back.
domain: shop
stability: experimental
";

#[test]
fn every_mistake_in_a_file_is_told_at_once() {
    let text = "kind: command
key: refund.issue
version: 1.0
titel: Issue a refund
description: Pays money back.
domain: shop
stability: experimantal
capability: shop.refunds
input: { type: object }
output: { type: object }
polcy: { auth: user }
policy: { auth: usr, pii: customer }
emits:
  - event: refund.issued@1.0.0
    wen: Money is on its way.
binding:
  kind: http
  url: https://example.com
  timeot: 3s
";
    assert_snapshot!(told(text), @"
    missing-field

      × `title` is missing
       ╭─[contracts/refund.issue-1.0.0.yaml:1:1]
     1 │ kind: command
       · ─
     2 │ key: refund.issue
       ╰────
      help: Add `title: …`

    misshapen-field

      × `version`: invalid type: floating point `1.0`, expected semver version
       ╭─[contracts/refund.issue-1.0.0.yaml:3:10]
     2 │ key: refund.issue
     3 │ version: 1.0
       ·          ───
     4 │ titel: Issue a refund
       ╰────
      help: A version has three numbers, such as 1.0.0

    unknown-field

      × a command has no field `titel`
       ╭─[contracts/refund.issue-1.0.0.yaml:4:1]
     3 │ version: 1.0
     4 │ titel: Issue a refund
       · ─────
     5 │ description: Pays money back.
       ╰────
      help: Did you mean `title`?

    unknown-value

      × `experimantal` is not a value of `stability`
       ╭─[contracts/refund.issue-1.0.0.yaml:7:12]
     6 │ domain: shop
     7 │ stability: experimantal
       ·            ────────────
     8 │ capability: shop.refunds
       ╰────
      help: Did you mean `experimental`?

    misshapen-field

      × `capability`: `shop.refunds` is not a contract reference such as `agent.run@1.0.0`
       ╭─[contracts/refund.issue-1.0.0.yaml:8:13]
     7 │ stability: experimantal
     8 │ capability: shop.refunds
       ·             ────────────
     9 │ input: { type: object }
       ╰────

    unknown-field

      × a command has no field `polcy`
        ╭─[contracts/refund.issue-1.0.0.yaml:11:1]
     10 │ output: { type: object }
     11 │ polcy: { auth: user }
        · ─────
     12 │ policy: { auth: usr, pii: customer }
        ╰────
      help: Did you mean `policy`?

    unknown-value

      × `usr` is not a value of `auth`
        ╭─[contracts/refund.issue-1.0.0.yaml:12:17]
     11 │ polcy: { auth: user }
     12 │ policy: { auth: usr, pii: customer }
        ·                 ───
     13 │ emits:
        ╰────
      help: Did you mean `user`?

    missing-field

      × `when` is missing in `emits[0]`
        ╭─[contracts/refund.issue-1.0.0.yaml:14:5]
     13 │ emits:
     14 │   - event: refund.issued@1.0.0
        ·     ─
     15 │     wen: Money is on its way.
        ╰────
      help: Add `when: …`

    unknown-field

      × a command has no field `wen` in `emits[0]`
        ╭─[contracts/refund.issue-1.0.0.yaml:15:5]
     14 │   - event: refund.issued@1.0.0
     15 │     wen: Money is on its way.
        ·     ───
     16 │ binding:
        ╰────
      help: Did you mean `when`?

    unknown-field

      × a command has no field `timeot` in `binding`
        ╭─[contracts/refund.issue-1.0.0.yaml:19:3]
     18 │   url: https://example.com
     19 │   timeot: 3s
        ·   ──────
        ╰────
      help: Did you mean `timeout`?

    10 errors, 0 warnings
    ");
}

#[test]
fn yaml_tricks_are_refused_where_they_stand() {
    let text =
        format!("kind: capability\n{META}capabilityKind: data\nprovides: &all []\nrequires: *all\n<<: {{ a: b }}\n");
    assert_snapshot!(told(&text), @"
    yaml-anchor

      × anchors and aliases are not used in contracts
        ╭─[contracts/refund.issue-1.0.0.yaml:9:11]
      8 │ capabilityKind: data
      9 │ provides: &all []
        ·           ──────
     10 │ requires: *all
        ╰────
      help: Write the value out where it belongs; `$defs` holds schemas that are used twice

    yaml-anchor

      × anchors and aliases are not used in contracts
        ╭─[contracts/refund.issue-1.0.0.yaml:10:11]
      9 │ provides: &all []
     10 │ requires: *all
        ·           ────
     11 │ <<: { a: b }
        ╰────
      help: Write the value out where it belongs; `$defs` holds schemas that are used twice

    yaml-merge

      × merge keys are not used in contracts
        ╭─[contracts/refund.issue-1.0.0.yaml:11:1]
     10 │ requires: *all
     11 │ <<: { a: b }
        · ──
        ╰────
      help: Write the fields out where they belong

    3 errors, 0 warnings
    ");
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let text = format!("kind: capability\n{META}title: Another\ncapabilityKind: data\nprovides: []\n");
    assert_snapshot!(told(&text), @"
    duplicate-key

      × `title` is given twice
       ╭─[contracts/refund.issue-1.0.0.yaml:8:1]
     7 │ stability: experimental
     8 │ title: Another
       · ─────
     9 │ capabilityKind: data
       ╰────
      help: It stands on line 4 already; keep one

    1 error, 0 warnings
    ");
}

#[test]
fn broken_yaml_is_told_with_its_place() {
    assert_snapshot!(told("kind: command\nkey: [a, b\ntitle: x\n"), @"
    yaml-syntax

      × this is not YAML: illegal placement of ':' indicator
       ╭─[contracts/refund.issue-1.0.0.yaml:3:6]
     2 │ key: [a, b
     3 │ title: x
       ·      ─
       ╰────

    1 error, 0 warnings
    ");
    assert_snapshot!(told(""), @"
    yaml-empty

      × contracts/refund.issue-1.0.0.yaml: the file holds no contract

    1 error, 0 warnings
    ");
    assert_snapshot!(told("- a\n"), @"
    not-a-mapping

      × a contract is a mapping of fields
       ╭─[contracts/refund.issue-1.0.0.yaml:1:1]
     1 │ - a
       · ─
       ╰────

    1 error, 0 warnings
    ");
    assert_snapshot!(told("kind: comand\n"), @"
    unknown-value

      × `comand` is not a value of `kind`
       ╭─[contracts/refund.issue-1.0.0.yaml:1:7]
     1 │ kind: comand
       ·       ──────
       ╰────
      help: Did you mean `command`?

    1 error, 0 warnings
    ");
}

#[test]
fn a_context_pack_keeps_its_sources() {
    let text = format!(
        "kind: context-pack\n{META}sources:\n  - {{ key: history, kind: git, root: ., read: history, range: last-tag..HEAD }}\n"
    );
    let contract = load_file("context/p-1.0.0.yaml", &text).unwrap();
    let Body::ContextPack(pack) = &contract.body else { panic!("not a pack") };
    assert!(matches!(&pack.sources[0].from, SourceSpec::Git { root, .. } if root == "."));
}

#[test]
fn an_unknown_field_of_a_source_is_told() {
    let text = format!(
        "kind: context-pack\n{META}sources:\n  - {{ key: history, kind: git, root: ., read: history, ragne: last-tag..HEAD }}\n"
    );
    assert_snapshot!(told(&text), @"
    unknown-field

      × a context pack has no field `ragne` in `sources[0]`
       ╭─[contracts/refund.issue-1.0.0.yaml:9:56]
     8 │ sources:
     9 │   - { key: history, kind: git, root: ., read: history, ragne: last-tag..HEAD }
       ·                                                        ─────
       ╰────
      help: Did you mean `range`?

    1 error, 0 warnings
    ");
}

#[test]
fn a_mistake_inside_a_rule_is_told_at_its_place() {
    let text = format!(
        "kind: agent\n{META}input: {{ type: object }}\nplanner:\n  kind: rules\n  rules:\n    - id: a\n      then:\n        call: {{ tool: git.log@1.0.0, wiht: {{}} }}\n    - id: b\n      thn: {{}}\n"
    );
    assert_snapshot!(told(&text), @"
    unknown-field

      × an agent has no field `wiht` in `planner.rules[0].then.call`
        ╭─[contracts/refund.issue-1.0.0.yaml:14:38]
     13 │       then:
     14 │         call: { tool: git.log@1.0.0, wiht: {} }
        ·                                      ────
     15 │     - id: b
        ╰────
      help: Did you mean `with`?

    missing-field

      × `then` is missing in `planner.rules[1]`
        ╭─[contracts/refund.issue-1.0.0.yaml:15:7]
     14 │         call: { tool: git.log@1.0.0, wiht: {} }
     15 │     - id: b
        ·       ─
     16 │       thn: {}
        ╰────
      help: Add `then: …`

    unknown-field

      × an agent has no field `thn` in `planner.rules[1]`
        ╭─[contracts/refund.issue-1.0.0.yaml:16:7]
     15 │     - id: b
     16 │       thn: {}
        ·       ───
        ╰────
      help: Did you mean `then`?

    3 errors, 0 warnings
    ");
}
