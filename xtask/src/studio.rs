//! Studio in a real browser: accessibility, keyboard, no scripts, live pages under a killed server, hostile text, forged
//! requests, and the check of a record. The checks are `scripts/studio/check.mjs`.

use anyhow::Result;

use crate::{needs, server::scratch, sh};

/// Runs every check.
pub(crate) fn checked() -> Result<()> {
    let chromium = needs::debian("chromium", "chromium")?;
    let scripts = sh::root().join("scripts/studio");
    let folder = needs::npm(&scripts)?;
    let assets = sh::root().join("crates/surface/assets");
    let mut types = sh::program("node");
    types.arg("node_modules/typescript/bin/tsc").args(["--noEmit", "--allowJs", "--checkJs", "--strict"]);
    types
        .args(["--target", "es2023", "--module", "es2022", "--lib", "es2023,dom,dom.iterable"])
        .args(["studio.js", "record.js"].map(|script| assets.join(script)));
    sh::run(types.current_dir(&folder))?;
    let mut check = sh::program("node");
    check.arg("check.mjs").arg(scratch("studio")?).env("CHROMIUM", chromium).env("AFFIANT", sh::affiant()?);
    sh::run(check.current_dir(folder))
}
