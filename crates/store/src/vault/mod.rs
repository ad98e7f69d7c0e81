//! Where personal values are sealed and opened: AES-256-GCM-SIV with one key per subject.
//!
//! A sealed value is a version byte, the number of the subject's key (four bytes, big-endian), the encrypted
//! disclosure and a tag of 16 bytes. It is bound to tenant, stream, `seq`, subject and commitment. The nonce is
//! the first 12 bytes of the commitment, which is a hash over 128 random bits; the cipher stays safe even
//! where a nonce comes twice. Destroying a key makes everything sealed with it unreadable; a later value of
//! the same subject gets a new key.

mod cipher;
mod keys;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use affiant_engine::ports::{Chance, Place, Vault, VaultError};
use affiant_journal::TenantId;
use zeroize::Zeroizing;

pub(crate) use self::{cipher::Secret, keys::KeyError};
use self::{
    cipher::{NONCE, bound, decrypt, encrypt},
    keys::{Keys, SubjectKey},
};

/// Version of the layout of sealed values.
const LAYOUT: u8 = 1;
/// Version and key number.
const HEAD: usize = 5;
/// Subjects whose keys are held in memory; when there are more, all are read again as they are needed.
const HELD: usize = 4096;

/// Keys in a file of their own, wrapped by the key of the key file.
pub struct KeyVault {
    keys: Mutex<Keys>,
    newest: RwLock<Held>,
}

#[derive(Default)]
struct Held {
    tenants: HashMap<TenantId, HashMap<Box<str>, SubjectKey>>,
    count: usize,
}

impl KeyVault {
    /// Opens the file of keys, or makes it. Its keys are wrapped with the one `above` them.
    pub(crate) fn open(path: &Path, above: Secret, chance: Arc<dyn Chance>) -> Result<Self, KeyError> {
        Ok(Self::with(Keys::open(path, above, chance)?))
    }

    /// A vault that forgets its keys with the process, for tests.
    pub fn in_memory(chance: Arc<dyn Chance>) -> Result<Self, VaultError> {
        let mut above = Secret::new([0; cipher::KEY]);
        chance.fill(&mut *above);
        Ok(Self::with(Keys::in_memory(above, chance)?))
    }

    fn with(keys: Keys) -> Self {
        Self { keys: Mutex::new(keys), newest: RwLock::default() }
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self, tenant: &TenantId, subject: &str) -> Result<SubjectKey, VaultError> {
        if let Some(key) = self.held(tenant, subject) {
            return Ok(key);
        }
        let keys = self.keys();
        let key = keys.newest(tenant, subject)?;
        // Still under the lock of the file: an erasure cannot come between reading a key and holding it.
        self.newest.write().unwrap_or_else(PoisonError::into_inner).hold(tenant, subject, key.clone());
        Ok(key)
    }

    fn held(&self, tenant: &TenantId, subject: &str) -> Option<SubjectKey> {
        let held = self.newest.read().unwrap_or_else(PoisonError::into_inner);
        held.tenants.get(tenant)?.get(subject).cloned()
    }

    fn numbered(&self, tenant: &TenantId, subject: &str, number: u32) -> Result<SubjectKey, VaultError> {
        match self.held(tenant, subject) {
            Some(key) if key.number == number => Ok(key),
            _ => Ok(self.keys().numbered(tenant, subject, number)?),
        }
    }
}

impl Held {
    fn hold(&mut self, tenant: &TenantId, subject: &str, key: SubjectKey) {
        if self.count >= HELD {
            *self = Self::default();
        }
        self.count += 1;
        self.tenants.entry(tenant.clone()).or_default().insert(subject.into(), key);
    }

    fn forget(&mut self, tenant: &TenantId, subject: &str) {
        if self.tenants.get_mut(tenant).and_then(|subjects| subjects.remove(subject)).is_some() {
            self.count -= 1;
        }
    }
}

impl Vault for KeyVault {
    fn seal(&self, place: &Place<'_>, disclosure: &str) -> Result<Arc<[u8]>, VaultError> {
        let key = self.newest(place.tenant, place.subject)?;
        let mut head = [LAYOUT; HEAD];
        head[1..].copy_from_slice(&key.number.to_be_bytes());
        Ok(encrypt(&key.secret, nonce(place), &binding(place), &head, disclosure.as_bytes()).into())
    }

    fn open(&self, place: &Place<'_>, cipher: &[u8]) -> Result<String, VaultError> {
        let (head, sealed) = cipher.split_first_chunk::<HEAD>().ok_or(VaultError::Refused)?;
        let [LAYOUT, number @ ..] = *head else { return Err(VaultError::Refused) };
        let key = self.numbered(place.tenant, place.subject, u32::from_be_bytes(number))?;
        let text = decrypt(&key.secret, nonce(place), &binding(place), sealed).ok_or(VaultError::Refused)?;
        text_of(text)
    }

    fn erase(&self, tenant: &TenantId, subject: &str) -> Result<(), VaultError> {
        let keys = self.keys();
        self.newest.write().unwrap_or_else(PoisonError::into_inner).forget(tenant, subject);
        Ok(keys.erase(tenant, subject)?)
    }
}

fn text_of(mut bytes: Zeroizing<Vec<u8>>) -> Result<String, VaultError> {
    String::from_utf8(std::mem::take(&mut *bytes)).map_err(|_| VaultError::Refused)
}

fn nonce(place: &Place<'_>) -> [u8; NONCE] {
    *place.commitment.0.first_chunk().expect("a digest is longer than a nonce")
}

fn binding(place: &Place<'_>) -> Vec<u8> {
    bound(&[
        b"affiant sealed value v1",
        place.tenant.as_str().as_bytes(),
        place.stream.as_str().as_bytes(),
        &place.seq.to_le_bytes(),
        place.subject.as_bytes(),
        &place.commitment.0,
    ])
}

impl From<KeyError> for VaultError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Erased => Self::Erased,
            KeyError::Unknown | KeyError::Refused => Self::Refused,
            KeyError::File(source) => Self::Unavailable(Box::new(source)),
        }
    }
}

#[cfg(test)]
mod tests;
