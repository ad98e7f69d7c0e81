//! The personal values that the bundle opens, and values with them back in their places.

use std::collections::BTreeMap;

use affiant_journal::{Digest, Disclosure, Event, Payload, bytes};
use serde_json::Value;

use crate::bundle::{Bundle, name};

/// The lines of `disclosures.jsonl`.
pub(super) struct Opened {
    /// By commitment.
    pub(super) values: BTreeMap<Digest, Disclosure>,
    /// Numbers of the lines, from 1, that are no disclosure or repeat one.
    pub(super) unreadable: Vec<usize>,
}

impl Opened {
    pub(super) fn of(bundle: &Bundle) -> Self {
        let mut opened = Self { values: BTreeMap::new(), unreadable: Vec::new() };
        let lines = bundle.bytes(name::DISCLOSURES).unwrap_or_default();
        for (at, line) in lines.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let disclosure = text.and_then(|text| Disclosure::parse(text).ok());
            let repeated = disclosure.map(|it| opened.values.insert(it.commit(), it).is_some());
            if repeated != Some(false) {
                opened.unreadable.push(at + 1);
            }
        }
        opened
    }

    /// The digest of the bytes that a payload of this event stands for. None where something in it is closed, or lies in
    /// a blob.
    pub(super) fn digest(&self, payload: &Payload, event: &Event) -> Option<Digest> {
        match payload {
            Payload::Blob(blob) => event.sd.is_empty().then_some(blob.digest),
            Payload::Inline(value) if event.sd.is_empty() => bytes::encode(value).ok().map(|bytes| Digest::of(&bytes)),
            Payload::Inline(value) => bytes::encode(&self.restored(value, event)?).ok().map(|bytes| Digest::of(&bytes)),
        }
    }

    /// The value with every placeholder of this event opened.
    fn restored(&self, value: &Value, event: &Event) -> Option<Value> {
        match (hidden(value, event), value) {
            (Some(commitment), _) => self.values.get(&commitment).map(|disclosure| disclosure.value().clone()),
            (None, Value::Array(items)) => items.iter().map(|item| self.restored(item, event)).collect(),
            (None, Value::Object(members)) => {
                let members = members.iter().map(|(key, member)| Some((key.clone(), self.restored(member, event)?)));
                members.collect::<Option<_>>().map(Value::Object)
            }
            (None, other) => Some(other.clone()),
        }
    }
}

/// The commitment that stands in the place of a value: `{"sd":"sha256:…"}`, one of this event's own.
fn hidden(value: &Value, event: &Event) -> Option<Digest> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let commitment = members.get("sd")?.as_str()?.parse().ok()?;
    event.sd.contains(&commitment).then_some(commitment)
}
