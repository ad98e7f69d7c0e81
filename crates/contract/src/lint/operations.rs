//! Does the operation say what a caller must know: errors, effects, limits?

use std::collections::BTreeSet;

use crate::{
    errors::{self, CATALOGUE, EVERY_CALL},
    finding::Finding,
    model::{ErrorSpec, Idempotency, Kind, Operation, OwnError},
};

use super::Subject;

pub(super) fn check(subject: &mut Subject<'_>, operation: &Operation) {
    declared_errors(subject, operation);
    effects(subject, operation);
    emitted(subject, operation);
    if let Some(limit) = operation.policy.rate_limit {
        for (pointer, amount) in
            [("/policy/rateLimit/perMinute", limit.per_minute), ("/policy/rateLimit/burst", limit.burst)]
        {
            if amount == 0 {
                let finding = Finding::error("zero-limit", "a limit of zero refuses every call");
                subject.at(pointer, finding.help("Give a number of calls, or leave `rateLimit` out"));
            }
        }
    }
}

fn declared_errors(subject: &mut Subject<'_>, operation: &Operation) {
    // An empty list says that there is none; no list says that nobody thought about it.
    let said = |subject: &Subject<'_>| subject.document().is_some_and(|document| document.has("/errors"));
    if operation.errors.is_empty() && !said(subject) {
        let finding =
            Finding::error("no-errors", format!("{} does not say what can go wrong", subject.contract.meta.key));
        let help =
            "Add `errors:` with codes of the catalogue or errors of its own, or `errors: []` when every call's are all";
        subject.at_key("/errors", finding.help(help));
    }
    let mut seen = BTreeSet::new();
    for (index, error) in operation.errors.iter().enumerate() {
        let pointer = format!("/errors/{index}");
        let code = match error {
            ErrorSpec::Known(code) => code,
            ErrorSpec::Own(own) => &own.code,
        };
        match error {
            ErrorSpec::Known(code) => known(subject, &pointer, code),
            ErrorSpec::Own(own) => self::own(subject, &pointer, own),
        }
        if !seen.insert(code) {
            let finding = Finding::error("named-twice", format!("the error `{code}` is declared twice"));
            subject.at(&pointer, finding.help("Keep one of the two"));
        }
    }
}

fn known(subject: &mut Subject<'_>, pointer: &str, code: &str) {
    if errors::find(code).is_none() {
        let finding = Finding::error("unknown-error", format!("`{code}` is not a code of the error catalogue"));
        let help = match crate::suggest::nearest(code, CATALOGUE.iter().map(|entry| entry.code)) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => "Write an error of its own with `code`, `status`, `when` and `remedy`".into(),
        };
        subject.at(pointer, finding.help(help));
    } else if EVERY_CALL.contains(&code) {
        let finding =
            Finding::warning("every-call-error", format!("every call can meet `{code}`; it need not be declared"));
        subject.at(pointer, finding.help("Remove it"));
    }
}

fn own(subject: &mut Subject<'_>, pointer: &str, own: &OwnError) {
    let kebab = own.code.starts_with(|c: char| c.is_ascii_lowercase())
        && own.code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !kebab {
        let finding = Finding::error("bad-error-code", format!("`{}` is not an error code", own.code));
        subject.at(&format!("{pointer}/code"), finding.help("A code is made of lower-case words with hyphens between"));
    }
    if errors::find(&own.code).is_some() {
        let finding = Finding::error(
            "bad-error-code",
            format!("`{}` is a code of the catalogue with a meaning of its own", own.code),
        );
        subject.at(&format!("{pointer}/code"), finding.help("Name the code alone, or choose another one"));
    }
    if !(400..600).contains(&own.status) {
        let finding = Finding::error("bad-error-status", format!("{} is not the status of an error", own.status));
        subject.at(&format!("{pointer}/status"), finding.help("Give a status from 400 to 599"));
    }
    for (name, text) in [("when", &own.when), ("remedy", &own.remedy)] {
        if text.trim().is_empty() {
            let finding = Finding::error("blank-text", format!("`{name}` of the error `{}` is empty", own.code));
            subject.at(&format!("{pointer}/{name}"), finding.help("Write a sentence that a caller can act on"));
        }
    }
}

fn effects(subject: &mut Subject<'_>, operation: &Operation) {
    let hints = operation.hints;
    if hints.read_only && hints.destructive {
        let finding = Finding::error("contradicting-hints", "what only reads destroys nothing");
        subject.at("/hints/destructive", finding.help("Keep `readOnly` or `destructive`"));
    }
    match subject.contract.meta.kind {
        Kind::Query => {
            if !hints.read_only {
                let finding = Finding::error("query-with-effects", "a query only reads, and its hints do not say so");
                subject.at("/hints/readOnly", finding.help("Add `hints: { readOnly: true }`, or make it a command"));
            }
            if operation.idempotency != Idempotency::Natural {
                let finding = Finding::error("query-with-key", "an idempotency key has no meaning for a query");
                subject.at("/idempotency", finding.help("Add `idempotency: natural`"));
            }
            if let Some(emits) = operation.emits.first() {
                let finding = Finding::error(
                    "query-with-effects",
                    format!("a query only reads, and this one emits {}", emits.event),
                );
                subject.at("/emits", finding.help("Remove the event, or make it a command"));
            }
        }
        _ => {
            if operation.idempotency == Idempotency::Natural && !hints.read_only {
                let finding =
                    Finding::error("command-without-key", "a command that changes something takes an idempotency key");
                subject.at("/idempotency", finding.help("Write `idempotency: keyed`, or leave it out"));
            }
        }
    }
}

fn emitted(subject: &mut Subject<'_>, operation: &Operation) {
    let mut seen = BTreeSet::new();
    for (index, emits) in operation.emits.iter().enumerate() {
        if emits.when.trim().is_empty() {
            let finding = Finding::error("blank-text", format!("it is not said when {} is emitted", emits.event));
            subject.at(&format!("/emits/{index}/when"), finding.help("Write a sentence: when …"));
        }
        if !seen.insert(&emits.event) {
            let finding = Finding::error("named-twice", format!("{} is emitted twice", emits.event));
            subject.at(&format!("/emits/{index}/event"), finding.help("Keep one of the two"));
        }
    }
}
