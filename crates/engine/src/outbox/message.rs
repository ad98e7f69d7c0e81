//! Contract events: what a journal event is told as to other systems, as CloudEvents 1.0
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>). Personal data stays behind.

use std::sync::Arc;

use affiant_contract::errors;
use affiant_journal::{
    ApprovalResolved, Body, Decision, Digest, Event, Payload, PrincipalId, RunFailed, SnapshotId, StreamId, TenantId,
    Timestamp, Verdict,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::steps::KnownStep;
use crate::{ledger::verdict_word, ports::Positioned};

/// Media type of a message.
pub(super) const MEDIA: &str = "application/cloudevents+json";

pub(super) const STARTED: &str = "agent.run.started";
pub(super) const COMPLETED: &str = "agent.run.completed";
pub(super) const FAILED: &str = "agent.run.failed";
pub(super) const CANCELLED: &str = "agent.run.cancelled";
pub(super) const ASKED: &str = "agent.approval.requested";
pub(super) const RESOLVED: &str = "agent.approval.resolved";
pub(super) const MADE: &str = "agent.artifact.created";
pub(super) const STEP: &str = "agent.step.completed";
pub(super) const SNAPSHOT: &str = "context.snapshot.created";

/// Version of the event contracts that are spelled here.
const VERSION: &str = "1.0.0";

/// The contract events that a journal event is told as, in order. A step's end may still turn out to be none: only the
/// first step of an agent with packs makes a snapshot.
pub(super) fn keys(event: &Event) -> &'static [&'static str] {
    match &event.body {
        Body::RunSubmitted(_) => &[STARTED],
        Body::RunCompleted(_) => &[COMPLETED],
        Body::RunFailed(_) => &[FAILED],
        Body::RunCancelled(_) => &[CANCELLED],
        Body::ApprovalRequested(_) => &[ASKED],
        Body::ApprovalResolved(it) if it.decision == Verdict::Approved => &[RESOLVED],
        Body::ApprovalResolved(_) => &[RESOLVED, STEP],
        Body::ArtifactCreated(_) => &[MADE],
        Body::StepDecided(it) if it.decision == Decision::Deny => &[STEP],
        Body::StepObserved(it) if taken(&it.result).is_some() => &[STEP, SNAPSHOT],
        Body::StepObserved(_) | Body::StepUnknown(_) => &[STEP],
        Body::StepFailed(it) if it.retry_at.is_none() => &[STEP],
        Body::SnapshotCreated(_) => &[SNAPSHOT],
        _ => &[],
    }
}

/// Whether runs that name whom to tell are told of this event.
pub(super) fn is_for_caller(key: &str) -> bool {
    key == ASKED || ends_run(key)
}

/// Whether nothing of the run follows this event.
pub(super) fn ends_run(key: &str) -> bool {
    [COMPLETED, FAILED, CANCELLED].contains(&key)
}

/// Kinds of journal events that say something here.
const READ: &[&str] = &[
    "run.submitted",
    "run.completed",
    "run.failed",
    "run.cancelled",
    "approval.requested",
    "approval.resolved",
    "artifact.created",
    "step.decided",
    "step.observed",
    "step.failed",
    "step.unknown",
    "snapshot.created",
];

/// The event of an entry, if it may be told here. The kind of the others is seen without reading them: it stands second
/// to last in the one spelling that events have.
pub(super) fn read(entry: &Positioned) -> Option<Event> {
    let kind = entry.entry.bytes.strip_suffix(b"\",\"v\":1}")?;
    READ.iter().any(|read| kind.ends_with(read.as_bytes())).then(|| entry.entry.event().ok())?
}

/// What a message says beside its event.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The run's agent.
    pub(super) agent: Arc<str>,
    /// The snapshot that the run reads.
    pub(super) snapshot: Option<SnapshotId>,
    /// Who asked the run to stop.
    pub(super) stopped_by: Option<PrincipalId>,
    /// The step that the event is about.
    pub(super) step: Option<KnownStep>,
}

/// A message, ready to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// The same for every attempt, and on every server that has this record.
    pub(super) id: String,
    /// What it is about: the run, or the snapshot.
    pub(super) subject: Arc<str>,
    /// The bytes.
    pub(super) body: Arc<[u8]>,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    r#type: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    /// An extension of ours: the contract that `data` satisfies.
    contract: String,
    data: Value,
}

/// The message of one of an event's contract events; none when the event turns out not to be one.
pub(super) fn of(event: &Event, nth: usize, known: &Known) -> Option<Message> {
    let key = keys(event).get(nth)?;
    let data = without_nulls(data(key, event, known)?);
    let subject: Arc<str> = match &event.body {
        Body::SnapshotCreated(it) => it.snapshot.id.as_str().into(),
        _ => event.stream.as_str().into(),
    };
    let id = id_of(&event.stream, &subject, event.seq, nth);
    let spelled = CloudEvent {
        specversion: "1.0",
        id: &id,
        source: source_of(&event.tenant),
        r#type: key,
        subject: &subject,
        time: moment(event.at),
        datacontenttype: "application/json",
        contract: format!("{key}@{VERSION}"),
        data,
    };
    let body = serde_json::to_vec(&spelled).expect("texts and JSON are JSON");
    Some(Message { id, subject, body: body.into() })
}

/// The run and the event's place in it; of administrative events the thing that they made, which is named once.
fn id_of(stream: &StreamId, subject: &str, seq: u64, nth: usize) -> String {
    match (*stream == StreamId::admin(), nth) {
        (true, _) => format!("{subject}-created"),
        (false, 0) => format!("{subject}-{seq}"),
        (false, nth) => format!("{subject}-{seq}-{nth}"),
    }
}

fn source_of(tenant: &TenantId) -> String {
    format!("/tenants/{tenant}")
}

/// RFC 3339 in UTC with milliseconds, as everywhere outside the record.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{}Z", &text[..text.len() - 4])
}

fn data(key: &str, event: &Event, known: &Known) -> Option<Value> {
    let (run, at) = (&event.stream, moment(event.at));
    let (agent, snapshot) = (&known.agent, &known.snapshot);
    Some(match (&event.body, key) {
        (Body::RunSubmitted(it), _) => {
            let snapshot = it.snapshot.as_ref().map(|snapshot| &snapshot.id);
            json!({ "runId": run, "agentKey": agent, "status": "queued", "startedAt": at, "contextSnapshotId": snapshot })
        }
        (Body::RunCompleted(_), _) => {
            json!({ "runId": run, "agentKey": agent, "status": "completed", "completedAt": at, "contextSnapshotId": snapshot })
        }
        (Body::RunFailed(it), _) => {
            let (title, problem) = problem(it);
            json!({ "runId": run, "agentKey": agent, "status": "failed", "failedAt": at, "errorMessage": title,
                "problem": problem, "contextSnapshotId": snapshot })
        }
        (Body::RunCancelled(_), _) => {
            json!({ "runId": run, "agentKey": agent, "status": "cancelled", "cancelledAt": at,
                "cancelledBy": known.stopped_by, "contextSnapshotId": snapshot })
        }
        (Body::ApprovalRequested(it), _) => {
            json!({ "runId": run, "approvalId": it.approval, "requestedAt": at })
        }
        (Body::ApprovalResolved(it), RESOLVED) => {
            json!({ "runId": run, "approvalId": it.approval, "decision": verdict_word(it.decision),
                "actionDigest": it.action, "approver": it.approver, "resolvedAt": at })
        }
        (Body::ArtifactCreated(it), _) => {
            json!({ "runId": run, "artifactId": it.artifact, "kind": it.kind, "name": it.name,
                "contentType": it.content.media, "digest": it.content.digest, "size": it.content.size,
                "stepNumber": it.step, "summary": it.summary, "createdAt": at })
        }
        (Body::SnapshotCreated(it), _) => {
            let (pack, version) = it.pack.name.split_once('@')?;
            json!({ "snapshotId": it.snapshot.id, "packKey": pack, "packVersion": version, "hash": it.snapshot.root,
                "itemCount": it.items, "createdAt": at })
        }
        (Body::StepObserved(it), SNAPSHOT) => {
            known.step.as_ref().filter(|step| step.operation.starts_with("context.pack.snapshot@"))?;
            taken(&it.result)?.clone()
        }
        _ => step(event, known)?,
    })
}

/// What a person reads of a failure. The run's own sentence may quote a tool or a model, and stays behind.
fn problem(it: &RunFailed) -> (&'static str, Value) {
    let (title, status) = errors::find(&it.code).map_or(("The run failed", 500), |known| (known.title, known.status));
    (title, json!({ "type": format!("/docs/errors/{}", it.code), "title": title, "status": status, "code": it.code }))
}

/// The end of a step.
fn step(event: &Event, known: &Known) -> Option<Value> {
    let asked = known.step.as_ref()?;
    let (number, outcome, attempts, micros) = match &event.body {
        Body::StepDecided(it) => (it.step, "denied", 0, None),
        Body::StepObserved(it) if asked.stubbed => (it.step, "stubbed", 0, None),
        Body::StepObserved(it) => (it.step, "completed", it.attempt, Some(it.duration_us)),
        Body::StepFailed(it) => (it.step, "failed", it.attempt, Some(it.duration_us)),
        Body::StepUnknown(it) => (it.step, "unknown", it.attempt, None),
        Body::ApprovalResolved(ApprovalResolved { step, decision, .. }) => (*step, verdict_word(*decision), 0, None),
        _ => return None,
    };
    Some(json!({
        "runId": event.stream, "agentKey": known.agent, "stepNumber": number, "operation": asked.operation,
        "outcome": outcome, "attempts": attempts, "durationMicros": micros, "completedAt": moment(event.at),
    }))
}

/// The step whose end an event tells of.
pub(super) fn step_of(event: &Event) -> Option<u64> {
    match &event.body {
        Body::StepDecided(it) => Some(it.step),
        Body::StepObserved(it) => Some(it.step),
        Body::StepFailed(it) => Some(it.step),
        Body::StepUnknown(it) => Some(it.step),
        Body::ApprovalResolved(it) => Some(it.step),
        _ => None,
    }
}

/// The snapshot that a result tells of, as `context.pack.snapshot` answers: exactly what its event says.
fn taken(result: &Payload) -> Option<&Value> {
    let Payload::Inline(value) = result else { return None };
    let hash = value.get("hash")?.as_str()?;
    (value.get("snapshotId")?.is_string() && hash.parse::<Digest>().is_ok()).then_some(value)
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use affiant_contract::validate_schema;
    use affiant_journal::{
        Actor, ActorKind, ApprovalRequested, ArtifactCreated, BlobRef, Pinned, RunCancelled, RunCompleted,
        SnapshotCreated, SnapshotRef, StepFailed, StepObserved, StepUnknown, Totals,
    };

    use super::*;

    fn event(body: impl Into<Body>) -> Event {
        let body = body.into();
        let admin = matches!(body, Body::SnapshotCreated(_));
        Event {
            actor: Actor { auth: "none".into(), id: "w_1".into(), kind: ActorKind::System },
            at: Timestamp(1_795_359_731_204_567),
            body,
            boot: "b_1".into(),
            mono: 1,
            prev: None,
            sd: Vec::new(),
            seq: 7,
            stream: if admin { StreamId::admin() } else { "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ".into() },
            tenant: "t_local".into(),
        }
    }

    fn known(operation: &str) -> Known {
        Known {
            agent: "release-notes".into(),
            snapshot: Some("ctx_1".into()),
            stopped_by: Some("u_ana".into()),
            step: Some(KnownStep { operation: operation.into(), stubbed: false }),
        }
    }

    fn every() -> Vec<Event> {
        let digest = Digest::of(b"");
        let approval = |decision| ApprovalResolved {
            action: digest,
            approval: "apr_1".into(),
            approver: Some("u_ana".into()),
            decision,
            step: 2,
        };
        let asked = ApprovalRequested {
            action: digest,
            approval: "apr_1".into(),
            approver_not_requester: false,
            display: Payload::Inline(json!({ "title": "Write ana@example.org" })),
            displayed: digest,
            expires: Timestamp(0),
            policies: Vec::new(),
            step: 2,
        };
        let made = ArtifactCreated {
            artifact: "art_1".into(),
            cites: Vec::new(),
            content: BlobRef { digest, media: "text/markdown".into(), size: 9 },
            facts: Default::default(),
            kind: "file".into(),
            name: "NOTES.md".into(),
            rule: None,
            step: Some(2),
            summary: None,
        };
        let observed = |result| StepObserved {
            attempt: 1,
            duration_us: 4120,
            recorded_by: None,
            result: Payload::Inline(result),
            step: 0,
            usage: None,
            waited_us: None,
        };
        let snapshot = json!({ "snapshotId": "ctx_1", "packKey": "repository", "packVersion": "1.0.0",
            "hash": digest, "itemCount": 2, "createdAt": "2026-11-22T15:02:11.270Z" });
        let pack = Pinned { digest, name: "repository@1.0.0".into() };
        let created = SnapshotCreated { items: 2, pack, snapshot: SnapshotRef { id: "ctx_1".into(), root: digest } };
        vec![
            event(RunCompleted {
                facts: Default::default(),
                output: Payload::Inline(json!({})),
                rule: "done".into(),
                totals: Totals::default(),
            }),
            event(RunFailed {
                code: "tool-failed".into(),
                met: None,
                rule: None,
                step: Some(2),
                totals: Totals::default(),
            }),
            event(RunCancelled { totals: Totals::default(), unknown_steps: Vec::new() }),
            event(asked),
            event(approval(Verdict::Approved)),
            event(approval(Verdict::Expired)),
            event(made),
            event(observed(json!({ "ok": true }))),
            event(observed(snapshot)),
            event(StepFailed {
                attempt: 3,
                code: "gone".into(),
                duration_us: 5,
                retry_at: None,
                step: 1,
                usage: None,
                unsent: false,
                waited_us: None,
            }),
            event(StepUnknown { attempt: 1, because: "lease-lost".into(), step: 1 }),
            event(created),
        ]
    }

    #[test]
    fn every_message_satisfies_its_contract_and_every_shipped_event_has_a_message() {
        let contracts = affiant_contract::builtin();
        let payloads = contracts.iter().filter_map(|contract| match &contract.body {
            affiant_contract::Body::Event(spec) => Some((&*contract.meta.key, &spec.payload)),
            _ => None,
        });
        let payloads: BTreeMap<_, _> = payloads.collect();
        let mut told = BTreeSet::from([STARTED]);
        for event in every() {
            for (nth, key) in keys(&event).iter().enumerate() {
                let message = of(&event, nth, &known("context.pack.snapshot@1.0.0")).unwrap();
                let body: Value = serde_json::from_slice(&message.body).unwrap();
                assert_eq!(body["type"], *key);
                assert_eq!(validate_schema(payloads[key], &body["data"]), Ok(()), "{body}");
                told.insert(*key);
            }
        }
        assert_eq!(told, payloads.into_keys().collect());
    }

    #[test]
    fn what_is_shown_to_an_approver_stays_behind() {
        for event in every() {
            for nth in 0..keys(&event).len() {
                let message = of(&event, nth, &known("x@1.0.0")).map(|message| message.body.to_vec());
                assert!(!String::from_utf8(message.unwrap_or_default()).unwrap().contains("ana@example.org"));
            }
        }
    }

    #[test]
    fn a_message_is_a_cloud_event() {
        let event = event(StepUnknown { attempt: 1, because: "lease-lost".into(), step: 1 });
        let message = of(&event, 0, &known("fs.write@1.0.0")).unwrap();
        assert_eq!(message.id, "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ-7");
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        insta::assert_snapshot!(serde_json::to_string_pretty(&body).unwrap(), @r#"
        {
          "specversion": "1.0",
          "id": "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ-7",
          "source": "/tenants/t_local",
          "type": "agent.step.completed",
          "subject": "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ",
          "time": "2026-11-22T15:02:11.204Z",
          "datacontenttype": "application/json",
          "contract": "agent.step.completed@1.0.0",
          "data": {
            "runId": "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ",
            "agentKey": "release-notes",
            "stepNumber": 1,
            "operation": "fs.write@1.0.0",
            "outcome": "unknown",
            "attempts": 1,
            "completedAt": "2026-11-22T15:02:11.204Z"
          }
        }
        "#);
    }

    #[test]
    fn the_kind_of_an_entry_is_seen_in_its_spelling() {
        for event in every() {
            let entry = affiant_journal::Entry::seal(&event).unwrap();
            let (tenant, stream) = (event.tenant.clone(), event.stream.clone());
            assert_eq!(read(&Positioned { position: 1, tenant, stream, entry }), Some(event));
        }
    }
}
