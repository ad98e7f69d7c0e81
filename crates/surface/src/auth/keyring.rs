//! Every key of every tenant, in memory: a call is identified without asking the store.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, RwLock},
};

use affiant_engine::ports::{Store, StoreError};
use affiant_journal::Timestamp;
use affiant_policy::Principal;

use super::key::{KeyRecord, Unusable, name_in, name_of};
use crate::problem::Refusal;

/// The collection of documents that holds keys.
pub const COLLECTION: &str = "key";

/// How many keys are read from the store at once.
const PAGE: usize = 1000;

/// What a caller shows. Its text is never shown by `Debug`.
#[derive(Clone, Default)]
pub enum Credential {
    /// Nothing.
    #[default]
    None,
    /// An API key.
    Key(String),
    /// Something that is no credential this server knows, such as another scheme in the `Authorization` header.
    Unknown,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no credential",
            Self::Key(_) => "a key",
            Self::Unknown => "an unknown credential",
        })
    }
}

/// Every key, by the name in its text. A key that was made or revoked here counts at once; one that was changed by another server that
/// shares the store counts after the next [`Keyring::reload`].
#[derive(Debug, Default)]
pub struct Keyring {
    keys: RwLock<HashMap<String, Arc<KeyRecord>>>,
}

impl Keyring {
    /// Reads every key from the store.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn load(store: &dyn Store) -> Result<Self, StoreError> {
        let keyring = Self::default();
        keyring.reload(store).await?;
        Ok(keyring)
    }

    /// Reads every key again.
    ///
    /// # Errors
    ///
    /// When the store does not answer. What was known stays known.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let mut keys = HashMap::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = store.documents(None, COLLECTION, after.as_deref(), PAGE).await?;
            for document in &page {
                match KeyRecord::of_document(document) {
                    Some(record) => drop(keys.insert(name_of(&record.id), Arc::new(record))),
                    None => tracing::error!(id = %document.id, "a key document cannot be read; the key does not work"),
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                _ => break,
            }
        }
        *self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Takes over a key that was just made or revoked, after the store has it.
    pub fn put(&self, record: KeyRecord) {
        let mut keys = self.keys.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        keys.insert(name_of(&record.id), Arc::new(record));
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<Arc<KeyRecord>> {
        self.named(&name_of(id))
    }

    fn named(&self, name: &str) -> Option<Arc<KeyRecord>> {
        self.keys.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(name).cloned()
    }

    /// Who shows this key.
    ///
    /// # Errors
    ///
    /// `unauthenticated`, with the reason only for somebody who has the whole key.
    pub fn identify(&self, presented: &str, now: Timestamp) -> Result<Arc<Principal>, Refusal> {
        let unknown = || Refusal::new("unauthenticated", "The key is not one of this server's.");
        let record = name_in(presented).and_then(|name| self.named(name)).ok_or_else(unknown)?;
        match record.admits(presented, now) {
            Ok(()) => Ok(record.principal.clone()),
            Err(Unusable::Wrong) => Err(unknown()),
            Err(Unusable::Revoked) => Err(Refusal::new("unauthenticated", "The key was revoked.")),
            Err(Unusable::Expired) => Err(Refusal::new("unauthenticated", "The key has expired.")),
        }
    }
}
