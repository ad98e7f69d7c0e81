//! Personal values stay out of events: an event holds a salted digest, and the value travels beside it as a
//! disclosure that opens the digest (`docs/record-format.md`, section 3; the shape is that of RFC 9901).

use std::{collections::HashSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use crate::Digest;

/// 128 random bits, so that nobody finds a value by trying the likely ones.
#[derive(Clone, Copy)]
pub struct Salt(pub [u8; 16]);

/// What opens a commitment: the UTF-8 JSON array `[salt, path, value]`.
///
/// The text is kept as it was made, because a commitment is over bytes: a value with a fraction may be read and
/// written differently by another program.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosure {
    text: Arc<str>,
    path: String,
    value: Value,
}

/// A text is not a disclosure.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a disclosure: expected a JSON array of a salt of 128 bits or more in base64url, a path and a value")]
pub struct NotADisclosure;

/// The fewest characters of a salt: 128 bits in base64url.
const SALT_CHARACTERS: usize = 22;

impl Disclosure {
    /// Hides a value that stands at this path (a JSON pointer into the event's body, such as `/prompt`).
    pub fn new(salt: Salt, path: impl Into<String>, value: Value) -> Self {
        let path = path.into();
        let text = Value::from(vec![URL_SAFE_NO_PAD.encode(salt.0).into(), path.clone().into(), value.clone()]);
        Self { text: text.to_string().into(), path, value }
    }

    /// Reads a disclosure and keeps its text.
    pub fn parse(text: &str) -> Result<Self, NotADisclosure> {
        let (salt, path, value): (String, String, Value) = serde_json::from_str(text).map_err(|_| NotADisclosure)?;
        let readable = salt.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !readable || salt.len() < SALT_CHARACTERS {
            return Err(NotADisclosure);
        }
        Ok(Self { text: text.into(), path, value })
    }

    /// What stands in the event: SHA-256 of the text.
    pub fn commit(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The JSON array.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the value belongs in the event's body.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

/// What stands in the place of a hidden value: `{"sd":"sha256:…"}`.
pub fn placeholder(commitment: Digest) -> Value {
    Value::Object(Map::from_iter([("sd".to_owned(), commitment.to_string().into())]))
}

/// What `subject.erased` says of the commitments that can no longer be opened: SHA-256 over their 32 bytes each, in
/// ascending order. `erased` is sorted here.
pub fn erased_digest(erased: &mut [Digest]) -> Digest {
    erased.sort_unstable();
    Digest::of(erased.iter().map(|commitment| commitment.0).collect::<Vec<_>>().as_flattened())
}

/// Hides the values at these paths. Gives the value with placeholders, and the disclosures in order of their paths.
///
/// Paths are JSON pointers into `value`; a segment `*` means every element or member. Paths that lead nowhere hide
/// nothing, and what stands inside a hidden value is hidden with it. `at` is where `value` itself stands in the event's
/// body (such as `/arguments`) and comes first in every disclosed path.
pub fn redact(
    mut value: Value,
    at: &str,
    paths: &[impl AsRef<str>],
    mut salt: impl FnMut() -> Salt,
) -> (Value, Vec<Disclosure>) {
    let mut found = Vec::new();
    for path in paths {
        find(&value, path.as_ref(), String::new(), &mut found);
    }
    found.sort();
    found.dedup();
    let hidden: HashSet<&str> = found.iter().map(String::as_str).collect();
    let mut disclosures = Vec::with_capacity(found.len());
    for pointer in found.iter().filter(|pointer| !ancestors(pointer).any(|outer| hidden.contains(outer))) {
        let Some(place) = value.pointer_mut(pointer) else { continue };
        let disclosure = Disclosure::new(salt(), format!("{at}{pointer}"), place.take());
        *place = placeholder(disclosure.commit());
        disclosures.push(disclosure);
    }
    (value, disclosures)
}

/// The pointers to what a pointer stands inside of.
fn ancestors(pointer: &str) -> impl Iterator<Item = &str> {
    pointer.rmatch_indices('/').map(|(slash, _)| &pointer[..slash])
}

/// Collects the pointers without `*` that `path` means in `value`.
fn find(value: &Value, path: &str, so_far: String, found: &mut Vec<String>) {
    let Some(path) = path.strip_prefix('/') else {
        if path.is_empty() {
            found.push(so_far);
        }
        return;
    };
    let (segment, rest) = path.find('/').map_or((path, ""), |slash| path.split_at(slash));
    match (segment, value) {
        ("*", Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                find(item, rest, format!("{so_far}/{index}"), found);
            }
        }
        ("*", Value::Object(members)) => {
            for (key, member) in members {
                find(member, rest, format!("{so_far}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {
            if let Some(inner) = value.pointer(&format!("/{segment}")) {
                find(inner, rest, format!("{so_far}/{segment}"), found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn salts() -> impl FnMut() -> Salt {
        let mut next = 0;
        move || {
            next += 1;
            Salt([next; 16])
        }
    }

    fn texts(disclosures: &[Disclosure]) -> String {
        disclosures.iter().map(Disclosure::text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_hidden_value_leaves_its_commitment_in_place() {
        let input = json!({"to": "ana@example.org", "subject": "hi"});
        let (value, disclosures) = redact(input, "/arguments", &["/to"], salts());
        assert_eq!(value, json!({"to": placeholder(disclosures[0].commit()), "subject": "hi"}));
        insta::assert_snapshot!(texts(&disclosures), @r#"["AQEBAQEBAQEBAQEBAQEBAQ","/arguments/to","ana@example.org"]"#);
    }

    #[test]
    fn a_star_means_every_element_or_member() {
        let input = json!({"mails": [{"to": 1}, {"cc": 2}, {"to": 3}], "by~/name": {"x": 4}});
        let (value, disclosures) = redact(input, "", &["/mails/*/to", "/by~0~1name/*"], salts());
        assert_eq!(value["mails"][1], json!({"cc": 2}));
        insta::assert_snapshot!(texts(&disclosures), @r#"
        ["AQEBAQEBAQEBAQEBAQEBAQ","/by~0~1name/x",4]
        ["AgICAgICAgICAgICAgICAg","/mails/0/to",1]
        ["AwMDAwMDAwMDAwMDAwMDAw","/mails/2/to",3]
        "#);
    }

    #[test]
    fn what_stands_inside_a_hidden_value_is_hidden_once() {
        let input = json!({"a": {"b": 1}, "a0": 2});
        let (value, disclosures) = redact(input, "", &["/a/b", "/a", "/a", "/gone", "/a0/x"], salts());
        assert_eq!(value["a0"], json!(2));
        insta::assert_snapshot!(texts(&disclosures), @r#"["AQEBAQEBAQEBAQEBAQEBAQ","/a",{"b":1}]"#);
    }

    #[test]
    fn a_disclosure_keeps_the_bytes_that_it_was_read_from() {
        let text = r#"["0123456789abcdefghijkl", "/price", 1.10]"#;
        let disclosure = Disclosure::parse(text).unwrap();
        assert_eq!((disclosure.text(), disclosure.commit()), (text, Digest::of(text.as_bytes())));
    }

    #[test]
    fn a_short_salt_is_refused() {
        for text in [r#"["0123456789abcdefghijk","/p",1]"#, r#"["0123456789abcdefghij=l","/p",1]"#, "[]", "{}", "x"] {
            assert_eq!(Disclosure::parse(text), Err(NotADisclosure), "{text}");
        }
    }
}
