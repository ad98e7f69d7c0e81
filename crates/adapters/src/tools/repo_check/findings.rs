//! What was found, as it is answered.

use std::{collections::BTreeMap, ops::Range};

use affiant_journal::Digest;
use serde::Serialize;

use super::mend::mend;
use crate::{
    display::{escape, shorten},
    udiff,
};

/// Something that is wrong at a place of a file.
pub(super) struct Finding {
    pub(super) kind: &'static str,
    /// What is wrong there, to tell findings of one line apart.
    pub(super) target: String,
    pub(super) message: String,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// The one safe way to mend it: these bytes become this text.
    pub(super) mend: Option<(Range<usize>, String)>,
}

/// New text, and the bytes that it replaces.
type Mend = (Range<usize>, String);

/// Everything that was found so far.
#[derive(Default)]
pub(super) struct Report {
    pub(super) files: usize,
    pub(super) links: usize,
    findings: Vec<Found>,
    /// Files with something to mend: their text, and what to put where.
    mends: BTreeMap<String, (String, Vec<Mend>)>,
}

#[derive(Serialize)]
struct Found {
    id: String,
    file: String,
    line: usize,
    kind: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<Fix>,
}

#[derive(Serialize)]
struct Fix {
    before: String,
    after: String,
}

#[derive(Serialize)]
pub(super) struct Output {
    findings: Vec<Found>,
    diff: String,
    expected: Vec<Expected>,
    counts: Counts,
    truncated: bool,
}

#[derive(Serialize)]
struct Expected {
    path: String,
    digest: Digest,
}

#[derive(Serialize)]
struct Counts {
    files: usize,
    links: usize,
    findings: usize,
    fixable: usize,
}

impl Report {
    /// Adds a finding in the file with this path and text.
    pub(super) fn add(&mut self, path: &str, text: &str, finding: Finding) {
        let at = text.floor_char_boundary(finding.at);
        let line = text[..at].matches('\n').count() + 1;
        let target = shorten(&escape(&finding.target), 200);
        let fix = finding.mend.as_ref().and_then(|(range, new)| fix(text, range, new));
        if let Some(mend) = finding.mend.filter(|_| fix.is_some()) {
            let (_, mends) = self.mends.entry(path.to_owned()).or_insert_with(|| (text.to_owned(), Vec::new()));
            mends.push(mend);
        }
        let id = match finding.kind {
            "private-key" | "unparsable" => format!("{}:{path}:{line}", finding.kind),
            kind => format!("{kind}:{path}:{line}:{target}"),
        };
        let (file, kind, message) = (path.to_owned(), finding.kind, finding.message);
        self.findings.push(Found { id, file, line, kind, message, fix });
    }

    /// The answer, with at most so many findings.
    pub(super) fn finish(mut self, limit: usize) -> Output {
        self.findings.sort_by(|a, b| (&a.file, a.line, &a.id).cmp(&(&b.file, b.line, &b.id)));
        number_twins(&mut self.findings);
        let counts = Counts {
            files: self.files,
            links: self.links,
            findings: self.findings.len(),
            fixable: self.findings.iter().filter(|found| found.fix.is_some()).count(),
        };
        let (mut diff, mut expected) = (String::new(), Vec::new());
        for (path, (text, mends)) in &self.mends {
            diff.push_str(&udiff::make(path, Some(text), Some(&mend(text, mends))).text);
            expected.push(Expected { path: path.clone(), digest: Digest::of(text.as_bytes()) });
        }
        let truncated = self.findings.len() > limit;
        self.findings.truncate(limit);
        Output { findings: self.findings, diff, expected, counts, truncated }
    }
}

/// The line as it is and as it should be; none when the mend is not within one line.
fn fix(text: &str, range: &Range<usize>, new: &str) -> Option<Fix> {
    let begin = text.get(..range.start)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text.get(range.end..)?.find('\n').map_or(text.len(), |at| range.end + at);
    let before = &text[begin..end];
    if before.contains('\n') {
        return None;
    }
    let after = format!("{}{new}{}", &text[begin..range.start], &text[range.end..end]);
    Some(Fix { before: before.trim_end_matches('\r').to_owned(), after: after.trim_end_matches('\r').to_owned() })
}

/// The same finding twice on one line gets a number, so that every finding has a name of its own.
fn number_twins(findings: &mut [Found]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for found in findings {
        let count = seen.entry(found.id.clone()).or_default();
        *count += 1;
        if *count > 1 {
            found.id = format!("{}:{count}", found.id);
        }
    }
}
