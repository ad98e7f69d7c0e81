//! Events that are decided and not written yet.

use std::sync::Arc;

use affiant_journal::{Body, Disclosure};
use serde_json::Value;

use crate::payload::Kept;

/// What will be an event, with what belongs to it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What happened.
    pub body: Body,
    /// Personal values that are committed when the event is written, by path.
    pub personal: Vec<(&'static str, Value)>,
    /// What opens the fields that are hidden in the body already.
    pub(crate) disclosures: Vec<Disclosure>,
    /// Bytes that must be kept before the event is.
    pub(crate) blobs: Vec<Arc<[u8]>>,
}

impl<T: Into<Body>> From<T> for Draft {
    fn from(body: T) -> Self {
        Self { body: body.into(), personal: Vec::new(), disclosures: Vec::new(), blobs: Vec::new() }
    }
}

impl Draft {
    /// The same draft with a personal value, if there is one.
    #[must_use]
    pub fn with(mut self, path: &'static str, value: Option<impl Into<Value>>) -> Self {
        self.personal.extend(value.map(|value| (path, value.into())));
        self
    }

    /// The same draft with what belongs to a payload in it.
    #[must_use]
    pub(crate) fn keeping(mut self, disclosures: Vec<Disclosure>, blob: Option<Arc<[u8]>>) -> Self {
        self.disclosures.extend(disclosures);
        self.blobs.extend(blob);
        self
    }

    /// The same draft with what belongs to a readied value.
    #[must_use]
    pub(crate) fn holding(self, kept: Kept) -> Self {
        self.keeping(kept.disclosures, kept.blob)
    }
}
