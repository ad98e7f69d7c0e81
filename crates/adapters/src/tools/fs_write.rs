//! `fs.write`: one file, in one move, if it is still what was seen.

mod plan;

use affiant_engine::ports::{Preview, ToolCall, ToolFailure};
use affiant_journal::Digest;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::plan::{Mode, Plan, Wish};
use super::{Builtin, arguments, aside, output};
use crate::{
    display::escape,
    failure::refuse,
    paths::{Folder, LARGEST, PathError, RelativePath, Replace},
    udiff,
};

/// What can be written in one call.
const MOST: usize = 16 << 20;

#[derive(Deserialize)]
struct Input {
    root: String,
    path: String,
    content: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    before: Option<String>,
    expected: Option<Digest>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    path: String,
    digest: Digest,
    previous_digest: Option<Digest>,
    bytes_written: usize,
    added: usize,
    removed: usize,
}

pub(super) struct Write;

#[async_trait]
impl Builtin for Write {
    fn key(&self) -> &'static str {
        "fs.write"
    }

    /// Runs to its end once begun, also when the call is stopped: it takes moments, and then it is known.
    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        aside(move || write(&call)).await
    }

    async fn preview(&self, call: &ToolCall) -> Result<Option<Preview>, ToolFailure> {
        let call = call.clone();
        aside(move || preview(&call)).await.map(Some)
    }
}

struct Opened {
    folder: Folder,
    path: RelativePath,
    input: Input,
}

impl Opened {
    fn new(call: &ToolCall) -> Result<Self, ToolFailure> {
        let input: Input = arguments(call)?;
        if input.content.len() > MOST {
            return Err(refuse("too-large", format!("the content is larger than {MOST} bytes")));
        }
        let path = RelativePath::parse(&input.path)?;
        Ok(Self { folder: Folder::open(&call.scope.roots, &input.root)?, path, input })
    }

    fn plan(&self) -> Result<Plan, ToolFailure> {
        let there = match self.folder.read_if_there(&self.path, LARGEST) {
            Err(PathError::WrongKind { expected: "folder", .. }) => Ok(None),
            other => other,
        };
        let Input { content, mode, before, expected, .. } = &self.input;
        let wish = Wish { content, mode: *mode, before: before.as_deref(), expected: *expected };
        plan::plan(there.map_err(conflict)?, wish)
            .map_err(|why| refuse("conflict", format!("{}: {why}", escape(&self.path.to_string()))))
    }
}

/// Something that is no file stands where the file would.
fn conflict(error: PathError) -> ToolFailure {
    match error {
        PathError::WrongKind { .. } => refuse("conflict", error.to_string()),
        other => other.into(),
    }
}

fn write(call: &ToolCall) -> Result<Value, ToolFailure> {
    let opened = Opened::new(call)?;
    let plan = opened.plan()?;
    let (path, expected) = (&opened.path, opened.input.expected);
    if !plan.done {
        let change = Replace { path, expected, content: Some(&plan.after), key: &call.idempotency_key };
        opened.folder.replace(change).map_err(conflict)?;
    }
    output(Output {
        path: path.to_string(),
        digest: Digest::of(&plan.after),
        previous_digest: expected,
        bytes_written: plan.after.len(),
        added: plan.added,
        removed: plan.removed,
    })
}

fn preview(call: &ToolCall) -> Result<Preview, ToolFailure> {
    let opened = Opened::new(call)?;
    let plan = opened.plan()?;
    let name = opened.path.to_string();
    let place = opened.folder.path().join(&name);
    let old = plan.before.as_deref().map(String::from_utf8_lossy);
    let diff = udiff::make(&name, old.as_deref(), Some(&String::from_utf8_lossy(&plan.after)));
    let done = if plan.done { "  already written" } else { "" };
    Ok(Preview {
        title: format!("Write {}", escape(&name)),
        effect: format!(
            "{}  +{} −{}  no network, no cost{done}",
            escape(&place.to_string_lossy()),
            diff.added,
            diff.removed
        ),
        body: diff.text,
        media: "text/x-diff".into(),
    })
}
