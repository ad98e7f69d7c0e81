//! What is published, and what belongs together: events, capabilities, features.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Ref, Schema};

/// An event contract.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventSpec {
    /// The capability that publishes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Ref>,
    /// What it carries: an object schema.
    pub payload: Schema,
    /// Personal fields of the payload.
    #[serde(default)]
    pub pii: Vec<String>,
    /// Payloads that validate.
    #[serde(default)]
    pub examples: Vec<EventExample>,
}

/// A payload with a title.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventExample {
    /// What it shows, in a few words.
    pub title: String,
    /// A valid payload.
    pub payload: Map<String, Value>,
}

/// A capability.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Capability {
    /// What sort of thing it is.
    pub capability_kind: CapabilityKind,
    /// The operations and events it provides.
    pub provides: Vec<Ref>,
    /// The capabilities it needs.
    #[serde(default)]
    pub requires: Vec<Ref>,
}

/// What sort of thing a capability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapabilityKind {
    /// It carries out work.
    Integration,
    /// It holds data.
    Data,
    /// It shows something to people.
    Ui,
    /// It tells about the system itself.
    Platform,
}

/// A feature.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Feature {
    /// The capabilities it consists of.
    pub capabilities: Vec<Ref>,
    /// The contracts that people meet under it.
    pub includes: Vec<Ref>,
}
