//! A server that is killed while it appends keeps every append that it answered.
//!
//! The test starts itself again as the server: that process appends from several callers and prints a line after
//! each answer. It is killed at some moment, and what it printed is compared with what is in the folder.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use affiant_engine::ports::{Append, Store};
use affiant_journal::{Digest, Entry, StreamId, TenantId};
use affiant_store::{
    Options, open,
    testing::{Dice, Hands},
};

const FOLDER: &str = "AFFIANT_TEST_KILL_FOLDER";

fn options(folder: &Path) -> Options {
    Options {
        folder: folder.to_owned(),
        heads: None,
        clock: Arc::new(Hands::default()),
        chance: Arc::new(Dice::new(1)),
    }
}

fn tenant() -> TenantId {
    "t_1".into()
}

fn entry(stream: &str, seq: u64) -> Entry {
    let text = format!("{stream} {seq} {}", "filling ".repeat(60));
    Entry { leaf: Digest::of_leaf(text.as_bytes()), bytes: text.as_bytes().into() }
}

/// Not a test: the process that is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = open(options(folder.as_ref())).unwrap().store;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        callers.spawn(append_for_ever(store.clone(), caller));
    }
    callers.join_next().await.expect("there are callers").expect("a caller ends only with the process");
}

async fn append_for_ever(store: Arc<dyn Store>, caller: u64) {
    let stream = format!("run_{caller}");
    let written = store.load(&tenant(), &stream.as_str().into(), 0, usize::MAX).await.expect("the store is well");
    for seq in (written.len() as u64..).step_by(2) {
        let entries = vec![entry(&stream, seq), entry(&stream, seq + 1)];
        let append = Append::new(tenant(), StreamId::from(stream.as_str()), seq, entries);
        store.append(append).await.expect("the store is well");
        let line = format!("answered {caller} {}\n", seq + 2);
        std::io::stdout().lock().write_all(line.as_bytes()).expect("somebody reads what is printed");
    }
}

/// Starts the server, kills it after this many answers, and gives the length of each stream as it was answered.
fn killed_after(folder: &Path, answers: usize) -> HashMap<String, u64> {
    let this = std::env::current_exe().expect("a test has a file");
    let mut server = Command::new(this)
        .args(["the_server_that_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts");
    let mut lines = BufReader::new(server.stdout.take().expect("its output is a pipe")).lines();
    let mut answered = HashMap::new();
    let mut count = |line: &str| {
        let mut words = line.split("answered ").nth(1)?.split_whitespace();
        let (caller, length) = (words.next()?, words.next()?.parse().ok()?);
        answered.insert(format!("run_{caller}"), length)
    };
    for line in lines.by_ref().take(answers) {
        count(&line.expect("the server prints text"));
    }
    server.kill().expect("the server runs");
    // What it had printed before it died counts too; a last line that was cut does not end in a line break.
    for line in lines.map_while(Result::ok).filter(|line| line.split_whitespace().count() == 3) {
        count(&line);
    }
    server.wait().expect("the server was started here");
    answered
}

#[tokio::test]
async fn a_killed_server_keeps_every_append_that_it_answered() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..6 {
        let answered = killed_after(folder.path(), 40 + 61 * round);
        assert!(!answered.is_empty());
        let store = open(options(folder.path())).unwrap().store;
        let mut all = 0;
        for (stream, length) in answered {
            let found = store.load(&tenant(), &stream.as_str().into(), 0, usize::MAX).await.unwrap();
            assert!(found.len() as u64 >= length, "{stream} has {} entries, {length} were answered", found.len());
            assert_eq!(found.len() % 2, 0, "an append is there whole or not at all");
            let expected: Vec<Entry> = (0..found.len() as u64).map(|seq| entry(&stream, seq)).collect();
            assert_eq!(found, expected);
            all += found.len() as u64;
        }
        assert!(store.log(&tenant()).await.unwrap().size >= all);
    }
}
