//! Lists of runs, approvals and artifacts.

use std::{cmp::Reverse, sync::Arc};

use affiant_engine::ports::{
    ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Page, RunQuery, RunRow, StoreError, Window,
};
use affiant_journal::{RunId, TenantId};
use rusqlite::{Result as Sql, Row};

use super::{
    readers::Reader,
    rows::{self, whole},
};
use crate::{cursor::Cursor, errors::of_sqlite};

/// A run's place in its list, newest first, and its number.
type Place = (Reverse<(i64, String)>, i64);

/// Runs of one agent in one status, and how many they are.
struct Group {
    agent: Arc<str>,
    status: Arc<str>,
    runs: u64,
}

impl Reader<'_> {
    pub(super) fn run_number(&mut self, tenant: &TenantId, run: &RunId) -> Sql<Option<i64>> {
        self.sql.run_stream.first([&tenant.as_str(), &run.as_str()], |row| row.get(0))
    }

    pub(super) fn run_row(&mut self, tenant: &TenantId, number: i64) -> Sql<RunRow> {
        self.sql.run_row.one([&number], |row| rows::run(row, tenant))
    }

    pub(super) fn runs(&mut self, tenant: &TenantId, query: &RunQuery) -> Result<Page<RunRow>, StoreError> {
        let after = Cursor::read_optional(query.window.after.as_deref())?;
        match &query.run {
            Some(run) => self.only_run(tenant, run, query, after).map_err(of_sqlite),
            None => self.many_runs(tenant, query, after).map_err(of_sqlite),
        }
    }

    /// A list of one run is one row to look at.
    fn only_run(
        &mut self,
        tenant: &TenantId,
        run: &RunId,
        query: &RunQuery,
        after: Option<Cursor>,
    ) -> Sql<Page<RunRow>> {
        let Some(number) = self.run_number(tenant, run)? else { return Ok(nothing()) };
        let row = self.run_row(tenant, number)?;
        let id = row.run.as_str();
        let matches = query.id_part.as_ref().is_none_or(|part| id.starts_with(part) || id.ends_with(part))
            && (query.statuses.is_empty() || query.statuses.contains(&row.status))
            && query.agent.as_ref().is_none_or(|agent| *agent == row.agent)
            && query.since.is_none_or(|since| row.submitted_at >= since)
            && query.until.is_none_or(|until| row.submitted_at < until);
        let follows = after.is_none_or(|after| Cursor::new(row.submitted_at.0, id) < after);
        let window = &query.window;
        let shown = matches && follows && window.offset == 0 && window.limit > 0;
        Ok(Page { rows: if shown { vec![row] } else { Vec::new() }, total: u64::from(matches), next: None })
    }

    fn many_runs(&mut self, tenant: &TenantId, query: &RunQuery, after: Option<Cursor>) -> Sql<Page<RunRow>> {
        let groups = self.groups(tenant, query)?;
        let total = self.total(tenant, query, &groups)?;
        let mut places = self.places(tenant, query, &groups, after)?;
        let more = places.len() > query.window.limit;
        places.truncate(query.window.limit);
        let next = places.last().filter(|_| more).map(|(Reverse((at, id)), _)| Cursor::new(*at, id).to_string());
        let rows = places.into_iter().map(|(_, number)| self.run_row(tenant, number)).collect::<Sql<_>>()?;
        Ok(Page { rows, total, next })
    }

    /// The groups that a query is about.
    fn groups(&mut self, tenant: &TenantId, query: &RunQuery) -> Sql<Vec<Group>> {
        let read =
            |row: &Row<'_>| Ok(Group { agent: rows::text(row, 0)?, status: rows::text(row, 1)?, runs: whole(row, 2)? });
        let mut groups = self.sql.run_groups.all([&tenant.as_str()], read)?;
        groups.retain(|group| {
            query.agent.as_ref().is_none_or(|agent| *agent == group.agent)
                && (query.statuses.is_empty() || query.statuses.contains(&group.status))
        });
        Ok(groups)
    }

    fn total(&mut self, tenant: &TenantId, query: &RunQuery, groups: &[Group]) -> Sql<u64> {
        if query.since.is_none() && query.until.is_none() && query.id_part.is_none() {
            return Ok(groups.iter().map(|group| group.runs).sum());
        }
        let since = self.total_since(tenant, query, groups, since(query))?;
        let late = query.until.map(|until| self.total_since(tenant, query, groups, until.0)).transpose()?;
        Ok(since.saturating_sub(late.unwrap_or_default()))
    }

    fn total_since(&mut self, tenant: &TenantId, query: &RunQuery, groups: &[Group], since: i64) -> Sql<u64> {
        let (tenant, part) = (tenant.as_str(), &query.id_part);
        if is_everything(query) {
            return self.sql.run_total.one([&tenant, &since, part], |row| whole(row, 0));
        }
        let mut total = 0;
        for Group { agent, status, .. } in groups {
            let values: [&dyn rusqlite::ToSql; 5] = [&tenant, agent, status, &since, part];
            total += self.sql.run_total_of_group.one(values, |row| whole(row, 0))?;
        }
        Ok(total)
    }

    /// The places of one page, and one more when there is one. A list with filters is merged from its groups, so
    /// that it costs the same however many runs do not match.
    fn places(
        &mut self,
        tenant: &TenantId,
        query: &RunQuery,
        groups: &[Group],
        after: Option<Cursor>,
    ) -> Sql<Vec<Place>> {
        let (tenant, since, part) = (tenant.as_str(), since(query), &query.id_part);
        let until = Cursor::new(query.until.map_or(i64::MAX, |until| until.0), "");
        let Cursor { at, id } = after.map_or(until.clone(), |after| after.min(until));
        let enough = query.window.offset.saturating_add(query.window.limit).saturating_add(1);
        let limit = i64::try_from(enough).unwrap_or(i64::MAX);
        let read = |row: &Row<'_>| Ok((Reverse((row.get(0)?, row.get(1)?)), row.get(2)?));
        let mut places: Vec<Place> = Vec::new();
        if is_everything(query) {
            places = self.sql.run_places.all([&tenant, &since, &at, &id, part, &limit], read)?;
        } else {
            for Group { agent, status, .. } in groups {
                let values: [&dyn rusqlite::ToSql; 8] = [&tenant, agent, status, &since, &at, &id, part, &limit];
                places.extend(self.sql.run_places_of_group.all(values, read)?);
            }
            places.sort_unstable();
        }
        places.truncate(enough);
        Ok(places.split_off(query.window.offset.min(places.len())))
    }

    pub(super) fn approvals(
        &mut self,
        tenant: &TenantId,
        query: &ApprovalQuery,
    ) -> Result<Page<ApprovalRow>, StoreError> {
        let after = Cursor::read_optional(query.window.after.as_deref())?;
        let place = |row: &ApprovalRow| Cursor::new(row.requested_at.0, row.approval.as_str());
        if let Some(approval) = &query.approval {
            let found = self.sql.approval.first([&tenant.as_str(), &approval.as_str()], rows::approval);
            let matches = |row: &ApprovalRow| {
                query.run.as_ref().is_none_or(|run| *run == row.run)
                    && query.status.as_ref().is_none_or(|status| *status == row.status)
            };
            return Ok(single(found.map_err(of_sqlite)?.filter(matches), &query.window, after, place));
        }
        self.many_approvals(tenant.as_str(), query, after).map_err(of_sqlite)
    }

    fn many_approvals(
        &mut self,
        tenant: &str,
        ApprovalQuery { run, status, window, .. }: &ApprovalQuery,
        after: Option<Cursor>,
    ) -> Sql<Page<ApprovalRow>> {
        let Cursor { at, id } = after.unwrap_or(Cursor::new(i64::MIN, ""));
        let (limit, offset) = bounds(window);
        let sql = &mut self.sql;
        let count = |row: &Row<'_>| whole(row, 0);
        let (rows, total) = match (run.as_ref().map(RunId::as_str), status) {
            (Some(run), status) => {
                let values: [&dyn rusqlite::ToSql; 7] = [&tenant, &run, status, &at, &id, &limit, &offset];
                let rows = sql.approvals_of_run.all(values, rows::approval)?;
                (rows, sql.approval_total_of_run.one([&tenant, &run, status], count)?)
            }
            (None, Some(status)) => {
                let values: [&dyn rusqlite::ToSql; 6] = [&tenant, status, &at, &id, &limit, &offset];
                let rows = sql.approvals_in_status.all(values, rows::approval)?;
                (rows, sql.approval_total_in_status.one([&tenant, status], count)?)
            }
            (None, None) => {
                let rows = sql.approvals.all([&tenant, &at, &id, &limit, &offset], rows::approval)?;
                (rows, sql.approval_total.one([&tenant], count)?)
            }
        };
        Ok(page(rows, total, window, |row| Cursor::new(row.requested_at.0, row.approval.as_str())))
    }

    pub(super) fn artifacts(
        &mut self,
        tenant: &TenantId,
        query: &ArtifactQuery,
    ) -> Result<Page<ArtifactRow>, StoreError> {
        let after = Cursor::read_optional(query.window.after.as_deref())?;
        let place = |(at, row): &(i64, ArtifactRow)| Cursor::new(*at, row.artifact.as_str());
        let page = if let Some(artifact) = &query.artifact {
            let found = self.sql.artifact.first([&tenant.as_str(), &artifact.as_str()], rows::artifact);
            let matches = |(_, row): &(i64, ArtifactRow)| {
                query.run.as_ref().is_none_or(|run| *run == row.run)
                    && query.kind.as_ref().is_none_or(|kind| *kind == row.kind)
            };
            single(found.map_err(of_sqlite)?.filter(matches), &query.window, after, place)
        } else {
            let at = after.map_or(i64::MIN, |after| after.at);
            let (rows, total) = self.many_artifacts(tenant.as_str(), query, at).map_err(of_sqlite)?;
            page(rows, total, &query.window, place)
        };
        Ok(Page { rows: page.rows.into_iter().map(|(_, row)| row).collect(), total: page.total, next: page.next })
    }

    fn many_artifacts(
        &mut self,
        tenant: &str,
        ArtifactQuery { run, kind, window, .. }: &ArtifactQuery,
        at: i64,
    ) -> Sql<(Vec<(i64, ArtifactRow)>, u64)> {
        let (limit, offset) = bounds(window);
        let sql = &mut self.sql;
        let count = |row: &Row<'_>| whole(row, 0);
        match run.as_ref().map(RunId::as_str) {
            Some(run) => {
                let values: [&dyn rusqlite::ToSql; 6] = [&tenant, &run, kind, &at, &limit, &offset];
                let rows = sql.artifacts_of_run.all(values, rows::artifact)?;
                Ok((rows, sql.artifact_total_of_run.one([&tenant, &run, kind], count)?))
            }
            None => {
                let rows = sql.artifacts.all([&tenant, kind, &at, &limit, &offset], rows::artifact)?;
                Ok((rows, sql.artifact_total.one([&tenant, kind], count)?))
            }
        }
    }
}

fn is_everything(query: &RunQuery) -> bool {
    query.agent.is_none() && query.statuses.is_empty()
}

fn since(query: &RunQuery) -> i64 {
    query.since.map_or(i64::MIN, |since| since.0)
}

/// How many rows to read, one more than the page has, and how many to pass over.
fn bounds(window: &Window) -> (i64, i64) {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    (number(window.limit).saturating_add(1), number(window.offset))
}

fn nothing<T>() -> Page<T> {
    Page { rows: Vec::new(), total: 0, next: None }
}

/// The page of a list that has at most one row.
fn single<T>(found: Option<T>, window: &Window, after: Option<Cursor>, place: impl Fn(&T) -> Cursor) -> Page<T> {
    let total = u64::from(found.is_some());
    let follows = |row: &T| after.as_ref().is_none_or(|after| place(row) > *after);
    let rows = found.into_iter().filter(follows).skip(window.offset).take(window.limit).collect();
    Page { rows, total, next: None }
}

/// The page of rows that were read with one more than it has.
fn page<T>(mut rows: Vec<T>, total: u64, window: &Window, place: impl Fn(&T) -> Cursor) -> Page<T> {
    let more = rows.len() > window.limit;
    rows.truncate(window.limit);
    let next = rows.last().filter(|_| more).map(|row| place(row).to_string());
    Page { rows, total, next }
}
