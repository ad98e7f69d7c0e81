//! The crates' own benchmarks, each of which prints one JSON object.

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::sh;

const CRATES: &[(&str, &str)] = &[
    ("affiant-contract", "validate"),
    ("affiant-surface", "hello"),
    ("affiant-store", "append"),
    ("affiant-proof", "proofs"),
];

pub(super) fn run() -> Result<Value> {
    let mut results = Map::new();
    for (package, bench) in CRATES {
        let printed = sh::output(&mut sh::cargo(&["bench", "--quiet", "--package", package, "--bench", bench]))?;
        let start = printed.find('{').with_context(|| format!("{package} {bench} printed no JSON"))?;
        results.insert((*bench).to_owned(), serde_json::from_str(printed[start..].trim())?);
    }
    Ok(Value::Object(results))
}
