//! `contract.list` and `contract.get`: what can be asked here, asked here.

use std::{str::FromStr as _, sync::Arc};

use affiant_contract::{Contract, Kind, Pick, Registry, Stability, render};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::foreign_cursor;
use crate::{gateway::Handlers, problem::Refusal};

/// Rows in a reply when the caller does not say.
const ROWS: u64 = 200;

/// The handlers of this domain.
pub fn handlers(registry: &Arc<Registry>) -> Handlers {
    let (for_list, for_get) = (registry.clone(), registry.clone());
    Handlers::new().on("contract.list", "^1", move |_, input| std::future::ready(list(&for_list, input))).on(
        "contract.get",
        "^1",
        move |_, input| std::future::ready(get(&for_get, input)),
    )
}

/// Input of `contract.list`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ListInput {
    kind: Option<Kind>,
    domain: Option<String>,
    feature: Option<String>,
    q: Option<String>,
    all_versions: bool,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Output of `contract.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListOutput {
    contracts: Vec<Row>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One contract in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    kind: Kind,
    key: Arc<str>,
    version: String,
    title: String,
    description: String,
    domain: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<String>,
    owners: Vec<String>,
    tags: Vec<String>,
    stability: Stability,
    digest: Arc<str>,
    path: String,
}

impl Row {
    fn of(contract: &Contract) -> Self {
        let meta = &contract.meta;
        Self {
            kind: meta.kind,
            key: meta.key.clone(),
            version: meta.version.to_string(),
            title: meta.title.clone(),
            description: meta.description.clone(),
            domain: meta.domain.clone(),
            feature: meta.feature.clone(),
            owners: meta.owners.clone(),
            tags: meta.tags.clone(),
            stability: meta.stability,
            digest: contract.source.digest.clone(),
            path: contract.source.path.display().to_string(),
        }
    }
}

fn list(registry: &Registry, input: ListInput) -> Result<ListOutput, Refusal> {
    let words: Vec<String> = input.q.iter().flat_map(|q| q.split_whitespace()).map(str::to_lowercase).collect();
    let mut found: Vec<&Arc<Contract>> = registry
        .iter()
        .filter(|contract| input.all_versions || is_newest(registry, contract))
        .filter(|contract| input.kind.is_none_or(|kind| contract.meta.kind == kind))
        .filter(|contract| input.domain.as_ref().is_none_or(|domain| contract.meta.domain == *domain))
        .filter(|contract| input.feature.is_none() || contract.meta.feature == input.feature)
        .filter(|contract| says(contract, &words))
        .collect();
    found.sort_by(|a, b| (&a.meta.key, &b.meta.version).cmp(&(&b.meta.key, &a.meta.version)));
    let total = found.len();
    let start = match &input.cursor {
        Some(cursor) => {
            found.iter().position(|contract| cursor_of(contract) == *cursor).ok_or_else(foreign_cursor)? + 1
        }
        None => 0,
    };
    let limit = usize::try_from(input.limit.unwrap_or(ROWS)).unwrap_or(usize::MAX);
    let end = start.saturating_add(limit).min(total);
    let next_cursor = found[start..end].last().filter(|_| end < total).map(|last| cursor_of(last));
    let contracts = found[start..end].iter().map(|contract| Row::of(contract)).collect();
    Ok(ListOutput { contracts, total, next_cursor })
}

fn cursor_of(contract: &Contract) -> String {
    format!("c_{}", contract.reference())
}

fn is_newest(registry: &Registry, contract: &Contract) -> bool {
    registry.versions(&contract.meta.key).last().is_none_or(|last| last.meta.version == contract.meta.version)
}

fn says(contract: &Contract, words: &[String]) -> bool {
    let meta = &contract.meta;
    let has = |text: &str, word: &str| text.to_lowercase().contains(word);
    words.iter().all(|word| {
        let texts = [&*meta.key, &meta.title, &meta.description];
        texts.iter().any(|text| has(text, word)) || meta.tags.iter().any(|tag| has(tag, word))
    })
}

/// Input of `contract.get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetInput {
    key: String,
    #[serde(default)]
    version: Option<String>,
}

/// Output of `contract.get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetOutput {
    kind: Kind,
    key: Arc<str>,
    version: String,
    versions: Vec<String>,
    contract: Value,
    digest: Arc<str>,
    path: String,
    source: Arc<str>,
}

fn get(registry: &Registry, input: GetInput) -> Result<GetOutput, Refusal> {
    let pick = match &input.version {
        Some(version) => Pick::from_str(version)
            .map_err(|error| Refusal::invalid_field("/version", "version", format!("must be a version: {error}")))?,
        None => Pick::Newest,
    };
    let contract = registry.resolve(&input.key, &pick).ok_or_else(|| Refusal::plain("contract-not-found"))?;
    let mut said = render::json(contract);
    if let Value::Object(fields) = &mut said {
        fields.remove("source");
    }
    let mut versions: Vec<_> = registry.versions(&input.key).map(|other| other.meta.version.to_string()).collect();
    versions.reverse();
    Ok(GetOutput {
        kind: contract.meta.kind,
        key: contract.meta.key.clone(),
        version: contract.meta.version.to_string(),
        versions,
        contract: said,
        digest: contract.source.digest.clone(),
        path: contract.source.path.display().to_string(),
        source: contract.source.text.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> Registry {
        Registry::new(affiant_contract::builtin()).unwrap()
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        let registry = registry();
        let whole = list(&registry, ListInput { limit: Some(1000), all_versions: true, ..Default::default() }).unwrap();
        let (mut joined, mut cursor) = (Vec::new(), None);
        loop {
            let input = ListInput { limit: Some(7), all_versions: true, cursor, ..Default::default() };
            let page = list(&registry, input).unwrap();
            joined.extend(page.contracts.into_iter().map(|row| (row.key, row.version)));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let whole: Vec<_> = whole.contracts.into_iter().map(|row| (row.key, row.version)).collect();
        assert_eq!(joined, whole);
        assert_eq!(whole.len(), registry.len());
    }

    #[test]
    fn a_list_is_narrowed_by_words_and_holds_the_newest_version_of_each_key() {
        let input = ListInput { q: Some("RUN agent".into()), kind: Some(Kind::Command), ..Default::default() };
        let found = list(&registry(), input).unwrap();
        let run = found.contracts.iter().filter(|row| &*row.key == "agent.run").collect::<Vec<_>>();
        assert_eq!(run.len(), 1);
        assert_eq!(run[0].version, "1.1.0");
        assert!(found.contracts.iter().all(|row| row.kind == Kind::Command));
    }

    #[test]
    fn a_contract_is_found_by_the_beginning_of_its_version() {
        let found = |version: Option<&str>| {
            let input = GetInput { key: "agent.run".into(), version: version.map(str::to_owned) };
            get(&registry(), input).map(|found| found.version).map_err(|refusal| refusal.code().to_owned())
        };
        assert_eq!(found(None).unwrap(), "1.1.0");
        assert_eq!(found(Some("1.0")).unwrap(), "1.0.0");
        assert_eq!(found(Some("2")).unwrap_err(), "contract-not-found");
        assert_eq!(found(Some("newest")).unwrap_err(), "input-invalid");
    }
}
