//! A change, line by line, as a person must see it before anything is decided about it.

use serde_json::{Value, json};

/// Lines of a change that are shown at first; the others must be opened.
const SHOWN: usize = 40;

/// Lines of a difference that a page shows of something that can be saved whole.
const MOST: usize = 400;

/// The lines of a text, each with what it does when the text is a unified diff; those after the first few in a part of
/// their own.
pub(super) fn lines(body: &str, media: &str) -> Value {
    split(body, media.contains("diff"), SHOWN)
}

/// The lines of a unified diff in one part, as many as a page can show, and how many there are.
pub(super) fn whole(diff: &str) -> Value {
    let mut change = split(diff, true, MOST);
    change["rest"] = Value::Array(Vec::new());
    change
}

fn split(body: &str, diff: bool, shown: usize) -> Value {
    let kind = |line: &str| match line.as_bytes().first() {
        _ if !diff => "same",
        Some(b'+') if line.starts_with("+++") => "file",
        Some(b'-') if line.starts_with("---") => "file",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "place",
        _ => "same",
    };
    let lines: Vec<Value> = body.lines().map(|line| json!({ "kind": kind(line), "text": line })).collect();
    let (first, rest) = lines.split_at(lines.len().min(shown));
    let hidden = body.chars().any(crate::visible::is_hidden);
    json!({ "first": first, "rest": rest, "count": lines.len(), "hidden": hidden })
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
    fn what_hides_in_a_change_is_said() {
        assert_eq!(lines("a\u{202e}b", "text/plain")["hidden"], true);
    }
}
