//! One step of a run, kept small: a run may have ten thousand.

use std::sync::Arc;

use crate::{ApprovalId, Decision, Digest, StepDecided, Timestamp, Usage};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it stands.
    pub state: StepState,
    /// Its action digest.
    pub action: Digest,
    /// Which of the run's operations it is: see [`crate::Run::operation`].
    pub(super) operation: u32,
    /// Name under which rules find it.
    pub name: Option<Arc<str>>,
    /// The rule that chose it.
    pub rule: Arc<str>,
    /// The event that decided it.
    pub decided: u64,
    /// The event that ended it.
    pub ended: Option<u64>,
    /// What is held back of the budgets until it has ended, where it uses something that is paid for.
    pub reserved: Option<Box<Usage>>,
    /// Attempts that were `rate-limited` before anything was sent: they count for nothing.
    pub unsent: u32,
}

/// Where a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Allowed; its turn has not come.
    Decided,
    /// Allowed, once a moment has come.
    Cooling {
        /// The moment.
        until: Timestamp,
    },
    /// Needs an approval, and nobody was asked yet.
    Undisplayed,
    /// Somebody was asked.
    AwaitingApproval {
        /// The approval.
        approval: ApprovalId,
    },
    /// Somebody agreed, once; the work has not begun.
    Approved {
        /// The approval.
        approval: ApprovalId,
    },
    /// The work has begun.
    InFlight {
        /// The attempt, from 1.
        attempt: u32,
    },
    /// An attempt failed, and another one follows.
    Retrying {
        /// The attempt that failed.
        attempt: u32,
        /// When the next one begins.
        at: Timestamp,
    },
    /// Nobody knows whether the work happened.
    Unknown {
        /// The attempt.
        attempt: u32,
    },
    /// Not carried out; the next event about it gives its result.
    Promised {
        /// Whether the result is a stub rather than another run's.
        stub: bool,
    },
    /// Ended with a result; attempt 0 means that it was reused.
    Observed {
        /// The attempt.
        attempt: u32,
    },
    /// Ended with a stub, because the run is a dry run.
    Stubbed,
    /// Ended without a result.
    Failed {
        /// The last attempt; 0 when none began.
        attempt: u32,
        /// Error code.
        code: Arc<str>,
    },
    /// Policy said no.
    Denied,
    /// A person said no.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The run ended before anybody answered.
    Withdrawn,
}

impl StepState {
    /// The state in which a decision leaves its step.
    pub(super) fn of(it: &StepDecided) -> Result<Self, &'static str> {
        match (it.decision, &it.dispatch) {
            (Decision::Allow, None) => Ok(Self::Decided),
            (Decision::Allow, Some(dispatch)) if dispatch.attempt == 1 => Ok(Self::InFlight { attempt: 1 }),
            (Decision::NeedsApproval, None) => Ok(Self::Undisplayed),
            (Decision::Stubbed, None) => Ok(Self::Promised { stub: true }),
            (Decision::Reused, None) => Ok(Self::Promised { stub: false }),
            (Decision::Deny, None) => Ok(Self::Denied),
            _ => Err("its decision does not let it begin"),
        }
    }

    /// The word in facts and lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Decided | Self::Cooling { .. } => "decided",
            Self::Undisplayed | Self::AwaitingApproval { .. } => "awaiting_approval",
            Self::Approved { .. } => "approved",
            Self::InFlight { .. } | Self::Promised { .. } => "in_flight",
            Self::Retrying { .. } => "retrying",
            Self::Unknown { .. } => "unknown",
            Self::Observed { .. } => "completed",
            Self::Stubbed => "stubbed",
            Self::Failed { .. } => "failed",
            Self::Denied => "denied",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Attempts that have begun.
    pub fn attempts(&self) -> u32 {
        match self {
            Self::InFlight { attempt }
            | Self::Retrying { attempt, .. }
            | Self::Unknown { attempt }
            | Self::Observed { attempt }
            | Self::Failed { attempt, .. } => *attempt,
            _ => 0,
        }
    }

    /// Whether an attempt may begin now: the first, or a further one, also when nobody saw the end of the last.
    pub(super) fn may_begin(&self) -> bool {
        matches!(
            self,
            Self::Decided
                | Self::Cooling { .. }
                | Self::Approved { .. }
                | Self::InFlight { .. }
                | Self::Retrying { .. }
                | Self::Unknown { .. }
        )
    }

    /// Whether this attempt may fail now. Attempt 0 means that none could begin.
    pub(super) fn may_fail(&self, attempt: u32) -> bool {
        match self {
            Self::InFlight { .. } | Self::Unknown { .. } | Self::Retrying { .. } => self.attempts() == attempt,
            Self::Decided | Self::Cooling { .. } | Self::Undisplayed | Self::Approved { .. } => attempt == 0,
            _ => false,
        }
    }

    /// Whether this attempt is in flight.
    pub(super) fn flies(&self, attempt: u32) -> bool {
        matches!(self, Self::InFlight { attempt: open } if *open == attempt)
    }

    /// Whether this approval is what the step waits for.
    pub(super) fn awaits(&self, id: &ApprovalId) -> bool {
        matches!(self, Self::AwaitingApproval { approval } if approval == id)
    }

    /// Whether the step ended without a result. Planners may answer that; otherwise it ends the run.
    pub fn fell_short(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Denied | Self::Rejected | Self::Expired | Self::Withdrawn)
    }
}
