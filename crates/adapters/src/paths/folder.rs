//! A folder that is held by a handle.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags},
    io::Errno,
};

use super::{PathError, RelativePath};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Without `NONBLOCK`, opening a named pipe would wait for somebody to write to it.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// A folder inside the allowed roots, held open.
#[derive(Debug)]
pub struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens an absolute folder that lies inside one of the roots, links in its own path resolved first.
    pub fn open(roots: &[PathBuf], folder: &str) -> Result<Self, PathError> {
        let refuse = |why| Err(PathError::NotAllowed { path: folder.to_owned(), why });
        if folder.contains('\0') {
            return refuse("a path cannot hold a NUL character");
        }
        if !Path::new(folder).is_absolute() {
            return refuse("the folder must be an absolute path");
        }
        // Whether it exists is told only to those who may know.
        let path = match Path::new(folder).canonicalize() {
            Ok(path) => path,
            Err(_) if !lies_inside(roots, Path::new(folder)) => return refuse(OUTSIDE),
            Err(_) => return Err(PathError::WrongKind { path: folder.to_owned(), expected: "folder" }),
        };
        if !lies_inside(roots, &path) {
            return refuse(OUTSIDE);
        }
        Ok(Self { handle: descend_from_root(&path, folder)?, path })
    }

    /// Where the folder is, links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder at this path below this one.
    pub fn folder(&self, path: &RelativePath) -> Result<OwnedFd, PathError> {
        self.descend(path.parts(), path)
    }

    /// The folder that holds the last part of this path, and that part's name.
    pub fn parent<'p>(&self, path: &'p RelativePath) -> Result<(OwnedFd, &'p OsStr), PathError> {
        let (name, folders) = self.named(path)?;
        Ok((self.descend(folders, path)?, name))
    }

    /// As [`Self::parent`], making the folders that are missing.
    pub fn make_parent<'p>(&self, path: &'p RelativePath) -> Result<(OwnedFd, &'p OsStr), PathError> {
        let (name, folders) = self.named(path)?;
        let mut at = self.again(path)?;
        for part in folders {
            at = match open_folder(&at, part) {
                Err(Errno::NOENT) => make_folder(&at, part).map_err(|e| refused(&at, part, path, e))?,
                other => other.map_err(|e| refused(&at, part, path, e))?,
            };
        }
        Ok((at, name))
    }

    /// The regular file at this path.
    pub fn file(&self, path: &RelativePath) -> Result<File, PathError> {
        let (parent, name) = self.parent(path)?;
        file_in(&parent, name, path)
    }

    /// All bytes of the file at this path, at most `limit`.
    pub fn read(&self, path: &RelativePath, limit: u64) -> Result<Vec<u8>, PathError> {
        read_all(self.file(path)?, path, limit)
    }

    /// As [`Self::read`]; none when nothing is there.
    pub fn read_if_there(&self, path: &RelativePath, limit: u64) -> Result<Option<Vec<u8>>, PathError> {
        match self.read(path, limit) {
            Err(PathError::NotFound(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Whether a file, folder or link is at this path; a path that is refused is not there.
    pub fn holds(&self, path: &RelativePath) -> bool {
        if path.parts().is_empty() {
            return true;
        }
        let Ok((parent, name)) = self.parent(path) else { return false };
        rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    fn named<'p>(&self, path: &'p RelativePath) -> Result<(&'p OsStr, &'p [OsString]), PathError> {
        path.split_last().ok_or_else(|| PathError::NotAllowed { path: String::new(), why: "the path is empty" })
    }

    fn again(&self, path: &RelativePath) -> Result<OwnedFd, PathError> {
        self.handle.try_clone().map_err(|source| PathError::Io { path: path.to_string(), source })
    }

    fn descend(&self, folders: &[OsString], path: &RelativePath) -> Result<OwnedFd, PathError> {
        let mut at = self.again(path)?;
        for part in folders {
            at = open_folder(&at, part).map_err(|e| refused(&at, part, path, e))?;
        }
        Ok(at)
    }
}

const OUTSIDE: &str = "the folder is not inside a folder that this run may use";

/// The regular file of this name in a folder.
pub(crate) fn file_in(parent: &OwnedFd, name: &OsStr, path: &RelativePath) -> Result<File, PathError> {
    let file = rustix::fs::openat(parent, name, FILE, Mode::empty()).map_err(|e| refused(parent, name, path, e))?;
    let file = File::from(file);
    let kind = file.metadata().map_err(|source| PathError::Io { path: path.to_string(), source })?;
    if !kind.is_file() {
        return Err(PathError::WrongKind { path: path.to_string(), expected: "file" });
    }
    Ok(file)
}

/// All bytes of a file, at most `limit`.
pub(crate) fn read_all(file: File, path: &RelativePath, limit: u64) -> Result<Vec<u8>, PathError> {
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|source| PathError::Io { path: path.to_string(), source })?;
    if bytes.len() as u64 > limit {
        return Err(PathError::TooLarge { path: path.to_string(), limit });
    }
    Ok(bytes)
}

/// Inside a root, and not inside a `.git` that lies below the root.
fn lies_inside(roots: &[PathBuf], path: &Path) -> bool {
    roots.iter().filter_map(|root| root.canonicalize().ok()).any(|root| {
        path.strip_prefix(&root).is_ok_and(|below| {
            below.components().all(|part| match part {
                Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
                _ => false,
            })
        })
    })
}

/// Opens a path that is absolute and without links, part by part, so that one put in its way since is met.
fn descend_from_root(path: &Path, given: &str) -> Result<OwnedFd, PathError> {
    let mut at = rustix::fs::open("/", FOLDER, Mode::empty()).map_err(|e| error(given, e.into()))?;
    for part in path.components() {
        if let Component::Normal(name) = part {
            at = open_folder(&at, name).map_err(|e| error(given, e.into()))?;
        }
    }
    Ok(at)
}

pub(super) fn open_folder(at: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(at, name, FOLDER, Mode::empty())
}

fn make_folder(at: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    match rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o777)) {
        Ok(()) | Err(Errno::EXIST) => open_folder(at, name),
        Err(error) => Err(error),
    }
}

/// Says why a part of a path did not open. A link shows itself as one of several errors, so it is looked for.
fn refused(parent: &OwnedFd, name: &OsStr, path: &RelativePath, errno: Errno) -> PathError {
    let kind = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)
        .map(|stat| FileType::from_raw_mode(stat.st_mode))
        .ok();
    match (errno, kind) {
        (_, Some(FileType::Symlink)) => {
            PathError::NotAllowed { path: path.to_string(), why: "a symbolic link is on the way" }
        }
        (Errno::NOTDIR, Some(_)) => PathError::WrongKind { path: path.to_string(), expected: "folder" },
        // A socket does not open as a file.
        (Errno::NXIO, Some(_)) => PathError::WrongKind { path: path.to_string(), expected: "file" },
        _ => error(&path.to_string(), errno.into()),
    }
}

fn error(path: &str, source: io::Error) -> PathError {
    match source.kind() {
        io::ErrorKind::NotFound => PathError::NotFound(path.to_owned()),
        io::ErrorKind::NotADirectory => PathError::WrongKind { path: path.to_owned(), expected: "folder" },
        _ => PathError::Io { path: path.to_owned(), source },
    }
}
