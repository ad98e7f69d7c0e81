//! The files of a repository: those that git tracks, or, where there is no git, those that `.gitignore` does not name.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    rc::Rc,
};

use affiant_engine::ports::ToolFailure;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::{anchors::Anchors, places};
use crate::{
    files::Selection,
    git::Repository,
    paths::{Folder, RelativePath},
};

/// Larger files are not texts that people write.
const LARGEST: u64 = 2 << 20;

/// The files, by path.
pub(super) struct Files {
    folder: Folder,
    paths: BTreeSet<String>,
    /// Every folder that holds a file, without a slash at its end.
    folders: BTreeSet<String>,
    /// Paths by lower-case file name.
    names: HashMap<String, Vec<String>>,
    /// Globs that `.gitattributes` marks as generated or vendored.
    marked: GlobSet,
    /// Folders below which a generator has written everything.
    written: Vec<String>,
    /// Folders that a site generator turns into a site.
    sites: Vec<String>,
    anchors: RefCell<BTreeMap<String, Option<Rc<Anchors>>>>,
}

impl Files {
    pub(super) fn of(roots: &[PathBuf], root: &str, stop: &dyn Fn() -> bool) -> Result<Self, ToolFailure> {
        let folder = Folder::open(roots, root)?;
        let tracked = Repository::open(roots, root).ok().and_then(|repository| repository.tracked().ok().flatten());
        // A folder of which git was told nothing yet is looked at as one without git.
        let tracked = tracked.filter(|tracked| !tracked.is_empty());
        let paths: BTreeSet<String> = match tracked {
            // A path that is not UTF-8 cannot be answered, so it is not looked at.
            Some(tracked) => tracked.into_iter().filter_map(|path| String::from_utf8(path).ok()).collect(),
            None => {
                let everything =
                    Selection::new(&["**".to_owned()], &[]).map_err(|e| crate::failure::refuse("internal", e))?;
                everything.files(&folder, stop)?.iter().map(|found| found.path.to_string()).collect()
            }
        };
        let mut files = Self {
            folder,
            folders: paths.iter().flat_map(|path| parents(path)).map(str::to_owned).collect(),
            names: HashMap::new(),
            marked: GlobSet::empty(),
            written: folders_with(&paths, |name| name == ".openapi-generator-ignore"),
            sites: folders_with(&paths, is_site),
            anchors: RefCell::default(),
            paths,
        };
        for path in &files.paths {
            files.names.entry(file_name(path).to_lowercase()).or_default().push(path.clone());
        }
        files.marked = files.read_marks();
        Ok(files)
    }

    /// Every path, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(String::as_str)
    }

    /// The content of a file, when it is text of a size that people write.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let relative = RelativePath::parse(path).ok()?;
        let bytes = self.folder.read(&relative, LARGEST).ok()?;
        String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
    }

    /// Whether a link to this path leads somewhere: to a file or folder that git knows, or that is there.
    pub(super) fn has(&self, path: &str) -> bool {
        path.is_empty()
            || self.paths.contains(path)
            || self.folders.contains(path)
            || RelativePath::parse(path).is_ok_and(|relative| self.folder.holds(&relative))
    }

    /// Whether a program has written the file, as far as its place says.
    pub(super) fn is_generated(&self, path: &str) -> bool {
        places::is_foreign(path) || self.marked.is_match(path) || self.written.iter().any(|at| is_below(path, at))
    }

    /// Whether a site generator has its own idea of the file's links.
    pub(super) fn is_in_site(&self, path: &str) -> bool {
        let on_top = !path.contains('/') || path.starts_with(".github/");
        self.sites.iter().any(|at| is_below(path, at) && !(at.is_empty() && on_top))
    }

    /// Paths with this file name, in any case.
    pub(super) fn named(&self, name: &str) -> &[String] {
        self.names.get(&name.to_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Paths directly in a folder.
    pub(super) fn beside<'f>(&'f self, folder: &'f str) -> impl Iterator<Item = &'f str> {
        self.paths().filter(move |path| parent(path) == folder)
    }

    /// The anchors of a Markdown file; none when it is no such file, or cannot be read.
    pub(super) fn anchors(&self, path: &str) -> Option<Rc<Anchors>> {
        if !places::is_markdown(path) {
            return None;
        }
        if let Some(known) = self.anchors.borrow().get(path) {
            return known.clone();
        }
        let read = self.text(path).map(|text| Rc::new(Anchors::of(&text)));
        self.anchors.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }

    fn read_marks(&self) -> GlobSet {
        let mut set = GlobSetBuilder::new();
        for path in self.paths.iter().filter(|path| file_name(path) == ".gitattributes") {
            let folder = parent(path);
            let base = if folder.is_empty() { String::new() } else { format!("{}/", globset::escape(folder)) };
            for line in self.text(path).unwrap_or_default().lines() {
                let mut words = line.split_whitespace();
                let Some(glob) = words.next().filter(|glob| !glob.starts_with('#')) else { continue };
                let marks =
                    ["linguist-generated", "linguist-generated=true", "linguist-vendored", "linguist-vendored=true"];
                if !words.any(|word| marks.contains(&word)) {
                    continue;
                }
                let anywhere = if glob.trim_end_matches('/').contains('/') { "" } else { "**/" };
                let glob = format!("{base}{anywhere}{}", glob.trim_start_matches('/'));
                for glob in [glob.clone(), format!("{}/**", glob.trim_end_matches('/'))] {
                    // A pattern that is no glob marks nothing.
                    if let Ok(glob) = Glob::new(&glob) {
                        set.add(glob);
                    }
                }
            }
        }
        set.build().unwrap_or_else(|_| GlobSet::empty())
    }
}

/// The folder of a path; empty at the top.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The last part of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn folders_with(paths: &BTreeSet<String>, is: impl Fn(&str) -> bool) -> Vec<String> {
    paths.iter().filter(|path| is(file_name(path))).map(|path| parent(path).to_owned()).collect()
}

/// Files by which a site generator is known.
fn is_site(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    matches!(
        name,
        "mkdocs.yml"
            | "mkdocs.yaml"
            | "_config.yml"
            | "book.toml"
            | "hugo.toml"
            | "hugo.yaml"
            | "antora.yml"
            | "conf.py"
            | "mint.json"
            | "_sidebar.md"
            | "_meta.json"
            | "sidebars.js"
            | "sidebars.ts"
            | "zensical.toml"
    ) || (name != stem
        && matches!(stem, "docusaurus" | "astro" | "gatsby-config" | "next" | "nuxt" | "source" | "velite")
        && [".config.js", ".config.mjs", ".config.ts", ".config.mts", ".config.cjs", "-config.js", "-config.ts"]
            .iter()
            .any(|end| name.ends_with(end)))
}
