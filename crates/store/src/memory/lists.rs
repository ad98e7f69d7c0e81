//! Lists: filter, order, cut. Clear rather than fast.

use affiant_engine::ports::{
    ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Page, RunQuery, RunRow, StoreError, Window,
};

use super::state::Tenant;
use crate::cursor::Cursor;

pub(super) fn runs(tenant: Option<&Tenant>, query: &RunQuery) -> Result<Page<RunRow>, StoreError> {
    let matches = |row: &&RunRow| {
        let id = row.run.as_str();
        query.run.as_ref().is_none_or(|run| *run == row.run)
            && query.id_part.as_ref().is_none_or(|part| id.starts_with(part) || id.ends_with(part))
            && (query.statuses.is_empty() || query.statuses.contains(&row.status))
            && query.agent.as_ref().is_none_or(|agent| *agent == row.agent)
            && query.since.is_none_or(|since| row.submitted_at >= since)
            && query.until.is_none_or(|until| row.submitted_at < until)
    };
    let mut rows: Vec<RunRow> = tenant.into_iter().flat_map(|t| t.runs.values()).filter(matches).cloned().collect();
    let place = |row: &RunRow| Cursor::new(row.submitted_at.0, row.run.as_str());
    rows.sort_by_key(|row| std::cmp::Reverse(place(row)));
    page(rows, &query.window, |row, after| place(row) < *after, place)
}

pub(super) fn approvals(tenant: Option<&Tenant>, query: &ApprovalQuery) -> Result<Page<ApprovalRow>, StoreError> {
    let matches = |row: &&ApprovalRow| {
        query.approval.as_ref().is_none_or(|approval| *approval == row.approval)
            && query.run.as_ref().is_none_or(|run| *run == row.run)
            && query.status.as_ref().is_none_or(|status| *status == row.status)
    };
    let all = tenant.into_iter().flat_map(|t| t.approvals.values());
    let mut rows: Vec<ApprovalRow> = all.filter(matches).cloned().collect();
    let place = |row: &ApprovalRow| Cursor::new(row.requested_at.0, row.approval.as_str());
    rows.sort_by_key(place);
    page(rows, &query.window, |row, after| place(row) > *after, place)
}

pub(super) fn artifacts(tenant: Option<&Tenant>, query: &ArtifactQuery) -> Result<Page<ArtifactRow>, StoreError> {
    let matches = |(_, row): &(i64, ArtifactRow)| {
        query.run.as_ref().is_none_or(|run| *run == row.run)
            && query.artifact.as_ref().is_none_or(|artifact| *artifact == row.artifact)
            && query.kind.as_ref().is_none_or(|kind| *kind == row.kind)
    };
    let all = tenant.map_or(&[][..], |t| &t.artifacts);
    let rows: Vec<(i64, ArtifactRow)> = (1..).zip(all.iter().cloned()).filter(matches).collect();
    let place = |(at, row): &(i64, ArtifactRow)| Cursor::new(*at, row.artifact.as_str());
    let page = page(rows, &query.window, |row, after| place(row) > *after, place)?;
    Ok(Page { rows: page.rows.into_iter().map(|(_, row)| row).collect(), total: page.total, next: page.next })
}

/// The window's part of rows that match and stand in order.
fn page<T>(
    rows: Vec<T>,
    window: &Window,
    follows: impl Fn(&T, &Cursor) -> bool,
    place: impl Fn(&T) -> Cursor,
) -> Result<Page<T>, StoreError> {
    let total = rows.len() as u64;
    let after = Cursor::read_optional(window.after.as_deref())?;
    let rest = rows.into_iter().filter(|row| after.as_ref().is_none_or(|after| follows(row, after)));
    let mut rest = rest.skip(window.offset);
    let rows: Vec<T> = rest.by_ref().take(window.limit).collect();
    let more = rest.next().is_some();
    let next = rows.last().filter(|_| more).map(|row| place(row).to_string());
    Ok(Page { rows, total, next })
}
