//! MCP servers of the configuration: programs and addresses whose tools carry operations out.
//!
//! One connection per server is shared by all calls. It is made at the first call and again when it is gone, each time
//! a little later while the server keeps dying. Nothing that a server says is trusted: a tool is called only while it is
//! listed exactly as it was pinned, results are cut to a limit and never interpreted, and a secret that was handed to
//! the server is taken out of everything that comes back. Nothing is offered to a server: no sampling, no elicitation,
//! no roots.

mod answer;
mod failed;
mod handler;
mod link;
mod listed;
mod process;
mod server;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use affiant_engine::ports::{ListedTool, ToolFailure, ToolServers};
use async_trait::async_trait;

use crate::{Config, display::escape, failure::refuse, http::Http};

pub(crate) use server::{Server, Wanted};

/// How an MCP server is reached. A value `env:NAME` is read from the server's environment when the connection is made,
/// and is a secret: it is kept nowhere, and taken out of whatever the MCP server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum McpServer {
    /// A program of this machine that speaks over standard input and output. It is started without a shell, in a process
    /// group of its own, and sees `PATH`, `LANG` and what is named here.
    Program {
        /// The program and its arguments.
        argv: Vec<String>,
        /// Variables of its environment.
        env: BTreeMap<String, String>,
        /// Where it is started.
        folder: PathBuf,
    },
    /// An address that speaks streamable HTTP.
    Address {
        /// An absolute `http` or `https` address.
        url: String,
        /// Headers of every request.
        headers: BTreeMap<String, String>,
        /// Whether private and loopback addresses may be reached.
        allow_private: bool,
    },
}

/// Every MCP server of the configuration.
pub struct Servers(BTreeMap<String, Server>);

impl Servers {
    /// The servers of this configuration; nothing is started yet.
    pub(crate) fn new(config: &Config, http: &Arc<Http>) -> Self {
        let server = |(name, how): (&String, &McpServer)| {
            let made = Server::new(name, how.clone(), config.environment.clone(), http.clone());
            (name.clone(), made)
        };
        Self(config.mcp.iter().map(server).collect())
    }

    /// Whether the configuration has a server of this name.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Server, ToolFailure> {
        let unknown = || refuse("not-bound", format!("the configuration has no MCP server `{}`", escape(name)));
        self.0.get(name).ok_or_else(unknown)
    }
}

#[async_trait]
impl ToolServers for Servers {
    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    async fn list(&self, server: &str) -> Result<Vec<ListedTool>, ToolFailure> {
        self.get(server)?.list().await
    }

    async fn close(&self) {
        futures::future::join_all(self.0.values().map(Server::close)).await;
    }
}
