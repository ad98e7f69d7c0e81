//! A long run is folded once for everybody who looks at it, and a page of it is found without the rest.

mod world;

use std::{sync::Arc, time::Duration};

use affiant_engine::{Engine, Folded};
use affiant_journal::{Body, Event, Run, RunId};
use world::*;

async fn fold(engine: &Engine, run: &RunId) -> Arc<Folded> {
    engine.folded(&tenant(), run).await.unwrap()
}

/// The step that an event of this world is about.
fn step_of(event: &Event) -> Option<u64> {
    match &event.body {
        Body::StepDecided(it) => Some(it.step),
        Body::StepDispatched(it) => Some(it.step),
        Body::StepObserved(it) => Some(it.step),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_long_run_holds_every_event_about_its_steps() {
    let mut world = World::new(3);
    let (engine, ..) = world.serve();
    let run = run(&engine, "echo", steps(700)).await;
    world.until(&run, "completed").await;
    let (folded, journal) = (fold(&engine, &run).await, world.journal(&run).await);
    for page in [0..1, 0..700, 350..400, 699..700, 690..10_000] {
        let seqs = folded.range(page.clone());
        let about = journal.iter().filter(|event| step_of(event).is_some_and(|step| page.contains(&step)));
        assert!(about.clone().count() as u64 <= seqs.end - seqs.start);
        assert!(about.map(|event| event.seq).all(|seq| seqs.contains(&seq)), "{page:?} is in {seqs:?}");
    }
    assert!(folded.range(350..400).count() < 200, "{:?}", folded.range(350..400));
    assert!(folded.range(700..800).is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_of_a_run_that_goes_on_is_what_its_journal_says() {
    let mut world = World::new(4);
    world.hand.does("ping", Duration::from_millis(1), |it, _| Ok(it.clone()));
    let (engine, ..) = world.serve();
    let run = run(&engine, "echo", steps(1500)).await;
    let mut lengths = Vec::new();
    while world.status(&run).await != "completed" {
        lengths.push(fold(&engine, &run).await.run.events);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (remembered, anew) = (fold(&engine, &run).await, fold(&world.boot(), &run).await);
    let said = Run::replay(&world.journal(&run).await).unwrap().unwrap();
    assert_eq!(format!("{remembered:?}"), format!("{anew:?}"));
    assert_eq!(format!("{:?}", remembered.run), format!("{said:?}"));
    assert!(
        lengths.iter().any(|length| (1000..said.events).contains(length)),
        "it was never seen half way: {lengths:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_run_is_remembered_for_a_minute_and_a_short_one_is_read_again() {
    let mut world = World::new(5);
    let (engine, ..) = world.serve();
    let (long, short) = (run(&engine, "echo", steps(600)).await, run(&engine, "echo", steps(3)).await);
    world.until(&long, "completed").await;
    world.until(&short, "completed").await;
    let first = fold(&engine, &long).await;
    assert!(Arc::ptr_eq(&first, &fold(&engine, &long).await));
    assert!(!Arc::ptr_eq(&fold(&engine, &short).await, &fold(&engine, &short).await));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(!Arc::ptr_eq(&first, &fold(&engine, &long).await), "what is on disk is looked at again");
    let other = engine.folded(&"t_2".into(), &long).await;
    assert_eq!(other.unwrap_err().code(), "run-not-found");
}
