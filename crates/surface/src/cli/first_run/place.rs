//! Where the first run works: the folder it was started in, or the bundled sample project.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the first run works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The repository that the folder stands in.
    Repository(PathBuf),
    /// The sample project, and why.
    Sample(String),
}

impl Place {
    /// The place for this folder.
    pub(super) fn of(folder: &Path, home: Option<&Path>) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let home = home.and_then(|home| home.canonicalize().ok());
        match repository(&folder, home.as_deref()) {
            Ok(root) => Self::Repository(root),
            Err(because) => Self::Sample(because),
        }
    }
}

/// The root of the repository that a folder stands in, or why there is none to work on.
fn repository(folder: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
    let name = folder.display();
    if folder.parent().is_none() {
        return Err("/ is no project folder".to_owned());
    }
    if Some(folder) == home {
        return Err(format!("{name} is your home folder"));
    }
    let Some(root) = folder.ancestors().find(|above| above.join(".git").exists()) else {
        return Err(format!("{name} is not a git repository"));
    };
    if root.parent().is_none() || Some(root) == home {
        return Err(format!("{name} stands in a repository that is your whole home folder"));
    }
    if !has_commits(root) {
        return Err(format!("{} has no commits yet", root.display()));
    }
    Ok(root.to_owned())
}

/// Whether HEAD leads to a commit, as far as the files of a repository say (gitrepository-layout).
fn has_commits(root: &Path) -> bool {
    let git = git_folder(root);
    let Ok(head) = fs::read_to_string(git.join("HEAD")) else { return false };
    let Some(branch) = head.trim().strip_prefix("ref: ") else { return true };
    // A linked worktree has its own HEAD; branches are kept where `commondir` says.
    let common = fs::read_to_string(git.join("commondir"));
    let common = common.map_or_else(|_| git.clone(), |common| git.join(common.trim()));
    let packed = fs::read_to_string(common.join("packed-refs")).unwrap_or_default();
    let packed = packed.lines().any(|line| line.split_once(' ').is_some_and(|(_, name)| name == branch));
    common.join(branch).is_file() || packed || common.join("reftable").is_dir()
}

/// The folder that `.git` is, or names.
fn git_folder(root: &Path) -> PathBuf {
    let git = root.join(".git");
    let named = fs::read_to_string(&git).ok();
    let named = named.and_then(|text| Some(root.join(text.trim().strip_prefix("gitdir:")?.trim())));
    named.unwrap_or(git)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_with_commits_is_worked_on_from_any_folder_in_it() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let shop = home.join("shop");
        fs::create_dir_all(shop.join(".git/refs/heads")).unwrap();
        fs::create_dir_all(shop.join("src/deep")).unwrap();
        fs::write(shop.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let why = |folder: &Path| match Place::of(folder, Some(&home)) {
            Place::Sample(because) => because.replace(&home.display().to_string(), "~"),
            Place::Repository(root) => format!("works in {}", root.display()).replace(&home.display().to_string(), "~"),
        };
        assert_eq!(why(&shop), "~/shop has no commits yet");
        fs::write(shop.join(".git/packed-refs"), "# pack-refs\n0123 refs/heads/main\n").unwrap();
        assert_eq!(why(&shop.join("src/deep")), "works in ~/shop");
        assert_eq!(why(&home), "~ is your home folder");
        assert_eq!(why(Path::new("/")), "/ is no project folder");
        fs::create_dir_all(home.join("notes")).unwrap();
        assert_eq!(why(&home.join("notes")), "~/notes is not a git repository");
        fs::create_dir_all(home.join(".git")).unwrap();
        assert_eq!(why(&home.join("notes")), "~/notes stands in a repository that is your whole home folder");
    }
}
