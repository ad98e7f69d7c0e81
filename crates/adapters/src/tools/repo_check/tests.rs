use std::fs;

use serde_json::{Value, json};

use crate::{git::fixture::Fixture, tools::tests::World};

async fn check(world: &World) -> Value {
    world.call("repo.check", json!({})).await.unwrap()
}

/// One line a finding.
fn lines(checked: &Value) -> String {
    let findings = checked["findings"].as_array().unwrap().iter();
    findings
        .map(|f| format!("{} — {}", f["id"].as_str().unwrap().replace('\n', "\\n"), f["message"].as_str().unwrap()))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn links_that_lead_nowhere_are_found_and_those_with_one_way_out_are_mended() {
    let world = World::new()
        .with("README.md", "# Top\n\nSee [setup](docs/setp.md), [it](#topp), [up](../../issues), [ok](docs/setup.md#install).\n\n[gone](docs/gone.md) [moved](moved.md)\n")
        .with("docs/setup.md", "# Install\n\n[back](../readme.md) [part](#instal) [two](./same.md) [here](setup.md#nope)\n\n![i](img.png)\n")
        .with("lib/moved.md", "")
        .with("a/same.md", "")
        .with("b/same.md", "");
    let checked = check(&world).await;
    insta::assert_snapshot!(format!("{}\n\n{}", lines(&checked), checked["diff"].as_str().unwrap()), @"
    broken-anchor:README.md:3:#topp — `README.md` has no heading `#topp`; `#top` is the only one of a similar name.
    broken-link:README.md:3:docs/setp.md — `docs/setp.md` does not exist; `docs/setup.md` is the only file of a similar name.
    broken-link:README.md:5:docs/gone.md — `docs/gone.md` does not exist.
    broken-link:README.md:5:moved.md — `moved.md` does not exist; `lib/moved.md` is the only file of a similar name.
    broken-anchor:docs/setup.md:3:#instal — `docs/setup.md` has no heading `#instal`; `#install` is the only one of a similar name.
    broken-anchor:docs/setup.md:3:setup.md#nope — `docs/setup.md` has no heading `#nope`.
    broken-link:docs/setup.md:3:../readme.md — `../readme.md` does not exist; `README.md` is the only file of a similar name.
    broken-link:docs/setup.md:3:./same.md — `./same.md` does not exist.
    broken-link:docs/setup.md:5:img.png — `img.png` does not exist.

    --- README.md
    +++ README.md
    @@ -1,5 +1,5 @@
     # Top
     
    -See [setup](docs/setp.md), [it](#topp), [up](../../issues), [ok](docs/setup.md#install).
    +See [setup](docs/setup.md), [it](#top), [up](../../issues), [ok](docs/setup.md#install).
     
    -[gone](docs/gone.md) [moved](moved.md)
    +[gone](docs/gone.md) [moved](lib/moved.md)
    --- docs/setup.md
    +++ docs/setup.md
    @@ -1,5 +1,5 @@
     # Install
     
    -[back](../readme.md) [part](#instal) [two](./same.md) [here](setup.md#nope)
    +[back](../README.md) [part](#install) [two](./same.md) [here](setup.md#nope)
     
     ![i](img.png)
    ");
    // A link that leads out of the repository is nobody's to judge, and is not counted.
    assert_eq!(checked["counts"], json!({ "files": 5, "links": 10, "findings": 9, "fixable": 5 }));
    let done =
        world.call("fs.apply", json!({ "diff": checked["diff"], "expected": checked["expected"] })).await.unwrap();
    assert_eq!(done["files"].as_array().unwrap().len(), 2);
    assert_eq!(check(&world).await["counts"]["fixable"], 0);
}

#[tokio::test]
async fn what_cannot_be_judged_is_left_alone() {
    let world = World::new()
        .with(".gitattributes", "gen-*.md linguist-generated\nsdk/** linguist-vendored=true\n")
        .with("tests/broken.json", "{")
        .with("testdata/a.md", "[x](nope.md)")
        .with("node_modules/p/README.md", "[x](nope.md)")
        .with("gen-api.md", "[x](nope.md)")
        .with("sdk/a/b.md", "[x](nope.md)")
        .with("api/.openapi-generator-ignore", "")
        .with("api/docs/X.md", "[x](nope.md)")
        .with("auto.md", "<!-- automatically generated -->\n[x](nope.md)")
        .with("tsconfig.json", "{ // c\n \"a\": [1,], }")
        .with("a.md", "[t]({{ x }}) [m](mailto:a@b) [s](//x/y) [w](https://x) [e]() [l](a.md#L3) [q](a.md?plain=1#x)\n")
        .with("site/mkdocs.yml", "a: 1\n")
        .with("site/docs/i.md", "[x](../other) [y](/z.md) [p](missing.md)\n")
        .with("config.env.example", "x")
        .with("bin.json", [0u8, 1]);
    assert_eq!(lines(&check(&world).await), "broken-link:site/docs/i.md:1:missing.md — `missing.md` does not exist.");
}

#[tokio::test]
async fn only_files_that_git_knows_are_checked_where_there_is_git() {
    let world = World::new().with("a.md", "[x](nope.md) [u](untracked.md)\n").with("untracked.md", "[y](nope.md)\n");
    let mut fixture = Fixture::new(&world.root());
    fixture.commit("a", &[("a.md", b"")]);
    let tree = fixture.repo.head_tree_id().unwrap().detach();
    fixture.repo.index_from_tree(&tree).unwrap().write(gix::index::write::Options::default()).unwrap();
    assert_eq!(lines(&check(&world).await), "broken-link:a.md:1:nope.md — `nope.md` does not exist.");
}

#[tokio::test]
async fn hostile_names_and_contents_are_told_on_one_line_and_mended_exactly() {
    let name = "we\u{202e}ird\nname.md";
    let world = World::new()
        .with(name, "[x](tpo.md)\r\n[x](tpo.md)\n[\u{1b}[31m](\u{1b}]0;.md)\n")
        .with("top.md", "")
        .with("long.md", "x".repeat(1 << 20) + "[y](tpo.md)");
    let checked = check(&world).await;
    assert!(!checked["findings"][0]["message"].as_str().unwrap().contains(['\u{1b}', '\n', '\u{202e}']));
    assert_eq!(checked["counts"]["fixable"], 3);
    world.call("fs.apply", json!({ "diff": checked["diff"], "expected": checked["expected"] })).await.unwrap();
    assert!(fs::read_to_string(world.root().join(name)).unwrap().starts_with("[x](top.md)\r\n[x](top.md)\n"));
}

#[tokio::test]
async fn a_limit_leaves_findings_out_and_counts_them_all_the_same() {
    let world = World::new().with("a.md", "[x](n1.md) [x](n2.md) [x](n2.md)\n");
    let checked = world.call("repo.check", json!({ "limit": 1 })).await.unwrap();
    assert_eq!((&checked["truncated"], &checked["counts"]["findings"]), (&json!(true), &json!(3)));
    let all = check(&world).await;
    assert_eq!(all["findings"][2]["id"], "broken-link:a.md:1:n2.md:2");
    let none = world.call("repo.check", json!({ "exclude": ["*.md"] })).await.unwrap();
    assert_eq!(none["counts"]["files"], 0);
}

#[tokio::test]
async fn the_sample_project_has_something_to_mend() {
    let world = World::new();
    let root = world.root().join("sample");
    crate::sample::create(&root).unwrap();
    let checked = world.call("repo.check", json!({ "root": root })).await.unwrap();
    insta::assert_snapshot!(format!("{}\n\n{}", lines(&checked), checked["diff"].as_str().unwrap()), @"
    broken-anchor:README.md:7:docs/orders.md#refunds-and-return — `docs/orders.md` has no heading `#refunds-and-return`; `#refunds-and-returns` is the only one of a similar name.
    broken-link:README.md:11:docs/opening-hours.md — `docs/opening-hours.md` does not exist.
    unparsable:config/regions.json:4 — This does not parse: expected `,` or `}` (line 4).
    broken-link:docs/orders.md:5:instal.md — `instal.md` does not exist; `docs/install.md` is the only file of a similar name.

    --- README.md
    +++ README.md
    @@ -4,7 +4,7 @@
     has a history to read and something to mend when you are not in a repository of your own. You may delete it.
     
     A till for a small shop, in plain Python. Start with [installing it](docs/install.md), then read about
    -[orders](docs/orders.md) and [refunds](docs/orders.md#refunds-and-return).
    +[orders](docs/orders.md) and [refunds](docs/orders.md#refunds-and-returns).
     
         python -m shop.till apples=3 tea=1
     
    --- docs/orders.md
    +++ docs/orders.md
    @@ -2,7 +2,7 @@
     
     ## Receipts
     
    -`--receipt` prints one line for each item. See [how to install](instal.md) if you have not yet.
    +`--receipt` prints one line for each item. See [how to install](install.md) if you have not yet.
     
     ## Refunds and returns
    ");
}
