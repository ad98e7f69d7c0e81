//! `agent.view.save`, `agent.view.remove` and `agent.views`: filters of the run list that a caller keeps under a name.

use std::sync::Arc;

use affiant_engine::ports::{Document, RunQuery};
use affiant_journal::{ConfigChanged, Payload};
use affiant_policy::Principal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter;
use crate::{
    gateway::{Context, Handlers},
    handlers::{services::Services, wire::Moment},
    problem::Refusal,
};

/// The collection of documents that holds views; the id of each is its owner's and its name.
const COLLECTION: &str = "view";

/// The most views of one caller.
const MANY: usize = 100;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let [for_save, for_remove, for_list] = [(); 3].map(|()| services.clone());
    Handlers::new()
        .on("agent.view.save", "^1", move |context, input| save(for_save.clone(), context, input))
        .on("agent.view.remove", "^1", move |context, input| remove(for_remove.clone(), context, input))
        .on("agent.views", "^1", move |context, input| list(for_list.clone(), context, input))
}

/// A view as it is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct View {
    name: String,
    filter: String,
    saved_at: Moment,
}

/// A view as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    owner: String,
    #[serde(flatten)]
    view: View,
}

/// Input of `agent.view.save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SaveInput {
    name: String,
    filter: String,
}

async fn save(services: Arc<Services>, context: Context, input: SaveInput) -> Result<View, Refusal> {
    let now = services.clock.now();
    let declared = |code: &'static str, why: String| {
        let refusal = Refusal::declared(&context.operation, code, why.clone());
        refusal.unwrap_or_else(|| Refusal::invalid_field("/filter", code, why))
    };
    filter::narrow(&mut RunQuery::default(), &input.filter, now).map_err(|why| declared("filter-invalid", why))?;
    let own = views(&services, &context.who).await?;
    if own.len() >= MANY && own.iter().all(|view| view.name != input.name) {
        return Err(declared("too-many-views", format!("There are {MANY} views already, which is the most.")));
    }
    let kept = |view| Kept { owner: context.who.id.to_string(), view };
    let view = View { name: input.name.clone(), filter: input.filter, saved_at: now.into() };
    let kept = serde_json::to_value(kept(view)).map_err(Refusal::internal)?;
    record(&services, &context.who, "saved", &input.name, Some(kept.clone())).await?;
    serde_json::from_value::<Kept>(kept).map(|kept| kept.view).map_err(Refusal::internal)
}

/// Input of `agent.view.remove`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemoveInput {
    name: String,
}

/// Output of `agent.view.remove`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RemoveOutput {
    name: String,
    removed: bool,
}

async fn remove(services: Arc<Services>, context: Context, input: RemoveInput) -> Result<RemoveOutput, Refusal> {
    let removed = views(&services, &context.who).await?.iter().any(|view| view.name == input.name);
    if removed {
        record(&services, &context.who, "removed", &input.name, None).await?;
    }
    Ok(RemoveOutput { name: input.name, removed })
}

/// Input of `agent.views`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListInput {}

/// Output of `agent.views`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListOutput {
    views: Vec<View>,
}

async fn list(services: Arc<Services>, context: Context, _: ListInput) -> Result<ListOutput, Refusal> {
    Ok(ListOutput { views: views(&services, &context.who).await? })
}

/// A caller's views, by name.
async fn views(services: &Services, who: &Principal) -> Result<Vec<View>, Refusal> {
    let first = id(who, "");
    let documents = services.store.documents(Some(&who.tenant), COLLECTION, Some(&first), MANY).await?;
    let kept = documents.into_iter().filter_map(|document| serde_json::from_value::<Kept>(document.value?).ok());
    // Documents stand in the order of their ids, so what follows the caller's own is somebody else's.
    Ok(kept.filter(|kept| kept.owner == who.id.as_str()).map(|kept| kept.view).collect())
}

fn id(who: &Principal, name: &str) -> String {
    format!("{}\n{name}", who.id)
}

/// Keeps or forgets a view. Its filter is not recorded: it may name people.
async fn record(
    services: &Services,
    who: &Principal,
    change: &str,
    name: &str,
    value: Option<Value>,
) -> Result<(), Refusal> {
    let said = Payload::Inline(json!({ "name": name }));
    let body = ConfigChanged { change: change.into(), setting: "view".into(), value: said };
    let document =
        Document { tenant: who.tenant.clone(), collection: COLLECTION.into(), id: id(who, name).into(), value };
    services.recorder.record(&who.tenant, who.actor(), body.into(), vec![document]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use affiant_contract::Pick;

    use super::*;
    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn by(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential(caller), ..call };
        let outcome = world.gateway.call(call).await.outcome;
        outcome.map(|done| done.value()).map_err(|problem| problem.code().to_owned())
    }

    async fn named(world: &World, caller: &str) -> Vec<String> {
        let views = by(world, caller, "agent.views", json!({})).await.unwrap();
        let shown = |view: &Value| format!("{} = {}", view["name"].as_str().unwrap(), view["filter"].as_str().unwrap());
        views["views"].as_array().unwrap().iter().map(shown).collect()
    }

    #[tokio::test]
    async fn a_view_is_its_owners_alone_until_it_is_removed_and_its_filter_is_not_recorded() {
        let world = World::shipped();
        let save = async |caller, name: &str, filter: &str| {
            by(&world, caller, "agent.view.save", json!({ "name": name, "filter": filter })).await.map(|_| ())
        };
        save("user", "mine", "status:failed").await.unwrap();
        save("user", "also mine", "input.mail:ana@example.org").await.unwrap();
        save("admin", "another", "since:24h").await.unwrap();
        save("user", "mine", "status:failed since:7d").await.unwrap();
        assert_eq!(
            named(&world, "user").await,
            ["also mine = input.mail:ana@example.org", "mine = status:failed since:7d"]
        );
        assert_eq!(named(&world, "admin").await, ["another = since:24h"]);
        assert_eq!(save("user", "wrong", "stats:failed").await.unwrap_err(), "filter-invalid");
        assert_eq!(save("user", "a\nb", "since:1h").await.unwrap_err(), "input-invalid");
        let remove = async |name: &str| by(&world, "user", "agent.view.remove", json!({ "name": name })).await.unwrap();
        assert_eq!(remove("another").await["removed"], false);
        assert_eq!(remove("mine").await["removed"], true);
        assert_eq!(named(&world, "user").await, ["also mine = input.mail:ana@example.org"]);
        let recorded = world.admin_events("t_a", 0).await.join("\n");
        assert!(recorded.contains("also mine") && !recorded.contains("ana@example.org"), "{recorded}");
    }

    #[tokio::test]
    async fn nobody_keeps_more_views_than_a_page_can_show() {
        let world = World::shipped();
        let save = async |number: usize| {
            let input = json!({ "name": format!("view {number:03}"), "filter": "since:1h" });
            by(&world, "user", "agent.view.save", input).await
        };
        for number in 0..MANY {
            save(number).await.unwrap();
        }
        assert_eq!(save(MANY).await.unwrap_err(), "too-many-views");
        save(0).await.unwrap();
        assert_eq!(named(&world, "user").await.len(), MANY);
    }
}
