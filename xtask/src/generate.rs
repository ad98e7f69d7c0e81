//! `surfaces/` and `contracts.lock`, rendered by the product itself, and the figures of the README.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Result, bail};

use crate::{figures, sh};

/// Renders everything; with `check`, only says what is stale and fails.
pub(crate) fn run(check: bool) -> Result<()> {
    figures::run(check)?;
    let affiant = sh::affiant()?;
    let fresh = sh::target().join("surfaces");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    sh::output(sh::program(&affiant).args(["contract", "generate", "all", "--builtin", "--out"]).arg(&fresh))?;
    let committed = sh::root().join("surfaces");
    let (old, new) = (files(&committed)?, files(&fresh)?);
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let stale: Vec<&String> = names.into_iter().filter(|name| old.get(*name) != new.get(*name)).collect();
    if stale.is_empty() {
        println!("surfaces/ is fresh: {} files", new.len());
        return Ok(());
    }
    if check {
        bail!("surfaces/ is stale; run `cargo xtask generate` and commit: {stale:?}");
    }
    for name in &stale {
        write(&committed.join(name), new.get(*name))?;
        println!("{} surfaces/{name}", if new.contains_key(*name) { "wrote  " } else { "removed" });
    }
    Ok(())
}

/// Writes the file, or removes it when there is nothing to write.
fn write(path: &Path, bytes: Option<&Vec<u8>>) -> Result<()> {
    let Some(bytes) = bytes else { return Ok(fs::remove_file(path)?) };
    fs::create_dir_all(path.parent().expect("a file stands in a folder"))?;
    Ok(fs::write(path, bytes)?)
}

/// Every file below a folder, by its relative path.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let Ok(entries) = fs::read_dir(&next) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("found below the folder").to_string_lossy().into_owned();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}
