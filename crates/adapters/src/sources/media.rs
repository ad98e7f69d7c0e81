//! What sort of content bytes are, and how much of it is kept.

use std::sync::Arc;

use affiant_engine::ports::SourceItem;
use affiant_journal::Digest;
use serde_json::json;

/// A file up to this size is kept whole.
pub(super) const LARGEST_FILE: u64 = 16 << 20;
/// All files of one source together are kept whole up to this size.
const LARGEST_SUM: u64 = 64 << 20;
/// Stands for a file that is known by its digest alone.
const OMITTED: &str = "application/vnd.affiant.omitted+json";
const BINARY: &str = "application/octet-stream";

/// The media type of a file, from its name and its bytes. What is not text is binary, whatever its name says.
pub(super) fn media(name: &str, bytes: &[u8]) -> &'static str {
    let is_text = std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0);
    let extension = name.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("pdf") => "application/pdf",
        _ if !is_text => BINARY,
        Some("md" | "markdown") => "text/markdown",
        Some("json") => "application/json",
        Some("yaml" | "yml") => "application/yaml",
        Some("toml") => "application/toml",
        Some("html" | "htm") => "text/html",
        Some("css") => "text/css",
        Some("csv") => "text/csv",
        Some("js" | "mjs") => "text/javascript",
        Some("xml") => "application/xml",
        Some("svg") => "image/svg+xml",
        _ => "text/plain",
    }
}

/// The files of a source, gathered within its limits.
#[derive(Default)]
pub(super) struct Gathered {
    items: Vec<SourceItem>,
    sum: u64,
}

impl Gathered {
    /// Whether a file of this size is still kept whole.
    pub(super) fn has_room(&self, size: u64) -> bool {
        size <= LARGEST_FILE && self.sum + size <= LARGEST_SUM
    }

    /// Adds a file with its bytes.
    pub(super) fn whole(&mut self, name: String, origin: String, bytes: Vec<u8>) {
        self.sum += bytes.len() as u64;
        let media = media(&name, &bytes).to_owned();
        self.items.push(SourceItem { name, origin, media, bytes: bytes.into() });
    }

    /// Adds a file that is too large to be kept: what it is remains known by size and digest.
    pub(super) fn omitted(&mut self, name: String, origin: String, size: u64, digest: Digest) {
        let bytes: Arc<[u8]> = json!({ "digest": digest, "size": size }).to_string().into_bytes().into();
        self.items.push(SourceItem { name, origin, media: OMITTED.into(), bytes });
    }

    /// The items by name.
    pub(super) fn items(mut self) -> Vec<SourceItem> {
        self.items.sort_by(|a, b| a.name.cmp(&b.name));
        self.items
    }
}

/// A path as the name of an item. One that is not UTF-8 gets a part of its digest, so that names stay different.
pub(super) fn name(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(name) => name.to_owned(),
        Err(_) => format!("{}~{}", String::from_utf8_lossy(path), &Digest::of(path).hex()[..8]),
    }
}
