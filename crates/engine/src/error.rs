//! Why the engine did not do what it was asked.

use affiant_contract::Issue;
use affiant_journal::ApprovalId;

use crate::{
    agent::NotReady,
    budget::WrongCurrency,
    decide::Rejection,
    ledger::NotWritten,
    ports::{StoreError, VaultError},
    snapshot::NotTaken,
};

/// Why the engine did not do what it was asked. [`EngineError::code`] is a code of the catalogue, and the message may
/// be shown to callers.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// What was named is not there.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// `run`, `agent`, `snapshot`, `pack`, `step`, `approval`.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The input does not fit the agent.
    #[error("the input does not fit the agent")]
    Input(Vec<Issue>),
    /// The run is not in a state for it.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The approval has been decided on before.
    #[error("the approval has been decided on before")]
    AlreadyResolved,
    /// The run has not ended.
    #[error("the run has not ended")]
    NotEnded,
    /// Others wrote to the run again and again while this was tried.
    #[error("the run changes too fast; read it and decide again")]
    Conflict,
    /// The agent cannot run here.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// A budget is in another currency than the prices.
    #[error(transparent)]
    Currency(#[from] WrongCurrency),
    /// A snapshot could not be taken.
    #[error(transparent)]
    Snapshot(#[from] NotTaken),
    /// The store did not do its part.
    #[error("the store did not answer")]
    Store(#[source] StoreError),
    /// The vault did not do its part.
    #[error("the vault did not answer")]
    Vault(#[from] VaultError),
    /// An event could not be written; a mistake of ours.
    #[error("an event could not be written")]
    Unwritten(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict,
            error => Self::Store(error),
        }
    }
}

impl From<NotWritten> for EngineError {
    fn from(error: NotWritten) -> Self {
        Self::Unwritten(Box::new(error))
    }
}

impl EngineError {
    /// The code of the catalogue.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { what: "agent", .. } => "agent-not-found",
            Self::Missing { what: "snapshot", .. } => "snapshot-not-found",
            Self::Missing { what: "pack", .. } => "pack-not-found",
            Self::Missing { what: "step", .. } | Self::Rejected(Rejection::NoStep) => "step-not-found",
            Self::Missing { what: "approval", .. } | Self::Rejected(Rejection::NoApproval) => "approval-not-found",
            Self::Missing { .. } => "run-not-found",
            Self::Input(_) => "agent-input-invalid",
            Self::Currency(_) => "input-invalid",
            Self::Rejected(Rejection::Ended) => "run-ended",
            Self::Rejected(Rejection::Ambiguous(_)) => "approval-ambiguous",
            Self::Rejected(Rejection::Stale(_)) => "approval-stale",
            Self::Rejected(Rejection::Expired) => "approval-expired",
            Self::Rejected(Rejection::SameApprover) => "forbidden",
            Self::Rejected(Rejection::NotAsked | Rejection::NotUnknown) | Self::Conflict => "conflict",
            Self::AlreadyResolved => "approval-resolved",
            Self::NotEnded => "run-not-ended",
            Self::NotReady(_) => "agent-not-found",
            Self::Snapshot(NotTaken::Source { failure, .. }) if &*failure.code == "path-not-allowed" => {
                "path-not-allowed"
            }
            Self::Snapshot(NotTaken::Store(error)) | Self::Store(error) => store_code(error),
            Self::Snapshot(_) => "snapshot-failed",
            Self::Vault(_) => "storage-unavailable",
            Self::Unwritten(_) => "internal",
        }
    }

    /// The approvals that wait, when it is not clear which one was meant.
    pub fn approvals(&self) -> &[ApprovalId] {
        match self {
            Self::Rejected(Rejection::Ambiguous(approvals)) => approvals,
            _ => &[],
        }
    }

    /// What is wrong with the input.
    pub fn issues(&self) -> &[Issue] {
        match self {
            Self::Input(issues) => issues,
            _ => &[],
        }
    }
}

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Full | StoreError::ReadOnly => "storage-full",
        StoreError::Conflict { .. } => "conflict",
        StoreError::Remembered(_) => "idempotency-in-flight",
        StoreError::Cursor(_) => "input-invalid",
        StoreError::Unavailable(_) => "storage-unavailable",
        StoreError::Damaged(_) => "storage-damaged",
        // A ceiling ends a run, never a call: a call that meets one is a mistake of ours.
        StoreError::Exhausted(_) => "internal",
    }
}
