//! Erasing a person: their key is destroyed, what was sealed with it is dropped, and the record says so.
//!
//! The order makes it safe to be interrupted. A note that somebody is being erased is durable first; then the key goes,
//! from which moment nothing opens; then one append drops the sealed values, writes `subject.erased` with their
//! commitments, and takes the note away. Whatever finds the note afterwards goes on from there.

use affiant_journal::{Actor, ConfigChanged, Digest, Payload, StreamId, SubjectErased, TenantId, erased_digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    Engine, EngineError,
    ports::{Append, Document, Place, SealedValue, StoreError, VaultError},
};

/// The collection of documents that say who is being erased.
const PENDING: &str = "erasing";
/// The collection of documents that hold what each erasure made unreadable.
const COLLECTION: &str = "erasure";
/// The collection of documents that say whose data must be kept.
const HOLDS: &str = "hold";
/// The most documents that are read at once.
const MANY: usize = 1000;

/// What an erasure made unreadable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The commitments, ascending.
    pub commitments: Vec<Digest>,
    /// Digest over them, as the event holds it.
    pub digest: Digest,
    /// The event that says so is at this place of the admin stream or after it.
    pub from: u64,
}

/// Why somebody was not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Nothing is sealed for them.
    #[error("nothing is sealed for this principal")]
    Unknown,
    /// Their data must be kept.
    #[error("a legal hold stands on this principal's data")]
    Held,
    /// Something did not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for EraseError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<VaultError> for EraseError {
    fn from(error: VaultError) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// Destroys the key of a subject, and drops everything that was sealed with it. `basis` stands in the record.
    ///
    /// # Errors
    ///
    /// When nothing is sealed for the subject, or a hold stands on it. When something did not answer half way, the next
    /// start goes on.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        subject: &str,
        by: &Actor,
        basis: &str,
    ) -> Result<Erasure, EraseError> {
        let store = &self.ports.store;
        if store.document(tenant, HOLDS, subject).await?.is_some() {
            return Err(EraseError::Held);
        }
        let pending = store.document(tenant, PENDING, subject).await?.is_some();
        if !pending && store.sealed_of(tenant, subject).await?.is_empty() {
            return Err(EraseError::Unknown);
        }
        let note = json!({ "basis": basis, "by": by });
        self.note(tenant, PENDING, subject, Some(note)).await?;
        self.carry_out(tenant, subject, by, basis).await
    }

    /// Goes on with whoever was being erased when a server stopped.
    pub async fn finish_erasures(&self) -> Result<(), EraseError> {
        #[derive(Deserialize)]
        struct Note {
            basis: String,
            by: Actor,
        }
        for document in self.ports.store.documents(None, PENDING, None, MANY).await? {
            let note: Option<Note> = document.value.and_then(|value| serde_json::from_value(value).ok());
            let Some(Note { basis, by }) = note else { continue };
            self.carry_out(&document.tenant, &document.id, &by, &basis).await?;
        }
        Ok(())
    }

    async fn carry_out(
        &self,
        tenant: &TenantId,
        subject: &str,
        by: &Actor,
        basis: &str,
    ) -> Result<Erasure, EraseError> {
        self.ports.vault.erase(tenant, subject)?;
        self.idle.clear();
        let sealed = self.ports.store.sealed_of(tenant, subject).await?;
        // What was sealed since with a new key is not what this is about.
        let gone: Vec<_> = sealed.into_iter().filter(|(stream, value)| self.is_closed(tenant, stream, value)).collect();
        let mut commitments: Vec<Digest> = gone.iter().map(|(_, value)| value.commitment).collect();
        let digest = erased_digest(&mut commitments);
        let (from, _) = self.admin_end(tenant).await?;
        let erasure = Erasure { commitments, digest, from };
        let body = SubjectErased {
            basis: Some(basis.into()),
            commitments: erasure.commitments.len() as u64,
            digest,
            subject: Some(subject.into()),
        };
        let document = |collection: &str, id: String, value| Document {
            tenant: tenant.clone(),
            collection: collection.into(),
            id: id.into(),
            value,
        };
        let kept = serde_json::to_value(&erasure).expect("an erasure is digests and a number");
        let documents = vec![
            document(COLLECTION, format!("{subject}/{digest}"), Some(kept)),
            document(PENDING, subject.to_owned(), None),
        ];
        let unsealed = gone.into_iter().map(|(stream, value)| (stream, value.seq, value.commitment)).collect();
        self.record_admin_dropping(tenant, by, body.into(), documents, unsealed).await?;
        self.ports.store.scrub().await?;
        Ok(erasure)
    }

    fn is_closed(&self, tenant: &TenantId, stream: &StreamId, value: &SealedValue) -> bool {
        let (subject, commitment) = (&*value.subject, &value.commitment);
        let place = Place { tenant, subject, stream, seq: value.seq, commitment };
        self.ports.vault.open(&place, &value.cipher).is_err()
    }

    /// Places a legal hold on a subject, or releases it.
    pub async fn hold(
        &self,
        tenant: &TenantId,
        subject: &str,
        by: &Actor,
        held: bool,
        reason: &str,
    ) -> Result<(), EngineError> {
        let value = json!({ "by": by.id, "reason": reason });
        let change = if held { "held" } else { "released" };
        let said = Payload::Inline(json!({ "reason": reason, "subject": subject }));
        let body = ConfigChanged { change: change.into(), setting: "hold".into(), value: said };
        let document = Document {
            tenant: tenant.clone(),
            collection: HOLDS.into(),
            id: subject.into(),
            value: held.then_some(value),
        };
        self.record_admin(tenant, by, body, vec![document]).await
    }

    /// What erasures of a subject made unreadable.
    pub async fn erasures(&self, tenant: &TenantId, subject: &str) -> Result<Vec<Erasure>, EngineError> {
        let (mut after, mut found) = (format!("{subject}/"), Vec::new());
        let ours = after.clone();
        loop {
            let page = self.ports.store.documents(Some(tenant), COLLECTION, Some(&after), MANY).await?;
            let last = page.last().filter(|last| page.len() == MANY && last.id.starts_with(&ours));
            let next = last.map(|last| last.id.to_string());
            let read = page.into_iter().filter(|document| document.id.starts_with(&ours));
            found.extend(read.filter_map(|document| serde_json::from_value(document.value?).ok()));
            match next {
                Some(next) => after = next,
                None => return Ok(found),
            }
        }
    }

    async fn note(
        &self,
        tenant: &TenantId,
        collection: &str,
        id: &str,
        value: Option<serde_json::Value>,
    ) -> Result<(), StoreError> {
        // A stream of its own, that never has an event: nobody's append is in the way of another's.
        let mut append = Append::new(tenant.clone(), collection.into(), 0, Vec::new());
        append.documents =
            vec![Document { tenant: tenant.clone(), collection: collection.into(), id: id.into(), value }];
        self.ports.store.append(append).await.map(drop)
    }
}
