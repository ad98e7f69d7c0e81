//! Repositories for tests, written object by object.

use std::{fmt::Write, path::Path};

use gix::{ObjectId, hash::Kind, objs, refs::transaction::PreviousValue};

/// A repository under construction. Times count up by a minute from a fixed one.
pub(crate) struct Fixture {
    pub(crate) repo: gix::Repository,
    pub(crate) head: Option<ObjectId>,
    time: i64,
}

impl Fixture {
    pub(crate) fn new(path: &Path) -> Self {
        Self { repo: gix::init(path).unwrap(), head: None, time: 1_790_000_000 }
    }

    pub(crate) fn bare(path: &Path) -> Self {
        Self { repo: gix::init_bare(path).unwrap(), head: None, time: 1_790_000_000 }
    }

    /// A tree with these files.
    pub(crate) fn tree(&self, files: &[(&str, &[u8])]) -> ObjectId {
        let mut editor = self.repo.empty_tree().edit().unwrap();
        for (path, content) in files {
            let id = self.repo.write_blob(content).unwrap();
            editor.upsert(*path, objs::tree::EntryKind::Blob, id).unwrap();
        }
        editor.write().unwrap().detach()
    }

    /// A commit whose bytes are given in full but for tree and parents, and on which HEAD then stands.
    pub(crate) fn raw(&mut self, tree: ObjectId, parents: &[ObjectId], rest: &[u8]) -> ObjectId {
        let mut head = format!("tree {tree}\n");
        for parent in parents {
            writeln!(head, "parent {parent}").unwrap();
        }
        let data = [head.as_bytes(), rest].concat();
        let id = gix::objs::Write::write_buf(&self.repo.objects, objs::Kind::Commit, &data).unwrap();
        self.stand_on(id);
        id
    }

    pub(crate) fn stand_on(&mut self, id: ObjectId) {
        self.head = Some(id);
        self.repo.reference("refs/heads/main", id, PreviousValue::Any, "test").unwrap();
    }

    /// A commit on top of HEAD with these files and this message.
    pub(crate) fn commit(&mut self, message: impl AsRef<[u8]>, files: &[(&str, &[u8])]) -> ObjectId {
        let parents: Vec<_> = self.head.into_iter().collect();
        self.commit_on(&parents, message, files)
    }

    pub(crate) fn commit_on(
        &mut self,
        parents: &[ObjectId],
        message: impl AsRef<[u8]>,
        files: &[(&str, &[u8])],
    ) -> ObjectId {
        self.time += 60;
        let tree = if files.is_empty() { ObjectId::empty_tree(Kind::Sha1) } else { self.tree(files) };
        if files.is_empty() {
            self.repo.write_object(objs::Tree::empty()).unwrap();
        }
        let who = format!("Ana Lima <ana@example.com> {} +0200", self.time);
        let head = format!("author {who}\ncommitter {who}\n\n");
        self.raw(tree, parents, &[head.as_bytes(), message.as_ref()].concat())
    }

    pub(crate) fn tag(&self, name: &str, id: ObjectId) {
        self.repo.tag_reference(name, id, PreviousValue::Any).unwrap();
    }

    pub(crate) fn annotated_tag(&self, name: &str, id: ObjectId) {
        let who = gix::actor::SignatureRef { name: "Ana".into(), email: "a@b".into(), time: "1790000000 +0000" };
        self.repo.tag(name, id, objs::Kind::Commit, Some(who), "release", PreviousValue::Any).unwrap();
    }
}
