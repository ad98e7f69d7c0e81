//! The part of a graph that is near one of its nodes.

use std::collections::{BTreeMap, VecDeque};

use super::{Graph, Id};

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Near {
    /// Edges back to sources; none for the whole way.
    pub back: Option<u64>,
    /// Edges forward to effects.
    pub forward: u64,
    /// The most nodes.
    pub most: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The nearest nodes with their distance: below zero for sources, above for effects.
    pub nodes: BTreeMap<Id, i64>,
    /// How many more there are within reach.
    pub more: usize,
}

impl Graph {
    /// The nodes near this one. Each has a way to it over nodes that are there as well.
    pub fn near(&self, focus: &Id, it: Near) -> Reached {
        let (mut back, mut forward) = (BTreeMap::new(), BTreeMap::new());
        for (from, to, _) in self.edges.keys() {
            back.entry(from).or_insert_with(Vec::new).push(to);
            forward.entry(to).or_insert_with(Vec::new).push(from);
        }
        let mut all = distances(focus, &back, it.back);
        // What is a source and an effect is a source: cycles are none, but two ways may meet.
        for (id, distance) in distances(focus, &forward, Some(it.forward)) {
            all.entry(id).or_insert(distance);
        }
        let sources = distances(focus, &back, it.back);
        let mut nearest: Vec<(i64, bool, u64, &Id)> = all
            .iter()
            .map(|(id, distance)| (*distance, !sources.contains_key(id), self.first_event(id), *id))
            .collect();
        nearest.sort();
        let more = nearest.len().saturating_sub(it.most);
        nearest.truncate(it.most);
        let signed =
            |(distance, effect, _, id): (i64, bool, u64, &Id)| (id.clone(), if effect { distance } else { -distance });
        Reached { nodes: nearest.into_iter().map(signed).collect(), more }
    }

    /// Every source of a node, the nearest first, itself not among them.
    pub fn sources(&self, focus: &Id) -> Vec<Id> {
        let mut back = BTreeMap::new();
        for (from, to, _) in self.edges.keys() {
            back.entry(from).or_insert_with(Vec::new).push(to);
        }
        let mut all: Vec<(i64, u64, &Id)> =
            distances(focus, &back, None).into_iter().map(|(id, far)| (far, self.first_event(id), id)).collect();
        all.sort();
        all.into_iter().filter(|(far, ..)| *far > 0).map(|(.., id)| id.clone()).collect()
    }

    fn first_event(&self, id: &Id) -> u64 {
        self.nodes.get(id).and_then(|node| node.events.first().copied()).unwrap_or_default()
    }
}

fn distances<'a>(focus: &'a Id, edges: &BTreeMap<&'a Id, Vec<&'a Id>>, most: Option<u64>) -> BTreeMap<&'a Id, i64> {
    let mut found = BTreeMap::from([(focus, 0)]);
    let mut open = VecDeque::from([(focus, 0_u64)]);
    while let Some((at, far)) = open.pop_front() {
        if most.is_some_and(|most| far >= most) {
            continue;
        }
        for next in edges.get(at).into_iter().flatten().copied() {
            if !found.contains_key(next) {
                found.insert(next, i64::try_from(far + 1).unwrap_or(i64::MAX));
                open.push_back((next, far + 1));
            }
        }
    }
    found
}
