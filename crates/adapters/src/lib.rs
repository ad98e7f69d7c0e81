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
pub mod paths;
pub mod sample;
pub mod sources;
pub mod tools;
mod udiff;

use std::{path::PathBuf, sync::Arc};

use affiant_contract::Registry;
use affiant_engine::ports::{Deliver, Sources, Tools};

use crate::{http::Http, tools::Toolbox};

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
    /// Whether webhooks may be delivered to private and loopback addresses, and without TLS.
    pub private_webhooks: bool,
}

impl Config {
    /// A project in this folder with these contracts, and the environment of this process.
    pub fn new(project: PathBuf, contracts: Arc<Registry>) -> Self {
        Self { project, environment: Arc::new(|name| std::env::var(name).ok()), contracts, private_webhooks: false }
    }
}

/// Everything that this room offers, sharing one HTTP client.
#[derive(Clone)]
pub struct Adapters {
    /// Carries operations out.
    pub tools: Arc<dyn Tools>,
    /// Reads the sources of context packs.
    pub sources: Arc<dyn Sources>,
    /// Delivers messages to webhooks.
    pub deliver: Arc<dyn Deliver>,
}

/// Puts the room together.
pub fn open(config: &Config) -> Adapters {
    let http = Arc::new(Http::new());
    Adapters {
        tools: Arc::new(Toolbox::new(config, http.clone())),
        sources: Arc::new(sources::Reader::new(config.contracts.clone(), http.clone())),
        deliver: Arc::new(deliver::Courier::new(http, config.private_webhooks)),
    }
}
