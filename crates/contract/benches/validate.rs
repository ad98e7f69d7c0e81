//! How long validation, loading and linting take. Prints one JSON object of medians in nanoseconds.

use std::{hint::black_box, time::Duration};

use affiant_contract::{Contract, Registry, builtin, lint, load_file};
use serde_json::{Value, json};

fn main() {
    // `cargo test --benches` asks every bench to do nothing but run.
    let once = std::env::args().any(|argument| argument == "--test");
    let rounds = if once { 1 } else { 201 };
    let registry = Registry::new(builtin()).expect("the built-in contracts are each there once");
    let run = registry.operation("agent.run", &"1.0.0".parse().expect("a version")).expect("agent.run is built in");
    let right = json!({
        "agentKey": "release-notes", "contextSnapshotId": "snap_01JDA3K9W2ZB8R5M0C7T7XK4QZ",
        "prompt": "Draft release notes for the next version.", "input": { "repository": ".", "since": "last-tag" },
        "mode": "background", "priority": 10, "metadata": { "team": "platform", "ticket": 4711 },
    });
    let wrong = json!({ "agentkey": "release-notes", "mode": "fast", "priority": 5000 });
    let shipped = builtin();
    let texts = thousand();
    let contracts = load(&texts);
    let medians = json!({
        "validate_agent_run_input_ns": median(rounds, 1000, || run.validate_input(black_box(&right)).is_ok()),
        "refuse_agent_run_input_ns": median(rounds, 100, || run.validate_input(black_box(&wrong)).is_ok()),
        "load_1000_contracts_ns": median(rounds.min(11), 1, || load(black_box(&texts)).len()),
        "registry_of_1000_contracts_ns": median(rounds.min(11), 1, || Registry::new(contracts.clone()).map(|r| r.len()).ok()),
        "lint_1000_contracts_for_start_ns": median(rounds.min(11), 1, || start(black_box(&contracts), &shipped)),
    });
    print(&medians);
}

/// A thousand contracts of a user: `agent.run` under other keys.
fn thousand() -> Vec<(String, String)> {
    let text = builtin().into_iter().find(|contract| contract.reference().to_string() == "agent.run@1.0.0");
    let text = text.expect("agent.run is built in").source.text;
    let of = |index: usize| {
        let key = format!("user.op-{index}");
        (format!("contracts/{key}.yaml"), text.replacen("key: agent.run\n", &format!("key: {key}\n"), 1))
    };
    (0..1000).map(of).collect()
}

fn load(texts: &[(String, String)]) -> Vec<Contract> {
    texts.iter().map(|(path, text)| load_file(path, text).expect("it is agent.run under another key")).collect()
}

fn start(contracts: &[Contract], beside: &[Contract]) -> usize {
    lint::lint(&lint::Lint { contracts, beside, start: true, ..Default::default() }).len()
}

/// The median time of one call, over `rounds` rounds of `calls` calls.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn median<T>(rounds: usize, calls: u32, mut call: impl FnMut() -> T) -> u64 {
    let mut round = || {
        let start = std::time::Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        start.elapsed() / calls
    };
    let mut times: Vec<Duration> = (0..rounds).map(|_| round()).collect();
    times.sort();
    u64::try_from(times[rounds / 2].as_nanos()).unwrap_or(u64::MAX)
}

#[expect(clippy::print_stdout, reason = "the result is what standard output is for")]
fn print(medians: &Value) {
    println!("{medians}");
}
