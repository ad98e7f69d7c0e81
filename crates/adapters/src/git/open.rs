//! Opening a repository inside an allowed folder.

use std::path::{Path, PathBuf};

use super::{GitError, one_line};
use crate::paths::Folder;

/// Memory for objects that are looked at more than once.
const OBJECT_CACHE: usize = 32 << 20;

/// A repository whose working folder, or bare folder, is allowed.
pub(crate) struct Repository {
    pub(super) git: gix::Repository,
}

impl Repository {
    /// Opens the repository at exactly this folder; it does not look for one further up.
    pub(crate) fn open(roots: &[PathBuf], folder: &str) -> Result<Self, GitError> {
        let guarded = Folder::open(roots, folder)?;
        let not_found = |why: String| GitError::NotFound { folder: folder.to_owned(), why };
        let options = gix::open::Options::isolated();
        let opened = gix::ThreadSafeRepository::open_opts(guarded.path(), options);
        let mut git = opened.map_err(|e| not_found(explain(guarded.path(), &e)))?.to_thread_local();
        if !belongs(&git, guarded.path(), roots) {
            return Err(not_found("its objects lie outside the folders that this run may use".into()));
        }
        git.object_cache_size(OBJECT_CACHE);
        Ok(Self { git })
    }

    /// The commits, in order of their ids, at which the history ends although it goes on elsewhere.
    pub(super) fn shallow(&self) -> Result<Vec<gix::ObjectId>, GitError> {
        Ok(self.git.shallow_commits()?.map(|commits| commits.iter().copied().collect()).unwrap_or_default())
    }
}

fn explain(folder: &Path, error: &gix::Error) -> String {
    match folder.join(".git").exists() {
        false => "there is no git repository in this folder".into(),
        true => format!("the git repository cannot be read: {}", one_line(error)),
    }
}

/// Whether the folder with the objects may be read. It lies inside a root, or it says itself that the opened
/// folder is one of its working trees: a `.git` file alone can point anywhere.
fn belongs(git: &gix::Repository, folder: &Path, roots: &[PathBuf]) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    let (Some(own), Some(common)) = (canonical(git.git_dir()), canonical(git.common_dir())) else { return false };
    let inside = |path: &Path| roots.iter().filter_map(|root| canonical(root)).any(|root| path.starts_with(root));
    if inside(&own) && inside(&common) {
        return true;
    }
    let linked = || {
        let back = std::fs::read_to_string(own.join("gitdir")).ok()?;
        let back = canonical(&own.join(back.trim_end()))?;
        Some(back == folder.join(".git") && own.starts_with(common.join("worktrees")))
    };
    let submodule = || {
        let back = git.config_snapshot().string("core.worktree")?.to_string();
        Some(canonical(&own.join(back))? == folder && own == common)
    };
    linked().or_else(submodule).unwrap_or(false)
}
