//! Who does the outside work?
//!
//! Tools, context sources, the guarded HTTP client and webhook delivery: everything that touches a disk, a
//! network or another program on a run's behalf. Nothing here decides whether it may; the engine asks policy
//! and people first, and every path and address is checked again here, where it is used.

mod display;
mod failure;
mod files;
mod git;
pub mod paths;
pub mod tools;
mod udiff;
