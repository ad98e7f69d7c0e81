//! The errors that a caller of one operation can meet, from the catalogue and from its contract.

use affiant_contract::{
    Binding, Contract, ErrorSpec,
    errors::{self, CatalogueError, Category},
};
use serde::Serialize;

/// One error that a caller of an operation can meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorFact {
    /// Kebab-case code.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// A few words.
    pub title: String,
    /// When it happens, as a sentence.
    pub when: String,
    /// What the caller does next, as a sentence.
    pub remedy: String,
    /// Whether the same call may succeed later, unchanged.
    pub retryable: bool,
    /// Who can do something about it.
    pub category: Category,
    /// Whether the contract names it; the others can meet any call.
    pub declared: bool,
}

impl ErrorFact {
    /// An error of the catalogue.
    pub fn known(entry: &CatalogueError, declared: bool) -> Self {
        Self {
            code: entry.code.to_owned(),
            status: entry.status,
            title: entry.title.to_owned(),
            when: entry.when.to_owned(),
            remedy: entry.remedy.to_owned(),
            retryable: entry.retryable,
            category: entry.category,
            declared,
        }
    }

    pub(crate) fn declared(spec: &ErrorSpec) -> Option<Self> {
        match spec {
            ErrorSpec::Known(code) => errors::find(code).map(|entry| Self::known(entry, true)),
            ErrorSpec::Own(own) => Some(Self {
                code: own.code.clone(),
                status: own.status,
                title: own_title(&own.code),
                when: own.when.clone(),
                remedy: own.remedy.clone(),
                retryable: own.retryable,
                category: category_of(own.status),
                declared: true,
            }),
        }
    }
}

/// Every error that a caller of this operation can meet, by status; within one, those that the contract names first.
/// Empty for other kinds of contract.
pub fn errors_of(contract: &Contract) -> Vec<ErrorFact> {
    let Some(operation) = contract.operation() else { return Vec::new() };
    let mut facts: Vec<ErrorFact> = operation.errors.iter().filter_map(ErrorFact::declared).collect();
    let any_call = errors::every_call(contract.meta.kind, operation);
    let bound = BOUND_ELSEWHERE.iter().filter(|_| operation.binding != Binding::Builtin);
    for entry in any_call.chain(bound.filter_map(|code| errors::find(code))) {
        if !facts.iter().any(|fact| fact.code == entry.code) {
            facts.push(ErrorFact::known(entry, false));
        }
    }
    facts.sort_by_key(|fact| fact.status);
    facts
}

/// What a program or a service behind an operation adds to the errors of any call.
const BOUND_ELSEWHERE: &[&str] = &["binding-failed", "binding-timeout"];

/// The title of an error that a contract declares for itself: `card-declined` is `Card declined`.
pub fn own_title(code: &str) -> String {
    let words = code.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}

fn category_of(status: u16) -> Category {
    match status {
        401 | 403 => Category::Identity,
        404 | 410 => Category::Missing,
        409 | 412 => Category::Conflict,
        413 | 429 => Category::Limit,
        502 | 504 => Category::Binding,
        500.. => Category::Server,
        _ => Category::Request,
    }
}
