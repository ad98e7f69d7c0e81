//! A contract and its registry as a [`Page`]: every fact is gathered once, here.

mod agent;
mod changes;
mod kinds;
mod operation;
mod related;

use std::collections::BTreeMap;

use affiant_contract::{Body, Contract, FieldClass, Kind, Ref, Registry, Schema};
use serde_json::{Map, Value};

use super::{
    fields,
    page::{ClassedField, Details, FeatureLink, Group, Link, Page, Shape, SourceFact, StabilityFact, VersionLink},
    words,
};
use crate::render::names::{self, docs_path, feature_of, is_newest};

/// The page of one contract.
pub fn page(registry: &Registry, contract: &Contract) -> Page {
    let meta = &contract.meta;
    let (words, meaning) = words::stability(meta.stability);
    let classes = classes(contract);
    let shapes = shapes(contract, &classes);
    Page {
        kind: meta.kind,
        kind_words: names::kind_words(meta.kind),
        key: meta.key.to_string(),
        version: meta.version.to_string(),
        title: meta.title.clone(),
        description: meta.description.clone(),
        goal: meta.goal.clone(),
        context: meta.context.clone(),
        domain: meta.domain.clone(),
        owners: meta.owners.clone(),
        tags: meta.tags.clone(),
        stability: StabilityFact { level: meta.stability, words, meaning },
        docs: meta.docs.clone(),
        feature: feature(registry, contract),
        path: docs_path(contract, is_newest(registry, contract)),
        versions: versions(registry, contract),
        capability: capability(contract).map(|capability| link(registry, capability)),
        classed_fields: has_fields(meta.kind).then(|| classed_fields(&classes, &shapes)),
        shapes,
        details: details(registry, contract),
        related: related::related(registry, contract),
        changes: changes::changes(registry, contract),
        source: source(contract),
    }
}

fn details(registry: &Registry, contract: &Contract) -> Details {
    match &contract.body {
        Body::Operation(operation) => Details::Operation(Box::new(operation::facts(registry, contract, operation))),
        Body::Event(event) => Details::Event(kinds::event(registry, contract, event)),
        Body::Capability(capability) => Details::CapabilitySpec(kinds::capability(registry, capability)),
        Body::Feature(feature) => Details::FeatureSpec(kinds::feature(registry, feature)),
        Body::Form(form) => Details::Form(kinds::form(registry, contract, form)),
        Body::View(view) => Details::View(kinds::view(registry, view)),
        Body::Presentation(presentation) => Details::Presentation(kinds::presentation(registry, presentation)),
        Body::Agent(agent) => Details::Agent(Box::new(agent::facts(registry, contract, agent))),
        Body::ContextPack(pack) => Details::ContextPack(agent::pack(pack)),
    }
}

/// A contract by name, with its title and page when it is loaded.
pub(super) fn link(registry: &Registry, reference: &Ref) -> Link {
    let target = registry.get(reference);
    Link {
        contract: reference.to_string(),
        title: target.map(|target| target.meta.title.clone()),
        path: target.map(|target| docs_path(target, is_newest(registry, target))),
    }
}

pub(super) fn links<'a>(registry: &Registry, references: impl IntoIterator<Item = &'a Ref>) -> Vec<Link> {
    references.into_iter().map(|reference| link(registry, reference)).collect()
}

/// Contracts by kind, in the order of the kinds. One that is not loaded stands under `Not loaded`.
fn groups(registry: &Registry, references: &[Ref]) -> Vec<Group> {
    let mut groups: BTreeMap<Option<Kind>, Vec<Link>> = BTreeMap::new();
    for reference in references {
        let kind = registry.get(reference).map(|target| target.meta.kind);
        groups.entry(kind).or_default().push(link(registry, reference));
    }
    let named = |(kind, links): (Option<Kind>, _)| Group { kind: kind.map_or("Not loaded", words::plural), links };
    groups.into_iter().map(named).collect()
}

fn feature(registry: &Registry, contract: &Contract) -> FeatureLink {
    let key = feature_of(contract);
    let described = names::newest(registry, key);
    FeatureLink {
        key: key.to_owned(),
        title: described.map_or_else(|| names::feature_title(key), |feature| feature.meta.title.clone()),
        path: described.map(|feature| docs_path(feature, true)),
    }
}

fn versions(registry: &Registry, contract: &Contract) -> Vec<VersionLink> {
    let mut versions: Vec<_> = registry
        .versions(&contract.meta.key)
        .map(|other| {
            let newest = is_newest(registry, other);
            let version = other.meta.version.to_string();
            let current = other.meta.version == contract.meta.version;
            VersionLink { version, path: docs_path(other, newest), current, newest }
        })
        .collect();
    versions.reverse();
    versions
}

fn capability(contract: &Contract) -> Option<&Ref> {
    match &contract.body {
        Body::Operation(operation) => operation.capability.as_ref(),
        Body::Event(event) => event.capability.as_ref(),
        _ => None,
    }
}

/// Whether a contract of this kind says which of its fields are personal.
fn has_fields(kind: Kind) -> bool {
    matches!(kind, Kind::Command | Kind::Query | Kind::Event | Kind::Form)
}

/// The classes of a contract's fields, by dotted path.
fn classes(contract: &Contract) -> BTreeMap<String, FieldClass> {
    let (personal, others): (&[String], _) = match &contract.body {
        Body::Operation(operation) => (&operation.policy.pii, operation.policy.classes.clone()),
        Body::Event(event) => (&event.pii, BTreeMap::new()),
        Body::Form(form) => (&form.pii, BTreeMap::new()),
        _ => (&[], BTreeMap::new()),
    };
    let personal = personal.iter().map(|path| (path.clone(), FieldClass::Pii));
    others.into_iter().filter(|(_, class)| *class != FieldClass::Internal).chain(personal).collect()
}

fn classed_fields(classes: &BTreeMap<String, FieldClass>, shapes: &[Shape]) -> Vec<ClassedField> {
    let occurs = |path: &str| {
        let holds = |shape: &&Shape| shape.fields.iter().any(|field| covers(&field.path.replace("[]", ""), path));
        shapes.iter().filter(holds).map(|shape| shape.name.to_owned()).collect()
    };
    let field = |(path, class): (&String, &FieldClass)| ClassedField {
        path: path.clone(),
        occurs_in: occurs(path),
        class: *class,
        meaning: words::field_class(*class),
    };
    classes.iter().map(field).collect()
}

/// Whether the field at `outer` is the one at `path`, or holds it.
fn covers(outer: &str, path: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty())
}

fn shapes(contract: &Contract, classes: &BTreeMap<String, FieldClass>) -> Vec<Shape> {
    let shape = |name, title, schema: &Schema, examples: &[&Map<String, Value>]| Shape {
        name,
        title,
        closed: schema["additionalProperties"] == false,
        fields: fields::fields(schema, examples, classes),
        schema: schema.clone(),
    };
    match &contract.body {
        Body::Operation(operation) => {
            let inputs: Vec<_> = operation.examples.iter().map(|example| &example.input).collect();
            let outputs: Vec<_> = operation.examples.iter().map(|example| &example.output).collect();
            let input = shape("input", "Input", &operation.input, &inputs);
            vec![input, shape("output", "Output", &operation.output, &outputs)]
        }
        Body::Event(event) => {
            let payloads: Vec<_> = event.examples.iter().map(|example| &example.payload).collect();
            vec![shape("payload", "Payload", &event.payload, &payloads)]
        }
        Body::Agent(agent) => {
            let output = agent.output.iter().map(|output| shape("output", "Output", output, &[]));
            std::iter::once(shape("input", "Input", &agent.input, &[])).chain(output).collect()
        }
        Body::ContextPack(pack) => {
            pack.parameters.iter().map(|schema| shape("parameters", "Parameters", schema, &[])).collect()
        }
        _ => Vec::new(),
    }
}

fn source(contract: &Contract) -> SourceFact {
    let path = contract.source.path.display().to_string();
    let shipped = path.strip_prefix("builtin:");
    SourceFact {
        path: shipped.unwrap_or(&path).to_owned(),
        shipped: shipped.is_some(),
        digest: contract.source.digest.to_string(),
        text: contract.source.text.to_string(),
    }
}
