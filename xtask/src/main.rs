//! The repository's own tasks. `cargo xtask test` is what CI runs.
//!
//! This crate compiles nothing of the product: it runs the real binary, as a stranger would, so that it stays
//! quick to build and sees only what everybody sees.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "tasks talk to the person who started them")]
#![expect(clippy::disallowed_methods, reason = "tasks measure real time; nothing here is part of the product")]

mod bench;
mod canaries;
mod crash;
mod erasure;
mod figures;
mod fuzz;
mod generate;
mod http;
mod judges;
mod load;
mod mcp;
mod mind;
mod misbehave;
mod needs;
mod providers;
mod record;
mod server;
mod sh;
mod studio;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK

  test [--only NAME]     everything CI runs: format, lints, tests, rendered files, judges, crash harness
  generate [--check]     render surfaces/ from the contracts and the README's figures; with --check, fail when they are stale
  crash [--kills N] [--program FILE]
                         kill the real server N times under load and account for every run and effect;
                         with --model, while its runs talk to a model, and account for every call
  misbehave [--runs N] [--seed N]
                         runs that ask a provider of models which refuses, breaks off and hangs by chance
  erasure [--subjects N] [--events N]
                         erase people from the real server, and look for them in every file and bundle
  fuzz [TARGET] [--seconds N]
                         ten minutes of coverage-guided fuzzing per target of fuzz/; needs `cargo install cargo-fuzz`
  bench [NAME…]          measure; results are files in benches/results/
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let result = match args.first().map(String::as_str) {
        Some("test") => test::run(&args[1..]),
        Some("generate") => generate::run(args.iter().any(|arg| arg == "--check")),
        Some("crash") => {
            let kills = option(&args, "--kills").and_then(|n| n.parse().ok());
            if args.iter().any(|arg| arg == "--model") {
                crash::minds::run(kills.unwrap_or(20))
            } else {
                crash::run(kills.unwrap_or(50), option(&args, "--program"))
            }
        }
        Some("misbehave") => misbehave::run(&args[1..]),
        Some("erasure") => erasure::run(&args[1..]),
        Some("fuzz") => fuzz::run(&args[1..]),
        Some("bench") => bench::run(&args[1..]),
        Some("load") => load::main(&args[1..]),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The value after `--name`.
pub(crate) fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1).map(String::as_str)
}
