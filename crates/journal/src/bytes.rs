//! The one spelling of a value: what is written, hashed, stored and sent (`docs/record-format.md`, section 1).
//!
//! A document is JSON with these further rules:
//!
//! - Keys of an object stand in ascending order of their UTF-8 bytes (before escaping), and none stands twice.
//! - No white space between tokens, and nothing after the document.
//! - Numbers are integers within ±(2^53−1), without `+`, leading zeros, fraction, exponent, or `-0`.
//! - In strings `"` and `\` are written `\"` and `\\`; the characters below U+0020 are `\b` `\f` `\n` `\r` `\t` where
//!   these exist and `\u00xx` with lower-case digits otherwise; every other character stands as its UTF-8 bytes.
//! - Objects and arrays nest at most [`MAX_DEPTH`] deep.
//!
//! So two documents are equal exactly when their bytes are.

mod scan;
mod write;

use serde::Serialize;
use serde_json::Value;

pub use scan::{Deviation, DeviationKind};
pub use write::NotEncodable;

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: u32 = 64;

/// The largest integer: 2^53−1. Every JSON reader keeps integers up to here.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The most bytes that a payload may have and still stand inside an event.
pub const MAX_INLINE: usize = 4096;

/// How deep a payload may nest and still stand inside an event, which adds levels of its own.
const MAX_INLINE_DEPTH: u32 = MAX_DEPTH / 2;

/// The bytes of a value.
///
/// Structs whose fields are declared in the order of the bytes are written straight through; other objects are put in
/// order when they end.
pub fn encode(value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, NotEncodable> {
    write::encode(value, MAX_DEPTH)
}

/// Reads a document and refuses every byte sequence that [`encode`] would not have written.
pub fn read_strict(bytes: &[u8]) -> Result<Value, Deviation> {
    check_strict(bytes)?;
    serde_json::from_slice(bytes).map_err(|_| Deviation { at: 0, kind: DeviationKind::NotJson })
}

/// Whether these bytes are a document that [`read_strict`] accepts; builds nothing.
pub fn check_strict(bytes: &[u8]) -> Result<(), Deviation> {
    scan::document(bytes)
}

/// Whether a payload may stand inside an event: it has a spelling, at most [`MAX_INLINE`] bytes of it, and does not
/// nest too deep. Others become blobs.
pub fn fits(value: &Value) -> bool {
    write::encode(value, MAX_INLINE_DEPTH).is_ok_and(|bytes| bytes.len() <= MAX_INLINE)
}

#[cfg(test)]
mod tests;
