//! The project that a folder stands in: `affiant.toml`, and the contracts it names.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use affiant_contract::Loaded;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Name of the file that makes a folder a project.
pub(crate) const FILE: &str = "affiant.toml";

/// What `affiant.toml` says. Every field may be left out.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folders with contract files, relative to the project.
    pub contracts: Vec<PathBuf>,
    /// How the server runs.
    pub server: ServerConfig,
}

impl Default for Config {
    fn default() -> Self {
        let contracts = ["contracts", "agents", "context"].map(PathBuf::from).into();
        Self { contracts, server: ServerConfig::default() }
    }
}

/// The `[server]` table.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Runs that are carried out at once.
    pub workers: NonZeroUsize,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// Host names beside loopback's own by which the server may be called.
    pub hosts: Vec<String>,
    /// How often the log of a tenant that writes is signed, in seconds. With 0 nothing is signed while the server runs,
    /// except where a bundle needs it.
    pub checkpoint_seconds: u64,
    /// Begins the names of the logs that are signed here: a name that is this server's alone, such as its host name. It
    /// counts when a log begins; a log keeps the name it has.
    pub log_name: String,
    /// Folder for signed heads, relative to the project; in the data folder when absent. On another disk, not even a
    /// restored copy of the whole data folder goes unnoticed.
    pub heads: Option<PathBuf>,
    /// Folders in which every tenant's agents may work.
    pub workspaces: Vec<WorkspaceConfig>,
    /// Whether webhooks may be delivered to private and loopback addresses.
    pub private_webhooks: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            workers: NonZeroUsize::new(256).expect("256 is not zero"),
            body_limit: 1 << 20,
            hosts: Vec::new(),
            checkpoint_seconds: 1,
            log_name: "affiant.local".to_owned(),
            heads: None,
            workspaces: Vec::new(),
            private_webhooks: false,
        }
    }
}

/// A folder in which agents may work.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceConfig {
    /// The folder, relative to the project.
    pub path: PathBuf,
    /// Whether agents may write there as well as read.
    #[serde(default)]
    pub write: bool,
}

/// A project: its folder and what its file says.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder with `affiant.toml`.
    pub root: PathBuf,
    /// What the file says.
    pub config: Config,
}

impl Project {
    /// The project that `folder` stands in: the nearest `affiant.toml` there or above. A folder without one
    /// is no project: nothing but the shipped contracts is loaded.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let Some(root) = folder.ancestors().find(|folder| folder.join(FILE).is_file()) else { return Ok(None) };
        let file = root.join(FILE);
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let config = toml::from_str(&text).with_context(|| format!("{} is not as expected", file.display()))?;
        Ok(Some(Self { root: root.to_owned(), config }))
    }

    /// The project's contracts, added to these.
    pub fn load_into(&self, loaded: &mut Loaded) {
        for folder in self.config.contracts.iter().map(|folder| self.root.join(folder)).filter(|folder| folder.is_dir())
        {
            let found = affiant_contract::load_folder(&self.root, &folder);
            loaded.contracts.extend(found.contracts);
            loaded.findings.extend(found.findings);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_makes_a_project_with_the_usual_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join(FILE), "").unwrap();
        let project = Project::find(&folder.path().join("a/b")).unwrap().unwrap();
        assert_eq!(project.root, folder.path());
        assert_eq!(project.config, Config::default());
    }

    #[test]
    fn a_misspelt_setting_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), "contract = [\"x\"]").unwrap();
        let error = format!("{:#}", Project::find(folder.path()).unwrap_err());
        assert!(error.contains("unknown field `contract`"), "{error}");
    }
}
