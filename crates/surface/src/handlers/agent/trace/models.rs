//! What the models of a run were shown.

use std::collections::{BTreeMap, BTreeSet};

use affiant_engine::provenance::{Extent, Id, ItemsSeen, Reached, items_seen, results_seen};
use affiant_journal::{Body, StepDecided};
use serde_json::Value;

use super::{ContextRow, ItemShown, Record, ResultShown};
use crate::{handlers::services::Services, problem::Refusal};

/// Calls of models whose arguments are read, the newest.
const CALLS: usize = 200;
/// Contexts in a reply.
const CONTEXTS: usize = 8;
/// Items and results in a context.
const ROWS: usize = 100;

/// The calls of models in a run.
pub(super) struct Talks {
    calls: BTreeMap<u64, CallSaid>,
    /// How much of each result was shown, by the provider's id of the tool's call.
    results: BTreeMap<String, Extent>,
    /// What the openings showed of the snapshot.
    opening: Option<ItemsSeen>,
}

struct CallSaid {
    seq: u64,
    model: Option<String>,
    opens: bool,
    readable: bool,
    dropped: BTreeSet<String>,
}

/// Whether a step asks a model.
pub(super) fn asks_model(it: &StepDecided) -> bool {
    it.operation.name.starts_with("model.call@")
}

/// Reads what the models of a run were sent, as far as the caller may see it.
pub(super) async fn talks(services: &Services, record: &Record) -> Result<Talks, Refusal> {
    let mut talks = Talks { calls: BTreeMap::new(), results: BTreeMap::new(), opening: None };
    let asked: Vec<(u64, &StepDecided)> = record
        .events
        .iter()
        .filter_map(|event| match &event.body {
            Body::StepDecided(it) if asks_model(it) => Some((event.seq, it)),
            _ => None,
        })
        .collect();
    let old = asked.len().saturating_sub(CALLS);
    // The first call opens the conversation and is read however many there are.
    for (place, (seq, it)) in asked.iter().enumerate() {
        let arguments = match place == 0 || place >= old {
            true => record.value(services, &it.arguments, *seq, "/arguments").await?.unwrap_or_default(),
            false => Value::Null,
        };
        talks.take(*seq, it, &arguments);
    }
    Ok(talks)
}

impl Talks {
    fn take(&mut self, seq: u64, it: &StepDecided, arguments: &Value) {
        self.results.extend(results_seen(arguments));
        let seen = items_seen(arguments);
        let opens = seen.is_some();
        self.opening = self.opening.take().or(seen);
        let dropped = arguments["dropped"].as_array().into_iter().flatten();
        let call = CallSaid {
            seq,
            model: it.facts.get("model").and_then(|model| model.as_str()).map(str::to_owned),
            opens,
            readable: arguments["messages"].is_array(),
            dropped: dropped.filter_map(|gone| gone["call"].as_str().map(str::to_owned)).collect(),
        };
        self.calls.insert(it.step, call);
    }

    /// For calls that opened a conversation the keys of the items that they showed whole.
    pub(super) fn shown(&self, record: &Record) -> BTreeMap<u64, BTreeSet<String>> {
        let (Some(opening), Some(snapshot)) = (&self.opening, &record.snapshot) else { return BTreeMap::new() };
        let whole =
            snapshot.items.iter().filter(|item| opening.extent(&item.content.digest.to_string()) == Extent::Whole);
        let whole: BTreeSet<String> = whole.map(affiant_engine::snapshot::Item::key).collect();
        let opens = self.calls.iter().filter(|(_, call)| call.opens);
        opens.map(|(step, _)| (*step, whole.clone())).collect()
    }

    /// Whether this is the id of a node that asked a model.
    pub(super) fn is_call(&self, node: &str) -> bool {
        node.strip_prefix("step:")
            .and_then(|step| step.parse().ok())
            .is_some_and(|step: u64| self.calls.contains_key(&step))
    }

    /// Whether a model of the run was shown this item whole; none where that is not known.
    pub(super) fn saw(&self, digest: &str) -> Option<bool> {
        self.opening.as_ref().map(|opening| opening.extent(digest) == Extent::Whole)
    }

    /// What the models among these nodes were shown, the nearest first.
    pub(super) fn contexts(&self, record: &Record, near: &Reached) -> Vec<ContextRow> {
        let mut calls: Vec<(i64, u64)> = near
            .nodes
            .iter()
            .filter_map(|(id, far)| match id {
                Id::Step(step) if self.calls.contains_key(step) => Some((far.abs(), *step)),
                _ => None,
            })
            .collect();
        calls.sort_unstable();
        calls.truncate(CONTEXTS);
        calls.into_iter().filter_map(|(_, step)| self.context(record, step)).collect()
    }

    fn context(&self, record: &Record, step: u64) -> Option<ContextRow> {
        let call = self.calls.get(&step)?;
        let items = record.snapshot.iter().flat_map(|kept| &kept.items).filter(|item| &*item.kind != "input");
        let shown = |digest: &str| self.opening.as_ref().map_or(Extent::Told, |opening| opening.extent(digest));
        let mut results = self.results_before(record, call);
        results.drain(..results.len().saturating_sub(ROWS));
        Some(ContextRow {
            step_number: step,
            model: call.model.clone(),
            events: vec![call.seq],
            readable: call.readable,
            item_count: items.clone().count(),
            items: items
                .take(ROWS)
                .map(|item| ItemShown {
                    key: item.key(),
                    digest: item.content.digest,
                    shown: shown(&item.content.digest.to_string()),
                })
                .collect(),
            results,
        })
    }

    /// The results that stood in a conversation before this call: of every tool that had ended.
    fn results_before(&self, record: &Record, call: &CallSaid) -> Vec<ResultShown> {
        let run = &record.folded.run;
        let ended = run.steps().iter().zip(0..).filter(|(step, _)| step.ended.is_some_and(|ended| ended < call.seq));
        let tools = ended.filter(|(step, number)| !self.calls.contains_key(number) && &*step.rule != "pack");
        let row = |(step, number): (&affiant_journal::run::Step, u64)| {
            let id = step.name.as_deref().unwrap_or_default();
            let shown = match (call.dropped.contains(id), self.results.get(id)) {
                (true, _) => Extent::LeftOut,
                (false, Some(extent)) => *extent,
                (false, None) => Extent::Told,
            };
            ResultShown { step_number: number, operation: run.operation(step).name.clone(), shown }
        };
        tools.map(row).collect()
    }
}
