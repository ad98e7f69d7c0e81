//! A folder that a server may only read is not written by any agent, however the way to it is spelled.
#![cfg(unix)]

mod real;

use std::{fs, os::unix::fs::symlink};

use real::Server;
use serde_json::Value;

const CONFIG: &str = "\
[server]
workspaces = [{ path = \"open\", write = true }, { path = \"closed\" }]
";

const AGENT: &str = r#"
kind: agent
key: scribe
version: 1.0.0
title: Scribe
description: Writes where it is told to.
goal: Show where an agent may write.
context: Used by a test alone.
domain: agent
owners: [test]
tags: [test]
stability: experimental
input:
  type: object
  additionalProperties: false
  required: [root, path, diff]
  properties:
    root: { type: string, description: The folder. }
    path: { type: string, description: The file in it. }
    diff: { type: string, description: "A diff that makes the file; `none` for none." }
tools:
  - operation: fs.read@1.0.0
  - operation: fs.write@1.0.0
  - operation: fs.apply@1.0.0
planner:
  kind: rules
  rules:
    - id: read
      when: "input.path == 'there.txt' && !has(steps.read)"
      then: { call: { tool: fs.read@1.0.0, as: read, with: { root: "${input.root}", path: "${input.path}" } } }
    - id: write
      when: "input.path != 'there.txt' && input.diff == 'none' && !has(steps.write)"
      then:
        call:
          tool: fs.write@1.0.0
          as: write
          with: { root: "${input.root}", path: "${input.path}", content: "written", expected: null }
    - id: apply
      when: "input.diff != 'none' && !has(steps.apply)"
      then:
        call:
          tool: fs.apply@1.0.0
          as: apply
          with:
            root: "${input.root}"
            diff: "${input.diff}"
            expected: [{ path: "${input.path}", digest: null }]
    - id: done
      then: { finish: {} }
"#;

/// A diff that makes a file of one line.
fn making(path: &str) -> String {
    format!("--- /dev/null\n+++ {path}\n@@ -0,0 +1 @@\n+written\n")
}

/// A server that may write `open` and read `closed`, with a link from the one into the other.
fn server() -> Server {
    let files = [
        ("affiant.toml", CONFIG),
        ("agents/scribe-1.0.0.yaml", AGENT),
        ("closed/there.txt", "read me"),
        ("open/a", ""),
    ];
    let mut server = Server::start(&files);
    symlink(server.project().join("closed"), server.project().join("open/link")).unwrap();
    symlink(server.project().join("closed/there.txt"), server.project().join("open/file")).unwrap();
    server.kill_and_restart();
    server
}

/// Starts the agent and gives the code with which its step failed; none where it waits or has ended well.
fn ended(server: &Server, root: &str, path: &str, diff: &str) -> (i32, Option<String>) {
    let root = server.project().join(root);
    let [root, path, diff] = [("root", root.to_str().unwrap()), ("path", path), ("diff", diff)]
        .map(|(name, value)| format!("{name}={value}"));
    let said = server.affiant(&["start", "scribe", "-i", &root, "-i", &path, "-i", &diff, "--wait=blocked"]);
    let events = server.affiant(&["run", "events", "@last"]).out;
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let code = events
        .filter(|event| event["type"] == "step.failed")
        .find_map(|it| Some(it["body"]["code"].as_str()?.to_owned()));
    (said.code, code)
}

#[test]
fn a_folder_that_is_only_read_is_written_by_no_agent_on_no_way() {
    let server = server();
    let ways = [
        ("closed", "new.txt"),
        ("open/link", "new.txt"),
        ("open", "link/new.txt"),
        ("open", "../closed/new.txt"),
        ("open/../closed", "new.txt"),
        ("open", "file"),
        (".", "new.txt"),
    ];
    for (root, path) in ways {
        for diff in ["none".to_owned(), making(path)] {
            let (exit, code) = ended(&server, root, path, &diff);
            // A diff that names a way out of its folder is no diff that can be applied anywhere.
            let expected = if diff != "none" && path.contains("..") { "diff-invalid" } else { "path-not-allowed" };
            assert_eq!(code.as_deref(), Some(expected), "{root} {path} {diff}: exit {exit}");
        }
    }
    let waiting = server.json(&["approval", "list", "--status", "pending"]);
    assert_eq!(waiting["items"].as_array().unwrap().len(), 0, "nobody is asked about what is refused");
    let names: Vec<_> =
        fs::read_dir(server.project().join("closed")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["there.txt"]);
    assert_eq!(fs::read(server.project().join("closed/there.txt")).unwrap(), b"read me");
}

#[test]
fn a_folder_that_is_only_read_is_read_and_the_other_one_is_written_once_somebody_agrees() {
    let server = server();
    assert_eq!(ended(&server, "closed", "there.txt", "none"), (0, None));
    for diff in ["none".to_owned(), making("new.txt")] {
        assert_eq!(ended(&server, "open", "new.txt", &diff), (13, None));
    }
    assert!(!server.project().join("open/new.txt").exists());
    let approvals = server.json(&["approval", "list", "--status", "pending"]);
    let first = &approvals["items"][0];
    let (id, digest) = (first["approvalId"].as_str().unwrap(), first["actionDigest"].as_str().unwrap());
    let said = server.affiant(&["approval", "approve", id, "--hash", digest, "--yes"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let run = first["runId"].as_str().unwrap();
    assert_eq!(server.affiant(&["run", "wait", run]).code, 0);
    assert!(server.project().join("open/new.txt").exists());
}
