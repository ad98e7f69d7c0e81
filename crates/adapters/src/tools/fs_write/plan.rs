//! What a write would do, decided from what is there. Touches nothing.

use affiant_journal::Digest;
use serde::Deserialize;

use crate::udiff;

/// How content meets what is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// Only where nothing is.
    #[default]
    Create,
    /// In its place.
    Replace,
    /// In front of it, or of one of its lines.
    Prepend,
}

/// What is wanted.
#[derive(Clone, Copy)]
pub(super) struct Wish<'w> {
    pub(super) content: &'w str,
    pub(super) mode: Mode,
    /// With `prepend`: the line to stand before begins with this.
    pub(super) before: Option<&'w str>,
    /// Digest of what must be there.
    pub(super) expected: Option<Digest>,
}

/// What is done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is there now.
    pub(super) before: Option<Vec<u8>>,
    /// What is there afterwards.
    pub(super) after: Vec<u8>,
    /// Whether it is there already: an earlier attempt has written it.
    pub(super) done: bool,
    /// Lines gained, and lines lost, against what was expected.
    pub(super) added: usize,
    pub(super) removed: usize,
}

/// Decides. The error says why what is there does not allow it.
pub(super) fn plan(there: Option<Vec<u8>>, wish: Wish<'_>) -> Result<Plan, &'static str> {
    if let Some(bytes) = there.as_deref().filter(|bytes| is_done(bytes, wish)) {
        let after = bytes.to_vec();
        let added = if wish.mode == Mode::Replace { 0 } else { lines(wish.content) };
        return Ok(Plan { before: there, after, done: true, added, removed: 0 });
    }
    if there.is_some() && wish.mode == Mode::Create {
        return Err("there is a file already");
    }
    if there.as_deref().map(Digest::of) != wish.expected {
        return Err("what is there is not what was seen before");
    }
    let old = there.as_deref().unwrap_or_default();
    let (after, added, removed) = match wish.mode {
        Mode::Create => (wish.content.as_bytes().to_vec(), lines(wish.content), 0),
        Mode::Prepend => (insert(old, wish), lines(wish.content), 0),
        Mode::Replace => {
            let diff = udiff::make("", Some(&String::from_utf8_lossy(old)), Some(wish.content));
            (wish.content.as_bytes().to_vec(), diff.added, diff.removed)
        }
    };
    Ok(Plan { before: there, after, done: false, added, removed })
}

/// Whether an attempt with this wish has been here before: what is there is exactly what the wish makes of what
/// it expects.
fn is_done(there: &[u8], wish: Wish<'_>) -> bool {
    match (wish.mode, wish.expected) {
        (Mode::Create, Some(_)) => false,
        (Mode::Create | Mode::Replace, _) | (Mode::Prepend, None) => there == wish.content.as_bytes(),
        (Mode::Prepend, Some(_)) if wish.content.is_empty() => false,
        (Mode::Prepend, Some(expected)) => earlier(there, wish.content.as_bytes())
            // The digest proves it; making it again makes sure that it stood in the right place.
            .any(|earlier| Digest::of(&earlier) == expected && insert(&earlier, wish) == there),
    }
}

/// The texts from which this one may have been made by putting the piece in, with or without a line feed around it.
fn earlier(text: &[u8], piece: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = std::iter::once(0).chain(line_starts(text)).filter(move |at| text[*at..].starts_with(piece));
    places.take(16).flat_map(move |at| {
        let (head, tail) = (&text[..at], &text[at + piece.len()..]);
        let heads = [Some(head), head.strip_suffix(b"\n")];
        let tails = [Some(tail), tail.strip_prefix(b"\n")];
        heads.into_iter().flatten().flat_map(move |head| tails.into_iter().flatten().map(move |t| [head, t].concat()))
    })
}

/// The text with the content put in. A line that would run into the content, or out of it, is ended first.
fn insert(text: &[u8], wish: Wish<'_>) -> Vec<u8> {
    let at = match wish.before {
        None => bom(text),
        Some(start) => line_starts(text).find(|at| text[*at..].starts_with(start.as_bytes())).unwrap_or(text.len()),
    };
    let (head, tail) = text.split_at(at);
    let runs_in = head.len() > bom(text) && !head.ends_with(b"\n");
    let runs_out = !tail.is_empty() && !wish.content.is_empty() && !wish.content.ends_with('\n');
    let end = |needed: bool| if needed { &b"\n"[..] } else { b"" };
    [head, end(runs_in), wish.content.as_bytes(), end(runs_out), tail].concat()
}

/// Length of a byte order mark, which stays in front.
fn bom(text: &[u8]) -> usize {
    if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

fn line_starts(text: &[u8]) -> impl Iterator<Item = usize> {
    let after_mark = bom(text);
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    std::iter::once(after_mark).chain(ends)
}

fn lines(text: &str) -> usize {
    text.split_inclusive('\n').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wish<'w>(mode: Mode, content: &'w str, before: Option<&'w str>, there: Option<&str>) -> Wish<'w> {
        Wish { content, mode, before, expected: there.map(|text| Digest::of(text.as_bytes())) }
    }

    fn after(there: Option<&str>, wish: Wish<'_>) -> Result<String, &'static str> {
        plan(there.map(|text| text.as_bytes().to_vec()), wish).map(|plan| String::from_utf8(plan.after).unwrap())
    }

    #[test]
    fn a_section_goes_above_the_newest_one_and_nothing_is_lost() {
        let there = "# Changelog\n\nAll changes.\n\n## 1.0\n\n- First\n";
        let section = "## Unreleased\n\n- Second\n\n";
        let text = after(Some(there), wish(Mode::Prepend, section, Some("## "), Some(there))).unwrap();
        insta::assert_snapshot!(text, @r"
        # Changelog

        All changes.

        ## Unreleased

        - Second

        ## 1.0

        - First
        ");
    }

    #[test]
    fn without_such_a_line_it_goes_to_the_end_and_without_a_wish_to_the_beginning() {
        let there = "# Changelog";
        let below = wish(Mode::Prepend, "## 1\n", Some("## "), Some(there));
        assert_eq!(after(Some(there), below).unwrap(), "# Changelog\n## 1\n");
        let above = wish(Mode::Prepend, "top", None, Some("\u{feff}a\n"));
        assert_eq!(after(Some("\u{feff}a\n"), above).unwrap(), "\u{feff}top\na\n");
        assert_eq!(after(None, wish(Mode::Prepend, "## 1\n", Some("## "), None)).unwrap(), "## 1\n");
    }

    #[test]
    fn something_else_than_expected_is_a_conflict() {
        for mode in [Mode::Create, Mode::Replace, Mode::Prepend] {
            assert!(after(Some("now"), wish(mode, "new", None, Some("seen"))).is_err(), "{mode:?}");
            assert!(after(Some("now"), wish(mode, "new", None, None)).is_err(), "{mode:?}");
            assert!(after(None, wish(mode, "new", None, Some("seen"))).is_err(), "{mode:?}");
        }
    }

    #[test]
    fn a_section_that_was_written_for_another_file_is_not_taken_for_done() {
        let there = "## Same\n## Old\n";
        let again = wish(Mode::Prepend, "## Same\n", Some("## "), Some(there));
        let plan = plan(Some(there.into()), again).unwrap();
        assert!(!plan.done);
        assert_eq!(plan.after, b"## Same\n## Same\n## Old\n");
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec("(# a|## b|c|\u{feff})?\n?", 0..6).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_second_attempt_finds_the_first_one_done(
            there in prop::option::of(text()), content in text(), mode in 0..3usize, above in any::<bool>()
        ) {
            let mode = [Mode::Create, Mode::Replace, Mode::Prepend][mode];
            let wish = wish(mode, &content, above.then_some("## "), there.as_deref());
            let first = plan(there.clone().map(String::into_bytes), wish);
            prop_assume!(first.is_ok() && !content.is_empty());
            let first = first.unwrap();
            let second = plan(Some(first.after.clone()), wish).unwrap();
            prop_assert!(second.done);
            prop_assert_eq!(second.after, first.after);
            if mode != Mode::Replace {
                prop_assert_eq!((second.added, second.removed), (first.added, first.removed));
            }
        }

        #[test]
        fn prepending_loses_no_byte(there in text(), content in text(), above in any::<bool>()) {
            let wish = wish(Mode::Prepend, &content, above.then_some("## "), Some(&there));
            let made = after(Some(&there), wish).unwrap();
            let mut rest = there.bytes().peekable();
            for byte in made.bytes() {
                rest.next_if_eq(&byte);
            }
            prop_assert!(rest.next().is_none(), "{:?}", made);
        }
    }
}
