//! `repo.check`: broken links, files that do not parse, and secrets that were committed by mistake.
//!
//! A finding that is none wastes a person's time and their trust, so every check leaves out what it cannot be
//! sure of: fixtures, generated files, templates, and links that only a site generator understands.

mod anchors;
mod files;
mod findings;
mod json;
mod links;
mod markdown;
mod mend;
mod places;
mod secrets;
mod syntax;

use affiant_engine::ports::{ToolCall, ToolFailure};
use serde::Deserialize;
use serde_json::Value;

use self::{
    files::Files,
    findings::{Finding, Report},
};
use super::{arguments, fs_list::everything, output};
use crate::{
    failure::{cancelled, refuse},
    files::Selection,
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

fn limit() -> usize {
    1000
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let selection = Selection::new(&input.include, &input.exclude).map_err(|why| refuse("input-invalid", why))?;
    let stop = || call.cancel.is_cancelled();
    let files = Files::of(&call.scope.roots, &input.root, &stop)?;
    let mut report = Report::default();
    for path in files.paths().filter(|path| selection.takes(path)) {
        if stop() {
            return Err(cancelled());
        }
        check(&files, path, &mut report);
    }
    output(report.finish(input.limit))
}

/// Looks at one file. What is too large, is not text, or stands where examples stand is passed over.
fn check(files: &Files, path: &str, report: &mut Report) {
    if places::is_fixture(path) || files.is_generated(path) {
        return;
    }
    let Some(text) = files.text(path) else { return };
    report.files += 1;
    if places::says_generated(&text) {
        return;
    }
    if places::is_markdown(path) {
        report.links += links::check(files, path, &text, &mut |finding| report.add(path, &text, finding));
    }
    if let Some(problem) = syntax::problem(path, &text) {
        let message = format!("This does not parse: {}.", problem.what);
        let target = problem.line.to_string();
        report.add(path, &text, Finding { kind: "unparsable", target, message, at: problem.at, mend: None });
    }
    for secret in secrets::find(path, &text) {
        let (kind, target, message, at) = (secret.kind, secret.name.to_owned(), secret.message(), secret.at);
        report.add(path, &text, Finding { kind, target, message, at, mend: None });
    }
}

#[cfg(test)]
mod tests;
