//! Decisions: what a rule read, what a model was told.

use serde_json::{Map, Value};

use super::{Basis, Id, Kind, Node, Relation, Trust, derive::Reading};
use crate::{model, snapshot::Item};

/// How a decision is named in an event.
enum Rule<'a> {
    /// A rule of the agent.
    Of(&'a str),
    /// The answer of a model, by its step.
    Said(u64),
    /// The conversation goes on.
    Asks,
}

fn rule(name: &str) -> Rule<'_> {
    match name.strip_prefix(model::RULE) {
        Some("") => Rule::Asks,
        Some(rest) => rest.strip_prefix('/').and_then(|step| step.parse().ok()).map_or(Rule::Of(name), Rule::Said),
        None => Rule::Of(name),
    }
}

impl<'a> Reading<'a> {
    /// What a rule or an answer decided, and what it rests on.
    pub(super) fn follows(&mut self, me: Id, relation: Relation, name: &str, facts: &Map<String, Value>, seq: u64) {
        match (rule(name), &me) {
            (Rule::Said(step), _) => self.came(me, relation, Id::Step(step), seq),
            (Rule::Asks, Id::Step(step)) => self.told(*step, seq),
            (Rule::Asks, _) => {
                let last = self.talk.failed.last().copied().or(self.talk.answered);
                if let Some(last) = last {
                    self.came(me, Relation::WasInformedBy, Id::Step(last), seq);
                }
            }
            (Rule::Of(rule), _) => {
                let decision = Id::Decision(seq);
                self.graph.add(decision.clone(), || Node::new(Kind::Decision, format!("rule {rule}"), seq));
                self.came(me, relation, decision.clone(), seq);
                self.facts(&decision, facts, seq);
                self.text_of(&decision, rule, seq);
            }
        }
    }

    /// The facts that the event says were read.
    pub(super) fn facts(&mut self, me: &Id, facts: &Map<String, Value>, seq: u64) {
        for (read, value) in facts {
            let asked = read.strip_prefix("has(").and_then(|path| path.strip_suffix(')'));
            // What was not there is no source.
            if asked.is_some() && value == &Value::Bool(false) || value.is_null() {
                continue;
            }
            let path: Vec<String> = asked.unwrap_or(read).split('.').map(str::to_owned).collect();
            self.read(me, &path, read, Basis::Recorded, seq);
        }
    }

    /// The facts that stand in the rule's text.
    pub(super) fn text_of(&mut self, me: &Id, rule: &str, seq: u64) {
        let Some(agent) = self.known.agent else { return };
        let reads: Vec<_> = agent.rules.reads_of(rule).into_iter().filter(|read| !read.presence).collect();
        for read in reads {
            self.read(me, &read.path, &read.to_string(), Basis::Contract, seq);
        }
    }

    pub(super) fn read(&mut self, me: &Id, path: &[String], named: &str, basis: Basis, seq: u64) {
        for source in self.sources(path) {
            let edge = self.graph.link(me.clone(), Relation::Used, source, basis, &[seq]);
            let known = edge.reads.entry(named.to_owned()).or_insert(basis);
            *known = basis.min(*known);
        }
    }

    /// What a fact is about.
    pub(super) fn sources(&mut self, path: &[String]) -> Vec<Id> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let step = |number: &u64| Id::Step(*number);
        let found: Vec<Id> = match path.as_slice() {
            ["input" | "prompt", ..] => vec![Id::Input],
            ["snapshot", "items", source, ..] => self.items_of(source),
            ["snapshot", ..] => vec![Id::Snapshot],
            ["steps", name, ..] => self.names.get(*name).map(step).into_iter().collect(),
            ["steps"] => self.names.values().map(step).collect(),
            ["last", ..] => self.last.iter().map(step).collect(),
            ["artifacts", rest @ ..] => {
                // A file's name has dots of its own.
                let named = |name: &str| rest.is_empty() || rest.join(".").starts_with(name);
                let kept = self.artifacts.iter().filter(|(name, _)| named(name));
                kept.map(|(_, id)| Id::Artifact(id.clone())).collect()
            }
            ["answers", name, ..] => vec![Id::Answer((*name).to_owned())],
            _ => Vec::new(),
        };
        found.into_iter().filter(|id| self.graph.nodes.contains_key(id)).collect()
    }

    /// The items that one source of the pack gave; the snapshot itself where they are many.
    pub(super) fn items_of(&mut self, source: &str) -> Vec<Id> {
        const MANY: usize = 8;
        let Some(kept) = self.known.snapshot else { return vec![Id::Snapshot] };
        let items: Vec<&Item> = kept.items.iter().filter(|item| &*item.source == source).collect();
        if items.is_empty() || items.len() > MANY {
            return vec![Id::Snapshot];
        }
        items.into_iter().map(|item| self.item(item)).collect()
    }

    pub(super) fn item(&mut self, item: &Item) -> Id {
        let (id, seq) = (Id::Item(item.key()), self.snapshot);
        let node = self.graph.add(id.clone(), || Node::new(Kind::Document, item.key(), seq));
        (node.digest, node.trust) = (Some(item.content.digest), Some(Trust::of_source(&item.kind)));
        self.came(id.clone(), Relation::PartOf, Id::Snapshot, seq);
        id
    }

    /// What a call of a model was told that its answer rests on.
    pub(super) fn told(&mut self, step: u64, seq: u64) {
        let me = Id::Step(step);
        match self.talk.answered {
            Some(before) => self.came(me.clone(), Relation::WasInformedBy, Id::Step(before), seq),
            None => self.opened(&me, step, seq),
        }
        for failed in self.talk.failed.clone() {
            self.came(me.clone(), Relation::WasInformedBy, Id::Step(failed), seq);
        }
        for told in self.talk.told.clone() {
            self.came(me.clone(), Relation::Used, told, seq);
        }
    }

    pub(super) fn opened(&mut self, me: &Id, step: u64, seq: u64) {
        self.came(me.clone(), Relation::Used, Id::Input, seq);
        let shown = self.known.shown.get(&step);
        let items = self.known.snapshot.iter().flat_map(|kept| &kept.items);
        let shown: Vec<&Item> = items.filter(|item| shown.is_some_and(|shown| shown.contains(&item.key()))).collect();
        for item in shown {
            let item = self.item(item);
            self.came(me.clone(), Relation::Used, item, seq);
        }
        self.came(me.clone(), Relation::Used, Id::Snapshot, seq);
    }
}
