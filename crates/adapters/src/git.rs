//! Git repositories, read in-process: no git is needed on the machine, no hook runs, no filter runs, no
//! configuration of the user or the machine is read, and nothing is fetched.
//!
//! What is answered depends on the objects alone, so two clones of one repository give the same bytes.

mod commit;
mod history;
mod open;
mod range;
mod show;
mod tracked;
mod tree;
mod walk;

pub(crate) use commit::Commit;
pub(crate) use history::{Ask, history};
pub(crate) use open::Repository;
pub(crate) use range::revision;
pub(crate) use show::{Show, show};
pub(crate) use tree::files;

use affiant_engine::ports::ToolFailure;

use crate::{display::escape, failure, paths::PathError};

/// Why a repository gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// The folder may not be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// There is no repository, or it cannot be read.
    #[error("{}: {why}", escape(.folder))]
    NotFound { folder: String, why: String },
    /// A revision is not known here.
    #[error("`{}` is not a revision of this repository: {why}", escape(.name))]
    Revision { name: String, why: String },
    /// The question itself cannot be read.
    #[error("{0}")]
    Question(String),
    /// An object could not be read.
    #[error("the repository could not be read: {0}")]
    Object(String),
    /// The call was stopped.
    #[error("the call was stopped before it had ended")]
    Stopped,
}

impl GitError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Path(error) if error.code() == "path-not-allowed" => "path-not-allowed",
            Self::Path(_) | Self::NotFound { .. } | Self::Object(_) => "repository-not-found",
            Self::Revision { .. } => "revision-not-found",
            Self::Question(_) => "input-invalid",
            Self::Stopped => "cancelled",
        }
    }
}

impl From<gix::Error> for GitError {
    fn from(error: gix::Error) -> Self {
        Self::Object(one_line(&error))
    }
}

/// An error of the git library with its causes, as one line for people.
fn one_line(error: &gix::Error) -> String {
    let mut text = escape(&error.to_string());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {}", escape(&cause.to_string()));
        source = cause.source();
    }
    crate::display::shorten(&text, 300)
}

impl From<GitError> for ToolFailure {
    fn from(error: GitError) -> Self {
        failure::refuse(error.code(), error.to_string())
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
