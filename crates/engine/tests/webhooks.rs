//! Webhooks, in a world of memory: what is told, to whom, how often, and what a killed server changes about it.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use affiant_engine::{
    Engine, Submit,
    outbox::{HookView, NewHook, Outbox},
    ports::{Deliver, Delivery, DeliveryFailure},
};
use affiant_journal::StreamId;
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use world::{fuse::Fuse, *};

/// What a receiver answers to a message, given how many it has heard before.
type Manner = Box<dyn Fn(usize) -> Result<(), DeliveryFailure> + Send + Sync>;

/// A receiver that remembers what it heard.
struct Receiver {
    heard: Mutex<Vec<(String, Value)>>,
    manner: Mutex<Manner>,
    takes: Duration,
}

impl Receiver {
    fn kind() -> Arc<Self> {
        Self::with(|_| Ok(()))
    }

    fn with(manner: impl Fn(usize) -> Result<(), DeliveryFailure> + Send + Sync + 'static) -> Arc<Self> {
        let (heard, manner) = (Mutex::default(), Mutex::new(Box::new(manner) as Manner));
        Arc::new(Self { heard, manner, takes: Duration::from_millis(20) })
    }

    fn from_now_on(&self, manner: impl Fn(usize) -> Result<(), DeliveryFailure> + Send + Sync + 'static) {
        *self.manner.lock().unwrap() = Box::new(manner);
    }

    /// Type and subject of every message, in the order they came.
    fn story(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().map(|(_, body)| body["type"].as_str().unwrap().to_owned()).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|(id, _)| id.clone()).collect()
    }
}

#[async_trait]
impl Deliver for Receiver {
    async fn admits(&self, _: &str) -> Result<(), DeliveryFailure> {
        Ok(())
    }

    async fn deliver(&self, message: Delivery) -> Result<(), DeliveryFailure> {
        tokio::time::sleep(self.takes).await;
        let before = {
            let mut heard = self.heard.lock().unwrap();
            heard.push((message.id, serde_json::from_slice(&message.body).unwrap()));
            heard.len() - 1
        };
        self.manner.lock().unwrap()(before)
    }
}

fn busy() -> DeliveryFailure {
    DeliveryFailure { code: "binding-failed".into(), message: "busy".into(), retryable: true, retry_after: None }
}

/// An outbox that serves, until its token fires.
fn serve(engine: &Arc<Engine>, receiver: &Arc<Receiver>) -> (Arc<Outbox>, CancellationToken) {
    let outbox = Outbox::new(engine.clone(), receiver.clone());
    let stop = CancellationToken::new();
    tokio::spawn(outbox.clone().serve(stop.clone()));
    (outbox, stop)
}

fn all() -> NewHook {
    NewHook { url: "https://hooks.example.com/a".into(), events: vec!["agent.*".into()], description: None }
}

async fn only(outbox: &Outbox) -> HookView {
    outbox.list(&tenant()).await.unwrap().remove(0)
}

/// Waits until nothing waits to be delivered.
async fn delivered(outbox: &Outbox) -> HookView {
    for _ in 0..100_000 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let view = only(outbox).await;
        if view.pending == 0 {
            return view;
        }
    }
    panic!("{:?}", only(outbox).await);
}

#[tokio::test(start_paused = true)]
async fn what_happens_after_a_webhook_was_made_is_told_once_and_in_order() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    run(&engine, "echo", steps(1)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let receiver = Receiver::kind();
    let (outbox, _) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    outbox.create(&ana(), all()).await.unwrap();
    let run = run(&engine, "echo", steps(2)).await;
    world.until(&run, "completed").await;
    delivered(&outbox).await;
    assert_eq!(
        receiver.story(),
        ["agent.run.started", "agent.step.completed", "agent.step.completed", "agent.run.completed"]
    );
    let ids = receiver.ids();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_fails_is_tried_again_under_the_same_id_until_it_works() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    let receiver = Receiver::with(|before| if before < 5 { Err(busy()) } else { Ok(()) });
    let (outbox, _) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    outbox.create(&ana(), NewHook { events: vec!["agent.run.completed".into()], ..all() }).await.unwrap();
    let run = run(&engine, "echo", steps(1)).await;
    world.until(&run, "completed").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let view = only(&outbox).await;
    assert_eq!((view.pending, view.error.as_deref()), (1, Some("busy")));
    let view = delivered(&outbox).await;
    assert_eq!((view.error, view.delivered_at.is_some()), (None, true));
    assert_eq!(receiver.ids().len(), 6);
    assert_eq!(receiver.ids().into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_is_gone_is_switched_off_and_the_record_says_so() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    let receiver = Receiver::with(|_| Err(DeliveryFailure { message: "gone".into(), retryable: false, ..busy() }));
    let (outbox, _) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    outbox.create(&ana(), all()).await.unwrap();
    run(&engine, "echo", steps(1)).await;
    let view = delivered(&outbox).await;
    assert_eq!(view.error.as_deref(), Some("switched off: gone"));
    let heard = receiver.ids().len();
    run(&engine, "echo", steps(1)).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(receiver.ids().len(), heard);
    let admin = world.ports.store.load(&tenant(), &StreamId::admin(), 0, 99).await.unwrap();
    let last = admin.last().unwrap().event().unwrap();
    let said = serde_json::to_value(&last.body).unwrap();
    assert_eq!((&said["change"], &said["value"]["inline"]["off"]), (&json!("set"), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_killed_at_any_moment_loses_no_delivery() {
    let mut world = World::new(1);
    let receiver = Receiver::with(|before| if before.is_multiple_of(3) { Err(busy()) } else { Ok(()) });
    let disk = world.ports.store.clone();
    let mut fuse = Arc::new(Fuse::after(u64::MAX, disk.clone()));
    world.ports.store = fuse.clone();
    let (mut engine, mut working, _) = world.serve();
    let (mut outbox, mut stop) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    outbox.create(&ana(), NewHook { events: vec!["agent.run.*".into()], ..all() }).await.unwrap();
    let mut runs = Vec::new();
    for round in 0..40 {
        runs.push(run(&engine, "echo", steps(1)).await);
        tokio::time::sleep(Duration::from_millis(13 * (round % 30))).await;
        // Killed: of what it does after this, nothing is on disk.
        fuse.blow();
        stop.cancel();
        working.cancel();
        fuse = Arc::new(Fuse::after(u64::MAX, disk.clone()));
        world.ports.store = fuse.clone();
        (engine, working, _) = world.serve();
        (outbox, stop) = serve(&engine, &receiver);
        tokio::task::yield_now().await;
    }
    receiver.from_now_on(|_| Ok(()));
    for run in &runs {
        world.until(run, "completed").await;
    }
    delivered(&outbox).await;
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, body) in receiver.heard.lock().unwrap().iter() {
        let subject = body["subject"].as_str().unwrap().to_owned();
        told.entry(subject).or_default().insert(body["type"].as_str().unwrap().to_owned());
    }
    let wanted = BTreeSet::from(["agent.run.completed".to_owned(), "agent.run.started".to_owned()]);
    for run in &runs {
        assert_eq!(told.get(run.as_str()), Some(&wanted), "{run}");
    }
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_names_a_webhook_has_it_told_of_its_approvals_and_its_end() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    let receiver = Receiver::kind();
    let (outbox, _) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    let new = NewHook { events: vec!["context.snapshot.created".into()], ..all() };
    outbox.create(&ana(), new).await.unwrap();
    run(&engine, "echo", steps(1)).await;
    let hook = outbox.told_at(&tenant(), "https://hooks.example.com/a").await.unwrap();
    let submit = Submit { notify: Some(hook), ..submit("echo", steps(2)) };
    let run = engine.submit(&ana(), submit, None).await.unwrap().run;
    world.until(&run, "completed").await;
    delivered(&outbox).await;
    assert_eq!(receiver.story(), ["agent.run.completed"]);
    assert_eq!(receiver.heard.lock().unwrap()[0].1["subject"], json!(run));
    let left = world.ports.store.documents(Some(&tenant()), "notify", None, 9).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_was_deleted_is_told_nothing_more_and_leaves_nothing_behind() {
    let mut world = World::new(1);
    let (engine, ..) = world.serve();
    let receiver = Receiver::with(|_| Err(busy()));
    let (outbox, _) = serve(&engine, &receiver);
    tokio::task::yield_now().await;
    let (hook, _) = outbox.create(&ana(), all()).await.unwrap();
    let told = run(&engine, "echo", steps(1)).await;
    world.until(&told, "completed").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, dropped) = outbox.delete(&ana(), &hook.id).await.unwrap();
    assert_eq!(dropped, 3);
    let heard = receiver.ids().len();
    run(&engine, "echo", steps(1)).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(receiver.ids().len(), heard);
    for collection in ["webhook", "webhook-progress", "notify"] {
        assert_eq!(world.ports.store.documents(None, collection, None, 9).await.unwrap(), [], "{collection}");
    }
}
