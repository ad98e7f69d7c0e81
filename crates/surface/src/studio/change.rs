//! A change, line by line, as a person must see it before anything is decided about it.

use serde_json::{Value, json};

/// Lines of a change that are shown at first; the others must be opened.
const SHOWN: usize = 40;

/// Lines of a change that can be opened on its page. Whatever is longer is read as a file.
const OPENED: usize = 800;

/// Lines of a difference that a page shows of something that can be saved whole.
const MOST: usize = 400;

/// Bytes of a change on a page.
const BYTES: usize = 64 << 10;

/// The lines of a text, each with what it does when the text is a unified diff; those after the first few in a part of
/// their own. `more` says that the text goes on where these lines end.
pub(super) fn lines(body: &str, media: &str) -> Value {
    let mut change = split(body, media.contains("diff"), OPENED);
    let lines = change["first"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let (first, rest) = lines.split_at(lines.len().min(SHOWN));
    (change["first"], change["rest"]) = (first.into(), rest.into());
    change
}

/// The lines of a unified diff in one part, as many as a page can show, and how many there are.
pub(super) fn whole(diff: &str) -> Value {
    split(diff, true, MOST)
}

fn split(body: &str, diff: bool, most: usize) -> Value {
    let kind = |line: &str| match line.as_bytes().first() {
        _ if !diff => "same",
        Some(b'+') if line.starts_with("+++") => "file",
        Some(b'-') if line.starts_with("---") => "file",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "place",
        _ => "same",
    };
    let (mut lines, mut room) = (Vec::new(), BYTES);
    let mut more = false;
    for line in body.lines() {
        more = lines.len() == most || room == 0;
        if more {
            break;
        }
        let text = &line[..line.floor_char_boundary(room)];
        lines.push(json!({ "kind": kind(line), "text": text }));
        (room, more) = (room.saturating_sub(line.len() + 1), text.len() < line.len());
    }
    let hidden = body.chars().any(crate::visible::is_hidden);
    json!({
        "first": lines, "rest": [], "more": more, "count": body.lines().count(), "size": body.len(), "hidden": hidden,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_change_has_a_part_that_must_be_opened() {
        let body = format!("--- a\n+++ b\n@@ -1 +1,60 @@\n-old\n{}", "+new\n".repeat(60));
        let change = lines(&body, "text/x-diff");
        let kinds: Vec<&str> =
            change["first"].as_array().unwrap()[..5].iter().map(|it| it["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["file", "file", "place", "removed", "added"]);
        assert_eq!((change["first"].as_array().unwrap().len(), change["rest"].as_array().unwrap().len()), (40, 24));
        assert_eq!(change["hidden"], false);
    }

    #[test]
    fn a_difference_without_end_is_cut_and_says_how_long_it_is() {
        let change = whole(&"+new\n".repeat(5000));
        let shown = |part: &str| change[part].as_array().unwrap().len();
        assert_eq!((shown("first"), shown("rest"), &change["count"]), (400, 0, &json!(5000)));
    }

    #[test]
    fn a_change_without_end_is_shown_from_its_beginning_and_says_that_it_goes_on() {
        let of = |change: &Value| {
            let count = |part: &str| change[part].as_array().unwrap().len();
            (count("first"), count("rest"), change["more"].as_bool().unwrap())
        };
        assert_eq!(of(&lines(&"+new\n".repeat(840), "text/x-diff")), (40, 760, true));
        assert_eq!(of(&lines(&"+new\n".repeat(800), "text/x-diff")), (40, 760, false));
        let line = lines(&format!("a\n{}", "é".repeat(100_000)), "text/plain");
        assert_eq!((of(&line), &line["count"], &line["size"]), ((2, 0, true), &json!(2), &json!(200_002)));
        assert_eq!(line["first"][1]["text"].as_str().unwrap().len(), BYTES - 2);
    }

    #[test]
    fn what_hides_in_a_change_is_said() {
        assert_eq!(lines("a\u{202e}b", "text/plain")["hidden"], true);
    }
}
