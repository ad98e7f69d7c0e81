//! An event as it was written: its bytes, and their place in the proof.

use std::sync::Arc;

use crate::{Digest, Event, bytes};

/// One event in the only form that is kept. The leaf hash covers the bytes, not values read from them, so a journal
/// stays valid when later versions learn new fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The event's bytes.
    pub bytes: Arc<[u8]>,
    /// Their leaf hash (RFC 6962, section 2.1).
    pub leaf: Digest,
}

impl Entry {
    /// Writes an event down, once and for ever.
    pub fn seal(event: &Event) -> Result<Self, bytes::NotEncodable> {
        bytes::encode(event).map(Self::from_bytes)
    }

    /// The entry with these bytes, as a store or a bundle holds them.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { leaf: Digest::of_leaf(&bytes), bytes }
    }

    /// Reads the event.
    pub fn event(&self) -> Result<Event, serde_json::Error> {
        Event::from_bytes(&self.bytes)
    }
}
