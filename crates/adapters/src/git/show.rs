//! One commit with its changes, or one file as it was in it.

use std::ops::ControlFlow;

use affiant_journal::Digest;
use gix::{
    ObjectId,
    object::tree::{EntryMode, diff::Change},
};
use serde::Serialize;

use super::{Commit, GitError, Repository, commit::Most, revision};
use crate::{display::lossy, paths::RelativePath, udiff};

/// Files larger than this are not compared line by line, and not shown.
const LARGEST: u64 = 16 << 20;

/// What to show.
pub(crate) struct Show<'a> {
    /// The commit.
    pub(crate) revision: &'a str,
    /// A file; without it, the changes are shown.
    pub(crate) path: Option<&'a RelativePath>,
    /// The most bytes of diff or text.
    pub(crate) max_bytes: usize,
    /// Whether to stop.
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    #[serde(flatten)]
    commit: Commit,
    #[serde(flatten)]
    changes: Option<Changes>,
    #[serde(flatten)]
    file: Option<File>,
    truncated: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Changes {
    files: Vec<Changed>,
    diff: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Changed {
    path: String,
    change: &'static str,
    added: usize,
    removed: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct File {
    path: String,
    exists: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<usize>,
}

/// Reads what is to be shown.
pub(crate) fn show(repository: &Repository, show: &Show<'_>) -> Result<Shown, GitError> {
    let id = revision(repository, show.revision)?.id;
    let object = repository.git.find_object(id)?;
    let most = Most { subject: show.max_bytes, body: show.max_bytes };
    let mut commit = Commit::read(id, &object.data, most);
    commit.short = repository.git.find_commit(id)?.short_id()?.to_string();
    match show.path {
        Some(path) => file(repository, id, path, show.max_bytes).map(|(file, truncated)| Shown {
            commit,
            changes: None,
            file: Some(file),
            truncated,
        }),
        None => changes(repository, id, show).map(|(changes, truncated)| Shown {
            commit,
            changes: Some(changes),
            file: None,
            truncated,
        }),
    }
}

fn file(
    repository: &Repository,
    commit: ObjectId,
    path: &RelativePath,
    max_bytes: usize,
) -> Result<(File, bool), GitError> {
    let tree = repository.git.find_commit(commit)?.tree()?;
    let entry = tree.lookup_entry(path.parts().iter().map(|part| part.as_encoded_bytes()))?;
    let name = path.to_string();
    let Some(entry) = entry.filter(|entry| entry.mode().is_blob_or_symlink()) else {
        return Ok((File { path: name, exists: false, text: None, digest: None, size: None }, false));
    };
    let bytes = read(repository, entry.object_id())?.unwrap_or_default();
    let text = as_text(&bytes).map(|text| &text[..text.floor_char_boundary(max_bytes)]);
    let truncated = text.is_some_and(|text| text.len() < bytes.len());
    let (digest, size) = (Some(Digest::of(&bytes)), Some(bytes.len()));
    Ok((File { path: name, exists: true, text: text.map(str::to_owned), digest, size }, truncated))
}

/// What a commit changed against its first parent, by path.
fn changes(repository: &Repository, id: ObjectId, show: &Show<'_>) -> Result<(Changes, bool), GitError> {
    let commit = repository.git.find_commit(id)?;
    let shallow = repository.shallow()?.contains(&id);
    let before = match commit.parent_ids().next().filter(|_| !shallow) {
        Some(parent) => repository.git.find_commit(parent)?.tree()?,
        None => repository.git.empty_tree(),
    };
    let mut steps = Vec::new();
    let mut platform = before.changes()?;
    // Files that moved without a change are recognised; a guess at likeness would depend on settings.
    let moved = gix::diff::Rewrites { copies: None, percentage: None, limit: 10_000, track_empty: false };
    platform.options(|options| {
        options.track_path().track_rewrites(Some(moved));
    });
    platform.for_each_to_obtain_tree(&commit.tree()?, |change| {
        steps.extend(Step::of(&change));
        Ok(ControlFlow::Continue(()))
    })?;
    steps.sort_by(|a, b| a.path.cmp(&b.path));
    let mut changes = Changes::default();
    let mut truncated = false;
    for step in steps {
        if (show.stop)() {
            return Err(GitError::Stopped);
        }
        let made = step.diff(repository)?;
        let (path, change) = (step.path, step.change);
        changes.files.push(Changed { path, change, added: made.added, removed: made.removed });
        let room = show.max_bytes.saturating_sub(changes.diff.len());
        truncated |= made.text.len() > room;
        changes.diff.push_str(&made.text[..made.text.floor_char_boundary(room)]);
    }
    Ok((changes, truncated))
}

/// One changed file.
struct Step {
    path: String,
    change: &'static str,
    old: Option<ObjectId>,
    new: Option<ObjectId>,
}

impl Step {
    fn of(change: &Change<'_, '_, '_>) -> Option<Self> {
        let file = |mode: EntryMode, id: ObjectId| mode.is_blob_or_symlink().then_some(id);
        let (location, change, old, new) = match *change {
            Change::Addition { entry_mode, .. } if entry_mode.is_tree() => return None,
            Change::Deletion { entry_mode, .. } if entry_mode.is_tree() => return None,
            Change::Modification { entry_mode, previous_entry_mode, .. }
                if entry_mode.is_tree() && previous_entry_mode.is_tree() =>
            {
                return None;
            }
            Change::Addition { location, entry_mode, id, .. } => {
                (location, "added", None, file(entry_mode, id.detach()))
            }
            Change::Deletion { location, entry_mode, id, .. } => {
                (location, "deleted", file(entry_mode, id.detach()), None)
            }
            Change::Modification { location, previous_entry_mode, previous_id, entry_mode, id } => {
                let old = file(previous_entry_mode, previous_id.detach());
                (location, "modified", old, file(entry_mode, id.detach()))
            }
            Change::Rewrite { location, source_id, source_entry_mode, entry_mode, id, .. } => {
                let old = file(source_entry_mode, source_id.detach());
                (location, "renamed", old, file(entry_mode, id.detach()))
            }
        };
        Some(Self { path: lossy(location).0, change, old, new })
    }

    fn diff(&self, repository: &Repository) -> Result<udiff::Made, GitError> {
        let load = |id: Option<ObjectId>| id.map(|id| read(repository, id)).transpose().map(Option::flatten);
        let (old, new) = (load(self.old)?, load(self.new)?);
        let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(as_text).unwrap_or(Some("")).map(str::to_owned);
        let (Some(before), Some(after)) = (text(&old), text(&new)) else { return Ok(udiff::Made::default()) };
        let (before, after) = (self.old.map(|_| &*before), self.new.map(|_| &*after));
        Ok(udiff::make(&self.path, before, after))
    }
}

/// A file's bytes; none when it is too large.
fn read(repository: &Repository, id: ObjectId) -> Result<Option<Vec<u8>>, GitError> {
    if repository.git.find_header(id)?.size() > LARGEST {
        return Ok(None);
    }
    Ok(Some(repository.git.find_object(id)?.data.clone()))
}

fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
