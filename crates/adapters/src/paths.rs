//! The guard of the file system: every file that a tool or source touches is reached through here.
//!
//! A folder is opened once, inside the allowed roots; from then on only its handle is used. Below it, each part
//! of a path is opened on its own, relative to the handle before it and without following symbolic links. What
//! was checked is therefore what is used, also when somebody moves things about in between.

mod folder;
mod relative;
mod replace;
mod walk;

pub use folder::Folder;
pub use relative::RelativePath;
pub use replace::{LARGEST, Replace};
pub use walk::{Found, FoundKind};

use std::io;

use affiant_engine::ports::{SourceFailure, ToolFailure};

use crate::{display::escape, failure};

/// Why a path was not opened. Paths stand escaped in the text.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// It leads, or might lead, outside the folders the run may use.
    #[error("{}: {why}", escape(.path))]
    NotAllowed {
        /// The path as it was given.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What is there is not what was expected.
    #[error("{}: what is there is not what was seen before", escape(.0))]
    Changed(String),
    /// Nothing is there.
    #[error("{}: there is nothing at this path", escape(.0))]
    NotFound(String),
    /// Something of another kind is there.
    #[error("{}: there is no {expected} at this path", escape(.path))]
    WrongKind {
        /// The path as it was given.
        path: String,
        /// `file` or `folder`.
        expected: &'static str,
    },
    /// It is larger than is read here.
    #[error("{}: larger than {limit} bytes", escape(.path))]
    TooLarge {
        /// The path as it was given.
        path: String,
        /// The most that is read.
        limit: u64,
    },
    /// The system would not.
    #[error("{}: {source}", escape(.path))]
    Io {
        /// The path as it was given.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl PathError {
    /// The code under which callers know this.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed { .. } => "path-not-allowed",
            Self::Changed(_) => "conflict",
            Self::NotFound(_) => "not-found",
            Self::WrongKind { expected: "folder", .. } => "folder-not-found",
            Self::WrongKind { .. } => "not-a-file",
            Self::TooLarge { .. } => "too-large",
            Self::Io { .. } => "unreadable",
        }
    }
}

impl From<PathError> for ToolFailure {
    fn from(error: PathError) -> Self {
        failure::refuse(error.code(), error.to_string())
    }
}

impl From<PathError> for SourceFailure {
    /// To a source, a folder that is not there and one that is none are the same.
    fn from(error: PathError) -> Self {
        let code = match error.code() {
            "folder-not-found" => "not-found",
            "not-a-file" => "unreadable",
            code => code,
        };
        Self { code: code.into(), message: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
