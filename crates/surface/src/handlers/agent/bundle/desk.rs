//! Files that wait to be fetched by whoever asked for them. They hold personal values, so they are kept in memory alone.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use affiant_journal::{Digest, PrincipalId, RunId, TenantId, Timestamp};
use affiant_policy::Principal;

/// The most bytes that wait; the oldest give way.
const ROOM: usize = 256 << 20;

/// A file that waits.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) tenant: TenantId,
    /// Who asked for it: what it discloses is for them alone.
    pub(super) by: PrincipalId,
    pub(super) run: RunId,
    pub(super) digest: Digest,
    pub(super) bytes: Arc<[u8]>,
    pub(super) expires: Timestamp,
}

/// Files that wait to be fetched.
#[derive(Debug, Default)]
pub struct Desk(Mutex<VecDeque<Ready>>);

impl Desk {
    pub(super) fn put(&self, ready: Ready, now: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|other| other.expires > now && other.digest != ready.digest);
        waiting.push_back(ready);
        while waiting.len() > 1 && waiting.iter().map(|ready| ready.bytes.len()).sum::<usize>() > ROOM {
            waiting.pop_front();
        }
    }

    /// The newest file of a run that this caller asked for; with a digest, exactly that one.
    pub(crate) fn fetch(
        &self,
        who: &Principal,
        run: &str,
        digest: Option<Digest>,
        now: Timestamp,
    ) -> Option<Arc<[u8]>> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = |ready: &&Ready| {
            ready.expires > now
                && (&ready.tenant, &ready.by, ready.run.as_str()) == (&who.tenant, &who.id, run)
                && digest.is_none_or(|digest| digest == ready.digest)
        };
        waiting.iter().rev().find(meant).map(|ready| ready.bytes.clone())
    }

    /// Drops everything: what waits may hold values that were erased.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
