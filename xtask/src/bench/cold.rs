//! Starts: how soon a server is ready, how much memory it takes, how long the first run of a stranger lasts.

use std::{fs, path::Path, time::Instant};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    server::{Server, scratch},
    sh,
};

/// Starts on empty data.
pub(super) fn run() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let mut starts = Vec::new();
    for number in 0..7 {
        let folder = scratch(&format!("bench-cold-{number}"))?;
        let server = Server::start(&affiant, &folder.join("data"), &folder)?;
        starts.push((server.ready_after.as_secs_f64() * 1e3, server.resident_kib()));
    }
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(
        json!({ "starts": starts.len(), "readyMsMedian": starts[3].0, "readyMsMax": starts[6].0, "residentKiB": starts[3].1 }),
    )
}

/// A start with 1,000 contracts of the user's own.
pub(super) fn contracts() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let folder = scratch("bench-contracts")?;
    fs::create_dir_all(folder.join("contracts"))?;
    fs::write(folder.join("affiant.toml"), "contracts = [\"contracts\"]\n")?;
    for number in 0..999 {
        fs::write(folder.join(format!("contracts/bench.op{number}-1.0.0.yaml")), operation(number))?;
    }
    fs::write(folder.join("contracts/bench.capability-1.0.0.yaml"), capability())?;
    let server = Server::start(&affiant, &folder.join("data"), &folder)?;
    Ok(
        json!({ "contracts": 1000, "readyMs": server.ready_after.as_secs_f64() * 1e3, "residentKiB": server.resident_kib() }),
    )
}

/// `affiant try --yes`, from typed to done, on a repository with 1,000 commits.
pub(super) fn try_it() -> Result<Value> {
    let affiant = sh::shipped("affiant-server", "affiant")?;
    let folder = scratch("bench-try")?;
    let repository = folder.join("repository");
    thousand_commits(&repository)?;
    let command = |word: &str| {
        let mut command = sh::program(&affiant);
        command.arg(word).current_dir(&repository).env("HOME", &folder).env("XDG_DATA_HOME", folder.join("share"));
        command
    };
    let began = Instant::now();
    let output = sh::output(command("try").arg("--yes"));
    let seconds = began.elapsed().as_secs_f64();
    command("down").status().ok();
    output?;
    Ok(json!({ "commits": 1000, "seconds": seconds }))
}

/// A repository by `git fast-import`, which needs no working tree and no time.
fn thousand_commits(folder: &Path) -> Result<()> {
    use std::{io::Write, process::Stdio};
    fs::create_dir_all(folder)?;
    sh::run(sh::program("git").args(["init", "--quiet"]).arg(folder))?;
    let mut import =
        sh::program("git").arg("-C").arg(folder).args(["fast-import", "--quiet"]).stdin(Stdio::piped()).spawn()?;
    let mut script = String::new();
    let kinds = ["feat", "fix", "docs", "chore", "refactor", "Update"];
    for number in 0..1000 {
        let subject = format!("{}: change number {number}", kinds[number % kinds.len()]);
        script += &format!(
            "commit refs/heads/main\ncommitter Ana <ana@example.com> {} +0000\ndata {}\n{subject}\nM 644 inline file.txt\ndata {}\n{number}\n",
            1_700_000_000 + number * 60,
            subject.len(),
            number.to_string().len()
        );
    }
    import.stdin.take().expect("piped above").write_all(script.as_bytes())?;
    anyhow::ensure!(import.wait()?.success(), "git fast-import failed");
    sh::run(sh::program("git").arg("-C").arg(folder).args(["symbolic-ref", "HEAD", "refs/heads/main"]))?;
    sh::run(sh::program("git").arg("-C").arg(folder).args(["reset", "--quiet", "--hard"]))
}

fn operation(number: u32) -> String {
    format!(
        "kind: query\nkey: bench.op{number}\nversion: 1.0.0\ntitle: Operation {number}\n\
description: Answers with what it was asked, as operation {number}.\ngoal: Fill a project with many contracts.\n\
context: Loaded while the start of the server is measured.\ndomain: bench\nowners: [bench]\ntags: [bench]\nstability: experimental\n\
capability: bench.capability@1.0.0\ninput:\n  type: object\n  additionalProperties: false\n  required: [name]\n  properties:\n    name: {{ type: string, description: A name. }}\n    amount: {{ type: integer, minimum: 0, description: An amount. }}\n\
output:\n  type: object\n  additionalProperties: false\n  required: [name]\n  properties:\n    name: {{ type: string, description: The name. }}\n\
errors: [binding-failed]\npolicy: {{ auth: user }}\nhints: {{ readOnly: true, destructive: false, idempotent: true }}\nidempotency: natural\n\
examples:\n  - title: Ask\n    input: {{ name: a }}\n    output: {{ name: a }}\nbinding: {{ kind: command, argv: [cat] }}\n"
    )
}

fn capability() -> String {
    let provides = (0..999).map(|number| format!("bench.op{number}@1.0.0")).collect::<Vec<_>>().join(", ");
    format!(
        "kind: capability\nkey: bench.capability\nversion: 1.0.0\ntitle: Many operations\ndescription: Provides every operation of the benchmark.\n\
goal: Fill a project with many contracts.\ncontext: Loaded while the start of the server is measured.\ndomain: bench\nowners: [bench]\ntags: [bench]\nstability: experimental\n\
capabilityKind: integration\nprovides: [{provides}]\n"
    )
}
