use proptest::prelude::*;

use super::*;

fn round(old: Option<&str>, new: Option<&str>) {
    let made = make("a file.txt", old, new);
    if old == new {
        return assert_eq!(made.text, "");
    }
    // An empty file that comes or goes has no line to show.
    if old.unwrap_or_default() == new.unwrap_or_default() {
        return;
    }
    let files = parse(&made.text).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].path, "a file.txt");
    assert_eq!((files[0].creates, files[0].deletes), (old.is_none(), new.is_none()));
    assert_eq!(files[0].counts(), (made.added, made.removed));
    assert_eq!(apply(&files[0], old.unwrap_or_default()).unwrap(), new.unwrap_or_default());
    assert_eq!(revert(&files[0], new.unwrap_or_default()).unwrap(), old.unwrap_or_default());
}

#[test]
fn a_diff_shows_three_lines_around_a_change() {
    let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
    let made = make("n.txt", Some(old), Some(&old.replace("5\n", "five\n")));
    insta::assert_snapshot!(made.text, @r"
    --- n.txt
    +++ n.txt
    @@ -2,7 +2,7 @@
     2
     3
     4
    -5
    +five
     6
     7
     8
    ");
}

#[test]
fn a_new_file_and_a_missing_line_feed_are_said() {
    let made = make("new\nline.md", None, Some("a\nb"));
    insta::assert_snapshot!(made.text, @r#"
    --- /dev/null
    +++ "new\nline.md"
    @@ -0,0 +1,2 @@
    +a
    +b
    \ No newline at end of file
    "#);
    assert_eq!(parse(&made.text).unwrap()[0].path, "new\nline.md");
}

#[test]
fn a_diff_without_context_as_in_the_contract_applies() {
    let text = "--- docs/start.md\n+++ docs/start.md\n@@ -7 +7 @@\n-See [setup](setp.md).\n+See [setup](setup.md).\n";
    let files = parse(text).unwrap();
    let old = "1\n2\n3\n4\n5\n6\nSee [setup](setp.md).\n8\n";
    assert_eq!(apply(&files[0], old).unwrap(), old.replace("setp", "setup"));
}

#[test]
fn what_git_writes_around_a_diff_is_passed_over() {
    let text = "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@ fn main() {\n-a\n+b\n-- \n2.47\n";
    let files = parse(text).unwrap();
    assert_eq!(files[0].path, "x");
    assert_eq!(apply(&files[0], "a\n").unwrap(), "b\n");
}

#[test]
fn context_that_does_not_match_is_refused() {
    let made = make("x", Some("a\nb\nc\n"), Some("a\nB\nc\n"));
    let files = parse(&made.text).unwrap();
    insta::assert_snapshot!(apply(&files[0], "a\nb\nd\n").unwrap_err(), @"x: line 3 is not what the diff was made from");
    insta::assert_snapshot!(apply(&files[0], "a\n").unwrap_err(), @"x: line 2 is not what the diff was made from");
}

#[test]
fn a_text_that_is_no_diff_is_refused_with_the_line() {
    let header = "--- x\n+++ x\n";
    let wrong = |text: &str| parse(text).unwrap_err();
    let told = [
        wrong("hello\n"),
        wrong(header),
        wrong("@@ -1 +1 @@\n-a\n+b\n"),
        wrong(&format!("{header}@@ -1 +x @@\n")),
        wrong(&format!("{header}@@ -1,2 +1 @@\n-a\n")),
        wrong(&format!("{header}@@ -1 +1 @@\n+a\n+b\n")),
        wrong(&format!("{header}@@ -1 +1 @@\n*a\n")),
        wrong("--- x\n+++ y\n@@ -1 +1 @@\n-a\n+b\n"),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    the text holds no file header (`--- path`, then `+++ path`)
    line 3: a file without hunks
    line 1: a hunk without a file header
    line 3: a hunk header that does not read
    line 5: the end of the text inside a hunk
    line 5: more lines than the hunk's header says
    line 4: a line that is none of a hunk's
    line 3: a renamed file; name it as one deleted and one created
    ");
}

#[test]
fn very_different_files_are_diffed_at_once() {
    let old: String = (0..30_000).map(|n| format!("old {n}\n")).collect();
    let new: String = (0..30_000).map(|n| format!("new {n}\n")).collect();
    round(Some(&format!("same\n{old}same\n")), Some(&format!("same\n{new}same\n")));
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of(
        prop::collection::vec("(a|b|c|\r|--- x|\\+\\+\\+ x|@@ -1 \\+1 @@|é)?\n?", 0..12).prop_map(|v| v.concat()),
    )
}

proptest! {
    #[test]
    fn a_diff_leads_from_one_text_to_the_other_and_back(old in text(), new in text()) {
        round(old.as_deref(), new.as_deref());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "([-+@ \\\\]{0,3}[a-z0-9,/\" ]{0,8}\n?){0,12}", old in "[ab\n]{0,8}") {
        for file in parse(&text).unwrap_or_default() {
            let _ = (apply(&file, &old), revert(&file, &old));
        }
    }
}
