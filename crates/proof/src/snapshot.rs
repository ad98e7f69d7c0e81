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

/// The root of a snapshot's document, and the blobs that its items are. None where it is not such a document.
pub fn root(document: &[u8]) -> Option<(Digest, Vec<Digest>)> {
    let Document { items } = serde_json::from_slice(document).ok()?;
    let mut tree = Frontier::new();
    for Item { content, kind, name, source } in &items {
        let BlobRef { digest, media, size } = content;
        let spelled = Spelled { digest: *digest, kind, media, name, size: *size, source };
        tree.push(Digest::of_leaf(&bytes::encode(&spelled).ok()?));
    }
    Some((tree.root(), items.iter().map(|item| item.content.digest).collect()))
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
