//! Runs from submission to their end, in a world of memory.

mod world;

use std::time::Duration;

use affiant_engine::{Cancel, Resolve, Settle};
use serde_json::json;
use world::*;

#[tokio::test(start_paused = true)]
async fn a_run_of_one_step_costs_two_appends_and_five_events() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    tokio::task::yield_now().await;
    let run = run(&engine, "echo", steps(1)).await;
    world.until(&run, "completed").await;
    insta::assert_snapshot!(world.story(&run).await, @"run.submitted run.claimed step.decided step.observed run.completed");
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_until_a_worker_comes() {
    let mut world = World::new(1);
    let engine = world.boot();
    let run = run(&engine, "echo", steps(3)).await;
    assert_eq!(world.status(&run).await, "queued");
    world.serve();
    world.until(&run, "completed").await;
    insta::assert_snapshot!(world.story(&run).await, @"run.submitted run.claimed step.decided step.observed step.decided step.observed step.decided step.observed run.completed");
}
