//! Following runs: whoever waits for a run's next entries is woken when they are on disk, and finds the newest of
//! them in memory. A thousand followers of one run share one buffer; a run that nobody follows has none.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use affiant_journal::{Entry, RunId, TenantId};
use tokio::sync::watch;

/// Entries kept in memory for a run that is followed. A follower that is further behind reads the store.
const KEPT: usize = 2048;
/// How long a follower rests after what it was sent, for each follower of the same run: so that all of them together
/// are sent five thousand pieces a second at most, and the run keeps the machine for itself.
const REST: Duration = Duration::from_micros(200);
/// So few followers need not rest.
const FEW: u32 = 16;

/// The runs that are followed at the moment.
#[derive(Debug, Default)]
pub struct Tails {
    open: Mutex<HashMap<(TenantId, RunId), Weak<Tail>>>,
}

/// The newest entries of one run.
#[derive(Debug)]
struct Tail {
    newest: Mutex<Newest>,
    /// How many entries the run has, as far as is known here. Followers wait for it to grow.
    length: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Newest {
    /// `seq` of the first entry that is kept.
    first: u64,
    entries: VecDeque<Entry>,
}

/// Somebody who follows a run.
#[derive(Debug)]
pub struct Follower {
    tail: Arc<Tail>,
    length: watch::Receiver<u64>,
}

impl Tails {
    /// Follows a run from now on.
    pub fn follow(&self, tenant: &TenantId, run: &RunId) -> Follower {
        let mut open = locked(&self.open);
        let key = (tenant.clone(), run.clone());
        let tail = open.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            // Rare enough, and the only moment at which the map grows: forget the runs that nobody follows any more.
            open.retain(|_, tail| tail.strong_count() > 0);
            let tail = Arc::new(Tail { newest: Mutex::default(), length: watch::Sender::new(0) });
            open.insert(key, Arc::downgrade(&tail));
            tail
        });
        let length = tail.length.subscribe();
        Follower { tail, length }
    }

    /// Tells the followers of a run, if it has any, about entries that were stored with `seq` from `first`.
    pub fn publish(&self, tenant: &TenantId, run: &RunId, first: u64, entries: &[Entry]) {
        let tail = {
            let open = locked(&self.open);
            // Most runs are followed by nobody; a clone of two shared texts is all that they cost.
            if open.is_empty() {
                return;
            }
            open.get(&(tenant.clone(), run.clone())).and_then(Weak::upgrade)
        };
        let Some(tail) = tail else { return };
        let length = locked(&tail.newest).add(first, entries);
        tail.length.send_if_modified(|known| std::mem::replace(known, length.max(*known)) < length);
    }
}

impl Newest {
    /// Adds entries and gives the length of the run after them. A gap means that others were stored in between by
    /// another process: what was kept before it is of no use.
    fn add(&mut self, first: u64, entries: &[Entry]) -> u64 {
        if first != self.first + self.entries.len() as u64 {
            (self.first, self.entries) = (first, VecDeque::new());
        }
        self.entries.extend(entries.iter().cloned());
        while self.entries.len() > KEPT {
            self.entries.pop_front();
            self.first += 1;
        }
        self.first + self.entries.len() as u64
    }
}

impl Follower {
    /// The entries with `seq` from `from` that are in memory; none when the store must be asked for them, or when
    /// there are none yet.
    pub fn newest(&self, from: u64) -> Option<Vec<Entry>> {
        let newest = locked(&self.tail.newest);
        let skip = usize::try_from(from.checked_sub(newest.first)?).ok()?;
        (skip < newest.entries.len()).then(|| newest.entries.range(skip..).cloned().collect())
    }

    /// Whether an entry with this `seq` was stored since this follower began.
    pub fn has(&self, seq: u64) -> bool {
        *self.length.borrow() > seq
    }

    /// How long to rest between two pieces: nothing where few follow the run, longer the more do.
    pub fn rest(&self) -> Duration {
        let followers = u32::try_from(self.tail.length.receiver_count()).unwrap_or(u32::MAX);
        if followers <= FEW { Duration::ZERO } else { REST.saturating_mul(followers) }
    }

    /// Waits until the run may have an entry with this `seq`.
    pub async fn grown(&mut self, seq: u64) {
        // The sender lives as long as this follower, so the wait cannot be ended by its loss.
        let _ = self.length.wait_for(|length| *length > seq).await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves these maps usable: every change to them is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use affiant_journal::Digest;

    use super::*;

    fn entries(texts: &[&str]) -> Vec<Entry> {
        texts
            .iter()
            .map(|text| Entry { bytes: text.as_bytes().into(), leaf: Digest::of_leaf(text.as_bytes()) })
            .collect()
    }

    fn texts(entries: Option<Vec<Entry>>) -> Option<String> {
        Some(entries?.iter().map(|entry| String::from_utf8_lossy(&entry.bytes).into_owned()).collect())
    }

    #[test]
    fn followers_see_what_was_published_since_and_ask_the_store_for_the_rest() {
        let (tails, tenant, run) = (Tails::default(), TenantId::from("t"), RunId::from("run_1"));
        tails.publish(&tenant, &run, 0, &entries(&["a"]));
        let follower = tails.follow(&tenant, &run);
        assert_eq!(texts(follower.newest(0)), None);
        tails.publish(&tenant, &run, 1, &entries(&["b", "c"]));
        assert_eq!(texts(follower.newest(0)), None);
        assert_eq!(texts(follower.newest(1)).as_deref(), Some("bc"));
        assert_eq!(texts(follower.newest(2)).as_deref(), Some("c"));
        assert_eq!(texts(follower.newest(3)), None);
        assert!(follower.has(2) && !follower.has(3));
    }

    #[test]
    fn a_run_keeps_only_its_newest_entries_in_memory_and_nothing_once_nobody_follows() {
        let (tails, tenant, run) = (Tails::default(), TenantId::from("t"), RunId::from("run_1"));
        let follower = tails.follow(&tenant, &run);
        let all = 3 * KEPT as u64;
        for seq in 0..all {
            tails.publish(&tenant, &run, seq, &entries(&["x"]));
        }
        assert_eq!(follower.newest(all - KEPT as u64).map(|kept| kept.len()), Some(KEPT));
        assert_eq!(follower.newest(0).map(|kept| kept.len()), None);
        drop(follower);
        tails.follow(&tenant, &RunId::from("run_2"));
        assert_eq!(locked(&tails.open).len(), 1);
    }

    #[test]
    fn a_follower_rests_the_longer_the_more_follow_the_same_run() {
        let (tails, tenant, run) = (Tails::default(), TenantId::from("t"), RunId::from("run_1"));
        let mut followers: Vec<_> = (0..FEW).map(|_| tails.follow(&tenant, &run)).collect();
        assert_eq!(followers[0].rest(), Duration::ZERO);
        followers.extend((FEW..1000).map(|_| tails.follow(&tenant, &run)));
        assert_eq!(followers[0].rest(), Duration::from_millis(200));
    }

    #[tokio::test]
    async fn a_follower_that_waits_is_woken_by_the_entry_it_waits_for() {
        let (tails, tenant, run) = (Arc::new(Tails::default()), TenantId::from("t"), RunId::from("run_1"));
        let mut follower = tails.follow(&tenant, &run);
        let waiting = tokio::spawn(async move {
            follower.grown(1).await;
            texts(follower.newest(1))
        });
        tails.publish(&tenant, &run, 0, &entries(&["a"]));
        tails.publish(&tenant, &run, 1, &entries(&["b"]));
        assert_eq!(waiting.await.unwrap().as_deref(), Some("b"));
    }
}
