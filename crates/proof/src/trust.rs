//! Whom an auditor trusts: a file of their own, never part of a bundle.
//!
//! ```json
//! {"origins": {"audit.example.org/t_default": {"keys": ["audit.example.org/t_default+35393eb0+AYqI…"]}},
//!  "witnesses": {"keys": ["witness.example.net/w1+0abc1f19+BIE5…"], "quorum": 1}}
//! ```
//!
//! In place of `keys`, an origin may name the offline root key that vouches for the log's keys, one after the other:
//! `"root": {"keys": ["…"], "history": {DSSE envelope}}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    envelope::{BadEnvelope, Envelope},
    keys::{KeyKind, SigningKey, VerifierKey},
};

/// The media type of a key history, signed with it.
pub const HISTORY_TYPE: &str = "application/vnd.affiant.trust-root+json";

/// The logs and witnesses that an auditor trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Logs by origin.
    #[serde(default)]
    pub origins: BTreeMap<String, LogTrust>,
    /// Witnesses of any log.
    #[serde(default)]
    pub witnesses: Witnesses,
}

/// How one log is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogTrust {
    /// Keys that sign for it at any size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<VerifierKey>,
    /// Who vouches for further keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
}

/// An offline key, and the history of log keys that it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// The DSSE envelope of `trust-root.json`.
    pub history: Envelope,
    /// The root key, or two while it is exchanged.
    pub keys: Vec<VerifierKey>,
}

/// Witnesses, and how many of them are enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// Their cosignature keys.
    #[serde(default)]
    pub keys: Vec<VerifierKey>,
    /// How many must have cosigned; 0 when none is asked for.
    #[serde(default)]
    pub quorum: usize,
}

/// `trust-root.json`: the keys of one log, each with the sizes that it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyHistory {
    /// In order of time.
    pub keys: Vec<Reign>,
    /// The log.
    pub origin: String,
    /// Version of the format.
    pub v: u64,
}

/// A key and the sizes of the log that it signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reign {
    /// The smallest size that it signed.
    pub from: u64,
    /// The key.
    pub key: VerifierKey,
    /// The largest size that it signed; none for the key in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// A trust file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadTrust {
    /// Not JSON of the described form.
    #[error("the trust file is not of the described form: {0}")]
    Form(#[from] serde_json::Error),
    /// A witness key among log keys, or the other way round, or a log key with another name than its log.
    #[error("the key {0} is not of the type or name that its place asks for")]
    Misplaced(String),
    /// The history is not one that the root key signed.
    #[error("the key history of {origin} cannot be relied on")]
    History {
        /// The log.
        origin: String,
        /// Why.
        source: BadEnvelope,
    },
    /// The history is signed, but is another log's or another version.
    #[error("the key history of {0} is another log's, or of another version")]
    OtherHistory(String),
}

impl KeyHistory {
    /// The envelope of `trust-root.json`.
    pub fn sign(&self, root: &SigningKey) -> Envelope {
        let payload = serde_json::to_vec(self).expect("a history is made of texts and numbers");
        Envelope::sign(HISTORY_TYPE, &payload, &[root])
    }
}

impl Trust {
    /// Reads a trust file and checks that every key stands where it belongs.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadTrust> {
        let trust: Self = serde_json::from_slice(bytes)?;
        let logs = trust.origins.iter().flat_map(|(origin, log)| log.keys.iter().map(move |key| (Some(origin), key)));
        let witnesses = trust.witnesses.keys.iter().map(|key| (None, key));
        for (origin, key) in logs.chain(witnesses) {
            let right = match origin {
                Some(origin) => key.kind() == KeyKind::Note && key.name().as_str() == origin,
                None => key.kind() == KeyKind::Cosignature,
            };
            if !right {
                return Err(BadTrust::Misplaced(key.to_string()));
            }
        }
        for origin in trust.origins.keys() {
            trust.history(origin)?;
        }
        Ok(trust)
    }

    /// The keys that sign for a log at this size; none for a log that is not in the file.
    pub fn keys(&self, origin: &str, size: u64) -> Result<Vec<VerifierKey>, BadTrust> {
        let history = self.history(origin)?.into_iter().flat_map(|history| history.keys);
        let reigning = history.filter(|reign| reign.from <= size && reign.until.is_none_or(|until| size <= until));
        let direct = self.origins.get(origin).into_iter().flat_map(|log| log.keys.iter().cloned());
        Ok(direct.chain(reigning.map(|reign| reign.key)).collect())
    }

    fn history(&self, origin: &str) -> Result<Option<KeyHistory>, BadTrust> {
        let Some(root) = self.origins.get(origin).and_then(|log| log.root.as_ref()) else { return Ok(None) };
        let opened = root.history.open(HISTORY_TYPE, &root.keys);
        let (payload, _) = opened.map_err(|source| BadTrust::History { origin: origin.to_owned(), source })?;
        let history: KeyHistory = serde_json::from_slice(&payload)?;
        let named = |reign: &Reign| reign.key.kind() == KeyKind::Note && reign.key.name().as_str() == origin;
        if history.origin != origin || history.v != 1 || !history.keys.iter().all(named) {
            return Err(BadTrust::OtherHistory(origin.to_owned()));
        }
        Ok(Some(history))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::keys::KeyName;

    fn key(name: &str, kind: KeyKind, seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new(name).unwrap(), kind, &[seed; 32])
    }

    fn log(seed: u8) -> VerifierKey {
        key("example.org/t_1", KeyKind::Note, seed).verifier().clone()
    }

    fn witness() -> VerifierKey {
        key("witness.example.net/w1", KeyKind::Cosignature, 9).verifier().clone()
    }

    fn read(value: serde_json::Value) -> Result<Trust, String> {
        Trust::from_bytes(value.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    fn with_history(history: &KeyHistory, signer: u8) -> serde_json::Value {
        let root = |seed| key("example.org/root", KeyKind::Note, seed);
        let (history, root) = (history.sign(&root(signer)), root(7).verifier().clone());
        json!({"origins": {"example.org/t_1": {"root": {"keys": [root], "history": history}}}})
    }

    #[test]
    fn a_log_is_trusted_by_its_keys_and_others_by_none() {
        let trust = read(json!({
            "origins": {"example.org/t_1": {"keys": [log(1)]}},
            "witnesses": {"keys": [witness()], "quorum": 1},
        }))
        .unwrap();
        assert_eq!(trust.keys("example.org/t_1", 5).unwrap(), [log(1)]);
        assert_eq!(trust.keys("example.org/t_2", 5).unwrap(), []);
    }

    #[test]
    fn a_root_key_vouches_for_log_keys_at_the_sizes_they_signed() {
        let reigns =
            vec![Reign { from: 0, key: log(1), until: Some(100) }, Reign { from: 90, key: log(2), until: None }];
        let mut history = KeyHistory { keys: reigns, origin: "example.org/t_1".into(), v: 1 };
        let trust = read(with_history(&history, 7)).unwrap();
        let keys = [1, 95, 101].map(|size| trust.keys("example.org/t_1", size).unwrap());
        assert_eq!(keys, [vec![log(1)], vec![log(1), log(2)], vec![log(2)]]);
        insta::assert_snapshot!(read(with_history(&history, 8)).unwrap_err(), @"the key history of example.org/t_1 cannot be relied on");
        history.origin = "example.org/t_2".into();
        insta::assert_snapshot!(read(with_history(&history, 7)).unwrap_err(), @"the key history of example.org/t_1 is another log's, or of another version");
    }

    #[test]
    fn a_key_in_the_wrong_place_is_refused() {
        for wrong in [
            json!({"origins": {"example.org/t_1": {"keys": [witness()]}}}),
            json!({"origins": {"example.org/t_2": {"keys": [log(1)]}}}),
            json!({"witnesses": {"keys": [log(1)]}}),
            json!({"witness": {}}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
