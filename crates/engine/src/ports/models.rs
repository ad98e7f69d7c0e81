//! Models: what is asked of them, and what they answer. These types are the record's own: they stand in the arguments
//! and results of steps, whatever a provider's wire looks like.

use std::{sync::Arc, time::Duration};

use affiant_contract::{ModelName, ModelParameters};
use affiant_journal::{Digest, TenantId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Ceiling;

/// Who asks models. Keeps nothing of a conversation: every request is whole.
#[async_trait]
pub trait Models: Send + Sync {
    /// Whether a connection of this name is there for the tenant. Sends nothing.
    async fn connected(&self, tenant: &TenantId, provider: &str) -> bool;
    /// What a connection reaches, as far as prices and budgets go by it. Sends nothing.
    async fn about(&self, tenant: &TenantId, provider: &str) -> Option<About> {
        let _ = (tenant, provider);
        None
    }
    /// Asks once, streaming what arrives to `ask.told`. Repeats nothing: the engine does. Waits for its turn where the
    /// provider's pace says so, then calls `ask.leaves`. A failure without that, `rate-limited` and with a wait, was no
    /// attempt. Ends soon after `ask.cancel` fires, with the connection closed.
    async fn ask(&self, ask: ModelAsk) -> Result<ModelReply, ModelFailure>;
}

/// What a connection reaches, as far as prices and budgets go by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The sort of provider as price tables name it: `anthropic`, `openai`, `gemini`, `ollama`. None for a server at an
    /// address of its own, which charges what it wants: only prices for the connection itself apply.
    pub kind: Option<Arc<str>>,
    /// What may be used over the connection in one day.
    pub per_day: Ceiling,
}

/// One request to a model.
#[derive(Clone)]
pub struct ModelAsk {
    /// For whom.
    pub tenant: TenantId,
    /// Which model.
    pub model: ModelName,
    /// The whole conversation.
    pub request: Arc<ModelRequest>,
    /// The same for every attempt of one step; sent along where the provider takes such keys.
    pub idempotency_key: Arc<str>,
    /// How long the whole call may take from when it leaves. How long it waits for its turn is bounded by `cancel` alone.
    pub timeout: Duration,
    /// Fires when the call must stop.
    pub cancel: CancellationToken,
    /// Is called when the request is about to leave, with how long it waited for its turn: zero when it did not.
    pub leaves: Arc<dyn Fn(Duration) + Send + Sync>,
    /// Hears what arrives while it arrives. What it hears is not recorded; the reply is.
    pub told: Arc<dyn Fn(Delta) + Send + Sync>,
}

/// A conversation, and what the model may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModelRequest {
    /// What the model is told before everything else.
    pub instructions: String,
    /// What was said so far, oldest first: a user's message, then the model's, and so on.
    pub messages: Vec<Message>,
    /// The tools it may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolOffer>,
    /// How it is asked.
    pub parameters: ModelParameters,
    /// Schema that the answer must satisfy, where the provider can be held to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who says it.
    pub from: Speaker,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// The side of the run: prompt, context, results of tools.
    User,
    /// The model.
    Model,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Part {
    /// Words.
    Text {
        /// The words.
        text: String,
    },
    /// What the model thought. Sent back exactly as it came, signature included, because providers check it.
    Reasoning {
        /// The thought as far as the provider shows it.
        text: String,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
    /// The model calls a tool.
    Call {
        /// The provider's id of the call, unique in the conversation; made by the adapter where the provider has none.
        id: String,
        /// Name of the tool as it was offered.
        name: String,
        /// The arguments exactly as they came: JSON, unless the answer was cut.
        arguments: String,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
    /// What a tool gave.
    Result {
        /// The id of the call.
        call: String,
        /// Name of the tool as it was offered.
        name: String,
        /// The content as text.
        content: String,
        /// Whether it is an error.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        error: bool,
    },
}

/// What a provider wants back with a thought or a call, to know it again: exactly as it came, and only by the format
/// that it came in. A conversation that goes on with another provider is sent without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The format: `anthropic`, `anthropic-redacted`, `openai`, `openai-chat`, `gemini`, `ollama`.
    pub format: String,
    /// The provider's id of the thought, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Signature or encrypted content, byte for byte; empty where the format only wants the words back.
    pub value: String,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolOffer {
    /// A name that every provider takes: letters, digits, `_` and `-`, at most 64 of them.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of its arguments.
    pub input: Value,
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReply {
    /// What it said, in order.
    pub parts: Vec<Part>,
    /// Why it stopped.
    pub stop: Stop,
    /// What it used.
    pub usage: ModelUsage,
    /// The model's id as the provider returned it.
    pub model: Option<String>,
    /// The provider's id of the request.
    pub request_id: Option<String>,
    /// The exact bytes that were sent.
    pub sent: Option<Sent>,
    /// From sending to the first word.
    pub first: Option<Duration>,
}

/// Bytes that were sent, by digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// SHA-256 of the request body.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Stop {
    /// It had said everything.
    End,
    /// It waits for the results of tools.
    Tools,
    /// The answer was cut at the limit of tokens.
    Length,
    /// It or its provider refused.
    Refused,
    /// As the provider says.
    Other(String),
}

impl From<Stop> for String {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::End => "end".into(),
            Stop::Tools => "tools".into(),
            Stop::Length => "length".into(),
            Stop::Refused => "refused".into(),
            Stop::Other(word) => word,
        }
    }
}

impl From<String> for Stop {
    fn from(word: String) -> Self {
        match word.as_str() {
            "end" => Self::End,
            "tools" => Self::Tools,
            "length" => Self::Length,
            "refused" => Self::Refused,
            _ => Self::Other(word),
        }
    }
}

/// Tokens that a call used. Cached and reasoning tokens are contained in the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ModelUsage {
    /// Tokens read, cached ones included.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Of those read, taken from the provider's cache.
    pub cached: u64,
    /// Of those read, written to the provider's cache.
    pub cache_written: u64,
    /// Of those written, reasoning.
    pub reasoning: u64,
}

impl ModelUsage {
    /// Tokens in all.
    pub fn tokens(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// Something that arrived from a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Delta {
    /// Words.
    Text {
        /// The next words.
        text: String,
    },
    /// A thought.
    Reasoning {
        /// The next words of it.
        text: String,
    },
    /// A call of a tool is being written.
    Call {
        /// Name of the tool.
        name: String,
        /// The next characters of its arguments.
        arguments: String,
    },
}

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelFailure {
    /// Kebab-case code: `provider-missing`, `provider-refused` (401, 403), `model-unknown` (404), `request-refused`
    /// (400, 413, 422), `rate-limited` (429), `provider-failed` (5xx), `provider-unreachable`, `reply-broken` (garbage,
    /// or a stream that ended early), `timeout`, `cancelled`, `cassette-miss`.
    pub code: Arc<str>,
    /// A sentence for people: what happened, and what to do. Never holds the key; may quote the provider.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
    /// What was used all the same, as far as the provider said.
    pub usage: Option<ModelUsage>,
}

/// No model at all: what an engine has where nothing was connected.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModels;

#[async_trait]
impl Models for NoModels {
    async fn connected(&self, _: &TenantId, _: &str) -> bool {
        false
    }

    async fn ask(&self, ask: ModelAsk) -> Result<ModelReply, ModelFailure> {
        let provider = &ask.model.provider;
        Err(ModelFailure {
            code: "provider-missing".into(),
            message: format!("no provider is connected as `{provider}`. Run: affiant provider connect {provider}"),
            retryable: false,
            retry_after: None,
            usage: None,
        })
    }
}
