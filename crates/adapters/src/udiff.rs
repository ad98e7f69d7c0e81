//! Unified diffs: made, read, and applied without fuzz.
//!
//! Lines end at a line feed and at nothing else, so that a file with bare carriage returns, or without a line
//! feed at its end, comes out as it was. Paths stand as they are, without `a/` and `b/`; a path with characters
//! that would break the header is quoted the way git does it.

mod apply;
mod make;
mod parse;
mod quote;

pub(crate) use apply::{apply, revert};
pub(crate) use make::{Made, make};
pub(crate) use parse::{FileDiff, parse};

/// Stands for a file that is not there.
const NOWHERE: &str = "/dev/null";
/// Follows a line that ends the file without a line feed.
const NO_NEWLINE: &str = "\\ No newline at end of file";

/// One line of a hunk, with its line feed if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'t> {
    /// Stands in both texts.
    Same(&'t str),
    /// Stands in the old text alone.
    Old(&'t str),
    /// Stands in the new text alone.
    New(&'t str),
}

/// Lines that stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hunk<'t> {
    /// Number of the first line in the old text, from 1; the line before it when the hunk holds no old line.
    pub(crate) old_start: usize,
    /// The same in the new text.
    pub(crate) new_start: usize,
    /// The lines.
    pub(crate) lines: Vec<Line<'t>>,
}

#[cfg(test)]
mod tests;
