//! What the page of a command or a query says beside what every page says.

use affiant_contract::{Auth, Hints, Idempotency};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Link;
use crate::render::errors::ErrorFact;

/// What a command or a query says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationFacts {
    /// How it is called, surface by surface.
    pub call: Call,
    /// Who may call it.
    pub access: Access,
    /// What it does to the world.
    pub effects: Effects,
    /// What a second call does.
    pub repetition: Repetition,
    /// The events it causes, in order.
    pub emits: Vec<Emitted>,
    /// Every error that a caller can meet, by status.
    pub errors: Vec<ErrorFact>,
    /// Requests with their replies.
    pub examples: Vec<ExampleFact>,
}

/// How an operation is called, surface by surface.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// HTTP method.
    pub method: &'static str,
    /// The route of exactly this version.
    pub path: String,
    /// Routes that lead here for as long as nothing newer matches.
    pub aliases: Vec<String>,
    /// What success looks like.
    pub success: Vec<Success>,
    /// Name of the MCP tool and of the OpenAPI operation.
    pub tool: String,
    /// The command line.
    pub cli: String,
    /// The form.
    pub form: String,
    /// Who carries it out, in words.
    pub carried_out_by: String,
}

/// A status of a call that succeeds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Success {
    /// HTTP status.
    pub status: u16,
    /// What it means.
    pub meaning: &'static str,
}

/// Who may call an operation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// The level in the file.
    pub auth: Auth,
    /// Who that is.
    pub words: &'static str,
    /// How often, when there is a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<String>,
}

/// What an operation does to the world.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Effects {
    /// The hints in the file.
    pub hints: Hints,
    /// What they mean, as a sentence.
    pub words: &'static str,
    /// What they mean where an agent uses the operation as a tool.
    pub for_agents: &'static str,
}

/// What a second call does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repetition {
    /// The rule in the file.
    pub idempotency: Idempotency,
    /// The rule, as sentences.
    pub words: &'static str,
    /// Codes after which the same call may be sent again.
    pub retry_after: Vec<String>,
}

/// An event that an operation causes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Emitted {
    /// The event.
    pub event: Link,
    /// When it is emitted.
    pub when: String,
}

/// A request with its reply, in four languages.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExampleFact {
    /// What it shows.
    pub title: String,
    /// The input.
    pub input: Map<String, Value>,
    /// HTTP status of the reply.
    pub status: u16,
    /// The output.
    pub output: Map<String, Value>,
    /// For a shell.
    pub curl: String,
    /// With our command line.
    pub cli: String,
    /// With Python's standard library.
    pub python: String,
    /// With `fetch`.
    pub typescript: String,
}
