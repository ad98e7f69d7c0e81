//! What a tool answers, as the output of an operation: `content`, `structured` and `truncated`.
//!
//! Items are taken in order until the limit. A text is cut there; an image, a sound or the bytes of a resource that no
//! longer fit are described by size and digest instead. Nothing that an answer links to is fetched.

use affiant_contract::digest;
use affiant_engine::ports::ToolFailure;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::{Map, Value, json};

use crate::{
    display::{escape, shorten},
    failure::refuse,
    secrets::Secrets,
};

/// The most bytes of texts and base64 together.
const MOST: usize = 4 << 20;
/// The most items.
const MOST_ITEMS: usize = 1000;
/// The most characters of an error that a tool reports.
pub(super) const MOST_MESSAGE: usize = 2000;

/// The output, or the failure that the tool reports.
pub(super) fn of(result: CallToolResult, secrets: &Secrets) -> Result<Value, ToolFailure> {
    let mut taking = Taking { room: MOST, truncated: result.content.len() > MOST_ITEMS };
    let content: Vec<Value> = result.content.into_iter().take(MOST_ITEMS).map(|block| taking.block(block)).collect();
    if result.is_error == Some(true) {
        return Err(reported(&secrets.hide_in(Value::Array(content))));
    }
    let mut output = Map::new();
    output.insert("content".to_owned(), secrets.hide_in(Value::Array(content)));
    if let Some(structured) = result.structured_content {
        match taking.fits(structured.to_string().len()) {
            true => drop(output.insert("structured".to_owned(), secrets.hide_in(structured))),
            false => taking.truncated = true,
        }
    }
    if taking.truncated {
        output.insert("truncated".to_owned(), Value::Bool(true));
    }
    Ok(Value::Object(output))
}

/// A failure in the tool's own words. It answered, so that what it did is as certain as what it says.
fn reported(content: &Value) -> ToolFailure {
    let texts = content.as_array().into_iter().flatten().filter_map(|item| item["text"].as_str());
    let said = texts.collect::<Vec<_>>().join("\n");
    let said = shorten(&escape(said.trim()), MOST_MESSAGE);
    refuse(
        "tool-error",
        if said.is_empty() { "the tool reports an error and says nothing about it".into() } else { said },
    )
}

struct Taking {
    room: usize,
    truncated: bool,
}

impl Taking {
    fn block(&mut self, block: ContentBlock) -> Value {
        match block {
            ContentBlock::Text(text) => json!({ "type": "text", "text": self.text(text.text) }),
            ContentBlock::Image(image) => self.media("image", Some(image.mime_type), None, image.data),
            ContentBlock::Audio(audio) => self.media("audio", Some(audio.mime_type), None, audio.data),
            ContentBlock::Resource(embedded) => self.resource(embedded.resource),
            ContentBlock::ResourceLink(link) => {
                let text = |text: Option<String>| text.map(|text| shorten(&text, MOST_MESSAGE));
                present(json!({
                    "type": "link", "uri": link.uri, "name": link.name, "mimeType": link.mime_type,
                    "description": text(link.description.or(link.title)),
                }))
            }
            // A kind of content that a later version of the protocol may bring.
            _ => json!({ "type": "other" }),
        }
    }

    fn resource(&mut self, resource: ResourceContents) -> Value {
        match resource {
            ResourceContents::TextResourceContents { uri, mime_type, text, .. } => {
                present(json!({ "type": "resource", "uri": uri, "mimeType": mime_type, "text": self.text(text) }))
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                self.media("resource", mime_type, Some(uri), blob)
            }
            _ => json!({ "type": "other" }),
        }
    }

    /// As much of a text as fits.
    fn text(&mut self, mut text: String) -> String {
        if !self.fits(text.len()) {
            text.truncate(text.floor_char_boundary(self.room));
            self.room = 0;
            self.truncated = true;
        }
        text
    }

    /// Bytes in base64 if they fit, else what is known of them.
    fn media(&mut self, kind: &str, mime_type: Option<String>, uri: Option<String>, data: String) -> Value {
        let mut item = present(json!({ "type": kind, "uri": uri, "mimeType": mime_type }));
        if self.fits(data.len()) {
            item["data"] = data.into();
            return item;
        }
        self.truncated = true;
        if let Ok(bytes) = BASE64_STANDARD.decode(&data) {
            item["bytes"] = bytes.len().into();
            item["digest"] = digest(&bytes).into();
        }
        item
    }

    /// Takes room for something, if there is so much.
    fn fits(&mut self, bytes: usize) -> bool {
        match self.room.checked_sub(bytes) {
            Some(left) => {
                self.room = left;
                true
            }
            None => false,
        }
    }
}

/// The object without the fields that are null.
fn present(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}
