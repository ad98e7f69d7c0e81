//! Values that callers and tools bring, as they stand in events and as they were.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{BlobRef, Digest, Disclosure, Payload, Salt, bytes, redact};
use serde_json::Value;

use crate::{agent::Hidden, ports::Chance};

const JSON: &str = "application/json";

/// A value that is ready to be recorded.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// What stands in the event.
    pub(crate) payload: Payload,
    /// What opens the hidden fields.
    pub(crate) disclosures: Vec<Disclosure>,
    /// Bytes that must be kept before the event is.
    pub(crate) blob: Option<Arc<[u8]>>,
}

/// The bytes of a value: its one spelling, or plain JSON when it has none because of fractions or large numbers.
pub(crate) fn spelled(value: &Value) -> Vec<u8> {
    bytes::encode(value).unwrap_or_else(|_| sorted(value).to_string().into_bytes())
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> = members.iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(members.into_iter().map(|(key, value)| (key.clone(), value)).collect())
        }
        plain => plain.clone(),
    }
}

/// Readies a value that stands at `at` in the event's body.
pub(crate) fn keep(value: Value, at: &str, hidden: &Hidden, chance: &dyn Chance) -> Kept {
    let (value, disclosures) = hide(value, at, hidden, chance);
    if bytes::fits(&value) {
        return Kept { payload: Payload::Inline(value), disclosures, blob: None };
    }
    let content: Arc<[u8]> = spelled(&value).into();
    Kept { payload: Payload::Blob(blob_ref(&content, JSON)), disclosures, blob: Some(content) }
}

/// How events name these bytes.
pub(crate) fn blob_ref(content: &[u8], media: &str) -> BlobRef {
    BlobRef { digest: Digest::of(content), media: media.into(), size: content.len() as u64 }
}

fn hide(mut value: Value, at: &str, hidden: &Hidden, chance: &dyn Chance) -> (Value, Vec<Disclosure>) {
    if hidden.is_empty() {
        return (value, Vec::new());
    }
    hidden.dropped.iter().for_each(|pointer| drop_at(&mut value, pointer));
    redact(value, at, &hidden.committed, || salt(chance))
}

fn drop_at(value: &mut Value, pointer: &str) {
    let Some((above, field)) = pointer.rsplit_once('/') else { return };
    match above.split_once("/*") {
        Some((list, below)) => {
            if let Some(Value::Array(items)) = value.pointer_mut(list) {
                items.iter_mut().for_each(|item| drop_at(item, &format!("{below}/{field}")));
            }
        }
        None => {
            if let Some(Value::Object(members)) = value.pointer_mut(above) {
                members.shift_remove(field);
            }
        }
    }
}

/// A fresh salt.
pub(crate) fn salt(chance: &dyn Chance) -> Salt {
    let mut bytes = [0; 16];
    chance.fill(&mut bytes);
    Salt(bytes)
}

/// Puts opened values back where they stood below `at`.
pub(crate) fn restore(mut value: Value, at: &str, opened: &[Disclosure]) -> Value {
    for disclosure in opened {
        let place = disclosure.path().strip_prefix(at).and_then(|path| value.pointer_mut(path));
        if let Some(place) = place {
            *place = disclosure.value().clone();
        }
    }
    value
}
