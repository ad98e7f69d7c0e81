//! `fs.read`: a file as it is now.

use affiant_engine::ports::{ToolCall, ToolFailure};
use affiant_journal::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{arguments, output};
use crate::paths::{Folder, LARGEST, PathError, RelativePath};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    root: String,
    path: String,
    #[serde(default = "max_bytes")]
    max_bytes: usize,
}

#[derive(Serialize)]
struct Output {
    path: String,
    exists: bool,
    text: String,
    digest: Option<Digest>,
    size: usize,
    binary: bool,
    truncated: bool,
}

fn max_bytes() -> usize {
    1 << 20
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let path = RelativePath::parse(&input.path)?;
    let bytes = Folder::open(&call.scope.roots, &input.root).and_then(|folder| folder.read_if_there(&path, LARGEST));
    match bytes {
        Ok(bytes) => output(describe(&path, bytes, input.max_bytes)),
        // A folder that is not there holds no such file.
        Err(PathError::WrongKind { expected: "folder", .. }) => output(describe(&path, None, input.max_bytes)),
        Err(error) => Err(error.into()),
    }
}

fn describe(path: &RelativePath, bytes: Option<Vec<u8>>, max_bytes: usize) -> Output {
    let exists = bytes.is_some();
    let bytes = bytes.unwrap_or_default();
    let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.contains('\0'));
    let shown = text.map_or("", |text| cut(text, max_bytes));
    Output {
        path: path.to_string(),
        exists,
        text: shown.to_owned(),
        digest: exists.then(|| Digest::of(&bytes)),
        size: bytes.len(),
        binary: text.is_none(),
        truncated: shown.len() < bytes.len(),
    }
}

/// At most this many bytes of the text, cut between characters.
pub(super) fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}
