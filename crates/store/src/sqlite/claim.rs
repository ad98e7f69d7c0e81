//! Leases: lending runs to workers, prolonging, and when to come again.

use affiant_engine::ports::{Claim, RunRow};
use affiant_journal::{RunId, TenantId, Timestamp, WorkerId};
use rusqlite::Row;

use super::{
    lanes::{Full, Lane, TenantNumber},
    rows,
    writer::{Fault, Writer},
};

/// A lane's first run, and when its second one becomes runnable.
struct Head {
    stream: i64,
    at: Timestamp,
    next: Option<Timestamp>,
}

impl Writer<'_> {
    /// Lends runs, one tenant after the other. A lane that was remembered too early is looked at and put right;
    /// then the choice is made again.
    pub(super) fn claim(&mut self, claim: &Claim) -> Result<Vec<RunRow>, Fault> {
        let full = self.full(claim)?;
        let mut claimed = Vec::new();
        while claimed.len() < claim.limit {
            let Some((lane, thought)) = self.known.lanes.next(claim.now, &full) else { break };
            match self.lane_head(&lane)? {
                Some(head) if head.at == thought => claimed.push(self.lend(&lane, &head, claim)?),
                head => self.known.lanes.learn(&lane, head.map(|head| head.at)),
            }
        }
        Ok(claimed)
    }

    fn full(&mut self, claim: &Claim) -> rusqlite::Result<Full> {
        let mut full = Full::default();
        for (tenant, agent) in &claim.full {
            // A tenant that never wrote has no runs to pass over.
            let Some(number) = self.tenant(tenant)? else { continue };
            match agent {
                Some(agent) => drop(full.agents.insert((number, agent.clone()))),
                None => drop(full.tenants.insert(number)),
            }
        }
        Ok(full)
    }

    fn lane_head(&mut self, lane: &Lane) -> rusqlite::Result<Option<Head>> {
        let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, rows::time(row, 1)?));
        let first_two = self.sql.lane_head.all([&lane.tenant, &lane.agent, &lane.priority], read)?;
        let next = first_two.get(1).map(|(_, at)| *at);
        Ok(first_two.first().map(|(stream, at)| Head { stream: *stream, at: *at, next }))
    }

    fn lend(&mut self, lane: &Lane, head: &Head, claim: &Claim) -> rusqlite::Result<RunRow> {
        self.sql.lend_run.run([&head.stream, &claim.until.0, &claim.worker.as_str()])?;
        let tenant = self.tenant_named(lane.tenant)?;
        let row = self.sql.run_row.one([&head.stream], |row| rows::run(row, &tenant))?;
        self.known.streams.lend(lane.tenant, row.run.stream(), claim.until, &claim.worker);
        self.known.lanes.learn(lane, Some(head.next.map_or(claim.until, |next| next.min(claim.until))));
        self.known.lanes.serve(lane.tenant);
        Ok(row)
    }

    fn tenant_named(&mut self, number: TenantNumber) -> rusqlite::Result<TenantId> {
        if let Some(id) = self.known.names.get(&number) {
            return Ok(id.clone());
        }
        let id: TenantId = self.sql.tenant_name.one([&number], |row| rows::text(row, 0))?;
        self.tenant(&id)?;
        Ok(id)
    }

    /// Prolongs leases that this worker still has; gives those it has not.
    pub(super) fn extend(
        &mut self,
        worker: &WorkerId,
        runs: &[(TenantId, RunId)],
        until: Timestamp,
    ) -> Result<Vec<RunId>, Fault> {
        let mut lost = Vec::new();
        for (tenant, run) in runs {
            if !self.extend_one(worker, tenant, run, until)? {
                lost.push(run.clone());
            }
        }
        Ok(lost)
    }

    fn extend_one(
        &mut self,
        worker: &WorkerId,
        tenant: &TenantId,
        run: &RunId,
        until: Timestamp,
    ) -> rusqlite::Result<bool> {
        let Some(tenant) = self.tenant(tenant)? else { return Ok(false) };
        let Some(stream) = self.stream(tenant, &run.stream())? else { return Ok(false) };
        let lent = stream.run.filter(|run| run.worker.as_ref() == Some(worker) && run.runnable_at.is_some());
        let Some(lent) = lent else { return Ok(false) };
        self.sql.lend_run.run([&stream.number, &until.0, &worker.as_str()])?;
        self.known.streams.lend(tenant, run.stream(), until, worker);
        self.known.lanes.note(Lane { tenant, agent: lent.agent, priority: lent.priority }, until);
        Ok(true)
    }

    /// The earliest moment in the whole queue; what was remembered too early is put right on the way.
    pub(super) fn next_runnable(&mut self) -> Result<Option<Timestamp>, Fault> {
        while let Some((lane, thought)) = self.known.lanes.earliest() {
            match self.lane_head(&lane)? {
                Some(head) if head.at == thought => return Ok(Some(thought)),
                head => self.known.lanes.learn(&lane, head.map(|head| head.at)),
            }
        }
        Ok(None)
    }
}
