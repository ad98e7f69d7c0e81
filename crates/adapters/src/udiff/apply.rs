//! Applying a diff. Every line it names must stand exactly where it says.

use super::{FileDiff, Hunk, Line};

/// The new text, from the old one; an error is a sentence that names the line.
pub(crate) fn apply(diff: &FileDiff<'_>, old: &str) -> Result<String, String> {
    transform(
        diff,
        old,
        |hunk| hunk.old_start,
        |line| match line {
            Line::Same(text) => (Some(text), Some(text)),
            Line::Old(text) => (Some(text), None),
            Line::New(text) => (None, Some(text)),
        },
    )
}

/// The old text, from the new one.
pub(crate) fn revert(diff: &FileDiff<'_>, new: &str) -> Result<String, String> {
    transform(
        diff,
        new,
        |hunk| hunk.new_start,
        |line| match line {
            Line::Same(text) => (Some(text), Some(text)),
            Line::Old(text) => (None, Some(text)),
            Line::New(text) => (Some(text), None),
        },
    )
}

/// What a line takes from the text, and what it gives.
type Sides<'t> = (Option<&'t str>, Option<&'t str>);

fn transform<'t>(
    diff: &FileDiff<'t>,
    from: &str,
    start: impl Fn(&Hunk<'t>) -> usize,
    sides: impl Fn(Line<'t>) -> Sides<'t>,
) -> Result<String, String> {
    let lines: Vec<&str> = from.split_inclusive('\n').collect();
    let mut to = String::with_capacity(from.len());
    let mut at = 0;
    for hunk in &diff.hunks {
        let takes = hunk.lines.iter().any(|line| sides(*line).0.is_some());
        // A hunk that takes nothing names the line after which it stands.
        let begin = if takes { start(hunk).wrapping_sub(1) } else { start(hunk) };
        let Some(between) = lines.get(at..begin) else {
            return Err(format!("{}: the hunk at line {} is out of place", diff.path, start(hunk)));
        };
        to.extend(between.iter().copied());
        at = begin;
        for line in &hunk.lines {
            let (takes, gives) = sides(*line);
            if let Some(expected) = takes {
                if lines.get(at) != Some(&expected) {
                    return Err(format!("{}: line {} is not what the diff was made from", diff.path, at + 1));
                }
                at += 1;
            }
            to.push_str(gives.unwrap_or_default());
        }
    }
    to.extend(lines[at..].iter().copied());
    Ok(to)
}
