//! The page of a contract, as facts. The JSON format is this model; HTML and Markdown are templates over it.

use affiant_contract::{
    Auth, CapabilityKind, FieldClass, Hints, Idempotency, Kind, Schema, Stability, errors::Category,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::render::errors::ErrorFact;

/// Everything that a reader of one contract is told.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Command, query, event, …
    pub kind: Kind,
    /// The kind as people read it.
    pub kind_words: &'static str,
    /// The contract's key.
    pub key: String,
    /// The version that this page is about.
    pub version: String,
    /// A few words.
    pub title: String,
    /// What it does.
    pub description: String,
    /// Why somebody uses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// When it is used, by whom, and what must be true before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The part of the business it belongs to.
    pub domain: String,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How settled it is.
    pub stability: StabilityFact,
    /// Stable id of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// The feature under which it stands.
    pub feature: FeatureLink,
    /// Where this page stands, without a suffix.
    pub path: String,
    /// Every version that is loaded, newest first.
    pub versions: Vec<VersionLink>,
    /// The capability behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<Link>,
    /// Fields that must not be shown to everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classed_fields: Option<Vec<ClassedField>>,
    /// The values that it gives a shape: input and output, payload, parameters.
    pub shapes: Vec<Shape>,
    /// What only this kind of contract says.
    #[serde(flatten)]
    pub details: Details,
    /// Contracts that it names, and that name it.
    pub related: Vec<Related>,
    /// What changed since the version before.
    pub changes: Changes,
    /// The file.
    pub source: SourceFact,
}

/// What only one kind of contract says. The name of the field is the kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Details {
    /// A command or a query.
    Operation(Box<OperationFacts>),
    /// An event.
    Event(EventFacts),
    /// A capability.
    CapabilitySpec(CapabilityFacts),
    /// A feature.
    FeatureSpec(FeatureFacts),
    /// A form.
    Form(FormFacts),
    /// A view.
    View(ViewFacts),
    /// A presentation.
    Presentation(PresentationFacts),
    /// An agent.
    Agent(Box<AgentFacts>),
    /// A context pack.
    ContextPack(PackFacts),
}

/// How settled a contract is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StabilityFact {
    /// The level in the file.
    pub level: Stability,
    /// The level as people read it.
    pub words: &'static str,
    /// What it means for somebody who builds on it.
    pub meaning: &'static str,
}

/// A contract that is named, and its page when it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// `key@version`
    pub contract: String,
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its page, without a suffix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A feature, by its key.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureLink {
    /// The key.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// Its page, without a suffix; absent where no contract describes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// One version of the contract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionLink {
    /// The version.
    pub version: String,
    /// Its page, without a suffix.
    pub path: String,
    /// Whether it is the one that this page is about.
    pub current: bool,
    /// Whether callers who name no version get it.
    pub newest: bool,
}

/// A field that must not be shown to everybody.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClassedField {
    /// Dotted path.
    pub path: String,
    /// Where it occurs: `input`, `output`, `payload`.
    pub occurs_in: Vec<String>,
    /// Its class.
    pub class: FieldClass,
    /// What happens to it.
    pub meaning: &'static str,
}

/// A value that the contract gives a shape.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// `input`, `output`, `payload`, `parameters`.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Whether fields that are not named are refused.
    pub closed: bool,
    /// Its fields, nested ones below the one that holds them.
    pub fields: Vec<Field>,
    /// The whole schema.
    pub schema: Schema,
}

/// One field of a shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Path from the top, `runs[].runId`.
    pub path: String,
    /// The last part of the path.
    pub name: String,
    /// How deep it is nested, from 0.
    pub depth: usize,
    /// What it is, in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it must be there, once the object that holds it is.
    pub required: bool,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What must hold, each as a fragment.
    pub constraints: Vec<String>,
    /// The values it may have, when they are listed.
    pub values: Vec<Value>,
    /// What it is when it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// A value of an example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    /// Its class, when it is not an ordinary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<FieldClass>,
}

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

/// What an event says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventFacts {
    /// The operations that cause it.
    pub caused_by: Vec<CausedBy>,
    /// Payloads.
    pub examples: Vec<PayloadExample>,
}

/// An operation that causes an event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CausedBy {
    /// The operation.
    pub operation: Link,
    /// When it does.
    pub when: String,
}

/// A payload.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadExample {
    /// What it shows.
    pub title: String,
    /// The payload.
    pub payload: Map<String, Value>,
}

/// What a capability says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CapabilityFacts {
    /// What sort of thing it is.
    pub sort: CapabilityKind,
    /// What that means.
    pub words: &'static str,
    /// What it provides.
    pub provides: Vec<Group>,
    /// What it needs.
    pub requires: Vec<Link>,
}

/// What a feature says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureFacts {
    /// The capabilities it consists of.
    pub capabilities: Vec<Link>,
    /// What people meet under it.
    pub includes: Vec<Group>,
}

/// Contracts of one kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The kind, in the plural.
    pub kind: &'static str,
    /// The contracts.
    pub links: Vec<Link>,
}

/// What a form says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormFacts {
    /// The operation it submits.
    pub operation: Link,
    /// Where the form itself is.
    pub path: String,
    /// Its fields, in order.
    pub fields: Vec<FormFieldFact>,
    /// What the button says.
    pub action: String,
}

/// One field of a form.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FormFieldFact {
    /// Name of the input field.
    pub field: String,
    /// What people read beside it.
    pub label: String,
    /// How it is entered, in words.
    pub widget: &'static str,
    /// Whether the form insists.
    pub required: bool,
    /// A sentence that helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Shown while it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether it holds personal data.
    pub personal: bool,
}

/// What a view says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewFacts {
    /// The query behind it.
    pub operation: Link,
    /// What one row is.
    pub entity: String,
    /// Output field that holds the rows.
    pub items: String,
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// Input fields that narrow the list.
    pub filters: Vec<String>,
}

/// One column of a view.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// Heading.
    pub label: String,
    /// Field of a row.
    pub field: String,
    /// What the field means, from the query's output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a presentation says.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PresentationFacts {
    /// The query that gives the facts.
    pub operation: Link,
    /// The formats it comes in.
    pub formats: Vec<String>,
    /// Its parts, in order.
    pub sections: Vec<SectionFact>,
}

/// One part of a presentation.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectionFact {
    /// Heading.
    pub title: String,
    /// What it answers.
    pub description: String,
}

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

/// Contracts that stand in one relation to this one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// The relation, read from this contract.
    pub relation: &'static str,
    /// The contracts.
    pub links: Vec<Link>,
}

/// What changed since the version before.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Link>,
    /// What it means for callers, as a sentence.
    pub verdict: &'static str,
    /// Each change.
    pub items: Vec<Change>,
}

/// One change.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Where, as a dotted path.
    pub path: String,
    /// What it is.
    pub words: String,
}

/// The contract's file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFact {
    /// Its path.
    pub path: String,
    /// Whether it is part of the program.
    pub shipped: bool,
    /// SHA-256 over its bytes.
    pub digest: String,
    /// Its bytes.
    pub text: String,
}

/// The page of an error code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorPage {
    /// The error.
    #[serde(flatten)]
    pub error: ErrorFact,
    /// What its category means.
    pub who_can_act: &'static str,
    /// Where this page stands, without a suffix.
    pub path: String,
    /// Whether any call can meet it.
    pub any_call: bool,
    /// The operations that name it.
    pub declared_by: Vec<Link>,
}

/// What a category means to the caller.
pub(crate) fn who_can_act(category: Category) -> &'static str {
    match category {
        Category::Request => "The caller: the request is not what the contract asks for.",
        Category::Identity => "Whoever gives out credentials: this one is missing, or does not suffice.",
        Category::Missing => "The caller: what the request names does not exist, or not for this caller.",
        Category::Conflict => "The caller, after looking again: what the request meets has moved on.",
        Category::Limit => "The caller, by waiting or by asking for less.",
        Category::Binding => "Whoever runs the program or service behind the operation.",
        Category::Server => "The operator of this server.",
    }
}
