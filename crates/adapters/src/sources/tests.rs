use std::{fs, os::unix::fs::symlink, path::Path};

use affiant_contract::{GitRead, builtin};
use serde_json::Value;

use super::*;
use crate::git::fixture::Fixture;

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn root(&self) -> std::path::PathBuf {
        self.dir.path().canonicalize().unwrap()
    }

    fn with(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    async fn read(&self, from: SourceSpec) -> Result<Vec<SourceItem>, String> {
        let contracts = Registry::new(builtin()).unwrap();
        let reader = Reader::new(Arc::new(contracts), Arc::new(Http::new()));
        let source = PackSource { key: "s".into(), version: None, required: true, description: None, from };
        let scope = Scope { tenant: "t".into(), run: None, roots: vec![self.root()].into() };
        reader.read(&source, &scope).await.map_err(|e| format!("{}: {}", e.code, e.message))
    }

    async fn files(&self, include: &[&str]) -> Result<String, String> {
        let items = self.read(files(&self.root(), include)).await?;
        Ok(items
            .iter()
            .map(|item| format!("{:?} {} {}", item.name, item.media, item.bytes.len()))
            .collect::<Vec<_>>()
            .join("\n"))
    }
}

fn files(root: &Path, include: &[&str]) -> SourceSpec {
    let include = include.iter().map(|glob| (*glob).to_owned()).collect();
    SourceSpec::File { root: root.to_str().unwrap().into(), include, exclude: vec![] }
}

fn git(root: &Path, read: GitRead, range: Option<&str>, limit: Option<u64>) -> SourceSpec {
    SourceSpec::Git { root: root.to_str().unwrap().into(), read, range: range.map(Into::into), limit }
}

#[tokio::test]
async fn files_come_by_name_with_their_media_type_and_binary_ones_marked() {
    let world = World::new()
        .with("b/z.md", "z")
        .with("b.json", "{}")
        .with("a\nb.yaml", "x: 1")
        .with("data.md", [0, 1])
        .with(".gitignore", "secret.json\n")
        .with("secret.json", "{}")
        .with(".git/config", "token");
    symlink("/etc/passwd", world.root().join("link.md")).unwrap();
    insta::assert_snapshot!(world.files(&["**"]).await.unwrap(), @r#"
    ".gitignore" text/plain 12
    "a\nb.yaml" application/yaml 4
    "b.json" application/json 2
    "b/z.md" text/markdown 1
    "data.md" application/octet-stream 2
    "#);
    assert_eq!(world.files(&["secret.json"]).await.unwrap(), r#""secret.json" application/json 2"#);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_known_by_its_digest() {
    let world = World::new().with("large.json", vec![b'x'; (16 << 20) + 1]);
    let items = world.read(files(&world.root(), &["*"])).await.unwrap();
    assert_eq!(items[0].media, "application/vnd.affiant.omitted+json");
    let said: Value = serde_json::from_slice(&items[0].bytes).unwrap();
    assert_eq!(said["size"], (16 << 20) + 1);
    assert_eq!(said["digest"], affiant_journal::Digest::of(&vec![b'x'; (16 << 20) + 1]).to_string());
}

#[tokio::test]
async fn what_is_not_there_and_what_may_not_be_read_are_told_apart() {
    let world = World::new().with("a.md", "");
    let root = world.root();
    let mut told = Vec::new();
    for from in [
        files(&root, &["CHANGELOG.md"]),
        files(&root.join("missing"), &["*"]),
        files(Path::new("/etc"), &["*"]),
        files(&root, &["["]),
        git(&root, GitRead::History, None, None),
        git(Path::new("/etc"), GitRead::Tree, None, None),
        SourceSpec::Contract { contract: "agent.run@9.9.9".into() },
        SourceSpec::Contract { contract: "agent.run".into() },
        SourceSpec::Http { url: "http://127.0.0.1:1/".into() },
        SourceSpec::Http { url: "x".into() },
    ] {
        told.push(world.read(from).await.unwrap_err().replace(root.to_str().unwrap(), "ROOT"));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    not-found: CHANGELOG.md is not in the folder
    not-found: ROOT/missing: there is no folder at this path
    path-not-allowed: /etc: the folder is not inside a folder that this run may use
    unreadable: `[` is not a glob: unclosed character class; missing ']'
    not-found: ROOT: there is no git repository in this folder
    path-not-allowed: /etc: the folder is not inside a folder that this run may use
    not-found: no contract agent.run@9.9.9 is loaded
    unreadable: `agent.run` is not a contract reference such as `agent.run@1.0.0`
    address-not-allowed: 127.0.0.1: this is not an address of the public internet
    unreadable: `url` is not an address such as https://example.com/
    ");
    assert_eq!(world.files(&["*.none"]).await, Ok(String::new()));
}

#[tokio::test]
async fn a_history_is_the_same_bytes_in_every_clone() {
    let mut all = Vec::new();
    for with_clutter in [false, true] {
        let world = World::new();
        let mut fixture = Fixture::new(&world.root());
        let a = fixture.commit("a\n\nbody", &[("x", b"1")]);
        if with_clutter {
            let lonely = fixture.tree(&[("only here", b"")]);
            fixture.repo.reference("refs/heads/other", a, gix::refs::transaction::PreviousValue::Any, "x").unwrap();
            assert!(!lonely.is_null());
        }
        fixture.tag("v1.0.0", a);
        fixture.commit("b", &[("x", b"2")]);
        let items = world.read(git(&world.root(), GitRead::History, None, None)).await.unwrap();
        all.push((items[0].name.clone(), items[0].media.clone(), items[0].bytes.clone()));
    }
    assert_eq!(all[0], all[1]);
    insta::assert_snapshot!(String::from_utf8_lossy(&all[0].2), @r#"{"commits":[{"sha":"b90530b4bb6ee280b224723c4cd569ec274366de","short":"b90530b","author":"Ana Lima","email":"ana@example.com","at":"2026-09-21T14:15:20Z","subject":"b","body":"","parents":["96d0b4a9876cfc70446ba3ad0c1aeb44b0cb0ea3"]}],"from":"v1.0.0","fromSha":"96d0b4a9876cfc70446ba3ad0c1aeb44b0cb0ea3","to":"HEAD","toSha":"b90530b4bb6ee280b224723c4cd569ec274366de","truncated":false}"#);
}

#[tokio::test]
async fn a_tree_is_its_files_by_path() {
    let world = World::new();
    let mut fixture = Fixture::new(&world.root());
    fixture.commit("a", &[("b/c.md", b"c"), ("b.md", b"b"), ("bin", b"\0")]);
    let items = world.read(git(&world.root(), GitRead::Tree, None, None)).await.unwrap();
    let told: Vec<_> = items.iter().map(|item| format!("{} {} {}", item.name, item.media, item.bytes.len())).collect();
    assert_eq!(told, ["b.md text/markdown 1", "b/c.md text/markdown 1", "bin application/octet-stream 1"]);
    let one = world.read(git(&world.root(), GitRead::Tree, Some("HEAD"), Some(1))).await.unwrap();
    assert_eq!(one.len(), 1);
}

#[tokio::test]
async fn text_and_contracts_are_given_as_they_stand() {
    let world = World::new();
    let text = world.read(SourceSpec::Text { text: "hello".into() }).await.unwrap();
    assert_eq!((&*text[0].bytes, &*text[0].media), (&b"hello"[..], "text/plain"));
    let contract = world.read(SourceSpec::Contract { contract: "tool.echo@1.0.0".into() }).await.unwrap();
    assert!(contract[0].bytes.starts_with(b"kind: command\nkey: tool.echo\n"));
}
