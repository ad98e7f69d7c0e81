//! `git.log`: the commits of a range.

use affiant_engine::ports::{ToolCall, ToolFailure};
use serde::Deserialize;
use serde_json::Value;

use super::{arguments, output};
use crate::{
    git::{Ask, Repository, history},
    paths::RelativePath,
};

#[derive(Deserialize)]
struct Input {
    root: String,
    path: Option<String>,
    #[serde(default = "range")]
    range: String,
    #[serde(default = "limit")]
    limit: usize,
}

fn range() -> String {
    "last-tag..HEAD".into()
}

fn limit() -> usize {
    10_000
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let path = input.path.as_deref().map(RelativePath::parse).transpose()?;
    let repository = Repository::open(&call.scope.roots, &input.root)?;
    let stop = || call.cancel.is_cancelled();
    let ask = Ask { range: &input.range, path: path.as_ref(), limit: input.limit, stop: &stop };
    output(history(&repository, &ask)?)
}
