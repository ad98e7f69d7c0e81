//! The command line: `affiant <noun> <verb> [id] [flags]`.
//!
//! A thin translation like every other surface. Verbs that concern runs, approvals, keys and so on are calls of
//! contract operations over HTTP; verbs that concern contract files work on the files, without a server.
//! Standard output is data, standard error is everything else.
#![expect(clippy::print_stderr, reason = "the command line talks to a person")]

mod access;
mod agent;
mod approval;
mod artifact;
mod audit;
mod call;
mod client;
mod context;
mod contract;
mod exit;
mod failure;
mod first_run;
pub(crate) mod grammar;
mod help;
mod host;
mod ids;
mod mcp;
mod narrate;
mod operation;
mod output;
mod provider;
mod run;
mod server;
mod session;
mod snapshots;
mod stream;
mod terminal;
mod tools;
mod trace;
mod view;

use std::{ffi::OsString, process::ExitCode};

pub use context::Context;
pub use exit::Exit;
pub use failure::Failure;
pub use grammar::{Arguments, Noun, Run, Verb};
pub use help::text as help_text;
pub use host::{Host, Serve};
pub use server::Running;

/// Every noun. To add one, write its file and name it here.
pub const NOUNS: &[&Noun] = &[
    &run::NOUN,
    &view::NOUN,
    &approval::NOUN,
    &artifact::NOUN,
    &agent::NOUN,
    &snapshots::NOUN,
    &contract::NOUN,
    &mcp::NOUN,
    &audit::NOUN,
    &provider::NOUN,
    &access::WORKSPACES,
    &access::KEYS,
    &access::WEBHOOKS,
    &session::NOUN,
    &server::NOUN,
];

/// Runs one command line to its end.
pub fn main(args: Vec<OsString>, host: &dyn Host) -> ExitCode {
    let matches = match grammar::command().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return grammar::refused(&error).into(),
    };
    let context = match Context::new(host, &matches, args) {
        Ok(context) => context,
        Err(failure) => return failure.print(output::Format::Table).into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread needs nothing that can be missing");
    let result = runtime.block_on(grammar::dispatch(&context, &matches));
    // A request to a name server may still be under way on a blocking thread; nobody waits for it.
    runtime.shutdown_background();
    result.unwrap_or_else(|failure| failure.print(context.format())).into()
}

/// An idempotency key for one invocation.
fn fresh_key() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("an operating system without randomness runs no commands");
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}
