//! Through the tools, against repositories written here.

use std::fs;

use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::tools::tests::World;

/// Subjects of a range, or the failure.
async fn subjects(world: &World, arguments: Value) -> String {
    match world.call("git.log", arguments).await {
        Ok(log) => lines(&log),
        Err(told) => told,
    }
}

fn lines(log: &Value) -> String {
    let commits = log["commits"].as_array().unwrap().iter();
    commits.map(|commit| commit["subject"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

/// `a`, tagged `v1.0.0`; `b`; `c`, tagged `v1.1.0` and `nightly`; `d`; `e`.
fn tagged() -> (World, Fixture) {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    let a = fixture.commit("a", &[("x", b"1")]);
    fixture.annotated_tag("v1.0.0", a);
    fixture.commit("b", &[("x", b"2")]);
    let c = fixture.commit("c", &[("x", b"2"), ("docs/y", b"1")]);
    fixture.tag("v1.1.0", c);
    fixture.tag("nightly", c);
    let d = fixture.commit("d", &[("x", b"3"), ("docs/y", b"1")]);
    fixture.tag("nightly-2", d);
    fixture.commit("e", &[("x", b"3"), ("docs/y", b"2")]);
    (world, fixture)
}

#[tokio::test]
async fn a_range_is_what_git_means_by_it() {
    let (world, fixture) = tagged();
    let head = fixture.head.unwrap().to_string();
    for (range, expected) in [
        ("last-tag..HEAD", "e d"),
        ("v1.0.0..v1.1.0", "c b"),
        ("last-tag..v1.1.0", "c b"),
        ("v1.1.0", "c b a"),
        ("last-tag..v1.0.0", "a"),
        ("HEAD~1..", "e"),
        ("HEAD..v1.0.0", ""),
        (&head[..8], "e d c b a"),
        ("last-tag", "c b a"),
    ] {
        assert_eq!(subjects(&world, json!({ "range": range })).await, expected, "{range}");
    }
    let log = world.call("git.log", json!({})).await.unwrap();
    assert_eq!([&log["from"], &log["to"], &log["toSha"]], [&json!("v1.1.0"), &json!("HEAD"), &json!(head)]);
    let released = world.call("git.log", json!({ "range": "last-tag..v1.1.0" })).await.unwrap();
    assert_eq!([&released["from"], &released["toTag"]], [&json!("v1.0.0"), &json!("v1.1.0")]);
}

#[tokio::test]
async fn a_limit_and_a_path_narrow_the_range() {
    let (world, _) = tagged();
    let two = world.call("git.log", json!({ "range": "HEAD", "limit": 2 })).await.unwrap();
    assert_eq!((lines(&two), &two["truncated"]), ("e d".into(), &json!(true)));
    let all = world.call("git.log", json!({ "range": "HEAD", "limit": 5 })).await.unwrap();
    assert_eq!(all["truncated"], json!(false));
    assert_eq!(subjects(&world, json!({ "range": "HEAD", "path": "docs" })).await, "e c");
    assert_eq!(subjects(&world, json!({ "range": "HEAD", "path": "x" })).await, "d b a");
    assert_eq!(subjects(&world, json!({ "range": "HEAD", "path": "none" })).await, "");
}

#[tokio::test]
async fn a_merge_brings_in_both_sides_and_hides_what_was_released() {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    let base = fixture.commit("base", &[]);
    let left = fixture.commit_on(&[base], "left", &[("l", b"")]);
    let right = fixture.commit_on(&[base], "right", &[("r", b"")]);
    let merge = fixture.commit_on(&[left, right], "merge", &[("l", b""), ("r", b"")]);
    fixture.tag("v1.0.0", left);
    fixture.commit_on(&[merge], "after", &[]);
    assert_eq!(subjects(&world, json!({})).await, "after merge right");
}

#[tokio::test]
async fn a_clock_that_went_back_hides_nothing_wrongly() {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    let tree = fixture.tree(&[]);
    let mut at = |time: i64, parents: &[gix::ObjectId], subject: &str| {
        let who = format!("A <a@b> {time} +0000");
        fixture.raw(tree, parents, format!("author {who}\ncommitter {who}\n\n{subject}").as_bytes())
    };
    let root = at(1000, &[], "root");
    let old = at(10, &[root], "old");
    let released = at(2000, &[old], "released");
    let branch = at(5, &[old], "branch");
    let head = at(3000, &[branch, root], "head");
    fixture.tag("v1.0.0", released);
    fixture.stand_on(head);
    assert_eq!(subjects(&world, json!({ "range": "v1.0.0..HEAD" })).await, "head branch");
}

#[tokio::test]
async fn a_shallow_clone_ends_where_it_ends_and_says_so() {
    let (world, fixture) = tagged();
    let c = fixture.repo.rev_parse_single("v1.1.0").unwrap().detach();
    let b = fixture.repo.rev_parse_single("v1.1.0~1").unwrap().detach().to_string();
    fs::write(world.root().join(".git/shallow"), format!("{c}\n")).unwrap();
    fs::remove_file(world.root().join(".git/objects").join(&b[..2]).join(&b[2..])).unwrap();
    let log = world.call("git.log", json!({ "range": "HEAD" })).await.unwrap();
    assert_eq!((lines(&log), &log["shallow"]), ("e d c".into(), &json!(true)));
    assert_eq!(subjects(&world, json!({})).await, "e d");
    assert_eq!(world.call("git.show", json!({ "revision": "v1.1.0" })).await.unwrap()["files"][0]["change"], "added");
}

#[tokio::test]
async fn bare_repositories_and_linked_working_trees_are_read_like_others() {
    let world = World::new();
    let mut bare = Fixture::bare(&world.root().join("shop.git"));
    let head = bare.commit("a", &[("x", b"1")]);
    let bare_root = json!(world.root().join("shop.git"));
    assert_eq!(subjects(&world, json!({ "root": bare_root })).await, "a");

    let own = world.root().join("shop.git/worktrees/linked");
    let linked = world.root().join("linked");
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(&linked).unwrap();
    fs::write(own.join("HEAD"), format!("{head}\n")).unwrap();
    fs::write(own.join("commondir"), "../..\n").unwrap();
    fs::write(own.join("gitdir"), format!("{}\n", linked.join(".git").display())).unwrap();
    fs::write(linked.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
    assert_eq!(subjects(&world, json!({ "root": linked })).await, "a");
}

#[tokio::test]
async fn a_git_file_that_points_away_is_followed_only_when_the_other_side_agrees() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut private = Fixture::new(elsewhere.path());
    let head = private.commit("private", &[]);
    let git = elsewhere.path().canonicalize().unwrap().join(".git");
    let world = World::new().with(".git", format!("gitdir: {}\n", git.display()));
    let refused = subjects(&world, json!({ "range": "HEAD" })).await;
    insta::assert_snapshot!(refused, @"repository-not-found: ROOT: its objects lie outside the folders that this run may use");

    let own = git.join("worktrees/linked");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("HEAD"), format!("{head}\n")).unwrap();
    fs::write(own.join("commondir"), "../..\n").unwrap();
    fs::write(own.join("gitdir"), "/nowhere/.git\n").unwrap();
    let world = world.with(".git", format!("gitdir: {}\n", own.display()));
    assert_eq!(subjects(&world, json!({ "range": "HEAD" })).await, refused);
    fs::write(own.join("gitdir"), format!("{}\n", world.root().join(".git").display())).unwrap();
    assert_eq!(subjects(&world, json!({ "range": "HEAD" })).await, "private");
}

#[tokio::test]
async fn what_is_no_repository_or_no_revision_is_said_clearly() {
    let (world, _) = tagged();
    let world = world.with("plain/file", "").with("broken/.git/HEAD", "ref: refs/heads/x");
    let empty = world.root().join("empty");
    gix::init(&empty).unwrap();
    let mut told = Vec::new();
    for (root, range) in [
        (world.root().join("plain"), "HEAD"),
        (world.root().join("broken"), "HEAD"),
        (world.root().join("missing"), "HEAD"),
        ("/".into(), "HEAD"),
        (empty, "HEAD"),
        (world.root(), "v9..HEAD"),
        (world.root(), "v1...HEAD"),
        (world.root(), "last-tag..\u{1b}[2J"),
        (world.root(), "HEAD^{tree}"),
        (world.root(), "0123456789abcdef0123456789abcdef01234567"),
    ] {
        told.push(subjects(&world, json!({ "root": root, "range": range })).await);
    }
    insta::assert_snapshot!(told.join("\n"), @r#"
    repository-not-found: ROOT/plain: there is no git repository in this folder
    repository-not-found: ROOT/broken: the git repository cannot be read: "ROOT/broken" does not appear to be a git repository: Missing HEAD at ".git/HEAD"
    repository-not-found: ROOT/missing: there is no folder at this path
    path-not-allowed: /: the folder is not inside a folder that this run may use
    revision-not-found: `HEAD` is not a revision of this repository: it has no commits yet
    revision-not-found: `v9` is not a revision of this repository: no branch, tag or commit has this name
    input-invalid: a range has two dots, as in `v1.0.0..HEAD`
    revision-not-found: `\x1b[2J` is not a revision of this repository: no branch, tag or commit has this name
    revision-not-found: `HEAD^{tree}` is not a revision of this repository: it does not lead to a commit
    revision-not-found: `0123456789abcdef0123456789abcdef01234567` is not a revision of this repository: no branch, tag or commit has this name
    "#);
}

#[tokio::test]
async fn hostile_messages_are_answered_exactly_and_bounded() {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    fixture.commit("\u{1b}[31mred\u{202e}\n\nbody\u{7}", &[]);
    fixture.commit(vec![b'x'; 10 << 20], &[]);
    fixture.commit(b"caf\xe9 \xff\xfe", &[]);
    fixture.commit("", &[]);
    fixture.commit("\n\n\n  \n", &[]);
    fixture.commit("nul\0inside", &[]);
    let log = world.call("git.log", json!({ "range": "HEAD" })).await.unwrap();
    let commits = log["commits"].as_array().unwrap();
    assert_eq!(commits[5]["subject"], "\u{1b}[31mred\u{202e}");
    assert_eq!(commits[5]["body"], "body\u{7}");
    assert_eq!((&commits[4]["cut"], commits[4]["subject"].as_str().unwrap().chars().count()), (&json!(true), 1001));
    assert_eq!((&commits[3]["subject"], &commits[3]["lossy"]), (&json!("caf\u{fffd} \u{fffd}\u{fffd}"), &json!(true)));
    assert_eq!([&commits[2]["subject"], &commits[1]["subject"]], ["", ""]);
    assert_eq!(commits[0]["subject"], "nul\0inside");
    let all = world.call("git.show", json!({ "revision": commits[4]["sha"], "maxBytes": 10 << 20 })).await.unwrap();
    assert_eq!(all["subject"].as_str().unwrap().len(), 10 << 20);
}

#[tokio::test]
async fn a_commit_is_shown_with_what_it_changed() {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    let long: String = (1..=9).map(|n| format!("{n}\n")).collect();
    fixture.commit("first", &[("a.txt", long.as_bytes()), ("gone", b"x\n"), ("old name", b"same\n"), ("bin", b"\0")]);
    let changed = long.replace('5', "five");
    fixture.commit(
        "second",
        &[("a.txt", changed.as_bytes()), ("new\nname", b"same\n"), ("bin", b"\0\0"), ("dir/new", b"no newline")],
    );
    let shown = world.call("git.show", json!({ "revision": "HEAD" })).await.unwrap();
    insta::assert_snapshot!(format!("{}\n{}", shown["files"], shown["diff"].as_str().unwrap()), @r#"
    [{"path":"a.txt","change":"modified","added":1,"removed":1},{"path":"bin","change":"modified","added":0,"removed":0},{"path":"dir/new","change":"added","added":1,"removed":0},{"path":"gone","change":"deleted","added":0,"removed":1},{"path":"new\nname","change":"renamed","added":0,"removed":0}]
    --- a.txt
    +++ a.txt
    @@ -2,7 +2,7 @@
     2
     3
     4
    -5
    +five
     6
     7
     8
    --- /dev/null
    +++ dir/new
    @@ -0,0 +1 @@
    +no newline
    \ No newline at end of file
    --- gone
    +++ /dev/null
    @@ -1 +0,0 @@
    -x
    "#);
    let cut = world.call("git.show", json!({ "revision": "HEAD", "maxBytes": 10 })).await.unwrap();
    assert_eq!((cut["diff"].as_str().unwrap().len(), &cut["truncated"]), (10, &json!(true)));
    let first = world.call("git.show", json!({ "revision": "HEAD~1" })).await.unwrap();
    assert_eq!(first["files"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn a_file_is_shown_as_it_was() {
    let (world, _) = tagged();
    let show = async |path: &str| {
        let shown = world.call("git.show", json!({ "revision": "v1.0.0", "path": path })).await.unwrap();
        format!("{} {} {}", shown["exists"], shown["text"], shown["size"])
    };
    assert_eq!([show("x").await, show("docs/y").await], [r#"true "1" 1"#, "false null null"]);
    let outside = world.call("git.show", json!({ "revision": "HEAD", "path": "../x" })).await.unwrap_err();
    assert!(outside.starts_with("path-not-allowed"), "{outside}");
}
