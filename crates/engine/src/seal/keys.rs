//! The keys of one log, as they stand in their file.

use affiant_journal::TenantId;
use affiant_proof::{
    keys::{BadKey, KeyKind, KeyName, SigningKey, VerifierKey},
    trust::{KeyHistory, Reign},
};
use serde::{Deserialize, Serialize};

/// The keys of one log: those that sign now, and those that once did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogKeys {
    /// The log.
    pub origin: String,
    /// 1, and one more for every time the log began anew.
    pub epoch: u64,
    /// Whether the log's first head was signed. Until then there is no head file to miss.
    pub begun: bool,
    /// In the order in which they came.
    keys: Vec<Kept>,
    /// The logs that this one continues after a restore, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<KeyHistory>,
    /// Version of the file.
    v: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    from: u64,
    public: VerifierKey,
    /// Gone when the key signs no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

/// Why keys cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum BadKeys {
    /// Not the described file.
    #[error("it is not a file of keys: {0}")]
    Form(String),
    /// The name of the log, or a key in the file, is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Two keys sign already.
    #[error("two keys sign already; end the exchange first")]
    Exchanging,
    /// One key signs.
    #[error("one key signs; begin an exchange first")]
    NotExchanging,
}

impl LogKeys {
    /// The name of a tenant's log: the server's name, the tenant, and the epoch when it is not the first.
    pub fn origin(server: &str, tenant: &TenantId, epoch: u64) -> String {
        match epoch {
            1 => format!("{server}/{tenant}"),
            epoch => format!("{server}/{tenant}/{epoch}"),
        }
    }

    /// Keys for a log that begins, with one key made of these random bytes.
    pub fn new(origin: String, epoch: u64, seed: &[u8; 32], before: Vec<KeyHistory>) -> Result<Self, BadKeys> {
        let mut keys = Self { origin, epoch, begun: false, keys: Vec::new(), before, v: 1 };
        keys.add(seed, 0)?;
        Ok(keys)
    }

    /// Reads what [`LogKeys::to_text`] wrote.
    pub fn from_text(text: &str) -> Result<Self, BadKeys> {
        let keys: Self = serde_json::from_str(text).map_err(|error| BadKeys::Form(error.to_string()))?;
        if keys.v != 1 || keys.signers()?.is_empty() {
            return Err(BadKeys::Form("no key in it signs, or it is of another version".into()));
        }
        Ok(keys)
    }

    /// The file's text. It holds secrets.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("keys are texts and numbers");
        text.push('\n');
        text
    }

    fn add(&mut self, seed: &[u8; 32], from: u64) -> Result<(), BadKeys> {
        let key = SigningKey::from_seed(KeyName::new(self.origin.as_str())?, KeyKind::Note, seed);
        let (public, secret) = (key.verifier().clone(), Some(key.to_secret_text()));
        self.keys.push(Kept { from, public, secret, until: None });
        Ok(())
    }

    /// The keys that sign now, in the order in which they came.
    pub fn signers(&self) -> Result<Vec<SigningKey>, BadKey> {
        self.keys.iter().filter_map(|key| key.secret.as_deref()).map(SigningKey::from_secret_text).collect()
    }

    /// The keys that may have signed a head of this size.
    pub fn verifiers(&self, size: u64) -> Vec<VerifierKey> {
        let reigns = |key: &&Kept| key.from <= size && key.until.is_none_or(|until| size <= until);
        self.keys.iter().filter(reigns).map(|key| key.public.clone()).collect()
    }

    /// A second key signs beside the first from this size on.
    pub fn begin_exchange(&mut self, seed: &[u8; 32], size: u64) -> Result<(), BadKeys> {
        if self.signers()?.len() > 1 {
            return Err(BadKeys::Exchanging);
        }
        self.add(seed, size)
    }

    /// All but the newest key sign no more: this size was their last. Their secrets are gone.
    pub fn end_exchange(&mut self, size: u64) -> Result<(), BadKeys> {
        if self.signers()?.len() < 2 {
            return Err(BadKeys::NotExchanging);
        }
        let old = self.keys.len() - 1;
        for key in self.keys[..old].iter_mut().filter(|key| key.secret.is_some()) {
            (key.secret, key.until) = (None, Some(size));
        }
        Ok(())
    }

    /// Which key signed which sizes, for `trust-root.json`.
    pub fn history(&self) -> KeyHistory {
        let reign = |key: &Kept| Reign { from: key.from, key: key.public.clone(), until: key.until };
        KeyHistory { keys: self.keys.iter().map(reign).collect(), origin: self.origin.clone(), v: 1 }
    }
}
