//! Sealing: every tenant's log is signed while it grows, and no second history of it is ever signed.
//!
//! A [`Sealer`] signs the head of a log as a C2SP checkpoint. What it signed last stands outside the database, in the
//! tenant's head file, before anybody is shown it. Nothing is signed that does not continue that head: the proof that it
//! does is made and checked each time. A server whose database is behind its head file, or holds other events than it
//! signed, does not start; a database that was restored on purpose goes on as a new log (`docs/design/sealing.md`).
//!
//! Sealing stands beside the engine and not in it: appends never wait for a signature.

mod keys;
mod nodes;
mod open;
mod sealer;

pub use keys::{BadKeys, LogKeys};
pub use nodes::StoredNodes;
pub use open::Accept;
pub use sealer::{Phase, SealError, Sealed, Sealer};
