//! The sample project for a first run outside any repository: a small git repository with a history worth telling
//! and a few things worth mending, named as a sample in its own README.
//!
//! Its history stands in one text that people can read. Times and authors are fixed, so that every sample project
//! has the same commits, with the same ids.

mod history;
mod write;

use std::{io, path::Path};

const HISTORY: &str = include_str!("../sample/history.txt");

/// Why the sample project could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The folder is there and holds something.
    #[error("the folder for the sample project is not empty")]
    NotEmpty,
    /// The folder cannot be written.
    #[error("the sample project could not be written")]
    Io(#[from] io::Error),
    /// The repository cannot be written.
    #[error("the sample project's history could not be written: {0}")]
    Git(String),
}

impl From<gix::Error> for SampleError {
    fn from(error: gix::Error) -> Self {
        Self::Git(error.to_string())
    }
}

/// Writes the sample project into a folder, which is made when it is missing and must be empty otherwise.
pub fn create(folder: &Path) -> Result<(), SampleError> {
    std::fs::create_dir_all(folder)?;
    if std::fs::read_dir(folder)?.next().is_some() {
        return Err(SampleError::NotEmpty);
    }
    let commits = history::read(HISTORY).map_err(SampleError::Git)?;
    write::write(folder, &commits)
}

#[cfg(test)]
mod tests;
