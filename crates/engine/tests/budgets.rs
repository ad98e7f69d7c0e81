//! Budgets: what a call of a model may use is held back before it begins, and no ceiling is passed.

mod world;

use std::{sync::Arc, time::Duration};

use affiant_engine::{
    Engine, Retry,
    ports::{Amount, Ceiling, Day, ModelFailure, ModelReply, ModelUsage},
    prices::Prices,
};
use affiant_journal::{Body, Budget, Money, RunId, StepDecided, Usage};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use world::{brain::*, fuse::Fuse, *};

/// A dollar for a thousand tokens, read or written, from every connection but `free`; `odd` has no price.
fn prices() -> Arc<Prices> {
    let row = |connection: &str, price: &str| json!({ "connection": connection, "model": "*", "input": price, "output": price });
    let rows = json!([row("main", "1000"), row("spare", "1000"), row("free", "0")]);
    let file = json!({ "version": "test-1", "currency": "USD", "prices": rows });
    Arc::new(Prices::new(serde_json::from_value(file).unwrap()).unwrap())
}

/// A server with prices and a budget of the tenant for a day.
fn serve(world: &mut World, per_day: Ceiling) -> (Arc<Engine>, CancellationToken) {
    let mut settings = world.settings();
    settings.prices = prices();
    settings.budgets.every = per_day;
    let engine = world.boot_with(settings);
    let stop = CancellationToken::new();
    tokio::spawn(engine.clone().work(stop.clone()));
    (engine, stop)
}

fn dollars(text: &str) -> Ceiling {
    Ceiling { cost: Some(text.parse().unwrap()), tokens: None }
}

/// Words, for which so many tokens were read and written.
fn costing(input: u64, output: u64, text: &str) -> Result<ModelReply, ModelFailure> {
    let usage = ModelUsage { input, output, ..ModelUsage::default() };
    words(text).map(|reply| ModelReply { usage, ..reply })
}

async fn with_budget(engine: &Arc<Engine>, agent: &str, budget: Budget) -> RunId {
    let submit = affiant_engine::Submit { budget: Some(budget), ..submit(agent, steps(1)) };
    engine.submit(&ana(), submit, None).await.unwrap().run
}

fn cost(text: &str) -> Budget {
    Budget { cost: Some(text.into()), ..Budget::default() }
}

async fn decided(world: &World, run: &RunId) -> Vec<StepDecided> {
    let bodies = world.journal(run).await.into_iter().map(|event| event.body);
    bodies.filter_map(|body| if let Body::StepDecided(it) = body { Some(it) } else { None }).collect()
}

async fn message(engine: &Arc<Engine>, run: &RunId) -> String {
    engine.view(&ana(), run).await.unwrap().message.unwrap_or_default()
}

/// Settled and reserved of a scope today.
async fn stands(world: &World, scope: &str) -> (Amount, Amount) {
    let today = Day::from(world.ports.clock.now());
    let spent = world.ports.store.spent(&tenant(), today).await.unwrap();
    let found = spent.into_iter().find(|it| &*it.scope == scope);
    found.map(|it| (it.settled, it.reserved)).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_paid_for_before_it_begins_and_settled_with_what_it_used() {
    let mut world = World::new(1);
    world.brain.says(|_, _, _| costing(100, 10, "done"));
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let reserved = decided(&world, &run).await.remove(0).reserved.unwrap();
    assert!(reserved.tokens > 8192 && reserved.prices.as_deref() == Some("test-1"), "{reserved:?}");
    let used = engine.view(&ana(), &run).await.unwrap().run.usage.unwrap();
    let expected =
        Usage { cost: "0.11".into(), currency: "USD".into(), prices: Some("test-1".into()), tokens: 110, unpriced: 0 };
    assert_eq!(used, expected);
    let all = (Amount { cost: Money(110_000_000), tokens: 110, calls: 1 }, Amount::default());
    for scope in ["tenant", "agent:thinker", "connection:main"] {
        assert_eq!(stands(&world, scope).await, all, "{scope}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_fit_is_made_shorter_as_long_as_it_is_useful() {
    let mut world = World::new(2);
    world.brain.says(|_, _, _| costing(100, 10, "done"));
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let run = with_budget(&engine, "promiser", cost("4")).await;
    world.until(&run, "failed (model-failed)").await;
    let asked = world.brain.asked();
    let most = asked[0].2.parameters.max_tokens;
    assert!((256..4000).contains(&most), "{most}");
    let reserved = decided(&world, &run).await.remove(0).reserved.unwrap();
    assert!(reserved.cost.parse::<Money>().unwrap() <= "4".parse().unwrap(), "{reserved:?}");
    // The decisions come out the same without the budget, whose part in them is the shorter answer.
    assert_eq!(engine.replay(&ana(), &run).await.unwrap().first_difference, None);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_meets_its_budget_says_so_and_goes_on_with_a_higher_one_without_paying_again() {
    let mut world = World::new(3);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 41 }))]).map(|reply| ModelReply {
            usage: ModelUsage { input: 2000, output: 500, ..ModelUsage::default() },
            ..reply
        }),
        _ => costing(100, 10, &last(request)),
    });
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let poor = with_budget(&engine, "thinker", cost("3")).await;
    world.until(&poor, "failed (budget-exhausted)").await;
    let said = message(&engine, &poor).await;
    assert!(said.starts_with("the run has used 2.5 USD of its budget of 3 USD, and the next call"), "{said}");
    assert!(said.ends_with("affiant run retry RUN --budget-cost AMOUNT"), "{said}");
    let Body::RunFailed(end) = world.journal(&poor).await.pop().unwrap().body else { panic!("it failed") };
    let met = end.met.unwrap();
    assert_eq!((&*met.scope, &*met.counted, &*met.most, &*met.used), ("run", "cost", "3", "2.5"));
    let again = Retry { run: poor, fresh_context: false, resume: true, budget: Some(cost("9")) };
    let rich = engine.retry(&ana(), again).await.unwrap().run;
    world.until(&rich, "completed").await;
    assert_eq!(world.brain.asked().len(), 2);
    assert_eq!(world.hand.calls().len(), 1);
    let view = engine.view(&ana(), &rich).await.unwrap();
    assert_eq!(view.run.usage.as_ref().unwrap().cost, "0.11");
    assert_eq!((view.run.reused, view.run.count()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn tokens_steps_and_calls_of_tools_are_bounded_too() {
    let mut world = World::new(4);
    world.brain.says(|_, answers, _| calls(&[(&format!("c{answers}"), "ping", json!({ "value": answers }))]));
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let budgets = [
        (Budget { tokens: Some(3000), ..Budget::default() }, "tokens"),
        (Budget { steps: Some(5), ..Budget::default() }, "steps"),
        (Budget { tool_calls: Some(2), ..Budget::default() }, "tool_calls"),
    ];
    for (budget, counted) in budgets {
        let run = with_budget(&engine, "thinker", budget.clone()).await;
        world.until(&run, "failed (budget-exhausted)").await;
        let Body::RunFailed(end) = world.journal(&run).await.pop().unwrap().body else { panic!("it failed") };
        assert_eq!(&*end.met.unwrap().counted, counted);
        let view = engine.view(&ana(), &run).await.unwrap().run;
        assert!(view.usage.as_ref().unwrap().tokens <= budget.tokens.unwrap_or(u64::MAX));
        assert!(view.count() <= budget.steps.unwrap_or(u64::MAX));
        assert!(view.tool_calls <= budget.tool_calls.unwrap_or(u64::MAX));
        let again = Retry { run, fresh_context: false, resume: true, budget: None };
        let on = engine.retry(&ana(), again).await.unwrap().run;
        world.until(&on, "failed (budget-exhausted)").await;
        assert!(engine.view(&ana(), &on).await.unwrap().run.count() > view.count(), "{counted}: nothing more was done");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_without_a_price_is_not_asked_where_money_is_bounded_and_never_said_to_be_free() {
    let mut world = World::new(5);
    world.brain.says(|_, _, _| costing(100, 10, "done"));
    let mut settings = world.settings();
    settings.prices = Arc::new(Prices::none());
    let engine = world.boot_with(settings);
    tokio::spawn(engine.clone().work(CancellationToken::new()));
    let bounded = with_budget(&engine, "thinker", cost("100")).await;
    world.until(&bounded, "failed (price-unknown)").await;
    assert_eq!(
        message(&engine, &bounded).await,
        "the run has a budget of money, and the price table `none` has no price for main/one, so nothing was asked. Add a \
         row for it to a table of your own (`prices = \"FILE\"` in affiant.toml), or bound tokens there instead of money"
    );
    assert!(world.brain.asked().is_empty());
    let free = run(&engine, "thinker", steps(1)).await;
    world.until(&free, "completed").await;
    let usage = engine.view(&ana(), &free).await.unwrap().run.usage.unwrap();
    assert_eq!((usage.prices, usage.tokens, usage.unpriced), (None, 110, 110));
}

#[tokio::test(start_paused = true)]
async fn the_days_budget_of_a_tenant_ends_runs_and_names_the_next_day() {
    let mut world = World::new(6);
    world.brain.says(|_, _, _| costing(4000, 5000, "done"));
    let (engine, _stop) = serve(&mut world, dollars("12"));
    let first = run(&engine, "thinker", steps(1)).await;
    world.until(&first, "completed").await;
    let second = run(&engine, "thinker", steps(1)).await;
    world.until(&second, "completed").await;
    // What a provider counts beyond what was held back is on the account, and stops the next call.
    assert_eq!(stands(&world, "tenant").await.0.cost.to_string(), "18");
    let third = run(&engine, "thinker", steps(1)).await;
    world.until(&third, "failed (budget-exhausted)").await;
    let said = message(&engine, &third).await;
    assert!(said.starts_with("runs of this tenant have used 18 USD of 12 USD for 2026-11-22"), "{said}");
    assert!(said.contains("The next day begins at 2026-11-23T00:00:00"), "{said}");
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    let tomorrow = run(&engine, "thinker", steps(1)).await;
    world.until(&tomorrow, "completed").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_for_what_others_only_hold_back() {
    let mut world = World::new(7);
    world.brain.says(|_, _, _| costing(100, 10, "done"));
    // Room for one worst case, and for many of what is really used.
    let (engine, _stop) = serve(&mut world, dollars("11"));
    let mut runs = Vec::new();
    for _ in 0..5 {
        runs.push(run(&engine, "thinker", steps(1)).await);
    }
    for run in &runs {
        world.until(run, "completed").await;
    }
    assert_eq!(
        stands(&world, "tenant").await,
        (Amount { cost: Money(550_000_000), tokens: 550, calls: 5 }, Amount::default())
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_attempt_used_counts_and_the_next_one_must_still_fit() {
    let mut world = World::new(8);
    world.brain.says(|_, _, before| match before {
        0 => refuses("reply-broken", Some(Duration::from_secs(1))).map_err(|failed| ModelFailure {
            usage: Some(ModelUsage { input: 3000, output: 2000, ..ModelUsage::default() }),
            ..failed
        }),
        _ => costing(100, 10, "done"),
    });
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let poor = with_budget(&engine, "thinker", cost("11")).await;
    world.until(&poor, "failed (budget-exhausted)").await;
    let view = engine.view(&ana(), &poor).await.unwrap().run;
    assert_eq!(view.usage.unwrap().cost, "5");
    assert_eq!(world.brain.asked().len(), 1);
    let rich = with_budget(&engine, "thinker", cost("20")).await;
    world.until(&rich, "completed").await;
    assert_eq!(engine.view(&ana(), &rich).await.unwrap().run.usage.unwrap().cost, "5.11");
    let cost = Money(10_110_000_000);
    assert_eq!(stands(&world, "tenant").await, (Amount { cost, tokens: 10_110, calls: 3 }, Amount::default()));
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_leaves_held_back_is_settled_once_when_the_step_has_ended() {
    for appends in 1..12 {
        let mut world = World::new(9);
        let fuse = Arc::new(Fuse::after(appends, world.ports.store.clone()));
        world.ports.store = fuse.clone();
        world.brain.says(|request, answers, _| match answers {
            0 => calls(&[("c1", "ping", json!({ "value": 1 }))]),
            _ => costing(100, 10, &last(request)),
        });
        let (engine, mut stop) = serve(&mut world, dollars("100"));
        tokio::task::yield_now().await;
        let _ = engine.submit(&ana(), submit("thinker", steps(1)), None).await;
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if fuse.is_dark() {
                stop.cancel();
                tokio::time::sleep(Duration::from_secs(30)).await;
                fuse.replaced();
                (_, stop) = serve(&mut world, dollars("100"));
            }
        }
        let rows = world.ports.store.runs(&tenant(), Default::default()).await.unwrap().rows;
        let Some(row) = rows.first() else { continue };
        assert_eq!(&*row.status, "completed", "after {appends} appends");
        // As much as the journal says, however often the power failed.
        let events = world.journal(&row.run).await;
        let Body::RunCompleted(end) = &events.last().unwrap().body else { panic!("it completed") };
        let used = end.totals.usage.as_ref().unwrap();
        let (settled, reserved) = stands(&world, "tenant").await;
        assert_eq!((settled.cost.to_string(), settled.tokens, settled.calls), (used.cost.clone(), used.tokens, 2));
        assert_eq!(reserved, Amount::default(), "after {appends} appends");
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_in_another_currency_is_refused_when_the_run_is_submitted() {
    let mut world = World::new(10);
    let (engine, _stop) = serve(&mut world, Ceiling::default());
    let euros = Budget { currency: Some("EUR".into()), ..cost("1") };
    let wrong = affiant_engine::Submit { budget: Some(euros), ..submit("thinker", steps(1)) };
    let error = engine.submit(&ana(), wrong, None).await.unwrap_err();
    assert_eq!(error.code(), "input-invalid");
    assert_eq!(error.to_string(), "the budget is in EUR, and prices are in USD; nothing is converted");
}

/// Two hundred runs at once against a day's budget that pays for twenty.
async fn race(store: Arc<dyn affiant_engine::ports::Store>, round: u64) {
    let mut world = World::new(round);
    world.ports.store = store;
    world.brain.says(|request, _, _| costing(0, u64::from(request.parameters.max_tokens), "done"));
    // Each asks for 1,000 tokens and uses all it may; what is read is held back beside that and given back.
    let (engine, stop) = serve(&mut world, dollars("20"));
    let submits = (0..200).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { run(&engine, "spender", steps(1)).await })
    });
    let mut ends = std::collections::BTreeMap::new();
    let runs: Vec<_> = submits.collect();
    for run in runs {
        let run = run.await.unwrap();
        let mut status = world.status(&run).await;
        while !status.starts_with("completed") && !status.starts_with("failed") {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let today = Day::from(world.ports.clock.now());
            let spent = world.ports.store.spent(&tenant(), today).await.unwrap();
            let used: u64 =
                spent.iter().filter(|it| &*it.scope == "tenant").map(|it| it.settled.plus(it.reserved).cost.0).sum();
            assert!(used <= 20_000_000_000, "{used} of 20 dollars are used or held back");
            status = world.status(&run).await;
        }
        *ends.entry(status).or_insert(0) += 1;
    }
    stop.cancel();
    let (settled, reserved) = stands(&world, "tenant").await;
    assert!(settled.cost <= "20".parse().unwrap(), "overspent: {settled:?}");
    assert_eq!(reserved, Amount::default());
    assert_eq!(ends.keys().collect::<Vec<_>>(), ["completed", "failed (budget-exhausted)"], "{ends:?}");
    // What is left is less than a useful call was thought to need; some calls were made shorter to fit beside others.
    assert!(settled.cost >= "18".parse().unwrap(), "left unused: {settled:?}");
    assert!((18..=40).contains(&ends["completed"]), "{ends:?}");
    assert_eq!(settled.calls, ends["completed"]);
}

/// Rounds of the race: a few here, more where `AFFIANT_ROUNDS` says so.
fn rounds() -> u64 {
    std::env::var("AFFIANT_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_runs_at_once_never_overspend_a_budget_that_pays_for_twenty() {
    for round in 0..rounds() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Sun { rise: tokio::time::Instant::now() });
        let chance = Arc::new(affiant_store::testing::Dice::new(round));
        let options = affiant_store::Options { folder: folder.path().to_owned(), heads: None, clock, chance };
        race(affiant_store::open(options).unwrap().store, round).await;
    }
}
