//! Where is it kept?
//!
//! Journals and their projections in SQLite or in memory, large payloads in files, keys in a file of their own.
//! A store keeps; the engine decides. What every store promises is [`conformance`]. This room knows no clock and
//! no randomness but those it is given, and opens no network.

mod blobs;
pub mod conformance;
mod cursor;
mod errors;
mod folder;
mod idempotency;
mod log_files;
mod memory;
mod open;
mod sqlite;
pub mod testing;
mod vault;

pub use blobs::{FileBlobs, MemoryBlobs};
pub use log_files::{FolderLogFiles, MemoryLogFiles};
pub use memory::MemoryStore;
pub use open::{OpenError, Opened, Options, open};
pub use sqlite::SqliteStore;
pub use vault::KeyVault;
