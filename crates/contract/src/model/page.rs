//! What people see: forms, views and presentations.

use serde::{Deserialize, Serialize};

use super::Ref;

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
