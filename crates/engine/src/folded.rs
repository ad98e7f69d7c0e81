//! A run folded, with where everything about its steps stands in its journal: a page of a long run is read without the
//! rest of it. What was folded of a long run is remembered for a while, and only what came since is read.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use affiant_journal::{Body, Digest, Entry, Event, Run, RunId, StreamId, TenantId, Timestamp, run::Step};

use crate::{Engine, EngineError, engine::locked, load::damaged, view::step_of};

/// Runs of fewer events are read again: that costs less than remembering them.
const LONG: u64 = 1000;
/// Bytes of memory for all that is remembered, about.
const ROOM: usize = 32 << 20;
/// How long a run is remembered after it was read from its beginning. What is on disk is looked at again after this.
const WHILE: Duration = Duration::from_secs(60);

/// A run with what its events say of it, and where they stand.
#[derive(Clone, Debug)]
pub struct Folded {
    /// The run.
    pub run: Run,
    /// Leaf hash of its last event.
    pub head: Digest,
    /// Its last event.
    pub last: Arc<Event>,
    /// The events about approvals and artifacts, in order.
    pub landmarks: Vec<Arc<Event>>,
    /// The first event whose bytes give another hash than was written, or that does not follow the one before it.
    pub broken_at: Option<u64>,
    /// For each step the events about it, by `seq`.
    places: Vec<Vec<u64>>,
    /// Bytes of the landmarks.
    heavy: usize,
}

/// An event as it was read, with what was found of its hash.
struct Proven {
    event: Event,
    leaf: Digest,
    size: usize,
    whole: bool,
}

impl Folded {
    /// The part of the journal that holds every event about these steps; empty where there are none.
    pub fn range(&self, steps: Range<u64>) -> Range<u64> {
        let at = |step: u64| usize::try_from(step).map_or(self.places.len(), |step| step.min(self.places.len()));
        let about = self.places.get(at(steps.start)..at(steps.end)).unwrap_or_default().iter().flatten();
        let first = about.clone().min().copied().unwrap_or(0);
        first..about.max().map_or(first, |last| last + 1)
    }

    fn begin(first: &Proven) -> Result<Self, EngineError> {
        let run = Run::begin(&first.event).map_err(|error| damaged(&first.event.stream, &error))?;
        let intact = first.whole && first.event.prev.is_none();
        Ok(Self {
            run,
            head: first.leaf,
            last: Arc::new(first.event.clone()),
            landmarks: Vec::new(),
            broken_at: (!intact).then_some(0),
            places: Vec::new(),
            heavy: 0,
        })
    }

    fn take(&mut self, next: &Proven) -> Result<(), EngineError> {
        let event = &next.event;
        self.run.apply(event).map_err(|error| damaged(&event.stream, &error))?;
        let intact = next.whole && event.prev == Some(self.head);
        self.broken_at = self.broken_at.or_else(|| (!intact).then_some(event.seq));
        self.head = next.leaf;
        if let Some(step) = step_of(&event.body).and_then(|step| usize::try_from(step).ok()) {
            self.places.resize_with(self.places.len().max(step + 1), Vec::new);
            self.places[step].push(event.seq);
        }
        if let Body::ApprovalRequested(_) | Body::ApprovalResolved(_) | Body::ArtifactCreated(_) = &event.body {
            self.heavy += 3 * next.size;
            self.landmarks.push(Arc::new(event.clone()));
        }
        Ok(())
    }

    /// Bytes of memory, about.
    fn weight(&self) -> usize {
        self.places.len() * (size_of::<Step>() + size_of::<Vec<u64>>() + 64) + self.heavy
    }
}

/// Long runs that were folded lately.
#[derive(Debug, Default)]
pub(crate) struct Folds(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    tenant: TenantId,
    run: RunId,
    folded: Arc<Folded>,
    /// When the run was read from its beginning.
    since: Timestamp,
}

impl Kept {
    fn is(&self, tenant: &TenantId, run: &RunId) -> bool {
        self.tenant == *tenant && self.run == *run
    }
}

impl Folds {
    /// What is remembered of a run, and since when.
    fn get(&self, tenant: &TenantId, run: &RunId, now: Timestamp) -> Option<(Arc<Folded>, Timestamp)> {
        let mut kept = locked(&self.0);
        kept.retain(|it| now >= it.since && now < it.since.plus(WHILE));
        kept.iter().find(|it| it.is(tenant, run)).map(|it| (it.folded.clone(), it.since))
    }

    /// Remembers a run that is long and intact. The oldest make room.
    fn put(&self, tenant: &TenantId, run: &RunId, folded: &Arc<Folded>, since: Timestamp) {
        if folded.run.events < LONG || folded.broken_at.is_some() || folded.weight() > ROOM {
            return;
        }
        let mut kept = locked(&self.0);
        kept.retain(|it| !it.is(tenant, run));
        kept.push_back(Kept { tenant: tenant.clone(), run: run.clone(), folded: folded.clone(), since });
        while kept.iter().map(|it| it.folded.weight()).sum::<usize>() > ROOM {
            kept.pop_front();
        }
    }
}

impl Engine {
    /// A run with what its events say of it so far. Nothing is opened.
    ///
    /// # Errors
    ///
    /// When there is no such run, or its journal cannot be read.
    pub async fn folded(&self, tenant: &TenantId, run: &RunId) -> Result<Arc<Folded>, EngineError> {
        let now = self.ports.clock.now();
        let (known, since) = self.folds.get(tenant, run, now).map_or((None, now), |(it, since)| (Some(it), since));
        let from = known.as_ref().map_or(0, |it| it.run.events);
        let (read, _) = self.pages(tenant, &run.stream(), from, proven).await?;
        let folded = match (known, read.as_slice()) {
            (Some(known), []) => return Ok(known),
            (Some(known), more) => advanced(Arc::unwrap_or_clone(known), more)?,
            (None, [first, more @ ..]) => advanced(Folded::begin(first)?, more)?,
            (None, []) => return Err(EngineError::Missing { what: "run", name: run.to_string() }),
        };
        let folded = Arc::new(folded);
        self.folds.put(tenant, run, &folded, since);
        Ok(folded)
    }
}

fn advanced(mut folded: Folded, more: &[Proven]) -> Result<Folded, EngineError> {
    more.iter().try_for_each(|next| folded.take(next))?;
    if let Some(last) = more.last() {
        folded.last = Arc::new(last.event.clone());
    }
    Ok(folded)
}

fn proven(page: &[Entry], stream: &StreamId) -> Result<Vec<Proven>, EngineError> {
    let prove = |entry: &Entry| {
        let event = entry.event().map_err(|error| damaged(stream, &error))?;
        let whole = Digest::of_leaf(&entry.bytes) == entry.leaf;
        Ok(Proven { event, leaf: entry.leaf, size: entry.bytes.len(), whole })
    };
    page.iter().map(prove).collect()
}
