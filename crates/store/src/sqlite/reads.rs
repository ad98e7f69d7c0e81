//! The verbs of a store, as wishes to the writer and questions to the readers.

use affiant_engine::ports::{
    Append, Appended, ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Claim, Counts, Day, Document, LogHead,
    Page, Positioned, Remembered, RunQuery, RunRow, SealedValue, Spent, Store, StoreError,
};
use affiant_journal::{Digest, Entry, RunId, StreamId, TenantId, Timestamp, WorkerId};
use affiant_proof::tree::Frontier;
use async_trait::async_trait;
use rusqlite::Row;
use serde_json::Value;

use super::{
    SqliteStore,
    readers::Reader,
    replies,
    rows::{self, clamped, whole},
    spend,
    writer::{Done, Wish},
};
use crate::errors::of_sqlite;

#[async_trait]
impl Store for SqliteStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        match self.wish(Wish::Append(Box::new(append))).await? {
            Done::Appended(appended) => Ok(appended),
            other => unreachable!("an append was answered with {other:?}"),
        }
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (tenant, stream) = (tenant.clone(), stream.clone());
        self.readers.ask(move |reader| reader.load(&tenant, &stream, from, limit)).await
    }

    async fn places(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let (tenant, stream, from, limit) = (tenant.clone(), stream.clone(), clamped(from), clamped(limit as u64));
        let question = move |reader: &mut Reader<'_>| {
            let values: [&dyn rusqlite::ToSql; 4] = [&tenant.as_str(), &stream.as_str(), &from, &limit];
            reader.sql.places.all(values, |row| whole(row, 0)).map_err(of_sqlite)
        };
        self.readers.ask(question).await
    }

    async fn sealed(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Vec<SealedValue>, StoreError> {
        let (tenant, stream, from) = (tenant.clone(), stream.clone(), clamped(from));
        let read = |row: &Row<'_>| {
            let cipher = row.get_ref(3)?.as_blob()?.into();
            let commitment = rows::digest(row, 1)?;
            Ok(SealedValue { seq: whole(row, 0)?, commitment, subject: rows::text(row, 2)?, cipher })
        };
        let question = move |reader: &mut Reader<'_>| {
            reader.sql.sealed.all([&tenant.as_str(), &stream.as_str(), &from], read).map_err(of_sqlite)
        };
        self.readers.ask(question).await
    }

    async fn sealed_of(&self, tenant: &TenantId, subject: &str) -> Result<Vec<(StreamId, SealedValue)>, StoreError> {
        let (tenant, subject) = (tenant.clone(), subject.to_owned());
        let read = |row: &Row<'_>| {
            let (seq, commitment, cipher) = (whole(row, 1)?, rows::digest(row, 2)?, row.get_ref(4)?.as_blob()?.into());
            Ok((rows::text(row, 0)?, SealedValue { seq, commitment, subject: rows::text(row, 3)?, cipher }))
        };
        let question = move |reader: &mut Reader<'_>| {
            reader.sql.sealed_of.all([&tenant.as_str(), &subject], read).map_err(of_sqlite)
        };
        self.readers.ask(question).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        match self.wish(Wish::Scrub).await? {
            Done::Scrubbed => Ok(()),
            other => unreachable!("a wish to scrub was answered with {other:?}"),
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<RunRow>, StoreError> {
        match self.wish(Wish::Claim(claim)).await? {
            Done::Claimed(rows) => Ok(rows),
            other => unreachable!("a claim was answered with {other:?}"),
        }
    }

    async fn extend(
        &self,
        worker: &WorkerId,
        runs: &[(TenantId, RunId)],
        until: Timestamp,
    ) -> Result<Vec<RunId>, StoreError> {
        match self.wish(Wish::Extend { worker: worker.clone(), runs: runs.to_vec(), until }).await? {
            Done::Extended { lost } => Ok(lost),
            other => unreachable!("an extension was answered with {other:?}"),
        }
    }

    async fn next_runnable(&self) -> Result<Option<Timestamp>, StoreError> {
        match self.wish(Wish::NextRunnable).await? {
            Done::NextRunnable(at) => Ok(at),
            other => unreachable!("a question about the queue was answered with {other:?}"),
        }
    }

    async fn run(&self, tenant: &TenantId, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        let (tenant, run) = (tenant.clone(), run.clone());
        let question = move |reader: &mut Reader<'_>| {
            let number = reader.run_number(&tenant, &run).map_err(of_sqlite)?;
            number.map(|number| reader.run_row(&tenant, number)).transpose().map_err(of_sqlite)
        };
        self.readers.ask(question).await
    }

    async fn runs(&self, tenant: &TenantId, query: RunQuery) -> Result<Page<RunRow>, StoreError> {
        let tenant = tenant.clone();
        self.readers.ask(move |reader| reader.runs(&tenant, &query)).await
    }

    async fn approvals(&self, tenant: &TenantId, query: ApprovalQuery) -> Result<Page<ApprovalRow>, StoreError> {
        let tenant = tenant.clone();
        self.readers.ask(move |reader| reader.approvals(&tenant, &query)).await
    }

    async fn artifacts(&self, tenant: &TenantId, query: ArtifactQuery) -> Result<Page<ArtifactRow>, StoreError> {
        let tenant = tenant.clone();
        self.readers.ask(move |reader| reader.artifacts(&tenant, &query)).await
    }

    async fn document(&self, tenant: &TenantId, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        let (tenant, collection, id) = (tenant.clone(), collection.to_owned(), id.to_owned());
        let question = move |reader: &mut Reader<'_>| {
            let values: [&dyn rusqlite::ToSql; 3] = [&tenant.as_str(), &collection, &id];
            let found = reader.sql.document.first(values, |row| value(row, 0)).map_err(of_sqlite)?;
            Ok(found.map(|value| document(tenant, &collection, id.as_str(), value)))
        };
        self.readers.ask(question).await
    }

    async fn documents(
        &self,
        tenant: Option<&TenantId>,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let (tenant, collection) = (tenant.cloned(), collection.to_owned());
        let (after, limit) = (after.unwrap_or_default().to_owned(), clamped(limit as u64));
        let question = move |reader: &mut Reader<'_>| match tenant {
            Some(tenant) => reader.documents_of(&tenant, &collection, &after, limit),
            None => reader.documents_of_all(&collection, &after, limit),
        };
        self.readers.ask(move |reader| question(reader).map_err(of_sqlite)).await
    }

    async fn spent(&self, tenant: &TenantId, day: Day) -> Result<Vec<Spent>, StoreError> {
        let tenant = tenant.clone();
        let read = |row: &Row<'_>| spend::spent(row, rows::text(row, 7)?);
        let question =
            move |reader: &mut Reader<'_>| reader.sql.spent.all([&tenant.as_str(), &day.0], read).map_err(of_sqlite);
        self.readers.ask(question).await
    }

    async fn recall(&self, tenant: &TenantId, scope: &str) -> Result<Option<Remembered>, StoreError> {
        let (tenant, scope, now) = (tenant.clone(), scope.to_owned(), self.clock.now().0);
        let question = move |reader: &mut Reader<'_>| {
            let values: [&dyn rusqlite::ToSql; 4] =
                [&tenant.as_str(), &replies::hash_of(&tenant, &scope), &scope, &now];
            reader.sql.recall.first(values, |row| replies::reply(row, 0, &scope)).map_err(of_sqlite)
        };
        self.readers.ask(question).await
    }

    async fn remember(&self, tenant: &TenantId, remembered: Remembered, fresh: bool) -> Result<(), StoreError> {
        let wish = Wish::Remember { tenant: tenant.clone(), remembered: Box::new(remembered), fresh };
        self.wish(wish).await.map(drop)
    }

    async fn tail(&self, after: u64, limit: usize) -> Result<Vec<Positioned>, StoreError> {
        let (after, limit) = (clamped(after), clamped(limit as u64));
        let read = |row: &Row<'_>| {
            let (position, tenant, stream): (_, _, StreamId) =
                (whole(row, 0)?, rows::text(row, 1)?, rows::text(row, 2)?);
            let entry = rows::entry(row, 3, 4, || format!("an event of stream {stream} (position {position})"))?;
            Ok(Positioned { position, tenant, stream, entry })
        };
        self.readers.ask(move |reader| reader.sql.tail.all([&after, &limit], read).map_err(of_sqlite)).await
    }

    async fn log(&self, tenant: &TenantId) -> Result<LogHead, StoreError> {
        let tenant = tenant.clone();
        let question = move |reader: &mut Reader<'_>| {
            let found = reader.sql.log.first([&tenant.as_str()], |row| rows::frontier(row, 0));
            found.map(Option::unwrap_or_default).map_err(of_sqlite)
        };
        let frontier: Frontier = self.readers.ask(question).await?;
        Ok(LogHead { size: frontier.size(), root: frontier.root() })
    }

    async fn hashes(&self, tenant: &TenantId, level: u8, from: u64, to: u64) -> Result<Vec<Digest>, StoreError> {
        let (tenant, from, to) = (tenant.clone(), clamped(from), clamped(to));
        let question = move |reader: &mut Reader<'_>| {
            let read = |row: &Row<'_>| rows::digest(row, 0);
            match level {
                0 => reader.sql.leaves.all([&tenant.as_str(), &from, &to], read),
                _ => reader.sql.subtrees.all([&tenant.as_str(), &(8 * i64::from(level)), &from, &to], read),
            }
        };
        self.readers.ask(move |reader| question(reader).map_err(of_sqlite)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.readers.ask(|reader| reader.counts().map_err(of_sqlite)).await
    }
}

impl Reader<'_> {
    /// Entries whose places follow each other; a gap means that the file lost something.
    fn load(
        &mut self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut seq = from;
        let mut gap = None;
        let read = |row: &Row<'_>| {
            let here = whole(row, 0)?;
            if here != seq {
                gap.get_or_insert(seq);
            }
            seq += 1;
            rows::entry(row, 1, 2, || format!("event {here} of stream {stream}"))
        };
        let values: [&dyn rusqlite::ToSql; 4] =
            [&tenant.as_str(), &stream.as_str(), &clamped(from), &clamped(limit as u64)];
        let entries = self.sql.load.all(values, read).map_err(of_sqlite)?;
        match gap {
            None => Ok(entries),
            Some(seq) => Err(StoreError::Damaged(format!("event {seq} of stream {stream} is missing"))),
        }
    }

    fn documents_of(
        &mut self,
        tenant: &TenantId,
        collection: &str,
        after: &str,
        limit: i64,
    ) -> rusqlite::Result<Vec<Document>> {
        let read = |row: &Row<'_>| {
            Ok(document(tenant.clone(), collection, rows::text::<std::sync::Arc<str>>(row, 0)?, value(row, 1)?))
        };
        self.sql.documents.all([&tenant.as_str(), &collection, &after, &limit], read)
    }

    fn documents_of_all(&mut self, collection: &str, after: &str, limit: i64) -> rusqlite::Result<Vec<Document>> {
        let read = |row: &Row<'_>| {
            let id: std::sync::Arc<str> = rows::text(row, 1)?;
            Ok(document(rows::text(row, 0)?, collection, id, value(row, 2)?))
        };
        self.sql.documents_of_all.all([&collection, &after, &limit], read)
    }

    fn counts(&mut self) -> rusqlite::Result<Counts> {
        let runs = self.sql.status_counts.all([], |row| Ok((row.get(0)?, whole(row, 1)?)))?;
        let runs = runs.into_iter().filter(|(_, runs)| *runs > 0).collect();
        let sizes = self.sql.frontiers.all([], |row| Ok(rows::frontier(row, 2)?.size()))?;
        Ok(Counts { runs, entries: sizes.into_iter().sum() })
    }
}

fn document(tenant: TenantId, collection: &str, id: impl Into<std::sync::Arc<str>>, value: Value) -> Document {
    Document { tenant, collection: collection.into(), id: id.into(), value: Some(value) }
}

fn value(row: &Row<'_>, column: usize) -> rusqlite::Result<Value> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
