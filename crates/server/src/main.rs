//! How is it put together? Configuration, wiring and `main`. Nothing is decided here.

mod edge;
mod program;
mod project;
mod serve;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS provider for the whole program: two would panic at first use.
    rustls::crypto::ring::default_provider().install_default().expect("nothing installed one before");
    affiant_surface::cli::main(std::env::args_os().collect(), &program::Program)
}
