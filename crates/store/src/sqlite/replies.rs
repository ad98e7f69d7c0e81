//! Replies under idempotency keys.

use std::sync::Arc;

use affiant_engine::ports::{Remembered, StoreError};
use affiant_journal::{Digest, TenantId, Timestamp};
use rusqlite::Row;

use super::{
    lanes::TenantNumber,
    rows,
    writer::{Fault, Writer},
};
use crate::idempotency;

impl Writer<'_> {
    /// Remembers a reply outside of an append.
    pub(super) fn remember_for(&mut self, id: &TenantId, remembered: &Remembered, fresh: bool) -> Result<(), Fault> {
        let tenant = self.tenant_or_new(id)?;
        let found = self.find_reply(tenant, id, &remembered.scope)?;
        match found {
            Some((_, old)) if fresh && old.expires > self.now => Err(StoreError::Remembered(Box::new(old)).into()),
            found => Ok(self.put_reply(tenant, id, remembered, found.map(|(row, _)| row))?),
        }
    }

    /// The row that an append's reply takes the place of, if there is one. Refuses when it may not.
    pub(super) fn replaced_by_append(
        &mut self,
        tenant: TenantNumber,
        id: &TenantId,
        new: &Remembered,
    ) -> Result<Option<i64>, Fault> {
        match self.find_reply(tenant, id, &new.scope)? {
            Some((_, old)) if old.expires > self.now && !idempotency::gives_way(&old, new) => {
                Err(StoreError::Remembered(Box::new(old)).into())
            }
            found => Ok(found.map(|(row, _)| row)),
        }
    }

    fn find_reply(
        &mut self,
        tenant: TenantNumber,
        id: &TenantId,
        scope: &str,
    ) -> rusqlite::Result<Option<(i64, Remembered)>> {
        let read = |row: &Row<'_>| Ok((row.get(0)?, reply(row, 1, scope)?));
        self.sql.find_reply.first([&tenant, &hash_of(id, scope), &scope], read)
    }

    pub(super) fn put_reply(
        &mut self,
        tenant: TenantNumber,
        id: &TenantId,
        new: &Remembered,
        replaced: Option<i64>,
    ) -> rusqlite::Result<()> {
        let Remembered { scope, request, reply, expires } = new;
        match replaced {
            Some(row) => self.sql.replace_reply.run([&row, &request.0, reply, &expires.0])?,
            None => self.sql.add_reply.run([&tenant, &hash_of(id, scope), scope, &request.0, reply, &expires.0])?,
        };
        Ok(())
    }
}

/// Request, reply and expiry, in columns that follow each other.
pub(super) fn reply(row: &Row<'_>, first: usize, scope: &str) -> rusqlite::Result<Remembered> {
    let bytes: Option<Arc<[u8]>> = row.get_ref(first + 1)?.as_blob_or_null()?.map(Arc::from);
    let expires = Timestamp(row.get(first + 2)?);
    Ok(Remembered { scope: scope.to_owned(), request: rows::digest(row, first)?, reply: bytes, expires })
}

/// A short name for a long scope: the first eight bytes of a hash.
pub(super) fn hash_of(tenant: &TenantId, scope: &str) -> i64 {
    let digest = Digest::of(format!("{}\0{scope}", tenant.as_str()).as_bytes());
    i64::from_be_bytes(*digest.0.first_chunk().expect("a digest is longer than eight bytes"))
}
