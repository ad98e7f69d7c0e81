//! `provider.connect`, `provider.list`, `provider.remove` and `provider.check`: which models agents can ask.

use std::sync::Arc;

use affiant_engine::{
    connections::{ConnectionError, ConnectionView, NewConnection},
    ports::{Checked, Connection, Connections, ModelFailure, ProviderKind, Secret},
};
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The most names of models that are told.
const MODELS: usize = 200;

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_connect, for_list, for_remove, for_check] = [(); 4].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("provider.connect", "^1", move |context, input| connect(for_connect.clone(), context, input))
        .on("provider.list", "^1", move |context, input| list(for_list.clone(), context, input))
        .on("provider.remove", "^1", move |context, input| remove(for_remove.clone(), context, input))
        .on("provider.check", "^1", move |context, input| check(for_check.clone(), context, input))
}

/// Input of `provider.connect`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectInput {
    name: String,
    kind: ProviderKind,
    base_url: Option<String>,
    key: Option<String>,
    at_once: Option<u32>,
    budget_per_day: Option<String>,
    check: Option<bool>,
}

/// Output of `provider.connect`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectOutput {
    name: String,
    kind: ProviderKind,
    base_url: String,
    keyed: bool,
    at_once: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_per_day: Option<String>,
    created_at: Moment,
    checked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    models: Option<Vec<String>>,
}

async fn connect(services: Arc<Services>, context: Context, input: ConnectInput) -> Result<ConnectOutput, Refusal> {
    let ConnectInput { name, kind, base_url, key, at_once, budget_per_day, check } = input;
    if key.is_none() && base_url.is_none() && kind.needs_key() {
        return Err(Refusal::invalid_field(
            "/key",
            "key-needed",
            format!("is needed to ask {kind} at its own address"),
        ));
    }
    let at_once = at_once.unwrap_or(Connection::AT_ONCE);
    let connection = Connection { name, kind, base_url, key: key.map(Secret::new), at_once };
    let checked = match check.unwrap_or(true) {
        true => Some(services.check.check(connection.clone(), None).await.map_err(|it| unanswered(&context, &it))?),
        false => None,
    };
    let new = NewConnection { connection, budget_per_day };
    let made = services.connections.connect(&services.engine, &context.who, new).await;
    let view = made.map_err(|error| refusal(&context, error))?;
    Ok(ConnectOutput {
        created_at: view.created_at.unwrap_or_else(|| services.clock.now()).into(),
        name: view.name,
        kind: view.kind,
        base_url: view.base_url,
        keyed: view.keyed,
        at_once: view.at_once,
        budget_per_day: view.budget_per_day,
        checked: checked.is_some(),
        models: checked.map(named),
    })
}

fn named(checked: Checked) -> Vec<String> {
    checked.models.into_iter().take(MODELS).collect()
}

/// Input of `provider.list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListInput {}

/// Output of `provider.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListOutput {
    providers: Vec<Row>,
}

/// One connection in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    name: String,
    kind: ProviderKind,
    base_url: String,
    keyed: bool,
    at_once: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_per_day: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Moment>,
}

async fn list(services: Arc<Services>, context: Context, _: ListInput) -> Result<ListOutput, Refusal> {
    let views = services.connections.list(&context.who.tenant).await.map_err(|error| refusal(&context, error))?;
    Ok(ListOutput { providers: views.into_iter().map(row).collect() })
}

fn row(view: ConnectionView) -> Row {
    let ConnectionView { name, kind, base_url, keyed, at_once, budget_per_day, created_at } = view;
    Row { name, kind, base_url, keyed, at_once, budget_per_day, created_at: created_at.map(Moment) }
}

/// Input of `provider.remove`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveInput {
    name: String,
}

/// Output of `provider.remove`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveOutput {
    name: String,
    removed_at: Moment,
}

async fn remove(services: Arc<Services>, context: Context, input: RemoveInput) -> Result<RemoveOutput, Refusal> {
    let removed = services.connections.remove(&services.engine, &context.who, &input.name).await;
    let removed_at = removed.map_err(|error| refusal(&context, error))?.into();
    Ok(RemoveOutput { name: input.name, removed_at })
}

/// Input of `provider.check`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckInput {
    name: String,
    model: Option<String>,
}

/// Output of `provider.check`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckOutput {
    name: String,
    models: Vec<String>,
    paid: bool,
}

async fn check(services: Arc<Services>, context: Context, input: CheckInput) -> Result<CheckOutput, Refusal> {
    let found = services.connections.connection(&context.who.tenant, &input.name).await;
    let found = found.map_err(|why| declared(&context, "provider-check-failed", format!("{why}.")))?;
    let connection = found.ok_or_else(|| refusal(&context, ConnectionError::Missing(input.name.clone())))?;
    let checked = services.check.check(connection, input.model.as_deref()).await;
    let checked = checked.map_err(|failure| unanswered(&context, &failure))?;
    Ok(CheckOutput { name: input.name, paid: checked.paid, models: named(checked) })
}

fn unanswered(context: &Context, failure: &ModelFailure) -> Refusal {
    declared(context, "provider-check-failed", sentence(&failure.message))
}

/// Words with an end: a question keeps its own.
fn sentence(words: &str) -> String {
    let words = words.trim_end_matches('.');
    format!("{words}{}", if words.ends_with('?') { "" } else { "." })
}

fn declared(context: &Context, code: &str, detail: String) -> Refusal {
    let refusal = Refusal::declared(&context.operation, code, detail.clone());
    refusal.unwrap_or_else(|| Refusal::new("input-invalid", detail))
}

fn refusal(context: &Context, error: ConnectionError) -> Refusal {
    match error {
        ConnectionError::Engine(error) => error.into(),
        ConnectionError::Configured(name) => {
            declared(context, "provider-configured", format!("`{name}` is connected by the server's configuration."))
        }
        ConnectionError::Missing(name) => {
            declared(context, "provider-not-found", format!("No provider is connected as `{name}`."))
        }
        ConnectionError::Many => Refusal::new("conflict", "A tenant keeps at most 100 connections. Remove one first."),
    }
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;
    use affiant_engine::ports::Connections;
    use serde_json::{Value, json};

    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    const KEY: &str = "sk-canary-5d20";

    async fn by(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential(caller), ..call };
        let outcome = world.gateway.call(call).await.outcome;
        outcome.map(|done| done.value()).map_err(|problem| format!("{}: {}", problem.code(), problem.detail()))
    }

    fn connection() -> Value {
        json!({ "name": "anthropic", "kind": "anthropic", "key": KEY, "budgetPerDay": "5.00" })
    }

    #[test]
    fn a_question_stays_a_question() {
        assert_eq!(super::sentence("Is the base URL right?"), "Is the base URL right?");
        assert_eq!([super::sentence("It failed"), super::sentence("It failed.")], ["It failed.", "It failed."]);
    }

    #[tokio::test]
    async fn a_key_is_sealed_and_stands_in_no_reply_document_or_event() {
        let world = World::shipped();
        let made = by(&world, "admin", "provider.connect", connection()).await.unwrap();
        let listed = by(&world, "user", "provider.list", json!({})).await.unwrap();
        let kept = world.services.store.document(&"t_a".into(), "provider", "anthropic").await.unwrap().unwrap();
        let events = world.admin_events("t_a", 0).await.join("\n");
        for text in [made.to_string(), listed.to_string(), format!("{kept:?}"), events.clone()] {
            assert!(!text.contains("canary"), "{text}");
        }
        insta::assert_snapshot!(events, @r#"u_admin config.changed {"change":"created","setting":"provider","value":{"inline":{"kind":"anthropic","name":"anthropic"}}}"#);
        let opened = world.services.connections.connection(&"t_a".into(), "anthropic").await.unwrap().unwrap();
        assert_eq!(opened.key.unwrap().reveal(), KEY);
    }

    #[tokio::test]
    async fn a_connection_that_is_replaced_or_removed_takes_its_key_with_it() {
        let world = World::shipped();
        let sealed = async || world.services.store.document(&"t_a".into(), "provider", "anthropic").await.unwrap();
        by(&world, "admin", "provider.connect", connection()).await.unwrap();
        let first = sealed().await.unwrap();
        by(&world, "admin", "provider.connect", connection()).await.unwrap();
        by(&world, "admin", "provider.remove", json!({ "name": "anthropic" })).await.unwrap();
        assert!(sealed().await.is_none_or(|document| document.value.is_none()));
        // Even who puts the old document back, from a backup, opens it no more.
        let actor = affiant_journal::Actor {
            auth: "none".into(),
            id: "operator".into(),
            kind: affiant_journal::ActorKind::System,
        };
        let said = affiant_journal::Payload::Inline(json!({}));
        let body = affiant_journal::ConfigChanged { change: "set".into(), setting: "test".into(), value: said };
        world.services.engine.record_admin(&"t_a".into(), &actor, body, vec![first]).await.unwrap();
        assert!(world.services.connections.connection(&"t_a".into(), "anthropic").await.is_err());
    }

    #[tokio::test]
    async fn what_cannot_be_connected_is_refused_with_words_and_kept_nowhere() {
        let world = World::shipped();
        let mut told = Vec::new();
        for (caller, input) in [
            ("admin", json!({ "name": "bad", "kind": "gemini", "key": "refused" })),
            ("admin", json!({ "name": "none", "kind": "gemini" })),
            ("user", connection()),
        ] {
            told.push(by(&world, caller, "provider.connect", input).await.unwrap_err());
        }
        told.push(by(&world, "other tenant", "provider.remove", json!({ "name": "anthropic" })).await.unwrap_err());
        insta::assert_snapshot!(told.join("\n"), @"
        provider-check-failed: `bad` did not accept the key.
        input-invalid: `key` is needed to ask gemini at its own address.
        forbidden: provider.connect@1.0.0 needs the role `admin`.
        provider-not-found: No provider is connected as `anthropic`.
        ");
        let listed = by(&world, "admin", "provider.list", json!({})).await.unwrap();
        assert_eq!(listed, json!({ "providers": [] }));
    }
}
