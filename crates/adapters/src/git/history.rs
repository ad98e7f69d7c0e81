//! The commits of a range.

use gix::ObjectId;
use serde::Serialize;

use super::{
    Commit, GitError, Repository,
    commit::{Most, shorten_ids},
    range::range,
    walk::{Seen, Walk},
};
use crate::paths::RelativePath;

/// How much of each message a history holds.
const MOST: Most = Most { subject: 1_000, body: 65_536 };

/// Which commits.
pub(crate) struct Ask<'a> {
    /// The range, for example `last-tag..HEAD`.
    pub(crate) range: &'a str,
    /// Only commits that touched this file or folder.
    pub(crate) path: Option<&'a RelativePath>,
    /// The most commits.
    pub(crate) limit: usize,
    /// Whether to stop.
    pub(crate) stop: &'a dyn Fn() -> bool,
}

/// The commits of a range, newest first, as `git.log` answers them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    pub(crate) commits: Vec<Commit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_sha: Option<String>,
    pub(crate) to: String,
    pub(crate) to_sha: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_tag: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) shallow: bool,
    pub(crate) truncated: bool,
}

/// Reads the commits of a range.
pub(crate) fn history(repository: &Repository, ask: &Ask<'_>) -> Result<History, GitError> {
    let range = range(repository, ask.range, ask.stop)?;
    let mut found = Walk::new(repository, ask.stop)?.between(range.to.id, range.from.as_ref().map(|from| from.id))?;
    if let Some(path) = ask.path.filter(|path| !path.parts().is_empty()) {
        found = touching(repository, found, path, ask.limit, ask.stop)?;
    }
    let truncated = found.len() > ask.limit;
    let mut commits = Vec::with_capacity(found.len().min(ask.limit));
    for (index, seen) in found.iter().take(ask.limit).enumerate() {
        if index.is_multiple_of(256) && (ask.stop)() {
            return Err(GitError::Stopped);
        }
        commits.push(Commit::read(seen.id, &repository.git.find_object(seen.id)?.data, MOST));
    }
    shorten_ids(&mut commits);
    Ok(History {
        commits,
        from_sha: range.from.as_ref().map(|from| from.id.to_string()),
        from: range.from.map(|from| from.name),
        to: range.to.name,
        to_sha: range.to.id.to_string(),
        to_tag: range.to_tag,
        shallow: !repository.shallow()?.is_empty(),
        truncated,
    })
}

/// Those commits in which something at the path is unlike it is in every parent, one more than the limit at most.
fn touching(
    repository: &Repository,
    commits: Vec<Seen>,
    path: &RelativePath,
    limit: usize,
    stop: &dyn Fn() -> bool,
) -> Result<Vec<Seen>, GitError> {
    let mut touching = Vec::new();
    for seen in commits {
        if stop() {
            return Err(GitError::Stopped);
        }
        let there = entry(repository, seen.id, path)?;
        let mut same = seen.parents.is_empty() && there.is_none();
        for parent in &seen.parents {
            same = same || entry(repository, *parent, path)? == there;
        }
        if !same {
            touching.push(seen);
        }
        if touching.len() > limit {
            break;
        }
    }
    Ok(touching)
}

/// What stands at a path in a commit.
fn entry(repository: &Repository, commit: ObjectId, path: &RelativePath) -> Result<Option<ObjectId>, GitError> {
    let tree = repository.git.find_commit(commit)?.tree()?;
    let parts = path.parts().iter().map(|part| part.as_encoded_bytes());
    Ok(tree.lookup_entry(parts)?.map(|entry| entry.object_id()))
}
