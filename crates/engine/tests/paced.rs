//! Calls of models that wait for their turn, because others ask with the same key or the provider wants to be left alone.

mod world;

use std::time::Duration;

use affiant_journal::{Body, RunId};
use serde_json::json;
use world::{brain::*, *};

/// The agent of these tests calls a model at most this long.
const LIMIT: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_secs(30);

fn world(seed: u64, attempts: u32) -> World {
    let body = format!(
        "tools: [{{ operation: ping@1.0.0 }}]\nplanner:\n  kind: model\n  instructions: Be patient.\n  \
                model: [main/one]\n  timeout: 10s\n  retry: {{ attempts: {attempts}, backoffMs: 100, maxMs: 1000 }}\n"
    );
    World::knowing(seed, vec![agent("patient", &body)])
}

async fn failures(world: &World, run: &RunId) -> Vec<(u32, bool, bool)> {
    let events = world.journal(run).await.into_iter();
    let failed = events.filter_map(|event| match event.body {
        Body::StepFailed(it) => Some((it.attempt, it.unsent, it.retry_at.is_some())),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_is_none_of_the_time_a_call_may_take_and_stands_in_the_record() {
    let mut world = world(31, 1);
    world.brain.says(|_, _, _| words("at last"));
    world.brain.queues_for(2 * LIMIT);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "patient", steps(1)).await;
    world.until(&run, "completed").await;
    let waited = world.journal(&run).await.into_iter().find_map(|event| match event.body {
        Body::StepObserved(it) => it.waited_us.map(|waited| (waited, it.duration_us >= waited)),
        _ => None,
    });
    assert_eq!(waited, Some((u64::try_from((2 * LIMIT).as_micros()).unwrap(), true)));
    assert!(failures(&world, &run).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_let_go_at_once_has_not_waited() {
    let mut world = world(32, 1);
    world.brain.says(|_, _, _| words("there"));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "patient", steps(1)).await;
    world.until(&run, "completed").await;
    let events = world.journal(&run).await.into_iter();
    let waited = events.filter_map(|event| match event.body {
        Body::StepObserved(it) => it.waited_us,
        _ => None,
    });
    assert_eq!(waited.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_rests_again_and_again_uses_up_no_attempt() {
    let mut world = world(33, 1);
    world.brain.says(|_, _, _| words("there"));
    world.brain.rests(9, REST);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "patient", steps(1)).await;
    world.until(&run, "completed").await;
    let expected: Vec<_> = (1..=9).map(|attempt| (attempt, true, true)).collect();
    assert_eq!(failures(&world, &run).await, expected);
}

#[tokio::test(start_paused = true)]
async fn attempts_that_were_sent_count_as_before_when_others_were_not() {
    let mut world = world(34, 2);
    world.brain.says(|_, _, _| refuses("provider-failed", Some(Duration::from_secs(1))));
    world.brain.rests(9, REST);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "patient", steps(1)).await;
    world.until(&run, "failed (model-failed)").await;
    let sent: Vec<_> = failures(&world, &run).await.into_iter().filter(|(_, unsent, _)| !unsent).collect();
    assert_eq!(sent, [(10, false, true), (11, false, false)]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_a_run_bounds_the_wait_and_says_what_was_waited_for() {
    for queue in [true, false] {
        let mut world = world(36, 1);
        world.brain.says(|_, _, _| words("never"));
        match queue {
            true => world.brain.queues_for(100 * LIMIT),
            false => world.brain.rests(1, 100 * LIMIT),
        }
        let (engine, ..) = world.serve();
        let mut late = submit("patient", json!({ "steps": 1 }));
        late.deadline = Some(world.ports.clock.now().plus(2 * LIMIT));
        let run = engine.submit(&ana(), late, None).await.unwrap().run;
        world.until(&run, "failed (deadline-exceeded)").await;
        let said = engine.view(&ana(), &run).await.unwrap().message.unwrap();
        assert_eq!(
            said,
            "the run had not ended at its deadline: step 0 waited for its turn at `main`, which is asked by others or \
             wants to be left alone"
        );
        assert!(failures(&world, &run).await.iter().all(|(_, unsent, _)| *unsent), "nothing was sent");
    }
}
