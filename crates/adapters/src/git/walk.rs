//! Walking a history, newest commit first.

use std::{cmp::Reverse, collections::BinaryHeap};

use gix::{ObjectId, hashtable::HashMap, objs::CommitRefIter};

use super::{GitError, Repository};

/// Commits that are looked at between two looks at whether the call was stopped.
const STRIDE: u64 = 256;

/// A commit as the walk sees it.
pub(super) struct Seen {
    pub(super) id: ObjectId,
    pub(super) parents: Vec<ObjectId>,
}

/// Commits reachable from the tips, the one with the latest time first; of the same time, the one that was found
/// first. Hidden tips take what is reachable from them away.
pub(super) struct Walk<'r> {
    repository: &'r Repository,
    shallow: Vec<ObjectId>,
    stop: &'r dyn Fn() -> bool,
    queue: BinaryHeap<(i64, Reverse<u64>, ObjectId)>,
    state: HashMap<ObjectId, State>,
    found: u64,
    /// Commits in the queue that are not hidden.
    wanted: u64,
}

#[derive(Default)]
struct State {
    hidden: bool,
    queued: bool,
    /// Kept from when it was found until it is taken.
    parents: Vec<ObjectId>,
}

impl<'r> Walk<'r> {
    pub(super) fn new(repository: &'r Repository, stop: &'r dyn Fn() -> bool) -> Result<Self, GitError> {
        let (queue, state, shallow) = (BinaryHeap::new(), HashMap::default(), repository.shallow()?);
        Ok(Self { repository, shallow, stop, queue, state, found: 0, wanted: 0 })
    }

    /// Everything reachable from `tip` and not from `hidden`.
    pub(super) fn between(mut self, tip: ObjectId, hidden: Option<ObjectId>) -> Result<Vec<Seen>, GitError> {
        if let Some(hidden) = hidden {
            self.find(hidden, true)?;
        }
        self.find(tip, false)?;
        let mut between = Vec::new();
        // Newest first, a commit comes up before those it hides, unless clocks were wrong. Those are met by going
        // on until everything in the queue is older than what was found.
        let mut oldest = i64::MAX;
        while let Some((time, _, id)) = self.queue.peek().copied() {
            if self.wanted == 0 && time < oldest {
                break;
            }
            let (seen, is_hidden) = self.take(id)?;
            if !is_hidden {
                oldest = oldest.min(time);
                between.push(seen);
            }
        }
        between.retain(|seen| !self.state.get(&seen.id).is_some_and(|state| state.hidden));
        Ok(between)
    }

    /// The first commit reachable from `tip`, other than itself, for which `pick` gives something.
    pub(super) fn first<T>(
        mut self,
        tip: ObjectId,
        pick: impl Fn(&ObjectId) -> Option<T>,
    ) -> Result<Option<(ObjectId, T)>, GitError> {
        self.find(tip, false)?;
        while let Some((_, _, id)) = self.queue.peek().copied() {
            self.take(id)?;
            if let Some(picked) = pick(&id).filter(|_| id != tip) {
                return Ok(Some((id, picked)));
            }
        }
        Ok(None)
    }

    /// Takes the newest commit from the queue and puts its parents there; whether it is hidden.
    fn take(&mut self, id: ObjectId) -> Result<(Seen, bool), GitError> {
        self.queue.pop();
        let state = self.state.entry(id).or_default();
        state.queued = false;
        let (hidden, parents) = (state.hidden, std::mem::take(&mut state.parents));
        self.wanted -= u64::from(!hidden);
        for parent in &parents {
            self.find(*parent, hidden)?;
        }
        Ok((Seen { id, parents }, hidden))
    }

    /// Puts a commit into the queue when it is new, or newly known to be hidden.
    fn find(&mut self, id: ObjectId, hidden: bool) -> Result<(), GitError> {
        match self.state.get_mut(&id) {
            Some(known) if known.hidden || !hidden => return Ok(()),
            Some(known) if known.queued => {
                known.hidden = true;
                self.wanted -= 1;
                return Ok(());
            }
            _ => (),
        }
        if self.found.is_multiple_of(STRIDE) && (self.stop)() {
            return Err(GitError::Stopped);
        }
        let (time, parents) = self.read(id)?;
        self.state.insert(id, State { hidden, queued: true, parents });
        self.wanted += u64::from(!hidden);
        self.queue.push((time, Reverse(self.found), id));
        self.found += 1;
        Ok(())
    }

    /// Time and parents of a commit. At the edge of a shallow clone there are no parents.
    fn read(&self, id: ObjectId) -> Result<(i64, Vec<ObjectId>), GitError> {
        let object = self.repository.git.find_object(id)?;
        let iter = || CommitRefIter::from_bytes(&object.data, id.kind());
        let time = iter().committer().ok().and_then(|signature| signature.time().ok()).map_or(0, |time| time.seconds);
        let edge = self.shallow.binary_search(&id).is_ok();
        Ok((time, if edge { Vec::new() } else { iter().parent_ids().collect() }))
    }
}
