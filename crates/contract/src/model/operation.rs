//! What a command or a query says: what goes in and out, who may call, and who carries it out.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Ref, Schema, duration, snug};

/// A command or a query.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// The capability that carries it out. Those that we ship have one; a single operation of a user's own needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Ref>,
    /// What it accepts: an object schema. Fields it does not name are refused.
    #[serde(deserialize_with = "snug::deserialize")]
    pub input: Schema,
    /// What it answers: an object schema.
    #[serde(deserialize_with = "snug::deserialize")]
    pub output: Schema,
    /// The errors it can answer beside those that every call can meet ([`crate::errors::EVERY_CALL`]).
    #[serde(default)]
    pub errors: Vec<ErrorSpec>,
    /// Who may call it, and how its fields are classed.
    pub policy: Policy,
    /// The events it causes.
    #[serde(default)]
    pub emits: Vec<Emits>,
    /// What callers may assume about its effects.
    #[serde(default)]
    pub hints: Hints,
    /// What a second call with the same key does.
    #[serde(default)]
    pub idempotency: Idempotency,
    /// Requests with their replies. They validate, and documentation and tests are made of them.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// Who carries it out.
    #[serde(default)]
    pub binding: Binding,
}

/// An error an operation declares: a code from the catalogue, or one of its own with everything said.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ErrorSpec {
    /// A code of [`crate::errors::CATALOGUE`].
    Known(String),
    /// An error of this contract alone.
    Own(OwnError),
}

/// An error that one contract declares for itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OwnError {
    /// Kebab-case code.
    pub code: String,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// When it happens, as a sentence.
    pub when: String,
    /// What the caller does next, as a sentence.
    pub remedy: String,
    /// Whether the same call may succeed later.
    #[serde(default)]
    pub retryable: bool,
}

/// Who may call an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Anybody.
    Anonymous,
    /// Any caller with a valid credential.
    User,
    /// A caller whose credential has the admin role.
    Admin,
}

/// Who may call an operation, how often, and how its fields are classed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Policy {
    /// The least a caller must be.
    pub auth: Auth,
    /// Fields with personal data, as dotted paths (`prompt`, `customer.email`) into input, output or payload.
    #[serde(default)]
    pub pii: Vec<String>,
    /// Classes of other fields, by dotted path. Fields not named are `internal`.
    #[serde(default)]
    pub classes: BTreeMap<String, FieldClass>,
    /// The most calls one credential may make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

/// How a field may be stored and shown (`docs/record-format.md`, section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldClass {
    /// May be shown to anybody.
    Public,
    /// May be stored and shown inside the tenant.
    Internal,
    /// Personal data: stored only as a commitment, with the value sealed.
    Pii,
    /// As `pii`, for values that are not about a person.
    Sensitive,
    /// Never stored at all.
    Secret,
}

/// A token bucket: `burst` calls at once, refilled at `perMinute`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// Calls per minute in the long run.
    pub per_minute: u32,
    /// Calls at once.
    pub burst: u32,
}

/// One event that an operation causes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emits {
    /// The event contract.
    pub event: Ref,
    /// When it is emitted, as a sentence.
    pub when: String,
}

/// What callers may assume about an operation's effects. Names and meaning are those of MCP tool
/// annotations. They decide what happens after a crash and whether a person is asked first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Hints {
    /// Changes nothing.
    pub read_only: bool,
    /// May destroy or overwrite something; asks a person first unless the agent says otherwise.
    pub destructive: bool,
    /// A second call with the same idempotency key has no further effect.
    pub idempotent: bool,
}

/// What a second call with the same `Idempotency-Key` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Idempotency {
    /// The first reply is given again; another body under the same key is 409. The default for commands.
    #[default]
    Keyed,
    /// The operation only reads; a key has no meaning. The rule for queries.
    Natural,
}

/// A request and its reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it shows, in a few words.
    pub title: String,
    /// A valid input.
    pub input: Map<String, Value>,
    /// A valid output.
    pub output: Map<String, Value>,
}

/// Who carries an operation out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Binding {
    /// Code in this binary, found by the operation's key.
    #[default]
    Builtin,
    /// An HTTP service.
    Http(HttpBinding),
    /// A program on this machine, started without a shell.
    Command(CommandBinding),
    /// A tool of an MCP server.
    Mcp(McpBinding),
}

/// An HTTP service that carries out an operation: the input is the JSON body, or for `GET` the query string.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpBinding {
    /// Absolute `http` or `https` URL; `{field}` takes a field of the input.
    pub url: String,
    /// `POST` unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers; a value `env:NAME` is read from the server's environment and never stored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Whether private and loopback addresses may be called.
    #[serde(default)]
    pub allow_private: bool,
    /// How long one attempt may take.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// A program that carries out an operation: the input is JSON on standard input, the output JSON on standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommandBinding {
    /// Program and arguments; an argument `{field}` takes a field of the input. A text that begins with `-` is
    /// taken only after an argument `--`.
    pub argv: Vec<String>,
    /// Names of environment variables to pass on. The program sees these, `PATH`, `LANG` and
    /// `AFFIANT_IDEMPOTENCY_KEY`, and no others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// How long it may take; 30 s unless said otherwise.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// A tool of an MCP server that carries out an operation, pinned as the server listed it: `affiant mcp pin` writes this.
/// A tool that is listed differently is not called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct McpBinding {
    /// Name of the server in the configuration.
    pub server: String,
    /// Name of the tool there.
    pub tool: String,
    /// `sha256:` and the digest of what the server listed: name, description, input schema and output schema, as JSON
    /// with sorted keys and no white space.
    pub schema: String,
    /// Digests of single parts of it, so that a change can be named: `description`, `input`, `output`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, String>,
    /// How long one call may take; 30 s unless said otherwise.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}
