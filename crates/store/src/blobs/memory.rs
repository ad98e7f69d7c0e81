//! Payloads that are gone with the process, for tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use affiant_engine::ports::{Blobs, StoreError};
use affiant_journal::{Digest, TenantId};
use async_trait::async_trait;

/// Payloads in memory.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<Kept>);

type Kept = HashMap<(TenantId, Digest), Arc<[u8]>>;

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((tenant.clone(), digest), bytes.into());
        Ok(digest)
    }

    async fn get(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(&(tenant.clone(), *digest)).cloned())
    }
}
