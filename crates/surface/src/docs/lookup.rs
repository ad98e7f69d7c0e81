//! Which page an address means.

use affiant_contract::{Contract, Pick, Registry, nearest};
use serde::Serialize;

use crate::{
    problem::Refusal,
    render::names::{docs_path, feature_of, is_newest, newest},
    rest::query,
};

/// A format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Markdown,
    Json,
}

impl Format {
    /// The name without its suffix, and the format that the suffix asks for.
    pub(super) fn of(name: &str) -> (&str, Self) {
        let markdown = name.strip_suffix(".md").map(|name| (name, Self::Markdown));
        let json = || name.strip_suffix(".json").map(|name| (name, Self::Json));
        markdown.or_else(json).unwrap_or((name, Self::Html))
    }

    fn suffix(self) -> &'static str {
        match self {
            Self::Html => "",
            Self::Markdown => ".md",
            Self::Json => ".json",
        }
    }
}

/// Where the page of a contract is.
pub(super) enum Found<'a> {
    /// Here, in this format.
    Here(&'a Contract, Format),
    /// At this other address.
    There(String),
    Nowhere,
}

/// The contract that `/docs/reference/FEATURE/NAME` means, where the name is a key, perhaps with `@version`, perhaps
/// with a suffix. A key that itself ends like a suffix is found first.
pub(super) fn contract<'a>(registry: &'a Registry, feature: &str, name: &str, version: Option<String>) -> Found<'a> {
    let whole = named(registry, name, version.as_deref()).map(|contract| (contract, Format::Html));
    let suffixed = || {
        let (name, format) = Format::of(name);
        Some((named(registry, name, version.as_deref())?, format))
    };
    match whole.or_else(suffixed) {
        None => Found::Nowhere,
        Some((contract, format)) if feature_of(contract) == feature => Found::Here(contract, format),
        Some((contract, format)) => Found::There(docs_path(contract, is_newest(registry, contract)) + format.suffix()),
    }
}

/// `agent.run`, `agent.run@1.0.0` or `agent.run@v1`.
pub(super) fn named<'a>(registry: &'a Registry, name: &str, version: Option<&str>) -> Option<&'a Contract> {
    let (key, pick) = name.split_once('@').map_or((name, version), |(key, pick)| (key, Some(pick)));
    let found = match pick {
        Some(pick) => registry.resolve(key, &pick.parse::<Pick>().ok()?),
        None => newest(registry, key),
    };
    found.map(|contract| &**contract)
}

/// The page of a feature, or its place in the index.
pub(super) fn feature(registry: &Registry, feature: &str) -> Option<String> {
    let (name, format) = Format::of(feature);
    if let Some(described) = newest(registry, name) {
        return Some(docs_path(described, true) + format.suffix());
    }
    let known = registry.iter().any(|contract| feature_of(contract) == feature);
    known.then(|| format!("/docs/reference#{feature}"))
}

/// The `version` parameter of a query string.
pub(super) fn version(query: &str) -> Option<String> {
    let pairs = query::pairs(query).ok()?;
    pairs.into_iter().find(|(name, value)| name == "version" && !value.is_empty()).map(|(_, value)| value)
}

/// The fields of a form that was sent.
pub(crate) fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|_| Refusal::plain("invalid-encoding"))?;
    query::pairs(text)
}

/// What the page says that stands where no page is.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    what: &'static str,
    name: String,
    /// What was perhaps meant.
    meant: Option<Meant>,
}

#[derive(Debug, Serialize)]
struct Meant {
    key: String,
    path: String,
}

pub(super) fn missing(registry: &Registry, what: &'static str, name: &str) -> Missing {
    let key = Format::of(name).0.split('@').next().unwrap_or(name);
    let known = registry.iter().map(|contract| &*contract.meta.key);
    // A known key in an unknown version is as near as can be.
    let near = newest(registry, key).or_else(|| newest(registry, nearest(key, known)?));
    let meant = near.map(|contract| Meant { key: contract.meta.key.to_string(), path: docs_path(contract, true) });
    Missing { what, name: name.to_owned(), meant }
}
