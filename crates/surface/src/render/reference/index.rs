//! What is found where: every contract by feature, and every error code.

use affiant_contract::{
    Contract, ErrorSpec, Registry,
    errors::{CATALOGUE, ENDINGS, EVERY_CALL, Ending},
};
use serde::Serialize;

use super::{
    gather,
    page::{EndingPage, ErrorPage, Link, who_can_act},
};
use crate::render::{
    errors::ErrorFact,
    names::{docs_path, feature_of, feature_title, is_newest, kind_words, newest},
};

/// Every contract, by feature.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The features by key; contracts without one stand last.
    pub features: Vec<FeatureIndex>,
}

/// The contracts of one feature.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureIndex {
    /// The feature's key.
    pub key: String,
    /// What people call it.
    pub title: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its page, without a suffix; absent where no contract describes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Its contracts, by kind and then by key; each in its newest version.
    pub contracts: Vec<Entry>,
}

/// One contract in a list.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The newest version.
    pub version: String,
    /// The kind as people read it.
    pub kind: &'static str,
    /// Its title.
    pub title: String,
    /// What it does.
    pub description: String,
    /// Its page, without a suffix.
    pub path: String,
    /// Other versions that are loaded, newest first.
    pub older: Vec<String>,
}

/// Every contract, by feature.
pub fn index(registry: &Registry) -> Index {
    let mut contracts: Vec<_> = registry.iter().filter(|contract| is_newest(registry, contract)).collect();
    contracts.sort_by_key(|contract| {
        let feature = feature_of(contract);
        (newest(registry, feature).is_none(), feature.to_owned(), contract.meta.kind, contract.meta.key.clone())
    });
    let features = contracts.chunk_by(|one, next| feature_of(one) == feature_of(next));
    Index { features: features.map(|contracts| feature(registry, contracts)).collect() }
}

fn feature(registry: &Registry, contracts: &[&std::sync::Arc<Contract>]) -> FeatureIndex {
    let key = feature_of(contracts[0]);
    let described = newest(registry, key);
    FeatureIndex {
        key: key.to_owned(),
        title: described.map_or_else(|| feature_title(key), |feature| feature.meta.title.clone()),
        description: described.map(|feature| feature.meta.description.clone()),
        path: described.map(|feature| docs_path(feature, true)),
        contracts: contracts
            .iter()
            .filter(|contract| described.is_none_or(|feature| feature.meta.key != contract.meta.key))
            .map(|contract| entry(registry, contract))
            .collect(),
    }
}

fn entry(registry: &Registry, contract: &Contract) -> Entry {
    let meta = &contract.meta;
    let others = registry.versions(&meta.key).filter(|other| other.meta.version != meta.version);
    let mut older: Vec<_> = others.map(|other| other.meta.version.to_string()).collect();
    older.reverse();
    Entry {
        key: meta.key.to_string(),
        version: meta.version.to_string(),
        kind: kind_words(meta.kind),
        title: meta.title.clone(),
        description: meta.description.clone(),
        path: docs_path(contract, true),
        older,
    }
}

/// Every error code.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorIndex {
    /// The pages of the codes, by status.
    pub errors: Vec<ErrorPage>,
    /// Those of the codes with which runs and steps fail.
    pub endings: Vec<EndingPage>,
}

/// Every error code: those of the catalogue, and those that contracts declare for themselves.
pub fn error_index(registry: &Registry) -> ErrorIndex {
    let mut errors: Vec<ErrorPage> = Vec::new();
    for entry in CATALOGUE {
        errors.push(page(registry, ErrorFact::known(entry, false)));
    }
    for (_, fact) in declared(registry) {
        if !errors.iter().any(|page| page.error.code == fact.code) {
            errors.push(page(registry, fact));
        }
    }
    errors.sort_by_key(|page| page.error.status);
    ErrorIndex { errors, endings: ENDINGS.iter().map(ending).collect() }
}

/// The page of a code with which runs or steps fail, and no call.
pub fn ending_page(code: &str) -> Option<EndingPage> {
    affiant_contract::errors::ending(code).map(ending)
}

fn ending(ending: &Ending) -> EndingPage {
    EndingPage { ending: *ending, path: format!("/docs/errors/{}", ending.code) }
}

/// The page of one error code; `None` when nobody gives it.
pub fn error_page(registry: &Registry, code: &str) -> Option<ErrorPage> {
    let known = affiant_contract::errors::find(code).map(|entry| ErrorFact::known(entry, false));
    let own = || declared(registry).map(|(_, fact)| fact).find(|fact| fact.code == code);
    Some(page(registry, known.or_else(own)?))
}

/// Every error that an operation names, with the operation.
fn declared(registry: &Registry) -> impl Iterator<Item = (&Contract, ErrorFact)> {
    registry.operations().flat_map(|bound| {
        let specs = bound.operation().errors.iter();
        specs.filter_map(ErrorFact::declared).map(|fact| (&**bound.contract(), fact))
    })
}

fn page(registry: &Registry, error: ErrorFact) -> ErrorPage {
    let names = |spec: &ErrorSpec| match spec {
        ErrorSpec::Known(code) => *code == error.code,
        ErrorSpec::Own(own) => own.code == error.code,
    };
    let operations = registry.operations().filter(|bound| bound.operation().errors.iter().any(names));
    let declared_by: Vec<Link> = operations.map(|bound| gather::link(registry, &bound.reference())).collect();
    ErrorPage {
        who_can_act: who_can_act(error.category),
        path: format!("/docs/errors/{}", error.code),
        any_call: EVERY_CALL.contains(&error.code.as_str()),
        declared_by,
        error,
    }
}
