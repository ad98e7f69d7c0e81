//! What a context pack says: which sources are read into a snapshot.

use serde::{Deserialize, Serialize};

use super::Schema;

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
