//! What is kept beside events: large payloads, and personal values under keys.

use std::sync::Arc;

use affiant_journal::{Digest, StreamId, TenantId};
use async_trait::async_trait;

use super::StoreError;

/// Where large payloads are kept, by digest. What was put is there until it is deleted by retention.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Keeps these bytes; returns after they are on disk.
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<Digest, StoreError>;
    /// The bytes with this digest, checked against it.
    async fn get(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError>;
}

/// Where personal values are sealed and opened. Keys are kept apart from journals, one per subject.
pub trait Vault: Send + Sync {
    /// Encrypts a disclosure so that it opens only with the same place.
    fn seal(&self, place: &Place<'_>, disclosure: &str) -> Result<Arc<[u8]>, VaultError>;
    /// Opens what was sealed.
    fn open(&self, place: &Place<'_>, cipher: &[u8]) -> Result<String, VaultError>;
    /// Destroys the subject's key. Nothing sealed for the subject opens ever again.
    fn erase(&self, tenant: &TenantId, subject: &str) -> Result<(), VaultError>;
}

/// A personal value, encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The event it belongs to.
    pub seq: u64,
    /// The commitment in the event's `sd`.
    pub commitment: Digest,
    /// Names the key that opens it.
    pub subject: Arc<str>,
    /// The encrypted disclosure.
    pub cipher: Arc<[u8]>,
}

/// What a sealed value is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Whose value.
    pub tenant: &'a TenantId,
    /// Whose key.
    pub subject: &'a str,
    /// The stream of the event.
    pub stream: &'a StreamId,
    /// The event's place in it.
    pub seq: u64,
    /// The commitment.
    pub commitment: &'a Digest,
}

/// Why a vault could not seal or open.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The subject's key was destroyed.
    #[error("the key of this subject was destroyed")]
    Erased,
    /// The value was not sealed here, for this place, or was altered.
    #[error("the sealed value does not open")]
    Refused,
    /// The key file did not answer.
    #[error("the key file did not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
