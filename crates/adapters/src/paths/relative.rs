//! Paths below a folder, as text.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
};

use super::PathError;

/// A path below a folder: parts that are names, never `..`, never empty as a file. It says nothing about links;
/// [`super::Folder`] does not follow them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelativePath {
    parts: Vec<OsString>,
}

impl RelativePath {
    /// Reads a path with `/` between its parts. `.` and doubled slashes fall away; anything that could lead out
    /// of the folder, or into a repository's own `.git`, is refused.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::from_bytes(text.as_bytes())
    }

    /// As [`Self::parse`], for names that need not be UTF-8.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PathError> {
        let refuse = |why| Err(PathError::NotAllowed { path: String::from_utf8_lossy(bytes).into_owned(), why });
        if bytes.contains(&0) {
            return refuse("a path cannot hold a NUL character");
        }
        if bytes.starts_with(b"/") {
            return refuse("the path must be relative to the folder");
        }
        let mut parts = Vec::new();
        for part in bytes.split(|b| *b == b'/') {
            match part {
                b"" | b"." => (),
                b".." => return refuse("`..` could lead outside the folder"),
                part if part.eq_ignore_ascii_case(b".git") => return refuse("`.git` belongs to git"),
                part => parts.push(OsStr::from_bytes(part).to_owned()),
            }
        }
        Ok(Self { parts })
    }

    /// The folder itself.
    pub fn here() -> Self {
        Self { parts: Vec::new() }
    }

    /// The names on the way, in order.
    pub fn parts(&self) -> &[OsString] {
        &self.parts
    }

    /// The names of the folders on the way, and the last name; none for the folder itself.
    pub fn split_last(&self) -> Option<(&OsStr, &[OsString])> {
        self.parts.split_last().map(|(last, folders)| (last.as_os_str(), folders))
    }

    /// The path of a name below this one.
    pub(super) fn join(&self, name: &OsStr) -> Self {
        let mut parts = self.parts.clone();
        parts.push(name.to_owned());
        Self { parts }
    }

    /// The path with `/` between its parts, as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>().join(&b'/')
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(&self.to_bytes()))
    }
}
