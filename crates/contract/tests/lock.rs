//! What a person is told about an edit to a contract that has been published.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use affiant_contract::{Contract, Lock, Ref, load_file, lock::Update, render};
use insta::assert_snapshot;

const REFUND: &str = "kind: command
key: refund.issue
version: 1.0.0
title: Issue a refund
description: Pays a customer's money back.
domain: shop
stability: experimental
capability: shop.payments@1.0.0
input:
  type: object
  additionalProperties: false
  required: [amount]
  properties:
    amount: { type: integer, minimum: 1 }
    reason: { type: string }
output:
  type: object
  additionalProperties: false
  required: [refundId]
  properties:
    refundId: { type: string }
policy: { auth: user }
";

fn contract(text: &str) -> Contract {
    load_file("contracts/refund.issue.yaml", text).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn published() -> Lock {
    let mut lock = Lock::default();
    lock.update(&[contract(REFUND)], &[]);
    lock
}

fn told(edit: &[(&str, &str)]) -> String {
    let edited = edit.iter().fold(REFUND.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "`{from}` is not in the contract");
        text.replacen(from, to, 1)
    });
    // What a later start reads is the text of the lock, so the lock is written and read here too.
    let lock = Lock::parse("contracts.lock", &published().render()).unwrap();
    render::findings(&lock.check(&[contract(&edited)]), false)
}

fn reference() -> Ref {
    "refund.issue@1.0.0".parse().unwrap()
}

#[test]
fn a_breaking_edit_is_told_with_file_line_reason_and_witness() {
    assert_snapshot!(told(&[("required: [amount]", "required: [amount, reason]"), ("minimum: 1 }", "minimum: 100 }")]), @r#"
    broken-version

      × this breaks refund.issue@1.0.0, which is published: in `input`, `reason` is now required
        ╭─[contracts/refund.issue.yaml:12:3]
     11 │   additionalProperties: false
     12 │   required: [amount, reason]
        ·   ────────
     13 │   properties:
        ╰────
      help: An input that was accepted is refused now: `reason` is required, for example {"amount":1}.
            Restore the published text and make the change in a new version 2.0.0; if nobody uses
            refund.issue@1.0.0 yet, `affiant contract lock --accept refund.issue@1.0.0` publishes it
            anew

    broken-version

      × this breaks refund.issue@1.0.0, which is published: in `input.amount`, `minimum` is now 100,
      │ was 1
        ╭─[contracts/refund.issue.yaml:14:39]
     13 │   properties:
     14 │     amount: { type: integer, minimum: 100 }
        ·                                       ───
     15 │     reason: { type: string }
        ╰────
      help: An input that was accepted is refused now: `amount` must be at least 100, for example
            {"amount":1}. Restore the published text and make the change in a new version 2.0.0; if
            nobody uses refund.issue@1.0.0 yet, `affiant contract lock --accept refund.issue@1.0.0`
            publishes it anew

    2 errors, 0 warnings
    "#);
}

#[test]
fn an_edit_that_breaks_nobody_needs_a_version_all_the_same() {
    assert_snapshot!(told(&[("reason: { type: string }", "reason: { type: string }\n    note: { type: string }")]), @"
    changed-version

      × refund.issue@1.0.0 has changed since it was published
       ╭─[contracts/refund.issue.yaml:3:10]
     2 │ key: refund.issue
     3 │ version: 1.0.0
       ·          ─────
     4 │ title: Issue a refund
       ╰────
      help: It adds something, but restore the published text and make the change in a new version
            1.1.0; if nobody uses refund.issue@1.0.0 yet, `affiant contract lock --accept
            refund.issue@1.0.0` publishes it anew

    1 error, 0 warnings
    ");
    assert_snapshot!(told(&[("Pays a customer's money back.", "Gives a customer's money back.")]), @"
    changed-version

      × refund.issue@1.0.0 has changed since it was published
       ╭─[contracts/refund.issue.yaml:3:10]
     2 │ key: refund.issue
     3 │ version: 1.0.0
       ·          ─────
     4 │ title: Issue a refund
       ╰────
      help: Callers see no difference, but restore the published text and make the change in a new
            version 1.0.1; if nobody uses refund.issue@1.0.0 yet, `affiant contract lock --accept
            refund.issue@1.0.0` publishes it anew

    1 error, 0 warnings
    ");
}

#[test]
fn what_has_not_changed_gives_no_finding() {
    assert_snapshot!(told(&[]), @"");
}

#[test]
fn a_lock_is_one_line_for_every_published_version() {
    let mut lock = published();
    let next = contract(&REFUND.replace("version: 1.0.0", "version: 1.1.0"));
    let idea = contract(&REFUND.replace("1.0.0\ntitle", "2.0.0\ntitle").replace("experimental", "idea"));
    lock.update(&[next, idea, contract(REFUND)], &[]);
    assert_snapshot!(lock.render(), @r#"
    # Published contract versions: identity, digest of the file, and what callers can see of it.
    # Written by `affiant contract lock`, and by a server for what it serves first. A published version stays as it is.
    refund.issue@1.0.0 sha256:e8b84f1cb8baf350e8ebe02cb4777b2f6bd5a33d7b1dd728a11b9dca20b80b3d {"kind":"command","input":{"type":"object","additionalProperties":false,"required":["amount"],"properties":{"amount":{"type":"integer","minimum":1},"reason":{"type":"string"}}},"output":{"type":"object","additionalProperties":false,"required":["refundId"],"properties":{"refundId":{"type":"string"}}},"auth":"user","hints":{"readOnly":false,"destructive":false,"idempotent":false},"idempotency":"keyed"}
    refund.issue@1.1.0 sha256:f7ec2003baed25f35f1bfab283bb6e2d59db58e01202577595044452921f174b {"kind":"command","input":{"type":"object","additionalProperties":false,"required":["amount"],"properties":{"amount":{"type":"integer","minimum":1},"reason":{"type":"string"}}},"output":{"type":"object","additionalProperties":false,"required":["refundId"],"properties":{"refundId":{"type":"string"}}},"auth":"user","hints":{"readOnly":false,"destructive":false,"idempotent":false},"idempotency":"keyed"}
    "#);
    assert_eq!(Lock::parse("contracts.lock", &lock.render()).unwrap(), lock);
}

#[test]
fn an_update_publishes_what_is_new_and_keeps_what_was_published() {
    let mut lock = published();
    let before = lock.clone();
    let edited = contract(&REFUND.replace("minimum: 1 ", "minimum: 2 "));
    let update = lock.update([&edited], &[]);
    assert_eq!(update, Update { changed: vec![reference()], ..Update::default() });
    assert_eq!(lock, before);

    assert_eq!(lock.update([&edited], &[reference()]), Update::default());
    assert_eq!(lock.digest(&reference()), Some(&*edited.source.digest));
    assert_eq!(lock.check([&edited]), []);

    assert_eq!(lock.update(&[], &[]).missing, [reference()]);
    assert!(lock.contains(&reference()));
}

#[test]
fn a_line_that_is_not_one_of_a_lock_is_told() {
    let line = published().render().lines().last().unwrap().to_owned();
    let text =
        format!("# a comment\n\n{line}\n{line}\nrefund sha256:1 {{}}\nrefund.issue@1.0.1 sha256:12 {{}}\nnothing\n");
    let told: Vec<_> = Lock::parse("contracts.lock", &text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_snapshot!(told.join("\n"), @"
    contracts.lock:4:1: refund.issue@1.0.0 stands twice [bad-lock] (Restore the line from version control)
    contracts.lock:5:1: `refund` is not a contract reference such as `agent.run@1.0.0` [bad-lock] (Restore the line from version control)
    contracts.lock:6:1: `sha256:12` is not a digest [bad-lock] (Restore the line from version control)
    contracts.lock:7:1: a line of the lock has an identity, a digest and a shape [bad-lock] (Restore the line from version control)
    ");
}
