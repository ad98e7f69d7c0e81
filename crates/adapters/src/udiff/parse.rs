//! Reading a diff.

use super::{Hunk, Line, NOWHERE, quote::unquote};

/// The part of a diff that is about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDiff<'t> {
    /// The file.
    pub(crate) path: String,
    /// Whether the file is not there before.
    pub(crate) creates: bool,
    /// Whether it is not there afterwards.
    pub(crate) deletes: bool,
    /// Its hunks, in order.
    pub(crate) hunks: Vec<Hunk<'t>>,
}

impl FileDiff<'_> {
    /// Lines added and lines removed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let lines = || self.hunks.iter().flat_map(|hunk| &hunk.lines);
        let added = lines().filter(|line| matches!(line, Line::New(_))).count();
        (added, lines().filter(|line| matches!(line, Line::Old(_))).count())
    }
}

/// Reads a unified diff. Lines before a file's header are passed over; in a diff that git wrote, `a/` and `b/` in
/// front of the paths fall away. What cannot be read is a sentence that names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<FileDiff<'_>>, String> {
    let mut reader = Reader { lines: text.split_inclusive('\n').collect(), at: 0, git: false };
    let mut files = Vec::new();
    while let Some(file) = reader.file()? {
        files.push(file);
    }
    match files.is_empty() {
        true => Err("the text holds no file header (`--- path`, then `+++ path`)".into()),
        false => Ok(files),
    }
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    at: usize,
    /// Whether git wrote it, and put `a/` and `b/` before the paths.
    git: bool,
}

impl<'t> Reader<'t> {
    fn file(&mut self) -> Result<Option<FileDiff<'t>>, String> {
        while let Some(line) = self.peek() {
            if line.starts_with("--- ") && self.lines.get(self.at + 1).is_some_and(|next| next.starts_with("+++ ")) {
                return self.header().map(Some);
            }
            if line.starts_with("@@ ") {
                return self.wrong("a hunk without a file header");
            }
            self.git |= line.starts_with("diff --git ");
            self.at += 1;
        }
        Ok(None)
    }

    fn header(&mut self) -> Result<FileDiff<'t>, String> {
        let (old, new) = (self.name("--- ")?, self.name("+++ ")?);
        let (creates, deletes) = (old == NOWHERE, new == NOWHERE);
        let git = self.git;
        let strip = |path: &str, prefix: &str| path.strip_prefix(prefix).filter(|_| git).map(str::to_owned);
        let path = match (creates, deletes) {
            (true, true) => return self.wrong("a file that is there neither before nor after"),
            (true, false) => strip(&new, "b/").unwrap_or(new),
            (false, true) => strip(&old, "a/").unwrap_or(old),
            (false, false) => match (strip(&old, "a/"), strip(&new, "b/")) {
                (Some(before), Some(after)) if before == after => before,
                _ if old == new => old,
                _ => return self.wrong("a renamed file; name it as one deleted and one created"),
            },
        };
        let mut hunks = Vec::new();
        while self.peek().is_some_and(|line| line.starts_with("@@ ")) {
            hunks.push(self.hunk()?);
        }
        match hunks.is_empty() {
            true => self.wrong("a file without hunks"),
            false => Ok(FileDiff { path, creates, deletes, hunks }),
        }
    }

    /// The path of a header line. A tab ends it: what follows is a time.
    fn name(&mut self, mark: &str) -> Result<String, String> {
        let line = self.peek().unwrap_or_default().trim_end_matches(['\n', '\r']);
        let name = line.strip_prefix(mark).unwrap_or_default();
        let name = name.split('\t').next().unwrap_or_default();
        let Some(path) = unquote(name) else { return self.wrong("a path whose quotes do not read") };
        self.at += 1;
        Ok(path)
    }

    fn hunk(&mut self) -> Result<Hunk<'t>, String> {
        let Some((old, new)) = self.peek().and_then(ranges) else {
            return self.wrong("a hunk header that does not read");
        };
        self.at += 1;
        let mut hunk = Hunk { old_start: old.0, new_start: new.0, lines: Vec::new() };
        let (mut old_left, mut new_left) = (old.1, new.1);
        while old_left > 0 || new_left > 0 {
            let Some(line) = self.peek() else { return self.wrong("the end of the text inside a hunk") };
            let (mark, body) = line.split_at_checked(1).unwrap_or_default();
            let body = if self.ends_without_newline() { body.trim_end_matches('\n') } else { body };
            let (old, new, line) = match mark {
                " " => (1, 1, Line::Same(body)),
                // Some editors strip the space that stands for an empty line.
                "\n" => (1, 1, Line::Same("\n")),
                "-" => (1, 0, Line::Old(body)),
                "+" => (0, 1, Line::New(body)),
                _ => return self.wrong("a line that is none of a hunk's"),
            };
            if old > old_left || new > new_left {
                return self.wrong("more lines than the hunk's header says");
            }
            (old_left, new_left) = (old_left - old, new_left - new);
            hunk.lines.push(line);
            self.at += 1 + usize::from(self.ends_without_newline());
        }
        Ok(hunk)
    }

    fn ends_without_newline(&self) -> bool {
        self.lines.get(self.at + 1).is_some_and(|next| next.starts_with("\\ "))
    }

    fn peek(&self) -> Option<&'t str> {
        self.lines.get(self.at).copied()
    }

    fn wrong<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("line {}: {what}", self.at + 1))
    }
}

type Side = (usize, usize);

/// First line and count of both sides of `@@ -1,2 +3 @@`.
fn ranges(line: &str) -> Option<(Side, Side)> {
    let (old, new) = line.strip_prefix("@@ -")?.split_once(" @@")?.0.split_once(" +")?;
    let side = |text: &str| -> Option<Side> {
        match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    Some((side(old)?, side(new)?))
}
