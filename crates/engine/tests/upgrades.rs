//! A run that began before a newer version came goes on by what it began with.

mod world;

use affiant_journal::{Body, RunId};
use serde_json::json;
use world::{brain::*, *};

/// The newest shipped `model.call`, as if it were this version.
fn model_call(version: &str) -> String {
    let shipped = affiant_contract::builtin().into_iter().find(|contract| &*contract.meta.key == "model.call").unwrap();
    let own = format!("version: {}", shipped.meta.version);
    shipped.source.text.replacen(&own, &format!("version: {version}"), 1)
}

async fn asked_by(world: &World, run: &RunId) -> Vec<String> {
    let decided = world.journal(run).await.into_iter().filter_map(|event| match event.body {
        Body::StepDecided(it) => Some(it.operation.name.to_string()),
        _ => None,
    });
    decided.collect()
}

#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_by_the_version_of_the_operation_it_began_with() {
    let mut world = World::new(1);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ask_person", json!({ "question": "Go on?" }))]),
        _ => words(&last(request)),
    });
    let (engine, stop, working) = world.serve();
    let old = run(&engine, "thinker", steps(1)).await;
    world.until(&old, "waiting (input)").await;
    stop.cancel();
    working.await.unwrap();
    let newest = World::knowing(1, vec![model_call("1.9.0")]);
    world.registry = newest.registry;
    let (engine, _stop, _) = world.serve();
    engine.answer(&ana(), &old, None, json!("yes")).await.unwrap();
    world.until(&old, "completed").await;
    assert_eq!(asked_by(&world, &old).await, ["model.call@1.0.0", "model.call@1.0.0"]);
    assert_eq!(engine.replay(&ana(), &old).await.unwrap().first_difference, None);
    world.brain.says(|_, _, _| words("done"));
    let new = run(&engine, "thinker", steps(1)).await;
    world.until(&new, "completed").await;
    assert_eq!(asked_by(&world, &new).await, ["model.call@1.9.0"]);
}
