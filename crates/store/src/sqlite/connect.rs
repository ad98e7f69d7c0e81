//! Opening the file: how each connection is set, what the file must be, and what is checked before it is used.

use std::{io, path::Path};

use affiant_engine::ports::StoreError;
use rusqlite::{Connection, OpenFlags, Row};

use super::{
    rows::{self, whole},
    statement::Writes,
};
use crate::{errors::of_sqlite, folder};

/// `AFNT`: says in the file's header that it is ours.
const APPLICATION: i64 = 0x4146_4e54;
/// What each version added to the one before it. A change of the schema is one more file at the end.
const SCHEMA: [&str; 2] = [include_str!("../../sql/sqlite/schema.sql"), include_str!("../../sql/sqlite/schema_2.sql")];
/// The version of the schema.
const VERSION: i64 = SCHEMA.len() as i64;

/// Why the file cannot be used.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// Another program's database.
    NotOurs,
    /// Written by a later release.
    Newer(i64),
    /// The database did not open, or is damaged.
    Store(StoreError),
    /// The file cannot be made.
    File(io::Error),
    /// No thread can be started.
    Thread(io::Error),
}

impl From<rusqlite::Error> for Wrong {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(of_sqlite(error))
    }
}

/// The writer's connection, to a file that has the schema and was checked.
pub(super) fn to_write(file: &Path) -> Result<Connection, Wrong> {
    folder::private(file).map_err(Wrong::File)?;
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | NO_MUTEX)?;
    identify(&connection)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY",
    )?;
    prepare_schema(&connection)?;
    check(&connection)?;
    Ok(connection)
}

/// The connection that copies the write-ahead log into the file, beside the writer's.
pub(super) fn to_copy(file: &Path) -> Result<Connection, Wrong> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | NO_MUTEX)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -64; PRAGMA wal_autocheckpoint = 0")?;
    Ok(connection)
}

/// A reader's connection.
pub(super) fn to_read(file: &Path) -> Result<Connection, Wrong> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | NO_MUTEX)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY")?;
    Ok(connection)
}

/// Each connection is used by one thread.
const NO_MUTEX: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX;

fn identify(connection: &Connection) -> Result<(), Wrong> {
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    match (number("PRAGMA application_id")?, number("PRAGMA user_version")?) {
        (0, 0) if empty => Ok(()),
        (APPLICATION, version) if version > VERSION => Err(Wrong::Newer(version)),
        (APPLICATION, _) => Ok(()),
        _ => Err(Wrong::NotOurs),
    }
}

/// Brings a file of any earlier version, or an empty one, to this version in one transaction.
fn prepare_schema(connection: &Connection) -> rusqlite::Result<()> {
    let version: u16 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let Some(missing @ [_, ..]) = SCHEMA.get(usize::from(version)..) else { return Ok(()) };
    let missing = missing.join("\n");
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;\n{missing}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {VERSION};\nCOMMIT"
    ))
}

/// A file as an earlier version made it.
#[cfg(test)]
pub(super) fn of_version(file: &Path, version: usize) -> rusqlite::Result<()> {
    let schema = SCHEMA[..version].join("\n");
    Connection::open(file)?
        .execute_batch(&format!("{schema}\nPRAGMA application_id = {APPLICATION};\nPRAGMA user_version = {version}"))
}

/// The whole schema, for tests of statements.
#[cfg(test)]
pub(super) fn whole_schema() -> String {
    SCHEMA.join("\n")
}

/// Each log is as long as its events say, and its newest event is whole. This costs a few reads for each tenant,
/// so a server is ready at once however much it keeps; everything else is checked when it is read.
fn check(connection: &Connection) -> Result<(), Wrong> {
    let mut sql = Writes::prepare(connection)?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, rows::frontier(row, 2)?.size()));
    for (number, tenant, size) in sql.frontiers.all([], read)? {
        let named = || format!("the newest event of tenant {tenant}");
        let last = sql.last_leaf.first([&number], |row| rows::entry(row, 1, 2, named).and_then(|_| whole(row, 0)))?;
        let events = last.map_or(0, |leaf| leaf + 1);
        if events != size {
            let what = format!("the log of tenant {tenant} says {size} events, and there are {events}");
            return Err(Wrong::Store(StoreError::Damaged(what)));
        }
    }
    Ok(())
}
