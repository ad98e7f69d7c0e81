//! Ed25519 keys with names, in the text forms of C2SP signed-note. No other file names the signature library.

use std::{fmt, str::FromStr, sync::Arc};

use affiant_journal::Digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _};

/// A key's name: what it signs for, such as `audit.example.org/t_default`. Neither white space nor `+`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(Arc<str>);

/// Which signatures a key makes; the first byte of its public form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Over the text of a note: a log's own signature (type 0x01).
    Note,
    /// Over a checkpoint and the time at which a witness saw it (type 0x04).
    Cosignature,
}

/// A text is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The name is empty, or has white space, control characters or `+` in it.
    #[error("a key name is not empty and has neither white space nor `+` in it")]
    Name,
    /// Not the expected text form.
    #[error("a key is written name+hash+base64, a secret one PRIVATE+KEY+name+hash+base64")]
    Form,
    /// The hash in the middle is not that of name and key.
    #[error("the hash in the key's text is not that of its name and bytes")]
    Hash,
    /// Not an Ed25519 key, or one that makes no difference.
    #[error("the key is not a strong Ed25519 key of a known type")]
    Bytes,
}

impl KeyName {
    /// The name with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, BadKey> {
        let text = text.into();
        let wrong = |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
        if text.is_empty() || text.contains(wrong) { Err(BadKey::Name) } else { Ok(Self(text)) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl KeyKind {
    fn byte(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::Cosignature => 0x04,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Note, Self::Cosignature].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// The first four bytes of SHA-256 over name, newline, type and public key: which key a signature line means.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    fn of(name: &KeyName, kind: KeyKind, public: &[u8; 32]) -> Self {
        let Digest(hash) = Digest::of(&[name.0.as_bytes(), b"\n", &[kind.byte()], public].concat());
        Self([hash[0], hash[1], hash[2], hash[3]])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key. Written `name+hash+base64`, with 8 hex digits of hash and the type byte before the key.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    id: KeyId,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(name: KeyName, kind: KeyKind, key: ed25519_dalek::VerifyingKey) -> Self {
        Self { id: KeyId::of(&name, kind, key.as_bytes()), name, kind, key }
    }

    /// What the key signs for.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// Which signatures it makes.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// How signature lines refer to it.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The 32 bytes of the public key.
    pub fn bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Whether this key made this signature over these bytes. Keys and signatures that verify more than they should
    /// (small order, more than one spelling) do not count.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[self.kind.byte()], self.bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(bytes))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = BadKey;

    /// Reads exactly the form that `Display` writes.
    fn from_str(text: &str) -> Result<Self, BadKey> {
        let (name, hash, kind, bytes) = parts(text)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| BadKey::Bytes)?;
        if key.is_weak() {
            return Err(BadKey::Bytes);
        }
        let key = Self::new(name, kind, key);
        if key.id.to_string() == hash { Ok(key) } else { Err(BadKey::Hash) }
    }
}

impl serde::Serialize for VerifierKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for VerifierKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret key. Shown only by [`SigningKey::to_secret_text`], never by `Debug`; its memory is cleared when it goes.
#[derive(Clone)]
pub struct SigningKey {
    public: VerifierKey,
    secret: ed25519_dalek::SigningKey,
}

/// What stands before a secret key's text.
const SECRET: &str = "PRIVATE+KEY+";

impl SigningKey {
    /// The key that 32 random bytes make.
    pub fn from_seed(name: KeyName, kind: KeyKind, seed: &[u8; 32]) -> Self {
        let secret = ed25519_dalek::SigningKey::from_bytes(seed);
        Self { public: VerifierKey::new(name, kind, secret.verifying_key()), secret }
    }

    /// What others check its signatures with.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The 64 bytes of the Ed25519 signature.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.secret.sign(bytes).to_bytes()
    }

    /// `PRIVATE+KEY+name+hash+base64`, for the key's own file.
    pub fn to_secret_text(&self) -> String {
        let bytes = [&[self.public.kind.byte()], self.secret.as_bytes().as_slice()].concat();
        format!("{SECRET}{}+{}+{}", self.public.name, self.public.id, STANDARD.encode(bytes))
    }

    /// Reads what [`SigningKey::to_secret_text`] wrote.
    pub fn from_secret_text(text: &str) -> Result<Self, BadKey> {
        let (name, hash, kind, seed) = parts(text.strip_prefix(SECRET).ok_or(BadKey::Form)?)?;
        let key = Self::from_seed(name, kind, &seed);
        if key.public.id.to_string() == hash { Ok(key) } else { Err(BadKey::Hash) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// `name+hash+base64(type || 32 bytes)`.
fn parts(text: &str) -> Result<(KeyName, &str, KeyKind, [u8; 32]), BadKey> {
    let (name, rest) = text.split_once('+').ok_or(BadKey::Form)?;
    let (hash, base64) = rest.split_once('+').ok_or(BadKey::Form)?;
    let bytes = STANDARD.decode(base64).map_err(|_| BadKey::Form)?;
    let (kind, key) = bytes.split_first().ok_or(BadKey::Form)?;
    let kind = KeyKind::of(*kind).ok_or(BadKey::Bytes)?;
    Ok((KeyName::new(name)?, hash, kind, key.try_into().map_err(|_| BadKey::Bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of Go's `sumdb/note` documentation.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETERS_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

    #[test]
    fn a_key_reads_back_what_it_writes() {
        let secret = SigningKey::from_secret_text(PETERS_SECRET).unwrap();
        assert_eq!(secret.to_secret_text(), PETERS_SECRET);
        assert_eq!(secret.verifier().to_string(), PETER);
        assert_eq!(PETER.parse(), Ok(secret.verifier().clone()));
    }

    #[test]
    fn a_secret_key_is_not_shown_by_accident() {
        let secret = SigningKey::from_secret_text(PETERS_SECRET).unwrap();
        assert_eq!(format!("{secret:?}"), format!("SigningKey({PETER})"));
    }

    #[test]
    fn a_text_that_is_not_exactly_a_key_is_refused() {
        let zero = "n+86ac1bd9+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let cases = [
            (PETER.replace("c74f", "c74e"), BadKey::Hash),
            (PETER.replace("Peter", "Petra"), BadKey::Hash),
            (PETER.replace("PeterNeumann", ""), BadKey::Name),
            (PETER.replace("Neumann", "\u{a0}Neumann"), BadKey::Name),
            (PETER.replace("c74f20a3", "C74F20A3"), BadKey::Hash),
            (PETER.replace("+AR", "+Ah"), BadKey::Bytes),
            (PETER.replace("10TW", ""), BadKey::Bytes),
            (PETER.replace("TW", "T*"), BadKey::Form),
            ("PeterNeumann".into(), BadKey::Form),
            (zero.into(), BadKey::Bytes),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<VerifierKey>(), Err(error), "{text}");
        }
    }
}
