//! The files of a revision.

use gix::{ObjectId, traverse::tree::Recorder};

use super::{GitError, Repository, revision};

/// A file in a tree. A symbolic link is one whose content is its target.
pub(crate) struct TreeFile {
    /// Path in the repository; bytes, because git takes any.
    pub(crate) path: Vec<u8>,
    id: ObjectId,
}

impl TreeFile {
    /// The file's bytes.
    pub(crate) fn read(&self, repository: &Repository) -> Result<Vec<u8>, GitError> {
        Ok(repository.git.find_object(self.id)?.data.clone())
    }
}

/// All files of a revision, by path. Submodules are other repositories and are left out.
pub(crate) fn files(repository: &Repository, name: &str) -> Result<Vec<TreeFile>, GitError> {
    let commit = revision(repository, name)?;
    let tree = repository.git.find_commit(commit.id)?.tree()?;
    let mut recorder = Recorder::default();
    tree.traverse().breadthfirst(&mut recorder)?;
    let found = recorder.records.into_iter().filter(|entry| entry.mode.is_blob_or_symlink());
    let mut files: Vec<_> = found.map(|entry| TreeFile { path: entry.filepath.into(), id: entry.oid }).collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
