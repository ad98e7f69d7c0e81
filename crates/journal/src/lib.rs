//! What happened?
//!
//! Events, their exact bytes, and a run as a fold over them. This room reads no clock, no disk and no network:
//! an auditor compiles it to check a record.

mod action;
pub mod bytes;
mod commitment;
mod digest;
mod entry;
mod event;
mod ids;
mod money;
pub mod run;
mod text;
mod time;

pub use action::Action;
pub use commitment::{Disclosure, NotADisclosure, Salt, erased_digest, placeholder, redact};
pub use digest::{Digest, NotADigest};
pub use entry::Entry;
pub use event::*;
pub use ids::*;
pub use money::{Money, NotMoney};
pub use run::Run;
pub use time::{NotATime, Timestamp};
