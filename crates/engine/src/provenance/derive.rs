//! From events to the graph.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{
    ArtifactCreated, ArtifactId, Body, Event, InputRequested, RunId, RunSubmitted, StepDecided, run::PACK,
};
use serde_json::Map;

use super::{Basis, Graph, Id, Kind, Known, Node, Relation, Trust};
use crate::{
    replay::FORK,
    work::{asks_model, digest_of},
};

/// The graph of a run.
pub fn derive(known: &Known<'_>) -> Graph {
    let mut reading = Reading::new(known);
    known.events.iter().for_each(|event| reading.take(event));
    reading.graph
}

/// The events that were read so far.
pub(super) struct Reading<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) graph: Graph,
    pub(super) run: RunId,
    pub(super) submitted: Option<&'a RunSubmitted>,
    /// The event that says which snapshot is read.
    pub(super) snapshot: u64,
    pub(super) names: BTreeMap<String, u64>,
    pub(super) decided: BTreeMap<u64, &'a StepDecided>,
    pub(super) last: Option<u64>,
    pub(super) artifacts: BTreeMap<&'a str, ArtifactId>,
    pub(super) talk: Talk,
}

/// Where a conversation with a model stands.
#[derive(Default)]
pub(super) struct Talk {
    /// The call whose answer is the newest.
    pub(super) answered: Option<u64>,
    /// What was told since: results and people's answers.
    pub(super) told: Vec<Id>,
    /// Calls that failed for good since.
    pub(super) failed: Vec<u64>,
}

impl<'a> Reading<'a> {
    fn new(known: &'a Known<'a>) -> Self {
        let run = known.events.first().map_or_else(|| RunId::new(""), |event| RunId::new(event.stream.as_str()));
        Self {
            known,
            graph: Graph::default(),
            run,
            submitted: None,
            snapshot: 0,
            names: BTreeMap::new(),
            decided: BTreeMap::new(),
            last: None,
            artifacts: BTreeMap::new(),
            talk: Talk::default(),
        }
    }

    fn take(&mut self, event: &'a Event) {
        let seq = event.seq;
        match &event.body {
            Body::RunSubmitted(it) => self.submitted(it, event),
            Body::StepDecided(it) => self.decided(it, seq),
            Body::ApprovalRequested(it) => self.asked_for(it, seq),
            Body::ApprovalResolved(it) => self.resolved(it, seq),
            Body::StepDispatched(it) => self.about(Id::Step(it.step), seq),
            Body::StepUnknown(it) => self.about(Id::Step(it.step), seq),
            Body::TimerSet(it) => self.about(Id::Step(it.step), seq),
            Body::StepObserved(it) => self.observed(it, seq),
            Body::StepFailed(it) => {
                self.about(Id::Step(it.step), seq);
                if it.retry_at.is_none() {
                    self.ended(it.step, false);
                }
            }
            Body::ArtifactCreated(it) => self.kept(it, seq),
            Body::InputRequested(it) => self.asked(it, seq),
            Body::InputReceived(it) => self.heard(&it.name, event),
            Body::RunCancelRequested(_) => {
                self.graph.add(Id::Output, || Node::new(Kind::Document, "cancelled", seq));
                self.by(Id::Output, event);
            }
            Body::RunCompleted(it) => {
                self.graph.add(Id::Output, || Node::new(Kind::Document, "what the run gave", seq)).digest =
                    Some(digest_of(&it.output));
                self.follows(Id::Output, Relation::WasGeneratedBy, &it.rule, &it.facts, seq);
            }
            Body::RunFailed(it) => {
                self.graph.add(Id::Output, || Node::new(Kind::Document, format!("failed: {}", it.code), seq));
                if let Some(rule) = &it.rule {
                    self.follows(Id::Output, Relation::WasGeneratedBy, rule, &Map::new(), seq);
                }
                if let Some(step) = it.step {
                    self.came(Id::Output, Relation::WasInformedBy, Id::Step(step), seq);
                }
            }
            Body::RunCancelled(_) => {
                self.graph.add(Id::Output, || Node::new(Kind::Document, "cancelled", seq)).events.insert(seq);
            }
            _ => (),
        }
    }

    /// The run reads its snapshot from this event on.
    pub(super) fn reads(&mut self, seq: u64) {
        self.snapshot = seq;
        let kept = self.known.snapshot;
        let label = kept.map_or_else(
            || "the snapshot".to_owned(),
            |kept| match &kept.pack {
                Some(pack) => format!("snapshot of {pack}"),
                None => "snapshot of the input".to_owned(),
            },
        );
        let node = self.graph.add(Id::Snapshot, || Node::new(Kind::Document, label, seq));
        node.events.insert(seq);
        node.digest = kept.map(|kept| kept.root);
    }

    /// A step has ended: from here on rules find it by its name, and a model is told of it.
    pub(super) fn ended(&mut self, step: u64, gave: bool) {
        let Some(decided) = self.decided.get(&step).copied().filter(|it| &*it.rule != PACK) else { return };
        self.last = Some(step);
        self.names.extend(decided.name.clone().map(|name| (name, step)));
        match (asks_model(&decided.operation), gave) {
            (true, true) => self.talk = Talk { answered: Some(step), ..Talk::default() },
            (true, false) => self.talk.failed.push(step),
            (false, _) => self.talk.told.push(Id::Step(step)),
        }
    }

    fn kept(&mut self, it: &'a ArtifactCreated, seq: u64) {
        let me = Id::Artifact(it.artifact.clone());
        let node = self.graph.add(me.clone(), || Node::new(Kind::Document, it.name.clone(), seq));
        (node.digest, node.trust) = (Some(it.content.digest), Some(Trust::Derived));
        match (&it.rule, self.submitted.and_then(|it| it.forked.as_ref())) {
            (Some(rule), _) => self.follows(me, Relation::WasGeneratedBy, rule, &it.facts, seq),
            (None, Some(from)) => self.other_run(me, &from.run.clone(), seq),
            (None, None) => (),
        }
        // Not before: what made it read the artifacts that were there.
        self.artifacts.insert(&it.name, it.artifact.clone());
    }

    fn asked(&mut self, it: &InputRequested, seq: u64) {
        let me = Id::Answer(it.name.to_string());
        let node = self.graph.add(me.clone(), || Node::new(Kind::Input, it.question.clone(), seq));
        node.trust = Some(Trust::Caller);
        match self.submitted.and_then(|it| it.forked.as_ref()) {
            Some(from) if &*it.rule == FORK => self.other_run(me, &from.run.clone(), seq),
            _ => self.follows(me, Relation::WasInformedBy, &it.rule, &it.facts, seq),
        }
    }

    pub(super) fn heard(&mut self, name: &Arc<str>, event: &Event) {
        let me = Id::Answer(name.to_string());
        self.about(me.clone(), event.seq);
        self.by(me.clone(), event);
        self.talk.told.push(me);
    }

    /// Somebody did this in their own name.
    pub(super) fn by(&mut self, me: Id, event: &Event) {
        let who = Id::Person(event.actor.id.clone());
        let node = self.graph.add(who.clone(), || Node::new(Kind::Person, event.actor.id.to_string(), event.seq));
        node.events.insert(event.seq);
        self.came(me, Relation::WasAttributedTo, who, event.seq);
    }

    /// Something was taken over from another run.
    pub(super) fn other_run(&mut self, me: Id, run: &RunId, seq: u64) {
        let other = Id::Run(run.clone());
        self.graph.add(other.clone(), || Node::new(Kind::Step, "the run it goes on from", seq)).events.insert(seq);
        self.came(me, Relation::WasDerivedFrom, other, seq);
    }

    pub(super) fn step_of(&mut self, run: &RunId, step: u64, seq: u64) -> Id {
        let id = Id::StepOf(run.clone(), step);
        self.graph.add(id.clone(), || Node::new(Kind::Step, format!("step {step} of another run"), seq));
        id
    }

    /// One thing came from another, as this event says. What is not among the events that were read has no edges.
    pub(super) fn came(&mut self, me: Id, relation: Relation, from: Id, seq: u64) {
        if self.graph.nodes.contains_key(&me) && self.graph.nodes.contains_key(&from) {
            self.graph.link(me, relation, from, Basis::Recorded, &[seq]);
        }
    }

    pub(super) fn about(&mut self, id: Id, seq: u64) {
        if let Some(node) = self.graph.nodes.get_mut(&id) {
            node.events.insert(seq);
        }
    }
}
