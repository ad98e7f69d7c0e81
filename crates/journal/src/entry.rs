//! An event as it was written.

use std::sync::Arc;

use crate::Digest;

/// One event as it was written. The leaf hash covers these bytes, not a value read from them, so a record
/// stays valid when later versions learn new fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event's bytes.
    pub bytes: Arc<[u8]>,
    /// RFC 6962 leaf hash of the bytes.
    pub leaf: Digest,
}
