//! Steps: what began them, what they gave, and whom they waited for.

use std::collections::BTreeSet;

use affiant_journal::{
    ApprovalRequested, ApprovalResolved, Decision, Event, Payload, RunSubmitted, StepDecided, StepObserved, Verdict,
    run::PACK,
};

use super::{Basis, Id, Kind, Node, Relation, Trust, derive::Reading};
use crate::{
    agent::ReadyAgent,
    child,
    replay::FORK,
    rules::Template,
    work::{asks_model, digest_of},
};

impl<'a> Reading<'a> {
    pub(super) fn submitted(&mut self, it: &'a RunSubmitted, event: &Event) {
        self.submitted = Some(it);
        let node = self.graph.add(Id::Input, || Node::new(Kind::Input, "prompt and input of the run", event.seq));
        node.trust = Some(Trust::Caller);
        self.by(Id::Input, event);
        if let Some(from) = &it.forked {
            self.other_run(Id::Input, &from.run, event.seq);
        }
        if let Some(parent) = &it.parent {
            let above = self.step_of(&parent.run, parent.step, event.seq);
            self.came(Id::Input, Relation::WasDerivedFrom, above, event.seq);
        }
        if it.snapshot.is_some() {
            self.reads(event.seq);
        }
    }

    pub(super) fn decided(&mut self, it: &'a StepDecided, seq: u64) {
        let me = Id::Step(it.step);
        let kind = if asks_model(&it.operation) { Kind::Model } else { Kind::Step };
        let label = it.label.clone().unwrap_or_else(|| it.operation.name.to_string());
        let node = self.graph.add(me.clone(), || Node::new(kind, label, seq));
        node.operation = Some(it.operation.name.to_string());
        self.decided.insert(it.step, it);
        match (&*it.rule, it.decision) {
            (_, Decision::Reused) => self.reused(it, seq),
            (PACK, _) => self.packs(it.step, seq),
            _ => self.follows(me, Relation::WasInformedBy, &it.rule, &it.facts, seq),
        }
        if it.decision == Decision::Deny {
            self.ended(it.step, false);
        }
    }

    pub(super) fn reused(&mut self, it: &StepDecided, seq: u64) {
        if let Some(from) = self.submitted.and_then(|it| it.forked.as_ref()) {
            let before = self.step_of(&from.run, it.step, seq);
            self.came(Id::Step(it.step), Relation::WasDerivedFrom, before, seq);
        }
        match self.talk.answered {
            _ if asks_model(&it.operation) => self.told(it.step, seq),
            // In a conversation a step is named after the call that the newest answer made.
            Some(said) if &*it.rule == FORK && it.name.is_some() => {
                self.came(Id::Step(it.step), Relation::WasInformedBy, Id::Step(said), seq);
            }
            _ => (),
        }
    }

    /// The step that reads the agent's packs: with parameters that its contract takes from the input.
    pub(super) fn packs(&mut self, step: u64, seq: u64) {
        let Some(agent) = self.known.agent else { return };
        for used in &agent.agent().packs {
            let Ok(parameters) = Template::object(&used.parameters) else { continue };
            let mut reads = Vec::new();
            parameters.reads(&mut reads);
            for read in reads.iter().filter(|read| !read.presence) {
                self.read(&Id::Step(step), &read.path, &read.to_string(), Basis::Contract, seq);
            }
        }
    }

    pub(super) fn observed(&mut self, it: &'a StepObserved, seq: u64) {
        let me = Id::Step(it.step);
        self.about(me.clone(), seq);
        if let Some(node) = self.graph.nodes.get_mut(&me) {
            (node.digest, node.trust) = (Some(digest_of(&it.result)), Some(Trust::Untrusted));
        }
        if let Some(person) = &it.recorded_by {
            let who = Id::Person(person.clone());
            self.graph.add(who.clone(), || Node::new(Kind::Person, person.to_string(), seq)).events.insert(seq);
            self.came(me.clone(), Relation::WasAttributedTo, who, seq);
        }
        let Some(decided) = self.decided.get(&it.step).copied() else { return };
        if &*decided.rule == PACK {
            self.packed(it, seq);
            return;
        }
        let calls =
            |agent: &ReadyAgent| agent.tool_named(&decided.operation.name).is_some_and(|tool| tool.called.is_some());
        if it.attempt > 0 && self.known.agent.is_some_and(calls) {
            let child = child::id_of(&self.run, it.step);
            let label = format!("run of {}", decided.operation.name);
            let id = Id::Run(child);
            self.graph.add(id.clone(), || Node::new(Kind::Step, label, seq));
            self.came(me, Relation::WasInformedBy, id, seq);
        }
        self.ended(it.step, true);
    }

    pub(super) fn packed(&mut self, it: &StepObserved, seq: u64) {
        if matches!(&it.result, Payload::Inline(result) if result["snapshotId"].is_string()) {
            self.reads(seq);
            self.came(Id::Snapshot, Relation::WasGeneratedBy, Id::Step(it.step), seq);
        }
    }

    pub(super) fn asked_for(&mut self, it: &ApprovalRequested, seq: u64) {
        let id = Id::Approval(it.approval.clone());
        let because = it.policies.first().map(|policy| format!(", because of {policy}")).unwrap_or_default();
        let label = format!("a person is asked about step {}{because}", it.step);
        let node = self.graph.add(id.clone(), || Node::new(Kind::Decision, label, seq));
        node.digest = Some(it.action);
        self.came(Id::Step(it.step), Relation::WasInformedBy, id.clone(), seq);
        // The question rests on what the step rests on.
        let from = Id::Step(it.step);
        let above: BTreeSet<Id> = self
            .graph
            .edges
            .range((from.clone(), Id::Input, Relation::WasGeneratedBy)..)
            .take_while(|((at, ..), _)| *at == from)
            .filter(|((_, to, relation), _)| *relation == Relation::WasInformedBy && *to != id)
            .map(|((_, to, _), _)| to.clone())
            .collect();
        for to in above {
            self.came(id.clone(), Relation::WasInformedBy, to, seq);
        }
        self.about(Id::Step(it.step), seq);
    }

    pub(super) fn resolved(&mut self, it: &ApprovalResolved, seq: u64) {
        let id = Id::Approval(it.approval.clone());
        let verdict = match it.decision {
            Verdict::Approved => "approved",
            Verdict::Rejected => "rejected",
            Verdict::Expired => "expired: nobody answered in time",
            Verdict::Withdrawn => "withdrawn: the run ended before anybody answered",
        };
        if let Some(node) = self.graph.nodes.get_mut(&id) {
            node.label = format!("step {} {verdict}", it.step);
            node.events.insert(seq);
        }
        if let Some(person) = &it.approver {
            let who = Id::Person(person.clone());
            self.graph.add(who.clone(), || Node::new(Kind::Person, person.to_string(), seq)).events.insert(seq);
            self.came(id, Relation::WasAttributedTo, who, seq);
        }
        self.about(Id::Step(it.step), seq);
        if it.decision != Verdict::Approved {
            self.ended(it.step, false);
        }
    }
}
