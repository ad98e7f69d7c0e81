//! Wiring: store, tools, engine, gateway and HTTP, put together and run until told to stop.

use affiant_contract::Loaded;
use affiant_surface::cli::{Exit, Failure, Serve};

use crate::project::ServerConfig;

/// Runs the server until SIGTERM or Ctrl-C.
pub(crate) fn run(_: Serve, _: Loaded, _: ServerConfig) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Unexpected, "not-bound", "this build has no server yet"))
}
