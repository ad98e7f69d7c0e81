//! Who carries out operations, and which tools MCP servers offer.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use affiant_contract::Contract;
use affiant_journal::{RunId, TenantId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// Who carries out operations: built-in tools by key, and bindings `http` and `command`.
#[async_trait]
pub trait Tools: Send + Sync {
    /// Whether this operation is carried out here.
    fn carries(&self, operation: &Contract) -> bool;
    /// Carries out one call. Ends when `call.cancel` fires; the engine enforces the time limit by firing it.
    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolFailure>;
    /// What a person is shown before they allow this call. Reads, never changes anything.
    async fn preview(&self, call: &ToolCall) -> Result<Preview, ToolFailure>;
}

/// One call of an operation.
#[derive(Clone)]
pub struct ToolCall {
    /// The operation.
    pub operation: Arc<Contract>,
    /// The exact argument bytes, a JSON object that validates.
    pub arguments: Arc<[u8]>,
    /// The same for every attempt of one step.
    pub idempotency_key: Arc<str>,
    /// How long it may take.
    pub timeout: Duration,
    /// Fires when the call must stop.
    pub cancel: CancellationToken,
    /// Where it may reach.
    pub scope: Scope,
}

/// Where a tool or source may reach.
#[derive(Clone, Debug)]
pub struct Scope {
    /// For whom.
    pub tenant: TenantId,
    /// In which run, if in one.
    pub run: Option<RunId>,
    /// Folders it may touch; everything else is refused, symbolic links and `..` included.
    pub roots: Arc<[PathBuf]>,
}

/// What an operation gave.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutput {
    /// The result, a JSON object.
    pub value: Value,
}

/// Why an operation gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ToolFailure {
    /// Kebab-case code.
    pub code: Arc<str>,
    /// A sentence for people. It may hold personal data.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// Whether the effect may have happened all the same.
    pub uncertain: bool,
    /// How long whoever was asked wants to be left alone before the next attempt.
    pub retry_after: Option<Duration>,
}

/// What a person is shown before they allow a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// What it does, in a few words: `Write CHANGELOG.md`.
    pub title: String,
    /// What it changes, in a line: path, lines added and removed, network, cost.
    pub effect: String,
    /// The exact change, as a unified diff or as text.
    pub body: String,
    /// Media type of `body`.
    pub media: String,
}

/// Who asks MCP servers which tools they offer. Calling them is the business of [`Tools`].
#[async_trait]
pub trait ToolServers: Send + Sync {
    /// The servers of the configuration.
    fn names(&self) -> Vec<String>;
    /// What a server offers now; connects to it when it is not connected yet.
    async fn list(&self, server: &str) -> Result<Vec<ListedTool>, ToolFailure>;
    /// Ends every connection, and the programs behind them.
    async fn close(&self);
}

/// A tool as its server lists it. Every text and every hint is the server's, and nobody has checked them.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedTool {
    /// Its name there.
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// What it says of itself.
    pub description: Option<String>,
    /// Schema of its arguments.
    pub input: Value,
    /// Schema of its structured results, if it has one.
    pub output: Option<Value>,
    /// Whether it says that it changes nothing.
    pub read_only: Option<bool>,
    /// Whether it says that it may destroy something.
    pub destructive: Option<bool>,
    /// Whether it says that repeating a call has no further effect.
    pub idempotent: Option<bool>,
    /// `sha256:…` over name, description and schemas: what a binding is pinned to.
    pub schema: String,
    /// Digests of `description`, `input` and `output` alone.
    pub parts: BTreeMap<String, String>,
}
