//! What happened: every kind of event, and what each must say (`docs/record-format.md`, sections 1 and 2).
//!
//! Fields stand in alphabetical order because that is the order of the bytes. Personal data is never a field
//! here: it is a commitment in [`Event::sd`], and its value is sealed elsewhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    ApprovalId, ArtifactId, BootId, Digest, PrincipalId, RunId, SnapshotId, StreamId, TenantId, Timestamp, WorkerId,
};

/// One event: the envelope that every event has, and a body of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Who caused it.
    pub actor: Actor,
    /// Wall clock of the server that wrote it. Order comes from `seq` alone.
    pub at: Timestamp,
    /// What happened.
    pub body: Body,
    /// The server start during which it was written.
    pub boot: BootId,
    /// Microseconds since `boot`, from a clock that never goes back.
    pub mono: u64,
    /// Leaf hash of the stream's event before this one; none at `seq` 0.
    pub prev: Option<Digest>,
    /// Commitments to the personal values that belong to this event, in order of their paths.
    pub sd: Vec<Digest>,
    /// Place in the stream, dense from 0.
    pub seq: u64,
    /// The run, or `admin`.
    pub stream: StreamId,
    /// Whose it is.
    pub tenant: TenantId,
}

/// Version of the record format that this crate writes.
pub const FORMAT: u64 = 1;

/// The spelling of an envelope: keys in byte order.
#[derive(Serialize)]
struct Spelled<'a> {
    actor: &'a Actor,
    at: Timestamp,
    body: &'a Body,
    boot: &'a BootId,
    mono: u64,
    prev: Option<Digest>,
    sd: &'a [Digest],
    seq: u64,
    stream: &'a StreamId,
    tenant: &'a TenantId,
    r#type: &'static str,
    v: u64,
}

impl Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Spelled {
            actor: &self.actor,
            at: self.at,
            body: &self.body,
            boot: &self.boot,
            mono: self.mono,
            prev: self.prev,
            sd: &self.sd,
            seq: self.seq,
            stream: &self.stream,
            tenant: &self.tenant,
            r#type: self.body.name(),
            v: FORMAT,
        }
        .serialize(serializer)
    }
}

/// An envelope whose body is not read yet, because its kind stands after it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unread<'a> {
    actor: Actor,
    at: Timestamp,
    #[serde(borrow)]
    body: &'a RawValue,
    boot: BootId,
    mono: u64,
    prev: Option<Digest>,
    sd: Vec<Digest>,
    seq: u64,
    stream: StreamId,
    tenant: TenantId,
    r#type: String,
    v: u64,
}

impl Event {
    /// Reads an event from its bytes. Whether the bytes are the one right spelling is another question:
    /// see [`crate::bytes::read_strict`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let unread: Unread<'_> = serde_json::from_slice(bytes)?;
        if unread.v != FORMAT {
            return Err(serde::de::Error::custom(format_args!("record format {} is not known here", unread.v)));
        }
        Ok(Self {
            actor: unread.actor,
            at: unread.at,
            body: Body::read(&unread.r#type, unread.body)?,
            boot: unread.boot,
            mono: unread.mono,
            prev: unread.prev,
            sd: unread.sd,
            seq: unread.seq,
            stream: unread.stream,
            tenant: unread.tenant,
        })
    }
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Names the credential (`key:key_…`), never contains it. `none` for the system itself.
    pub auth: Arc<str>,
    /// The principal.
    pub id: PrincipalId,
    /// What sort of principal it is.
    pub kind: ActorKind,
}

/// What sort of principal caused an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with a credential of its own.
    Service,
    /// An agent, inside a run.
    Agent,
    /// The server: timers, leases, deadlines.
    System,
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Body {
            $($(#[$doc])* $name($name)),*
        }

        impl Body {
            /// The event type, as it stands in the bytes.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text),* }
            }

            /// Every event type.
            pub const NAMES: &'static [&'static str] = &[$($text),*];

            fn read(name: &str, raw: &RawValue) -> Result<Self, serde_json::Error> {
                match name {
                    $($text => serde_json::from_str(raw.get()).map(Self::$name),)*
                    other => Err(serde::de::Error::custom(format_args!("`{other}` is not an event type of format {FORMAT}"))),
                }
            }
        }

        $(impl From<$name> for Body {
            fn from(body: $name) -> Self {
                Self::$name(body)
            }
        })*
    };
}

bodies! {
    /// A run was accepted.
    RunSubmitted = "run.submitted",
    /// A worker took the run.
    RunClaimed = "run.claimed",
    /// The planner chose a step, and policy said what becomes of it.
    StepDecided = "step.decided",
    /// A person is asked about one exact action.
    ApprovalRequested = "approval.requested",
    /// A person answered, or nobody did in time.
    ApprovalResolved = "approval.resolved",
    /// A step's work is about to begin: after an approval, and for every further attempt.
    StepDispatched = "step.dispatched",
    /// A step's work ended and its result is known.
    StepObserved = "step.observed",
    /// An attempt failed.
    StepFailed = "step.failed",
    /// Nobody knows whether a step's work happened.
    StepUnknown = "step.unknown",
    /// The run made an artifact.
    ArtifactCreated = "artifact.created",
    /// The run asks a person a question.
    InputRequested = "input.requested",
    /// A person answered a question.
    InputReceived = "input.received",
    /// A step waits until a moment before its work begins.
    TimerSet = "timer.set",
    /// Somebody wants the run to stop.
    RunCancelRequested = "run.cancel_requested",
    /// The run reached its goal.
    RunCompleted = "run.completed",
    /// The run ended without reaching it.
    RunFailed = "run.failed",
    /// The run was stopped.
    RunCancelled = "run.cancelled",
    /// Admin stream: a call was refused before a run existed.
    CallRefused = "call.refused",
    /// Admin stream: a key was made.
    KeyCreated = "key.created",
    /// Admin stream: a key was taken back.
    KeyRevoked = "key.revoked",
    /// Admin stream: a setting, folder grant or webhook was changed.
    ConfigChanged = "config.changed",
    /// Admin stream: a context snapshot was made.
    SnapshotCreated = "snapshot.created",
    /// Admin stream: records left the server.
    RecordExported = "record.exported",
    /// Admin stream: the personal data of a subject was made unreadable.
    SubjectErased = "subject.erased",
    /// Admin stream: the log continues after a restore.
    LogRestored = "log.restored",
}

/// A contract by name and by the digest of its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// SHA-256 of the contract file's bytes.
    pub digest: Digest,
    /// `key@version`.
    pub name: Arc<str>,
}

/// Arguments, results and other values that callers and tools bring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// A small value that fits the encoder profile, as it is. Personal fields are replaced by `{"sd":"sha256:…"}`.
    Inline(Value),
    /// The exact bytes, kept as a blob.
    Blob(BlobRef),
}

/// Bytes kept outside the event, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Media type.
    pub media: Arc<str>,
    /// Length in bytes.
    pub size: u64,
}

/// Body of `run.submitted`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSubmitted {
    /// The agent.
    pub agent: Pinned,
    /// The most the run may use, when the caller said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// When the run fails if it has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// The run and step it continues from, when it is a fork or a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forked: Option<Forked>,
    /// SHA-256 of the caller's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Digest>,
    /// The caller's labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Payload>,
    /// How it is carried out.
    pub mode: Mode,
    /// The operation that submitted it.
    pub operation: Pinned,
    /// The operations the agent may use, pinned.
    pub operations: Vec<Pinned>,
    /// Kind and version of the planner.
    pub planner: PlannerRef,
    /// Digest of the policy set in force.
    pub policy: Digest,
    /// −1000 to 1000, higher first.
    pub priority: i64,
    /// The snapshot it reads, when known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotRef>,
}

/// The planner that decides, so that a later release can say that it does not have this version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannerRef {
    /// `rules`, `model`, `acp`.
    pub kind: Arc<str>,
    /// Version of its meaning; grows when the same journal would be decided otherwise.
    pub version: u64,
}

/// A snapshot by id and root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRef {
    /// Its id here.
    pub id: SnapshotId,
    /// Its root, the same on every machine for the same content.
    pub root: Digest,
}

/// Where a fork or retry begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The run whose results are reused.
    pub run: RunId,
    /// The first step that is decided anew; steps before it are reused.
    pub step: u64,
}

/// The most a run may use. Money is a decimal string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Money, as a decimal string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
    /// ISO 4217 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Model tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// How a run is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In the background.
    #[default]
    Background,
    /// In the background, with the caller waiting for a while.
    Wait,
    /// No step with an effect is dispatched.
    DryRun,
}

/// Body of `run.claimed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunClaimed {
    /// When the claim ends unless it is renewed.
    pub until: Timestamp,
    /// The worker.
    pub worker: WorkerId,
}

/// Body of `step.decided`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepDecided {
    /// Action digest (section 2 of the format).
    pub action: Digest,
    /// What the tool will receive.
    pub arguments: Payload,
    /// What policy said.
    pub decision: Decision,
    /// With `allow`, the first attempt, so that an ordinary step costs two events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatch: Option<Dispatch>,
    /// The facts the rule read: small values as they are, others by digest.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// What people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name under which later rules find the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The operation.
    pub operation: Pinned,
    /// The policies that decided.
    pub policies: Vec<Arc<str>>,
    /// The rule that chose it; `pack` for the snapshot that opens a run, `fork` for a result reused from another run.
    pub rule: Arc<str>,
    /// Number of the step in the run, from 0.
    pub step: u64,
}

/// What policy says of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Go on.
    Allow,
    /// Not at all.
    Deny,
    /// After a person agreed.
    NeedsApproval,
    /// Not carried out because the run is a dry run; the result is a stub.
    Stubbed,
    /// Not carried out because another run's result is reused.
    Reused,
}

/// One attempt that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// From 1.
    pub attempt: u32,
    /// Idempotency key that the tool receives; the same for every attempt of a step.
    pub key: Arc<str>,
    /// The worker that begins it.
    pub worker: WorkerId,
}

/// Body of `approval.requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// The action that is asked about.
    pub action: Digest,
    /// Its id.
    pub approval: ApprovalId,
    /// Whether the approver must be another than the requester.
    pub approver_not_requester: bool,
    /// Exactly what is displayed.
    pub display: Payload,
    /// Digest of the displayed bytes.
    pub displayed: Digest,
    /// When silence becomes `expired`.
    pub expires: Timestamp,
    /// The policies that ask.
    pub policies: Vec<Arc<str>>,
    /// The step that waits.
    pub step: u64,
}

/// Body of `approval.resolved`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovalResolved {
    /// The action that was decided on.
    pub action: Digest,
    /// Which approval.
    pub approval: ApprovalId,
    /// Who decided; none when nobody did in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<PrincipalId>,
    /// What was decided.
    pub decision: Verdict,
    /// The step that waited.
    pub step: u64,
}

/// How an approval ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A person agreed.
    Approved,
    /// A person refused.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The run ended before anybody answered.
    Withdrawn,
}

/// Body of `step.dispatched`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepDispatched {
    /// The attempt.
    pub dispatch: Dispatch,
    /// The step.
    pub step: u64,
}

/// Body of `step.observed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepObserved {
    /// The attempt whose result this is; 0 for a stub or a reused result.
    pub attempt: u32,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Who recorded it, when a person settled an unknown outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_by: Option<PrincipalId>,
    /// What it gave.
    pub result: Payload,
    /// The step.
    pub step: u64,
    /// What it used, where it used something that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// What a step used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Money, as a decimal string.
    pub cost: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Version of the price table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// Model tokens.
    pub tokens: u64,
}

/// Body of `step.failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepFailed {
    /// The attempt that failed.
    pub attempt: u32,
    /// Error code of the tool, or of the engine (`denied`, `timeout`, `cancelled`).
    pub code: Arc<str>,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// When the next attempt begins; none when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The step. The message is personal until proven otherwise: it is a commitment with path `/message`.
    pub step: u64,
}

/// Body of `step.unknown`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepUnknown {
    /// The attempt nobody saw the end of.
    pub attempt: u32,
    /// Why: `lease-lost`, `timeout`, `killed`.
    pub because: Arc<str>,
    /// The step.
    pub step: u64,
}

/// Body of `artifact.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArtifactCreated {
    /// Its id.
    pub artifact: ArtifactId,
    /// What it cites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cites: Vec<String>,
    /// Its bytes.
    pub content: BlobRef,
    /// The facts the rule read.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// `file`, `diff`, `output`, `report` or `log`.
    pub kind: Arc<str>,
    /// File name.
    pub name: String,
    /// The rule that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The newest step when it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// One line for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// Body of `input.requested`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRequested {
    /// The facts the rule read.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Name under which rules find the answer.
    pub name: Arc<str>,
    /// The question.
    pub question: String,
    /// The rule that asks.
    pub rule: Arc<str>,
    /// JSON Schema of the answer.
    pub schema: Payload,
}

/// Body of `input.received`. The answer is a commitment with path `/answer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputReceived {
    /// Which question.
    pub name: Arc<str>,
}

/// Body of `timer.set`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimerSet {
    /// Why the step waits: `cooldown`.
    pub because: Arc<str>,
    /// The step that waits.
    pub step: u64,
    /// Until when.
    pub until: Timestamp,
}

/// Body of `run.cancel_requested`. The reason is a commitment with path `/reason`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCancelRequested {
    /// Whether the step in flight is killed.
    pub force: bool,
}

/// What every last event says, so that one run can be checked alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Artifacts made.
    pub artifacts: u64,
    /// Events of the run, this one included.
    pub events: u64,
    /// Leaf hash of the event before this one.
    pub head: Option<Digest>,
    /// Steps decided.
    pub steps: u64,
    /// What all steps used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Body of `run.completed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCompleted {
    /// The facts the rule read.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// What the run gives.
    pub output: Payload,
    /// The rule that finished it.
    pub rule: Arc<str>,
    /// Count, head and totals.
    pub totals: Totals,
}

/// Body of `run.failed`. The sentence for people is a commitment with path `/message`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunFailed {
    /// Problem code: `budget-exhausted`, `deadline-exceeded`, `policy-denied`, `approval-rejected`,
    /// `approval-expired`, `tool-failed`, `model-failed`, `planner-failed`, `snapshot-failed`.
    pub code: Arc<str>,
    /// The rule that failed it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// The step that ended it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Count, head and totals.
    pub totals: Totals,
}

/// Body of `run.cancelled`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// Count, head and totals.
    pub totals: Totals,
    /// Steps whose outcome nobody knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_steps: Vec<u64>,
}

/// Body of `call.refused`. Repeated refusals of one caller stand in one event per minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRefused {
    /// Problem code.
    pub code: Arc<str>,
    /// Refusals counted in this event.
    pub count: u64,
    /// The operation, when it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Arc<str>>,
    /// The surface: `rest`, `cli`, `mcp`, `studio`.
    pub surface: Arc<str>,
}

/// Body of `key.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyCreated {
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Its id, never the key.
    pub key: Arc<str>,
    /// Whom it stands for.
    pub principal: PrincipalId,
    /// `user` or `admin`.
    pub role: Arc<str>,
}

/// Body of `key.revoked`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// Its id.
    pub key: Arc<str>,
}

/// Body of `config.changed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigChanged {
    /// What was done: `allowed`, `forbidden`, `created`, `deleted`, `set`.
    pub change: Arc<str>,
    /// What it was done to, for example `workspace` or `webhook`.
    pub setting: Arc<str>,
    /// The new value, without secrets.
    pub value: Payload,
}

/// Body of `snapshot.created`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SnapshotCreated {
    /// Items in it.
    pub items: u64,
    /// The pack.
    pub pack: Pinned,
    /// The snapshot.
    pub snapshot: SnapshotRef,
}

/// Body of `record.exported`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordExported {
    /// The run whose bundle was made.
    pub run: RunId,
    /// Whether personal fields were opened in it.
    pub with_disclosures: bool,
}

/// Body of `subject.erased`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubjectErased {
    /// On which ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Arc<str>>,
    /// Commitments that can no longer be opened.
    pub commitments: u64,
    /// Digest over the erased commitments in byte order, so that they can be told from missing ones.
    pub digest: Digest,
    /// Whose they were: the principal's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Arc<str>>,
}

/// Body of `log.restored`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRestored {
    /// The last checkpoint that somebody else may hold, as text.
    pub checkpoint: String,
    /// Number of the new epoch.
    pub epoch: u64,
}
