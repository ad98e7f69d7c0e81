//! A world for the tests of this crate: a clock that stands still, ids that count, and a store in memory that holds
//! what the gateway itself keeps.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use affiant_engine::ports::*;
use affiant_journal::{Digest, Entry, RunId, StreamId, TenantId, Timestamp, WorkerId};
use affiant_policy::{Principal, PrincipalKind, Role};
use async_trait::async_trait;

/// A clock that stands still until it is advanced.
pub(crate) struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_795_359_600_000_000))
    }
}

impl FakeClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn mono(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Ids and bytes that count.
#[derive(Default)]
pub(crate) struct FakeChance(AtomicU64);

impl Chance for FakeChance {
    fn id(&self, prefix: &str, _: Timestamp) -> String {
        format!("{prefix}01JDA3K9W2ZB8R5M0C7T{:06}", self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let seed = self.0.fetch_add(1, Ordering::SeqCst);
        for (place, chunk) in bytes.chunks_mut(32).enumerate() {
            let block = Digest::of(format!("{seed} {place}").as_bytes());
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
    }
}

/// A principal with this role.
pub(crate) fn principal(tenant: &str, id: &str, role: Role) -> Principal {
    let auth = format!("key:key_{id}").into();
    Principal { tenant: tenant.into(), id: id.into(), kind: PrincipalKind::User, role, auth }
}

/// Documents and kept replies in memory; everything that belongs to runs is empty.
pub(crate) struct FakeStore {
    clock: Arc<FakeClock>,
    documents: Mutex<BTreeMap<(Arc<str>, Arc<str>, TenantId), Document>>,
    replies: Mutex<BTreeMap<(TenantId, String), Remembered>>,
}

impl FakeStore {
    pub(crate) fn new(clock: Arc<FakeClock>) -> Self {
        Self { clock, documents: Mutex::default(), replies: Mutex::default() }
    }

    pub(crate) fn put(&self, document: Document) {
        let place = (document.collection.clone(), document.id.clone(), document.tenant.clone());
        self.documents.lock().unwrap().insert(place, document);
    }
}

fn empty<T>() -> Page<T> {
    Page { rows: Vec::new(), total: 0, next: None }
}

#[async_trait]
impl Store for FakeStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        append.documents.into_iter().for_each(|document| self.put(document));
        Ok(Appended { leaf: 0, position: 0 })
    }

    async fn load(&self, _: &TenantId, _: &StreamId, _: u64, _: usize) -> Result<Vec<Entry>, StoreError> {
        Ok(Vec::new())
    }

    async fn sealed(&self, _: &TenantId, _: &StreamId, _: u64) -> Result<Vec<SealedValue>, StoreError> {
        Ok(Vec::new())
    }

    async fn claim(&self, _: Claim) -> Result<Vec<RunRow>, StoreError> {
        Ok(Vec::new())
    }

    async fn extend(&self, _: &WorkerId, _: &[(TenantId, RunId)], _: Timestamp) -> Result<Vec<RunId>, StoreError> {
        Ok(Vec::new())
    }

    async fn next_runnable(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    async fn run(&self, _: &TenantId, _: &RunId) -> Result<Option<RunRow>, StoreError> {
        Ok(None)
    }

    async fn runs(&self, _: &TenantId, _: RunQuery) -> Result<Page<RunRow>, StoreError> {
        Ok(empty())
    }

    async fn approvals(&self, _: &TenantId, _: ApprovalQuery) -> Result<Page<ApprovalRow>, StoreError> {
        Ok(empty())
    }

    async fn artifacts(&self, _: &TenantId, _: ArtifactQuery) -> Result<Page<ArtifactRow>, StoreError> {
        Ok(empty())
    }

    async fn document(&self, tenant: &TenantId, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        let place = (collection.into(), id.into(), tenant.clone());
        Ok(self.documents.lock().unwrap().get(&place).cloned())
    }

    async fn documents(
        &self,
        tenant: Option<&TenantId>,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let documents = self.documents.lock().unwrap();
        let wanted = documents.values().filter(|document| {
            &*document.collection == collection
                && tenant.is_none_or(|tenant| *tenant == document.tenant)
                && after.is_none_or(|after| &*document.id > after)
        });
        Ok(wanted.take(limit).cloned().collect())
    }

    async fn recall(&self, tenant: &TenantId, scope: &str) -> Result<Option<Remembered>, StoreError> {
        let known = self.replies.lock().unwrap().get(&(tenant.clone(), scope.into())).cloned();
        Ok(known.filter(|known| known.expires > self.clock.now()))
    }

    async fn remember(&self, tenant: &TenantId, remembered: Remembered, fresh: bool) -> Result<(), StoreError> {
        if fresh && let Some(known) = self.recall(tenant, &remembered.scope).await? {
            return Err(StoreError::Remembered(Box::new(known)));
        }
        self.replies.lock().unwrap().insert((tenant.clone(), remembered.scope.clone()), remembered);
        Ok(())
    }

    async fn tail(&self, _: u64, _: usize) -> Result<Vec<Positioned>, StoreError> {
        Ok(Vec::new())
    }

    async fn log(&self, _: &TenantId) -> Result<LogHead, StoreError> {
        Ok(LogHead { size: 0, root: Digest::of(b"") })
    }

    async fn leaves(&self, _: &TenantId, _: u64, _: u64) -> Result<Vec<Digest>, StoreError> {
        Ok(Vec::new())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        Ok(Counts::default())
    }
}
