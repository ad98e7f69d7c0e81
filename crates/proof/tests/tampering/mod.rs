//! A clean bundle, and what an attacker has at hand to change it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a test's own helpers")]

pub mod attacks;

use affiant_journal::{Digest, bytes};
use affiant_proof::{bundle::Bundle, paths::Proofs, trust::Trust};
use serde_json::Value;

use crate::support::{Dice, Shape, World, to_json};

/// A bundle, the log it comes from, and the log of another tenant.
pub struct Case {
    pub world: World,
    pub other: World,
    pub run: usize,
    pub bundle: Bundle,
    pub trust: Trust,
}

impl Case {
    pub fn new(seed: u64) -> Self {
        let world = World::new(seed);
        let other = World::shaped(seed + 500_000, "t_2", Shape::Small);
        let run = seed as usize % world.scripts.len();
        let mut trust = world.log.trust();
        // An auditor may trust both tenants; that must not make one pass for the other.
        trust.origins.extend(other.log.trust().origins);
        Self { bundle: world.bundle(run), world, other, run, trust }
    }

    /// The events, one line each.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        lines(&self.bundle, "events.jsonl")
    }

    pub fn proofs(&self) -> Proofs {
        serde_json::from_slice(self.bundle.bytes("proofs.json").unwrap()).unwrap()
    }

    /// The bundle with other events, and proofs that speak of these places.
    pub fn with(&self, lines: &[Vec<u8>], places: Option<Vec<u64>>) -> Bundle {
        let mut bundle = self.bundle.clone();
        bundle.put("events.jsonl", joined(lines));
        if let Some(events) = places {
            let Proofs { size, admin, .. } = self.proofs();
            let proofs = Proofs::collect(&self.world.log, size, events, admin, None).unwrap();
            bundle.put("proofs.json", to_json(&proofs));
        }
        bundle
    }
}

pub fn lines(bundle: &Bundle, name: &str) -> Vec<Vec<u8>> {
    let bytes = bundle.bytes(name).unwrap_or_default();
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line[..line.len() - 1].to_vec()).collect()
}

pub fn joined(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\n"]).collect::<Vec<_>>().concat()
}

/// Another value in the place of one leaf of a JSON document, in the right spelling.
pub fn edited(line: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(line).unwrap();
    let mut pointers = Vec::new();
    leaves(&value, String::new(), &mut pointers);
    let pointer = &pointers[dice.below(pointers.len())];
    let place = value.pointer_mut(pointer).unwrap();
    *place = match &*place {
        Value::Null => Value::from(Digest::of(b"other").to_string()),
        Value::Bool(it) => Value::from(!it),
        Value::Number(it) => Value::from(it.as_i64().unwrap() + 1 + dice.below(9) as i64),
        Value::String(it) => Value::from(other_text(it, dice)),
        Value::Array(_) | Value::Object(_) => Value::from(1),
    };
    bytes::encode(&value).unwrap()
}

/// Changes one character so that digests stay digests and times stay times, or the whole text.
fn other_text(text: &str, dice: &mut Dice) -> String {
    let digits: Vec<usize> = text.char_indices().filter(|(_, it)| it.is_ascii_digit()).map(|(at, _)| at).collect();
    if digits.is_empty() || dice.chance(20) {
        return format!("{text}x");
    }
    let at = digits[dice.below(digits.len())];
    let digit = (text.as_bytes()[at] - b'0' + 1) % 10;
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}

fn leaves(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(at, item)| leaves(item, format!("{pointer}/{at}"), found));
        }
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, member)| leaves(member, format!("{pointer}/{key}"), found));
        }
        _ => found.push(pointer),
    }
}
