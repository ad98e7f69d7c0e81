//! The project that a folder stands in: `affiant.toml`, and the contracts it names.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use affiant_adapters::mcp::McpServer;
use affiant_contract::Loaded;
use affiant_engine::ports::{Connection, ProviderKind};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
    /// MCP servers whose tools can be pinned as operations (`affiant mcp pin NAME`), by name: one table `[mcp.NAME]`
    /// each. The name is made of lower-case letters, digits and hyphens.
    pub mcp: BTreeMap<String, McpConfig>,
    /// Providers of models, for every tenant.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// File with what models cost, relative to the project; the table that is built in when absent.
    pub prices: Option<PathBuf>,
    /// What tenants may use in one day.
    pub budgets: BudgetsConfig,
}

impl Default for Config {
    fn default() -> Self {
        let contracts = ["contracts", "agents", "context"].map(PathBuf::from).into();
        Self {
            contracts,
            server: ServerConfig::default(),
            mcp: BTreeMap::new(),
            providers: BTreeMap::new(),
            prices: None,
            budgets: BudgetsConfig::default(),
        }
    }
}

impl Config {
    /// How the MCP servers are reached, with paths relative to `root`; or what is wrong with one of them.
    pub fn mcp_servers(&self, root: &Path) -> Result<BTreeMap<String, McpServer>> {
        self.mcp.iter().map(|(name, config)| Ok((name.clone(), config.how(name, root)?))).collect()
    }
}

/// The `[budgets]` table: what every tenant may use in one day (UTC), and tables `[budgets.tenants.ID]` for those of whom
/// something else holds. Money is in the currency of the price table.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetsConfig {
    /// Money, as a decimal text such as `"20"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_day: Option<String>,
    /// Model tokens, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Single tenants. What is absent there has no end for them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantBudgetConfig>,
}

/// A `[budgets.tenants.ID]` table.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct TenantBudgetConfig {
    /// Money, as a decimal text such as `"20"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_day: Option<String>,
    /// Model tokens, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
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

/// An `[mcp.NAME]` table: a program that speaks MCP over standard input and output, or an address that speaks it over
/// streamable HTTP. It has `command` or `url`.
///
/// A value `env:NAME` in `env` or `headers` is read from the server's environment when the connection is made. It is a
/// secret: it is written nowhere, and taken out of whatever comes back. Other values are not secret, and neither are
/// `command` and `url`, which are written into the record.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct McpConfig {
    /// The program and its arguments, started without a shell: `["npx", "-y", "@modelcontextprotocol/server-everything"]`.
    /// It is started at the first call, again when it has died, and ended with everything it started when the server stops.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its environment: `{ TOKEN = "env:MY_TOKEN" }`. Beside these it sees `PATH` and `LANG`, and no others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Where it is started, relative to the project; the project itself when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The address of a server that runs already: `"https://example.com/mcp"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Headers of every request: `{ Authorization = "env:MY_HEADER" }`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Whether `url` may lead to private and loopback addresses.
    #[serde(alias = "allowPrivate")]
    pub allow_private: bool,
}

impl McpConfig {
    /// How the server is reached, or what is wrong with the table.
    fn how(&self, name: &str, root: &Path) -> Result<McpServer> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let named =
            name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-') && name.chars().all(plain);
        ensure!(
            named,
            "`mcp.{name}` is not a name: it begins with a lower-case letter and has letters, digits and hyphens"
        );
        match (self.command.as_slice(), &self.url) {
            ([program, ..], None) if !program.is_empty() => {
                ensure!(
                    self.headers.is_empty() && !self.allow_private,
                    "`mcp.{name}` is a program and takes no headers"
                );
                let folder = self.cwd.as_ref().map_or_else(|| root.to_owned(), |cwd| root.join(cwd));
                Ok(McpServer::Program { argv: self.command.clone(), env: self.env.clone(), folder })
            }
            ([], Some(url)) => {
                ensure!(
                    self.env.is_empty() && self.cwd.is_none(),
                    "`mcp.{name}` is an address and takes no `env` or `cwd`"
                );
                let (url, headers) = (url.clone(), self.headers.clone());
                Ok(McpServer::Address { url, headers, allow_private: self.allow_private })
            }
            _ => bail!("`mcp.{name}` needs `command` or `url`, and not both"),
        }
    }

    /// What the record says of it: which values there are, and none of them.
    pub(crate) fn recorded(&self) -> Value {
        let names = |values: &BTreeMap<String, String>| values.keys().cloned().collect::<Vec<_>>();
        let url = self.url.as_deref().map(|url| url.split(['?', '#']).next().unwrap_or_default());
        json!({
            "allowPrivate": self.allow_private, "command": self.command, "cwd": self.cwd, "env": names(&self.env),
            "headers": names(&self.headers), "url": url,
        })
    }
}

/// A `[providers.NAME]` table: how a provider of models is reached.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    /// What it speaks: `anthropic`, `openai`, `openai-chat`, `gemini` or `ollama`.
    pub kind: ProviderKind,
    /// Where it is, when not at the kind's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// `env:NAME`: the variable of the server's environment that holds the key. A key itself does not stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Requests under way at once.
    #[serde(default = "at_once")]
    pub at_once: u32,
    /// What all runs of a tenant may spend over it in a day, as a decimal text in the price table's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_per_day: Option<String>,
}

fn at_once() -> u32 {
    Connection::AT_ONCE
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
        let project = Self { root: root.to_owned(), config };
        project.config.mcp_servers(root).with_context(|| format!("{} is not as expected", file.display()))?;
        Ok(Some(project))
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

    #[test]
    fn an_mcp_server_is_a_program_or_an_address_and_says_so_when_it_is_neither() {
        let folder = tempfile::tempdir().unwrap();
        let found = |text: &str| {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            Project::find(folder.path()).map_err(|error| error.root_cause().to_string())
        };
        let project = found(
            "[mcp.a]\ncommand = ['x', 'y']\nenv = { T = 'env:U' }\n[mcp.b]\nurl = 'http://h/mcp'\nallowPrivate = true",
        );
        let project = project.unwrap().unwrap();
        let servers = project.config.mcp_servers(&project.root).unwrap();
        let env = [("T".to_owned(), "env:U".to_owned())].into();
        let argv = vec!["x".to_owned(), "y".to_owned()];
        assert_eq!(servers["a"], McpServer::Program { argv, env, folder: folder.path().to_owned() });
        let address = McpServer::Address { url: "http://h/mcp".into(), headers: BTreeMap::new(), allow_private: true };
        assert_eq!(servers["b"], address);
        let wrong =
            ["[mcp.a]", "[mcp.a]\nurl = 'x'\ncommand = ['y']", "[mcp.A]\nurl = 'x'", "[mcp.a]\nurl = 'x'\ncwd = '.'"];
        insta::assert_snapshot!(wrong.map(|text| found(text).unwrap_err()).join("\n"), @"
        `mcp.a` needs `command` or `url`, and not both
        `mcp.a` needs `command` or `url`, and not both
        `mcp.A` is not a name: it begins with a lower-case letter and has letters, digits and hyphens
        `mcp.a` is an address and takes no `env` or `cwd`
        ");
    }

    #[test]
    fn the_record_of_an_mcp_server_holds_names_and_no_values() {
        let config: McpConfig =
            toml::from_str("url = 'http://h/mcp?key=abc'\nheaders = { X = 'env:Y', Z = 'abc' }").unwrap();
        let told = config.recorded().to_string();
        assert!(told.contains(r#""headers":["X","Z"]"#) && !told.contains("abc") && !told.contains("env:"), "{told}");
    }
}
