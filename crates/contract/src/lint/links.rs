//! Does everything that the contract names exist, and is it of the right kind?

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    model::{Body, Contract, Kind, Ref},
    references::{Reference, references},
    suggest::nearest,
};

use super::{Subject, World};

pub(super) fn check(subject: &mut Subject<'_>, world: &World<'_>) {
    for reference in references(subject.contract) {
        match world.get(&reference.target) {
            None => dangling(subject, &reference, world),
            Some(target) => kind(subject, &reference, target),
        }
    }
    feature(subject, world);
    match &subject.contract.body {
        Body::Operation(operation) => provided(subject, operation.capability.as_ref(), world),
        Body::Event(event) => provided(subject, event.capability.as_ref(), world),
        Body::Capability(capability) => {
            let lists = [("/provides", &capability.provides), ("/requires", &capability.requires)];
            lists.into_iter().for_each(|(at, list)| twice(subject, at, list));
            provides_its_own(subject, &capability.provides, world);
        }
        Body::Feature(feature) => {
            let lists = [("/capabilities", &feature.capabilities), ("/includes", &feature.includes)];
            lists.into_iter().for_each(|(at, list)| twice(subject, at, list));
        }
        _ => {}
    }
}

fn dangling(subject: &mut Subject<'_>, reference: &Reference, world: &World<'_>) {
    let target = &reference.target;
    let (code, role) = match reference.pointer.split('/').nth(1).unwrap_or_default() {
        "emits" => ("undeclared-event", "the event"),
        "provides" => ("provides-nothing", "what it provides,"),
        _ => ("dangling-reference", ""),
    };
    let role = if role.is_empty() { String::new() } else { format!("{role} ") };
    let finding = Finding::error(code, format!("{role}{target} is not declared by any contract"));
    let help = match world.versions.get(&*target.key) {
        Some(versions) => {
            let versions: Vec<String> = versions.iter().map(|(version, _)| version.to_string()).collect();
            format!("`{}` is there in version {}", target.key, versions.join(", "))
        }
        None => match nearest(&target.key, world.versions.keys().copied()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Add the contract, or remove the reference".into(),
        },
    };
    subject.at(&reference.pointer, finding.help(help));
}

fn kind(subject: &mut Subject<'_>, reference: &Reference, target: &Contract) {
    let kind = target.meta.kind;
    if reference.kinds.is_empty() || reference.kinds.contains(&kind) {
        return;
    }
    let wanted = reference.kinds.iter().map(|kind| a(*kind)).collect::<Vec<_>>().join(" or ");
    let finding = Finding::error("wrong-kind", format!("{} is {}, not {wanted}", reference.target, a(kind)));
    subject.at(&reference.pointer, finding.help(format!("Name {wanted} here")));
}

/// An operation or event names a capability that is looked at too; then that capability names it as well.
fn provided(subject: &mut Subject<'_>, capability: Option<&Ref>, world: &World<'_>) {
    let (own, Some(capability)) = (subject.contract.reference(), capability) else { return };
    let Some(target) = world.get(capability).filter(|target| world.is_linted(target)) else { return };
    if let Body::Capability(found) = &target.body
        && !found.provides.contains(&own)
    {
        let finding = Finding::error("not-provided", format!("{capability} does not say that it provides {own}"));
        let help = format!("Add `- {own}` to `provides` in {}", target.source.path.display());
        subject.at("/capability", finding.help(help));
    }
}

/// What a capability provides names the capability.
fn provides_its_own(subject: &mut Subject<'_>, provides: &[Ref], world: &World<'_>) {
    let own = subject.contract.reference();
    for (index, provided) in provides.iter().enumerate() {
        let names = match world.get(provided).map(|target| &target.body) {
            Some(Body::Operation(operation)) => operation.capability.as_ref(),
            Some(Body::Event(event)) => event.capability.as_ref(),
            _ => continue,
        };
        if names != Some(&own) {
            let belongs = names.map_or("no capability".to_owned(), ToString::to_string);
            let message = format!("{provided} belongs to {belongs}, not to {own}");
            let finding = Finding::error("provides-of-another", message);
            subject.at(&format!("/provides/{index}"), finding.help("Correct one of the two"));
        }
    }
}

fn feature(subject: &mut Subject<'_>, world: &World<'_>) {
    let Some(feature) = &subject.contract.meta.feature else { return };
    if world.features.contains(feature.as_str()) {
        return;
    }
    let finding = Finding::error("dangling-reference", format!("no contract declares the feature `{feature}`"));
    subject.at("/feature", finding.help(super::meant(feature, world.features.iter().copied())));
}

fn twice(subject: &mut Subject<'_>, pointer: &str, list: &[Ref]) {
    let mut seen = BTreeSet::new();
    for (index, reference) in list.iter().enumerate() {
        if !seen.insert(reference) {
            let finding = Finding::error("named-twice", format!("{reference} is named twice"));
            subject.at(&format!("{pointer}/{index}"), finding.help("Keep one of the two"));
        }
    }
}

fn a(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "a command",
        Kind::Query => "a query",
        Kind::Event => "an event",
        Kind::Capability => "a capability",
        Kind::Feature => "a feature",
        Kind::Form => "a form",
        Kind::View => "a view",
        Kind::Presentation => "a presentation",
        Kind::Agent => "an agent",
        Kind::ContextPack => "a context pack",
    }
}
