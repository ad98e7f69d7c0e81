use std::fs;

use serde_json::json;

use super::*;
use crate::tools::tests::World;

#[tokio::test]
async fn every_sample_project_has_the_same_history() {
    let world = World::new();
    create(&world.root().join("sample")).unwrap();
    let root = json!(world.root().join("sample"));
    let log = world.call("git.log", json!({ "root": root })).await.unwrap();
    let commits = log["commits"].as_array().unwrap();
    let told: Vec<_> = commits.iter().map(|c| format!("{} {}", c["short"], c["subject"]).replace('"', "")).collect();
    assert_eq!((&log["from"], told.len()), (&json!("v1.0.0"), 18));
    insta::assert_snapshot!(told.join("\n"), @r"
    1db191c test: cover receipts
    835a75d docs: link the opening hours from the README
    6093fb0 refactor: move the discounts next to the prices
    ae3c370 feat(config): keep the shop's regions in a file
    8627562 Tea is cheaper on Fridays
    f779dc8 Fix crash when the basket is empty
    f0add54 feat!: write prices as decimals on the command line
    0b718ed chore(deps): bump actions/checkout from 4 to 5
    94fb6f4 ci: run the tests on every push
    d44d633 Revert \perf(till): look prices up once per item\
    b209f62 perf(till): look prices up once per item
    7ff5293 docs: describe receipts and refunds
    a70cf95 feat: print a receipt
    d6c24a6 wip
    301041e chore: format with ruff
    0ac4333 Add coffee and oats to the price list
    64aaa81 fix(discounts): round in favour of the customer
    4378d26 feat(till): accept a discount code
    ");
    let all = world.call("git.log", json!({ "root": root, "range": "HEAD" })).await.unwrap();
    assert_eq!(all["commits"].as_array().unwrap().len(), 24);
}

#[test]
fn the_sample_is_named_as_one_and_its_files_are_checked_out() {
    let dir = tempfile::tempdir().unwrap();
    create(dir.path()).unwrap();
    let readme = fs::read_to_string(dir.path().join("README.md")).unwrap();
    assert!(readme.contains("sample project that comes with Affiant"), "{readme}");
    let repository = gix::open_opts(dir.path(), gix::open::Options::isolated()).unwrap();
    assert_eq!(repository.head_name().unwrap().unwrap().as_bstr(), "refs/heads/main");
    let index = repository.index().unwrap();
    for entry in index.entries() {
        let path = entry.path(&index).to_string();
        let content = fs::read(dir.path().join(&path)).unwrap();
        assert_eq!(repository.find_object(entry.id).unwrap().data, content, "{path}");
        assert_eq!(entry.stat.size as usize, content.len(), "{path}");
    }
    assert!(index.entries().len() > 10);
}

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "").unwrap();
    assert!(matches!(create(dir.path()), Err(SampleError::NotEmpty)));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_line_that_does_not_fit_is_named() {
    let head = "commit 2026-01-01T00:00:00Z A <a@b>\n  m\nwrite a\n| 1\n";
    let wrong = |rest: &str| history::read(&format!("{head}{rest}")).unwrap_err();
    let told = [
        history::read("write a\n| 1\n").unwrap_err(),
        wrong("edit a\n- 2\n+ 3\n"),
        wrong("edit b\n- 1\n+ 3\n"),
        wrong("delete b\n"),
        wrong("sing\n"),
        wrong("commit now\n"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    line 1: `write a` does not fit
    line 5: `edit a` does not fit
    line 5: `edit b` does not fit
    line 5: `delete b` does not fit
    line 5: `sing` does not fit
    line 5: `commit now` does not fit
    ");
    assert_eq!(history::read(&format!("{head}edit a\n- 1\n+ 2\n")).unwrap()[0].files["a"], "2\n");
}
