//! What other people wrote: control characters, escape sequences, direction marks and endless lines in agents, tools and
//! commits. It is shown escaped, stored exactly, and breaks nothing.

mod real;

use std::{io::Write as _, path::Path, process::Command};

use real::{Said, Server};

/// Clears a screen, sets a title, goes back, turns the text, hides a letter, and would be a page's script.
const EVIL: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}\rb\u{202e}c\u{200b}d\u{9b}31m<script>alert(1)</script>\u{0}e\u{7f}";

const OPERATION: &str = r"
kind: query
key: hostile.say
version: 1.0.0
title: 'Say'
description: Prints a file of the project.
goal: Bring in what somebody else wrote.
context: Used by a test alone.
domain: hostile
owners: [test]
tags: [test]
stability: experimental
capability: hostile.tools@1.0.0
input:
  type: object
  additionalProperties: false
  required: [file]
  properties:
    file: { type: string, description: Name of the file. }
output:
  type: object
  additionalProperties: false
  required: [text]
  properties:
    text: { type: string, description: What it says. }
errors: [binding-failed]
policy: { auth: user }
hints: { readOnly: true, destructive: false, idempotent: true }
idempotency: natural
examples:
  - title: Say
    input: { file: a }
    output: { text: a }
binding: { kind: command, argv: [cat, '{file}'] }
";

const CAPABILITY: &str = "
kind: capability
key: hostile.tools
version: 1.0.0
title: Tools of a test
description: One operation that brings in what somebody else wrote.
goal: Be shown without harm.
context: Used by a test alone.
domain: hostile
owners: [test]
tags: [test]
stability: experimental
capabilityKind: integration
provides: [hostile.say@1.0.0]
";

const AGENT: &str = r#"
kind: agent
key: hostile
version: 1.0.0
title: "T EVIL"
description: "D EVIL"
goal: "G EVIL"
context: "C EVIL"
domain: agent
owners: ["o EVIL"]
tags: [test]
stability: experimental
docs: docs.agents.hostile
feature: platform.agent
input:
  type: object
  additionalProperties: false
  required: [file]
  properties:
    file: { type: string, description: Which file is said. }
output:
  type: object
  additionalProperties: false
  properties: { said: { type: string, description: What was said. } }
tools:
  - operation: hostile.say@1.0.0
  - { operation: tool.echo@1.0.0, approval: required }
planner:
  kind: rules
  rules:
    - id: say
      when: "!has(steps.say)"
      then: { call: { tool: hostile.say@1.0.0, as: say, label: "say EVIL", with: { file: "${input.file}" } } }
    - id: keep
      when: "!('said.txt' in artifacts)"
      then: { artifact: { kind: file, name: said.txt, mediaType: text/plain, content: "${steps.say.result.text}", summary: "S EVIL" } }
    - id: ask
      when: "!has(answers.sure)"
      then: { ask: { question: "Q EVIL", schema: { type: boolean }, as: sure } }
    - id: echo
      when: "!has(steps.echo)"
      then: { call: { tool: tool.echo@1.0.0, as: echo, with: { value: "${steps.say.result.text}" } } }
    - id: done
      then: { finish: { said: "${steps.say.result.text}" } }
"#;

/// Nothing that a terminal obeys, and nothing that hides.
fn is_tame(said: &Said) -> Result<(), String> {
    for text in [&said.out, &said.err] {
        let wild = |c: char| {
            (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
        };
        if let Some(at) = text.find(wild) {
            let start = text[..at].char_indices().rev().nth(40).map_or(0, |(at, _)| at);
            return Err(format!("{:?}", &text[start..at]));
        }
    }
    Ok(())
}

fn project(big: usize) -> Vec<(&'static str, String)> {
    let escaped = serde_json::to_string(EVIL).unwrap().replace('\u{7f}', r"\u007f");
    let said = |text: &str| serde_json::to_string(&serde_json::json!({ "text": text })).unwrap();
    vec![
        ("contracts/hostile.say-1.0.0.yaml", OPERATION.to_owned()),
        ("contracts/hostile.tools-1.0.0.yaml", CAPABILITY.to_owned()),
        ("contracts/hostile-1.0.0.yaml", AGENT.replace("EVIL", escaped.trim_matches('"'))),
        ("evil.json", said(EVIL)),
        ("big.json", said(&"x".repeat(big))),
    ]
}

fn start(big: usize) -> Server {
    let files = project(big);
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Server::start(&files)
}

#[test]
fn what_an_agent_and_a_tool_say_is_shown_escaped_and_stored_exactly() {
    let server = start(1);
    let mut wrong = Vec::new();
    let mut tame = |arguments: &[&str], code: i32| {
        let said = server.affiant(arguments);
        if said.code != code {
            wrong.push(format!("{arguments:?}: exit {} and not {code}\n{}{}", said.code, said.out, said.err));
        }
        wrong.extend(is_tame(&said).err().map(|near| format!("{arguments:?}: near {near}")));
        said
    };
    tame(&["agent", "list"], 0);
    tame(&["agent", "get", "hostile"], 0);
    tame(&["contract", "get", "hostile@1.0.0"], 0);
    tame(&["start", "hostile", "-i", "file=evil.json", "--wait=blocked"], 13);
    tame(&["run", "get", "@last"], 0);
    tame(&["run", "list"], 0);
    tame(&["run", "answer", "@last", "true"], 0);
    tame(&["run", "wait", "@last", "--wait=blocked"], 13);
    tame(&["approval", "list"], 0);
    let approvals = server.json(&["approval", "list"]);
    let approval = approvals["items"][0]["approvalId"].as_str().unwrap();
    let digest = approvals["items"][0]["actionDigest"].as_str().unwrap();
    tame(&["approval", "get", approval], 0);
    tame(&["approve", approval, "--hash", digest, "--yes"], 0);
    tame(&["run", "wait", "@last"], 0);
    tame(&["artifact", "list", "@last"], 0);
    tame(&["artifact", "get", "@last/said.txt"], 0);
    tame(&["artifact", "get", "@last/none"], 3);
    tame(&["run", "explain", "@last"], 0);
    tame(&["run", "compare", "@last", "@last"], 0);
    tame(&["artifact", "list", "@last", "-o", "wide"], 0);
    tame(&["agent", "list", "-o", "wide"], 0);
    let typed = EVIL.replace('\0', "");
    tame(&["start", &typed], 3);
    tame(&["run", "get", &typed], 2);
    tame(&["start", "echo", "-i", &format!("{typed}=1")], 2);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.affiant(&["artifact", "get", "@last/said.txt", "--out", "kept.txt"]);
    assert_eq!(std::fs::read(server.project().join("kept.txt")).unwrap(), EVIL.as_bytes());
    let listed = server.json(&["artifact", "list", "@last"]);
    assert_eq!(listed["items"][0]["summary"], format!("S {EVIL}"));
}

#[test]
fn pages_about_a_hostile_agent_hold_no_script_of_its_own() {
    let server = start(1);
    let page = server.page("/docs/reference/platform.agent/hostile");
    assert!(page.starts_with("HTTP/1.1 200"), "{}", &page[..200.min(page.len())]);
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(page.contains("&lt;script&gt;alert"));
}

#[test]
fn a_line_of_many_megabytes_is_kept_whole_or_refused_in_words() {
    for (size, code) in [(9 << 20, 13), (11 << 20, 10)] {
        let server = start(size);
        let said = server.affiant(&["start", "hostile", "-i", "file=big.json", "--wait=blocked"]);
        is_tame(&said).unwrap();
        assert_eq!(said.code, code, "{}{}", said.out, said.err);
        let explained = server.affiant(&["run", "explain", "@last"]);
        assert!(said.out.len() + explained.out.len() < 100_000, "a person is not shown megabytes");
        if code == 13 {
            server.affiant(&["artifact", "get", "@last/said.txt", "--out", "kept.txt"]);
            assert_eq!(std::fs::metadata(server.project().join("kept.txt")).unwrap().len(), size as u64);
            assert_eq!(server.affiant(&["run", "answer", "@last", "true"]).code, 0);
            let asked = server.affiant(&["run", "wait", "@last", "--wait=blocked"]);
            assert_eq!(asked.code, 13, "{}{}", asked.out, asked.err);
        }
        assert_eq!(server.affiant(&["start", "echo", "--wait"]).code, 0);
    }
}

fn git(folder: &Path, arguments: &[&str], input: &[u8]) {
    let mut command = Command::new("git");
    command.current_dir(folder).env("GIT_CONFIG_GLOBAL", "/dev/null").args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
    ]);
    let mut child = command
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    assert!(child.wait().unwrap().success(), "git {arguments:?}");
}

#[test]
fn a_hostile_history_becomes_notes_that_are_shown_escaped() {
    let server = start(1);
    let folder = server.project().join("repository");
    std::fs::create_dir(&folder).unwrap();
    git(&folder, &["init", "-q"], b"");
    let commit = ["commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-"];
    let evil = EVIL.replace('\0', "");
    git(&folder, &commit, format!("feat: {evil}\n\nbody {evil}").as_bytes());
    git(&folder, &commit, "fix: ".bytes().chain(std::iter::repeat_n(b'x', 10 << 20)).collect::<Vec<_>>().as_slice());
    git(&folder, &commit, b"feat: not UTF-8 \xff\xfe\n");
    let said = server.affiant(&["try", "--no-input", "-C", folder.to_str().unwrap()]);
    is_tame(&said).unwrap();
    assert_eq!(said.code, 13, "{}{}", said.out, said.err);
    let notes = server.affiant(&["artifact", "get", "@last/NOTES.md"]);
    is_tame(&notes).unwrap();
    let accounted = server.json(&["artifact", "list", "@last"]);
    assert_eq!(accounted["items"][0]["summary"], "Notes on 3 commits, every one accounted for");
}
