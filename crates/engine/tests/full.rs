//! A disk that fills up: what is not on disk is not done, what was accepted is carried on once there is room.

mod world;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use affiant_engine::ports::{RunQuery, Store as _};
use affiant_journal::Body;
use serde_json::json;
use world::{fuse::Fuse, *};

/// The idempotency keys whose steps are on disk as begun.
async fn intended(world: &World) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for row in world.ports.store.runs(&tenant(), RunQuery::default()).await.unwrap().rows {
        for event in world.journal(&row.run).await {
            match event.body {
                Body::StepDecided(it) => keys.extend(it.dispatch.map(|dispatch| dispatch.key.to_string())),
                Body::StepDispatched(it) => drop(keys.insert(it.dispatch.key.to_string())),
                _ => (),
            }
        }
    }
    keys
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_whose_intent_found_no_room_and_everything_is_carried_on_when_there_is() {
    for agent in ["echo", "parallel", "risky", "keeper", "reader"] {
        for appends in 0..8 {
            let mut world = World::new(3);
            world.hand.does("write", Duration::from_millis(10), |it, _| Ok(it.clone()));
            let fuse = Arc::new(Fuse::after(u64::MAX, world.ports.store.clone()));
            world.ports.store = fuse.clone();
            let (engine, ..) = world.serve();
            tokio::task::yield_now().await;
            fuse.has_room_for(appends);
            let submitted = engine.submit(&ana(), submit(agent, json!({ "steps": 3, "name": "x" })), None).await;
            tokio::time::sleep(Duration::from_secs(20)).await;
            let called: BTreeSet<String> = world.hand.calls().into_iter().map(|(_, key)| key).collect();
            assert!(called.is_subset(&intended(&world).await), "{agent}, room for {appends}");
            fuse.has_room_for(u64::MAX);
            match submitted {
                Err(refused) => {
                    assert_eq!((refused.code(), appends), ("storage-full", 0));
                    assert_eq!(fuse.runs(&tenant(), RunQuery::default()).await.unwrap().rows, []);
                }
                Ok(submitted) => {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                    let status = world.status(&submitted.run).await;
                    let risky = agent == "risky" && status == "waiting (unknown_outcome)";
                    assert!(status == "completed" || risky, "{agent}, room for {appends}: {status}");
                }
            }
        }
    }
}
