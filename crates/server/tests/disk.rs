//! A data folder that goes wrong under the real binary: refusals in words, and no wrong answer.

mod real;

use std::{fs::OpenOptions, io::Write as _, os::unix::fs::FileExt as _, process::Stdio};

use real::Server;
use rusqlite::Connection;

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
fn an_altered_event_is_named_by_whoever_reads_it_and_hides_no_other_run() {
    let mut server = Server::start(&[]);
    let runs = [(); 3].map(|()| {
        assert_eq!(server.affiant(&["start", "echo", "--wait"]).code, 0);
        server.affiant(&["run", "list", "--limit", "1", "-o", "id"]).out.trim().to_owned()
    });
    server.stop();
    let database = Connection::open(server.data().join("journal.db")).unwrap();
    let alter = "UPDATE events SET bytes = CAST(replace(bytes, 'echo', 'ECHO') AS BLOB) WHERE seq = ?2
                 AND stream = (SELECT stream FROM streams WHERE name = ?1)";
    let alter_last = alter.replace("'echo', 'ECHO'", "'completed', 'COMPLETED'");
    assert_eq!(database.execute(alter, (&runs[0], 0)).unwrap(), 1);
    assert_eq!(database.execute(&alter_last, (&runs[1], 4)).unwrap(), 1);
    drop(database);
    server.try_to_serve().unwrap();
    for (run, event) in [(&runs[0], 0), (&runs[1], 4)] {
        for command in [&["verify", run][..], &["run", "get", run], &["run", "explain", run]] {
            let said = server.affiant(command);
            assert_eq!(said.code, 20, "{command:?} {}{}", said.out, said.err);
            let named = format!("event {event} of stream {run} is not as it was written");
            assert!(said.err.contains(&named), "{command:?} {}", said.err);
        }
    }
    let listed = server.affiant(&["run", "list", "-o", "id"]);
    assert_eq!((listed.code, listed.out.lines().count()), (0, 3), "{}", listed.err);
    for filter in ["tokens:<5", "text:hello"] {
        let found = server.affiant(&["run", "list", "-q", filter, "-o", "id"]);
        assert_eq!(found.code, 0, "{filter} {}", found.err);
    }
    assert_eq!(server.affiant(&["verify", &runs[2]]).code, 0);
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
