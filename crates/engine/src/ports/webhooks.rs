//! Who delivers messages to webhooks.

use std::{sync::Arc, time::Duration};

use affiant_journal::Timestamp;
use async_trait::async_trait;

/// Who delivers messages to webhooks. Signs them as Standard Webhooks says; keeps nothing and repeats nothing: the
/// outbox does.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Whether messages may go to this address. Resolves its name; sends nothing.
    async fn admits(&self, url: &str) -> Result<(), DeliveryFailure>;
    /// Sends one message once. It was taken when this succeeds; a receiver recognises repeats by `message.id`.
    async fn deliver(&self, message: Delivery) -> Result<(), DeliveryFailure>;
}

/// One message to one webhook.
#[derive(Clone)]
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// The same for every attempt (`webhook-id`).
    pub id: String,
    /// When this attempt is made (`webhook-timestamp`).
    pub at: Timestamp,
    /// The signing secret, `whsec_` and base64.
    pub secret: Arc<str>,
    /// Media type of the body, for example `application/cloudevents+json`.
    pub media: String,
    /// The exact bytes that are signed and sent.
    pub body: Arc<[u8]>,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeliveryFailure {
    /// Kebab-case code: `address-not-allowed`, `input-invalid`, `binding-failed`, `binding-timeout`.
    pub code: Arc<str>,
    /// A sentence for people. It holds nothing of the message.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// How long the receiver asks to be left alone.
    pub retry_after: Option<Duration>,
}
