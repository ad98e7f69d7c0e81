//! A webhook as it is kept.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use affiant_journal::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ports::Document;

/// The collection of documents that holds webhooks.
pub(super) const COLLECTION: &str = "webhook";

/// A webhook: where events go, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// Its id.
    pub id: Arc<str>,
    /// Where events go.
    pub url: String,
    /// Keys of the events; `*` at the end stands for any ending.
    pub events: Vec<String>,
    /// What the receiver does with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The signing secret, sealed.
    pub(super) secret: String,
}

impl Hook {
    pub(super) fn of(document: &Document) -> Option<Self> {
        serde_json::from_value(document.value.clone()?).ok()
    }

    pub(super) fn document(&self, tenant: &TenantId) -> Document {
        let value = serde_json::to_value(self).expect("texts and a time are JSON");
        Document { tenant: tenant.clone(), collection: COLLECTION.into(), id: self.id.clone(), value: Some(value) }
    }

    /// Whether events of this key are delivered to it.
    pub(super) fn wants(&self, key: &str) -> bool {
        self.events.iter().any(|pattern| covers(pattern, key))
    }

    /// Scheme and host of its address.
    pub(super) fn host(&self) -> &str {
        let start = self.url.find("://").map_or(0, |at| at + 3);
        let end = self.url[start..].find(['/', '?', '#']).map_or(self.url.len(), |at| start + at);
        &self.url[..end]
    }
}

/// Whether a pattern stands for a key.
pub(super) fn covers(pattern: &str, key: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => key.starts_with(beginning),
        None => pattern == key,
    }
}

/// Whether any run ever asked that a webhook be told of it.
#[derive(Debug, Default)]
pub(super) struct Asked(AtomicBool);

impl Asked {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_at_the_end_stands_for_any_ending_and_nowhere_else() {
        for (pattern, key, covered) in [
            ("agent.run.failed", "agent.run.failed", true),
            ("agent.run.*", "agent.run.failed", true),
            ("*", "agent.run.failed", true),
            ("agent.run", "agent.run.failed", false),
            ("*.failed", "agent.run.failed", false),
        ] {
            assert_eq!(covers(pattern, key), covered, "{pattern} {key}");
        }
    }

    #[test]
    fn the_record_is_told_the_host_of_an_address_and_not_what_may_be_secret_in_it() {
        let hook = |url: &str| Hook {
            id: "whk_1".into(),
            url: url.to_owned(),
            events: Vec::new(),
            description: None,
            created_at: Timestamp(0),
            secret: String::new(),
        };
        assert_eq!(hook("https://hooks.example.com/T0/abc?key=1").host(), "https://hooks.example.com");
        assert_eq!(hook("https://hooks.example.com?key=1").host(), "https://hooks.example.com");
        assert_eq!(hook("https://hooks.example.com:8443").host(), "https://hooks.example.com:8443");
    }
}
