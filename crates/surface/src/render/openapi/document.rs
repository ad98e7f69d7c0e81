//! The parts of an OpenAPI 3.1 document that we write, as plain structs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A map that keeps its keys in order, so that a document always has the same bytes.
pub(super) type Named<T> = BTreeMap<String, T>;

/// An OpenAPI 3.1 document.
#[derive(Debug, Serialize)]
pub struct Document {
    /// Version of OpenAPI.
    pub openapi: &'static str,
    /// What the document describes.
    pub info: Info,
    /// Where the operations are found.
    pub servers: Vec<Server>,
    /// How callers show who they are, unless an operation says otherwise.
    pub security: Vec<Named<Vec<String>>>,
    /// The features.
    pub tags: Vec<Tag>,
    /// The operations by path.
    pub paths: Named<PathItem>,
    /// What several operations share.
    pub components: Components,
}

/// What the document describes.
#[derive(Debug, Serialize)]
pub struct Info {
    /// Name of the product.
    pub title: &'static str,
    /// Version of the server that rendered the document.
    pub version: &'static str,
    /// One line.
    pub summary: &'static str,
    /// What a caller must know before the first call.
    pub description: &'static str,
    /// Who to ask.
    pub contact: Contact,
    /// The licence of the server.
    pub license: License,
}

/// Who to ask.
#[derive(Debug, Serialize)]
pub struct Contact {
    /// Name of the project.
    pub name: &'static str,
    /// Where it lives.
    pub url: &'static str,
}

/// A licence, by its SPDX identifier.
#[derive(Debug, Serialize)]
pub struct License {
    /// Name for people.
    pub name: &'static str,
    /// SPDX identifier.
    pub identifier: &'static str,
}

/// Where the operations are found.
#[derive(Debug, Serialize)]
pub struct Server {
    /// Base of every path.
    pub url: &'static str,
    /// What it is.
    pub description: &'static str,
}

/// A group of operations.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tag {
    /// The feature's key.
    pub name: String,
    /// What the feature is for.
    pub description: String,
}

/// The operations of one path: a contract has one.
#[derive(Debug, Default, Serialize)]
pub struct PathItem {
    /// A query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<OperationItem>,
    /// A command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<OperationItem>,
}

/// One operation.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationItem {
    /// Name of the operation, the same as that of its MCP tool.
    pub operation_id: String,
    /// The contract's title.
    pub summary: String,
    /// What it does, why and when.
    pub description: String,
    /// The feature.
    pub tags: Vec<String>,
    /// Present and empty where anybody may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security: Option<Vec<Named<Vec<String>>>>,
    /// Query parameters and headers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<OrRef<Parameter>>,
    /// The input of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<RequestBody>,
    /// Every answer, by status.
    pub responses: Named<OrRef<Response>>,
    /// Whether it should no longer be used.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// What OpenAPI has no word for.
    #[serde(flatten)]
    pub extensions: BTreeMap<&'static str, Value>,
}

/// Something, or the place in [`Components`] where it stands.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum OrRef<T> {
    /// Where it stands.
    Ref {
        /// `#/components/…`
        #[serde(rename = "$ref")]
        target: String,
    },
    /// The thing itself.
    Here(T),
}

impl<T> OrRef<T> {
    /// The entry of a section of the components.
    pub fn component(section: &str, name: &str) -> Self {
        Self::Ref { target: format!("#/components/{section}/{name}") }
    }
}

/// A query parameter or a header.
#[derive(Debug, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `query` or `header`.
    #[serde(rename = "in")]
    pub place: &'static str,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a call without it is refused.
    pub required: bool,
    /// What it may be, written plainly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// What it may be, written as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Named<Media>>,
    /// A value that is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
}

/// The input of a command.
#[derive(Debug, Serialize)]
pub struct RequestBody {
    /// What it is.
    pub description: String,
    /// Whether a call without it is refused.
    pub required: bool,
    /// By media type.
    pub content: Named<Media>,
}

/// One media type of a body.
#[derive(Debug, Serialize)]
pub struct Media {
    /// What it may be.
    pub schema: Value,
    /// Values that are accepted or given.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub examples: Named<Example>,
}

/// A value that is accepted or given.
#[derive(Debug, Serialize)]
pub struct Example {
    /// What it shows.
    pub summary: String,
    /// The value.
    pub value: Value,
}

/// One answer.
#[derive(Debug, Serialize)]
pub struct Response {
    /// When it is given.
    pub description: String,
    /// Its headers.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub headers: Named<OrRef<Header>>,
    /// By media type.
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub content: Named<Media>,
}

/// A header of an answer.
#[derive(Debug, Serialize)]
pub struct Header {
    /// What it says.
    pub description: &'static str,
    /// What it may be.
    pub schema: Value,
}

/// What several operations share.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Components {
    /// Schemas of inputs, outputs and problems.
    pub schemas: Named<Value>,
    /// Answers that many operations give.
    pub responses: Named<Response>,
    /// Headers that callers send.
    pub parameters: Named<Parameter>,
    /// Headers that answers have.
    pub headers: Named<Header>,
    /// How callers show who they are.
    pub security_schemes: Named<Value>,
}
