//! Putting a file in the place of another, in one move.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use affiant_journal::Digest;
use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags},
    io::Errno,
};

use super::{
    Folder, PathError, RelativePath,
    folder::{file_in, read_all},
};

/// Files up to this size are changed.
pub const LARGEST: u64 = 64 << 20;

/// A change of one file.
#[derive(Clone, Copy, Debug)]
pub struct Replace<'r> {
    /// The file.
    pub path: &'r RelativePath,
    /// What must be there; none when nothing must be.
    pub expected: Option<Digest>,
    /// What is there afterwards; none to delete it.
    pub content: Option<&'r [u8]>,
    /// Names the attempt's temporary file, so that the next attempt finds what a crash left.
    pub key: &'r str,
}

/// Two writers in this process take turns, so that neither misses the other's change. Writers outside it are met
/// by the comparison just before the move.
static WRITING: Mutex<()> = Mutex::new(());
static COUNT: AtomicU64 = AtomicU64::new(0);

impl Folder {
    /// Makes the change if what is there is what is expected. It has happened, durably, when this returns; when it
    /// fails, the file is as it was.
    pub fn replace(&self, change: Replace<'_>) -> Result<(), PathError> {
        let _turn = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let (parent, name) = match change.content {
            Some(_) => self.make_parent(change.path)?,
            None => self.parent(change.path)?,
        };
        let target = Target { parent, name, change };
        match change.content {
            Some(content) => target.write(content),
            None => target.delete(),
        }
    }
}

struct Target<'r> {
    parent: OwnedFd,
    name: &'r OsStr,
    change: Replace<'r>,
}

impl Target<'_> {
    fn write(&self, content: &[u8]) -> Result<(), PathError> {
        let prefix = format!(".affiant-{}-", &Digest::of(self.change.key.as_bytes()).hex()[..16]);
        sweep(&self.parent, prefix.as_bytes()).map_err(|e| self.failed(e))?;
        let mode = self.compare()?;
        let temporary = format!("{prefix}{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let moved = self.put(&temporary, content, mode);
        if moved.is_err() {
            // It may never have been made; what matters is that it is not there.
            let _ = rustix::fs::unlinkat(&self.parent, &temporary, AtFlags::empty());
        }
        moved
    }

    fn put(&self, temporary: &str, content: &[u8], mode: Option<u32>) -> Result<(), PathError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.parent, temporary, flags, Mode::from_raw_mode(0o666));
        let mut file = File::from(file.map_err(|e| self.failed(e.into()))?);
        let written = file.write_all(content).and_then(|()| match mode {
            Some(mode) => file.set_permissions(PermissionsExt::from_mode(mode)),
            None => Ok(()),
        });
        written.and_then(|()| file.sync_all()).map_err(|e| self.failed(e))?;
        self.compare()?;
        self.take_place(temporary).map_err(|e| match e {
            Errno::EXIST => PathError::Changed(self.change.path.to_string()),
            other => self.failed(other.into()),
        })?;
        self.settle()
    }

    /// Moves the temporary file to its name. Where nothing may be there, something that has come is not replaced.
    fn take_place(&self, temporary: &str) -> Result<(), Errno> {
        if self.change.expected.is_some() {
            return rustix::fs::renameat(&self.parent, temporary, &self.parent, self.name);
        }
        match rustix::fs::linkat(&self.parent, temporary, &self.parent, self.name, AtFlags::empty()) {
            Ok(()) => rustix::fs::unlinkat(&self.parent, temporary, AtFlags::empty()),
            Err(Errno::EXIST) => Err(Errno::EXIST),
            // A file system without hard links.
            Err(_) => rustix::fs::renameat(&self.parent, temporary, &self.parent, self.name),
        }
    }

    fn delete(&self) -> Result<(), PathError> {
        self.compare()?;
        rustix::fs::unlinkat(&self.parent, self.name, AtFlags::empty()).map_err(|e| self.failed(e.into()))?;
        self.settle()
    }

    /// Checks that what is there is what is expected; its permissions, when something is.
    fn compare(&self) -> Result<Option<u32>, PathError> {
        let changed = || PathError::Changed(self.change.path.to_string());
        let file = match (file_in(&self.parent, self.name, self.change.path), self.change.expected) {
            (Err(PathError::NotFound(_)), None) => return Ok(None),
            (Err(PathError::NotFound(_)), Some(_)) | (Ok(_), None) => return Err(changed()),
            (file, Some(_)) => file?,
            (Err(error), None) => return Err(error),
        };
        let mode = file.metadata().map_err(|e| self.failed(e))?.permissions().mode() & 0o7777;
        if mode & 0o200 == 0 {
            return Err(self.failed(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only")));
        }
        let there = Digest::of(&read_all(file, self.change.path, LARGEST)?);
        if self.change.expected == Some(there) { Ok(Some(mode)) } else { Err(changed()) }
    }

    fn settle(&self) -> Result<(), PathError> {
        rustix::fs::fsync(&self.parent).map_err(|e| self.failed(e.into()))
    }

    fn failed(&self, source: io::Error) -> PathError {
        PathError::Io { path: self.change.path.to_string(), source }
    }
}

/// Removes what an attempt under the same key left when it was cut off.
fn sweep(parent: impl AsFd, prefix: &[u8]) -> io::Result<()> {
    let left: Vec<OsString> = Dir::read_from(parent.as_fd())?
        .filter_map(Result::ok)
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        .filter(|name| name.as_bytes().starts_with(prefix) && name.as_bytes().ends_with(b".tmp"))
        .collect();
    for name in left {
        rustix::fs::unlinkat(parent.as_fd(), &name, AtFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    fn folder(dir: &Path) -> Folder {
        let path = dir.canonicalize().unwrap();
        Folder::open(std::slice::from_ref(&path), path.to_str().unwrap()).unwrap()
    }

    fn put(folder: &Folder, path: &str, expected: Option<&str>, content: Option<&str>) -> Result<(), String> {
        let path = RelativePath::parse(path).unwrap();
        let expected = expected.map(|text| Digest::of(text.as_bytes()));
        let change = Replace { path: &path, expected, content: content.map(str::as_bytes), key: "key" };
        folder.replace(change).map_err(|e| e.code().to_owned())
    }

    #[test]
    fn a_file_is_replaced_only_while_it_is_what_was_expected() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        let file = dir.path().join("docs/a.md");
        assert_eq!(put(&folder, "docs/a.md", Some("old"), Some("new")), Err("conflict".into()));
        assert_eq!(put(&folder, "docs/a.md", None, Some("old")), Ok(()));
        assert_eq!(put(&folder, "docs/a.md", None, Some("new")), Err("conflict".into()));
        assert_eq!(put(&folder, "docs/a.md", Some("older"), Some("new")), Err("conflict".into()));
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(put(&folder, "docs/a.md", Some("old"), Some("new")), Ok(()));
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(put(&folder, "docs/a.md", Some("new"), None), Ok(()));
        assert!(!file.exists());
    }

    #[test]
    fn permissions_stay_and_nothing_else_is_left_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("run.sh");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o750)).unwrap();
        let left = format!(".affiant-{}-1-2.tmp", &Digest::of(b"key").hex()[..16]);
        fs::write(dir.path().join(left), "half").unwrap();
        let folder = folder(dir.path());
        assert_eq!(put(&folder, "run.sh", Some("old"), Some("new")), Ok(()));
        assert_eq!(put(&folder, "run.sh", Some("old"), Some("newer")), Err("conflict".into()));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o750);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_read_only_file_and_a_link_are_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("fixed");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(0o444)).unwrap();
        std::os::unix::fs::symlink("fixed", dir.path().join("link")).unwrap();
        let folder = folder(dir.path());
        assert_eq!(put(&folder, "fixed", Some("old"), Some("new")), Err("unreadable".into()));
        assert_eq!(put(&folder, "link", Some("old"), Some("new")), Err("path-not-allowed".into()));
        assert_eq!(put(&folder, "link", None, Some("new")), Err("path-not-allowed".into()));
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    }
}
