//! A run's events, read and folded, with the personal values that the caller may see put back where they stood.

use std::{collections::BTreeMap, ops::Range};

use affiant_engine::{
    Folded,
    ports::{Place, SealedValue},
};
use affiant_journal::{Body, Disclosure, Entry, Event, Payload, PrincipalId, Run, RunId, StreamId, TenantId};
use affiant_policy::{Principal, Role};
use serde_json::Value;

use super::services::Services;
use crate::problem::Refusal;

/// How many entries are read from the store at once.
const PAGE: usize = 4096;

/// How many events are read at once on the way back from a run's end.
const BACK: u64 = 64;

/// Everything that is recorded of one run.
pub(crate) struct History {
    /// The fold over the events.
    pub(crate) run: Run,
    /// The events in order.
    pub(crate) events: Vec<Event>,
    /// Their bytes.
    pub(crate) entries: Vec<Entry>,
}

/// Whether somebody may see the personal values of a run: whoever submitted it, and administrators.
pub(crate) fn may_see(who: &Principal, submitter: &PrincipalId) -> bool {
    who.role == Role::Admin || who.id == *submitter
}

/// The personal values of one stream, by the event they belong to.
pub(crate) struct Opened(Vec<(u64, Disclosure)>);

impl Services {
    /// Reads a run from its first event.
    ///
    /// # Errors
    ///
    /// `run-not-found`.
    pub(crate) async fn history(&self, tenant: &TenantId, run: &RunId) -> Result<History, Refusal> {
        let entries = self.entries(tenant, &run.stream(), 0).await?;
        let events: Result<Vec<Event>, _> = entries.iter().map(|entry| Event::from_bytes(&entry.bytes)).collect();
        let events = events.map_err(Refusal::internal)?;
        let run = Run::replay(&events).map_err(Refusal::internal)?;
        let run = run.ok_or_else(|| Refusal::plain("run-not-found"))?;
        Ok(History { run, events, entries })
    }

    /// Reads the events of a run about these steps, and what stands between them: what else a long run did is not read.
    pub(crate) async fn events_about(
        &self,
        tenant: &TenantId,
        folded: &Folded,
        steps: Range<u64>,
    ) -> Result<Vec<Event>, Refusal> {
        let places = folded.range(steps);
        let (mut from, mut events) = (places.start, Vec::new());
        while from < places.end {
            let missing = usize::try_from(places.end - from).unwrap_or(PAGE).min(PAGE);
            let page = self.store.load(tenant, &folded.run.id.stream(), from, missing).await?;
            let read: Result<Vec<Event>, _> = page.iter().map(Entry::event).collect();
            events.append(&mut read.map_err(Refusal::internal)?);
            from += missing as u64;
        }
        Ok(events)
    }

    /// The events of a run from the decision about this step, or from a little before it. What a long run did earlier is
    /// not read.
    ///
    /// # Errors
    ///
    /// `run-not-found`.
    pub(crate) async fn since_step(&self, tenant: &TenantId, run: &RunId, step: u64) -> Result<Vec<Event>, Refusal> {
        let mut from = self.row(tenant, run.as_str()).await?.events;
        let mut events: Vec<Event> = Vec::new();
        let is_decision = |event: &Event| matches!(&event.body, Body::StepDecided(it) if it.step == step);
        while from > 0 && !events.iter().any(is_decision) {
            let begin = from.saturating_sub(BACK);
            let missing = usize::try_from(from - begin).expect("a page is short");
            let page = self.store.load(tenant, &run.stream(), begin, missing).await?;
            let older: Result<Vec<Event>, _> = page.iter().map(|entry| Event::from_bytes(&entry.bytes)).collect();
            events.splice(..0, older.map_err(Refusal::internal)?);
            from = begin;
        }
        Ok(events)
    }

    /// Entries of a stream from this place to its end.
    pub(crate) async fn entries(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Vec<Entry>, Refusal> {
        let mut entries = self.store.load(tenant, stream, from, PAGE).await?;
        while entries.len() % PAGE == 0 && !entries.is_empty() {
            let more = self.store.load(tenant, stream, from + entries.len() as u64, PAGE).await?;
            if more.is_empty() {
                break;
            }
            entries.extend(more);
        }
        Ok(entries)
    }

    /// Opens the personal values of a run for somebody: for whoever submitted it, and for administrators. For others
    /// every place holds the commitment.
    pub(crate) async fn opened_for(
        &self,
        who: &Principal,
        submitter: &PrincipalId,
        run: &RunId,
        from: u64,
    ) -> Result<Opened, Refusal> {
        if may_see(who, submitter) {
            self.opened(&who.tenant, &run.stream(), from).await
        } else {
            Ok(Opened(Vec::new()))
        }
    }

    /// Opens the personal values of a stream. One whose key was destroyed stays closed, and its place holds the
    /// commitment.
    pub(crate) async fn opened(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Opened, Refusal> {
        let sealed = self.store.sealed(tenant, stream, from).await?;
        let open = sealed.iter().filter_map(|value| Some((value.seq, self.disclosure(tenant, stream, value)?)));
        Ok(Opened(open.collect()))
    }

    /// Opens the personal values of one event of a stream; none when one of them was erased.
    pub(crate) async fn opened_at(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        seq: u64,
    ) -> Result<Option<Vec<Disclosure>>, Refusal> {
        let sealed = self.store.sealed(tenant, stream, seq).await?;
        let own = sealed.iter().filter(|value| value.seq == seq);
        Ok(own.map(|value| self.disclosure(tenant, stream, value)).collect())
    }

    fn disclosure(&self, tenant: &TenantId, stream: &StreamId, value: &SealedValue) -> Option<Disclosure> {
        let (subject, seq, commitment) = (&*value.subject, value.seq, &value.commitment);
        let place = Place { tenant, subject, stream, seq, commitment };
        Disclosure::parse(&self.vault.open(&place, &value.cipher).ok()?).ok()
    }

    /// The value of a payload, with what is hidden in it put back. `at` is where the payload stands in its event.
    pub(crate) async fn value(
        &self,
        tenant: &TenantId,
        payload: &Payload,
        seq: u64,
        at: &str,
        opened: &Opened,
    ) -> Result<Option<Value>, Refusal> {
        let mut value = match payload {
            Payload::Inline(value) => value.clone(),
            Payload::Blob(blob) => match self.blobs.get(tenant, &blob.digest).await? {
                Some(bytes) => serde_json::from_slice(&bytes).map_err(Refusal::internal)?,
                None => return Ok(None),
            },
        };
        opened.restore(seq, at, &mut value);
        Ok(Some(value))
    }
}

impl Opened {
    /// All of them.
    pub(crate) fn into_disclosures(self) -> impl Iterator<Item = Disclosure> {
        self.0.into_iter().map(|(_, disclosure)| disclosure)
    }

    /// Puts the values of an event back where they stood in what stands at `at` in it.
    pub(crate) fn restore(&self, seq: u64, at: &str, value: &mut Value) {
        for (_, disclosure) in self.0.iter().filter(|(of, _)| *of == seq) {
            let place = disclosure.path().strip_prefix(at).and_then(|path| value.pointer_mut(path));
            if let Some(place) = place {
                *place = disclosure.value().clone();
            }
        }
    }

    /// The personal values of an event, by path.
    pub(crate) fn of(&self, seq: u64) -> BTreeMap<&str, &Value> {
        let own = self.0.iter().filter(|(of, _)| *of == seq);
        own.map(|(_, disclosure)| (disclosure.path(), disclosure.value())).collect()
    }

    /// The personal value at this path of this event, when it could be opened.
    pub(crate) fn text(&self, seq: u64, path: &str) -> Option<String> {
        let found = self.0.iter().find(|(of, disclosure)| *of == seq && disclosure.path() == path);
        found.and_then(|(_, disclosure)| disclosure.value().as_str().map(str::to_owned))
    }
}
