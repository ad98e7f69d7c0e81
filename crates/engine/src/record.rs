//! [`Engine::record`]: the only place from which a journal grows.

use affiant_journal::{Actor, Body, Digest, Entry, StreamId, TenantId, Timestamp};

use crate::{
    Engine, EngineError,
    ledger::{Ledger, Pending, row_of},
    ports::{Append, Document, Place, Remembered, SealedValue},
};

/// Who has the run after an append.
#[derive(Clone, Debug)]
pub(crate) enum Hold {
    /// This server's worker, until its lease ends.
    Here,
    /// Nobody; a worker looks at it then.
    Until(Option<Timestamp>),
}

/// What goes into the store beside a journal's entries, in the same transaction.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) documents: Vec<Document>,
    pub(crate) unsealed: Vec<(StreamId, u64, Digest)>,
    pub(crate) remember: Option<Remembered>,
}

impl Engine {
    /// Stores what a run's ledger has written. After an error the ledger is worth nothing: load the run again.
    pub(crate) async fn record(&self, ledger: &mut Ledger, hold: Hold, beside: Beside) -> Result<(), EngineError> {
        let pending = std::mem::take(&mut ledger.pending);
        let run = ledger.run.as_ref().ok_or(EngineError::Conflict)?;
        let expected = run.events - pending.entries.len() as u64;
        let mut row = row_of(run, None);
        (row.runnable_at, row.worker) = match hold {
            Hold::Here => (Some(self.lent(ledger.lent)), Some(self.settings.worker.clone())),
            Hold::Until(at) => (at, None),
        };
        ledger.lent = row.worker.as_ref().and(row.runnable_at);
        let mut append = self.append(&ledger.tenant, &ledger.stream, expected, pending).await?;
        append.run = Some(row);
        append.documents = beside.documents;
        append.remember = beside.remember;
        let entries = append.entries.clone();
        self.ports.store.append(append).await?;
        self.tails.publish(&ledger.tenant, &run.id, expected, &entries);
        if run.ended_at.is_some() {
            self.ended.notify_one();
            self.ends.tell(&ledger.tenant, &run.id);
        }
        Ok(())
    }

    /// Until when a run is lent. A lease that is still long is left as it is, so that a step does not move the run in
    /// the queue; those that last are renewed beside the work, well before half of them is over.
    fn lent(&self, already: Option<Timestamp>) -> Timestamp {
        let soon = self.ports.clock.now().plus(self.settings.lease / 2);
        already.filter(|until| *until > soon).unwrap_or_else(|| self.lease_end())
    }

    /// Stores documents of one collection that no event has to change with, such as files that are found by their digest.
    ///
    /// # Errors
    ///
    /// What the store says.
    pub async fn keep(&self, tenant: &TenantId, collection: &str, documents: Vec<Document>) -> Result<(), EngineError> {
        let mut append = Append::new(tenant.clone(), collection.into(), 0, Vec::new());
        append.documents = documents;
        self.ports.store.append(append).await?;
        Ok(())
    }

    /// Adds an event to the tenant's administrative stream, with documents that change with it.
    pub async fn record_admin(
        &self,
        tenant: &TenantId,
        actor: &Actor,
        body: impl Into<Body>,
        documents: Vec<Document>,
    ) -> Result<(), EngineError> {
        self.record_admin_dropping(tenant, actor, body.into(), documents, Vec::new()).await
    }

    /// Adds an event to the tenant's administrative stream, and drops these personal values with it.
    pub(crate) async fn record_admin_dropping(
        &self,
        tenant: &TenantId,
        actor: &Actor,
        body: Body,
        documents: Vec<Document>,
        unsealed: Vec<(StreamId, u64, Digest)>,
    ) -> Result<(), EngineError> {
        let beside = Beside { documents, unsealed, remember: None };
        for _ in 0..ATTEMPTS {
            match self.try_record_admin(tenant, actor, body.clone(), &beside).await {
                Err(EngineError::Conflict) => self.forget_admin(tenant),
                done => return done,
            }
        }
        Err(EngineError::Conflict)
    }

    async fn try_record_admin(
        &self,
        tenant: &TenantId,
        actor: &Actor,
        body: Body,
        beside: &Beside,
    ) -> Result<(), EngineError> {
        let now = self.ports.clock.now();
        let (expected, prev) = self.admin_end(tenant).await?;
        let event = affiant_journal::Event {
            actor: actor.clone(),
            at: now,
            body,
            boot: self.settings.boot.clone(),
            mono: self.ports.clock.mono(),
            prev,
            sd: Vec::new(),
            seq: expected,
            stream: StreamId::admin(),
            tenant: tenant.clone(),
        };
        let entry = Entry::seal(&event).map_err(|error| EngineError::Unwritten(Box::new(error)))?;
        let leaf = entry.leaf;
        let mut append = Append::new(tenant.clone(), StreamId::admin(), expected, vec![entry]);
        append.documents = beside.documents.clone();
        append.unsealed = beside.unsealed.clone();
        self.ports.store.append(append).await?;
        self.remember_admin(tenant, expected + 1, leaf);
        Ok(())
    }

    /// Keeps blobs and seals personal values, so that everything an entry names is there before the entry is.
    async fn append(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        expected: u64,
        pending: Pending,
    ) -> Result<Append, EngineError> {
        for blob in &pending.blobs {
            self.ports.blobs.put(tenant, blob).await?;
        }
        let mut append = Append::new(tenant.clone(), stream.clone(), expected, pending.entries);
        append.approvals = pending.approvals;
        append.artifacts = pending.artifacts;
        append.spend = pending.spend;
        for (seq, disclosure) in pending.disclosures {
            let (commitment, subject) = (disclosure.commit(), pending.subject.clone());
            let place = Place { tenant, subject: &subject, stream, seq, commitment: &commitment };
            let cipher = self.ports.vault.seal(&place, disclosure.text())?;
            append.sealed.push(SealedValue { seq, commitment, subject, cipher });
        }
        Ok(append)
    }
}

/// How often a command is decided again when others write to the same journal.
pub(crate) const ATTEMPTS: usize = 16;
