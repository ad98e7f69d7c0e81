//! A data folder that goes wrong under the real binary: refusals in words, and no wrong answer.

mod real;

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::FileExt as _, process::Stdio};

use real::Server;

#[test]
fn a_log_that_cannot_be_written_ends_nothing() {
    // The server has something to say about this before it listens.
    let mut server = Server::start(&[("affiant.toml", "[server]\nworkspaces = [{ path = \"nowhere\" }]\n")]);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    server.restart(Stdio::from(full), "trace");
    let refused = server.affiant(&["start", "nobody"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert_eq!(server.affiant(&["start", "echo", "--wait"]).code, 0);
}

#[test]
fn a_damaged_database_is_refused_in_words_and_never_read_wrongly() {
    let mut server = Server::start(&[]);
    for _ in 0..20 {
        assert_eq!(server.affiant(&["start", "echo", "-i", "steps=20", "--wait"]).code, 0);
    }
    server.stop();
    let file = OpenOptions::new().write(true).read(true).open(server.data().join("journal.db")).unwrap();
    let size = file.metadata().unwrap().len();
    for page in 8..size / 4096 {
        file.write_all_at(&[0x5a; 4096], page * 4096).unwrap();
    }
    let said = server.try_to_serve();
    let runs = said.is_ok().then(|| server.affiant(&["run", "list", "--all", "-o", "id"]));
    match (said, runs) {
        (Err(words), _) => assert!(words.contains("damaged") || words.contains("malformed"), "{words}"),
        (Ok(()), Some(runs)) => assert!(runs.code != 0 || runs.out.lines().count() == 20, "{}{}", runs.out, runs.err),
        (Ok(()), None) => unreachable!("a server that serves is asked"),
    }
}

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let mut server = Server::start(&[]);
    server.stop();
    for rest in ["journal.db-wal", "journal.db-shm"] {
        // They are there only after a kill.
        let _ = std::fs::remove_file(server.data().join(rest));
    }
    let path = server.data().join("journal.db");
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(b"this is a shopping list, not a database\n").unwrap();
    let words = server.try_to_serve().unwrap_err();
    assert!(words.starts_with("error: "), "{words}");
    assert_eq!(std::fs::read(&path).unwrap(), b"this is a shopping list, not a database\n");
}
