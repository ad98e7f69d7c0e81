//! Who has their turn, and what a worker that fell asleep may still do.

mod world;

use std::{sync::Arc, time::Duration};

use affiant_engine::Settle;
use affiant_journal::{Body, run::Status};
use affiant_policy::{Principal, Role};
use serde_json::json;
use world::{fuse::Fuse, *};

fn of_another_tenant() -> Principal {
    Principal { tenant: "t_2".into(), ..person("u_ben", Role::User) }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_queued_runs_of_one_tenant_delay_anothers_first_by_a_few_steps() {
    let mut world = World::new(1);
    world.hand.does("ping", Duration::from_millis(100), |it, _| Ok(it.clone()));
    let settings = affiant_engine::Settings { runs_at_once: 4.try_into().unwrap(), ..world.settings() };
    let engine = world.boot_with(settings);
    for _ in 0..10_000 {
        let urgent = affiant_engine::Submit { priority: 1000, ..submit("echo", steps(3)) };
        engine.submit(&ana(), urgent, None).await.unwrap();
    }
    tokio::spawn(engine.clone().work(Default::default()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = world.hand.calls().len();
    let modest = affiant_engine::Submit { priority: -1000, ..submit("echo", steps(1)) };
    let run = engine.submit(&of_another_tenant(), modest, None).await.unwrap().run;
    let row = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let row = world.ports.store.run(&"t_2".into(), &run).await.unwrap().unwrap();
        if row.started_at.is_some() {
            break row;
        }
    };
    let between = world.hand.calls().len() - before;
    assert!(between <= 12, "{between} steps of the other tenant came before {row:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_fell_asleep_loses_its_run_and_writes_nothing_more() {
    let mut world = World::new(1);
    world.hand.does("ping", Duration::from_secs(30), |_, before| Ok(json!({ "value": format!("attempt {before}") })));
    let disk = world.ports.store.clone();
    let asleep = Arc::new(Fuse::after(u64::MAX, disk.clone()));
    world.ports.store = asleep.clone();
    let (first, ..) = world.serve();
    tokio::task::yield_now().await;
    let run = run(&first, "echo", steps(1)).await;
    world.until(&run, "running").await;
    asleep.falls_asleep();
    world.ports.store = disk;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (second, ..) = world.serve();
    world.until(&run, "completed").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    insta::assert_snapshot!(world.story(&run).await, @"run.submitted run.claimed step.decided run.claimed step.dispatched step.observed run.completed");
    let workers: Vec<_> = world.journal(&run).await.into_iter().map(|event| event.actor.id.to_string()).collect();
    assert_eq!(workers, ["u_ana", "w_1", "w_1", "w_2", "w_2", "w_2", "w_2"]);
    assert_eq!((first.busy(), second.busy()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_sleeping_worker_did_is_unknown_and_its_late_result_is_not_taken() {
    let mut world = World::new(1);
    world.hand.does("write", Duration::from_secs(8), |it, _| Ok(it.clone()));
    let disk = world.ports.store.clone();
    let asleep = Arc::new(Fuse::after(u64::MAX, disk.clone()));
    world.ports.store = asleep.clone();
    let (first, ..) = world.serve();
    tokio::task::yield_now().await;
    let run = run(&first, "risky", json!({ "name": "x" })).await;
    world.until(&run, "running").await;
    asleep.falls_asleep();
    world.ports.store = disk;
    let (second, ..) = world.serve();
    world.until(&run, "waiting (unknown_outcome)").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.status(&run).await, "waiting (unknown_outcome)");
    second.settle(&ana(), &run, 0, Settle::Observed(json!({ "ok": true })), None).await.unwrap();
    world.until(&run, "completed").await;
    let folded = affiant_journal::Run::replay(&world.journal(&run).await).unwrap().unwrap();
    assert_eq!(folded.status, Status::Completed);
    let seen = world.journal(&run).await;
    assert_eq!(seen.iter().filter(|event| matches!(event.body, Body::StepObserved(_))).count(), 1);
    assert_eq!(world.hand.calls().len(), 1);
}
