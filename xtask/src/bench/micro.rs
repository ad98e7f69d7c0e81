//! The crates' own benchmarks, each of which prints one JSON object.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::sh;

/// Their names. They are built with the workspace, so that nothing is compiled twice for another set of features.
const BENCHES: &[&str] = &["validate", "hello", "append", "proofs", "encode"];

pub(super) fn run() -> Result<Value> {
    let mut results = Map::new();
    for bench in BENCHES {
        let printed = sh::output(&mut sh::cargo(&["bench", "--quiet", "--workspace", "--bench", bench]))?;
        let start = printed.find('{').with_context(|| format!("{bench} printed no JSON"))?;
        results.insert((*bench).to_owned(), serde_json::from_str(printed[start..].trim())?);
    }
    Ok(Value::Object(results))
}
