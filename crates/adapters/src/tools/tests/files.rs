use std::{fs, os::unix::fs::symlink};

use affiant_journal::Digest;
use serde_json::{Value, json};

use super::{World, contract};

fn digest(text: &str) -> Value {
    json!(Digest::of(text.as_bytes()))
}

#[tokio::test]
async fn a_file_is_read_with_its_digest_and_a_missing_one_is_an_answer() {
    let world = World::new().with("a.md", "héllo").with("b.bin", [0, 159, 146, 150]);
    let read = async |arguments| world.call("fs.read", arguments).await.unwrap();
    let text = read(json!({ "path": "a.md" })).await;
    assert_eq!((&text["text"], &text["digest"], &text["size"]), (&json!("héllo"), &digest("héllo"), &json!(6)));
    let cut = read(json!({ "path": "a.md", "maxBytes": 2 })).await;
    assert_eq!((&cut["text"], &cut["truncated"], &cut["digest"]), (&json!("h"), &json!(true), &digest("héllo")));
    let binary = read(json!({ "path": "b.bin" })).await;
    assert_eq!((&binary["text"], &binary["binary"], &binary["size"]), (&json!(""), &json!(true), &json!(4)));
    let missing = json!({
        "path": "no/such.md", "exists": false, "text": "", "digest": null, "size": 0, "binary": false, "truncated": false
    });
    assert_eq!(read(json!({ "path": "no/such.md" })).await, missing);
}

#[tokio::test]
async fn reading_stops_at_the_edge_of_the_allowed_folders() {
    let world = World::new().with("sub/a.md", "a").with(".git/config", "token");
    symlink("/etc/passwd", world.root().join("sub/link")).unwrap();
    let mut told = Vec::new();
    for (root, path) in [
        (world.root().join("sub"), "../../etc/passwd"),
        (world.root().join("sub"), "link"),
        (world.root(), ".git/config"),
        (world.root().join("sub/../.."), "x"),
        ("/etc".into(), "passwd"),
        (world.root(), "sub"),
    ] {
        told.push(world.call("fs.read", json!({ "root": root, "path": path })).await.unwrap_err());
    }
    let told = told.join("\n").replace(world.root().parent().unwrap().to_str().unwrap(), "PARENT");
    insta::assert_snapshot!(told, @"
    path-not-allowed: ../../etc/passwd: `..` could lead outside the folder
    path-not-allowed: link: a symbolic link is on the way
    path-not-allowed: .git/config: `.git` belongs to git
    path-not-allowed: ROOT/sub/../..: the folder is not inside a folder that this run may use
    path-not-allowed: /etc: the folder is not inside a folder that this run may use
    not-a-file: sub: there is no file at this path
    ");
}

#[tokio::test]
async fn a_list_is_sorted_and_leaves_out_what_gitignore_names() {
    let world = World::new()
        .with(".gitignore", "target/\n*.log\n!keep.log\n/top\n")
        .with("docs/.gitignore", "draft.md\n")
        .with("docs/draft.md", "")
        .with("docs/a.md", "12")
        .with("draft.md", "")
        .with("target/x.md", "")
        .with("a.log", "")
        .with("keep.log", "")
        .with("top", "")
        .with("docs/top", "")
        .with("a\nb", "")
        .with(".git/config", "");
    symlink("/etc", world.root().join("etc")).unwrap();
    let all = world.call("fs.list", json!({})).await.unwrap();
    let paths: Vec<_> = all["files"].as_array().unwrap().iter().map(|file| file["path"].to_string()).collect();
    insta::assert_snapshot!(paths.join(" "), @r#"".gitignore" "a\nb" "docs/.gitignore" "docs/a.md" "docs/top" "draft.md" "keep.log""#);
    let some = json!({ "include": ["**/*.md"], "exclude": ["docs/**"], "limit": 1 });
    assert_eq!(world.call("fs.list", some).await.unwrap()["files"], json!([{ "path": "draft.md", "size": 0 }]));
    let one = world.call("fs.list", json!({ "limit": 1 })).await.unwrap();
    assert_eq!((one["files"].as_array().unwrap().len(), &one["truncated"]), (1, &json!(true)));
    let wrong = world.call("fs.list", json!({ "include": ["a["] })).await.unwrap_err();
    insta::assert_snapshot!(wrong, @"input-invalid: `a[` is not a glob: unclosed character class; missing ']'");
}

const CHANGELOG: &str = "# Changelog\n\n## 2.4.0\n";

fn section(expected: Value) -> Value {
    json!({
        "path": "CHANGELOG.md", "mode": "prepend", "before": "## ", "expected": expected,
        "content": "## Unreleased\n\n- Fix crash when the cart is empty (a91f3c2)\n\n",
    })
}

#[tokio::test]
async fn the_preview_shows_the_exact_change_and_the_call_makes_it_once() {
    let world = World::new().with("CHANGELOG.md", CHANGELOG);
    let arguments = section(digest(CHANGELOG));
    let preview = world.preview("fs.write", arguments.clone()).await;
    insta::assert_snapshot!(format!("{}\n{}\n{}", preview.title, preview.effect, preview.body), @"
    Write CHANGELOG.md
    ROOT/CHANGELOG.md  +4 −0  no network, no cost
    --- CHANGELOG.md
    +++ CHANGELOG.md
    @@ -1,3 +1,7 @@
     # Changelog
     
    +## Unreleased
    +
    +- Fix crash when the cart is empty (a91f3c2)
    +
     ## 2.4.0
    ");
    assert_eq!(world.text("CHANGELOG.md"), CHANGELOG);
    let first = world.call("fs.write", arguments.clone()).await.unwrap();
    let written = world.text("CHANGELOG.md");
    assert_eq!(first["digest"], digest(&written));
    let second = world.call("fs.write", arguments).await.unwrap();
    assert_eq!(second, first);
    assert_eq!(world.text("CHANGELOG.md"), written);
}

#[tokio::test]
async fn writing_gives_what_the_contract_says_in_its_example() {
    let world = World::new().with("CHANGELOG.md", CHANGELOG);
    for example in &contract("fs.write").operation().unwrap().examples {
        let mut input = json!(example.input);
        input["root"] = json!(world.root());
        assert_eq!(world.call("fs.write", input).await, Ok(json!(example.output)), "{}", example.title);
    }
}

#[tokio::test]
async fn a_file_that_has_changed_since_is_left_alone() {
    let world = World::new().with("CHANGELOG.md", CHANGELOG);
    let seen = digest(CHANGELOG);
    fs::write(world.root().join("CHANGELOG.md"), "# Somebody else's\n").unwrap();
    let told = world.call("fs.write", section(seen)).await.unwrap_err();
    insta::assert_snapshot!(told, @"conflict: CHANGELOG.md: what is there is not what was seen before");
    assert_eq!(world.text("CHANGELOG.md"), "# Somebody else's\n");
}

#[tokio::test]
async fn a_new_file_is_made_with_its_folder_and_never_over_another() {
    let world = World::new();
    let arguments = json!({ "path": "new/NOTES.md", "content": "# Notes\n", "expected": null });
    let made = world.call("fs.write", arguments.clone()).await.unwrap();
    assert_eq!((&made["added"], &made["previousDigest"]), (&json!(1), &json!(null)));
    assert_eq!(world.call("fs.write", arguments).await, Ok(made));
    let other = json!({ "path": "new/NOTES.md", "content": "other", "expected": null });
    let folder = json!({ "path": "new", "content": "other", "expected": null });
    let git = json!({ "path": ".git/hooks/post-checkout", "content": "rm", "expected": null });
    let below = json!({ "path": "new/NOTES.md/x", "content": "other", "expected": null });
    let mut told = Vec::new();
    for arguments in [other, folder, git, below] {
        told.push(world.call("fs.write", arguments).await.unwrap_err());
    }
    insta::assert_snapshot!(told.join("\n"), @"
    conflict: new/NOTES.md: there is a file already
    conflict: new: there is no file at this path
    path-not-allowed: .git/hooks/post-checkout: `.git` belongs to git
    conflict: new/NOTES.md/x: there is no folder at this path
    ");
}

#[tokio::test]
async fn a_diff_over_several_files_is_applied_as_a_whole_or_not_at_all() {
    let world = World::new().with("a.md", "1\n").with("b.md", "1\n");
    let diff = "--- a.md\n+++ a.md\n@@ -1 +1 @@\n-1\n+2\n--- b.md\n+++ b.md\n@@ -1 +1 @@\n-1\n+3\n--- /dev/null\n+++ c.md\n@@ -0,0 +1 @@\n+new\n";
    let expected = json!([
        { "path": "b.md", "digest": digest("1\n") }, { "path": "a.md", "digest": digest("1\n") },
        { "path": "c.md", "digest": null },
    ]);
    let arguments = json!({ "diff": diff, "expected": expected });
    fs::write(world.root().join("b.md"), "changed\n").unwrap();
    let told = world.call("fs.apply", arguments.clone()).await.unwrap_err();
    insta::assert_snapshot!(told, @"conflict: b.md: what is there is not what was seen before");
    assert_eq!(world.text("a.md"), "1\n");
    fs::write(world.root().join("b.md"), "1\n").unwrap();
    let preview = world.preview("fs.apply", arguments.clone()).await;
    assert_eq!((&*preview.title, &*preview.effect), ("Change 3 files", "ROOT  +3 −2  no network, no cost"));
    assert_eq!(preview.body, diff);
    let done = world.call("fs.apply", arguments.clone()).await.unwrap();
    assert_eq!([world.text("a.md"), world.text("b.md"), world.text("c.md")], ["2\n", "3\n", "new\n"]);
    fs::write(world.root().join("b.md"), "1\n").unwrap();
    assert_eq!(world.call("fs.apply", arguments).await, Ok(done), "an attempt that was cut off is completed");
    assert_eq!(world.text("b.md"), "3\n");
}

#[tokio::test]
async fn a_diff_may_delete_and_must_name_exactly_its_files() {
    let world = World::new().with("old.md", "1\n2\n");
    let diff = "--- old.md\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n";
    let arguments = json!({ "diff": diff, "expected": [{ "path": "old.md", "digest": digest("1\n2\n") }] });
    let outside = "--- ../x\n+++ ../x\n@@ -1 +1 @@\n-1\n+2\n";
    let mut told = Vec::new();
    for (diff, path, digest) in [
        (diff, "other.md", digest("1\n2\n")),
        (diff, "old.md", json!(null)),
        ("--- old.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", "old.md", digest("1\n2\n")),
        (outside, "../x", digest("1\n")),
        ("hello", "old.md", digest("1\n2\n")),
    ] {
        let arguments = json!({ "diff": diff, "expected": [{ "path": path, "digest": digest }] });
        told.push(world.call("fs.apply", arguments).await.unwrap_err());
    }
    insta::assert_snapshot!(told.join("\n"), @"
    diff-invalid: `expected` does not name exactly the files of the diff, each once
    diff-invalid: old.md: the diff and `expected` disagree on whether it is there
    diff-invalid: old.md: the diff leaves lines behind
    path-not-allowed: ../x: `..` could lead outside the folder
    diff-invalid: the text holds no file header (`--- path`, then `+++ path`)
    ");
    let done = world.call("fs.apply", arguments.clone()).await.unwrap();
    assert_eq!(done["files"][0]["digest"], json!(null));
    assert!(!world.root().join("old.md").exists());
    assert_eq!(world.call("fs.apply", arguments).await, Ok(done));
}
