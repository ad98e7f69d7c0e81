//! Every kind of event is written in the profile and reads back as it was.

use affiant_journal::{bytes::check_strict, *};
use serde_json::{Map, Value, json};

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn pinned(name: &str) -> Pinned {
    Pinned { digest: digest(name), name: name.into() }
}

fn blob() -> Payload {
    Payload::Blob(BlobRef { digest: digest("blob"), media: "text/plain".into(), size: 4 })
}

fn facts() -> Map<String, Value> {
    Map::from_iter([("alpha".into(), json!({"a": null, "b": [1, "ä\n"]})), ("zeta".into(), json!(1))])
}

fn usage() -> Usage {
    Usage { cost: "0.03".into(), currency: "EUR".into(), prices: Some("2026-11".into()), tokens: 12, unpriced: 0 }
}

fn totals() -> Totals {
    Totals { artifacts: 1, events: 9, head: Some(digest("head")), steps: 2, usage: Some(usage()) }
}

fn dispatch() -> Dispatch {
    Dispatch { attempt: 1, key: "run_1/0".into(), worker: "w_1".into() }
}

fn run_bodies() -> Vec<Body> {
    let at = Timestamp(1_795_359_600_123_456);
    vec![
        RunSubmitted {
            agent: pinned("release-notes@1.0.0"),
            budget: Some(Budget {
                cost: Some("1.50".into()),
                currency: Some("EUR".into()),
                steps: Some(9),
                tokens: None,
                tool_calls: Some(7),
            }),
            deadline: Some(at),
            forked: Some(Forked { run: "run_0".into(), step: 3 }),
            idempotency: Some(digest("key")),
            metadata: Some(Payload::Inline(json!({"ticket": "A-1"}))),
            mode: Mode::DryRun,
            operation: pinned("agent.run@1.0.0"),
            operations: vec![pinned("git.log@1.0.0"), pinned("file.write@1.0.0")],
            parent: Some(Parent { depth: 1, run: "run_9".into(), step: 2 }),
            planner: PlannerRef { kind: "rules".into(), version: 1 },
            policy: digest("policy"),
            priority: -5,
            snapshot: Some(SnapshotRef { id: "ctx_1".into(), root: digest("root") }),
        }
        .into(),
        RunClaimed { until: at, worker: "w_1".into() }.into(),
        StepDecided {
            action: digest("action"),
            arguments: Payload::Inline(json!({"limit": 9_007_199_254_740_991u64, "path": "."})),
            decision: Decision::NeedsApproval,
            dispatch: Some(dispatch()),
            facts: facts(),
            label: Some("read history".into()),
            name: Some("log".into()),
            operation: pinned("git.log@1.0.0"),
            policies: vec!["default.rule-2".into()],
            reserved: Some(usage()),
            rule: "read".into(),
            step: 0,
        }
        .into(),
        ApprovalRequested {
            action: digest("action"),
            approval: "apr_1".into(),
            approver_not_requester: true,
            display: blob(),
            displayed: digest("shown"),
            expires: at,
            policies: vec![],
            step: 0,
        }
        .into(),
        ApprovalResolved {
            action: digest("action"),
            approval: "apr_1".into(),
            approver: Some("u_2".into()),
            decision: Verdict::Approved,
            step: 0,
        }
        .into(),
        StepDispatched { dispatch: dispatch(), step: 0 }.into(),
        StepObserved {
            attempt: 1,
            duration_us: 44_000,
            recorded_by: Some("u_2".into()),
            result: blob(),
            step: 0,
            usage: Some(usage()),
            waited_us: None,
        }
        .into(),
        StepFailed {
            attempt: 1,
            code: "timeout".into(),
            duration_us: 1,
            retry_at: Some(at),
            step: 0,
            unsent: true,
            usage: Some(Usage { unpriced: 5, ..usage() }),
            waited_us: Some(40),
        }
        .into(),
        StepUnknown { attempt: 1, because: "lease-lost".into(), step: 0 }.into(),
        ArtifactCreated {
            artifact: "art_1".into(),
            cites: vec!["commit:a91f3c2".into()],
            content: BlobRef { digest: digest("notes"), media: "text/markdown".into(), size: 5 },
            facts: facts(),
            kind: "file".into(),
            name: "NOTES.md".into(),
            rule: Some("write".into()),
            step: Some(1),
            summary: Some("5 sections".into()),
        }
        .into(),
        InputRequested {
            facts: facts(),
            name: "version".into(),
            question: "Which version?".into(),
            rule: "ask".into(),
            schema: Payload::Inline(json!({"type": "string"})),
        }
        .into(),
        InputReceived { name: "version".into() }.into(),
        TimerSet { because: "cooldown".into(), step: 3, until: at }.into(),
        RunCancelRequested { force: true }.into(),
        RunCompleted { facts: facts(), output: blob(), rule: "done".into(), totals: totals() }.into(),
        RunFailed {
            code: "tool-failed".into(),
            met: Some(MetBudget {
                counted: "cost".into(),
                currency: Some("USD".into()),
                day: Some("2026-11-22".into()),
                most: "5".into(),
                needed: "0.0375".into(),
                scope: "agent:release-notes".into(),
                used: "4.99".into(),
            }),
            rule: Some("give-up".into()),
            step: Some(0),
            totals: totals(),
        }
        .into(),
        RunCancelled { unknown_steps: vec![1, 2], totals: totals() }.into(),
    ]
}

fn admin_bodies() -> Vec<Body> {
    let at = Timestamp(0);
    vec![
        CallRefused { code: "unauthenticated".into(), count: 7, operation: None, surface: "rest".into() }.into(),
        KeyCreated { expires: Some(at), key: "key_1".into(), principal: "u_1".into(), role: "admin".into() }.into(),
        KeyRevoked { key: "key_1".into() }.into(),
        ConfigChanged {
            change: "allowed".into(),
            setting: "workspace".into(),
            value: Payload::Inline(json!("/srv/shop")),
        }
        .into(),
        SnapshotCreated {
            items: 3,
            pack: pinned("repo@1.0.0"),
            snapshot: SnapshotRef { id: "ctx_1".into(), root: digest("root") },
        }
        .into(),
        RecordExported { run: "run_1".into(), with_disclosures: false }.into(),
        SubjectErased {
            basis: Some("GDPR Art. 17".into()),
            commitments: 2,
            digest: digest("erased"),
            subject: Some("u_1".into()),
        }
        .into(),
        LogRestored { checkpoint: "origin\n3\nroot\n\n— origin sig\n".into(), epoch: 2 }.into(),
    ]
}

fn event(seq: usize, body: Body) -> Event {
    Event {
        actor: Actor { auth: "key:key_1".into(), id: "u_1".into(), kind: ActorKind::User },
        at: Timestamp(1_795_359_600_123_456),
        body,
        boot: "b_1".into(),
        mono: 81_234_567,
        prev: (seq > 0).then(|| digest("before")),
        sd: vec![digest("commitment")],
        seq: seq as u64,
        stream: "run_1".into(),
        tenant: "t_1".into(),
    }
}

fn every_event() -> Vec<Event> {
    let bodies = run_bodies().into_iter().chain(admin_bodies());
    bodies.enumerate().map(|(seq, body)| event(seq, body)).collect()
}

#[test]
fn every_kind_of_event_is_tried_here() {
    let names: Vec<&str> = every_event().iter().map(|event| event.body.name()).collect();
    assert_eq!(names, Body::NAMES);
}

#[test]
fn every_event_has_one_spelling_and_reads_back_what_it_writes() {
    for event in every_event() {
        let entry = Entry::seal(&event).unwrap();
        assert_eq!(check_strict(&entry.bytes), Ok(()));
        assert_eq!(entry.event().unwrap(), event);
        assert_eq!(Entry::seal(&entry.event().unwrap()).unwrap(), entry);
    }
}

#[test]
fn the_fields_of_every_event_are_declared_in_the_order_of_the_bytes() {
    for event in every_event() {
        // A field out of place would still be written right, only slower: objects are sorted when they end.
        assert_eq!(serde_json::to_vec(&event).unwrap(), *Entry::seal(&event).unwrap().bytes);
    }
}

#[test]
fn an_event_of_an_unknown_kind_or_format_is_refused() {
    let bytes = Entry::seal(&event(0, RunCancelRequested { force: false }.into())).unwrap().bytes;
    let text = std::str::from_utf8(&bytes).unwrap();
    insta::assert_snapshot!(text, @r#"{"actor":{"auth":"key:key_1","id":"u_1","kind":"user"},"at":"2026-11-22T15:00:00.123456Z","body":{"force":false},"boot":"b_1","mono":81234567,"prev":null,"sd":["sha256:6a19f0fb4be54511524bcd5b0c98b38da1ee049a39735c39311e10336024436f"],"seq":0,"stream":"run_1","tenant":"t_1","type":"run.cancel_requested","v":1}"#);
    for other in [text.replace("run.cancel_requested", "run.wished"), text.replace("\"v\":1", "\"v\":2")] {
        assert!(Event::from_bytes(other.as_bytes()).is_err());
    }
}
