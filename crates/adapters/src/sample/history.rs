//! The text in which the sample project's history stands.

use std::collections::BTreeMap;

/// The files of a commit, by path.
pub(super) type Files = BTreeMap<String, String>;

/// One commit, with all files as they are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// When, as `2026-06-02T09:12:41Z`.
    pub(super) time: String,
    /// Who, as `Ana Lima <ana@example.com>`.
    pub(super) author: String,
    pub(super) message: String,
    pub(super) files: Files,
    pub(super) tag: Option<String>,
}

/// Reads the history, oldest commit first; the error names the line.
pub(super) fn read(text: &str) -> Result<Vec<Commit>, String> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')).peekable();
    while let Some((number, line)) = lines.next() {
        let mut block = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, line)| belongs(line)) {
            block.push(line);
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let done = match (verb, commits.last_mut()) {
            ("", _) => Some(()),
            ("commit", last) => {
                let files = last.map(|commit| commit.files.clone()).unwrap_or_default();
                begin(rest, &block, files).map(|commit| commits.push(commit))
            }
            ("tag", Some(commit)) => {
                commit.tag = Some(rest.to_owned());
                Some(())
            }
            (verb, Some(commit)) => change(&mut commit.files, verb, rest, &block),
            _ => None,
        };
        done.ok_or_else(|| format!("line {}: `{line}` does not fit", number + 1))?;
    }
    Ok(commits)
}

/// Whether a line belongs to the block of the one before.
fn belongs(line: &str) -> bool {
    line.starts_with(['|', '-', '+', ' '])
}

fn begin(rest: &str, block: &[&str], files: Files) -> Option<Commit> {
    let (time, author) = rest.split_once(' ')?;
    let message = block.iter().map(|line| line.trim_start()).collect::<Vec<_>>().join("\n");
    Some(Commit { time: time.into(), author: author.into(), message: message + "\n", files, tag: None })
}

fn change(files: &mut Files, verb: &str, rest: &str, block: &[&str]) -> Option<()> {
    match verb {
        "write" => files.insert(rest.to_owned(), marked(block, '|')),
        "edit" => {
            let file = files.get_mut(rest)?;
            let (old, new) = (marked(block, '-'), marked(block, '+'));
            let changed = file.replacen(&old, &new, 1);
            (!old.is_empty() && changed != *file).then_some(())?;
            *file = changed;
            None
        }
        "move" => {
            let (from, to) = rest.split_once(' ')?;
            let moved = files.remove(from)?;
            files.insert(to.to_owned(), moved)
        }
        "delete" => Some(files.remove(rest)?),
        _ => return None,
    };
    Some(())
}

/// The lines with this mark, without it and the space behind it.
fn marked(block: &[&str], mark: char) -> String {
    let lines = block.iter().filter_map(|line| line.strip_prefix(mark));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}
