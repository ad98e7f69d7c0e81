//! `fs.apply`: a reviewed diff over several files, if they are still what it was made from.

use affiant_engine::ports::{Preview, ToolCall, ToolFailure};
use affiant_journal::Digest;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Builtin, arguments, aside, output};
use crate::{
    display::escape,
    failure::refuse,
    paths::{Folder, LARGEST, PathError, RelativePath, Replace},
    udiff::{self, FileDiff},
};

#[derive(Deserialize)]
struct Input {
    root: String,
    diff: String,
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    path: String,
    digest: Option<Digest>,
}

#[derive(Serialize)]
struct Output {
    files: Vec<Changed>,
    added: usize,
    removed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    path: String,
    digest: Option<Digest>,
    previous_digest: Option<Digest>,
    added: usize,
    removed: usize,
}

pub(super) struct Apply;

#[async_trait]
impl Builtin for Apply {
    fn key(&self) -> &'static str {
        "fs.apply"
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        aside(move || apply(&call)).await
    }

    async fn preview(&self, call: &ToolCall) -> Result<Option<Preview>, ToolFailure> {
        let call = call.clone();
        aside(move || preview(&call)).await.map(Some)
    }
}

/// What happens to one file.
struct Step {
    path: RelativePath,
    expected: Option<Digest>,
    after: Option<String>,
    /// An earlier attempt, cut off between two files, has done it.
    done: bool,
    counts: (usize, usize),
}

fn apply(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let folder = Folder::open(&call.scope.roots, &input.root)?;
    let steps = plan(&folder, &input)?;
    let mut changed_before = steps.iter().any(|step| step.done);
    for step in steps.iter().filter(|step| !step.done) {
        let content = step.after.as_deref().map(str::as_bytes);
        let change = Replace { path: &step.path, expected: step.expected, content, key: &call.idempotency_key };
        folder.replace(change).map_err(|e| ToolFailure { uncertain: changed_before, ..e.into() })?;
        changed_before = true;
    }
    let files: Vec<Changed> = steps.iter().map(Step::changed).collect();
    let (added, removed) = totals(&steps);
    output(Output { files, added, removed })
}

/// Tries the whole diff before anything is written.
fn plan(folder: &Folder, input: &Input) -> Result<Vec<Step>, ToolFailure> {
    let mut files = udiff::parse(&input.diff).map_err(|why| refuse("diff-invalid", why))?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut expected: Vec<&Expected> = input.expected.iter().collect();
    expected.sort_by(|a, b| a.path.cmp(&b.path));
    let named = files.iter().map(|f| &f.path).eq(expected.iter().map(|e| &e.path));
    if !named || files.windows(2).any(|pair| pair[0].path == pair[1].path) {
        return Err(refuse("diff-invalid", "`expected` does not name exactly the files of the diff, each once"));
    }
    files.iter().zip(expected).map(|(file, expected)| Step::new(folder, file, expected)).collect()
}

impl Step {
    fn new(folder: &Folder, diff: &FileDiff<'_>, expected: &Expected) -> Result<Self, ToolFailure> {
        let path = RelativePath::parse(&diff.path)?;
        if diff.creates != expected.digest.is_none() {
            let why = format!("{}: the diff and `expected` disagree on whether it is there", escape(&diff.path));
            return Err(refuse("diff-invalid", why));
        }
        let there = match folder.read_if_there(&path, LARGEST) {
            Err(PathError::WrongKind { expected: "folder", .. }) => None,
            other => other?,
        };
        let there = there.map(String::from_utf8).transpose().map_err(|_| conflict(diff, "it is not text"))?;
        let step = |after, done| Self { path, expected: expected.digest, after, done, counts: diff.counts() };
        if is_done(diff, there.as_deref(), expected.digest) {
            return Ok(step(there, true));
        }
        if there.as_deref().map(|text| Digest::of(text.as_bytes())) != expected.digest {
            return Err(conflict(diff, "what is there is not what was seen before"));
        }
        let after = udiff::apply(diff, there.as_deref().unwrap_or_default());
        let after = after.map_err(|why| refuse("diff-invalid", why))?;
        if diff.deletes && !after.is_empty() {
            return Err(refuse("diff-invalid", format!("{}: the diff leaves lines behind", escape(&diff.path))));
        }
        Ok(step((!diff.deletes).then_some(after), false))
    }

    fn changed(&self) -> Changed {
        Changed {
            path: self.path.to_string(),
            digest: self.after.as_deref().map(|text| Digest::of(text.as_bytes())),
            previous_digest: self.expected,
            added: self.counts.0,
            removed: self.counts.1,
        }
    }
}

/// Whether what is there is what the diff makes of what is expected: undone, it gives exactly that.
fn is_done(diff: &FileDiff<'_>, there: Option<&str>, expected: Option<Digest>) -> bool {
    match (there, expected) {
        (Some(there), None) => udiff::revert(diff, there).is_ok_and(|earlier| earlier.is_empty()),
        (Some(there), Some(expected)) if !diff.deletes => {
            udiff::revert(diff, there).is_ok_and(|earlier| Digest::of(earlier.as_bytes()) == expected)
        }
        (None, Some(expected)) if diff.deletes => {
            udiff::revert(diff, "").is_ok_and(|earlier| Digest::of(earlier.as_bytes()) == expected)
        }
        _ => false,
    }
}

fn conflict(diff: &FileDiff<'_>, why: &str) -> ToolFailure {
    refuse("conflict", format!("{}: {why}", escape(&diff.path)))
}

fn totals(steps: &[Step]) -> (usize, usize) {
    steps.iter().fold((0, 0), |sum, step| (sum.0 + step.counts.0, sum.1 + step.counts.1))
}

fn preview(call: &ToolCall) -> Result<Preview, ToolFailure> {
    let input: Input = arguments(call)?;
    let folder = Folder::open(&call.scope.roots, &input.root)?;
    let steps = plan(&folder, &input)?;
    let (added, removed) = totals(&steps);
    let what = match &steps[..] {
        [one] => escape(&one.path.to_string()),
        several => format!("{} files", several.len()),
    };
    let place = escape(&folder.path().to_string_lossy());
    Ok(Preview {
        title: format!("Change {what}"),
        effect: format!("{place}  +{added} −{removed}  no network, no cost"),
        body: input.diff,
        media: "text/x-diff".into(),
    })
}
