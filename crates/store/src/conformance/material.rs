//! Entries, rows and appends to exercise a store with.

use affiant_engine::ports::{Append, ApprovalRow, ArtifactRow, Claim, RunRow, Store, StoreError};
use affiant_journal::{BlobRef, Digest, Entry, RunId, StreamId, TenantId, Timestamp};

/// What a store that is well gives.
#[track_caller]
pub(super) fn well<T>(result: Result<T, StoreError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("a store that is well answered with an error: {error:?}"),
    }
}

pub(super) fn acme() -> TenantId {
    "t_acme".into()
}

pub(super) fn other() -> TenantId {
    "t_other".into()
}

/// An entry with this text. A store does not read what it keeps.
pub(super) fn entry(text: &str) -> Entry {
    Entry { bytes: text.as_bytes().into(), leaf: Digest::of_leaf(text.as_bytes()) }
}

/// Entries of a stream with `seq` in a range.
pub(super) fn entries(stream: &str, seqs: std::ops::Range<u64>) -> Vec<Entry> {
    seqs.map(|seq| entry(&format!("{stream} {seq}"))).collect()
}

/// An append of entries to a stream.
pub(super) fn grow(tenant: &TenantId, stream: &str, seqs: std::ops::Range<u64>) -> Append {
    Append::new(tenant.clone(), StreamId::from(stream), seqs.start, entries(stream, seqs.clone()))
}

/// A run that was just accepted, and is due.
pub(super) fn run(tenant: &TenantId, id: &str, submitted_at: i64) -> RunRow {
    RunRow {
        tenant: tenant.clone(),
        run: id.into(),
        agent: "notes".into(),
        agent_version: "1.0.0".into(),
        planner: "rules".into(),
        status: "queued".into(),
        waiting: None,
        priority: 0,
        submitted_at: Timestamp(submitted_at),
        started_at: None,
        ended_at: None,
        snapshot: None,
        error: None,
        actor: "u_1".into(),
        parent: None,
        steps: 0,
        events: 1,
        runnable_at: Some(Timestamp(submitted_at)),
        worker: None,
    }
}

/// Accepts a run: its first entry and its row.
pub(super) async fn submit(store: &dyn Store, row: RunRow) {
    let mut append = grow(&row.tenant.clone(), row.run.as_str(), 0..1);
    append.run = Some(row);
    well(store.append(append).await);
}

/// Changes a run's row with its next entry.
pub(super) async fn advance(store: &dyn Store, row: &RunRow) {
    let has = well(store.load(&row.tenant, &row.run.stream(), 0, usize::MAX).await).len() as u64;
    let mut append = grow(&row.tenant, row.run.as_str(), has..has + 1);
    append.run = Some(row.clone());
    well(store.append(append).await);
}

pub(super) fn claim(now: i64, until: i64, limit: usize) -> Claim {
    Claim { now: Timestamp(now), until: Timestamp(until), worker: "w_1".into(), limit, full: Vec::new() }
}

/// The ids of the runs that a claim gives.
pub(super) async fn claimed(store: &dyn Store, claim: Claim) -> Vec<String> {
    ids(&well(store.claim(claim).await))
}

pub(super) fn ids(rows: &[RunRow]) -> Vec<String> {
    rows.iter().map(|row| row.run.to_string()).collect()
}

pub(super) fn approval(id: &str, run: &RunId, requested_at: i64) -> ApprovalRow {
    ApprovalRow {
        approval: id.into(),
        run: run.clone(),
        step: 3,
        action: Digest::of(b"action"),
        displayed: Digest::of(b"displayed"),
        status: "pending".into(),
        requested_at: Timestamp(requested_at),
        expires_at: Timestamp(requested_at + 1000),
        resolved_at: None,
        approver: None,
        verdict: None,
    }
}

pub(super) fn artifact(id: &str, run: &RunId, seq: u64) -> ArtifactRow {
    ArtifactRow {
        artifact: id.into(),
        run: run.clone(),
        seq,
        kind: "file".into(),
        name: "CHANGELOG.md".into(),
        content: BlobRef { digest: Digest::of(id.as_bytes()), media: "text/markdown".into(), size: 9 },
        summary: Some("What changed".into()),
        step: Some(2),
        cites: vec!["commit:1f2e".into()],
        created_at: Timestamp(5),
    }
}
