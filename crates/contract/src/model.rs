//! The contract model: what a contract file says, as values.
//!
//! A contract is one YAML file. Its `kind` decides which [`Body`] it has; everything else at the top of the
//! file is [`Meta`], the same for every kind. Nothing here reads a file or checks a reference: that is
//! [`crate::load`] and [`crate::lint`].

mod agent;
pub mod duration;
mod group;
mod model_planner;
mod operation;
mod pack;
mod page;
mod snug;

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::{agent::*, group::*, model_planner::*, operation::*, pack::*, page::*};

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
