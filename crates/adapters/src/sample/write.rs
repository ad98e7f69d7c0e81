//! Writing a history as a git repository, with the files of its last commit beside it.

use std::{fs, path::Path};

use gix::{
    ObjectId,
    actor::SignatureRef,
    create, index,
    objs::{self, tree::EntryKind},
    open,
};

use super::{
    SampleError,
    history::{Commit, Files},
};

/// The branch that is checked out.
const BRANCH: &str = "refs/heads/main";

pub(super) fn write(folder: &Path, commits: &[Commit]) -> Result<(), SampleError> {
    let kind = create::Kind::WithWorktree;
    let made =
        gix::ThreadSafeRepository::init_opts(folder, kind, create::Options::default(), open::Options::isolated())?;
    let repository = made.to_thread_local();
    let mut parent = None;
    let mut tree = None;
    for commit in commits {
        let id = tree_of(&repository, &commit.files)?;
        let written = write_commit(&repository, commit, id, parent)?;
        if let Some(tag) = &commit.tag {
            point(&repository, &format!("refs/tags/{tag}"), written)?;
        }
        (parent, tree) = (Some(written), Some(id));
    }
    let (Some(head), Some(tree), Some(last)) = (parent, tree, commits.last()) else { return Ok(()) };
    point(&repository, BRANCH, head)?;
    fs::write(repository.git_dir().join("HEAD"), format!("ref: {BRANCH}\n"))?;
    check_out(&repository, folder, &last.files, tree)
}

fn tree_of(repository: &gix::Repository, files: &Files) -> Result<ObjectId, SampleError> {
    let mut editor = repository.empty_tree().edit()?;
    for (path, content) in files {
        let blob = repository.write_blob(content)?;
        editor.upsert(path.as_str(), EntryKind::Blob, blob)?;
    }
    Ok(editor.write()?.detach())
}

fn write_commit(
    repository: &gix::Repository,
    commit: &Commit,
    tree: ObjectId,
    parent: Option<ObjectId>,
) -> Result<ObjectId, SampleError> {
    let wrong = || SampleError::Git(format!("`{} {}` is no author and time", commit.time, commit.author));
    let seconds = seconds(&commit.time).ok_or_else(wrong)?;
    let signature = format!("{} {seconds} +0000", commit.author);
    let who = SignatureRef::from_bytes(signature.as_bytes()).map_err(|_| wrong())?.to_owned().map_err(|_| wrong())?;
    let object = objs::Commit {
        tree,
        parents: parent.into_iter().collect(),
        author: who.clone(),
        committer: who,
        encoding: None,
        message: commit.message.as_str().into(),
        extra_headers: Vec::new(),
    };
    Ok(repository.write_object(&object)?.detach())
}

/// Seconds since 1970 of `2026-06-02T09:12:41Z`.
fn seconds(time: &str) -> Option<i64> {
    let full = format!("{}.000000Z", time.strip_suffix('Z')?);
    Some(full.parse::<affiant_journal::Timestamp>().ok()?.0 / 1_000_000)
}

/// Writes a reference as a file of its own; without a log, which would hold the time of now.
fn point(repository: &gix::Repository, name: &str, id: ObjectId) -> Result<(), SampleError> {
    let path = repository.git_dir().join(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, format!("{id}\n"))?)
}

/// Writes the files, and the index that knows them, so that git finds nothing changed.
fn check_out(repository: &gix::Repository, folder: &Path, files: &Files, tree: ObjectId) -> Result<(), SampleError> {
    let mut index = repository.index_from_tree(&tree)?;
    for (path, content) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)?;
    }
    for (entry, path) in index.entries_mut_with_paths() {
        let metadata = index::fs::Metadata::from_path_no_follow(&folder.join(path.to_string()))?;
        entry.stat = index::entry::Stat::from_fs(&metadata).map_err(|e| SampleError::Git(e.to_string()))?;
    }
    index.write(index::write::Options::default()).map_err(|e| SampleError::Git(e.to_string()))
}
