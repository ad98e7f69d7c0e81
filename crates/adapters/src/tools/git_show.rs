//! `git.show`: one commit with its changes, or one file as it was in it.

use affiant_engine::ports::{ToolCall, ToolFailure};
use serde::Deserialize;
use serde_json::Value;

use super::{arguments, output};
use crate::{
    git::{Repository, Show, show},
    paths::RelativePath,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    root: String,
    revision: String,
    path: Option<String>,
    #[serde(default = "max_bytes")]
    max_bytes: usize,
}

fn max_bytes() -> usize {
    1 << 20
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let path = input.path.as_deref().map(RelativePath::parse).transpose()?;
    let repository = Repository::open(&call.scope.roots, &input.root)?;
    let stop = || call.cancel.is_cancelled();
    let asked = Show { revision: &input.revision, path: path.as_ref(), max_bytes: input.max_bytes, stop: &stop };
    output(show(&repository, &asked)?)
}
