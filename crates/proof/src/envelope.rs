//! Signed documents: DSSE envelopes (Dead Simple Signing Envelope 1.0) with Ed25519.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use crate::keys::{SigningKey, VerifierKey};

/// A payload and its signatures, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Base64 of the payload.
    payload: String,
    /// Media type of the payload; signed with it.
    #[serde(rename = "payloadType")]
    payload_type: String,
    /// At least one.
    signatures: Vec<EnvelopeSignature>,
}

/// One signature over type and payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeSignature {
    /// A hint: name and hash of the key, as in its text form.
    keyid: String,
    /// Base64 of the 64 bytes.
    sig: String,
}

/// An envelope cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEnvelope {
    /// Not an envelope in the spelling that is written here.
    #[error("not a DSSE envelope as it is written here")]
    Form,
    /// The payload is of another type.
    #[error("the envelope holds another type of document")]
    Type,
    /// A signature that names a known key was not made by it.
    #[error("a signature of the envelope is wrong")]
    WrongSignature,
    /// No known key signed it.
    #[error("no known key signed the envelope")]
    UnknownKeys,
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(payload_type: &str, payload: &[u8], keys: &[&SigningKey]) -> Self {
        let signed = pre_authentication(payload_type, payload);
        let signature = |key: &&SigningKey| EnvelopeSignature {
            keyid: key_id(key.verifier()),
            sig: STANDARD.encode(key.sign(&signed)),
        };
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: keys.iter().map(signature).collect(),
        }
    }

    /// The envelope as one line of JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("an envelope is made of texts");
        bytes.push(b'\n');
        bytes
    }

    /// Reads exactly what [`Envelope::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadEnvelope> {
        let envelope: Self = serde_json::from_slice(bytes).map_err(|_| BadEnvelope::Form)?;
        if envelope.to_bytes() == bytes { Ok(envelope) } else { Err(BadEnvelope::Form) }
    }

    /// The payload, once a known key has signed it as this type.
    pub fn open(&self, payload_type: &str, keys: &[VerifierKey]) -> Result<(Vec<u8>, VerifierKey), BadEnvelope> {
        if self.payload_type != payload_type {
            return Err(BadEnvelope::Type);
        }
        let payload = STANDARD.decode(&self.payload).map_err(|_| BadEnvelope::Form)?;
        let signed = pre_authentication(payload_type, &payload);
        let mut signer = None;
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key_id(key) == signature.keyid) else { continue };
            let bytes = STANDARD.decode(&signature.sig).map_err(|_| BadEnvelope::Form)?;
            if !key.verifies(&signed, &bytes) {
                return Err(BadEnvelope::WrongSignature);
            }
            signer.get_or_insert(key);
        }
        signer.map(|key| (payload, key.clone())).ok_or(BadEnvelope::UnknownKeys)
    }
}

fn key_id(key: &VerifierKey) -> String {
    format!("{}+{}", key.name(), key.id())
}

/// What is signed. It can never be the text of a checkpoint: that has its origin, without a space, on a line alone.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut signed = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    signed.extend_from_slice(payload);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyKind, KeyName};

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new("example.org/t_1").unwrap(), KeyKind::Note, &[seed; 32])
    }

    #[test]
    fn the_signed_bytes_are_those_of_the_specification() {
        let signed = pre_authentication("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn an_envelope_opens_with_a_key_that_signed_it() {
        let bytes = Envelope::sign("text/plain", b"yes", &[&key(1), &key(2)]).to_bytes();
        let envelope = Envelope::from_bytes(&bytes).unwrap();
        for seed in [1, 2] {
            let key = key(seed).verifier().clone();
            assert_eq!(envelope.open("text/plain", std::slice::from_ref(&key)), Ok((b"yes".to_vec(), key)));
        }
        assert_eq!(envelope.open("text/plain", &[key(3).verifier().clone()]), Err(BadEnvelope::UnknownKeys));
        assert_eq!(envelope.open("text/html", &[key(1).verifier().clone()]), Err(BadEnvelope::Type));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let clean = Envelope::sign("text/plain", b"yes", &[&key(1)]).to_bytes();
        let keys = [key(1).verifier().clone()];
        for at in 0..clean.len() {
            for bit in 0..8 {
                let mut bytes = clean.clone();
                bytes[at] ^= 1 << bit;
                let opened = Envelope::from_bytes(&bytes).and_then(|envelope| envelope.open("text/plain", &keys));
                assert!(opened.is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}
