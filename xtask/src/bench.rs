//! Measurements. Each is a file in `benches/results/`; numbers in the README come from there.

mod cold;
mod followers;
mod large;
mod micro;
mod models;
mod runs;
mod studio;

use std::fs;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{crash, sh};

/// A measurement: its name, what it answers, and how it is taken.
type Bench = (&'static str, &'static str, fn() -> Result<Value>);

const BENCHES: &[Bench] = &[
    ("runs", "runs and steps per second, latency, bytes per event, beside a bare floor", runs::run),
    ("crash", "a thousand kills of the server under load: what was lost, and how soon it was ready", crash::measure),
    ("cold", "a cold start: time until ready, memory", cold::run),
    ("large", "a store with 100,000 finished and 10,000 waiting runs", large::run),
    ("long", "one run of 10,000 steps", large::long),
    ("followers", "one run followed by nobody and by a thousand", followers::run),
    ("try", "`affiant try --yes` on a repository with 1,000 commits", cold::try_it),
    ("contracts", "a start with 1,000 user contracts", cold::contracts),
    ("models", "runs with a model: overhead of a step, memory of a thousand conversations", models::run),
    ("studio", "Studio in a browser: first paint, a long run, a long list, the check of a record", studio::run),
    ("micro", "validation, encoding, the door of the gateway", micro::run),
];

/// Takes the named measurements, or all.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let chosen: Vec<&Bench> =
        BENCHES.iter().filter(|(name, ..)| args.is_empty() || args.iter().any(|a| a == name)).collect();
    if chosen.is_empty() {
        bail!("there is no such measurement; there are: {}", BENCHES.map_names());
    }
    for (name, answers, take) in chosen {
        println!("── {name}: {answers}");
        let result = json!({ "name": name, "answers": answers, "machine": machine(name), "result": take()? });
        let text = serde_json::to_string_pretty(&result)?;
        println!("{text}");
        let folder = sh::root().join("benches/results");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.json")), text + "\n")?;
    }
    Ok(())
}

trait Names {
    fn map_names(&self) -> String;
}

impl Names for &[Bench] {
    fn map_names(&self) -> String {
        self.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// What was measured on: enough to tell two results apart, nothing that names the machine.
fn machine(bench: &str) -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name.to_owned()));
    // The benchmarks of single crates are built by `cargo bench`, the others measure what is handed out.
    let profile = if bench == "micro" { "bench" } else { "dist" };
    json!({ "cores": std::thread::available_parallelism().map_or(0, usize::from), "cpu": model, "profile": profile })
}
