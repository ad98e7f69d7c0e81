//! Promises about claims and leases.

use std::sync::Arc;

use affiant_engine::ports::{Claim, RunRow, Store};
use affiant_journal::{RunId, TenantId, Timestamp};

use super::material::{acme, advance, claim, claimed, ids, other, run, submit, well};

type Any = Arc<dyn Store>;

pub(super) async fn a_run_is_lent_when_its_time_has_come_and_to_one_worker(store: Any) {
    submit(&*store, run(&acme(), "run_a", 10)).await;
    submit(&*store, RunRow { runnable_at: None, ..run(&acme(), "run_b", 1) }).await;
    assert_eq!(claimed(&*store, claim(9, 99, 5)).await, [""; 0]);
    let rows = well(store.claim(claim(10, 99, 5)).await);
    let lent = RunRow { runnable_at: Some(Timestamp(99)), worker: Some("w_1".into()), ..run(&acme(), "run_a", 10) };
    assert_eq!(rows, std::slice::from_ref(&lent));
    assert_eq!(well(store.run(&acme(), &"run_a".into()).await), Some(lent));
    assert_eq!(claimed(&*store, claim(50, 99, 5)).await, [""; 0]);
    assert_eq!(claimed(&*store, claim(50, 99, 0)).await, [""; 0]);
}

pub(super) async fn tenants_take_turns_and_a_long_queue_delays_nobody(store: Any) {
    for number in 0..50 {
        submit(&*store, run(&acme(), &format!("run_a{number:02}"), number)).await;
    }
    submit(&*store, run(&other(), "run_b", 90)).await;
    submit(&*store, run(&other(), "run_c", 91)).await;
    submit(&*store, run(&"t_third".into(), "run_d", 92)).await;
    let rows = well(store.claim(claim(100, 999, 4)).await);
    let mut tenants: Vec<&TenantId> = rows.iter().map(|row| &row.tenant).collect();
    tenants.sort();
    tenants.dedup();
    assert_eq!(tenants.len(), 3, "each tenant has a run among the first four: {:?}", ids(&rows));
    // Turns go on from claim to claim, one run at a time.
    let mut next = Vec::new();
    for _ in 0..3 {
        next.extend(claimed(&*store, claim(100, 999, 1)).await);
    }
    let waiting = |id: &String| id.starts_with("run_a");
    assert_eq!(
        next.iter().filter(|id| !waiting(id)).count() + rows.iter().filter(|row| row.tenant == other()).count(),
        2
    );
}

pub(super) async fn within_a_tenant_priority_comes_first_and_then_the_oldest(store: Any) {
    for (id, priority, at, agent) in
        [("run_a", 0, 1, "x"), ("run_b", 5, 4, "x"), ("run_c", 5, 3, "y"), ("run_d", -5, 0, "x"), ("run_e", 9, 50, "x")]
    {
        submit(&*store, RunRow { priority, agent: agent.into(), ..run(&acme(), id, at) }).await;
    }
    assert_eq!(claimed(&*store, claim(10, 99, 3)).await, ["run_c", "run_b", "run_a"]);
    assert_eq!(claimed(&*store, claim(60, 99, 3)).await, ["run_e", "run_d"]);
}

pub(super) async fn what_is_at_its_limit_is_passed_over(store: Any) {
    for (tenant, id, agent) in
        [(acme(), "run_a", "x"), (acme(), "run_b", "y"), (other(), "run_c", "x"), (other(), "run_d", "y")]
    {
        submit(&*store, RunRow { agent: agent.into(), ..run(&tenant, id, 1) }).await;
    }
    let full = vec![(acme(), None), (other(), Some("x".into())), ("t_nobody".into(), None)];
    assert_eq!(claimed(&*store, Claim { full, ..claim(10, 99, 9) }).await, ["run_d"]);
    let mut rest = claimed(&*store, claim(10, 99, 9)).await;
    rest.sort();
    assert_eq!(rest, ["run_a", "run_b", "run_c"]);
}

pub(super) async fn a_lease_that_expired_is_lent_again_and_one_that_was_prolonged_is_not(store: Any) {
    submit(&*store, run(&acme(), "run_a", 1)).await;
    submit(&*store, run(&acme(), "run_b", 2)).await;
    assert_eq!(claimed(&*store, claim(10, 20, 9)).await, ["run_a", "run_b"]);
    let lost = store.extend(&"w_1".into(), &[(acme(), "run_a".into())], Timestamp(40)).await;
    assert_eq!(well(lost), []);
    assert_eq!(claimed(&*store, claim(19, 30, 9)).await, [""; 0]);
    let again = Claim { worker: "w_2".into(), ..claim(20, 60, 9) };
    assert_eq!(claimed(&*store, again).await, ["run_b"]);
    assert_eq!(claimed(&*store, claim(39, 60, 9)).await, [""; 0]);
    assert_eq!(claimed(&*store, claim(40, 60, 9)).await, ["run_a"]);
}

pub(super) async fn only_the_worker_that_has_a_lease_prolongs_it(store: Any) {
    submit(&*store, run(&acme(), "run_a", 1)).await;
    submit(&*store, run(&acme(), "run_b", 2)).await;
    claimed(&*store, claim(10, 20, 9)).await;
    let both = [(acme(), RunId::from("run_a")), (acme(), RunId::from("run_b"))];
    let lost = store.extend(&"w_2".into(), &both, Timestamp(99)).await;
    assert_eq!(well(lost), ["run_a".into(), "run_b".into()]);
    // What its own append let go is no longer lent either.
    let ended = RunRow { status: "completed".into(), runnable_at: None, worker: None, ..run(&acme(), "run_b", 2) };
    advance(&*store, &ended).await;
    assert_eq!(well(store.extend(&"w_1".into(), &both, Timestamp(99)).await), ["run_b".into()]);
    assert_eq!(well(store.run(&acme(), &"run_b".into()).await), Some(ended));
    assert_eq!(well(store.extend(&"w_1".into(), &[(acme(), "run_x".into())], Timestamp(99)).await), ["run_x".into()]);
}

pub(super) async fn an_append_decides_when_its_run_is_looked_at_again(store: Any) {
    submit(&*store, run(&acme(), "run_a", 1)).await;
    let lent = well(store.claim(claim(10, 20, 9)).await).remove(0);
    advance(&*store, &RunRow { runnable_at: Some(Timestamp(500)), worker: None, ..lent.clone() }).await;
    assert_eq!(claimed(&*store, claim(499, 999, 9)).await, [""; 0]);
    advance(&*store, &RunRow { runnable_at: Some(Timestamp(300)), priority: 7, worker: None, ..lent.clone() }).await;
    assert_eq!(claimed(&*store, claim(299, 999, 9)).await, [""; 0]);
    assert_eq!(claimed(&*store, claim(300, 999, 9)).await, ["run_a"]);
    advance(&*store, &RunRow { runnable_at: None, worker: None, ..lent }).await;
    assert_eq!(claimed(&*store, claim(9999, 99_999, 9)).await, [""; 0]);
}

pub(super) async fn the_next_moment_is_the_earliest_of_all(store: Any) {
    assert_eq!(well(store.next_runnable().await), None);
    submit(&*store, run(&acme(), "run_a", 50)).await;
    submit(&*store, run(&other(), "run_b", 40)).await;
    submit(&*store, RunRow { priority: 9, ..run(&other(), "run_c", 45) }).await;
    assert_eq!(well(store.next_runnable().await), Some(Timestamp(40)));
    claimed(&*store, claim(44, 70, 9)).await;
    assert_eq!(well(store.next_runnable().await), Some(Timestamp(45)));
    claimed(&*store, claim(60, 80, 9)).await;
    assert_eq!(well(store.next_runnable().await), Some(Timestamp(70)));
    advance(&*store, &RunRow { runnable_at: None, ..run(&other(), "run_b", 40) }).await;
    assert_eq!(well(store.next_runnable().await), Some(Timestamp(80)));
}

pub(super) async fn many_workers_at_once_never_get_the_same_run(store: Any) {
    for number in 0..60 {
        let tenant = if number % 3 == 0 { other() } else { acme() };
        submit(&*store, run(&tenant, &format!("run_{number}"), number)).await;
    }
    let workers = (0..8).map(|worker| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let wish = Claim { worker: format!("w_{worker}").into(), ..claim(100, 999, 3) };
                match claimed(&*store, wish).await {
                    none if none.is_empty() => return mine,
                    some => mine.extend(some),
                }
            }
        })
    });
    let mut all = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        all.extend(worker.await.expect("a worker does not panic"));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 60);
}
