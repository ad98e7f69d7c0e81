//! What lies below a folder.

use std::{
    ffi::{OsStr, OsString},
    os::{fd::AsFd, unix::ffi::OsStrExt},
};

use rustix::fs::{AtFlags, Dir, FileType};

use super::{Folder, PathError, RelativePath, folder::open_folder};

/// Folders inside folders are followed this far down.
const DEEPEST: usize = 200;

/// Something below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, below the folder.
    pub path: RelativePath,
    /// What it is.
    pub kind: FoundKind,
    /// Bytes, when it is a file.
    pub size: Option<u64>,
}

/// What something below a folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoundKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; it is never followed.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

impl Folder {
    /// Everything below `start`, in the order of the names' bytes, a folder before what it holds. `visit` says
    /// whether to look inside a folder, or none to stop. `.git` is passed over.
    pub fn walk(&self, start: &RelativePath, visit: &mut dyn FnMut(&Found) -> Option<bool>) -> Result<(), PathError> {
        let handle = self.folder(start)?;
        descend(&handle, start, visit).map(|_| ())
    }
}

/// Whether to go on.
fn descend(
    handle: impl AsFd,
    at: &RelativePath,
    visit: &mut dyn FnMut(&Found) -> Option<bool>,
) -> Result<bool, PathError> {
    let handle = handle.as_fd();
    let failed = |source: rustix::io::Errno| PathError::Io { path: at.to_string(), source: source.into() };
    for name in names(handle).map_err(failed)? {
        // It may be gone by now; then it is not there.
        let Ok(stat) = rustix::fs::statat(handle, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let kind = kind_of(FileType::from_raw_mode(stat.st_mode));
        let size = (kind == FoundKind::File).then(|| u64::try_from(stat.st_size).unwrap_or(0));
        let found = Found { path: at.join(&name), kind, size };
        let Some(inside) = visit(&found) else { return Ok(false) };
        if kind != FoundKind::Folder || !inside || found.path.parts().len() >= DEEPEST {
            continue;
        }
        let Ok(child) = open_folder(handle, &name) else { continue };
        if !descend(&child, &found.path, visit)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn names(handle: impl AsFd) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(handle)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." && !name.eq_ignore_ascii_case(b".git") {
            names.push(OsStr::from_bytes(name).to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn kind_of(kind: FileType) -> FoundKind {
    match kind {
        FileType::RegularFile => FoundKind::File,
        FileType::Directory => FoundKind::Folder,
        FileType::Symlink => FoundKind::Link,
        _ => FoundKind::Other,
    }
}
