//! How is it proven?
//!
//! The Merkle log over a tenant's events, its signed checkpoints, statements about artifacts, the bundle that carries
//! one run away, and the checks that somebody who trusts nobody makes on it. This room reads no clock, no disk and no
//! network; keys, times and bytes come in as arguments. Formats: `docs/record-format.md`.

pub mod archive;
pub mod bundle;
pub mod checkpoint;
pub mod envelope;
pub mod keys;
pub mod note;
pub mod paths;
pub mod snapshot;
pub mod statement;
pub mod tree;
pub mod trust;
pub mod verify;
pub mod views;
