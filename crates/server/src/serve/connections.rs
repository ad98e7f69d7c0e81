//! The providers that the configuration names.

use std::collections::BTreeMap;

use affiant_engine::{
    connections::NewConnection,
    ports::{Connection, Connections, ProviderKind, Secret},
};
use affiant_journal::{Money, TenantId};
use affiant_surface::cli::Failure;
use async_trait::async_trait;
use serde_json::Value;

use crate::project::ProviderConfig;

/// The connections of the `[providers.NAME]` tables, their keys read from the environment of this process.
///
/// # Errors
///
/// Says which variable is missing, where a key stands in the file, or which amount is none.
pub(super) fn configured(tables: &BTreeMap<String, ProviderConfig>) -> Result<Vec<NewConnection>, Failure> {
    tables.iter().map(|(name, table)| connection(name, table)).collect()
}

fn connection(name: &str, table: &ProviderConfig) -> Result<NewConnection, Failure> {
    let wrong = |why: String| Failure::usage(format!("[providers.{name}] in affiant.toml: {why}"));
    if !is_name(name) {
        return Err(wrong("a name has at most 64 lower-case letters, digits, `-`, `_` and `.`".to_owned()));
    }
    if table.base_url.as_ref().is_some_and(|url| url.contains(['@', '?', '#'])) {
        return Err(wrong("`base_url` holds neither a name, nor a password, nor a query".to_owned()));
    }
    let key = match table.key.as_deref().map(|key| key.strip_prefix("env:")) {
        None => None,
        // What stands there is not repeated: it may be a key.
        Some(None) => return Err(wrong("`key` is `env:` and the name of a variable, never a key itself".to_owned())),
        Some(Some(variable)) => {
            let value = std::env::var(variable).ok().map(|value| value.trim().to_owned());
            let value = value.filter(|value| !value.is_empty());
            Some(Secret::new(value.ok_or_else(|| wrong(format!("{variable} is not set in the server's environment")))?))
        }
    };
    if let Some(error) = table.budget_per_day.as_deref().and_then(|cost| cost.parse::<Money>().err()) {
        return Err(wrong(format!("`budget_per_day`: {error}")));
    }
    let (kind, base_url, at_once) = (table.kind, table.base_url.clone(), table.at_once);
    let connection = Connection { name: name.to_owned(), kind, base_url, key, at_once };
    Ok(NewConnection { connection, budget_per_day: table.budget_per_day.clone() })
}

/// Connections without a server: those of the configuration, and the usual names with the keys that the environment has.
pub(crate) struct AtHand(Vec<Connection>);

/// The usual names, and the variables that hold their keys.
const USUAL: [(ProviderKind, &[&str]); 4] = [
    (ProviderKind::Anthropic, &["ANTHROPIC_API_KEY"]),
    (ProviderKind::Openai, &["OPENAI_API_KEY"]),
    (ProviderKind::Gemini, &["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
    (ProviderKind::Ollama, &[]),
];

impl AtHand {
    /// # Errors
    ///
    /// As [`configured`].
    pub(crate) fn new(tables: &BTreeMap<String, ProviderConfig>) -> Result<Self, Failure> {
        let mut found: Vec<_> = configured(tables)?.into_iter().map(|new| new.connection).collect();
        for (kind, variables) in USUAL {
            let key = variables.iter().find_map(|name| std::env::var(name).ok().filter(|key| !key.trim().is_empty()));
            let key = key.map(|key| Secret::new(key.trim().to_owned()));
            let is_new = !found.iter().any(|connection| connection.name == kind.as_str());
            if is_new && (key.is_some() || !kind.needs_key()) {
                let (name, at_once) = (kind.as_str().to_owned(), Connection::AT_ONCE);
                found.push(Connection { name, kind, base_url: None, key, at_once });
            }
        }
        Ok(Self(found))
    }
}

#[async_trait]
impl Connections for AtHand {
    async fn connection(&self, _: &TenantId, name: &str) -> Result<Option<Connection>, String> {
        let found = self.0.iter().find(|connection| connection.name == name);
        found.cloned().map(Some).ok_or_else(|| {
            format!(
                "keys that a server has sealed stay there; name it as [providers.{name}] in affiant.toml, with `key` as \
                 `env:VARIABLE`"
            )
        })
    }
}

/// What the record says of the tables: everything, for they hold no key.
pub(super) fn recorded(tables: &BTreeMap<String, ProviderConfig>) -> Value {
    match tables.is_empty() {
        true => Value::Null,
        false => serde_json::to_value(tables).expect("texts and numbers are JSON"),
    }
}

/// Whether a text can name a connection.
fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    !text.is_empty() && text.len() <= 64 && text.chars().all(known)
}
