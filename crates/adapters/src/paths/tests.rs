use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::*;

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("test folders have plain names")
}

/// `allowed/` with a file and a folder, beside `outside/` with a secret.
fn world() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().canonicalize().unwrap();
    let (allowed, outside) = (base.join("allowed"), base.join("outside"));
    fs::create_dir_all(allowed.join("docs")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    fs::write(allowed.join("docs/a.md"), "hello").unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    (dir, allowed, outside)
}

fn read(folder: &Folder, path: &str) -> Result<String, String> {
    RelativePath::parse(path)
        .and_then(|path| folder.read(&path, 100))
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .map_err(|e| e.code().to_owned())
}

#[test]
fn a_file_below_the_folder_is_read() {
    let (_dir, allowed, _) = world();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    assert_eq!(read(&folder, "docs/a.md"), Ok("hello".into()));
    assert_eq!(read(&folder, "./docs//a.md"), Ok("hello".into()));
    assert_eq!(read(&folder, "docs/b.md"), Err("not-found".into()));
    assert_eq!(read(&folder, "docs"), Err("not-a-file".into()));
    assert_eq!(read(&folder, "docs/a.md/x"), Err("folder-not-found".into()));
}

#[test]
fn no_spelling_of_a_path_leads_out_of_the_folder() {
    let (_dir, allowed, outside) = world();
    symlink(outside.join("secret"), allowed.join("link")).unwrap();
    symlink(&outside, allowed.join("docs/away")).unwrap();
    symlink("docs/a.md", allowed.join("inner")).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    for path in [
        "../outside/secret",
        "docs/../../outside/secret",
        "docs/..",
        text(&outside.join("secret")),
        "//etc/passwd",
        "link",
        "docs/away/secret",
        "inner",
        "docs/a.md\0.png",
        ".git/config",
        "docs/.GIT/config",
        "",
        ".",
    ] {
        assert_eq!(read(&folder, path), Err("path-not-allowed".into()), "{path:?}");
    }
}

#[test]
fn a_folder_outside_the_roots_does_not_open_and_does_not_tell_whether_it_exists() {
    let (_dir, allowed, outside) = world();
    symlink(&outside, allowed.join("away")).unwrap();
    fs::create_dir_all(allowed.join(".git/hooks")).unwrap();
    let roots = [allowed.clone()];
    let beside = allowed.with_file_name("allowed-not");
    fs::create_dir(&beside).unwrap();
    for folder in [
        text(&outside).to_owned(),
        text(&outside.join("missing")).to_owned(),
        text(&beside).to_owned(),
        format!("{}/../outside", text(&allowed)),
        text(&allowed.join("away")).to_owned(),
        text(&allowed.join(".git")).to_owned(),
        text(&allowed.join(".git/hooks")).to_owned(),
        "/".into(),
        "docs".into(),
        ".".into(),
        String::new(),
        format!("{}\0", text(&allowed)),
    ] {
        let error = Folder::open(&roots, &folder).unwrap_err();
        assert_eq!(error.code(), "path-not-allowed", "{folder:?}");
    }
    assert_eq!(Folder::open(&roots, text(&allowed.join("missing"))).unwrap_err().code(), "folder-not-found");
    assert!(Folder::open(&[], text(&allowed)).is_err());
}

#[test]
fn a_folder_may_be_named_by_a_link_that_stays_inside() {
    let (_dir, allowed, _) = world();
    symlink(allowed.join("docs"), allowed.join("manual")).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed.join("manual"))).unwrap();
    assert_eq!(folder.path(), allowed.join("docs"));
    assert_eq!(read(&folder, "a.md"), Ok("hello".into()));
}

#[test]
fn an_open_folder_stays_the_one_that_was_checked() {
    let (_dir, allowed, outside) = world();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed.join("docs"))).unwrap();
    fs::rename(allowed.join("docs"), allowed.join("moved")).unwrap();
    symlink(&outside, allowed.join("docs")).unwrap();
    assert_eq!(read(&folder, "secret"), Err("not-found".into()));
    assert_eq!(read(&folder, "a.md"), Ok("hello".into()));
}

#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let (_dir, allowed, _) = world();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, allowed.join("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    assert_eq!(read(&folder, "pipe"), Err("not-a-file".into()));
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let (_dir, allowed, _) = world();
    fs::write(allowed.join("large"), [b'x'; 101]).unwrap();
    fs::write(allowed.join("fits"), [b'x'; 100]).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    assert_eq!(read(&folder, "large"), Err("too-large".into()));
    assert!(read(&folder, "fits").is_ok());
}

#[test]
fn missing_folders_are_made_inside_and_never_through_a_link() {
    let (_dir, allowed, outside) = world();
    symlink(&outside, allowed.join("away")).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    folder.make_parent(&RelativePath::parse("new/deep/file").unwrap()).unwrap();
    assert!(allowed.join("new/deep").is_dir());
    let error = folder.make_parent(&RelativePath::parse("away/new/file").unwrap()).unwrap_err();
    assert_eq!(error.code(), "path-not-allowed");
    assert!(!outside.join("new").exists());
}

#[test]
fn a_walk_is_sorted_passes_git_over_and_follows_no_link() {
    let (_dir, allowed, outside) = world();
    fs::create_dir_all(allowed.join(".git")).unwrap();
    fs::write(allowed.join(".git/config"), "").unwrap();
    fs::write(allowed.join("line\nbreak"), "").unwrap();
    fs::write(allowed.join("Z"), "").unwrap();
    symlink(&outside, allowed.join("away")).unwrap();
    let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
    let mut seen = Vec::new();
    folder
        .walk(&RelativePath::here(), &mut |found| {
            seen.push(format!("{:?} {:?}", found.path.to_string(), found.kind));
            Some(true)
        })
        .unwrap();
    insta::assert_snapshot!(seen.join("\n"), @r#"
    "Z" File
    "away" Link
    "docs" Folder
    "docs/a.md" File
    "line\nbreak" File
    "#);
}

proptest::proptest! {
    #[test]
    fn whatever_is_asked_only_the_folders_own_files_are_given(
        parts in proptest::collection::vec("(\\.\\.|\\.|docs|a\\.md|away|link|secret|/|\\.git|%2e%2e|\\\\|~)", 0..6)
    ) {
        let (_dir, allowed, outside) = world();
        symlink(&outside, allowed.join("away")).unwrap();
        symlink(outside.join("secret"), allowed.join("link")).unwrap();
        let folder = Folder::open(std::slice::from_ref(&allowed), text(&allowed)).unwrap();
        let given = read(&folder, &parts.join("/"));
        proptest::prop_assert!(given.is_err() || given == Ok("hello".into()), "{given:?}");
    }
}
