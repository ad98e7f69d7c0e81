//! What the pages of agents and context packs say beside what every page says.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Link;

/// What an agent says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentFacts {
    /// How it decides: `rules, no model`.
    pub planner: &'static str,
    /// Its rules; the first that holds decides.
    pub rules: Vec<RuleFact>,
    /// The operations it may use.
    pub tools: Vec<ToolFact>,
    /// The packs that it reads.
    pub packs: Vec<PackUseFact>,
    /// How far a run may go.
    pub limits: Vec<Limit>,
    /// How a run is started.
    pub start: String,
    /// What its own tests hold.
    pub tests: Vec<String>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleFact {
    /// Its name in the record.
    pub id: String,
    /// The condition, as CEL; absent means always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What it does, each as a sentence.
    pub then: Vec<String>,
    /// Arguments, output or content, as the file has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<Value>,
}

/// An operation that an agent may use.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolFact {
    /// The operation.
    pub operation: Link,
    /// Whether a person is asked.
    pub approval: String,
    /// How long one attempt may take.
    pub timeout: String,
    /// How failures are tried again.
    pub retry: String,
    /// The least time between two calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<String>,
}

/// A pack that an agent reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackUseFact {
    /// The pack.
    pub pack: Link,
    /// Its parameters.
    pub parameters: Map<String, Value>,
}

/// One limit of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// What is limited.
    pub what: &'static str,
    /// To what.
    pub to: String,
}

/// What a context pack says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PackFacts {
    /// Its sources, in order.
    pub sources: Vec<SourceLine>,
}

/// One source of a context pack.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceLine {
    /// Name of its items in a snapshot.
    pub key: String,
    /// What is read, as a sentence.
    pub reads: String,
    /// Whether a snapshot fails without it.
    pub required: bool,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
