//! What the pages of events, capabilities, features, forms, views and presentations say beside what every page says.

use affiant_contract::CapabilityKind;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Link;

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
