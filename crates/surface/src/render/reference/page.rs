//! The page of a contract, as facts. The JSON format is this model; HTML and Markdown are templates over it.

mod agent;
mod kinds;
mod operation;

use affiant_contract::{FieldClass, Kind, Schema, Stability, errors::Category};
use serde::Serialize;
use serde_json::Value;

pub use agent::{AgentFacts, Limit, PackFacts, PackUseFact, RuleFact, SourceLine, ToolFact};
pub use kinds::{
    CapabilityFacts, CausedBy, Column, EventFacts, FeatureFacts, FormFacts, FormFieldFact, Group, PayloadExample,
    PresentationFacts, SectionFact, ViewFacts,
};
pub use operation::{Access, Call, Effects, Emitted, ExampleFact, OperationFacts, Repetition, Success};

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

/// The page of a code with which runs or steps fail.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndingPage {
    /// The code, and what it means.
    #[serde(flatten)]
    pub ending: affiant_contract::errors::Ending,
    /// Where this page stands, without a suffix.
    pub path: String,
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
