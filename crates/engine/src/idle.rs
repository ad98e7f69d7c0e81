//! Runs that wait and need not be loaded again: a bounded memory of the newest. Losing one costs a load, nothing else.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use affiant_journal::{RunId, TenantId};

use crate::{engine::locked, ledger::Ledger, work::Work};

/// Runs of more steps than this are loaded again rather than kept.
const MOST_STEPS: u64 = 256;

/// Runs that wait.
#[derive(Debug)]
pub(crate) struct Idle {
    room: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    runs: HashMap<(TenantId, RunId), Box<Work>>,
    order: VecDeque<(TenantId, RunId)>,
}

impl Idle {
    pub(crate) fn new(room: usize) -> Self {
        Self { room, kept: Mutex::default() }
    }

    /// Keeps a run until it is taken, or until newer ones need the room.
    pub(crate) fn keep(&self, work: Box<Work>) {
        if work.run().count() > MOST_STEPS || work.run().status.ended() {
            return;
        }
        let key = (work.ledger.tenant.clone(), work.run().id.clone());
        let mut kept = locked(&self.kept);
        kept.order.push_back(key.clone());
        kept.runs.insert(key, work);
        while kept.order.len() > self.room {
            if let Some(oldest) = kept.order.pop_front() {
                kept.runs.remove(&oldest);
            }
        }
    }

    /// Forgets everything: what was erased must not be here.
    pub(crate) fn clear(&self) {
        *locked(&self.kept) = Kept::default();
    }

    /// The end of a run's journal as it was when the run was kept, if it is here.
    pub(crate) fn ledger(&self, tenant: &TenantId, run: &RunId) -> Option<Ledger> {
        locked(&self.kept).runs.get(&(tenant.clone(), run.clone())).map(|work| work.ledger.end())
    }

    /// Takes a run out, if it is here.
    pub(crate) fn take(&self, tenant: &TenantId, run: &RunId) -> Option<Box<Work>> {
        locked(&self.kept).runs.remove(&(tenant.clone(), run.clone()))
    }
}
