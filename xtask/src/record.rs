//! The sealed record of the real server, held against verifiers of our own and of others: runs are carried out, exported,
//! altered, and judged; somebody is erased, and everything is judged again.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{needs, server::scratch, sh};

/// What stands in every personal field of the runs below, and must stand nowhere else.
const CANARY: &str = "canary-7f3a-somebody";

/// How many runs carry the canary, unless `CANARY_RUNS` says otherwise.
const CANARY_RUNS: usize = 20;

/// Personal values reach those who may see them, and no log, no list, no file and nobody else.
pub(crate) fn canaries() -> Result<()> {
    let desk = Desk { folder: scratch("canaries")?, affiant: sh::affiant()? };
    let found = desk.sing();
    desk.command(&["down"]).status().ok();
    found
}

/// Bundles of the real server, as `scripts/foreign/check.py` expects them.
struct Desk {
    folder: PathBuf,
    affiant: PathBuf,
}

/// What the real server exports is accepted by every verifier, and what was altered in it is not.
pub(crate) fn judged() -> Result<()> {
    let desk = Desk { folder: scratch("record")?, affiant: sh::affiant()? };
    for name in ["clean", "altered", "previous"] {
        fs::create_dir_all(desk.folder.join(name))?;
    }
    let made = desk.make();
    desk.command(&["down"]).status().ok();
    let clean = made?;
    desk.alter(&clean)?;
    desk.verified()?;
    let python = needs::python(&sh::root().join("scripts/foreign/requirements.txt"))?;
    sh::run(sh::program(python).arg(sh::root().join("scripts/foreign/check.py")).arg(&desk.folder))
}

impl Desk {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = sh::program(&self.affiant);
        command.args(args).current_dir(&self.folder).env("HOME", &self.folder);
        command.env("XDG_DATA_HOME", self.folder.join("share")).env("AFFIANT_LOG", "trace");
        command
    }

    fn say(&self, args: &[&str]) -> Result<String> {
        sh::output(&mut self.command(args))
    }

    /// Runs of two agents, exported before and after their caller was erased.
    fn make(&self) -> Result<Vec<PathBuf>> {
        self.say(&["try", "--sample", "--yes"])?;
        let kept = self.say(&["audit", "checkpoint"])?;
        for prompt in ["one", "two words", "drei"] {
            let input = r#"{"steps":3}"#;
            self.say(&[
                "call",
                "agent.run",
                "--agentKey",
                "echo",
                "--prompt",
                prompt,
                "--input",
                input,
                "--mode",
                "wait",
            ])?;
        }
        self.say(&["audit", "trust", "-o", "trust.json"])?;
        let runs = self.say(&["run", "list", "-o", "id"])?;
        let runs: Vec<&str> = runs.lines().collect();
        ensure!(runs.len() >= 4, "expected four runs and more, got {runs:?}");
        let mut clean = Vec::new();
        for (at, run) in runs.iter().enumerate() {
            clean.push(self.export(run, &format!("real-{at}"), &kept)?);
        }
        self.say(&["audit", "erase", "--subject", "owner", "--basis", "a test", "--yes"])?;
        for (at, run) in runs.iter().enumerate() {
            clean.push(self.export(run, &format!("erased-{at}"), &kept)?);
        }
        Ok(clean)
    }

    fn export(&self, run: &str, name: &str, kept: &str) -> Result<PathBuf> {
        let (file, previous) = (self.folder.join(format!("clean/{name}.affiant")), format!("previous/{name}"));
        fs::write(self.folder.join(&previous), kept)?;
        let shown = file.to_string_lossy().into_owned();
        self.say(&["audit", "export", run, "-o", &shown, "--previous", &previous])?;
        Ok(file)
    }

    /// Runs with the canary in every personal field, and a look everywhere.
    fn sing(&self) -> Result<()> {
        self.say(&["up"])?;
        let keys = ["ana", "ben"].map(|name| self.say(&["key", "create", name, "-o", "json", "--jq", ".secret"]));
        let [ana, ben] = keys.map(|key| key.map(|key| key.trim().trim_matches('"').to_owned()));
        let (ana, ben) = (ana?, ben?);
        let runs = std::env::var("CANARY_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(CANARY_RUNS);
        for number in 0..runs {
            // Every third ends early, and every fourth is refused: errors are sinks too.
            let steps = if number % 4 == 3 { "\"nonsense\"" } else { "2" };
            let input = format!(r#"{{"steps":{steps},"note":"{CANARY}"}}"#);
            let input = if number % 2 == 0 { r#"{"steps":2}"# } else { input.as_str() };
            let mut start =
                self.command(&["call", "agent.run", "--agentKey", "echo", "--prompt", CANARY, "--input", input]);
            start.env("AFFIANT_TOKEN", &ana).output()?;
            if number % 3 == 2 {
                self.command(&["run", "cancel", "@last", "--reason", CANARY, "--yes"]).output()?;
            }
        }
        std::thread::sleep(std::time::Duration::from_secs(2));
        let last = self.say(&["run", "list", "-o", "id"])?;
        let last = last.lines().last().context("there are runs")?.to_owned();
        // Whoever may not see it: every list, the record, and an export.
        let shown = [
            vec!["run", "list", "-o", "json"],
            vec!["call", "agent.status"],
            vec!["call", "agent.events", "--runId", &last],
            vec!["call", "agent.audit", "--runId", &last],
            vec!["call", "agent.compare", "--left", &last, "--right", &last],
            vec!["run", "explain", &last],
            vec!["audit", "export", &last, "-o", "ben.affiant"],
        ];
        for args in shown {
            let output = self.command(&args).env("AFFIANT_TOKEN", &ben).output()?;
            let said = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{args:?} failed, so nothing was tried: {said}");
            ensure!(!holds(&output.stdout) && !holds(&output.stderr), "{args:?} shows the canary to somebody else");
        }
        // Whoever may see it does, or nothing above was ever tried.
        let mut export = self.command(&["audit", "export", &last, "-o", "ana.affiant"]);
        export.env("AFFIANT_TOKEN", &ana).output()?;
        ensure!(holds(&fs::read(self.folder.join("ana.affiant"))?), "the canary is in no run");
        fs::remove_file(self.folder.join("ana.affiant"))?;
        let seen =
            files_below(&self.folder)?.into_iter().filter(|file| fs::read(file).is_ok_and(|bytes| holds(&bytes)));
        let seen: Vec<String> = seen.map(|file| file.display().to_string()).collect();
        ensure!(seen.is_empty(), "the canary stands in {}", seen.join(", "));
        println!("   {runs} runs with a canary in every personal field: nowhere but where it belongs");
        Ok(())
    }

    /// One byte of each of these members, changed in place.
    fn alter(&self, clean: &[PathBuf]) -> Result<()> {
        for file in clean {
            let bytes = fs::read(file)?;
            let name = file.file_stem().context("a bundle has a name")?.to_string_lossy().into_owned();
            for member in ["events.jsonl", "checkpoint", "statement.dsse.json", "agent.yaml", "README.txt"] {
                let (start, length) = place_of(&bytes, member).with_context(|| format!("{name} has no {member}"))?;
                let mut altered = bytes.clone();
                // Of the checkpoint, the root: a changed name or key id makes the signature one of somebody unknown.
                let at = if member == "checkpoint" { root_in(&bytes[start..start + length]) } else { length / 2 };
                let at = start + at;
                altered[at] = if altered[at] == b'x' { b'y' } else { b'x' };
                let class = member.replace('.', "-");
                fs::write(self.folder.join(format!("altered/{class}-{name}.affiant")), altered)?;
            }
        }
        Ok(())
    }

    /// Our own verifier, offline: 0 for what is clean, 20 for what is not.
    fn verified(&self) -> Result<()> {
        let verify = self.affiant.with_file_name("affiant-verify");
        for (folder, expected) in [("clean", 0), ("altered", 20)] {
            for file in fs::read_dir(self.folder.join(folder))? {
                let file = file?.path();
                let mut command = sh::program(&verify);
                command.arg(&file).arg("--trust").arg(self.folder.join("trust.json"));
                let output = command.output()?;
                let said = String::from_utf8_lossy(&output.stdout);
                ensure!(output.status.code() == Some(expected), "{}: {said}", file.display());
                // One server wrote these, so their events bear times in their order.
                ensure!(expected != 0 || !said.contains("the clock went back"), "{}: {said}", file.display());
            }
        }
        Ok(())
    }
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
}

fn files_below(folder: &std::path::Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// Where the root's base64 stands in a checkpoint: on its third line.
fn root_in(note: &[u8]) -> usize {
    note.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).map_or(0, |(at, _)| at + 3)
}

/// Where the content of a member begins, and its length.
fn place_of(tar: &[u8], member: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    while at + 512 <= tar.len() {
        let header = &tar[at..at + 512];
        let name = std::str::from_utf8(header[..100].split(|byte| *byte == 0).next()?).ok()?;
        let length = usize::from_str_radix(std::str::from_utf8(&header[124..135]).ok()?, 8).ok()?;
        if name == member {
            return Some((at + 512, length));
        }
        at += 512 + length.div_ceil(512) * 512;
    }
    None
}
