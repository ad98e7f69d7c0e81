//! What is too long for a reply: how long it is, what it is the digest of, and how it begins.

use std::sync::Arc;

use affiant_journal::{BlobRef, Digest, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{handlers::services::Services, problem::Refusal};

/// A value that is left out of a reply because of its length.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cut {
    /// Where it would stand.
    pub(super) field: String,
    /// Its length in bytes.
    pub(super) size: usize,
    /// Digest of all of them.
    pub(super) digest: Digest,
    /// How it begins.
    pub(super) start: String,
}

/// A value, or what is said in its place.
pub(super) enum Part {
    /// The value.
    Whole(Value),
    /// What it is, because it is too long.
    Cut(Cut),
}

impl Part {
    /// This value where it has at most so many bytes, as JSON or as the text that it is.
    pub(super) fn of(field: &str, value: Value, most: usize) -> Self {
        if most == usize::MAX {
            return Self::Whole(value);
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if text.len() <= most {
            return Self::Whole(value);
        }
        Self::Cut(Cut::of(field, &text, Digest::of(text.as_bytes()), most))
    }

    /// The value; what is said in its place goes to the others of its kind.
    pub(super) fn whole_or(self, others: &mut Vec<Cut>) -> Option<Value> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Cut(cut) => {
                others.push(cut);
                None
            }
        }
    }
}

impl Cut {
    fn of(field: &str, text: &str, digest: Digest, most: usize) -> Self {
        let start = text[..text.floor_char_boundary(most)].to_owned();
        Self { field: field.to_owned(), size: text.len(), digest, start }
    }

    /// The bytes of a value that is too long, so that nobody needs to make sense of all of them.
    pub(super) async fn read(
        services: &Services,
        tenant: &TenantId,
        blob: &BlobRef,
        most: usize,
    ) -> Result<Option<Arc<[u8]>>, Refusal> {
        if usize::try_from(blob.size).is_ok_and(|size| size <= most) {
            return Ok(None);
        }
        Ok(services.blobs.get(tenant, &blob.digest).await?)
    }

    /// What is said in place of an object that these bytes spell; nothing where they spell none.
    pub(super) fn of_object(field: &str, bytes: &[u8], digest: Digest, most: usize) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        text.starts_with('{').then(|| Self::of(field, text, digest, most))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_long_is_said_by_its_length_its_digest_and_its_beginning() {
        let (value, mut cut) = (json!({ "said": "é".repeat(10) }), Vec::new());
        let text = value.to_string();
        assert_eq!(Part::of("result", value.clone(), text.len()).whole_or(&mut cut), Some(value.clone()));
        assert!(cut.is_empty());
        assert_eq!(Part::of("result", value, 12).whole_or(&mut cut), None);
        let start = "{\"said\":\"é".to_owned();
        assert_eq!(start.len(), 11);
        let digest = Digest::of(text.as_bytes());
        assert_eq!(cut, [Cut { field: "result".into(), size: text.len(), digest, start }]);
        assert_eq!(cut[0], Cut::of_object("result", text.as_bytes(), digest, 12).unwrap());
        assert_eq!(Cut::of_object("result", b"[1]", digest, 1), None);
    }

    #[test]
    fn a_text_is_as_long_as_it_is_and_not_as_json_spells_it() {
        assert!(matches!(Part::of("given.prompt", json!("\"\""), 2), Part::Whole(_)));
        assert!(matches!(Part::of("given.prompt", json!("\"\"\""), 2), Part::Cut(cut) if cut.start == "\"\""));
    }
}
