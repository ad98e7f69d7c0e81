//! The table: one row for every operation.

use serde_json::{Value, json};

use crate::things::{Things, Waiting};

/// Who calls, in the order of a row's cells.
pub(crate) const CALLERS: [&str; 6] = ["no key", "revoked", "expired", "user", "admin", "other tenant"];

/// The call is carried out.
pub(crate) const SUCCEEDS: &str = "succeeds";

/// Nothing carries the operation out yet.
pub(crate) const NOT_BOUND: &str = "501 not-bound";

const NO_KEY: &str = "401 unauthenticated";
const FORBIDDEN: &str = "403 forbidden";
const INVALID: &str = "422 input-invalid";
const NO_RUN: &str = "404 run-not-found";

type Input = fn(&Things) -> Value;

/// One operation.
pub(crate) struct Row {
    /// `key@version`.
    pub(crate) operation: &'static str,
    /// An input about things of the tenant `t_local`.
    pub(crate) input: Input,
    /// What each of [`CALLERS`] gets for it.
    pub(crate) cells: [&'static str; 6],
    /// An input that is refused, and how.
    pub(crate) wrong: (Input, &'static str),
}

/// An operation that every user of the tenant may call with success; `other` is what another tenant's admin gets.
fn user(operation: &'static str, input: Input, other: &'static str) -> Row {
    let cells = [NO_KEY, NO_KEY, NO_KEY, SUCCEEDS, SUCCEEDS, other];
    Row { operation, input, cells, wrong: (unknown_field, INVALID) }
}

/// An operation that takes an admin.
fn admin(operation: &'static str, input: Input, other: &'static str) -> Row {
    let cells = [NO_KEY, NO_KEY, NO_KEY, FORBIDDEN, SUCCEEDS, other];
    Row { operation, input, cells, wrong: (unknown_field, INVALID) }
}

fn unknown_field(_: &Things) -> Value {
    json!({ "nonsense": true })
}

impl Row {
    fn wrong(mut self, input: Input, answer: &'static str) -> Self {
        self.wrong = (input, answer);
        self
    }

    /// Refused for everybody who gets in: there is no outside world here.
    fn never(mut self, answer: &'static str) -> Self {
        for cell in &mut self.cells {
            if *cell == SUCCEEDS {
                *cell = answer;
            }
        }
        self
    }
}

/// An input of nothing but a run that does not exist.
fn no_run(_: &Things) -> Value {
    json!({ "runId": "run_none" })
}

fn nothing(_: &Things) -> Value {
    json!({})
}

/// Every row.
pub(crate) fn rows() -> Vec<Row> {
    [runs(), reads(), context(), access(), record(), tools(), theirs()].into_iter().flatten().collect()
}

fn runs() -> Vec<Row> {
    vec![
        user(
            "agent.run@1.0.0",
            |it| json!({ "agentKey": "echo", "contextSnapshotId": it.snapshot }),
            "404 snapshot-not-found",
        )
        .wrong(|_| json!({ "agentKey": "nobody" }), "404 agent-not-found"),
        user(
            "agent.run@1.1.0",
            |it| json!({ "agentKey": "echo", "agentVersion": "1.0.0", "contextSnapshotId": it.snapshot }),
            "404 snapshot-not-found",
        )
        .wrong(|_| json!({ "agentKey": "echo", "input": { "steps": 0 } }), "422 agent-input-invalid"),
        admin("agent.cancel@1.0.0", |it| json!({ "runId": it.asking[0] }), NO_RUN)
            .wrong(|it| json!({ "runId": it.echo }), "409 run-ended"),
        admin("agent.cancel@1.1.0", |it| json!({ "runId": it.asking[1], "mode": "force" }), NO_RUN)
            .wrong(no_run, NO_RUN),
        admin("agent.approvals@1.0.0", |it| json!({ "runId": it.waiting[0].run, "action": "approve" }), NO_RUN)
            .wrong(|_| json!({ "runId": "run_none", "action": "reject" }), NO_RUN),
        admin(
            "agent.approvals@1.1.0",
            |it| {
                let Waiting { run, approval, digest } = &it.waiting[1];
                json!({ "runId": run, "action": "reject", "approvalId": approval, "actionDigest": digest })
            },
            NO_RUN,
        )
        .wrong(
            |it| json!({ "runId": it.waiting[1].run, "action": "approve", "approvalId": it.waiting[1].approval }),
            INVALID,
        ),
        user("agent.input@1.0.0", |it| json!({ "runId": it.asking[2], "answer": "2.5.0" }), NO_RUN)
            .wrong(|it| json!({ "runId": it.echo, "answer": "2.5.0" }), "409 run-ended"),
        admin(
            "agent.step.resolve@1.0.0",
            |it| json!({ "runId": it.doubtful, "stepNumber": 0, "outcome": "happened", "result": {} }),
            NO_RUN,
        )
        .wrong(|_| json!({ "runId": "run_none", "stepNumber": 0, "outcome": "retry" }), NO_RUN),
        user("agent.retry@1.0.0", |it| json!({ "runId": it.echo }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.fork@1.0.0", |it| json!({ "runId": it.echo, "fromStep": 1 }), NO_RUN)
            .wrong(|it| json!({ "runId": it.echo, "fromStep": 99 }), "404 step-not-found"),
    ]
}

fn reads() -> Vec<Row> {
    vec![
        user("agent.status@1.0.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.status@1.1.0", |it| json!({ "runId": it.run }), NO_RUN)
            .wrong(|_| json!({ "q": "stat:failed" }), "422 filter-invalid"),
        user("agent.status@1.2.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.views@1.0.0", nothing, SUCCEEDS),
        user("agent.metrics@1.0.0", nothing, SUCCEEDS).wrong(|_| json!({ "days": 0 }), INVALID),
        user("agent.view.save@1.0.0", |_| json!({ "name": "mine", "filter": "status:failed" }), SUCCEEDS)
            .wrong(|_| json!({ "name": "mine", "filter": "stat:failed" }), "422 filter-invalid"),
        user("agent.view.remove@1.0.0", |_| json!({ "name": "never saved" }), SUCCEEDS),
        user("agent.status@1.3.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.artifacts@1.0.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.artifacts@1.1.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.artifact.get@1.0.0", |it| json!({ "artifactId": it.artifact }), "404 artifact-not-found")
            .wrong(|_| json!({ "artifactId": "art_none" }), "404 artifact-not-found"),
        user(
            "agent.artifact.diff@1.0.0",
            |it| json!({ "left": it.artifact, "right": it.artifact }),
            "404 artifact-not-found",
        )
        .wrong(|it| json!({ "left": it.artifact, "right": "art_none" }), "404 artifact-not-found"),
        user("agent.approvals.list@1.0.0", |it| json!({ "runId": it.waiting[0].run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.approvals.list@1.1.0", |it| json!({ "runId": it.waiting[0].run, "maxBytes": 10 }), NO_RUN)
            .wrong(no_run, NO_RUN),
        user("agent.events@1.0.0", |it| json!({ "runId": it.echo }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.events@1.1.0", |it| json!({ "runId": it.echo, "deltas": false }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.audit@1.0.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.audit@1.1.0", |it| json!({ "runId": it.run, "overview": 10 }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.audit@1.2.0", |it| json!({ "runId": it.run, "given": true, "maxBytes": 10 }), NO_RUN)
            .wrong(no_run, NO_RUN),
        user("agent.replay@1.0.0", |it| json!({ "runId": it.run }), NO_RUN).wrong(no_run, NO_RUN),
        user("agent.compare@1.0.0", |it| json!({ "left": it.run, "right": it.echo }), NO_RUN)
            .wrong(|it| json!({ "left": it.run, "right": "run_none" }), NO_RUN),
        user("agent.compare@1.1.0", |it| json!({ "left": it.run, "right": it.echo }), NO_RUN)
            .wrong(|it| json!({ "left": it.run, "right": "run_none" }), NO_RUN),
        user("agent.step.get@1.0.0", |it| json!({ "runId": it.run, "stepNumber": 0 }), NO_RUN)
            .wrong(|it| json!({ "runId": it.run, "stepNumber": 99 }), "404 step-not-found"),
        user("agent.trace@1.0.0", |it| json!({ "runId": it.run, "artifactId": it.artifact }), NO_RUN)
            .wrong(|it| json!({ "runId": it.run, "artifactId": it.artifact, "line": 1_000_000 }), "404 line-not-found"),
        user("agent.list@1.0.0", nothing, SUCCEEDS),
        user("agent.describe@1.0.0", |_| json!({ "agentKey": "curious" }), SUCCEEDS)
            .wrong(|_| json!({ "agentKey": "nobody" }), "404 agent-not-found"),
        user("agent.describe@1.1.0", |_| json!({ "agentKey": "curious" }), SUCCEEDS)
            .wrong(|_| json!({ "agentKey": "nobody" }), "404 agent-not-found"),
    ]
}

fn context() -> Vec<Row> {
    const NO_SNAPSHOT: &str = "404 snapshot-not-found";
    let repository: Input = |it| json!({ "packKey": "repository", "parameters": { "repository": it.root } });
    vec![
        user("context.pack.describe@1.0.0", |_| json!({ "packKey": "repository" }), SUCCEEDS)
            .wrong(|_| json!({ "packKey": "nothing" }), "404 pack-not-found"),
        user("context.pack.search@1.0.0", nothing, SUCCEEDS),
        user("context.pack.search@1.1.0", nothing, SUCCEEDS).wrong(|_| json!({ "cursor": "nonsense" }), INVALID),
        admin("context.pack.snapshot@1.0.0", |_| json!({ "packKey": "nothing" }), "404 pack-not-found")
            .never("404 pack-not-found"),
        admin("context.pack.snapshot@1.1.0", repository, "403 path-not-allowed")
            .wrong(|_| json!({ "packKey": "nothing" }), "404 pack-not-found"),
        user("context.snapshot.get@1.0.0", |it| json!({ "snapshotId": it.snapshot }), NO_SNAPSHOT)
            .wrong(|it| json!({ "snapshotId": it.snapshot, "itemKey": "none" }), "404 item-not-found"),
        user("context.snapshot.diff@1.0.0", |it| json!({ "left": it.snapshot, "right": it.snapshot }), NO_SNAPSHOT)
            .wrong(|it| json!({ "left": it.snapshot, "right": "ctx_none" }), NO_SNAPSHOT),
        user("contract.get@1.0.0", |_| json!({ "key": "agent.run", "version": "1.0.0" }), SUCCEEDS)
            .wrong(|_| json!({ "key": "agent.walk" }), "404 contract-not-found"),
        user("contract.list@1.0.0", |_| json!({ "kind": "event" }), SUCCEEDS)
            .wrong(|_| json!({ "kind": "verb" }), INVALID),
        user("server.status@1.0.0", nothing, SUCCEEDS),
    ]
}

fn access() -> Vec<Row> {
    vec![
        admin("key.create@1.0.0", |it| json!({ "name": it.name }), SUCCEEDS)
            .wrong(|_| json!({ "name": "late", "expiresAt": "2020-01-01T00:00:00Z" }), INVALID),
        admin("key.list@1.0.0", nothing, SUCCEEDS),
        user("session.create@1.0.0", nothing, SUCCEEDS),
        admin("key.revoke@1.0.0", |it| json!({ "keyId": it.key }), "404 key-not-found")
            .wrong(|_| json!({ "keyId": "key_none" }), "404 key-not-found"),
        admin("workspace.allow@1.0.0", |it| json!({ "path": it.fresh }), SUCCEEDS)
            .wrong(|_| json!({ "path": "/nowhere/at/all" }), "422 folder-not-found"),
        admin("workspace.list@1.0.0", nothing, SUCCEEDS),
        admin("workspace.forbid@1.0.0", |it| json!({ "path": it.spare }), "404 workspace-not-found")
            .wrong(|_| json!({ "path": "/nowhere/at/all" }), "404 workspace-not-found"),
        admin(
            "webhook.create@1.0.0",
            |_| json!({ "url": "http://127.0.0.1:9/hook", "events": ["agent.run.failed"] }),
            SUCCEEDS,
        )
        .wrong(|_| json!({ "url": "http://127.0.0.1:9/hook", "events": [] }), INVALID),
        admin("webhook.list@1.0.0", nothing, SUCCEEDS),
        admin("webhook.delete@1.0.0", |it| json!({ "webhookId": it.webhook }), "404 webhook-not-found")
            .wrong(|_| json!({ "webhookId": "whk_none" }), "404 webhook-not-found"),
        admin(
            "provider.connect@1.0.0",
            |_| json!({ "name": "near", "kind": "ollama", "baseUrl": "http://127.0.0.1:9", "check": false }),
            SUCCEEDS,
        )
        .wrong(|_| json!({ "name": "Not A Name", "kind": "ollama" }), INVALID),
        user("provider.list@1.0.0", nothing, SUCCEEDS),
        admin("provider.check@1.0.0", |it| json!({ "name": it.provider }), "404 provider-not-found")
            .never("422 provider-check-failed")
            .wrong(|_| json!({ "name": "none" }), "404 provider-not-found"),
        admin("provider.remove@1.0.0", |it| json!({ "name": it.provider }), "404 provider-not-found")
            .wrong(|_| json!({ "name": "none" }), "404 provider-not-found"),
    ]
}

fn record() -> Vec<Row> {
    const NOT_EXCHANGING: &str = "409 rotation-not-possible";
    const NO_SUBJECT: &str = "404 subject-not-found";
    vec![
        user("agent.bundle@1.0.0", |it| json!({ "runId": it.echo }), NO_RUN).wrong(no_run, NO_RUN),
        // Nothing has ever been written for the other tenant before the server started.
        user("log.checkpoint@1.0.0", nothing, SUCCEEDS),
        user("log.proof@1.0.0", |it| json!({ "stream": it.echo, "seq": 0 }), NO_RUN)
            .wrong(|_| json!({ "stream": "run_none", "seq": 0 }), NO_RUN),
        user("log.keys@1.0.0", nothing, SUCCEEDS),
        admin("log.acts@1.0.0", nothing, SUCCEEDS),
        admin("log.rotate@1.0.0", |_| json!({ "phase": "end" }), NOT_EXCHANGING).never(NOT_EXCHANGING),
        admin("subject.erase@1.0.0", |_| json!({ "subject": "u_none", "basis": "a test" }), NO_SUBJECT)
            .never(NO_SUBJECT)
            .wrong(|_| json!({ "subject": "u_none", "basis": " " }), INVALID),
        admin("subject.hold@1.0.0", |it| json!({ "subject": it.name, "held": true, "reason": "a test" }), SUCCEEDS)
            .wrong(|it| json!({ "subject": it.name, "held": true }), INVALID),
    ]
}

fn tools() -> Vec<Row> {
    const ELSEWHERE: &str = "403 path-not-allowed";
    let outside: Input = |_| json!({ "root": "/" });
    let outside_path: Input = |_| json!({ "root": "/", "path": "x" });
    vec![
        user("fs.list@1.0.0", |it| json!({ "root": it.root }), ELSEWHERE).wrong(outside, ELSEWHERE),
        user("fs.read@1.0.0", |it| json!({ "root": it.root, "path": "README.md" }), ELSEWHERE)
            .wrong(outside_path, ELSEWHERE),
        user(
            "fs.write@1.0.0",
            |it| json!({ "root": it.root, "path": "NEW.md", "content": "new\n", "expected": null }),
            ELSEWHERE,
        )
        .wrong(|it| json!({ "root": it.root, "path": "README.md", "content": "", "expected": null }), "409 conflict"),
        user(
            "fs.apply@1.0.0",
            |it| {
                let diff = "--- /dev/null\n+++ ADDED.md\n@@ -0,0 +1 @@\n+added\n";
                json!({ "root": it.root, "diff": diff, "expected": [{ "path": "ADDED.md", "digest": null }] })
            },
            ELSEWHERE,
        )
        .wrong(|it| json!({ "root": it.root, "diff": "nonsense", "expected": [] }), "422 diff-invalid"),
        user("git.log@1.0.0", |it| json!({ "root": it.root }), ELSEWHERE)
            .wrong(|it| json!({ "root": it.root, "range": "no-such-tag" }), "404 revision-not-found"),
        user("git.show@1.0.0", |it| json!({ "root": it.root, "revision": "HEAD" }), ELSEWHERE)
            .wrong(|it| json!({ "root": it.root, "revision": "nothing" }), "404 revision-not-found"),
        user("repo.check@1.0.0", |it| json!({ "root": it.root }), ELSEWHERE).wrong(outside, ELSEWHERE),
        user("http.request@1.0.0", |_| json!({ "url": "http://127.0.0.1:9/" }), "403 address-not-allowed")
            .never("403 address-not-allowed"),
        user(
            "items.classify@1.0.0",
            |_| {
                let rules = json!([{ "id": "a", "section": "A", "pattern": "a" }]);
                json!({ "items": [{ "subject": "a" }], "rules": rules })
            },
            SUCCEEDS,
        )
        .wrong(
            |_| json!({ "items": [], "rules": [{ "id": "a", "section": "A", "pattern": "(" }] }),
            "422 pattern-invalid",
        ),
        user("text.render@1.0.0", |_| json!({ "template": "{{ x }}", "data": { "x": 1 } }), SUCCEEDS)
            .wrong(|_| json!({ "template": "{{" }), "422 template-invalid"),
        user(
            "model.call@1.0.0",
            |_| json!({ "model": "a/b", "messages": [{ "from": "user", "parts": [] }] }),
            "409 only-in-runs",
        )
        .never("409 only-in-runs"),
        user("tool.echo@1.0.0", |_| json!({ "value": [1, null, "ü"] }), SUCCEEDS),
    ]
}

/// A user's own, from `project/`.
fn theirs() -> Vec<Row> {
    vec![
        user("refund.issue@1.0.0", |_| json!({ "amount": 12 }), SUCCEEDS)
            .wrong(|_| json!({ "amount": 101 }), "409 too-much"),
        user("refund.find@1.0.0", |_| json!({ "refundId": "re_12" }), SUCCEEDS)
            .wrong(|_| json!({ "refundId": "12" }), INVALID),
        user("refund.unseen@1.0.0", nothing, "502 binding-failed").never("502 binding-failed"),
    ]
}
