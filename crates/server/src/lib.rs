//! How is it put together? Configuration, wiring and the program. Nothing is decided here.
//!
//! The binary `affiant` is [`main`]; tests put a server together in their own process with [`put_together`].

mod edge;
mod program;
mod project;
mod serve;

use std::process::ExitCode;

pub use program::Program;
pub use project::{Config, Project, ServerConfig};
pub use serve::{Parts, put_together};

/// The program `affiant`: reads the command line of this process and carries it out.
pub fn main() -> ExitCode {
    // One TLS provider for the whole program: two would panic at first use.
    rustls::crypto::ring::default_provider().install_default().expect("nothing installed one before");
    affiant_surface::cli::main(std::env::args_os().collect(), &Program)
}
