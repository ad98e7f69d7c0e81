//! The real binary, as a person types it: a server in a folder of its own, and what commands print.

#![allow(dead_code, unreachable_pub, reason = "every test file uses another part")]
#![expect(clippy::disallowed_methods, reason = "a test of the real binary reads what it prints")]

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// A server, killed when it is dropped.
pub struct Server {
    folder: TempDir,
    child: Child,
    transcript: String,
}

/// What a command printed, and how it ended.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Server {
    /// A server whose project holds these files.
    pub fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        for (name, text) in files.iter().chain(&[("affiant.toml", "")]) {
            let path = project.join(name);
            if !path.exists() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
        }
        let child = serve(folder.path(), &project, Stdio::inherit(), "warn");
        Self { folder, child, transcript: String::new() }
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Kills the server as a power cut would, and starts it again.
    pub fn kill_and_restart(&mut self) {
        self.restart(Stdio::inherit(), "warn");
    }

    /// Stops the server and starts it again, with its log at this level going there.
    pub fn restart(&mut self, log: Stdio, level: &str) {
        // Killing it twice is killing it once.
        let _ = self.child.kill();
        self.child.wait().unwrap();
        self.child = serve(self.folder.path(), &self.project(), log, level);
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops the server as a power cut would.
    pub fn stop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the server as `affiant down` would.
    pub fn finish(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success() && self.child.wait().unwrap().success());
    }

    /// Starts the server again; gives what it said when it does not.
    pub fn try_to_serve(&mut self) -> Result<(), String> {
        let mut command = affiant(self.folder.path());
        command.current_dir(self.project()).args(["server", "serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.starts_with("listening on ") {
            self.child = child;
            return Ok(());
        }
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        child.wait().unwrap();
        Err(words)
    }

    /// Types a command, with nobody to ask.
    pub fn affiant(&self, arguments: &[&str]) -> Said {
        let mut command = affiant(self.folder.path());
        let output = command.current_dir(self.project()).args(arguments).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("a terminal is shown UTF-8");
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// A page of the server as it is sent, head and body.
    pub fn page(&self, path: &str) -> String {
        let running = std::fs::read(self.folder.path().join("data/server.json")).unwrap();
        let url = serde_json::from_slice::<Value>(&running).unwrap()["url"].as_str().unwrap().to_owned();
        let host = url.trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    }

    /// Types a command and gives the JSON document that it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.affiant(&[arguments, &["-o", "json"]].concat());
        serde_json::from_str(&said.out)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}{}", said.out, said.err))
    }

    /// Types a command and writes what it prints into the transcript.
    pub fn types(&mut self, line: &str) -> Said {
        let arguments: Vec<&str> = line.split(' ').collect();
        let said = self.affiant(&arguments);
        let shown = mask(line, self.folder.path());
        writeln!(self.transcript, "$ affiant {shown}").unwrap();
        for (mark, text) in [("", &said.out), ("! ", &said.err)] {
            for line in mask(text, self.folder.path()).lines() {
                writeln!(self.transcript, "{}", format!("{mark}{line}").trim_end()).unwrap();
            }
        }
        if said.code != 0 {
            writeln!(self.transcript, "exit {}", said.code).unwrap();
        }
        self.transcript.push('\n');
        said
    }

    /// Everything that was typed since the last time, with what came back.
    pub fn transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is a test's server, and nothing of it is needed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn affiant(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_affiant"));
    command.env_clear().env("HOME", folder).env("AFFIANT_DATA_DIR", folder.join("data"));
    command
}

/// Starts a server and waits until it listens.
fn serve(folder: &Path, project: &Path, log: Stdio, level: &str) -> Child {
    let mut command = affiant(folder);
    command.current_dir(project).args(["server", "serve", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(log).env("AFFIANT_LOG", level).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    child
}

/// A text without what differs each time: ids, moments, durations, folders, ports.
pub fn mask(text: &str, folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let text = text.replace(&*real.to_string_lossy(), "FOLDER").replace(&*folder.to_string_lossy(), "FOLDER");
    let rules = [
        (r"\b(run|apr|art|ctx|key|whk|w|b)_[0-9A-HJKMNP-TV-Z]{26}", "${1}_ID"),
        (r"…[0-9A-HJKMNP-TV-Z]{6}", "…ID"),
        (r"\b(affiant [a-z ]+) [0-9A-HJKMNP-TV-Z]{6}\b", "$1 ID"),
        (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "TIME"),
        (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
        (r"\b\d+(\.\d+)? [mµ]?s\b", "A WHILE"),
        (r"127\.0\.0\.1:\d+", "ADDRESS"),
        (r"pid \d+", "pid PID"),
        (r"trace [0-9a-f]{32}", "trace TRACE"),
        (r"0\.\d+\.\d+\b", "VERSION"),
        (r" +(expires|MADE|ID|DIGEST|EXPIRES)", " $1"),
    ];
    rules.iter().fold(text, |text, (pattern, with)| Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned())
}
