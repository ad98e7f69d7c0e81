//! The contract model: what a contract file says, as values.
//!
//! A contract is one YAML file. Its `kind` decides which [`Body`] it has; everything else at the top of the
//! file is [`Meta`], the same for every kind. Nothing here reads a file or checks a reference: that is
//! [`crate::load`] and [`crate::lint`].

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON Schema 2020-12 document, in the order its author wrote it.
pub type Schema = Value;

/// The identity of a contract: a dotted key and a semantic version, written `agent.run@1.0.0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    /// The dotted key, for example `agent.run`.
    pub key: Arc<str>,
    /// The published version.
    pub version: Version,
}

impl Ref {
    /// A reference from its two halves.
    pub fn new(key: impl Into<Arc<str>>, version: Version) -> Self {
        Self { key: key.into(), version }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.key, self.version)
    }
}

/// A text is not of the form `key@1.0.0`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a contract reference such as `agent.run@1.0.0`")]
pub struct NotARef(pub String);

impl FromStr for Ref {
    type Err = NotARef;

    fn from_str(text: &str) -> Result<Self, NotARef> {
        let (key, version) = text.split_once('@').ok_or_else(|| NotARef(text.into()))?;
        let version = Version::parse(version).map_err(|_| NotARef(text.into()))?;
        if key.is_empty() {
            return Err(NotARef(text.into()));
        }
        Ok(Self::new(key, version))
    }
}

impl Serialize for Ref {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ref {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// One contract, as loaded: what it says, and where it came from.
#[derive(Clone, Debug)]
pub struct Contract {
    /// What every kind says about itself.
    pub meta: Meta,
    /// What this kind says.
    pub body: Body,
    /// The file it was read from.
    pub source: Source,
}

impl Contract {
    /// `key@version` of this contract.
    pub fn reference(&self) -> Ref {
        Ref::new(self.meta.key.clone(), self.meta.version.clone())
    }

    /// Whether it is one that we ship.
    pub fn is_builtin(&self) -> bool {
        self.source.path.to_string_lossy().starts_with("builtin:")
    }

    /// The operation inside, when this is a command or a query.
    pub fn operation(&self) -> Option<&Operation> {
        match &self.body {
            Body::Operation(operation) => Some(operation),
            _ => None,
        }
    }

    /// The agent inside, when this is one.
    pub fn agent(&self) -> Option<&Agent> {
        match &self.body {
            Body::Agent(agent) => Some(agent),
            _ => None,
        }
    }

    /// The context pack inside, when this is one.
    pub fn context_pack(&self) -> Option<&ContextPack> {
        match &self.body {
            Body::ContextPack(pack) => Some(pack),
            _ => None,
        }
    }
}

/// The file behind a contract. A contract's digest is the SHA-256 of these bytes, so that `sha256sum` on
/// the file in a bundle gives the digest that the record names.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path relative to the project folder, with forward slashes; `builtin:` in front for shipped ones.
    pub path: PathBuf,
    /// The exact bytes of the file.
    pub text: Arc<str>,
    /// `sha256:` and 64 lower-case hex digits over `text`.
    pub digest: Arc<str>,
}

/// The kind of a contract, as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An operation that changes something.
    Command,
    /// An operation that only reads.
    Query,
    /// A fact that is published.
    Event,
    /// What a part of the system can do, named so that others can depend on it.
    Capability,
    /// A group of contracts that people meet as one thing.
    Feature,
    /// How an operation's input is asked for.
    Form,
    /// How an operation's output is listed.
    View,
    /// How something is told to a person, in several formats.
    Presentation,
    /// An agent: planner, tools, context packs, budget, limits.
    Agent,
    /// Named sources that are read once into a snapshot.
    ContextPack,
}

/// How settled a contract is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    /// Written down to be talked about.
    Idea,
    /// Being built.
    InCreation,
    /// Usable; may still change in the next version.
    Experimental,
    /// Usable; changes are announced.
    Beta,
    /// Kept compatible within its major version.
    Stable,
    /// Works, and should no longer be used.
    Deprecated,
}

/// What every contract says about itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Command, query, event, …
    pub kind: Kind,
    /// Dotted key, lower case.
    pub key: Arc<str>,
    /// Semantic version of this file.
    pub version: Version,
    /// A few words for lists and headings.
    pub title: String,
    /// One or two sentences: what it does.
    pub description: String,
    /// Why somebody uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// When it is used, by whom, and what must be true before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The part of the business it belongs to.
    pub domain: String,
    /// Who answers for it.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How settled it is.
    pub stability: Stability,
    /// Stable id of its documentation page, for example `docs.tech.agent.run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Key of the feature under which its page stands; a contract without one stands under `user`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature: Option<String>,
}

/// What a contract of one kind says.
#[derive(Clone, Debug)]
pub enum Body {
    /// A command or a query; which one is in [`Meta::kind`].
    Operation(Operation),
    /// An event.
    Event(EventSpec),
    /// A capability.
    Capability(Capability),
    /// A feature.
    Feature(Feature),
    /// A form.
    Form(Form),
    /// A view.
    View(View),
    /// A presentation.
    Presentation(Presentation),
    /// An agent.
    Agent(Agent),
    /// A context pack.
    ContextPack(ContextPack),
}

/// A command or a query.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// The capability that carries it out. Those that we ship have one; a single operation of a user's own needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capability: Option<Ref>,
    /// What it accepts: an object schema. Fields it does not name are refused.
    pub input: Schema,
    /// What it answers: an object schema.
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

/// A tool of an MCP server that carries out an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct McpBinding {
    /// Name of the server in the configuration.
    pub server: String,
    /// Name of the tool there.
    pub tool: String,
}

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

/// A form: how an operation's input is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Form {
    /// The operation it submits.
    pub operation: Ref,
    /// The fields, in order.
    pub fields: Vec<FormField>,
    /// Personal fields.
    #[serde(default)]
    pub pii: Vec<String>,
    /// The button.
    pub action: FormAction,
}

/// One field of a form.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FormField {
    /// Name of the input field.
    pub field: String,
    /// What people read beside it.
    pub label: String,
    /// How it is entered; from the schema unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub widget: Option<Widget>,
    /// Shown while it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// A sentence that helps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the form insists, even where the contract would not.
    #[serde(default)]
    pub required: bool,
}

/// How a field is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Widget {
    /// One line.
    Text,
    /// Several lines.
    Textarea,
    /// A number.
    Number,
    /// One of a list.
    Select,
    /// Yes or no.
    Checkbox,
    /// JSON with checking as one types.
    Json,
}

/// A form's button.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormAction {
    /// Short name of the action, for example `run`.
    pub key: String,
    /// What the button says.
    pub label: String,
}

/// A view: how an operation's output is listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct View {
    /// The query behind it.
    pub operation: Ref,
    /// What one row is, for example `agent_run`.
    pub entity: String,
    /// Output field that holds the rows.
    pub items: String,
    /// Columns: fields of a row, in order.
    pub columns: Vec<ViewColumn>,
    /// Input fields that narrow the list.
    #[serde(default)]
    pub filters: Vec<String>,
}

/// One column of a view.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewColumn {
    /// Field of a row.
    pub field: String,
    /// Heading.
    pub label: String,
}

/// A presentation: how something is told to a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Presentation {
    /// The query that gives the facts.
    pub operation: Ref,
    /// The formats it comes in: `markdown`, `html`, `json`.
    pub formats: Vec<String>,
    /// Its parts, in order.
    pub sections: Vec<Section>,
}

/// One part of a presentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Short name.
    pub key: String,
    /// Heading.
    pub title: String,
    /// What it answers.
    pub description: String,
}

/// An agent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Agent {
    /// What a run takes as `input`. Defaults are filled in before the rules see it.
    pub input: Schema,
    /// What a run gives when it completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Schema>,
    /// The packs that are read when the caller names no snapshot.
    #[serde(default)]
    pub packs: Vec<PackUse>,
    /// The operations it may use. It can use no others.
    #[serde(default)]
    pub tools: Vec<ToolUse>,
    /// How far it may go.
    #[serde(default)]
    pub limits: Limits,
    /// How it decides.
    pub planner: Planner,
    /// Inputs with what the run must do, for `affiant agent test`: `title`, `input`, `snapshot` (by source key: `value`
    /// or `text`), `results` (by operation key: what a tool gives instead of being called), and `expect` with `status`,
    /// `calls` (operation keys in order), `output` (fields it must have) and `artifacts` (by name: the exact text).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Value>,
}

/// A context pack that an agent reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackUse {
    /// The pack.
    pub pack: Ref,
    /// Its parameters; `${…}` takes a CEL expression over `input`.
    #[serde(default)]
    pub parameters: Map<String, Value>,
}

/// An operation that an agent may use, and on which terms.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolUse {
    /// The operation.
    pub operation: Ref,
    /// Whether a person is asked before each call.
    #[serde(default)]
    pub approval: ApprovalRule,
    /// How long an approval may wait; an hour unless said otherwise.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub approval_expires: Option<Duration>,
    /// Whether the person who approves must be another than the one who started the run.
    #[serde(default)]
    pub approver_not_requester: bool,
    /// How long one attempt may take; 60 s unless said otherwise.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How failures are tried again.
    #[serde(default)]
    pub retry: Retry,
    /// The least time between two calls of one run.
    #[serde(default, with = "duration", skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Duration>,
}

/// Whether a person is asked before a tool is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalRule {
    /// Asked when the operation's hints say `destructive`.
    #[default]
    ByHint,
    /// Always asked.
    Required,
    /// Never asked.
    Never,
}

/// How failures are tried again: `attempts` in all, waiting `backoff`, then twice that, and so on up to `max`, with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Wait before the second attempt, in milliseconds.
    pub backoff_ms: u64,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, backoff_ms: 500, max_ms: 30_000 }
    }
}

/// How far a run may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Steps in all.
    pub steps: u64,
    /// Tool calls of one run at once.
    pub parallel: u32,
    /// Wall time from submission, in seconds, waiting for people included.
    pub deadline_seconds: u64,
    /// Runs of this agent at once, per tenant; unlimited when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 100_000, parallel: 4, deadline_seconds: 7 * 24 * 3600, concurrency: None }
    }
}

/// How an agent decides its next step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Planner {
    /// Ordered rules, no model.
    Rules(RulesPlanner),
}

impl Planner {
    /// The words shown to people wherever the planner is shown.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Rules(_) => "rules, no model",
        }
    }

    /// The kind, as it stands in contracts and records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rules(_) => "rules",
        }
    }
}

/// Ordered rules: the first whose condition holds decides.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesPlanner {
    /// The rules, first match wins.
    pub rules: Vec<Rule>,
}

/// One rule: a CEL condition over the facts, and what to do.
///
/// The facts are `input`, `run` (`id`, `agent`), `snapshot` (`id`, `root`, and `items` by source key: `digest` and
/// `value` or `text`), `steps` (by the name a rule gave with `as`: `status`, `result`, `error`), `last` (the step that
/// ended last), `count` (steps decided so far), `artifacts` (by file name: `id`, `kind`, `digest`) and `answers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the rule, unique in the agent; it stands in the record.
    pub id: String,
    /// CEL expression that gives a boolean. Absent means always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// What to do.
    pub then: Then,
}

/// What a rule does. A text that is one `${…}` takes the value of a CEL expression over the facts;
/// `${…}` inside a longer text takes it as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Then {
    /// Calls one tool.
    Call(CallTool),
    /// Calls several tools, as many at once as the limits allow.
    Calls(Vec<CallTool>),
    /// Keeps a result as an artifact.
    Artifact(MakeArtifact),
    /// Asks a person and waits.
    Ask(Ask),
    /// Completes the run with this output.
    Finish(Map<String, Value>),
    /// Fails the run, and says why.
    Fail(FailWith),
}

/// One tool call of a rule.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallTool {
    /// The operation; it must be among the agent's tools.
    pub tool: Ref,
    /// Name under which later rules find the step in `steps`.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What people read while it runs. It may hold `${…}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The arguments.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// An artifact that a rule makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MakeArtifact {
    /// `file`, `diff`, `output`, `report` or `log`.
    pub kind: String,
    /// File name for people.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// The content: text, or any value, which is then kept as JSON.
    pub content: Value,
    /// What it cites, for example the commits behind it: a list of texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cites: Option<Value>,
    /// One line for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// A question to a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ask {
    /// The question.
    pub question: String,
    /// Schema of the answer.
    pub schema: Schema,
    /// Name under which later rules find it in `answers`.
    #[serde(rename = "as")]
    pub name: String,
}

/// Why a rule fails its run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FailWith {
    /// The sentence people read.
    pub because: String,
}

/// A context pack: named sources, read once into a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContextPack {
    /// What a snapshot may be told, as an object schema. Defaults are filled in before the sources are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Schema>,
    /// The sources, in order.
    pub sources: Vec<PackSource>,
}

/// One source of a context pack. A field that is unknown here belongs to [`SourceSpec`], which refuses it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackSource {
    /// Name of its items in the snapshot, unique in the pack.
    pub key: String,
    /// Version of what is read, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether the snapshot fails without it.
    #[serde(default = "yes")]
    pub required: bool,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it is read from.
    #[serde(flatten)]
    pub from: SourceSpec,
}

/// Where a source is read from. Texts may hold `${parameters.…}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceSpec {
    /// Files below a folder.
    File {
        /// The folder.
        root: String,
        /// Globs of what to take.
        include: Vec<String>,
        /// Globs of what to leave.
        #[serde(default)]
        exclude: Vec<String>,
    },
    /// History or tree of a git repository, read in-process.
    Git {
        /// The repository's folder.
        root: String,
        /// What to read.
        read: GitRead,
        /// Revision range: `last-tag..HEAD`, `v1..v2`, or one revision for all before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        range: Option<String>,
        /// The most commits, or files.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
    },
    /// Text that stands in the pack.
    Text {
        /// The text.
        text: String,
    },
    /// A contract's file.
    Contract {
        /// The contract.
        contract: String,
    },
    /// A document fetched once.
    Http {
        /// The address.
        url: String,
    },
}

/// What is read from a git repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GitRead {
    /// One item with the commits of a range.
    History,
    /// The files of a revision.
    Tree,
}

fn yes() -> bool {
    true
}

/// Durations in contract files: `500ms`, `30s`, `15m`, `1h`, `7d`.
pub mod duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Reads `30s` and the like.
    pub fn parse(text: &str) -> Option<Duration> {
        let split = text.find(|c: char| !c.is_ascii_digit())?;
        let amount: u64 = text[..split].parse().ok()?;
        match &text[split..] {
            "ms" => Some(Duration::from_millis(amount)),
            "s" => Some(Duration::from_secs(amount)),
            "m" => amount.checked_mul(60).map(Duration::from_secs),
            "h" => amount.checked_mul(3600).map(Duration::from_secs),
            "d" => amount.checked_mul(86_400).map(Duration::from_secs),
            _ => None,
        }
    }

    pub(super) fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(&format_args!("{}ms", value.as_millis())),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
        let parsed = parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a duration such as 30s or 15m")))?;
        Ok(Some(parsed))
    }
}
