//! Projections of journals as lists and queues see them, and how they are asked for.

use std::sync::Arc;

use affiant_journal::{
    ApprovalId, ArtifactId, BlobRef, Digest, PrincipalId, RunId, SnapshotId, TenantId, Timestamp, Verdict, WorkerId,
};
use serde::{Deserialize, Serialize};

/// A run as lists and queues see it. A projection of its journal: it can always be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub run: RunId,
    /// Key of the agent.
    pub agent: Arc<str>,
    /// Version of the agent.
    pub agent_version: Arc<str>,
    /// Kind of the planner.
    pub planner: Arc<str>,
    /// Status: `queued`, `running`, `waiting`, `cancelling`, `completed`, `failed`, `cancelled`.
    pub status: Arc<str>,
    /// Why it waits, when it does: `approval`, `input`, `timer`, `unknown_outcome`.
    pub waiting: Option<Arc<str>>,
    /// −1000 to 1000, higher first.
    pub priority: i64,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The snapshot it reads.
    pub snapshot: Option<SnapshotId>,
    /// Problem code of the failure, never its message.
    pub error: Option<Arc<str>>,
    /// Who submitted it.
    pub actor: PrincipalId,
    /// The run that called it as a subagent, or that it was forked or retried from.
    pub parent: Option<RunId>,
    /// Steps decided so far.
    pub steps: u64,
    /// Events so far.
    pub events: u64,
    /// When a worker should look at it again: now, a timer, an approval's expiry, or the end of the lease.
    /// None when there is nothing to do.
    pub runnable_at: Option<Timestamp>,
    /// The worker that has it.
    pub worker: Option<WorkerId>,
}

/// Which runs.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// Only this run.
    pub run: Option<RunId>,
    /// Only runs whose id ends or begins with this text.
    pub id_part: Option<String>,
    /// Only these statuses; all when empty.
    pub statuses: Vec<Arc<str>>,
    /// Only this agent.
    pub agent: Option<Arc<str>>,
    /// Only runs submitted at or after.
    pub since: Option<Timestamp>,
    /// Only runs submitted before.
    pub until: Option<Timestamp>,
    /// Which part of the list.
    pub window: Window,
}

/// An approval as lists see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRow {
    /// Its id.
    pub approval: ApprovalId,
    /// The run that waits.
    pub run: RunId,
    /// The step that waits.
    pub step: u64,
    /// Digest of the action it is about.
    pub action: Digest,
    /// Digest of what is displayed.
    pub displayed: Digest,
    /// `pending`, or how it ended.
    pub status: Arc<str>,
    /// When it was asked.
    pub requested_at: Timestamp,
    /// When silence becomes `expired`.
    pub expires_at: Timestamp,
    /// When it ended.
    pub resolved_at: Option<Timestamp>,
    /// Who decided.
    pub approver: Option<PrincipalId>,
    /// How it ended, when it did.
    pub verdict: Option<Verdict>,
}

/// Which approvals.
#[derive(Clone, Debug, Default)]
pub struct ApprovalQuery {
    /// Only this approval.
    pub approval: Option<ApprovalId>,
    /// Only this run's.
    pub run: Option<RunId>,
    /// Only those in this status.
    pub status: Option<Arc<str>>,
    /// Which part of the list.
    pub window: Window,
}

/// An artifact as lists see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRow {
    /// Its id.
    pub artifact: ArtifactId,
    /// The run that made it.
    pub run: RunId,
    /// Its place in the run's journal.
    pub seq: u64,
    /// `file`, `diff`, `output`, `report` or `log`.
    pub kind: Arc<str>,
    /// File name.
    pub name: String,
    /// Its bytes.
    pub content: BlobRef,
    /// One line for lists.
    pub summary: Option<String>,
    /// The newest step when it was made.
    pub step: Option<u64>,
    /// What it cites.
    pub cites: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Which artifacts.
#[derive(Clone, Debug, Default)]
pub struct ArtifactQuery {
    /// Only this run's.
    pub run: Option<RunId>,
    /// Only this artifact.
    pub artifact: Option<ArtifactId>,
    /// Only of this kind.
    pub kind: Option<Arc<str>>,
    /// Which part of the list.
    pub window: Window,
}

/// Part of a list: after a cursor, or at an offset.
#[derive(Clone, Debug)]
pub struct Window {
    /// How many at most.
    pub limit: usize,
    /// How many to pass over.
    pub offset: usize,
    /// Continue after the row that gave this cursor; stable while rows arrive.
    pub after: Option<String>,
}

impl Default for Window {
    fn default() -> Self {
        Self { limit: 50, offset: 0, after: None }
    }
}

/// Part of a list, with how to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// How many match in all.
    pub total: u64,
    /// Cursor of the last row, when more follow.
    pub next: Option<String>,
}
