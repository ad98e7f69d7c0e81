//! The files that git knows in a working folder.

use gix::index::entry::{Mode, Stage};

use super::{GitError, Repository};

impl Repository {
    /// Paths of the regular files in the index, in its order; none for a bare repository.
    pub(crate) fn tracked(&self) -> Result<Option<Vec<Vec<u8>>>, GitError> {
        if self.git.is_bare() {
            return Ok(None);
        }
        let index = self.git.index_or_empty()?;
        let files = index.entries().iter().filter(|entry| {
            entry.stage() == Stage::Unconflicted && matches!(entry.mode, Mode::FILE | Mode::FILE_EXECUTABLE)
        });
        Ok(Some(files.map(|entry| entry.path(&index).to_vec()).collect()))
    }
}
