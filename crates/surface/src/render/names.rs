//! What a contract is called on each surface, and where it is found.

use std::sync::Arc;

use affiant_contract::{Contract, Kind, Pick, Ref, Registry};

/// The feature under which contracts without one of their own stand.
pub const USER_FEATURE: &str = "user";

/// `agent_run-v1_0_0`: the name of an operation where dots are not welcome. MCP tools and OpenAPI operations share it.
pub fn operation_id(reference: &Ref) -> String {
    let version = reference.version.to_string().replace(['.', '+'], "_");
    format!("{}-v{version}", reference.key.replace('.', "_"))
}

/// `/agent/run/v1.0.0`: the route of exactly this version.
pub fn exact_path(reference: &Ref) -> String {
    format!("/{}/v{}", reference.key.replace('.', "/"), reference.version)
}

/// The routes that lead to the newest match of a part of the version: `/agent/run/v1` and `/agent/run/v1.0`.
pub fn alias_paths(reference: &Ref) -> [String; 2] {
    let (key, version) = (reference.key.replace('.', "/"), &reference.version);
    [format!("/{key}/v{}", version.major), format!("/{key}/v{}.{}", version.major, version.minor)]
}

/// The HTTP method: commands are posted, queries are got.
pub fn method(kind: Kind) -> &'static str {
    if kind == Kind::Query { "GET" } else { "POST" }
}

/// The key of the feature under which a contract stands. A feature stands under itself.
pub fn feature_of(contract: &Contract) -> &str {
    match (&contract.meta.feature, contract.meta.kind) {
        (Some(feature), _) => feature,
        (None, Kind::Feature) => &contract.meta.key,
        (None, _) => USER_FEATURE,
    }
}

/// Whether no other version of the contract's key is newer. A pre-release is only the newest of nothing else.
pub fn is_newest(registry: &Registry, contract: &Contract) -> bool {
    newest(registry, &contract.meta.key).is_some_and(|newest| newest.meta.version == contract.meta.version)
}

/// The newest version of a key: the newest that is no pre-release, or else the newest of all.
pub fn newest<'a>(registry: &'a Registry, key: &str) -> Option<&'a Arc<Contract>> {
    registry.resolve(key, &Pick::Newest).or_else(|| registry.versions(key).last())
}

/// The page of a contract: `/docs/reference/platform.agent/agent.run`, with `@1.0.0` behind it unless it is the newest.
pub fn docs_path(contract: &Contract, newest: bool) -> String {
    let (feature, key) = (feature_of(contract), &contract.meta.key);
    let version = if newest { String::new() } else { format!("@{}", contract.meta.version) };
    format!("/docs/reference/{feature}/{key}{version}")
}

/// What people call a feature that no contract describes.
pub fn feature_title(key: &str) -> String {
    if key == USER_FEATURE { "Your contracts".to_owned() } else { key.to_owned() }
}

/// The kind as people read it.
pub fn kind_words(kind: Kind) -> &'static str {
    match kind {
        Kind::Command => "command",
        Kind::Query => "query",
        Kind::Event => "event",
        Kind::Capability => "capability",
        Kind::Feature => "feature",
        Kind::Form => "form",
        Kind::View => "view",
        Kind::Presentation => "presentation",
        Kind::Agent => "agent",
        Kind::ContextPack => "context pack",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reference_gives_every_name() {
        let reference: Ref = "agent.run@1.2.0-beta.1+7".parse().unwrap();
        assert_eq!(operation_id(&reference), "agent_run-v1_2_0-beta_1_7");
        assert_eq!(exact_path(&reference), "/agent/run/v1.2.0-beta.1+7");
        assert_eq!(alias_paths(&reference), ["/agent/run/v1", "/agent/run/v1.2"]);
    }
}
