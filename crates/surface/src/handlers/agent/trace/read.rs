//! What is read of a run before anything is said of where its parts came from.

use std::sync::Arc;

use affiant_engine::{Folded, agent::ReadyAgent, snapshot::Snapshot};
use affiant_journal::{Body, Event, Payload, RunId, TenantId};
use affiant_policy::Principal;
use serde_json::Value;

use super::Focus;
use crate::{
    handlers::{
        history::{Opened, may_see},
        services::Services,
    },
    problem::Refusal,
};

/// The most events that are read. Of a longer run, those around the focus.
const EVENTS: u64 = 50_000;
/// Events that are read from the store at once.
const PAGE: usize = 4096;

/// What is known of a run.
pub(super) struct Record {
    pub(super) tenant: TenantId,
    pub(super) folded: Arc<Folded>,
    /// The first event, and those that were read behind it.
    pub(super) events: Vec<Event>,
    pub(super) opened: Opened,
    /// Whether the caller may see what is sealed.
    pub(super) may_see: bool,
    pub(super) agent: Option<Arc<ReadyAgent>>,
    pub(super) snapshot: Option<Snapshot>,
    /// The events that were read where that is not all of them: from, and behind the last.
    pub(super) part: Option<(u64, u64)>,
}

impl Record {
    pub(super) async fn read(
        services: &Services,
        who: &Principal,
        run: &RunId,
        focus: &Focus,
    ) -> Result<Self, Refusal> {
        let tenant = &who.tenant;
        let folded = services.engine.folded(tenant, run).await?;
        let about = place(&folded, focus)?;
        let (from, to) = window(folded.run.events, about);
        let events = services.events_between(tenant, run, from, to).await?;
        let submitter = &folded.run.submitter.id;
        let opened = services.opened_for(who, submitter, run, from).await?;
        let named = folded.run.snapshot.as_ref().map(|named| named.id.clone());
        let snapshot = match named {
            Some(id) => Snapshot::load(services.engine.ports(), tenant, &id).await?,
            None => None,
        };
        Ok(Self {
            tenant: tenant.clone(),
            agent: services.engine.agent_of(&folded.run.submitted),
            may_see: may_see(who, submitter),
            part: (to - from < folded.run.events).then_some((from, to)),
            folded,
            events,
            opened,
            snapshot,
        })
    }

    /// A payload of an event with what is sealed in it put back; none where its bytes are gone.
    pub(super) async fn value(
        &self,
        services: &Services,
        payload: &Payload,
        seq: u64,
        at: &str,
    ) -> Result<Option<Value>, Refusal> {
        services.value(&self.tenant, payload, seq, at, &self.opened).await
    }

    /// Whether something in an event stays closed to the caller.
    pub(super) fn closed(&self, event: &Event) -> bool {
        self.opened.of(event.seq).len() < event.sd.len()
    }

    /// Why something stays closed, as the end of a sentence.
    pub(super) fn because_closed(&self) -> &'static str {
        match self.may_see {
            true => "can no longer be opened: the key it was sealed under was destroyed",
            false => "is sealed, and only whoever submitted the run and administrators may see it",
        }
    }

    pub(super) fn event(&self, seq: u64) -> Option<&Event> {
        let at = self.events.binary_search_by_key(&seq, |event| event.seq).ok()?;
        self.events.get(at)
    }
}

/// The event at which a trace begins.
fn place(folded: &Folded, focus: &Focus) -> Result<u64, Refusal> {
    match focus {
        Focus::Step(step) => {
            folded.run.step(*step).map(|it| it.decided).ok_or_else(|| Refusal::plain("step-not-found"))
        }
        Focus::Artifact(artifact, _) => {
            let made =
                |event: &&Arc<Event>| matches!(&event.body, Body::ArtifactCreated(it) if it.artifact == *artifact);
            let found = folded.landmarks.iter().find(made);
            found
                .map(|event| event.seq)
                .ok_or_else(|| Refusal::new("artifact-not-found", "The run made no such artifact."))
        }
        Focus::End => Ok(folded.last.seq),
    }
}

/// The events that are read of so many, around this one: mostly what was before it.
fn window(events: u64, about: u64) -> (u64, u64) {
    let to = (about + EVENTS / 4).min(events);
    let from = to.saturating_sub(EVENTS);
    (from, (from + EVENTS).min(events))
}

impl Services {
    /// The first event of a run and those between two places.
    async fn events_between(&self, tenant: &TenantId, run: &RunId, from: u64, to: u64) -> Result<Vec<Event>, Refusal> {
        let mut events = Vec::new();
        let mut pages = if from > 0 { vec![(0, 1)] } else { Vec::new() };
        let starts = (from..to).step_by(PAGE);
        pages.extend(starts.map(|start| (start, PAGE.min(usize::try_from(to - start).unwrap_or(PAGE)))));
        for (start, many) in pages {
            let page = self.store.load(tenant, &run.stream(), start, many).await?;
            let read: Result<Vec<Event>, _> = page.iter().map(|entry| entry.event()).collect();
            events.append(&mut read.map_err(Refusal::internal)?);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_run_the_events_around_the_focus_are_read() {
        assert_eq!(window(10, 5), (0, 10));
        assert_eq!(window(EVENTS, 5), (0, EVENTS));
        assert_eq!(window(1_000_000, 999_999), (950_000, 1_000_000));
        assert_eq!(window(1_000_000, 500_000), (462_500, 512_500));
        assert_eq!(window(1_000_000, 0), (0, EVENTS));
    }
}
