//! The one that writes: a thread with the only connection that may, many callers' wishes in one transaction, an
//! answer to each after it is on disk.

use std::sync::Arc;

use affiant_engine::ports::{Append, Appended, Claim, Clock, Remembered, RunRow, StoreError};
use affiant_journal::{RunId, StreamId, TenantId, Timestamp, WorkerId};
use affiant_proof::tree::Frontier;
use rusqlite::{Connection, ErrorCode, Row, ffi};
use tokio::sync::{mpsc, oneshot};

use super::{
    checkpoint::Checkpointer,
    known::{Known, Queued, Stream},
    lanes::{Lane, TenantNumber},
    post::{Answer, Post},
    rows,
    statement::Writes,
};
use crate::errors;

/// Wishes in one transaction at most: enough to share the disk's flush, few enough to answer soon.
const BATCH: usize = 512;
/// Expired replies forgotten in one transaction at most.
const FORGOTTEN: i64 = 64;

/// What a caller wants written.
pub(super) enum Wish {
    Append(Box<Append>),
    Claim(Claim),
    Extend { worker: WorkerId, runs: Vec<(TenantId, RunId)>, until: Timestamp },
    Remember { tenant: TenantId, remembered: Box<Remembered>, fresh: bool },
    NextRunnable,
    Scrub,
}

/// What became of it.
#[derive(Debug)]
pub(super) enum Done {
    Appended(Appended),
    Claimed(Vec<RunRow>),
    Extended { lost: Vec<RunId> },
    Remembered,
    NextRunnable(Option<Timestamp>),
    Scrubbed,
}

/// A wish, and who waits for the answer.
pub(super) struct Job {
    pub(super) wish: Wish,
    pub(super) answer: oneshot::Sender<Result<Done, StoreError>>,
}

/// Why a wish was not carried out.
pub(super) enum Fault {
    /// It may not be, and nothing was written for it. The others in its batch go on.
    Refused(StoreError),
    /// The database failed, so the transaction is no good.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// The writer's connection, its statements, and what it remembers.
pub(super) struct Writer<'c> {
    connection: &'c Connection,
    pub(super) sql: Writes<'c>,
    pub(super) known: Known,
    clock: Arc<dyn Clock>,
    /// The time of this batch.
    pub(super) now: Timestamp,
    /// Whether commits wait for the disk, as the connection is set now.
    flushes: bool,
    /// Whether what is deleted is overwritten, as the connection is set now.
    overwrites: bool,
    /// When to look for expired replies again.
    forget_at: Timestamp,
    /// The disk once failed to flush: what it holds is no longer known.
    broken: bool,
}

impl<'c> Writer<'c> {
    pub(super) fn new(connection: &'c Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let mut writer = Self {
            connection,
            sql: Writes::prepare(connection)?,
            known: Known::default(),
            now: clock.now(),
            clock,
            flushes: true,
            overwrites: false,
            forget_at: Timestamp(i64::MIN),
            broken: false,
        };
        writer.recollect()?;
        Ok(writer)
    }

    /// Carries out wishes until nobody can wish any more.
    pub(super) fn serve(&mut self, mut queue: mpsc::Receiver<Job>, post: &Post, mut checkpointer: Checkpointer) {
        let mut batch = Vec::with_capacity(BATCH);
        while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.now = self.clock.now();
            post.deliver(self.carry_out(&mut batch));
            // What is in the log is safe there. Only a disk that does not flush is no longer to be trusted.
            if let Err(error) = checkpointer.between(self.connection) {
                self.broken |= is_failed_flush(&error);
            }
        }
    }

    /// One transaction for all. When it fails, each gets its own, so that one wish cannot spoil the others.
    pub(super) fn carry_out(&mut self, batch: &mut Vec<Job>) -> Vec<Answer> {
        match self.transact(batch) {
            Ok(outcomes) => batch.drain(..).zip(outcomes).map(|(job, outcome)| Answer { job, outcome }).collect(),
            Err(error) if batch.len() == 1 => vec![Answer { job: batch.remove(0), outcome: Err(error) }],
            Err(_) => batch.drain(..).map(|job| self.carry_out_alone(job)).collect(),
        }
    }

    fn carry_out_alone(&mut self, job: Job) -> Answer {
        let alone = self.transact(std::slice::from_ref(&job));
        let outcome = alone.and_then(|outcomes| outcomes.into_iter().next().expect("one for each wish"));
        Answer { job, outcome }
    }

    fn transact(&mut self, jobs: &[Job]) -> Result<Vec<Result<Done, StoreError>>, StoreError> {
        if self.broken {
            return Err(StoreError::Unavailable("the disk failed to flush; restart the server".into()));
        }
        let written = self.write(jobs);
        if let Err(error) = &written {
            self.broken = is_failed_flush(error);
            self.roll_back()?;
        }
        written.map_err(errors::of_sqlite)
    }

    fn write(&mut self, jobs: &[Job]) -> rusqlite::Result<Vec<Result<Done, StoreError>>> {
        self.flush_for(jobs)?;
        self.overwrite_for(jobs)?;
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            match self.perform(&job.wish) {
                Ok(done) => outcomes.push(Ok(done)),
                Err(Fault::Refused(refusal)) => outcomes.push(Err(refusal)),
                Err(Fault::Failed(error)) => return Err(error),
            }
        }
        self.finish()?;
        self.connection.execute_batch("COMMIT")?;
        if jobs.iter().any(|job| matches!(job.wish, Wish::Scrub)) {
            self.truncate_log()?;
        }
        Ok(outcomes)
    }

    /// What is dropped for good is overwritten. Everything else that comes and goes holds nothing of anybody's.
    fn overwrite_for(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        let overwrites =
            jobs.iter().any(|job| matches!(&job.wish, Wish::Append(append) if !append.unsealed.is_empty()));
        if overwrites != self.overwrites {
            let level = if overwrites { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" };
            self.connection.execute_batch(level)?;
            self.overwrites = overwrites;
        }
        Ok(())
    }

    /// Brings everything from the write-ahead log into the file, and cuts the log to nothing. Waits for readers.
    fn truncate_log(&mut self) -> rusqlite::Result<()> {
        let busy: i64 = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy == 0 {
            return Ok(());
        }
        let failure = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
        Err(rusqlite::Error::SqliteFailure(failure, Some("readers held the write-ahead log".to_owned())))
    }

    /// A lease that a power cut undoes is a lease that has expired: transactions with nothing but leases do not
    /// wait for the disk.
    fn flush_for(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        let lasting = |job: &Job| matches!(job.wish, Wish::Append(_) | Wish::Remember { .. });
        let flushes = jobs.iter().any(lasting);
        if flushes != self.flushes {
            let level = if flushes { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = NORMAL" };
            self.connection.execute_batch(level)?;
            self.flushes = flushes;
        }
        Ok(())
    }

    /// Carries something out; when it is refused, what it wrote until then is undone. Nothing in it may be remembered
    /// before it is well.
    pub(super) fn all_or_nothing<T>(&mut self, what: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        self.connection.execute_batch("SAVEPOINT whole")?;
        let done = what(self);
        if let Err(Fault::Refused(_)) = &done {
            self.connection.execute_batch("ROLLBACK TO whole")?;
        }
        if !matches!(done, Err(Fault::Failed(_))) {
            self.connection.execute_batch("RELEASE whole")?;
        }
        done
    }

    fn perform(&mut self, wish: &Wish) -> Result<Done, Fault> {
        match wish {
            Wish::Append(append) => self.append(append).map(Done::Appended),
            Wish::Claim(claim) => self.claim(claim).map(Done::Claimed),
            Wish::Extend { worker, runs, until } => {
                self.extend(worker, runs, *until).map(|lost| Done::Extended { lost })
            }
            Wish::Remember { tenant, remembered, fresh } => {
                self.remember_for(tenant, remembered, *fresh).map(|()| Done::Remembered)
            }
            Wish::Scrub => Ok(Done::Scrubbed),
            Wish::NextRunnable => self.next_runnable().map(Done::NextRunnable),
        }
    }

    /// What changes once for a whole batch.
    fn finish(&mut self) -> rusqlite::Result<()> {
        for (group, more) in self.known.counts.drain().filter(|(_, more)| *more != 0) {
            self.sql.count_runs.run([&group.tenant, &group.agent, &group.status, &more])?;
        }
        self.known.grown.sort_unstable();
        self.known.grown.dedup();
        for id in self.known.grown.drain(..) {
            let tenant = &self.known.tenants[&id];
            self.sql.move_frontier.run([&tenant.number, &tenant.frontier.to_bytes()])?;
        }
        if self.flushes && self.now >= self.forget_at {
            let forgotten = self.sql.forget_replies.run([&FORGOTTEN, &self.now.0])?;
            // While there is more to forget, go on with the next batch.
            self.forget_at = if forgotten > 0 { self.now } else { Timestamp(self.now.0.saturating_add(1_000_000)) };
        }
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        // Some failures end the transaction by themselves.
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK").map_err(errors::of_sqlite)?;
        }
        self.recollect().map_err(errors::of_sqlite)
    }

    /// Forgets what was remembered, and reads what must be known.
    fn recollect(&mut self) -> rusqlite::Result<()> {
        let lanes = self.known.lanes.without_lanes();
        self.known = Known { lanes, ..Known::default() };
        self.known.position = self.sql.last_position.one([], |row| row.get(0))?;
        let read = |row: &Row<'_>| {
            let lane = Lane { tenant: row.get(0)?, agent: rows::text(row, 1)?, priority: row.get(2)? };
            Ok((lane, rows::time(row, 3)?))
        };
        for (lane, at) in self.sql.lanes.all([], read)? {
            self.known.lanes.note(lane, at);
        }
        Ok(())
    }

    /// The number of the row that was added last.
    pub(super) fn last_row(&self) -> i64 {
        self.connection.last_insert_rowid()
    }

    /// A tenant's number, if it has ever written.
    pub(super) fn tenant(&mut self, id: &TenantId) -> rusqlite::Result<Option<TenantNumber>> {
        if let Some(tenant) = self.known.tenants.get(id) {
            return Ok(Some(tenant.number));
        }
        let read = |row: &Row<'_>| Ok((row.get(0)?, rows::frontier(row, 1)?));
        let Some((number, frontier)) = self.sql.find_tenant.first([&id.as_str()], read)? else { return Ok(None) };
        self.known.meet(id, number, frontier);
        Ok(Some(number))
    }

    /// A tenant's number; from now on it has one.
    pub(super) fn tenant_or_new(&mut self, id: &TenantId) -> rusqlite::Result<TenantNumber> {
        if let Some(number) = self.tenant(id)? {
            return Ok(number);
        }
        let frontier = Frontier::new();
        let number = self.sql.add_tenant.one([&id.as_str(), &frontier.to_bytes()], |row| row.get(0))?;
        self.known.meet(id, number, frontier);
        Ok(number)
    }

    /// A stream as it is, if it has ever been written.
    pub(super) fn stream(&mut self, tenant: TenantNumber, id: &StreamId) -> rusqlite::Result<Option<Stream>> {
        if let Some(stream) = self.known.streams.get(tenant, id) {
            return Ok(Some(stream));
        }
        let found = self.sql.find_stream.first([&tenant, &id.as_str()], read_stream)?;
        if let Some(stream) = &found {
            self.known.streams.put(tenant, id, stream.clone());
        }
        Ok(found)
    }
}

/// A row of `find_stream.sql`.
fn read_stream(row: &Row<'_>) -> rusqlite::Result<Stream> {
    let run = rows::maybe_text(row, 2)?.map(|agent| {
        Ok::<_, rusqlite::Error>(Queued {
            agent,
            status: rows::text(row, 3)?,
            priority: row.get(4)?,
            runnable_at: rows::maybe_time(row, 5)?,
            worker: rows::maybe_text(row, 6)?,
        })
    });
    let entries = row.get::<_, Option<i64>>(1)?.unwrap_or(0);
    Ok(Stream { number: row.get(0)?, entries: entries.unsigned_abs(), run: run.transpose()? })
}

/// After a failed flush the kernel may have dropped what it could not write, and says so only once.
fn is_failed_flush(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(failure, _) = error else { return false };
    failure.code == ErrorCode::SystemIoFailure
        && matches!(failure.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
}
