//! One pass over the events for the checks that read them.

use affiant_journal::{Body, Digest, Event, bytes};

use super::{
    Check, Record, approvals::Approvals, chain::Chain, contents::Contents, log::Inclusion, opened::Opened,
    report::Place,
};
use crate::{bundle::Bundle, paths::Included, statement::Resource};

/// What the pass found.
pub(super) struct Walk {
    pub(super) chain: Check,
    pub(super) approvals: Check,
    pub(super) contents: Contents,
    pub(super) first: Option<Event>,
    /// Type of the last event.
    pub(super) outcome: Option<&'static str>,
    /// Name and digest of each artifact.
    pub(super) artifacts: Vec<Resource>,
    /// How many events the run has, by its last event where that can be relied on.
    pub(super) total: u64,
}

pub(super) fn walk(bundle: &Bundle, record: &Record<'_>, inclusion: &Inclusion, opened: &Opened) -> Walk {
    let mut chain = Chain::new(record, inclusion.events.as_deref());
    let mut approvals = Approvals::new(opened);
    let mut contents = Contents::default();
    let (mut first, mut outcome, mut artifacts) = (None, None, Vec::new());
    let mut links: Vec<Option<Digest>> = Vec::with_capacity(record.len());
    let mut total = record.len() as u64;
    for at in 0..record.len() {
        let Some(event) = read(record, at, &mut chain) else {
            links.push(None);
            continue;
        };
        links.push(event.prev);
        chain.take(at, &event);
        approvals.take(at as u64, &event);
        contents.take(at as u64, &event);
        outcome = Some(event.body.name());
        if let Body::ArtifactCreated(it) = &event.body {
            artifacts.push(Resource::new(it.name.clone(), it.content.digest));
        }
        if let (Some(told), Some(Included::Proven)) = (totals(&event), included(inclusion, at)) {
            total = told;
        }
        if at == 0 {
            first = Some(event);
        }
    }
    contents.take_admin(bundle, &inclusion.admin);
    let mut chain = chain.finish();
    if let Some(at) = first_changed(record, inclusion, &links) {
        chain.altered_above_all(Place::Event(at), changed(included(inclusion, at as usize)));
    }
    Walk { chain, approvals: approvals.finish(), contents, first, outcome, artifacts, total }
}

fn read(record: &Record<'_>, at: usize, chain: &mut Chain<'_, '_>) -> Option<Event> {
    let line = record.line(at);
    if let Err(deviation) = bytes::check_strict(line) {
        chain.unreadable(at, format!("it is not spelled as events are: {deviation}"));
        return None;
    }
    let event = record.event(at);
    event.map_err(|error| chain.unreadable(at, format!("it cannot be read: {error}"))).ok()
}

fn totals(event: &Event) -> Option<u64> {
    match &event.body {
        Body::RunCompleted(it) => Some(it.totals.events),
        Body::RunFailed(it) => Some(it.totals.events),
        Body::RunCancelled(it) => Some(it.totals.events),
        _ => None,
    }
}

fn included(inclusion: &Inclusion, at: usize) -> Option<Included> {
    inclusion.events.as_ref()?.get(at).copied()
}

fn changed(included: Option<Included>) -> &'static str {
    match included {
        Some(Included::Contradicted) => "its content is not what stands in the log at its place",
        _ => "its content does not lead to the signed head of the log",
    }
}

/// The first event that neither its own proof nor the event after it vouches for. `prev` of an intact event names the
/// bytes of the one before, so a changed proof does not throw doubt on its neighbours.
fn first_changed(record: &Record<'_>, inclusion: &Inclusion, links: &[Option<Digest>]) -> Option<u64> {
    let included = inclusion.events.as_ref()?;
    let mut first = None;
    let mut next_is_intact = false;
    for at in (0..included.len()).rev() {
        let vouched = next_is_intact && links.get(at + 1).copied().flatten() == Some(record.leaves[at]);
        next_is_intact = included[at] == Included::Proven || vouched;
        if !next_is_intact {
            first = Some(at as u64);
        }
    }
    first
}
