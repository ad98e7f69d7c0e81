//! Studio in a real browser: how soon something is seen, how long runs scroll, how long a record takes to be checked. What
//! is done is `scripts/studio/measure.mjs`; the limits are `scripts/studio/budgets.json`.

use anyhow::Result;
use serde_json::Value;

use crate::{needs, server::scratch, sh};

pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let chromium = needs::debian("chromium", "chromium")?;
    let folder = needs::npm(&sh::root().join("scripts/studio"))?;
    let mut measure = sh::program("node");
    measure.arg("measure.mjs").arg(scratch("bench-studio")?).env("CHROMIUM", chromium).env("AFFIANT", affiant);
    Ok(serde_json::from_str(&sh::output(measure.current_dir(folder))?)?)
}
