//! What a person is told about contracts that can be read and are not right.

use affiant_contract::{Contract, Severity, builtin, lint, load_file, render};
use insta::assert_snapshot;

const CAPABILITY: &str = "kind: capability
key: shop.payments
version: 1.0.0
title: Payments
description: Takes money and gives it back.
domain: shop
owners: [shop.team]
stability: experimental
capabilityKind: integration
provides: [refund.issue@1.0.0, refund.issued@1.0.0]
";

const EVENT: &str = "kind: event
key: refund.issued
version: 1.0.0
title: Refund issued
description: Money is on its way back to a customer.
domain: shop
owners: [shop.team]
stability: experimental
capability: shop.payments@1.0.0
payload:
  type: object
  additionalProperties: false
  required: [refundId]
  properties:
    refundId: { type: string, description: Id of the refund. }
examples:
  - title: A refund
    payload: { refundId: ref_1 }
";

const COMMAND: &str = "kind: command
key: refund.issue
version: 1.0.0
title: Issue a refund
description: Pays a customer's money back.
goal: Make a complaint good.
context: Used by the support desk after a complaint was accepted.
domain: shop
owners: [shop.team]
stability: experimental
capability: shop.payments@1.0.0
input:
  type: object
  additionalProperties: false
  required: [amount]
  properties:
    amount: { type: integer, minimum: 1, description: Cents to pay back. }
    email: { type: string, format: email, description: Where the receipt goes. }
output:
  type: object
  additionalProperties: false
  required: [refundId]
  properties:
    refundId: { type: string, description: Id of the refund. }
errors: [conflict]
policy:
  auth: user
  pii: [email]
  rateLimit: { perMinute: 60, burst: 10 }
emits:
  - { event: refund.issued@1.0.0, when: Money is on its way. }
examples:
  - title: Twelve euros
    input: { amount: 1200 }
    output: { refundId: ref_1 }
binding:
  kind: http
  url: https://example.com/refunds
";

const QUERY: &str = "kind: query
key: refund.list
version: 1.0.0
title: List refunds
description: Every refund of a customer, the newest first.
goal: See what was paid back.
context: Used by the support desk.
domain: shop
owners: [shop.team]
stability: experimental
capability: shop.records@1.0.0
input:
  type: object
  additionalProperties: false
  properties:
    limit: { type: integer, minimum: 1, maximum: 100, default: 20, description: The most refunds. }
output:
  type: object
  additionalProperties: false
  required: [refunds]
  properties:
    refunds:
      type: array
      description: The refunds.
      items:
        type: object
        required: [refundId]
        properties:
          refundId: { type: string, description: Id of the refund. }
errors: []
policy: { auth: user }
hints: { readOnly: true }
idempotency: natural
examples:
  - title: All
    input: {}
    output: { refunds: [] }
binding: { kind: command, argv: [./refunds] }
";

const RECORDS: &str = "kind: capability
key: shop.records
version: 1.0.0
title: Records
description: Knows what was paid.
domain: shop
owners: [shop.team]
stability: experimental
capabilityKind: data
provides: [refund.list@1.0.0]
";

const FORM: &str = "kind: form
key: refund.issue.form
version: 1.0.0
title: Refund form
description: Asks for a refund.
domain: shop
owners: [shop.team]
stability: experimental
operation: refund.issue@1.0.0
fields:
  - { field: amount, label: Amount, widget: number }
  - { field: email, label: E-mail }
pii: [email]
action: { key: issue, label: Pay back }
";

const VIEW: &str = "kind: view
key: refund.index
version: 1.0.0
title: Refunds
description: The refunds in a table.
domain: shop
owners: [shop.team]
stability: experimental
operation: refund.list@1.0.0
entity: refund
items: refunds
columns: [{ field: refundId, label: Id }]
filters: [limit]
";

const PACK: &str = "kind: context-pack
key: shop.terms
version: 1.0.0
title: Terms
description: The terms of the shop.
domain: shop
owners: [shop.team]
stability: experimental
parameters:
  type: object
  additionalProperties: false
  required: [folder]
  properties:
    folder: { type: string, description: Where the terms are. }
sources:
  - { key: terms, kind: file, root: '${parameters.folder}', include: ['*.md'] }
";

const AGENT: &str = "kind: agent
key: refunder
version: 1.0.0
title: Refunder
description: Pays back what was promised.
domain: shop
owners: [shop.team]
stability: experimental
input:
  type: object
  additionalProperties: false
  properties:
    amount: { type: integer, description: Cents to pay back. }
packs:
  - pack: shop.terms@1.0.0
    parameters: { folder: . }
tools:
  - operation: refund.issue@1.0.0
planner:
  kind: rules
  rules:
    - id: pay
      when: '!has(steps.paid)'
      then:
        call: { tool: refund.issue@1.0.0, as: paid, with: { amount: '${input.amount}' } }
    - id: done
      then:
        finish: { refund: '${steps.paid.result}' }
";

const ALL: &[&str] = &[CAPABILITY, EVENT, COMMAND, QUERY, RECORDS, FORM, VIEW, PACK, AGENT];

fn contract(text: &str) -> Contract {
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned();
    load_file(&format!("contracts/{}-{}.yaml", field("key:"), field("version:")), text)
        .unwrap_or_else(|findings| panic!("{}", render::findings(&findings, false)))
}

/// Findings about the shop when one contract says something else, one a line.
fn told(original: &str, replace: &[(&str, &str)]) -> String {
    let findings = findings(original, replace);
    findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn findings(original: &str, replace: &[(&str, &str)]) -> Vec<affiant_contract::Finding> {
    let changed = replace.iter().fold(original.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in the contract");
        text.replacen(from, to, 1)
    });
    let contracts: Vec<_> = ALL.iter().map(|text| contract(if *text == original { &changed } else { text })).collect();
    lint::lint(&lint::Lint { contracts: &contracts, ..Default::default() })
}

#[test]
fn contracts_that_are_right_give_no_finding() {
    assert_snapshot!(told("", &[]), @"");
}

#[test]
fn shipped_contracts_are_clean() {
    let contracts = builtin();
    let findings = lint::lint(&lint::Lint { contracts: &contracts, ..Default::default() });
    assert_snapshot!(render::findings(&findings, false), @"");
}

#[test]
fn a_finding_shows_the_line_and_underlines_the_place() {
    let findings = findings(
        COMMAND,
        &[("refund.issued@1.0.0, when", "refund.isued@1.0.0, when"), ("pii: [email]", "pii: [emial]")],
    );
    assert_snapshot!(render::findings(&findings, false), @"
    unknown-field-path

      × `emial` is not a field of the input and the output
        ╭─[contracts/refund.issue-1.0.0.yaml:28:9]
     27 │   auth: user
     28 │   pii: [emial]
        ·         ─────
     29 │   rateLimit: { perMinute: 60, burst: 10 }
        ╰────
      help: Did you mean `email`?

    undeclared-event

      × the event refund.isued@1.0.0 is not declared by any contract
        ╭─[contracts/refund.issue-1.0.0.yaml:31:14]
     30 │ emits:
     31 │   - { event: refund.isued@1.0.0, when: Money is on its way. }
        ·              ──────────────────
     32 │ examples:
        ╰────
      help: Did you mean `refund.issued`?

    2 errors, 0 warnings
    ");
    assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
}

#[test]
fn a_reference_leads_to_a_contract_of_the_right_kind() {
    assert_snapshot!(told(COMMAND, &[("capability: shop.payments@1.0.0", "capability: shop.payments@2.0.0")]), @"
    contracts/refund.issue-1.0.0.yaml:11:13: shop.payments@2.0.0 is not declared by any contract [dangling-reference] (`shop.payments` is there in version 1.0.0)
    contracts/shop.payments-1.0.0.yaml:10:12: refund.issue@1.0.0 belongs to shop.payments@2.0.0, not to shop.payments@1.0.0 [provides-of-another] (Correct one of the two)
    ");
    assert_snapshot!(told(COMMAND, &[("event: refund.issued@1.0.0", "event: shop.payments@1.0.0")]), @"contracts/refund.issue-1.0.0.yaml:31:14: shop.payments@1.0.0 is a capability, not an event [wrong-kind] (Name an event here)");
    assert_snapshot!(told(CAPABILITY, &[("provides: [refund.issue@1.0.0", "provides: [refund.isue@1.0.0")]), @"
    contracts/refund.issue-1.0.0.yaml:11:13: shop.payments@1.0.0 does not say that it provides refund.issue@1.0.0 [not-provided] (Add `- refund.issue@1.0.0` to `provides` in contracts/shop.payments-1.0.0.yaml)
    contracts/shop.payments-1.0.0.yaml:10:12: what it provides, refund.isue@1.0.0 is not declared by any contract [provides-nothing] (Did you mean `refund.issue`?)
    ");
    assert_snapshot!(told(VIEW, &[("refund.list@1.0.0", "refund.issue@1.0.0")]), @"
    contracts/refund.index-1.0.0.yaml:9:12: refund.issue@1.0.0 is a command, not a query [wrong-kind] (Name a query here)
    contracts/refund.index-1.0.0.yaml:11:8: `refunds` is not a field of the query's output [unknown-field-path] (Did you mean `refundId`?)
    ");
    assert_snapshot!(told(VIEW, &[("stability: experimental", "stability: experimental\nfeature: shop")]), @"contracts/refund.index-1.0.0.yaml:9:10: no contract declares the feature `shop` [dangling-reference] (There is none to name yet; add it, or remove the name)");
}

#[test]
fn an_operation_says_why_when_and_who() {
    let silent = [
        ("goal: Make a complaint good.\n", ""),
        ("context: Used by the support desk after a complaint was accepted.\n", ""),
        ("owners: [shop.team]\n", ""),
        ("errors: [conflict]\n", ""),
        ("description: Pays a customer's money back.", "description: To issue a refund."),
    ];
    assert_snapshot!(told(COMMAND, &silent), @"
    contracts/refund.issue-1.0.0.yaml:1:1: refund.issue has no context [no-context] (Add `context:` and say when it is used, by whom, and what must be true before)
    contracts/refund.issue-1.0.0.yaml:1:1: refund.issue does not say what can go wrong [no-errors] (Add `errors:` with codes of the catalogue or errors of its own, or `errors: []` when every call's are all)
    contracts/refund.issue-1.0.0.yaml:1:1: refund.issue has no goal [no-goal] (Add `goal:` and say why somebody calls it)
    contracts/refund.issue-1.0.0.yaml:1:1: refund.issue has no owner [no-owner] (Name who answers for it, for example `owners: [platform.ai]`)
    contracts/refund.issue-1.0.0.yaml:5:14: the description only repeats the title [description-repeats-title] (Say what it does, in a sentence that the title does not say already)
    ");
    let example = "examples:\n  - title: Twelve euros\n    input: { amount: 1200 }\n    output: { refundId: ref_1 }\n";
    assert_snapshot!(told(COMMAND, &[(example, "")]), @"contracts/refund.issue-1.0.0.yaml:1:1: refund.issue has no example [no-example] (Add a real request with its real reply; the reference shows it)");
}

#[test]
fn an_example_validates() {
    assert_snapshot!(told(COMMAND, &[("input: { amount: 1200 }", "input: { amuont: 1200, email: nobody }")]), @"
    contracts/refund.issue-1.0.0.yaml:34:5: the example's input does not validate: `amount` is required [example-does-not-fit] (Correct the example or the schema)
    contracts/refund.issue-1.0.0.yaml:34:22: the example's input does not validate: `amuont` is not a field here; did you mean `amount`? [example-does-not-fit] (Correct the example or the schema)
    contracts/refund.issue-1.0.0.yaml:34:35: the example's input does not validate: `email` must be an e-mail address [example-does-not-fit] (Correct the example or the schema)
    ");
    assert_snapshot!(told(EVENT, &[("payload: { refundId: ref_1 }", "payload: { refundId: 7 }")]), @"contracts/refund.issued-1.0.0.yaml:18:26: the example's payload does not validate: `refundId` must be a string [example-does-not-fit] (Correct the example or the schema)");
}

#[test]
fn a_declared_error_is_known_or_complete() {
    assert_snapshot!(told(COMMAND, &[("[conflict]", "[conflct, conflict, conflict, internal]")]), @"
    contracts/refund.issue-1.0.0.yaml:25:10: `conflct` is not a code of the error catalogue [unknown-error] (Did you mean `conflict`?)
    contracts/refund.issue-1.0.0.yaml:25:29: the error `conflict` is declared twice [named-twice] (Keep one of the two)
    contracts/refund.issue-1.0.0.yaml:25:39: every call can meet `internal`; it need not be declared [every-call-error] (Remove it)
    ");
    let own = "[{ code: conflict, status: 200, when: '', remedy: Try again. }]";
    assert_snapshot!(told(COMMAND, &[("[conflict]", own)]), @"
    contracts/refund.issue-1.0.0.yaml:25:18: `conflict` is a code of the catalogue with a meaning of its own [bad-error-code] (Name the code alone, or choose another one)
    contracts/refund.issue-1.0.0.yaml:25:36: 200 is not the status of an error [bad-error-status] (Give a status from 400 to 599)
    contracts/refund.issue-1.0.0.yaml:25:47: `when` of the error `conflict` is empty [blank-text] (Write a sentence that a caller can act on)
    ");
}

#[test]
fn hints_and_idempotency_fit_the_kind() {
    assert_snapshot!(told(QUERY, &[("hints: { readOnly: true }\nidempotency: natural\n", "")]), @"");
    let wrong = "hints: { idempotent: true }\nidempotency: keyed\n";
    assert_snapshot!(told(QUERY, &[("hints: { readOnly: true }\nidempotency: natural\n", wrong)]), @"
    contracts/refund.list-1.0.0.yaml:32:1: a query only reads, and its hints do not say so [query-with-effects] (Add `hints: { readOnly: true }`, or make it a command)
    contracts/refund.list-1.0.0.yaml:33:14: an idempotency key has no meaning for a query [query-with-key] (Add `idempotency: natural`)
    ");
    let hints = "hints: { readOnly: true, destructive: true }\nbinding:";
    assert_snapshot!(told(COMMAND, &[("binding:", hints)]), @"contracts/refund.issue-1.0.0.yaml:36:39: what only reads destroys nothing [contradicting-hints] (Keep `readOnly` or `destructive`)");
    assert_snapshot!(told(COMMAND, &[("perMinute: 60, burst: 10", "perMinute: 0, burst: 0")]), @"
    contracts/refund.issue-1.0.0.yaml:29:27: a limit of zero refuses every call [zero-limit] (Give a number of calls, or leave `rateLimit` out)
    contracts/refund.issue-1.0.0.yaml:29:37: a limit of zero refuses every call [zero-limit] (Give a number of calls, or leave `rateLimit` out)
    ");
}

#[test]
fn a_binding_can_be_called() {
    let http = "url: https://example.com/refunds";
    let broken =
        "url: example.com/{amuont}\n  method: post\n  headers: { 'a b': x, auth: 'env:MY-TOKEN' }\n  timeout: 0s";
    assert_snapshot!(told(COMMAND, &[(http, broken)]), @"
    contracts/refund.issue-1.0.0.yaml:38:8: `example.com/{amuont}` is not an address that can be called: it does not begin with http:// or https:// [bad-url] (Write an absolute address, such as https://example.com/refunds)
    contracts/refund.issue-1.0.0.yaml:38:8: the input has no field `amuont` [unknown-placeholder] (Did you mean `amount`?)
    contracts/refund.issue-1.0.0.yaml:39:11: `post` is not a method that a binding can use [bad-method] (Did you mean `POST`?)
    contracts/refund.issue-1.0.0.yaml:40:14: `a b` cannot be sent as a header [bad-header] (A header has a name without spaces and a value on one line)
    contracts/refund.issue-1.0.0.yaml:40:30: `env:MY-TOKEN` does not name an environment variable [bad-variable] (Write `env:NAME`)
    contracts/refund.issue-1.0.0.yaml:41:12: a time limit of zero ends every call before it begins [zero-limit] (Give a time such as 30s, or leave `timeout` out)
    ");
    assert_snapshot!(told(COMMAND, &[(http, "url: 'https://u:p@example.com'")]), @"contracts/refund.issue-1.0.0.yaml:38:8: `https://u:p@example.com` is not an address that can be called: a user name and password belong into `headers`, as `env:NAME` [bad-url] (Write an absolute address, such as https://example.com/refunds)");
    assert_snapshot!(told(COMMAND, &[(http, "url: 'https://{email}/x'")]), @"contracts/refund.issue-1.0.0.yaml:38:8: `https://{email}/x` is not an address that can be called: a field of the input may not choose the host [bad-url] (Write an absolute address, such as https://example.com/refunds)");
    assert_snapshot!(told(QUERY, &[("argv: [./refunds]", "argv: [], env: ['A=b']")]), @"
    contracts/refund.list-1.0.0.yaml:38:27: the binding names no program [empty-argv] (Give the program and its arguments, such as `argv: [./refund.sh]`)
    contracts/refund.list-1.0.0.yaml:38:43: `A=b` is not the name of an environment variable [bad-variable] (Name the variable alone; its value is taken from the server's environment)
    ");
    assert_snapshot!(told(QUERY, &[("binding: { kind: command, argv: [./refunds] }\n", "")]), @"contracts/refund.list-1.0.0.yaml:1:1: nothing carries refund.list out, so calls are answered 501 [unbound] (Add a `binding` of kind `http`, `command` or `mcp`)");
}

#[test]
fn a_tool_of_an_mcp_server_is_pinned_and_has_keys_of_its_own() {
    let http = "kind: http\n  url: https://example.com/refunds";
    let pinned = format!("kind: mcp\n  server: shop\n  tool: refund\n  schema: sha256:{}", "a".repeat(64));
    assert_snapshot!(told(COMMAND, &[(http, &pinned)]), @"");
    let loose = "kind: mcp\n  server: ''\n  tool: refund\n  schema: latest\n  timeout: 0s";
    assert_snapshot!(told(COMMAND, &[(http, loose)]), @"
    contracts/refund.issue-1.0.0.yaml:38:11: `server` of the binding is empty [blank-text] (Name the server of the configuration and the tool that it offers)
    contracts/refund.issue-1.0.0.yaml:40:11: `latest` is not the digest of a tool [bad-digest] (`affiant mcp pin` asks the server and writes the whole contract)
    contracts/refund.issue-1.0.0.yaml:41:12: a time limit of zero ends every call before it begins [zero-limit] (Give a time such as 30s, or leave `timeout` out)
    ");
    let renamed = |text: &str| text.replace("refund.list", "mcp.shop.list");
    let contract = |text: &str| load_file("contracts/mcp.shop.list-1.0.0.yaml", &renamed(text)).unwrap();
    let reserved = |text: &str| {
        let contracts = [contract(text)];
        let looked = lint::lint(&lint::Lint { contracts: &contracts, start: true, ..lint::Lint::default() });
        looked.iter().any(|finding| finding.code == "reserved-key")
    };
    let flow = format!("{{ kind: mcp, server: shop, tool: refund, schema: 'sha256:{}' }}", "a".repeat(64));
    let bound = QUERY.replace("{ kind: command, argv: [./refunds] }", &flow);
    assert!(reserved(QUERY) && !reserved(&bound));
}

#[test]
fn a_schema_is_valid_closed_and_can_be_rendered() {
    assert_snapshot!(told(COMMAND, &[("type: integer, minimum: 1", "type: integr, minimum: 1")]), @"
    contracts/refund.issue-1.0.0.yaml:17:21: `integr` is not a type [schema-invalid] (Did you mean `integer`?)
    contracts/refund.issue.form-1.0.0.yaml:11:45: `amount` cannot be entered with this widget [widget-does-not-fit] (Leave `widget` out to take the one that the schema asks for)
    ");
    assert_snapshot!(told(COMMAND, &[("minimum: 1,", "minimun: 1, $anchor: a,")]), @"
    contracts/refund.issue-1.0.0.yaml:17:30: `minimun` is not a keyword of JSON Schema [unknown-keyword] (Did you mean `minimum`?)
    contracts/refund.issue-1.0.0.yaml:17:42: `$anchor` cannot be rendered by every surface [cannot-be-rendered] (Use `properties`, `items`, `enum`, `anyOf` and the other plain keywords)
    ");
    assert_snapshot!(told(COMMAND, &[("  additionalProperties: false\n", "")]), @"contracts/refund.issue-1.0.0.yaml:12:1: `input` would take fields that it does not name [open-object] (Add `additionalProperties: false`, so that a mistyped field is refused and not ignored)");
    assert_snapshot!(told(COMMAND, &[("{ type: integer, minimum: 1, description: Cents to pay back. }", "{ $ref: 'https://example.com/x.json' }")]), @"
    contracts/refund.issue-1.0.0.yaml:17:21: `https://example.com/x.json` is not a schema of this file [outside-reference] (Refer to `#/$defs/<name>` and define it in the same schema)
    contracts/refund.issue.form-1.0.0.yaml:11:45: `amount` cannot be entered with this widget [widget-does-not-fit] (Leave `widget` out to take the one that the schema asks for)
    ");
    assert_snapshot!(told(COMMAND, &[("minimum: 1,", "minimum: 1, default: 0, pattern: '(?=x)',")]), @"contracts/refund.issue-1.0.0.yaml:17:63: `(?=x)` is not a pattern that can be checked in linear time [schema-invalid] (Look-around and back references are not available)");
    assert_snapshot!(told(COMMAND, &[("format: email, description: Where the receipt goes.", "format: e-mail")]), @"
    contracts/refund.issue-1.0.0.yaml:18:5: `email` has no description [undescribed-field] (Say what it is, in a sentence)
    contracts/refund.issue-1.0.0.yaml:18:36: `e-mail` is not a format that is checked [unknown-format] (Did you mean `email`?)
    ");
    assert_snapshot!(told(COMMAND, &[("required: [amount]", "required: [amuont]")]), @"
    contracts/refund.issue-1.0.0.yaml:15:14: `amuont` is required and not among `properties` [required-but-unnamed] (Did you mean `amount`?)
    contracts/refund.issue-1.0.0.yaml:34:5: the example's input does not validate: `amuont` is required [example-does-not-fit] (Correct the example or the schema)
    contracts/refund.issue.form-1.0.0.yaml:10:1: the operation requires `amuont`, and the form does not ask for it [required-field-missing] (Add a field for `amuont`)
    contracts/refunder-1.0.0.yaml:25:53: refund.issue@1.0.0 requires `amuont` [missing-argument] (Add `amuont: …`)
    ");
}

#[test]
fn a_contract_is_found_where_its_name_says() {
    let bad = load_file("contracts/x.yaml", &QUERY.replace("refund.list\n", "Refund_list\n")).unwrap();
    let docs = load_file("contracts/docs.list.yaml", &QUERY.replace("refund.list\n", "docs.list\n")).unwrap();
    let one = load_file("contracts/list.yaml", &QUERY.replace("refund.list\n", "list\n")).unwrap();
    let contracts = [bad, docs, one, contract(RECORDS), contract(RECORDS)];
    let findings = lint::lint(&lint::Lint { contracts: &contracts, start: true, ..Default::default() });
    let told: Vec<_> = findings.iter().map(ToString::to_string).filter(|told| !told.contains("provide")).collect();
    assert_snapshot!(told.join("\n"), @"
    contracts/docs.list.yaml:2:6: the route of `docs.list` would not be its own [reserved-key] (The first word is a route of the server, or a word looks like a version; choose another)
    contracts/list.yaml:2:6: the key of an operation has two words or more, `list` has one [bad-key] (Put what it is about in front: `refund.issue`)
    contracts/shop.records-1.0.0.yaml:3:10: shop.records@1.0.0 is already in contracts/shop.records-1.0.0.yaml [duplicate-contract] (Give it a new version, or remove one of the two files)
    contracts/x.yaml:2:6: `Refund_list` is not a key [bad-key] (A key is made of lower-case words, digits and hyphens, with dots between: `refund.issue`)
    contracts/x.yaml:2:6: Refund_list@1.0.0 is in a file called `x.yaml` [file-name] (Call the file `Refund_list-1.0.0.yaml`, or correct the key)
    ");
}

#[test]
fn a_version_is_large_enough_for_its_changes() {
    let stable = EVENT.replace("stability: experimental", "stability: stable");
    let next = |version: &str, from: &str, to: &str| {
        assert!(EVENT.contains(from));
        contract(&stable.replace("version: 1.0.0", &format!("version: {version}")).replace(from, to))
    };
    let told = |next: Contract| {
        let contracts = [contract(CAPABILITY), contract(&stable), contract(COMMAND), next];
        let findings = lint::lint(&lint::Lint { contracts: &contracts, ..Default::default() });
        let told: Vec<_> = findings.iter().filter(|f| f.code == "version-too-small").map(ToString::to_string).collect();
        told.join("\n")
    };
    let more =
        "refundId: { type: string, description: Id of the refund. }\n    at: { type: string, description: When. }";
    assert_snapshot!(told(next("1.0.1", "refundId: { type: string, description: Id of the refund. }", more)), @"contracts/refund.issued-1.0.1.yaml:16:5: this adds to refund.issued@1.0.0: in `payload`, `at` is new [version-too-small] (Call it 1.1.0 or later, or undo the change: readers ignore fields that they do not know)");
    assert_snapshot!(told(next("1.1.0", "refundId: { type: string, description: Id of the refund. }", more)), @"");
    assert_snapshot!(told(next("1.1.0", "  required: [refundId]\n", "")), @"contracts/refund.issued-1.1.0.yaml:10:1: this breaks refund.issued@1.0.0: in `payload`, `refundId` may be missing [version-too-small] (Call it 2.0.0 or later, or undo the change: readers of the old contract do not expect it: `refundId` is required)");
    assert_snapshot!(told(next("2.0.0", "  required: [refundId]\n", "")), @"");
}

#[test]
fn forms_and_views_name_fields_that_exist() {
    assert_snapshot!(told(FORM, &[("field: amount", "field: amuont"), ("pii: [email]\n", "")]), @"
    contracts/refund.issue.form-1.0.0.yaml:1:1: `email` is personal data of the operation, and the form does not say so [pii-not-marked] (Add `pii: [email]`)
    contracts/refund.issue.form-1.0.0.yaml:10:1: the operation requires `amount`, and the form does not ask for it [required-field-missing] (Add a field for `amount`)
    contracts/refund.issue.form-1.0.0.yaml:11:14: `amuont` is not a field of the operation's input [unknown-field-path] (Did you mean `amount`?)
    ");
    assert_snapshot!(told(FORM, &[("widget: number", "widget: select")]), @"contracts/refund.issue.form-1.0.0.yaml:11:45: `amount` cannot be entered with this widget [widget-does-not-fit] (Leave `widget` out to take the one that the schema asks for)");
    assert_snapshot!(told(VIEW, &[("field: refundId", "field: id"), ("[limit]", "[limt]")]), @"
    contracts/refund.index-1.0.0.yaml:12:20: `id` is not a field of a row [unknown-field-path] (Known: `refundId`)
    contracts/refund.index-1.0.0.yaml:13:11: `limt` is not a field of the query's input [unknown-field-path] (Did you mean `limit`?)
    ");
    assert_snapshot!(told(VIEW, &[("items: refunds", "items: refund")]), @"contracts/refund.index-1.0.0.yaml:11:8: `refund` is not a field of the query's output [unknown-field-path] (Did you mean `refunds`?)");
}

#[test]
fn an_agent_that_uses_another_names_it_as_one_gives_what_it_takes_and_never_comes_back_to_itself() {
    let caller = |key: &str, tool: &str, with: &str| {
        let reference = tool.rsplit(' ').next().unwrap();
        format!(
            "kind: agent\nkey: {key}\nversion: 1.0.0\ntitle: Caller\ndescription: Has another agent do it.\ndomain: shop\n\
             owners: [shop.team]\nstability: experimental\ninput: {{ type: object, additionalProperties: false }}\n\
             tools:\n  - {tool}\nplanner:\n  kind: rules\n  rules:\n    - id: have\n      when: '!has(steps.had)'\n      \
             then: {{ call: {{ tool: {reference}, as: had, with: {with} }} }}\n    - id: done\n      then: {{ finish: {{}} }}\n"
        )
    };
    let told = |texts: &[String]| {
        let contracts: Vec<_> = ALL.iter().copied().chain(texts.iter().map(String::as_str)).map(contract).collect();
        let findings = lint::lint(&lint::Lint { contracts: &contracts, ..Default::default() });
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let refunder = "agent: refunder@1.0.0";
    assert_snapshot!(told(&[caller("clerk", refunder, "{ input: { amount: 5 }, prompt: be kind }")]), @"");
    assert_snapshot!(told(&[caller("clerk", "agent: refunded@1.0.0", "{}")]), @"
    contracts/clerk-1.0.0.yaml:11:5: refunded@1.0.0 is not declared by any contract [dangling-reference] (Did you mean `refunder`?)
    contracts/clerk-1.0.0.yaml:17:29: refunded@1.0.0 is not declared by any contract [dangling-reference] (Did you mean `refunder`?)
    ");
    assert_snapshot!(told(&[caller("clerk", "operation: refunder@1.0.0", "{}")]), @"contracts/clerk-1.0.0.yaml:11:5: refunder@1.0.0 is an agent, not an operation [wrong-kind] (Write `agent: refunder@1.0.0`)");
    assert_snapshot!(told(&[caller("clerk", "agent: refund.issue@1.0.0", "{ amount: 5 }")]), @"contracts/clerk-1.0.0.yaml:11:5: refund.issue@1.0.0 is an operation, not an agent [wrong-kind] (Write `operation: refund.issue@1.0.0`)");
    assert_snapshot!(told(&[caller("clerk", refunder, "{ amount: 5 }")]), @"contracts/clerk-1.0.0.yaml:17:62: refunder@1.0.0 takes no `amount` [unknown-argument] (Known: `input` and `prompt`)");
    assert_snapshot!(told(&[caller("clerk", refunder, "{ input: { amuont: 5 } }")]), @"contracts/clerk-1.0.0.yaml:17:71: refunder@1.0.0 takes no `amuont` [unknown-argument] (Did you mean `amount`?)");
    assert_snapshot!(told(&[caller("one", "agent: one@1.0.0", "{}")]), @"contracts/one-1.0.0.yaml:11:12: the agent comes back to itself: one@1.0.0 [agent-cycle] (Take one of the calls of this circle out)");
    assert_snapshot!(told(&[caller("one", "agent: two@1.0.0", "{}"), caller("two", "agent: one@1.0.0", "{}")]), @"
    contracts/one-1.0.0.yaml:11:12: the agent comes back to itself: two@1.0.0, then one@1.0.0 [agent-cycle] (Take one of the calls of this circle out)
    contracts/two-1.0.0.yaml:11:12: the agent comes back to itself: one@1.0.0, then two@1.0.0 [agent-cycle] (Take one of the calls of this circle out)
    ");
}

#[test]
fn an_agent_can_do_what_its_rules_say() {
    assert_snapshot!(told(AGENT, &[("tools:\n  - operation: refund.issue@1.0.0", "tools:\n  - operation: refund.list@1.0.0")]), @"contracts/refunder-1.0.0.yaml:25:23: refund.issue@1.0.0 is not among the agent's tools [tool-not-declared] (Add it to `tools`; the agent may use `refund.list@1.0.0`)");
    assert_snapshot!(told(AGENT, &[("with: { amount:", "with: { amuont:"), ("folder: .", "foldr: .")]), @"
    contracts/refunder-1.0.0.yaml:16:5: the pack requires `folder` [missing-argument] (Add `folder: …`)
    contracts/refunder-1.0.0.yaml:16:19: the pack takes no `foldr` [unknown-argument] (Did you mean `folder`?)
    contracts/refunder-1.0.0.yaml:25:53: refund.issue@1.0.0 requires `amount` [missing-argument] (Add `amount: …`)
    contracts/refunder-1.0.0.yaml:25:61: refund.issue@1.0.0 takes no `amuont` [unknown-argument] (Did you mean `amount`?)
    ");
    assert_snapshot!(told(AGENT, &[("id: done", "id: pay"), ("when: '!has(steps.paid)'\n      ", "")]), @"
    contracts/refunder-1.0.0.yaml:25:11: two rules are called `pay` [duplicate-rule] (Each rule has its own name, because the record says which one decided)
    contracts/refunder-1.0.0.yaml:25:11: rule `pay` is never reached, because `pay` always applies [unreachable-rule] (Give the earlier rule a `when`, or put it last)
    ");
    assert_snapshot!(told(AGENT, &[("finish: { refund: '${steps.paid.result}' }", "fail: { because: no }")]), @"contracts/refunder-1.0.0.yaml:21:3: no rule finishes the run [never-finishes] (Add a rule with `then: { finish: { … } }`)");
    assert_snapshot!(told(AGENT, &[("planner:", "limits: { steps: 0 }\nplanner:")]), @"contracts/refunder-1.0.0.yaml:19:18: with a limit of zero the agent never does anything [zero-limit] (Give a number above zero, or leave it out)");
}

#[test]
fn a_model_is_asked_by_the_planner_and_not_as_a_tool() {
    let tools = ("tools:\n", "tools:\n  - operation: model.call@1.0.0\n");
    assert_snapshot!(told(AGENT, &[tools]), @"
    contracts/refunder-1.0.0.yaml:18:16: model.call@1.0.0 is not declared by any contract [dangling-reference] (Add the contract, or remove the reference)
    contracts/refunder-1.0.0.yaml:18:16: a model is asked by the planner `model`, not as a tool [not-a-tool] (Remove it, and say `planner: { kind: model, ... }`)
    ");
}

#[test]
fn what_the_server_answers_at_its_own_door_is_no_tool_of_an_agent() {
    let tools = "tools:\n  - operation: key.list@1.0.0\n  - operation: text.render@1.0.0\n  - agent: echo@1.0.0\n";
    let agent = contract(&AGENT.replacen("tools:\n", tools, 1));
    let contracts: Vec<_> =
        ALL.iter().filter(|text| **text != AGENT).map(|text| contract(text)).chain([agent]).collect();
    let findings = lint::lint(&lint::Lint { contracts: &contracts, beside: &builtin(), ..Default::default() });
    assert_snapshot!(findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"), @"contracts/refunder-1.0.0.yaml:18:16: key.list@1.0.0 is answered by the server itself, and no tool that runs can call [not-a-tool] (Remove it; agents call your own operations, the built-in tools, tools of MCP servers and other agents)");
}

#[test]
fn expressions_are_checked_by_whoever_knows_the_language() {
    let contracts: Vec<_> =
        [AGENT.replace("${input.amount}", r#"${ {"a": "}"} + input.amount}"#).as_str(), COMMAND, PACK]
            .map(contract)
            .into_iter()
            .collect();
    let refuse = |text: &str| Err(format!("`{text}` is not liked"));
    let lint = lint::Lint { contracts: &contracts, expression: Some(&refuse), start: true, ..Default::default() };
    let told: Vec<_> =
        lint::lint(&lint).iter().filter(|f| f.code == "bad-expression").map(ToString::to_string).collect();
    assert_snapshot!(told.join("\n"), @r#"
    contracts/refunder-1.0.0.yaml:23:13: the expression cannot be read: `!has(steps.paid)` is not liked [bad-expression]
    contracts/refunder-1.0.0.yaml:25:69: the expression cannot be read: ` {"a": "}"} + input.amount` is not liked [bad-expression]
    contracts/refunder-1.0.0.yaml:28:27: the expression cannot be read: `steps.paid.result` is not liked [bad-expression]
    "#);
}

#[test]
fn what_a_start_needs_is_less_than_what_a_reader_needs() {
    let unfinished = COMMAND.replace("goal: Make a complaint good.\n", "").replace("pii: [email]", "pii: [emial]");
    let contracts = [contract(CAPABILITY), contract(EVENT), contract(&unfinished)];
    let findings = lint::lint(&lint::Lint { contracts: &contracts, start: true, ..Default::default() });
    assert_snapshot!(render::findings(&findings, false), @"");
}
