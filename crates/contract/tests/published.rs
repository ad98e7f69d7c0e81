//! The shipped contracts stay what they were when they were published.

use std::{fs, path::Path};

use affiant_contract::{Lock, builtin, compat, lock, render};

/// `AFFIANT_LOCK=new` publishes what is new, as a release does. `AFFIANT_LOCK=all` also takes over what has changed,
/// which is right only for versions that nobody has been given yet.
#[test]
fn shipped_contracts_are_what_was_published() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(lock::FILE);
    let contracts = builtin();
    let mut published = Lock::parse(lock::FILE, &fs::read_to_string(&path).unwrap_or_default()).unwrap();
    let wish = std::env::var("AFFIANT_LOCK").unwrap_or_default();
    if matches!(wish.as_str(), "new" | "all") {
        let accept: Vec<_> = published.iter().filter(|_| wish == "all").cloned().collect();
        published.update(&contracts, &accept);
        fs::write(&path, published.render()).unwrap();
    }
    let edited = published.check(&contracts);
    assert!(edited.is_empty(), "{}", render::findings(&edited, false));
    let update = published.clone().update(&contracts, &[]);
    assert!(
        update.added.is_empty(),
        "not in {} yet; run this test with AFFIANT_LOCK=new: {:?}",
        lock::FILE,
        update.added
    );
}

/// Whatever their stability: `/v1` leads to the newest version, and whoever calls it is not broken by one.
#[test]
fn every_version_is_large_enough_for_what_changed_since_the_one_before() {
    let mut contracts = builtin();
    contracts.sort_by(|a, b| (&a.meta.key, &a.meta.version).cmp(&(&b.meta.key, &b.meta.version)));
    let versions = contracts.windows(2).filter(|pair| pair[0].meta.key == pair[1].meta.key);
    let small: Vec<String> = versions
        .map(|pair| compat::compare(&pair[0], &pair[1]))
        .filter(|comparison| !comparison.enough)
        .map(|comparison| format!("{} → {} needs {}", comparison.old, comparison.new, comparison.needs))
        .collect();
    assert!(small.is_empty(), "{}", small.join("\n"));
}
