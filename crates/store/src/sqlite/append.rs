//! One append: looked at first, then written.

use affiant_engine::ports::{Append, Appended, ApprovalRow, ArtifactRow, Document, RunRow, SealedValue, StoreError};
use affiant_journal::{Digest, Entry, StreamId};

use super::{
    known::{Queued, Stream},
    lanes::{Lane, TenantNumber},
    rows::{self, clamped},
    writer::{Fault, Writer},
};

impl Writer<'_> {
    /// Everything in the append, or a refusal before anything is written.
    pub(super) fn append(&mut self, append: &Append) -> Result<Appended, Fault> {
        let tenant = self.tenant_or_new(&append.tenant)?;
        let replaced = match &append.remember {
            Some(reply) => self.replaced_by_append(tenant, &append.tenant, reply)?,
            None => None,
        };
        let mut stream = self.paid_stream_for(tenant, append)?;
        let appended = self.add_entries(append, tenant, &mut stream)?;
        self.add_sealed(stream.number, &append.sealed)?;
        self.drop_sealed(tenant, &append.unsealed)?;
        if let Some(run) = &append.run {
            self.put_run(tenant, &mut stream, run)?;
        }
        self.known.streams.put(tenant, &append.stream, stream);
        for approval in &append.approvals {
            self.put_approval(tenant, approval)?;
        }
        for artifact in &append.artifacts {
            self.add_artifact(tenant, artifact)?;
        }
        for document in &append.documents {
            self.put_document(tenant, document)?;
        }
        if let Some(reply) = &append.remember {
            self.put_reply(tenant, &append.tenant, reply, replaced)?;
        }
        Ok(appended)
    }

    /// The stream, once everything in the append is paid for.
    fn paid_stream_for(&mut self, tenant: TenantNumber, append: &Append) -> Result<Stream, Fault> {
        if append.spend.is_empty() {
            return self.stream_for(tenant, append);
        }
        self.all_or_nothing(|writer| {
            let stream = writer.stream_for(tenant, append)?;
            writer.spend(tenant, &append.spend)?;
            Ok(stream)
        })
    }

    fn stream_for(&mut self, tenant: TenantNumber, append: &Append) -> Result<Stream, Fault> {
        if append.expected == 0
            && self.known.streams.get(tenant, &append.stream).is_none()
            && let Some(number) = self.add_stream(tenant, append)?
        {
            return Ok(Stream { number, entries: 0, run: None });
        }
        match self.stream(tenant, &append.stream)? {
            Some(stream) if stream.entries == append.expected => Ok(stream),
            _ => Err(StoreError::Conflict { stream: append.stream.clone(), expected: append.expected }.into()),
        }
    }

    /// The number of a stream that begins with this append; none where it has begun. Most appends to a stream that is
    /// not remembered begin one, so this asks before looking.
    fn add_stream(&mut self, tenant: TenantNumber, append: &Append) -> rusqlite::Result<Option<i64>> {
        let added = self.sql.add_stream.run([&tenant, &append.stream.as_str()])?;
        Ok((added > 0).then(|| self.last_row()))
    }

    fn add_entries(
        &mut self,
        append: &Append,
        tenant: TenantNumber,
        stream: &mut Stream,
    ) -> rusqlite::Result<Appended> {
        if !append.entries.is_empty() {
            self.known.grows(&append.tenant);
        }
        let owner = self.known.tenants.get_mut(&append.tenant).expect("the tenant was found or made for this append");
        let leaf = owner.frontier.size();
        for Entry { bytes, leaf: hash } in &append.entries {
            self.known.position += 1;
            let (place, seq) = (clamped(owner.frontier.size()), clamped(stream.entries));
            let (position, hash_bytes) = (self.known.position, hash.0);
            self.sql.add_event.run([&position, &tenant, &place, &stream.number, &seq, &hash_bytes, bytes])?;
            stream.entries += 1;
            for (node, hash) in owner.frontier.push(*hash) {
                let (level, place) = (i64::from(node.level), clamped(node.index));
                self.sql.add_subtree.run([&tenant, &level, &place, &hash.0])?;
            }
        }
        Ok(Appended { leaf, position: self.known.position.unsigned_abs() })
    }

    fn add_sealed(&mut self, stream: i64, sealed: &[SealedValue]) -> rusqlite::Result<()> {
        for SealedValue { seq, commitment, subject, cipher } in sealed {
            self.sql.add_sealed.run([&stream, &clamped(*seq), &commitment.0, subject, cipher])?;
        }
        Ok(())
    }

    fn drop_sealed(&mut self, tenant: TenantNumber, unsealed: &[(StreamId, u64, Digest)]) -> rusqlite::Result<()> {
        for (stream, seq, commitment) in unsealed {
            if let Some(stream) = self.stream(tenant, stream)? {
                self.sql.drop_sealed.run([&stream.number, &clamped(*seq), &commitment.0])?;
            }
        }
        Ok(())
    }

    fn put_run(&mut self, tenant: TenantNumber, stream: &mut Stream, row: &RunRow) -> rusqlite::Result<()> {
        match stream.run.take() {
            None => {
                self.add_run(tenant, stream.number, row)?;
                self.known.count(tenant, &row.agent, &row.status, 1);
            }
            Some(before) => self.update_run(tenant, stream.number, &before, row)?,
        }
        if let Some(at) = row.runnable_at {
            self.known.lanes.note(Lane { tenant, agent: row.agent.clone(), priority: row.priority }, at);
        }
        stream.run = Some(Queued {
            agent: row.agent.clone(),
            status: row.status.clone(),
            priority: row.priority,
            runnable_at: row.runnable_at,
            worker: row.worker.clone(),
        });
        Ok(())
    }

    fn add_run(&mut self, tenant: TenantNumber, stream: i64, row: &RunRow) -> rusqlite::Result<()> {
        self.sql.add_run.run([
            &stream,
            &tenant,
            &row.run.as_str(),
            &row.agent,
            &row.agent_version,
            &row.planner,
            &row.status,
            &row.waiting,
            &row.priority,
            &row.submitted_at.0,
            &row.started_at.map(|at| at.0),
            &row.ended_at.map(|at| at.0),
            &row.snapshot.as_ref().map(|id| id.as_str()),
            &row.error,
            &row.actor.as_str(),
            &row.parent.as_ref().map(|id| id.as_str()),
            &clamped(row.steps),
            &clamped(row.events),
            &row.runnable_at.map(|at| at.0),
            &row.worker.as_ref().map(|id| id.as_str()),
        ])?;
        Ok(())
    }

    /// What a run was submitted with does not change, and an index is touched only when its columns do.
    fn update_run(&mut self, tenant: TenantNumber, stream: i64, before: &Queued, row: &RunRow) -> rusqlite::Result<()> {
        let moved = before.status != row.status;
        let queued = (before.priority, before.runnable_at) != (row.priority, row.runnable_at);
        if moved {
            self.known.count(tenant, &before.agent, &before.status, -1);
            self.known.count(tenant, &before.agent, &row.status, 1);
            return self.move_run(stream, row);
        }
        self.sql.update_run.run([
            &stream,
            &row.waiting,
            &row.started_at.map(|at| at.0),
            &row.ended_at.map(|at| at.0),
            &row.snapshot.as_ref().map(|id| id.as_str()),
            &row.error,
            &clamped(row.steps),
            &clamped(row.events),
            &row.worker.as_ref().map(|id| id.as_str()),
        ])?;
        if queued {
            self.sql.queue_run.run([&stream, &row.priority, &row.runnable_at.map(|at| at.0)])?;
        }
        Ok(())
    }

    /// A run of another status, which nearly always leaves or enters the queue too.
    fn move_run(&mut self, stream: i64, row: &RunRow) -> rusqlite::Result<()> {
        self.sql.move_run.run([
            &stream,
            &row.waiting,
            &row.started_at.map(|at| at.0),
            &row.ended_at.map(|at| at.0),
            &row.snapshot.as_ref().map(|id| id.as_str()),
            &row.error,
            &clamped(row.steps),
            &clamped(row.events),
            &row.worker.as_ref().map(|id| id.as_str()),
            &row.status,
            &row.priority,
            &row.runnable_at.map(|at| at.0),
        ])?;
        Ok(())
    }

    fn put_approval(&mut self, tenant: TenantNumber, row: &ApprovalRow) -> rusqlite::Result<()> {
        self.sql.put_approval.run([
            &tenant,
            &row.approval.as_str(),
            &row.run.as_str(),
            &clamped(row.step),
            &row.action.0,
            &row.displayed.0,
            &row.status,
            &row.requested_at.0,
            &row.expires_at.0,
            &row.resolved_at.map(|at| at.0),
            &row.approver.as_ref().map(|id| id.as_str()),
            &row.verdict.map(rows::verdict_name),
        ])?;
        Ok(())
    }

    fn add_artifact(&mut self, tenant: TenantNumber, row: &ArtifactRow) -> rusqlite::Result<()> {
        let cites = serde_json::to_string(&row.cites).expect("a list of texts is JSON");
        self.sql.add_artifact.run([
            &tenant,
            &row.artifact.as_str(),
            &row.run.as_str(),
            &clamped(row.seq),
            &row.kind,
            &row.name,
            &row.content.digest.0,
            &row.content.media,
            &clamped(row.content.size),
            &row.summary,
            &row.step.map(clamped),
            &cites,
            &row.created_at.0,
        ])?;
        Ok(())
    }

    fn put_document(&mut self, tenant: TenantNumber, document: &Document) -> rusqlite::Result<()> {
        match &document.value {
            Some(value) => {
                self.sql.put_document.run([&tenant, &document.collection, &document.id, &value.to_string()])?
            }
            None => self.sql.drop_document.run([&tenant, &document.collection, &document.id])?,
        };
        Ok(())
    }
}
