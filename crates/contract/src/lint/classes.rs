//! Do the fields that are classed as personal, sensitive or secret exist?

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    model::{Body, FieldClass, Operation, Schema},
    schema::{Found, field},
};

use super::{Subject, meant};

pub(super) fn check(subject: &mut Subject<'_>) {
    match &subject.contract.body {
        Body::Operation(operation) => self::operation(subject, operation),
        Body::Event(event) => {
            for (index, path) in event.pii.iter().enumerate() {
                exists(subject, &format!("/pii/{index}"), path, &[&event.payload], "the payload");
            }
            twice(subject, "/pii", &event.pii);
        }
        _ => {}
    }
}

fn operation(subject: &mut Subject<'_>, operation: &Operation) {
    let schemas = [&operation.input, &operation.output];
    for (index, path) in operation.policy.pii.iter().enumerate() {
        exists(subject, &format!("/policy/pii/{index}"), path, &schemas, "the input and the output");
    }
    twice(subject, "/policy/pii", &operation.policy.pii);
    for (path, class) in &operation.policy.classes {
        let pointer = crate::yaml::join("/policy/classes", path);
        exists(subject, &pointer, path, &schemas, "the input and the output");
        if operation.policy.pii.contains(path) && *class != FieldClass::Pii {
            let finding = Finding::error(
                "contradicting-class",
                format!("`{path}` is classed as personal data and as something else"),
            );
            subject.at(&pointer, finding.help("Keep one of the two"));
        }
    }
}

fn exists(subject: &mut Subject<'_>, pointer: &str, path: &str, schemas: &[&Schema], place: &str) {
    if schemas.iter().any(|schema| field(schema, path) != Found::Missing) {
        return;
    }
    let finding = Finding::error("unknown-field-path", format!("`{path}` is not a field of {place}"));
    let known: BTreeSet<&str> =
        schemas.iter().flat_map(|schema| crate::schema::fields(schema, schema)).map(|(name, _)| name).collect();
    subject.at(pointer, finding.help(meant(path, known.iter().copied())));
}

fn twice(subject: &mut Subject<'_>, pointer: &str, paths: &[String]) {
    let mut seen = BTreeSet::new();
    for (index, path) in paths.iter().enumerate() {
        if !seen.insert(path) {
            let finding = Finding::error("named-twice", format!("`{path}` is named twice"));
            subject.at(&format!("{pointer}/{index}"), finding.help("Keep one of the two"));
        }
    }
}
