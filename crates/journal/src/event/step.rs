//! What is said of one step: what was chosen, what policy said of it, how each attempt ended.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Payload, Pinned, Usage};
use crate::{Digest, PrincipalId, Timestamp, WorkerId};

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
    /// What is held back of the budgets until the step has ended: the most that an attempt was thought to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Usage>,
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
    /// How much of its time it waited for its turn before anything was sent, in microseconds; none when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
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
    /// Whether a model was to be asked and nothing was sent. With the code `rate-limited`, because its provider had said
    /// when to come back, it is none of the attempts that the agent allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsent: bool,
    /// What the attempt used all the same, where it used something that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How much of its time it waited for its turn, in microseconds; none when it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
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
