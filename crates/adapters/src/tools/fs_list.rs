//! `fs.list`: the files below a folder.

use affiant_engine::ports::{ToolCall, ToolFailure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{arguments, output};
use crate::{
    failure::{cancelled, refuse},
    files::Selection,
    paths::Folder,
};

#[derive(Deserialize)]
struct Input {
    root: String,
    #[serde(default = "everything")]
    include: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default = "limit")]
    limit: usize,
}

#[derive(Serialize)]
struct Output {
    files: Vec<Listed>,
    truncated: bool,
}

#[derive(Serialize)]
struct Listed {
    path: String,
    size: u64,
}

pub(super) fn everything() -> Vec<String> {
    vec!["**".into()]
}

fn limit() -> usize {
    10_000
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let folder = Folder::open(&call.scope.roots, &input.root)?;
    let selection = Selection::new(&input.include, &input.exclude).map_err(|why| refuse("input-invalid", why))?;
    let found = selection.files(&folder, &|| call.cancel.is_cancelled())?;
    if call.cancel.is_cancelled() {
        return Err(cancelled());
    }
    let truncated = found.len() > input.limit;
    let listed = found.iter().take(input.limit);
    let files = listed.map(|f| Listed { path: f.path.to_string(), size: f.size.unwrap_or(0) }).collect();
    output(Output { files, truncated })
}
