//! Promises about lists.

use std::sync::Arc;

use affiant_engine::ports::{ApprovalQuery, ArtifactQuery, RunQuery, RunRow, Store, StoreError, Window};
use affiant_journal::{RunId, Timestamp, Verdict};

use super::material::{acme, advance, approval, artifact, grow, ids, other, run, submit, well};

type Any = Arc<dyn Store>;

fn window(limit: usize, after: Option<String>) -> Window {
    Window { limit, offset: 0, after }
}

/// Ids and total of a list of runs.
async fn listed(store: &dyn Store, query: RunQuery) -> (Vec<String>, u64) {
    let page = well(store.runs(&acme(), query).await);
    (ids(&page.rows), page.total)
}

pub(super) async fn runs_are_listed_newest_first_and_filtered(store: Any) {
    for (id, at, agent, status) in [
        ("run_1a", 1, "notes", "completed"),
        ("run_2b", 2, "steward", "queued"),
        ("run_3a", 3, "notes", "queued"),
        ("run_4b", 3, "notes", "waiting"),
        ("run_5a", 0, "echo", "failed"),
    ] {
        submit(&*store, RunRow { agent: agent.into(), status: status.into(), ..run(&acme(), id, at) }).await;
    }
    submit(&*store, run(&other(), "run_6a", 9)).await;
    let all = RunQuery::default;
    let list = async |query: RunQuery| listed(&*store, query).await;
    assert_eq!(list(all()).await, (["run_4b", "run_3a", "run_2b", "run_1a", "run_5a"].map(String::from).into(), 5));
    let some = |ids: &[&str]| (ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), ids.len() as u64);
    let statuses = vec!["queued".into(), "waiting".into(), "cancelled".into()];
    assert_eq!(list(RunQuery { statuses: statuses.clone(), ..all() }).await, some(&["run_4b", "run_3a", "run_2b"]));
    let notes = RunQuery { agent: Some("notes".into()), ..all() };
    assert_eq!(list(notes.clone()).await, some(&["run_4b", "run_3a", "run_1a"]));
    assert_eq!(list(RunQuery { statuses, ..notes.clone() }).await, some(&["run_4b", "run_3a"]));
    let since = |at| RunQuery { since: Some(Timestamp(at)), ..all() };
    assert_eq!(list(since(2)).await, some(&["run_4b", "run_3a", "run_2b"]));
    assert_eq!(list(RunQuery { since: Some(Timestamp(2)), ..notes.clone() }).await, some(&["run_4b", "run_3a"]));
    let between = |from, to| RunQuery { since: Some(Timestamp(from)), until: Some(Timestamp(to)), ..all() };
    assert_eq!(list(between(1, 3)).await, some(&["run_2b", "run_1a"]));
    assert_eq!(list(RunQuery { agent: Some("notes".into()), ..between(0, 3) }).await, some(&["run_1a"]));
    assert_eq!(list(between(3, 2)).await, some(&[]));
    let part = |text: &str| RunQuery { id_part: Some(text.into()), ..all() };
    assert_eq!(list(part("a")).await, some(&["run_3a", "run_1a", "run_5a"]));
    assert_eq!(list(part("run_2")).await, some(&["run_2b"]));
    assert_eq!(list(part("n_")).await, some(&[]));
    assert_eq!(list(part("%")).await, some(&[]));
    assert_eq!(list(RunQuery { id_part: Some("a".into()), ..notes.clone() }).await, some(&["run_3a", "run_1a"]));
    let one = |id: &str| RunQuery { run: Some(id.into()), ..all() };
    assert_eq!(list(one("run_2b")).await, some(&["run_2b"]));
    assert_eq!(list(one("run_6a")).await, some(&[]));
    assert_eq!(list(RunQuery { run: Some("run_2b".into()), ..notes }).await, some(&[]));
    assert_eq!(
        list(RunQuery { window: Window { limit: 2, offset: 1, after: None }, ..all() }).await.0,
        ["run_3a", "run_2b"]
    );
    assert_eq!(list(RunQuery { window: window(0, None), ..all() }).await, (Vec::new(), 5));
}

pub(super) async fn pages_are_stable_while_runs_arrive(store: Any) {
    for number in 0..7 {
        submit(&*store, run(&acme(), &format!("run_{number}"), number / 2)).await;
    }
    for statuses in [vec![], vec!["queued".into(), "failed".into()]] {
        let query = |after| RunQuery { statuses: statuses.clone(), window: window(3, after), ..RunQuery::default() };
        let first = well(store.runs(&acme(), query(None)).await);
        assert_eq!(ids(&first.rows), ["run_6", "run_5", "run_4"]);
        let newcomer = format!("run_new{}", statuses.len());
        submit(&*store, run(&acme(), &newcomer, 99)).await;
        let second = well(store.runs(&acme(), query(first.next)).await);
        assert_eq!(ids(&second.rows), ["run_3", "run_2", "run_1"]);
        let third = well(store.runs(&acme(), query(second.next)).await);
        assert_eq!((ids(&third.rows), third.next), (vec!["run_0".to_owned()], None));
        let gone = RunRow { status: "cancelled".into(), ..run(&acme(), &newcomer, 99) };
        advance(&*store, &RunRow { submitted_at: Timestamp(99), ..gone }).await;
        // The newcomer of this round is at the top of the next one's list, unless it is filtered out.
        if statuses.is_empty() {
            let top = well(store.runs(&acme(), query(None)).await);
            assert_eq!(top.rows[0].run.as_str(), newcomer);
        }
    }
}

pub(super) async fn totals_follow_every_change(store: Any) {
    for number in 0..5 {
        submit(&*store, run(&acme(), &format!("run_{number}"), number)).await;
    }
    let total = async |status: &str| {
        let query = RunQuery { statuses: vec![status.into()], window: window(1, None), ..RunQuery::default() };
        well(store.runs(&acme(), query).await).total
    };
    for (number, status) in [(0, "running"), (0, "completed"), (1, "running"), (1, "running"), (2, "failed")] {
        let row = RunRow { status: status.into(), ..run(&acme(), &format!("run_{number}"), number) };
        advance(&*store, &row).await;
    }
    submit(&*store, run(&other(), "run_0", 1)).await;
    assert_eq!((total("queued").await, total("running").await), (2, 1));
    assert_eq!((total("completed").await, total("failed").await, total("cancelled").await), (1, 1, 0));
    let counts = well(store.counts().await);
    let runs: Vec<_> = counts.runs.iter().map(|(status, runs)| (status.as_str(), *runs)).collect();
    assert_eq!(runs, [("completed", 1), ("failed", 1), ("queued", 3), ("running", 1)]);
    assert_eq!(counts.entries, 11);
}

pub(super) async fn approvals_are_listed_oldest_first_and_filtered(store: Any) {
    let (a, b) = (RunId::from("run_a"), RunId::from("run_b"));
    let mut append = grow(&acme(), "run_a", 0..1);
    append.approvals = vec![approval("apr_3", &a, 30), approval("apr_1", &a, 10), approval("apr_2", &a, 10)];
    well(store.append(append).await);
    let mut append = grow(&acme(), "run_b", 0..1);
    append.approvals = vec![approval("apr_0", &b, 20)];
    well(store.append(append).await);
    let mut resolved = approval("apr_1", &a, 10);
    (resolved.status, resolved.resolved_at) = ("approved".into(), Some(Timestamp(15)));
    (resolved.approver, resolved.verdict) = (Some("u_2".into()), Some(Verdict::Approved));
    let mut append = grow(&acme(), "run_a", 1..2);
    append.approvals = vec![resolved.clone()];
    well(store.append(append).await);

    let list = async |query: ApprovalQuery| {
        let page = well(store.approvals(&acme(), query).await);
        let ids: Vec<String> = page.rows.iter().map(|row| row.approval.to_string()).collect();
        (ids, page.total, page.next)
    };
    let all = ApprovalQuery::default;
    let pending = || Some("pending".into());
    assert_eq!(list(all()).await.0, ["apr_1", "apr_2", "apr_0", "apr_3"]);
    assert_eq!(list(ApprovalQuery { status: pending(), ..all() }).await.0, ["apr_2", "apr_0", "apr_3"]);
    let of_a = ApprovalQuery { run: Some(a.clone()), ..all() };
    assert_eq!(list(of_a.clone()).await.0, ["apr_1", "apr_2", "apr_3"]);
    let (found, total, _) = list(ApprovalQuery { status: pending(), window: window(1, None), ..of_a }).await;
    assert_eq!((found, total), (vec!["apr_2".to_owned()], 2));
    let one = ApprovalQuery { approval: Some("apr_1".into()), ..all() };
    assert_eq!(well(store.approvals(&acme(), one.clone()).await).rows, [resolved]);
    assert_eq!(list(ApprovalQuery { status: pending(), ..one.clone() }).await.1, 0);
    assert_eq!(list(ApprovalQuery { run: Some(b), ..one }).await.1, 0);
    let (_, total, next) = list(ApprovalQuery { window: window(2, None), ..all() }).await;
    assert_eq!(total, 4);
    let (rest, _, end) = list(ApprovalQuery { window: window(2, next), ..all() }).await;
    assert_eq!((rest, end), (vec!["apr_0".to_owned(), "apr_3".to_owned()], None));
}

pub(super) async fn artifacts_are_listed_in_the_order_they_were_made(store: Any) {
    let (a, b) = (RunId::from("run_a"), RunId::from("run_b"));
    let made = [
        artifact("art_9", &a, 1),
        affiant_engine::ports::ArtifactRow { kind: "diff".into(), ..artifact("art_1", &b, 1) },
        affiant_engine::ports::ArtifactRow {
            kind: "diff".into(),
            summary: None,
            step: None,
            ..artifact("art_5", &a, 2)
        },
    ];
    for row in &made {
        let mut append = grow(&acme(), row.run.as_str(), row.seq - 1..row.seq);
        append.artifacts = vec![row.clone()];
        well(store.append(append).await);
    }
    let list = async |query: ArtifactQuery| {
        let page = well(store.artifacts(&acme(), query).await);
        assert!(page.total >= page.rows.len() as u64);
        let ids: Vec<String> = page.rows.iter().map(|row| row.artifact.to_string()).collect();
        (ids, page.next)
    };
    let all = ArtifactQuery::default;
    assert_eq!(well(store.artifacts(&acme(), all()).await).rows, made);
    assert_eq!(list(ArtifactQuery { run: Some(a.clone()), ..all() }).await.0, ["art_9", "art_5"]);
    let diffs = ArtifactQuery { kind: Some("diff".into()), ..all() };
    assert_eq!(list(diffs.clone()).await.0, ["art_1", "art_5"]);
    assert_eq!(list(ArtifactQuery { run: Some(a), ..diffs.clone() }).await.0, ["art_5"]);
    assert_eq!(list(ArtifactQuery { artifact: Some("art_1".into()), ..all() }).await.0, ["art_1"]);
    assert_eq!(list(ArtifactQuery { artifact: Some("art_9".into()), ..diffs }).await.0, [""; 0]);
    let (first, next) = list(ArtifactQuery { window: window(2, None), ..all() }).await;
    let (rest, end) = list(ArtifactQuery { window: window(2, next), ..all() }).await;
    assert_eq!((first.len(), rest, end), (2, vec!["art_5".to_owned()], None));
}

pub(super) async fn a_cursor_from_elsewhere_is_refused(store: Any) {
    submit(&*store, run(&acme(), "run_a", 1)).await;
    let wrong = || window(1, Some("elsewhere".into()));
    let runs = store.runs(&acme(), RunQuery { window: wrong(), ..RunQuery::default() }).await;
    assert!(matches!(runs, Err(StoreError::Cursor(_))));
    let approvals = store.approvals(&acme(), ApprovalQuery { window: wrong(), ..ApprovalQuery::default() }).await;
    assert!(matches!(approvals, Err(StoreError::Cursor(_))));
    let artifacts = store.artifacts(&acme(), ArtifactQuery { window: wrong(), ..ArtifactQuery::default() }).await;
    assert!(matches!(artifacts, Err(StoreError::Cursor(_))));
}
