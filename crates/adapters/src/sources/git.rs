//! Source `git`: the history of a range as one JSON item, or the files of a revision.

use std::path::PathBuf;

use affiant_contract::GitRead;
use affiant_engine::ports::{SourceFailure, SourceItem};

use super::{
    fail,
    media::{Gathered, name},
    one,
};
use crate::git::{Ask, GitError, Repository, files, history};

/// The most commits, and the most files, unless the pack says otherwise.
const MOST: usize = 10_000;

pub(super) fn read(
    roots: &[PathBuf],
    root: &str,
    read: GitRead,
    range: Option<&str>,
    limit: Option<u64>,
) -> Result<Vec<SourceItem>, SourceFailure> {
    let repository = Repository::open(roots, root).map_err(failure)?;
    let limit = limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    match read {
        GitRead::History => past(&repository, root, range.unwrap_or("last-tag..HEAD"), limit.unwrap_or(MOST)),
        GitRead::Tree => tree(&repository, root, range.unwrap_or("HEAD"), limit),
    }
}

fn past(repository: &Repository, root: &str, range: &str, limit: usize) -> Result<Vec<SourceItem>, SourceFailure> {
    let ask = Ask { range, path: None, limit, stop: &|| false };
    let history = history(repository, &ask).map_err(failure)?;
    let bytes = serde_json::to_vec(&history).map_err(|e| fail("unreadable", e.to_string()))?;
    Ok(vec![one(&format!("{root} {range}"), "application/json", bytes)])
}

fn tree(
    repository: &Repository,
    root: &str,
    revision: &str,
    limit: Option<usize>,
) -> Result<Vec<SourceItem>, SourceFailure> {
    let mut found = files(repository, revision).map_err(failure)?;
    match limit {
        Some(limit) => found.truncate(limit),
        None if found.len() > MOST => {
            return Err(fail("too-large", format!("{} files; set `limit` to read more than {MOST}", found.len())));
        }
        None => (),
    }
    let mut gathered = Gathered::default();
    for file in found {
        let (name, origin) = (name(&file.path), format!("{root} {revision}"));
        let bytes = file.read(repository).map_err(failure)?;
        match gathered.has_room(bytes.len() as u64) {
            true => gathered.whole(name, origin, bytes),
            false => gathered.omitted(name, origin, bytes.len() as u64, affiant_journal::Digest::of(&bytes)),
        }
    }
    Ok(gathered.items())
}

/// In a pack, a repository or revision that is not there is something that may be left out.
fn failure(error: GitError) -> SourceFailure {
    match error {
        GitError::Path(path) => path.into(),
        GitError::NotFound { .. } | GitError::Revision { .. } => fail("not-found", error.to_string()),
        other => fail("unreadable", other.to_string()),
    }
}
