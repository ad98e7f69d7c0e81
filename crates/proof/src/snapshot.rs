//! The root of a context snapshot, from its document: `snapshot.json`.
//!
//! The root is the RFC 6962 root over the snapshot's items in order. The bytes of an item's leaf are the document
//! `{"digest","kind","media","name","size","source"}`: what was read, and nothing of where or when.

use affiant_journal::{BlobRef, Digest, bytes};
use serde::{Deserialize, Serialize};

use crate::tree::Frontier;

/// What a root is made of; the document may say more.
#[derive(Deserialize)]
struct Document {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    content: BlobRef,
    kind: String,
    name: String,
    source: String,
}

impl Item {
    fn covered(&self) -> Covered<'_> {
        Covered { content: &self.content, kind: &self.kind, name: &self.name, source: &self.source }
    }
}

/// One item, as far as the root covers it.
#[derive(Clone, Copy, Debug)]
pub struct Covered<'a> {
    /// Its bytes.
    pub content: &'a BlobRef,
    /// Kind of its source.
    pub kind: &'a str,
    /// Its name within the source.
    pub name: &'a str,
    /// Key of its source.
    pub source: &'a str,
}

/// What is hashed of an item.
#[derive(Serialize)]
struct Spelled<'a> {
    digest: Digest,
    kind: &'a str,
    media: &'a str,
    name: &'a str,
    size: u64,
    source: &'a str,
}

impl Covered<'_> {
    /// The leaf hash of the item; none where its size has no spelling.
    fn leaf(self) -> Option<Digest> {
        let Self { content: BlobRef { digest, media, size }, kind, name, source } = self;
        let spelled = Spelled { digest: *digest, kind, media, name, size: *size, source };
        Some(Digest::of_leaf(&bytes::encode(&spelled).ok()?))
    }
}

/// The root over items in this order; none where the size of one has no spelling, which is at 2^53 bytes.
pub fn root_of<'a>(items: impl IntoIterator<Item = Covered<'a>>) -> Option<Digest> {
    let mut tree = Frontier::new();
    for item in items {
        tree.push(item.leaf()?);
    }
    Some(tree.root())
}

/// The root of a snapshot's document, and the blobs that its items are. None where it is not such a document.
pub fn root(document: &[u8]) -> Option<(Digest, Vec<Digest>)> {
    let Document { items } = serde_json::from_slice(document).ok()?;
    let root = root_of(items.iter().map(Item::covered))?;
    Some((root, items.iter().map(|item| item.content.digest).collect()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_root_covers_what_was_read_and_nothing_else() {
        let item = |name: &str, origin: &str| {
            let content = json!({"digest": Digest::of(name.as_bytes()), "media": "text/markdown", "size": 12});
            json!({"source": "docs", "kind": "file", "name": name, "origin": origin, "content": content})
        };
        let root_of = |items: serde_json::Value| root(json!({"id": "ctx_1", "items": items}).to_string().as_bytes());
        let (first, blobs) = root_of(json!([item("a.md", "/here"), item("b.md", "/here")])).unwrap();
        insta::assert_snapshot!(first, @"sha256:61b8ff8318c3a641924405ede9f7011e3f68d72837f95948222909f41a39969b");
        assert_eq!(blobs, [Digest::of(b"a.md"), Digest::of(b"b.md")]);
        let elsewhere = root_of(json!([item("a.md", "/there"), item("b.md", "/there")])).unwrap();
        let other = root_of(json!([item("b.md", "/here"), item("a.md", "/here")])).unwrap();
        assert_eq!((elsewhere.0 == first, other.0 == first), (true, false));
        assert_eq!(root(b"{}"), None);
    }
}
