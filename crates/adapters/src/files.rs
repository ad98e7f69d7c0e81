//! Choosing files below a folder: by globs, and without what `.gitignore` names.

use std::path::Path;

use gix::{bstr::BStr, glob::pattern::Case, ignore};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::paths::{Folder, Found, FoundKind, PathError, RelativePath};

/// A `.gitignore` larger than this is passed over.
const LARGEST_IGNORE: u64 = 1 << 20;

/// Which files are meant. `*` and `?` do not match `/`; `**` does.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    include: GlobSet,
    exclude: GlobSet,
    /// Paths that `include` names letter by letter: these are meant even where `.gitignore` names them.
    exact: Vec<String>,
}

impl Selection {
    /// Files that some `include` matches and no `exclude` does; the error names the glob that cannot be read.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, String> {
        let exact = include.iter().filter(|glob| !glob.contains(['*', '?', '[', '{', '\\'])).cloned().collect();
        Ok(Self { include: set(include)?, exclude: set(exclude)?, exact })
    }

    /// Whether every file is named letter by letter.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact.len() == self.include.len()
    }

    /// Whether the file at this path is meant.
    pub(crate) fn takes(&self, path: &str) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }

    /// The files below a folder that are meant, by path, stopped early by `stop`. Links are not followed.
    pub(crate) fn files(&self, folder: &Folder, stop: &dyn Fn() -> bool) -> Result<Vec<Found>, PathError> {
        let mut ignored = Ignored::default();
        ignored.read(folder, &RelativePath::here());
        let mut files = Vec::new();
        folder.walk(&RelativePath::here(), &mut |found| {
            if stop() {
                return None;
            }
            let path = found.path.to_string();
            let is_folder = found.kind == FoundKind::Folder;
            let left_out = ignored.names(&found.path, is_folder);
            match found.kind {
                FoundKind::Folder if left_out => return Some(self.exact.iter().any(|e| e.starts_with(&path))),
                FoundKind::Folder => ignored.read(folder, &found.path),
                FoundKind::File if self.takes(&path) && (!left_out || self.exact.contains(&path)) => {
                    files.push(found.clone());
                }
                _ => (),
            }
            Some(true)
        })?;
        files.sort_by_cached_key(|found| found.path.to_bytes());
        Ok(files)
    }
}

fn set(globs: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let read = GlobBuilder::new(glob.trim_start_matches("./")).literal_separator(true).build();
        set.add(read.map_err(|e| format!("`{glob}` is not a glob: {}", e.kind()))?);
    }
    set.build().map_err(|e| e.to_string())
}

/// What the `.gitignore` files met so far name.
#[derive(Default)]
struct Ignored {
    search: ignore::Search,
    any: bool,
}

impl Ignored {
    /// Reads the `.gitignore` of a folder, if it has one.
    fn read(&mut self, folder: &Folder, at: &RelativePath) {
        let path = format!("{at}/.gitignore");
        let Ok(relative) = RelativePath::parse(path.trim_start_matches('/')) else { return };
        if let Ok(bytes) = folder.read(&relative, LARGEST_IGNORE) {
            let (source, root) = (relative.to_string(), Some(Path::new("")));
            self.any |=
                self.search.add_patterns_buffer(&bytes, source, root, ignore::search::Ignore::default()).is_ok();
        }
    }

    fn names(&self, path: &RelativePath, is_folder: bool) -> bool {
        if !self.any {
            return false;
        }
        let path = path.to_bytes();
        self.search
            .pattern_matching_relative_path(BStr::new(&path), Some(is_folder), Case::Sensitive)
            .is_some_and(|found| !found.pattern.is_negative())
    }
}
