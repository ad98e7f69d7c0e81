//! Rows of the database as the values they stand for.

use std::sync::Arc;

use affiant_engine::ports::{ApprovalRow, ArtifactRow, RunRow};
use affiant_journal::{BlobRef, Digest, Entry, TenantId, Timestamp, Verdict};
use affiant_proof::tree::Frontier;
use rusqlite::{Result, Row, types::Type};

/// The column holds something that cannot be.
fn impossible(column: usize, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, what.into())
}

pub(super) fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    let bytes = row.get_ref(column)?.as_blob()?;
    bytes.try_into().map(Digest).map_err(|_| impossible(column, "a digest has 32 bytes"))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp)
}

pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

pub(super) fn text<T: for<'a> From<&'a str>>(row: &Row<'_>, column: usize) -> Result<T> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

pub(super) fn maybe_text<T: for<'a> From<&'a str>>(row: &Row<'_>, column: usize) -> Result<Option<T>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(T::from))
}

/// An event whose bytes are those that were hashed when it was written. `named` says which it is, where it is not so.
pub(super) fn entry(row: &Row<'_>, hash: usize, bytes: usize, named: impl FnOnce() -> String) -> Result<Entry> {
    let leaf = digest(row, hash)?;
    let bytes_found = row.get_ref(bytes)?.as_blob()?;
    match Digest::of_leaf(bytes_found) == leaf {
        true => Ok(Entry { bytes: bytes_found.into(), leaf }),
        false => Err(impossible(bytes, format!("{} is not as it was written", named()))),
    }
}

/// A row of `run_row.sql`.
pub(super) fn run(row: &Row<'_>, tenant: &TenantId) -> Result<RunRow> {
    Ok(RunRow {
        tenant: tenant.clone(),
        run: text(row, 0)?,
        agent: text(row, 1)?,
        agent_version: text(row, 2)?,
        planner: text(row, 3)?,
        status: text(row, 4)?,
        waiting: maybe_text(row, 5)?,
        priority: row.get(6)?,
        submitted_at: time(row, 7)?,
        started_at: maybe_time(row, 8)?,
        ended_at: maybe_time(row, 9)?,
        snapshot: maybe_text(row, 10)?,
        error: maybe_text(row, 11)?,
        actor: text(row, 12)?,
        parent: maybe_text(row, 13)?,
        steps: whole(row, 14)?,
        events: whole(row, 15)?,
        runnable_at: maybe_time(row, 16)?,
        worker: maybe_text(row, 17)?,
    })
}

/// A row of the statements about approvals.
pub(super) fn approval(row: &Row<'_>) -> Result<ApprovalRow> {
    let verdict = row.get_ref(10)?.as_str_or_null()?.map(|text| verdict_named(text).ok_or(()));
    Ok(ApprovalRow {
        approval: text(row, 0)?,
        run: text(row, 1)?,
        step: whole(row, 2)?,
        action: digest(row, 3)?,
        displayed: digest(row, 4)?,
        status: text(row, 5)?,
        requested_at: time(row, 6)?,
        expires_at: time(row, 7)?,
        resolved_at: maybe_time(row, 8)?,
        approver: maybe_text(row, 9)?,
        verdict: verdict.transpose().map_err(|()| impossible(10, "a verdict is one of four words"))?,
    })
}

/// The word for a verdict in its column.
pub(super) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approved => "approved",
        Verdict::Rejected => "rejected",
        Verdict::Expired => "expired",
        Verdict::Withdrawn => "withdrawn",
    }
}

fn verdict_named(name: &str) -> Option<Verdict> {
    use Verdict as V;
    [V::Approved, V::Rejected, V::Expired, V::Withdrawn].into_iter().find(|verdict| verdict_name(*verdict) == name)
}

/// A row of the statements about artifacts: its place in their order, and the artifact.
pub(super) fn artifact(row: &Row<'_>) -> Result<(i64, ArtifactRow)> {
    let cites: Arc<str> = text(row, 11)?;
    let artifact = ArtifactRow {
        artifact: text(row, 1)?,
        run: text(row, 2)?,
        seq: whole(row, 3)?,
        kind: text(row, 4)?,
        name: text(row, 5)?,
        content: BlobRef { digest: digest(row, 6)?, media: text(row, 7)?, size: whole(row, 8)? },
        summary: maybe_text(row, 9)?,
        step: row.get::<_, Option<i64>>(10)?.map(i64::unsigned_abs),
        cites: serde_json::from_str(&cites).map_err(|_| impossible(11, "citations are a list of texts"))?,
        created_at: time(row, 12)?,
    };
    Ok((row.get(0)?, artifact))
}

/// A tenant's log.
pub(super) fn frontier(row: &Row<'_>, column: usize) -> Result<Frontier> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Frontier::from_bytes(bytes).map_err(|_| impossible(column, "the frontier of a log is a size and its peaks"))
}

/// A number that is never negative.
pub(super) fn whole(row: &Row<'_>, column: usize) -> Result<u64> {
    row.get::<_, i64>(column)?.try_into().map_err(|_| impossible(column, "a count is not negative"))
}

/// SQLite's numbers end at 2^63: what is larger comes from a caller who means "to the end".
pub(super) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
