//! The file of keys: the key-encryption key wraps one key per tenant, and that wraps the keys of its subjects.

use std::{path::Path, sync::Arc};

use affiant_engine::ports::Chance;
use affiant_journal::TenantId;
use rusqlite::{Connection, OptionalExtension, named_params};

use super::cipher::{KEY, NONCE, Secret, bound, decrypt, encrypt};

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// The row is there, its key is not.
    #[error("the key was destroyed")]
    Erased,
    /// No such key was ever made here.
    #[error("there is no such key")]
    Unknown,
    /// The wrapping does not open: another key file, or altered bytes.
    #[error("a wrapped key does not open")]
    Refused,
    /// The file did not answer.
    #[error(transparent)]
    File(#[from] rusqlite::Error),
}

/// A subject's key and its number; numbers grow when a key was destroyed and another is needed.
#[derive(Clone)]
pub(super) struct SubjectKey {
    pub(super) number: u32,
    pub(super) secret: Arc<Secret>,
}

/// The open file of keys.
pub(super) struct Keys {
    file: Connection,
    above: Secret,
    chance: Arc<dyn Chance>,
}

impl Keys {
    /// Opens the file, or makes it. Fails with [`KeyError::Refused`] when it was wrapped with another key.
    pub(super) fn open(path: &Path, above: Secret, chance: Arc<dyn Chance>) -> Result<Self, KeyError> {
        Self::prepare(Connection::open(path)?, above, chance)
    }

    /// Keys that are gone with the process.
    pub(super) fn in_memory(above: Secret, chance: Arc<dyn Chance>) -> Result<Self, KeyError> {
        Self::prepare(Connection::open_in_memory()?, above, chance)
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.file
    }

    fn prepare(file: Connection, above: Secret, chance: Arc<dyn Chance>) -> Result<Self, KeyError> {
        file.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY",
        )?;
        let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version == 0 {
            let schema = include_str!("../../sql/keys/schema.sql");
            file.execute_batch(&format!("BEGIN;\n{schema}\nPRAGMA user_version = 1;\nCOMMIT"))?;
        }
        let keys = Self { file, above, chance };
        keys.check()?;
        Ok(keys)
    }

    fn check(&self) -> Result<(), KeyError> {
        let sql = include_str!("../../sql/keys/any_tenant_key.sql");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?));
        match self.file.query_row(sql, [], read).optional()? {
            Some((tenant, wrapped)) => unwrap(&self.above, &tenant_binding(&tenant), &wrapped).map(drop),
            None => Ok(()),
        }
    }

    /// The key that new values of this subject are sealed with; made, and on disk, when there is none.
    pub(super) fn newest(&self, tenant: &TenantId, subject: &str) -> Result<SubjectKey, KeyError> {
        let sql = include_str!("../../sql/keys/newest_subject_key.sql");
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<Vec<u8>>>(1)?));
        let names = named_params! { ":tenant": tenant.as_str(), ":subject": subject };
        match self.file.prepare_cached(sql)?.query_row(names, read).optional()? {
            Some((number, Some(wrapped))) => self.unwrapped(tenant, subject, number, &wrapped),
            Some((number, None)) => self.make(tenant, subject, number + 1),
            None => self.make(tenant, subject, 1),
        }
    }

    /// The key with this number.
    pub(super) fn numbered(&self, tenant: &TenantId, subject: &str, number: u32) -> Result<SubjectKey, KeyError> {
        let sql = include_str!("../../sql/keys/subject_key.sql");
        let names = named_params! { ":tenant": tenant.as_str(), ":subject": subject, ":number": number };
        let wrapped = self.file.prepare_cached(sql)?.query_row(names, |row| row.get::<_, Option<Vec<u8>>>(0));
        let wrapped = wrapped.optional()?.ok_or(KeyError::Unknown)?.ok_or(KeyError::Erased)?;
        self.unwrapped(tenant, subject, number, &wrapped)
    }

    /// Destroys every key of this subject: gone from the file, from its free parts, and from the write-ahead log.
    pub(super) fn erase(&self, tenant: &TenantId, subject: &str) -> Result<(), KeyError> {
        let sql = include_str!("../../sql/keys/erase_subject.sql");
        self.file.execute(sql, named_params! { ":tenant": tenant.as_str(), ":subject": subject })?;
        // Pages that were split may hold copies of what stood in them, which `secure_delete` does not reach: the file is
        // written anew. It is small, and people are erased seldom.
        self.file.execute_batch("VACUUM")?;
        self.file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn make(&self, tenant: &TenantId, subject: &str, number: u32) -> Result<SubjectKey, KeyError> {
        let above = self.tenant_key(tenant)?;
        let secret = self.fresh();
        let wrapped = self.wrap(&above, &subject_binding(tenant, subject, number), &secret);
        let sql = include_str!("../../sql/keys/add_subject_key.sql");
        let (tenant, wrapped) = (tenant.as_str(), wrapped.as_slice());
        let names = named_params! { ":tenant": tenant, ":subject": subject, ":number": number, ":wrapped": wrapped };
        self.file.execute(sql, names)?;
        Ok(SubjectKey { number, secret: Arc::new(secret) })
    }

    fn unwrapped(&self, tenant: &TenantId, subject: &str, number: u32, wrapped: &[u8]) -> Result<SubjectKey, KeyError> {
        let above = self.tenant_key(tenant)?;
        let secret = unwrap(&above, &subject_binding(tenant, subject, number), wrapped)?;
        Ok(SubjectKey { number, secret: Arc::new(secret) })
    }

    fn tenant_key(&self, tenant: &TenantId) -> Result<Secret, KeyError> {
        let names = named_params! { ":tenant": tenant.as_str() };
        let mut find = self.file.prepare_cached(include_str!("../../sql/keys/tenant_key.sql"))?;
        if let Some(wrapped) = find.query_row(names, |row| row.get::<_, Vec<u8>>(0)).optional()? {
            return unwrap(&self.above, &tenant_binding(tenant.as_str()), &wrapped);
        }
        let secret = self.fresh();
        let wrapped = self.wrap(&self.above, &tenant_binding(tenant.as_str()), &secret);
        let names = named_params! { ":tenant": tenant.as_str(), ":wrapped": wrapped };
        self.file.execute(include_str!("../../sql/keys/add_tenant_key.sql"), names)?;
        Ok(secret)
    }

    fn fresh(&self) -> Secret {
        let mut secret = Secret::new([0; KEY]);
        self.chance.fill(&mut *secret);
        secret
    }

    fn wrap(&self, above: &Secret, binding: &[u8], secret: &Secret) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        self.chance.fill(&mut nonce);
        encrypt(above, nonce, binding, &nonce, &**secret)
    }
}

fn unwrap(above: &Secret, binding: &[u8], wrapped: &[u8]) -> Result<Secret, KeyError> {
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or(KeyError::Refused)?;
    let bytes = decrypt(above, *nonce, binding, sealed).ok_or(KeyError::Refused)?;
    let bytes: &[u8; KEY] = bytes.as_slice().try_into().map_err(|_| KeyError::Refused)?;
    Ok(Secret::new(*bytes))
}

fn tenant_binding(tenant: &str) -> Vec<u8> {
    bound(&[b"affiant tenant key v1", tenant.as_bytes()])
}

fn subject_binding(tenant: &TenantId, subject: &str, number: u32) -> Vec<u8> {
    bound(&[b"affiant subject key v1", tenant.as_str().as_bytes(), subject.as_bytes(), &number.to_le_bytes()])
}
