//! Everything CI runs, one named step after the other.

use std::time::Instant;

use anyhow::Result;

use crate::{canaries, crash, erasure, generate, judges, mcp, misbehave, option, providers, record, sh, studio};

/// A step: its name, and what it does.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: &[Step] = &[
    ("format", || sh::run(&mut sh::cargo(&["fmt", "--all", "--check"]))),
    ("lints", || {
        sh::run(&mut sh::cargo(&["clippy", "--quiet", "--workspace", "--lib", "--bins", "--", "-D", "warnings"]))
    }),
    ("facts", || {
        sh::run(&mut sh::cargo(&["test", "--quiet", "--workspace", "--no-fail-fast", "--bins", "--lib", "--tests"]))
    }),
    ("rendered", || generate::run(true)),
    ("contracts", judges::contracts),
    ("openapi", judges::openapi),
    ("schemathesis", judges::schemathesis),
    ("accessibility", judges::accessibility),
    ("studio", studio::checked),
    ("first-run", judges::first_run),
    ("crash", || crash::run(50, None)),
    ("crash-model", || crash::minds::run(20)),
    ("misbehave", || misbehave::asked(30, 1)),
    ("foreign", judges::foreign),
    ("record", record::judged),
    ("canaries", canaries::run),
    ("secrets", canaries::secrets::run),
    ("mcp", mcp::example_servers),
    ("providers", providers::sdks),
    ("erasure", || erasure::run(&[])),
    ("dependencies", judges::dependencies),
];

/// Runs every step, or the one named by `--only`; goes on after a failure and fails at the end.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let only = option(args, "--only");
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, step) in STEPS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        println!("── {name}");
        let began = Instant::now();
        match step() {
            Ok(()) => {
                passed += 1;
                println!("   {name}: ok, {:.0} s", began.elapsed().as_secs_f64());
            }
            Err(error) => {
                println!("   {name}: FAILED: {error:#}");
                failed.push(*name);
            }
        }
    }
    println!("\nsteps: {passed} passed, {} failed", failed.len());
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    anyhow::ensure!(passed > 0, "no step has this name");
    Ok(())
}
