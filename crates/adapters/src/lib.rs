//! Who does the outside work?
//!
//! Tools, context sources, the guarded HTTP client and webhook delivery: everything that touches a disk, a
//! network or another program on a run's behalf. Nothing here decides whether it may; the engine asks policy
//! and people first, and every path and address is checked again here, where it is used.

pub mod deliver;
mod display;
mod failure;
mod files;
mod git;
mod http;
pub mod mcp;
pub mod models;
pub mod paths;
mod process;
pub mod sample;
mod secrets;
pub mod sources;
pub mod tools;
mod udiff;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use affiant_contract::Registry;
use affiant_engine::ports::{Deliver, Sources, Tools};

use crate::{
    http::Http,
    mcp::{McpServer, Servers},
    tools::Toolbox,
};

/// Reads a variable of the server's environment.
pub type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// What the outside work needs to know about its server.
#[derive(Clone)]
pub struct Config {
    /// Folder of the project: programs of `command` bindings are started there.
    pub project: PathBuf,
    /// Reads a variable of the server's environment, for `env:NAME` headers and for the variables that a
    /// `command` binding names.
    pub environment: Arc<Environment>,
    /// Where sources of kind `contract` find contracts.
    pub contracts: Arc<Registry>,
    /// The MCP servers whose tools can be used, by name.
    pub mcp: BTreeMap<String, McpServer>,
    /// Whether webhooks may be delivered to private and loopback addresses, and without TLS.
    pub private_webhooks: bool,
}

impl Config {
    /// A project in this folder with these contracts, and the environment of this process.
    pub fn new(project: PathBuf, contracts: Arc<Registry>) -> Self {
        let (environment, mcp) = (Arc::new(|name: &str| std::env::var(name).ok()), BTreeMap::new());
        Self { project, environment, contracts, mcp, private_webhooks: false }
    }
}

/// Everything that this room offers, sharing one HTTP client.
#[derive(Clone)]
pub struct Adapters {
    /// Carries operations out.
    pub tools: Arc<dyn Tools>,
    /// Reads the sources of context packs.
    pub sources: Arc<dyn Sources>,
    /// The MCP servers, to be asked what they offer, and to be ended.
    pub mcp: Arc<Servers>,
    /// Delivers messages to webhooks.
    pub deliver: Arc<dyn Deliver>,
}

/// Puts the room together.
pub fn open(config: &Config) -> Adapters {
    let http = Arc::new(Http::new());
    let mcp = Arc::new(Servers::new(config, &http));
    Adapters {
        tools: Arc::new(Toolbox::new(config, http.clone(), mcp.clone())),
        mcp,
        sources: Arc::new(sources::Reader::new(config.contracts.clone(), http.clone())),
        deliver: Arc::new(deliver::Courier::new(http, config.private_webhooks)),
    }
}
