//! What the command line needs from the program around it, so that this room never learns how a server is put together.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use affiant_contract::Loaded;
use affiant_engine::ports::{Models, ToolServers, Tools};

use super::{Exit, Failure};

/// The program around the command line.
pub trait Host {
    /// The shipped contracts and, unless `builtin_only`, those of the project that `folder` stands in, with every finding.
    fn contracts(&self, folder: &Path, builtin_only: bool) -> Result<Loaded, Failure>;

    /// The root of the project that `folder` stands in, if it stands in one.
    fn project(&self, folder: &Path) -> Result<Option<PathBuf>, Failure>;

    /// The tools of the project in `folder`, for the tests that stand in agents.
    fn tools(&self, folder: &Path) -> Arc<dyn Tools>;

    /// Models that answer what was recorded in this file, and nothing else.
    fn played(&self, file: &Path) -> Result<Arc<dyn Models>, Failure>;

    /// The providers of the project that `folder` stands in, and those whose keys the environment holds, asked over the
    /// network. Every complete exchange is appended to the file.
    fn recording(&self, folder: &Path, file: &Path) -> Result<Arc<dyn Models>, Failure>;

    /// The MCP servers of the project that `folder` stands in.
    fn tool_servers(&self, folder: &Path) -> Result<Arc<dyn ToolServers>, Failure>;

    /// The user's data folder: `AFFIANT_DATA_DIR`, or the platform's usual place.
    fn data_folder(&self) -> PathBuf;

    /// Runs a server until it is told to stop.
    fn serve(&self, serve: Serve) -> Result<Exit, Failure>;

    /// Writes the bundled sample project into an empty folder.
    fn sample(&self, folder: &Path) -> Result<(), Failure>;

    /// The version of this program.
    fn version(&self) -> &'static str;
}

/// How a server is to be run.
#[derive(Clone, Debug)]
pub struct Serve {
    /// Where its data is.
    pub data: PathBuf,
    /// `ADDRESS:PORT`; port 0 picks one.
    pub listen: String,
    /// The project whose contracts it loads.
    pub project: PathBuf,
    /// Whether a database, or files beside it, that were restored from a copy are accepted.
    pub accept_restore: bool,
}
