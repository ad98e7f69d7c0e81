//! One API key: its text, and what the store knows of it.

use std::{fmt, sync::Arc};

use affiant_engine::ports::{Chance, Document};
use affiant_journal::{Body, Digest, KeyCreated, PrincipalId, TenantId, Timestamp};
use affiant_policy::{Principal, PrincipalKind, Role};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::COLLECTION;

/// Every key begins with this, so that secret scanners know it.
const PREFIX: &str = "aff_";

/// Crockford's base 32 in lower case: no letter that is taken for another.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Length of a ULID, the part of a key's text that names it.
const ID: usize = 26;

/// 256 bits in base 32.
const SECRET: usize = 52;

/// 30 bits in base 32.
const CHECK: usize = 6;

/// The text of a key: `aff_`, the key's id, `_`, 256 random bits, and a checksum by which a mistyped or cut key is
/// recognised without asking anybody. Shown once; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A fresh key with this id (`key_` and a ULID).
    fn make(id: &str, chance: &dyn Chance) -> Self {
        let mut secret = [0u8; 32];
        chance.fill(&mut secret);
        let mut text = format!("{PREFIX}{}_", name_of(id));
        base32(&secret, SECRET, &mut text);
        let check = Digest::of(text.as_bytes());
        base32(&check.0, CHECK, &mut text);
        Self(text)
    }

    /// Reads a key's text, as from a file or an environment variable. `None` when it is mistyped or cut.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        name_in(text)?;
        let (body, check) = text.split_at_checked(text.len().checked_sub(CHECK)?)?;
        let mut expected = String::new();
        base32(&Digest::of(body.as_bytes()).0, CHECK, &mut expected);
        (check == expected).then(|| Self(text.to_owned()))
    }

    /// The text, to be given to its owner and nobody else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The id of the key, `key_` and a ULID.
    pub fn id(&self) -> String {
        let name = name_in(&self.0).expect("a token is made or parsed with its name in it");
        format!("key_{}", name.to_ascii_uppercase())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.0[..PREFIX.len() + ID])
    }
}

/// The name in a presented key, when it has the shape of one. Whether the secret is right is another question.
pub(super) fn name_in(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(PREFIX)?;
    let shaped = text.is_ascii() && rest.len() == ID + 1 + SECRET + CHECK && rest.as_bytes()[ID] == b'_';
    shaped.then(|| &rest[..ID])
}

/// The name that stands in the text of the key with this id: the ULID of the id, in lower case.
pub(super) fn name_of(id: &str) -> String {
    id.strip_prefix("key_").unwrap_or(id).to_ascii_lowercase()
}

/// The first `digits` digits of these bytes in base 32.
fn base32(bytes: &[u8], digits: usize, text: &mut String) {
    for digit in 0..digits {
        let mut value = 0;
        for bit in digit * 5..digit * 5 + 5 {
            let byte = bytes.get(bit / 8).copied().unwrap_or(0);
            value = value << 1 | (byte >> (7 - bit % 8)) & 1;
        }
        text.push(char::from(ALPHABET[usize::from(value)]));
    }
}

/// What a key is made for.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Whose data it sees.
    pub tenant: TenantId,
    /// Whom it stands for.
    pub principal: PrincipalId,
    /// What sort of caller that is.
    pub kind: PrincipalKind,
    /// What it may do.
    pub role: Role,
    /// What people call it.
    pub label: Option<String>,
    /// When it stops working; never when absent.
    pub expires: Option<Timestamp>,
    /// Who made it.
    pub created_by: PrincipalId,
}

/// What the store knows of a key: everything but the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// `key_` and a ULID.
    pub id: Arc<str>,
    /// Whom it stands for, and what they may do.
    pub principal: Arc<Principal>,
    /// SHA-256 of the key's text.
    pub hash: Digest,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: PrincipalId,
    /// When it stops working.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Whether a browser holds it, in a cookie.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub session: bool,
}

/// Why a key that exists does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Wrong,
    Revoked,
    Expired,
}

impl KeyRecord {
    /// A fresh key, with the text that is shown once.
    pub fn make(new: NewKey, now: Timestamp, chance: &dyn Chance) -> (Token, Self) {
        let token = Token::make(&chance.id("key_", now), chance);
        let record = Self::of(&token, new, now);
        (token, record)
    }

    /// The record of a key whose text exists already.
    pub(super) fn of(token: &Token, new: NewKey, now: Timestamp) -> Self {
        let id: Arc<str> = token.id().into();
        let principal = Principal {
            tenant: new.tenant,
            id: new.principal,
            kind: new.kind,
            role: new.role,
            auth: format!("key:{id}").into(),
        };
        Self {
            id,
            principal: Arc::new(principal),
            hash: Digest::of(token.reveal().as_bytes()),
            label: new.label,
            created_at: now,
            created_by: new.created_by,
            expires_at: new.expires,
            revoked_at: None,
            session: false,
        }
    }

    /// A fresh key for the browser of somebody who is known: theirs in everything, until it ends.
    pub fn session(who: &Principal, now: Timestamp, expires: Timestamp, chance: &dyn Chance) -> (Token, Self) {
        let new = NewKey {
            tenant: who.tenant.clone(),
            principal: who.id.clone(),
            kind: who.kind,
            role: who.role,
            label: Some("browser".to_owned()),
            expires: Some(expires),
            created_by: who.id.clone(),
        };
        let (token, record) = Self::make(new, now, chance);
        (token, Self { session: true, ..record })
    }

    /// Whether this text is the key, and the key works now. The comparison takes the same time wherever the two
    /// differ; only somebody who has the whole key learns that it was revoked or has expired.
    pub(super) fn admits(&self, presented: &str, now: Timestamp) -> Result<(), Unusable> {
        if !bool::from(Digest::of(presented.as_bytes()).0.ct_eq(&self.hash.0)) {
            return Err(Unusable::Wrong);
        }
        if self.revoked_at.is_some() {
            return Err(Unusable::Revoked);
        }
        match self.expires_at {
            Some(expires) if expires <= now => Err(Unusable::Expired),
            _ => Ok(()),
        }
    }

    /// How the making of this key stands in the record: by its id, never by its text.
    pub fn created(&self) -> Body {
        let role = if self.principal.role == Role::Admin { "admin" } else { "user" };
        let (key, principal) = (self.id.clone(), self.principal.id.clone());
        KeyCreated { expires: self.expires_at, key, principal, role: role.into() }.into()
    }

    /// The document that keeps this record.
    pub fn document(&self) -> Document {
        let value = serde_json::to_value(self).expect("a record has only texts as keys");
        Document {
            tenant: self.principal.tenant.clone(),
            collection: COLLECTION.into(),
            id: self.id.clone(),
            value: Some(value),
        }
    }

    /// The record in a document, when there is one.
    pub fn of_document(document: &Document) -> Option<Self> {
        serde_json::from_value(document.value.clone()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeChance;

    fn new() -> NewKey {
        NewKey {
            tenant: "t_local".into(),
            principal: "u_ana".into(),
            kind: PrincipalKind::User,
            role: Role::Admin,
            label: None,
            expires: Some(Timestamp(100)),
            created_by: "u_ana".into(),
        }
    }

    fn made() -> (Token, KeyRecord) {
        KeyRecord::make(new(), Timestamp(1), &FakeChance::default())
    }

    #[test]
    fn a_key_can_be_recognised_and_a_cut_or_mistyped_one_too() {
        let (token, _) = made();
        insta::assert_snapshot!(token.reveal(), @"aff_01jda3k9w2zb8r5m0c7t000000_hypk9exgr7pgjqxz3d8cp3j8f1d063atyt6w394nfjxngf1w3sd023asvf");
        assert_eq!(Token::parse(&format!(" {}\n", token.reveal())), Some(token.clone()));
        assert_eq!(Token::parse(&token.reveal()[..80]), None);
        let mistyped = token.reveal().replacen("_0", "_1", 1);
        assert_eq!(Token::parse(&mistyped), None);
        assert_eq!(Token::parse("aff_ü"), None);
    }

    #[test]
    fn no_debug_text_shows_the_secret() {
        let (token, record) = made();
        let secret = &token.reveal()[PREFIX.len() + ID + 1..];
        assert!(!format!("{token:?} {record:?} {:?}", record.document()).contains(secret));
    }

    #[test]
    fn only_the_whole_key_works_and_only_until_it_ends() {
        let (token, mut record) = made();
        assert_eq!(record.admits(token.reveal(), Timestamp(99)), Ok(()));
        assert_eq!(record.admits(token.reveal(), Timestamp(100)), Err(Unusable::Expired));
        let mut other = token.reveal().to_owned();
        other.pop();
        assert_eq!(record.admits(&other, Timestamp(99)), Err(Unusable::Wrong));
        record.revoked_at = Some(Timestamp(50));
        assert_eq!(record.admits(token.reveal(), Timestamp(99)), Err(Unusable::Revoked));
        assert_eq!(record.admits(&other, Timestamp(99)), Err(Unusable::Wrong));
    }

    #[test]
    fn a_record_reads_back_from_its_document() {
        let (_, record) = made();
        assert_eq!(KeyRecord::of_document(&record.document()), Some(record));
    }
}
