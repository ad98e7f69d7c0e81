//! Making a diff.

use std::fmt::Write;

use similar::{Algorithm, DiffOp, DiffTag};

use super::{NO_NEWLINE, NOWHERE, quote::quote};

/// Lines around a change.
const CONTEXT: usize = 3;
/// Where more lines than this differ, the shortest diff is not looked for: it would take very long.
const MANY: usize = 20_000;

/// A diff, and how much it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// The diff; empty when nothing changes.
    pub(crate) text: String,
    /// Lines that stand in the new text alone.
    pub(crate) added: usize,
    /// Lines that stand in the old text alone.
    pub(crate) removed: usize,
}

/// The diff from one text to another of the file at `path`; none stands for a file that is not there.
pub(crate) fn make(path: &str, old: Option<&str>, new: Option<&str>) -> Made {
    let (before, after) = (lines(old), lines(new));
    let ops = operations(&before, &after);
    let mut made = Made::default();
    if old == new {
        return made;
    }
    let name = |side: Option<&str>| if side.is_some() { quote(path) } else { NOWHERE.to_owned() };
    push(&mut made.text, format_args!("--- {}\n+++ {}\n", name(old), name(new)));
    for group in similar::group_diff_ops(ops, CONTEXT) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let old = first.old_range().start..last.old_range().end;
            let new = first.new_range().start..last.new_range().end;
            push(&mut made.text, format_args!("@@ -{} +{} @@\n", Range(&old), Range(&new)));
        }
        for op in &group {
            write_operation(&mut made, op, &before, &after);
        }
    }
    made
}

fn lines(text: Option<&str>) -> Vec<&str> {
    text.unwrap_or_default().split_inclusive('\n').collect()
}

fn operations(before: &[&str], after: &[&str]) -> Vec<DiffOp> {
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let tail = before[head..].iter().rev().zip(after[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (before.len() - head - tail, after.len() - head - tail);
    if old_len == 0 || new_len == 0 || old_len + new_len <= MANY {
        return similar::capture_diff_slices(Algorithm::Myers, before, after);
    }
    let changed = DiffOp::Replace { old_index: head, old_len, new_index: head, new_len };
    let equal = |old_index, new_index, len| DiffOp::Equal { old_index, new_index, len };
    [equal(0, 0, head), changed, equal(head + old_len, head + new_len, tail)]
        .into_iter()
        .filter(|op| !op.old_range().is_empty() || !op.new_range().is_empty())
        .collect()
}

fn write_operation(made: &mut Made, op: &DiffOp, before: &[&str], after: &[&str]) {
    if op.tag() == DiffTag::Equal {
        return before[op.old_range()].iter().for_each(|line| write_line(&mut made.text, ' ', line));
    }
    made.removed += op.old_range().len();
    made.added += op.new_range().len();
    before[op.old_range()].iter().for_each(|line| write_line(&mut made.text, '-', line));
    after[op.new_range()].iter().for_each(|line| write_line(&mut made.text, '+', line));
}

fn write_line(text: &mut String, mark: char, line: &str) {
    text.push(mark);
    text.push_str(line);
    if !line.ends_with('\n') {
        push(text, format_args!("\n{NO_NEWLINE}\n"));
    }
}

/// Lines as a hunk's header counts them: from 1, the line before when there is none, the number left out when it is 1.
struct Range<'r>(&'r std::ops::Range<usize>);

impl std::fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.len() {
            0 => write!(f, "{},0", self.0.start),
            1 => write!(f, "{}", self.0.start + 1),
            count => write!(f, "{},{count}", self.0.start + 1),
        }
    }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    text.write_fmt(piece).expect("writing to a string does not fail");
}
