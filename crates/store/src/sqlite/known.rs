//! What the writer remembers of the database. It is the only one that changes it, so what it remembers is true;
//! after a transaction that was rolled back it forgets everything and asks again.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use affiant_journal::{StreamId, TenantId, Timestamp, WorkerId};
use affiant_proof::tree::Frontier;

use super::lanes::{Lanes, TenantNumber};

/// Streams remembered at least; at most twice as many.
const STREAMS: usize = 8192;

/// Everything remembered.
#[derive(Default)]
pub(super) struct Known {
    pub(super) tenants: HashMap<TenantId, Tenant>,
    pub(super) names: HashMap<TenantNumber, TenantId>,
    /// Tenants whose log has grown since its frontier was written.
    pub(super) grown: Vec<TenantId>,
    pub(super) streams: Streams,
    pub(super) lanes: Lanes,
    pub(super) counts: HashMap<Group, i64>,
    pub(super) position: i64,
}

/// A tenant's number and its log.
pub(super) struct Tenant {
    pub(super) number: TenantNumber,
    pub(super) frontier: Frontier,
}

/// A stream's number, its length, and its run as queues and counts see it.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) number: i64,
    pub(super) entries: u64,
    pub(super) run: Option<Queued>,
}

/// The part of a run's row that stands in indexes and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    pub(super) agent: Arc<str>,
    pub(super) status: Arc<str>,
    pub(super) priority: i64,
    pub(super) runnable_at: Option<Timestamp>,
    pub(super) worker: Option<WorkerId>,
}

/// Runs that are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) tenant: TenantNumber,
    pub(super) agent: Arc<str>,
    pub(super) status: Arc<str>,
}

impl Known {
    /// A tenant that was read or made.
    pub(super) fn meet(&mut self, id: &TenantId, number: TenantNumber, frontier: Frontier) {
        self.names.insert(number, id.clone());
        self.tenants.insert(id.clone(), Tenant { number, frontier });
    }

    /// The tenant's frontier is written at the end of the batch.
    pub(super) fn grows(&mut self, id: &TenantId) {
        if self.grown.last() != Some(id) {
            self.grown.push(id.clone());
        }
    }

    /// One run more, or less, in a group; written at the end of the batch.
    pub(super) fn count(&mut self, tenant: TenantNumber, agent: &Arc<str>, status: &Arc<str>, more: i64) {
        let group = Group { tenant, agent: agent.clone(), status: status.clone() };
        *self.counts.entry(group).or_default() += more;
    }
}

/// The streams used last. Two halves: when the young one is full it becomes the old one, and what was not used
/// since is forgotten with the old one before it.
#[derive(Default)]
pub(super) struct Streams {
    young: HashMap<(TenantNumber, StreamId), Stream>,
    old: HashMap<(TenantNumber, StreamId), Stream>,
}

impl Streams {
    /// A stream that was used lately.
    pub(super) fn get(&self, tenant: TenantNumber, stream: &StreamId) -> Option<Stream> {
        let key = (tenant, stream.clone());
        self.young.get(&key).or_else(|| self.old.get(&key)).cloned()
    }

    /// Remembers a stream as it is now.
    pub(super) fn put(&mut self, tenant: TenantNumber, id: &StreamId, stream: Stream) {
        if self.young.len() >= STREAMS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert((tenant, id.clone()), stream);
    }

    /// A run was lent: its lease stands in what is remembered too.
    pub(super) fn lend(&mut self, tenant: TenantNumber, id: StreamId, until: Timestamp, worker: &WorkerId) {
        for half in [&mut self.young, &mut self.old] {
            let Entry::Occupied(mut found) = half.entry((tenant, id.clone())) else { continue };
            if let Some(run) = &mut found.get_mut().run {
                (run.runnable_at, run.worker) = (Some(until), Some(worker.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_in_use_is_remembered_and_one_that_is_not_is_forgotten() {
        let mut streams = Streams::default();
        let stream = |entries| Stream { number: 1, entries, run: None };
        streams.put(1, &"idle".into(), stream(7));
        for round in 0..3 * STREAMS as u64 {
            streams.put(1, &"busy".into(), stream(round));
            streams.put(1, &format!("s{round}").into(), stream(0));
        }
        assert_eq!(streams.get(1, &"busy".into()).unwrap().entries, 3 * STREAMS as u64 - 1);
        assert!(streams.get(1, &"idle".into()).is_none());
        assert!(streams.young.len() + streams.old.len() <= 2 * STREAMS);
    }
}
