//! Contracts that a contract names, and contracts that name it.

use std::collections::BTreeMap;

use affiant_contract::{Contract, Kind, Ref, Registry, references};

use super::links;
use crate::render::reference::page::Related;

/// Relations in both directions; a contract stands under the first that applies to it.
pub(super) fn related(registry: &Registry, contract: &Contract) -> Vec<Related> {
    let own = contract.reference();
    let mut found: BTreeMap<(usize, &'static str), Vec<Ref>> = BTreeMap::new();
    let mut seen: Vec<Ref> = vec![own.clone()];
    let mut add = |relation: Relation, target: &Ref| {
        if !seen.contains(target) {
            seen.push(target.clone());
            found.entry(relation).or_default().push(target.clone());
        }
    };
    for reference in references(contract) {
        let kind = registry.get(&reference.target).map(|target| target.meta.kind);
        add(names(contract.meta.kind, kind), &reference.target);
    }
    for other in registry.referenced_by(&own) {
        add(named_by(other.meta.kind, contract.meta.kind), &other.reference());
    }
    found.into_iter().map(|((_, relation), targets)| Related { relation, links: links(registry, &targets) }).collect()
}

/// A place in the order of relations, and its words.
type Relation = (usize, &'static str);

/// The relation of a contract to one that it names.
fn names(from: Kind, to: Option<Kind>) -> Relation {
    match (from, to) {
        (_, None) => (99, "Named here, not loaded"),
        (Kind::Command | Kind::Query, Some(Kind::Capability)) => (0, "Carried out by"),
        (Kind::Command | Kind::Query, Some(_)) => (1, "Causes"),
        (Kind::Event, Some(_)) => (0, "Published by"),
        (Kind::Capability, Some(Kind::Capability)) => (3, "Needs"),
        (Kind::Capability, Some(_)) => (2, "Provides"),
        (Kind::Feature, Some(Kind::Capability)) => (0, "Consists of"),
        (Kind::Feature, Some(_)) => (1, "Includes"),
        (Kind::Form, Some(_)) => (0, "Submits"),
        (Kind::View, Some(_)) => (0, "Lists the output of"),
        (Kind::Presentation, Some(_)) => (0, "Tells the output of"),
        (Kind::Agent, Some(Kind::ContextPack)) => (0, "Reads"),
        (Kind::Agent, Some(_)) => (1, "May use"),
        (Kind::ContextPack, Some(_)) => (0, "Quotes"),
    }
}

/// The relation of a contract to one that names it.
fn named_by(other: Kind, own: Kind) -> Relation {
    match (other, own) {
        (Kind::Command | Kind::Query, Kind::Capability) => (10, "Carries out"),
        (Kind::Command | Kind::Query, _) => (10, "Caused by"),
        (Kind::Event, _) => (11, "Publishes"),
        (Kind::Capability, Kind::Capability) => (12, "Needed by"),
        (Kind::Capability, _) => (12, "Provided by"),
        (Kind::Form, _) => (13, "Asked for by"),
        (Kind::View, _) => (14, "Listed by"),
        (Kind::Presentation, _) => (15, "Told by"),
        (Kind::Agent, Kind::ContextPack) => (16, "Read by"),
        (Kind::Agent, _) => (16, "Used by"),
        (Kind::ContextPack, _) => (17, "Quoted by"),
        (Kind::Feature, _) => (18, "Part of"),
    }
}
