//! `log.acts`: who did what, outside of runs.

use std::sync::Arc;

use affiant_journal::{ActorKind, Event, StreamId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    gateway::{Context, Handlers},
    handlers::{Services, wire::Moment},
    problem::Refusal,
};

/// Events that are read at once.
const PAGE: u64 = 500;

/// The most events that are looked through for one reply; the next page goes on from there.
const FAR: u64 = 20_000;

/// The handlers of this file.
pub(super) fn handlers(services: &Services) -> Handlers {
    let services = Arc::new(services.clone());
    Handlers::new().on("log.acts", "^1", move |context, input| acts(services.clone(), context, input))
}

/// Input of `log.acts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    r#type: Option<String>,
    actor: Option<String>,
    before: Option<u64>,
    #[serde(default = "usual")]
    limit: usize,
}

fn usual() -> usize {
    50
}

/// Output of `log.acts`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    acts: Vec<Act>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_before: Option<u64>,
}

/// One act.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Act {
    seq: u64,
    at: Moment,
    r#type: String,
    actor_id: String,
    actor_kind: ActorKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    body: Map<String, Value>,
}

impl Act {
    fn of(event: &Event) -> Self {
        let body = serde_json::to_value(&event.body).ok().and_then(|body| body.as_object().cloned());
        Self {
            seq: event.seq,
            at: event.at.into(),
            r#type: event.body.name().to_owned(),
            actor_id: event.actor.id.to_string(),
            actor_kind: event.actor.kind,
            auth: Some(event.actor.auth.to_string()).filter(|auth| !auth.is_empty()),
            body: body.unwrap_or_default(),
        }
    }
}

async fn acts(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let (store, tenant) = (&services.store, &context.who.tenant);
    let mut before = match input.before {
        Some(before) => before,
        None => services.engine.admin_length(tenant).await?,
    };
    let wanted = |event: &Event| {
        input.r#type.as_ref().is_none_or(|kind| event.body.name().starts_with(&**kind))
            && input.actor.as_ref().is_none_or(|actor| event.actor.id.as_str() == actor)
    };
    let (mut found, last) = (Vec::new(), before.saturating_sub(FAR));
    while before > last && found.len() < input.limit {
        let from = before.saturating_sub(PAGE);
        let count = usize::try_from(before - from).unwrap_or(usize::MAX);
        let entries = store.load(tenant, &StreamId::admin(), from, count).await?;
        for entry in entries.iter().rev() {
            let event = Event::from_bytes(&entry.bytes).map_err(Refusal::internal)?;
            before = event.seq;
            if wanted(&event) {
                found.push(Act::of(&event));
            }
            if found.len() == input.limit {
                break;
            }
        }
        before = if found.len() == input.limit { before } else { from };
    }
    Ok(Output { acts: found, next_before: Some(before).filter(|before| *before > 0) })
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;
    use serde_json::{Value, json};

    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn ask(world: &World, key: &str, input: Value) -> Value {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential("admin"), ..call };
        world.gateway.call(call).await.outcome.unwrap().value()
    }

    #[tokio::test]
    async fn acts_are_told_newest_first_page_by_page_and_by_whom_and_of_which_sort() {
        let world = World::shipped();
        assert_eq!(ask(&world, "log.acts", json!({})).await, json!({ "acts": [] }));
        for name in ["one", "two", "three"] {
            ask(&world, "key.create", json!({ "name": name })).await;
        }
        let page = ask(&world, "log.acts", json!({ "limit": 2 })).await;
        let said = |page: &Value| -> Vec<String> {
            let acts = page["acts"].as_array().unwrap().iter();
            acts.map(|act| act["body"]["principal"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(said(&page), ["u_three", "u_two"]);
        let rest = ask(&world, "log.acts", json!({ "limit": 2, "before": page["nextBefore"] })).await;
        assert_eq!((said(&rest), &rest["nextBefore"]), (vec!["u_one".to_owned()], &Value::Null));
        let others = ask(&world, "log.acts", json!({ "actor": "u_nobody" })).await;
        assert_eq!(others["acts"], json!([]));
        let kinds = ask(&world, "log.acts", json!({ "type": "key.", "actor": "u_admin" })).await;
        assert_eq!(said(&kinds).len(), 3);
    }
}
