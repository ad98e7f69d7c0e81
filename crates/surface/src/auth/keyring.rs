//! Every key of every tenant, in memory: a call is identified without asking the store.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
};

use affiant_engine::ports::{Store, StoreError};
use affiant_journal::{TenantId, Timestamp};
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
    keys: RwLock<HashMap<String, Entry>>,
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Entry {
    record: Arc<KeyRecord>,
    /// When it was used last, in microseconds, to the minute; zero for never. Kept by this process alone.
    used: AtomicI64,
}

impl Entry {
    fn new(record: KeyRecord) -> Self {
        Self { record: Arc::new(record), used: AtomicI64::new(0) }
    }

    fn use_at(&self, now: Timestamp) {
        let minute = now.0 - now.0.rem_euclid(60_000_000);
        if self.used.load(Ordering::Relaxed) != minute {
            self.used.store(minute, Ordering::Relaxed);
        }
    }
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

    /// Everybody whose keys these are, in order.
    pub fn tenants(&self) -> Vec<TenantId> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let tenants: BTreeSet<TenantId> = keys.values().map(|entry| entry.record.principal.tenant.clone()).collect();
        tenants.into_iter().collect()
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
                    Some(record) => drop(keys.insert(name_of(&record.id), Entry::new(record))),
                    None => tracing::error!(id = %document.id, "a key document cannot be read; the key does not work"),
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                _ => break,
            }
        }
        let mut known = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        for (name, entry) in &mut keys {
            if let Some(before) = known.get(name) {
                entry.used = AtomicI64::new(before.used.load(Ordering::Relaxed));
            }
        }
        *known = keys;
        Ok(())
    }

    /// Takes over a key that was just made or revoked, after the store has it.
    pub fn put(&self, record: KeyRecord) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let entry = keys.entry(name_of(&record.id)).or_insert_with(|| Entry::new(record.clone()));
        entry.record = Arc::new(record);
    }

    /// The key with this id.
    pub fn get(&self, id: &str) -> Option<Arc<KeyRecord>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&name_of(id)).map(|entry| entry.record.clone())
    }

    /// Every key of a tenant, in no order.
    pub fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<KeyRecord>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let own = keys.values().filter(|entry| entry.record.principal.tenant == *tenant);
        own.map(|entry| entry.record.clone()).collect()
    }

    /// When a key was used last, to the minute, as far as this process saw it.
    pub fn last_used(&self, id: &str) -> Option<Timestamp> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let used = keys.get(&name_of(id))?.used.load(Ordering::Relaxed);
        (used > 0).then_some(Timestamp(used))
    }

    /// Held while keys are made or revoked, so that of two last admin keys one stays.
    pub async fn changing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// Who shows this key.
    ///
    /// # Errors
    ///
    /// `unauthenticated`, with the reason only for somebody who has the whole key.
    pub fn identify(&self, presented: &str, now: Timestamp) -> Result<Arc<Principal>, Refusal> {
        let unknown = || Refusal::new("unauthenticated", "The key is not one of this server's.");
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let entry = name_in(presented).and_then(|name| keys.get(name)).ok_or_else(unknown)?;
        match entry.record.admits(presented, now) {
            Ok(()) => {
                entry.use_at(now);
                Ok(entry.record.principal.clone())
            }
            Err(Unusable::Wrong) => Err(unknown()),
            Err(Unusable::Revoked) => Err(Refusal::new("unauthenticated", "The key was revoked.")),
            Err(Unusable::Expired) => Err(Refusal::new("unauthenticated", "The key has expired.")),
        }
    }
}
