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

use affiant_engine::ports::Append;
use affiant_journal::{Digest, Entry, StreamId, TenantId};
use affiant_store::{
    Options, open,
    testing::{Dice, Hands},
};

const FOLDER: &str = "AFFIANT_TEST_KILL_FOLDER";

fn options(folder: &Path) -> Options {
    Options { folder: folder.to_owned(), clock: Arc::new(Hands::default()), chance: Arc::new(Dice::new(1)) }
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
    let callers = (0..8).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let stream = format!("run_{caller}");
            let mut seq = store.load(&tenant(), &stream.as_str().into(), 0, usize::MAX).await.unwrap().len() as u64;
            loop {
                let entries = vec![entry(&stream, seq), entry(&stream, seq + 1)];
                store.append(Append::new(tenant(), StreamId::from(stream.as_str()), seq, entries)).await.unwrap();
                seq += 2;
                let line = format!("answered {caller} {seq}\n");
                std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
}

/// Starts the server, kills it after this many answers, and gives the length of each stream as it was answered.
fn killed_after(folder: &Path, answers: usize) -> HashMap<String, u64> {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["the_server_that_is_killed", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut answered = HashMap::new();
    let mut count = |line: &str| {
        let mut words = line.split("answered ").nth(1)?.split_whitespace();
        let (caller, length) = (words.next()?, words.next()?.parse().ok()?);
        answered.insert(format!("run_{caller}"), length)
    };
    for line in lines.by_ref().take(answers) {
        count(&line.unwrap());
    }
    server.kill().unwrap();
    // What it had printed before it died counts too; a last line that was cut does not end in a line break.
    for line in lines.map_while(Result::ok).filter(|line| line.split_whitespace().count() == 3) {
        count(&line);
    }
    server.wait().unwrap();
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
