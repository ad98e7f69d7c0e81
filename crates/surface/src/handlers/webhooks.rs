//! `webhook.create`, `webhook.list` and `webhook.delete`: who is told of what happens here.

use std::sync::Arc;

use affiant_engine::outbox::{HookView, NewHook, OutboxError};
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_create, for_list, for_delete] = [(); 3].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("webhook.create", "^1", move |context, input| create(for_create.clone(), context, input))
        .on("webhook.list", "^1", move |context, input| list(for_list.clone(), context, input))
        .on("webhook.delete", "^1", move |context, input| delete(for_delete.clone(), context, input))
}

/// Input of `webhook.create`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateInput {
    url: String,
    events: Vec<String>,
    description: Option<String>,
}

/// Output of `webhook.create`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOutput {
    webhook_id: Arc<str>,
    url: String,
    events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    created_at: Moment,
}

async fn create(services: Arc<Services>, context: Context, input: CreateInput) -> Result<CreateOutput, Refusal> {
    let CreateInput { url, events, description } = input;
    let made = services.outbox.create(&context.who, NewHook { url, events, description }).await;
    let (hook, secret) = made.map_err(|error| refusal(&context, error))?;
    Ok(CreateOutput {
        webhook_id: hook.id,
        url: hook.url,
        events: hook.events,
        secret: Some(secret),
        created_at: hook.created_at.into(),
    })
}

/// Input of `webhook.list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListInput {}

/// Output of `webhook.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListOutput {
    webhooks: Vec<Row>,
}

/// One webhook in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Row {
    webhook_id: Arc<str>,
    url: String,
    events: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_delivered_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

async fn list(services: Arc<Services>, context: Context, _: ListInput) -> Result<ListOutput, Refusal> {
    let views = services.outbox.list(&context.who.tenant).await.map_err(|error| refusal(&context, error))?;
    Ok(ListOutput { webhooks: views.into_iter().map(row).collect() })
}

fn row(view: HookView) -> Row {
    let HookView { hook, pending, delivered_at, error } = view;
    Row {
        webhook_id: hook.id,
        url: hook.url,
        events: hook.events,
        description: hook.description,
        created_at: hook.created_at.into(),
        pending: Some(pending),
        last_delivered_at: delivered_at.map(Moment),
        last_error: error,
    }
}

/// Input of `webhook.delete`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteInput {
    webhook_id: String,
}

/// Output of `webhook.delete`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteOutput {
    webhook_id: String,
    deleted_at: Moment,
    dropped: u64,
}

async fn delete(services: Arc<Services>, context: Context, input: DeleteInput) -> Result<DeleteOutput, Refusal> {
    let deleted = services.outbox.delete(&context.who, &input.webhook_id).await;
    let (deleted_at, dropped) = deleted.map_err(|error| refusal(&context, error))?;
    Ok(DeleteOutput { webhook_id: input.webhook_id, deleted_at: deleted_at.into(), dropped })
}

fn refusal(context: &Context, error: OutboxError) -> Refusal {
    let declared = |code: &str, detail: String| {
        let refusal = Refusal::declared(&context.operation, code, detail.clone());
        refusal.unwrap_or_else(|| Refusal::new("input-invalid", detail))
    };
    match error {
        OutboxError::Engine(error) => error.into(),
        OutboxError::Address(failure) if &*failure.code == "address-not-allowed" => {
            declared("address-not-allowed", format!("Nothing is delivered there: {}.", failure.message))
        }
        OutboxError::Address(failure) => Refusal::invalid_field("/url", "address", failure.message),
        OutboxError::UnknownEvent(key) => {
            declared("event-unknown", format!("`{key}` stands for no event that is loaded."))
        }
        OutboxError::Missing => declared("webhook-not-found", "The tenant has no webhook with this id.".to_owned()),
        OutboxError::Many => Refusal::new("conflict", "A tenant keeps at most 100 webhooks. Delete one first."),
    }
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;
    use serde_json::{Value, json};

    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn by(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential(caller), ..call };
        let outcome = world.gateway.call(call).await.outcome;
        outcome.map(|done| done.value()).map_err(|problem| format!("{}: {}", problem.code(), problem.detail()))
    }

    fn hook() -> Value {
        json!({ "url": "https://hooks.example.com/T0/secret", "events": ["agent.run.*"] })
    }

    #[tokio::test]
    async fn a_secret_is_shown_once_and_stands_nowhere_in_the_store() {
        let world = World::shipped();
        let made = by(&world, "admin", "webhook.create", hook()).await.unwrap();
        let secret = made["secret"].as_str().unwrap();
        assert!(secret.starts_with("whsec_") && secret.len() == 38, "{secret}");
        let listed = by(&world, "admin", "webhook.list", json!({})).await.unwrap();
        assert_eq!(listed["webhooks"][0]["pending"], json!(0));
        assert!(!listed.to_string().contains("whsec_"));
        let events = world.admin_events("t_a", 0).await.join("\n");
        insta::assert_snapshot!(events, @r#"u_admin config.changed {"change":"created","setting":"webhook","value":{"inline":{"events":["agent.run.*"],"host":"https://hooks.example.com","webhookId":"whk_01JDA3K9W2ZB8R5M0C7T000012"}}}"#);
    }

    #[tokio::test]
    async fn a_webhook_of_another_tenant_is_not_there() {
        let world = World::shipped();
        let made = by(&world, "admin", "webhook.create", hook()).await.unwrap();
        let named = json!({ "webhookId": made["webhookId"] });
        assert_eq!(by(&world, "other tenant", "webhook.list", json!({})).await.unwrap(), json!({ "webhooks": [] }));
        let refused = by(&world, "other tenant", "webhook.delete", named.clone()).await.unwrap_err();
        assert_eq!(refused, "webhook-not-found: The tenant has no webhook with this id.");
        let deleted = by(&world, "admin", "webhook.delete", named.clone()).await.unwrap();
        assert_eq!(deleted["dropped"], json!(0));
        assert!(by(&world, "admin", "webhook.delete", named).await.unwrap_err().starts_with("webhook-not-found"));
    }

    #[tokio::test]
    async fn what_cannot_be_delivered_is_refused_at_once() {
        let world = World::shipped();
        let mut told = Vec::new();
        for (url, event) in [
            ("https://hooks.example.com/", "agent.run.exploded"),
            ("https://hooks.example.com/", "*.failed"),
            ("https://127.0.0.1/", "agent.run.failed"),
        ] {
            let input = json!({ "url": url, "events": [event] });
            told.push(by(&world, "admin", "webhook.create", input).await.unwrap_err());
        }
        insta::assert_snapshot!(told.join("\n"), @"
        event-unknown: `agent.run.exploded` stands for no event that is loaded.
        event-unknown: `*.failed` stands for no event that is loaded.
        address-not-allowed: Nothing is delivered there: this is not an address of the public internet.
        ");
        assert!(by(&world, "user", "webhook.create", hook()).await.unwrap_err().starts_with("forbidden"));
    }

    #[tokio::test]
    async fn a_run_can_only_tell_an_address_that_an_administrator_has_made_a_webhook() {
        let world = World::shipped();
        let url = "https://hooks.example.com/T0/secret";
        let run = json!({ "agentKey": "echo", "notify": { "url": url } });
        let refused = by(&world, "user", "agent.run", run.clone()).await.unwrap_err();
        insta::assert_snapshot!(refused, @"input-invalid: `notify/url` must be the address of a webhook; an administrator makes one with `webhook.create`.");
        by(&world, "admin", "webhook.create", hook()).await.unwrap();
        let run = by(&world, "user", "agent.run", run).await.unwrap();
        let id = run["runId"].as_str().unwrap();
        let asked = world.services.store.document(&"t_a".into(), "notify", id).await.unwrap();
        assert!(asked.is_some());
    }
}
