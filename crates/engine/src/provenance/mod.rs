//! Where things in a run came from: its events read as a graph. Pure: events in, nodes and edges out.
//!
//! An edge leads from what came later to what it came from, under the words of W3C PROV where they fit. It names the
//! events that say so, and on what it rests: on an event, on the text of a rule in the agent that the run pinned, or on
//! nothing but the same words standing in both. A step's node stands for the work and for what it gave.

mod derive;
mod near;
mod reads;
mod seen;
mod steps;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use affiant_journal::{ApprovalId, ArtifactId, Digest, Event, PrincipalId, RunId};
use serde::{Deserialize, Serialize};

use crate::{agent::ReadyAgent, snapshot::Snapshot};

pub use derive::derive;
pub use near::{Near, Reached};
pub use seen::{Extent, ItemsSeen, items_seen, results_seen};
pub use words::{Found, Needle, leaves, stands_alone};

/// What is known of a run.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Its events in order; the first is there, others may be missing where a run is long.
    pub events: &'a [Event],
    /// The agent as the run pinned it, where it is loaded here.
    pub agent: Option<&'a ReadyAgent>,
    /// The snapshot that the run reads, where it is kept.
    pub snapshot: Option<&'a Snapshot>,
    /// For calls of models that opened a conversation, by step: the items of the snapshot that they were shown.
    pub shown: &'a BTreeMap<u64, BTreeSet<String>>,
}

/// What a node stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// What the run was asked: prompt and input.
    Input,
    /// A person's answer to a question, by its name.
    Answer(String),
    /// The snapshot that the run reads.
    Snapshot,
    /// One item of it, by key.
    Item(String),
    /// A part of an item: its key, and the JSON pointer to the part.
    Part(String, String),
    /// A step and what it gave.
    Step(u64),
    /// What a rule decided, by the event that says so.
    Decision(u64),
    /// A question to people about one exact action.
    Approval(ApprovalId),
    /// A principal.
    Person(PrincipalId),
    /// An artifact.
    Artifact(ArtifactId),
    /// A line of it, from 1.
    Line(ArtifactId, u64),
    /// How the run ended: what it gave, or why it gave nothing.
    Output,
    /// Another run.
    Run(RunId),
    /// A step of another run.
    StepOf(RunId, u64),
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input => f.write_str("input"),
            Self::Answer(name) => write!(f, "answer:{name}"),
            Self::Snapshot => f.write_str("snapshot"),
            Self::Item(key) => write!(f, "item:{key}"),
            Self::Part(key, path) => write!(f, "item:{key}#{path}"),
            Self::Step(step) => write!(f, "step:{step}"),
            Self::Decision(seq) => write!(f, "decision:{seq}"),
            Self::Approval(approval) => write!(f, "approval:{approval}"),
            Self::Person(person) => write!(f, "person:{person}"),
            Self::Artifact(artifact) => write!(f, "artifact:{artifact}"),
            Self::Line(artifact, line) => write!(f, "artifact:{artifact}:{line}"),
            Self::Output => f.write_str("output"),
            Self::Run(run) => write!(f, "run:{run}"),
            Self::StepOf(run, step) => write!(f, "run:{run}:{step}"),
        }
    }
}

/// What sort of thing a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something that can be read: an artifact, a line, an item of a snapshot, a result.
    Document,
    /// Work.
    Step,
    /// A choice: of a rule, or of whoever was asked.
    Decision,
    /// Whoever did something in their own name.
    Person,
    /// A call of a model.
    Model,
    /// What people gave to the run.
    Input,
}

/// Whose word something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The contract's author wrote it.
    Author,
    /// The caller sent it.
    Caller,
    /// Somebody out there wrote it.
    Untrusted,
    /// The run made it of other things.
    Derived,
}

impl Trust {
    /// Whose word an item of a snapshot is, by the kind of its source.
    pub fn of_source(kind: &str) -> Self {
        match kind {
            "text" | "contract" => Self::Author,
            "input" => Self::Caller,
            _ => Self::Untrusted,
        }
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What sort of thing it is.
    pub kind: Kind,
    /// What people call it. Agents, models and callers chose parts of it.
    pub label: String,
    /// The events that speak of it, by `seq`.
    pub events: BTreeSet<u64>,
    /// Digest of what it holds, where the record has one.
    pub digest: Option<Digest>,
    /// Whose word it is, where that is known.
    pub trust: Option<Trust>,
    /// The operation of a step, `key@version`.
    pub operation: Option<String>,
}

impl Node {
    /// A node with nothing but a name.
    pub fn new(kind: Kind, label: impl Into<String>, event: u64) -> Self {
        let (label, events) = (label.into(), BTreeSet::from([event]));
        Self { kind, label, events, digest: None, trust: None, operation: None }
    }
}

/// How one thing came from another. The words are PROV's, but for the last three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// A document was made by this.
    WasGeneratedBy,
    /// Work or a choice took this in.
    Used,
    /// Work or a choice followed from this one.
    WasInformedBy,
    /// It was taken over from this.
    WasDerivedFrom,
    /// It is somebody's word.
    WasAttributedTo,
    /// It is a part of this.
    PartOf,
    /// The same words stand in this.
    Quotes,
    /// It names this as its source.
    Cites,
}

/// On what an edge rests, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The events say so.
    Recorded,
    /// The text of the rule says so, in the agent whose digest the run pinned.
    Contract,
    /// The same words stand in both; nothing says that one came from the other.
    Words,
}

/// What connects two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The surest thing it rests on.
    pub basis: Basis,
    /// The events that say so, by `seq`.
    pub events: BTreeSet<u64>,
    /// What was read, as facts are named: `steps.log.result.commits`, and on what that rests.
    pub reads: BTreeMap<String, Basis>,
}

/// Where things in a run came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The nodes.
    pub nodes: BTreeMap<Id, Node>,
    /// The edges, from what came later to what it came from.
    pub edges: BTreeMap<(Id, Id, Relation), Edge>,
}

impl Graph {
    /// Says once more that `from` came from `to`. Both must be nodes.
    pub fn link(&mut self, from: Id, relation: Relation, to: Id, basis: Basis, events: &[u64]) -> &mut Edge {
        debug_assert!(self.nodes.contains_key(&from) && self.nodes.contains_key(&to), "{from} {to}");
        let new = || Edge { basis, events: BTreeSet::new(), reads: BTreeMap::new() };
        let edge = self.edges.entry((from, to, relation)).or_insert_with(new);
        edge.basis = edge.basis.min(basis);
        edge.events.extend(events);
        edge
    }

    /// Adds a node, unless it is there.
    pub fn add(&mut self, id: Id, node: impl FnOnce() -> Node) -> &mut Node {
        self.nodes.entry(id).or_insert_with(node)
    }
}
