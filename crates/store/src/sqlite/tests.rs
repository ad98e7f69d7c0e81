use std::sync::atomic::{AtomicUsize, Ordering};

use affiant_engine::ports::{Append, Day, Document, Remembered, Store};
use affiant_journal::{Digest, Entry, StreamId, TenantId, Timestamp};

use super::*;
use crate::{conformance::exercise, testing::Hands};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_its_promises() {
    let folder = tempfile::tempdir().unwrap();
    let made = AtomicUsize::new(0);
    exercise(|clock| {
        let file = folder.path().join(format!("{}.db", made.fetch_add(1, Ordering::Relaxed)));
        Arc::new(SqliteStore::open(&file, clock, None).unwrap())
    })
    .await;
}

fn tenant() -> TenantId {
    "t_1".into()
}

fn append(stream: &str, expected: u64, bytes: usize) -> Append {
    let text: Vec<u8> = stream.bytes().cycle().take(bytes).collect();
    let entry = Entry { leaf: Digest::of_leaf(&text), bytes: text.into() };
    Append::new(tenant(), StreamId::from(stream), expected, vec![entry])
}

fn open(file: &Path) -> Result<SqliteStore, Wrong> {
    SqliteStore::open(file, Arc::new(Hands::default()), None)
}

/// A store whose file may not grow beyond this many pages, as on a disk that is full.
fn open_small(file: &Path, pages: u32) -> SqliteStore {
    let connection = connect::to_write(file).unwrap();
    connection.execute_batch(&format!("PRAGMA max_page_count = {pages}")).unwrap();
    SqliteStore::start(connection, file, Arc::new(Hands::default()), None).unwrap()
}

#[tokio::test]
async fn a_file_of_the_first_version_is_brought_to_this_one_and_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    connect::of_version(&file, 1).unwrap();
    let store = open(&file).unwrap();
    assert_eq!(store.append(append("run_1", 0, 10)).await.unwrap().leaf, 0);
    assert_eq!(store.spent(&tenant(), Day(0)).await.unwrap(), []);
    drop(store);
    let store = open(&file).unwrap();
    assert_eq!(store.append(append("run_1", 1, 10)).await.unwrap().leaf, 1);
}

#[tokio::test]
async fn a_full_disk_is_said_and_loses_nothing_that_was_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let store = open_small(&file, 100);
    let mut accepted = 0;
    let refused = loop {
        match store.append(append("run_1", accepted, 3000)).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    assert!(accepted > 10);
    assert!(matches!(store.append(append("run_2", 0, 30_000)).await, Err(StoreError::Full)));
    assert_eq!(store.load(&tenant(), &"run_1".into(), 0, 999).await.unwrap().len() as u64, accepted);
    assert_eq!(store.log(&tenant()).await.unwrap().size, accepted);
    drop(store);
    let store = open(&file).unwrap();
    assert_eq!(store.append(append("run_1", accepted, 3000)).await.unwrap().leaf, accepted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_does_not_fit_spoils_none_that_came_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open_small(&folder.path().join("journal.db"), 200));
    let appends = (0..40).map(|number| {
        let (store, huge) = (store.clone(), number % 4 == 0);
        let append = append(&format!("run_{number}"), 0, if huge { 2_000_000 } else { 100 });
        tokio::spawn(async move { (huge, store.append(append).await) })
    });
    for task in appends.collect::<Vec<_>>() {
        match task.await.unwrap() {
            (true, answer) => assert!(matches!(answer, Err(StoreError::Full)), "{answer:?}"),
            (false, answer) => assert!(answer.is_ok(), "{answer:?}"),
        }
    }
    assert_eq!(store.log(&tenant()).await.unwrap().size, 30);
}

#[tokio::test]
async fn a_database_that_may_not_be_written_says_so_and_is_read_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    open(&file).unwrap().append(append("run_1", 0, 10)).await.unwrap();
    let connection = connect::to_write(&file).unwrap();
    connection.execute_batch("PRAGMA query_only = ON").unwrap();
    let store = SqliteStore::start(connection, &file, Arc::new(Hands::default()), None).unwrap();
    assert!(matches!(store.append(append("run_1", 1, 10)).await, Err(StoreError::ReadOnly)));
    assert_eq!(store.load(&tenant(), &"run_1".into(), 0, 9).await.unwrap().len(), 1);
}

/// The folder and file of a store that holds one event of this many bytes.
async fn one_event(bytes: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    open(&file).unwrap().append(append("run_1", 0, bytes)).await.unwrap();
    (folder, file)
}

#[tokio::test]
async fn an_event_whose_bytes_were_altered_is_never_given_out() {
    let (_folder, file) = one_event(1000).await;
    let store = open(&file).unwrap();
    store.append(append("run_2", 0, 10)).await.unwrap();
    drop(store);
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.windows(40).position(|part| part == "run_1".repeat(8).as_bytes()).unwrap();
    bytes[place + 500] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let store = open(&file).unwrap();
    let answer = store.load(&tenant(), &"run_1".into(), 0, 9).await;
    match (answer, store.tail(0, 9).await) {
        (Err(StoreError::Damaged(of_run)), Err(StoreError::Damaged(of_all))) => {
            assert_eq!(of_run, "event 0 of stream run_1 is not as it was written");
            assert_eq!(of_all, "an event of stream run_1 (position 1) is not as it was written");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.load(&tenant(), &"run_2".into(), 0, 9).await.unwrap().len(), 1);
}

fn damage(file: &Path, sql: &str) -> String {
    Connection::open(file).unwrap().execute_batch(sql).unwrap();
    match open(file) {
        Err(Wrong::Store(StoreError::Damaged(what))) => what,
        other => panic!("expected damage, got {:?}", other.err()),
    }
}

#[tokio::test]
async fn a_log_that_is_shorter_or_longer_than_its_events_is_found_at_the_start() {
    let (_folder, file) = one_event(10).await;
    let what = damage(&file, "UPDATE events SET leaf = 1");
    assert_eq!(what, "the log of tenant t_1 says 1 events, and there are 2");
    let what = damage(&file, "DELETE FROM events");
    assert_eq!(what, "the log of tenant t_1 says 1 events, and there are 0");
}

#[tokio::test]
async fn an_event_that_is_missing_in_the_middle_of_a_stream_is_noticed() {
    let (_folder, file) = one_event(10).await;
    let store = open(&file).unwrap();
    for seq in 1..4 {
        store.append(append("run_1", seq, 10)).await.unwrap();
    }
    Connection::open(&file).unwrap().execute_batch("DELETE FROM events WHERE seq = 2").unwrap();
    match store.load(&tenant(), &"run_1".into(), 0, 9).await {
        Err(StoreError::Damaged(what)) => assert_eq!(what, "event 2 of stream run_1 is missing"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "not a database at all, but long enough to have a header ".repeat(100)).unwrap();
    assert!(matches!(open(&garbage), Err(Wrong::Store(StoreError::Damaged(_)))));
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE songs (title TEXT)").unwrap();
    assert!(matches!(open(&foreign), Err(Wrong::NotOurs)));
    let (_folder, newer) = one_event(10).await;
    Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(open(&newer), Err(Wrong::Newer(99))));
}

#[tokio::test]
async fn what_the_writer_remembers_is_what_a_new_writer_reads() {
    let (_folder, file) = one_event(10).await;
    let run = crate::conformance::sample_run(&tenant(), "run_1", 5);
    let store = open(&file).unwrap();
    let mut second = append("run_1", 1, 10);
    second.run = Some(run.clone());
    store.append(second).await.unwrap();
    drop(store);
    let store = open(&file).unwrap();
    assert!(matches!(store.append(append("run_1", 1, 10)).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.next_runnable().await.unwrap(), run.runnable_at);
    let mut third = append("run_1", 2, 10);
    third.run = Some(affiant_engine::ports::RunRow { status: "completed".into(), runnable_at: None, ..run });
    assert_eq!(store.append(third).await.unwrap().leaf, 2);
    assert_eq!(store.next_runnable().await.unwrap(), None);
    let counts = store.counts().await.unwrap().runs;
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("completed".to_owned(), 1)]);
}

#[tokio::test]
async fn replies_that_have_expired_are_forgotten_in_the_file_too() {
    let (_folder, file) = one_event(10).await;
    let clock = Arc::new(Hands::at(0));
    let store = SqliteStore::open(&file, clock.clone(), None).unwrap();
    let reply = |number: i64| Remembered {
        scope: format!("run {number}"),
        request: Digest::of(b"q"),
        reply: None,
        expires: Timestamp(1000 + number),
    };
    for number in 0..200 {
        store.remember(&tenant(), reply(number), true).await.unwrap();
    }
    clock.set(10_000_000);
    for number in 1..=6 {
        store.append(append("run_1", number, 10)).await.unwrap();
    }
    let kept = Connection::open(&file).unwrap().query_row("SELECT count(*) FROM replies", [], |row| row.get(0));
    assert_eq!(kept, Ok(0));
}

#[tokio::test]
async fn a_document_with_text_that_is_no_json_is_damage() {
    let (_folder, file) = one_event(10).await;
    let store = open(&file).unwrap();
    let mut with = append("run_1", 1, 10);
    let (collection, id) = ("note".into(), "1".into());
    with.documents = vec![Document { tenant: tenant(), collection, id, value: Some(1.into()) }];
    store.append(with).await.unwrap();
    Connection::open(&file).unwrap().execute_batch("UPDATE documents SET value = '{'").unwrap();
    assert!(matches!(store.document(&tenant(), "note", "1").await, Err(StoreError::Damaged(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_takes_at_most_one_and_a_half_kib_with_all_that_belongs_to_it() {
    let (_folder, file) = one_event(600).await;
    let store = Arc::new(open(&file).unwrap());
    let runs = (0..400).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let id = format!("run_01jd5q8e4m{number:016}");
            let row = crate::conformance::sample_run(&tenant(), &id, 1_795_359_600_000_000 + number);
            for seq in 0..4 {
                let mut append = append(&id, seq, 600);
                let status = ["queued", "running", "running", "completed"][seq as usize].into();
                let runnable_at = row.runnable_at.filter(|_| seq < 3);
                append.run = Some(affiant_engine::ports::RunRow { status, runnable_at, ..row.clone() });
                if seq == 0 {
                    append.remember = Some(Remembered {
                        scope: format!("agent.run u_01jd5q8e4m0000000000000000 {id}"),
                        request: Digest::of(b"q"),
                        reply: Some([7; 300].into()),
                        expires: Timestamp(i64::MAX),
                    });
                }
                store.append(append).await.unwrap();
            }
        })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
    let events = store.counts().await.unwrap().entries;
    drop(store);
    let bytes = std::fs::metadata(&file).unwrap().len() / events;
    assert!(bytes <= 1536, "{bytes} bytes for each event");
}

#[test]
fn whatever_must_last_waits_for_the_disk_and_leases_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connect::to_write(&folder.path().join("journal.db")).unwrap();
    let mut writer = Writer::new(&connection, Arc::new(Hands::default())).unwrap();
    let job = |wish| Job { wish, answer: oneshot::channel().0 };
    let mut level_after = |wishes: Vec<Wish>| {
        writer.carry_out(&mut wishes.into_iter().map(job).collect());
        connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    const FULL: i64 = 2;
    const NORMAL: i64 = 1;
    let claim = || {
        let (now, until, worker) = (Timestamp(0), Timestamp(9), "w_1".into());
        Wish::Claim(affiant_engine::ports::Claim { now, until, worker, limit: 9, full: Vec::new() })
    };
    assert_eq!(level_after(vec![Wish::Append(Box::new(append("run_1", 0, 10)))]), FULL);
    assert_eq!(level_after(vec![claim(), Wish::NextRunnable]), NORMAL);
    assert_eq!(level_after(vec![claim(), Wish::Append(Box::new(append("run_1", 1, 10)))]), FULL);
}
