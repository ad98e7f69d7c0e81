//! The deliveries of one webhook: taken from the record, tried, tried again, written down.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use affiant_journal::{Body, ConfigChanged, Event, Payload, RunId, StreamId, TenantId, Timestamp};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    NOTIFY,
    hook::{Asked, Hook},
    message::{self, Known, Message},
    progress::{Attempts, Fate, Progress, Spot},
    steps::Steps,
    tail, unseal,
};
use crate::{
    Engine, EngineError,
    ports::{Append, Deliver, Delivery, DeliveryFailure, Document, Positioned},
};

/// How often the record is looked at when nothing happens.
const POLL: Duration = Duration::from_millis(250);
/// How long it rests after the store refused.
const REST: Duration = Duration::from_secs(2);
/// Deliveries of one webhook at once.
const AT_ONCE: usize = 8;
/// Deliveries that may wait before the record is read on.
const WAITING: usize = 256;
/// How often progress is written down while it is made, in microseconds.
const OFTEN: u64 = 200_000;
/// Entries for others that are passed over before that is written down.
const PASSED: u64 = 10_000;

/// The deliveries of one webhook.
pub(super) struct Round {
    engine: Arc<Engine>,
    deliver: Arc<dyn Deliver>,
    tenant: TenantId,
    hook: Hook,
    asked: Arc<Asked>,
    progress: Progress,
    /// The messages of open deliveries that were made before; after a restart they are made again.
    messages: BTreeMap<Spot, Message>,
    flying: BTreeMap<Spot, Arc<str>>,
    flights: JoinSet<Landed>,
    steps: Steps,
    /// Runs that ended and need not be told of any more.
    over: BTreeSet<RunId>,
    /// Runs in which the last message of a caller stands, by its place.
    last: BTreeMap<Spot, RunId>,
    saved: Saved,
}

/// How an attempt ended.
type Landed = (Spot, Result<(), DeliveryFailure>);

/// What was written down last, and when.
#[derive(Default)]
struct Saved {
    cursor: u64,
    mono: u64,
    /// Whether something beside the cursor has changed since.
    changed: bool,
}

impl Round {
    pub(super) fn new(
        engine: Arc<Engine>,
        deliver: Arc<dyn Deliver>,
        tenant: TenantId,
        hook: Hook,
        asked: Arc<Asked>,
    ) -> Self {
        Self {
            engine,
            deliver,
            tenant,
            hook,
            asked,
            progress: Progress::default(),
            messages: BTreeMap::new(),
            flying: BTreeMap::new(),
            flights: JoinSet::new(),
            steps: Steps::default(),
            over: BTreeSet::new(),
            last: BTreeMap::new(),
            saved: Saved::default(),
        }
    }

    /// Delivers until `stop` fires or the webhook is switched off.
    pub(super) async fn serve(mut self, stop: CancellationToken) {
        let secret = loop {
            match self.load().await {
                Ok(secret) => break secret,
                Err(error) => tracing::warn!(webhook = %self.hook.id, %error, "a webhook could not be read"),
            }
            if tokio::time::timeout(REST, stop.cancelled()).await.is_ok() {
                return;
            }
        };
        while !self.progress.off && !stop.is_cancelled() {
            let rest = match self.turn(&secret).await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(webhook = %self.hook.id, %error, "a webhook rests for a while");
                    REST
                }
            };
            self.wait(rest, &stop).await;
        }
        if let Err(error) = self.save().await {
            tracing::debug!(webhook = %self.hook.id, %error, "the last deliveries are repeated after the next start");
        }
    }

    async fn load(&mut self) -> Result<Arc<str>, EngineError> {
        let store = &*self.engine.ports.store;
        self.progress = Progress::load(store, &self.tenant, &self.hook.id).await?;
        self.saved.cursor = self.progress.cursor;
        if !store.documents(Some(&self.tenant), NOTIFY, None, 1).await?.is_empty() {
            self.asked.set();
        }
        unseal(&self.engine, &self.tenant, &self.hook)
    }

    /// Takes what is new, begins what is due, writes progress down. Says how long nothing else is to be done.
    async fn turn(&mut self, secret: &Arc<str>) -> Result<Duration, EngineError> {
        let more = self.progress.open.len() < WAITING && self.read().await?;
        self.begin(secret).await?;
        let mono = self.engine.ports.clock.mono();
        let passed = self.progress.cursor - self.saved.cursor >= PASSED;
        if (self.saved.changed && mono.saturating_sub(self.saved.mono) >= OFTEN) || passed {
            self.save().await?;
        }
        let now = self.engine.ports.clock.now();
        // What is due already waits for one that is in flight, and its landing ends the rest.
        let later = self.progress.open.values().filter(|attempts| attempts.at > now);
        let due = later.map(|attempts| attempts.at.since(now)).min();
        let rest = due.map_or(POLL, |due| due.clamp(Duration::from_millis(1), POLL));
        Ok(if more { Duration::ZERO } else { rest })
    }

    async fn wait(&mut self, rest: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => return,
            landed = self.flights.join_next(), if !self.flights.is_empty() => self.land(landed).await,
            () = tokio::time::sleep(rest) => (),
        }
        while let Some(landed) = self.flights.try_join_next() {
            self.land(Some(landed)).await;
        }
    }

    /// Takes a page of the record. Says whether more follows at once.
    async fn read(&mut self) -> Result<bool, EngineError> {
        let page = self.engine.ports.store.tail(self.progress.cursor, tail::PAGE).await?;
        let whole = page.len() == tail::PAGE;
        for entry in page {
            if entry.tenant == self.tenant
                && let Some(event) = message::read(&entry)
            {
                self.take(&entry, &event).await?;
            }
            self.progress.cursor = entry.position;
            if self.progress.open.len() >= WAITING {
                return Ok(false);
            }
        }
        Ok(whole)
    }

    /// Opens a delivery for each of an event's contract events that the webhook is to be told of.
    async fn take(&mut self, entry: &Positioned, event: &Event) -> Result<(), EngineError> {
        if self.hook.wants(message::STEP) {
            self.steps.note(event);
        }
        let now = self.engine.ports.clock.now();
        for (nth, key) in message::keys(event).iter().enumerate() {
            let asked = self.asked.is_set() && message::is_for_caller(key) && self.is_asked_by(&event.stream).await?;
            if !asked && !self.hook.wants(key) {
                continue;
            }
            let spot = Spot { place: entry.position, nth: u8::try_from(nth).expect("an event is told as a few") };
            if let Some(message) = self.compose(event, nth).await? {
                self.progress.open.insert(spot, Attempts { made: 0, since: now, at: now });
                self.messages.insert(spot, message);
                self.saved.changed = true;
            }
            if asked && message::ends_run(key) {
                self.last.insert(spot, RunId::new(event.stream.as_str()));
            }
        }
        Ok(())
    }

    /// Whether a run named this webhook when it was submitted.
    async fn is_asked_by(&self, stream: &StreamId) -> Result<bool, EngineError> {
        let found = self.engine.ports.store.document(&self.tenant, NOTIFY, stream.as_str()).await?;
        Ok(found.and_then(|document| document.value).is_some_and(|value| value["webhook"] == *self.hook.id))
    }

    async fn compose(&mut self, event: &Event, nth: usize) -> Result<Option<Message>, EngineError> {
        let mut known = Known::default();
        if event.stream != StreamId::admin() {
            let run = RunId::new(event.stream.as_str());
            if let Some(row) = self.engine.ports.store.run(&self.tenant, &run).await? {
                (known.agent, known.snapshot) = (row.agent, row.snapshot);
            }
        }
        let key = message::keys(event).get(nth);
        if let Some(step) = message::step_of(event).filter(|_| key.is_some_and(|key| *key != message::RESOLVED)) {
            known.step = self.steps.of(&self.engine, &self.tenant, &event.stream, step).await?;
        }
        if matches!(event.body, Body::RunCancelled(_)) {
            known.stopped_by = self.stopped_by(event).await?;
        }
        Ok(message::of(event, nth, &known))
    }

    /// Who asked a run to stop: the request stands shortly before the end.
    async fn stopped_by(&self, event: &Event) -> Result<Option<affiant_journal::PrincipalId>, EngineError> {
        let from = event.seq.saturating_sub(64);
        let page = self.engine.ports.store.load(&self.tenant, &event.stream, from, 64).await?;
        let events = page.iter().rev().filter_map(|entry| entry.event().ok());
        let mut asked = events.filter(|event| matches!(event.body, Body::RunCancelRequested(_)));
        Ok(asked.next_back().map(|event| event.actor.id))
    }

    /// Begins what is due, as far as there is room. Messages about one thing are sent one after the other, so that a
    /// receiver that takes all of them sees them in order.
    async fn begin(&mut self, secret: &Arc<str>) -> Result<(), EngineError> {
        let now = self.engine.ports.clock.now();
        let due = self.progress.open.iter().filter(|(spot, it)| it.at <= now && !self.flying.contains_key(spot));
        let due: Vec<Spot> = due.map(|(spot, _)| *spot).collect();
        for spot in due {
            if self.flying.len() >= AT_ONCE {
                break;
            }
            let Some(message) = self.message(spot).await? else {
                self.close(spot);
                continue;
            };
            if self.flying.values().any(|subject| *subject == message.subject) {
                continue;
            }
            self.flying.insert(spot, message.subject.clone());
            let delivery = Delivery {
                url: self.hook.url.clone(),
                id: message.id,
                at: now,
                secret: secret.clone(),
                media: message::MEDIA.to_owned(),
                body: message.body,
            };
            let deliver = self.deliver.clone();
            self.flights.spawn(async move { (spot, deliver.deliver(delivery).await) });
        }
        Ok(())
    }

    /// The message of an open delivery, made again where it was made by an earlier start of the server.
    async fn message(&mut self, spot: Spot) -> Result<Option<Message>, EngineError> {
        if let Some(message) = self.messages.get(&spot) {
            return Ok(Some(message.clone()));
        }
        let page = self.engine.ports.store.tail(spot.place.saturating_sub(1), 1).await?;
        let entry = page.first().filter(|entry| entry.position == spot.place && entry.tenant == self.tenant);
        let Some(event) = entry.and_then(message::read) else { return Ok(None) };
        let message = self.compose(&event, usize::from(spot.nth)).await?;
        if message::keys(&event).get(usize::from(spot.nth)).is_some_and(|key| message::ends_run(key)) {
            self.last.insert(spot, RunId::new(event.stream.as_str()));
        }
        self.messages.extend(message.clone().map(|message| (spot, message)));
        Ok(message)
    }

    async fn land(&mut self, landed: Option<Result<Landed, tokio::task::JoinError>>) {
        // A delivery that panicked or was cut off is tried again after the next start; the receiver knows its id.
        let Some(Ok((spot, outcome))) = landed else { return };
        self.flying.remove(&spot);
        self.saved.changed = true;
        let now = self.engine.ports.clock.now();
        match outcome {
            Ok(()) => {
                self.close(spot);
                (self.progress.delivered, self.progress.error) = (Some(now), None);
            }
            Err(failure) => self.failed(spot, &failure, now).await,
        }
    }

    async fn failed(&mut self, spot: Spot, failure: &DeliveryFailure, now: Timestamp) {
        let Some(attempts) = self.progress.open.get(&spot).copied() else { return };
        let fate = self.progress.fate(&attempts, failure, self.jitter(), now);
        self.progress.error = Some(failure.message.clone());
        match fate {
            Fate::Again(at) => {
                self.progress.open.insert(spot, Attempts { made: attempts.made + 1, at, ..attempts });
            }
            Fate::Dropped => self.close(spot),
            Fate::Off => self.switch_off(failure).await,
        }
    }

    /// Ends a delivery.
    fn close(&mut self, spot: Spot) {
        self.progress.open.remove(&spot);
        self.messages.remove(&spot);
        self.over.extend(self.last.remove(&spot));
        self.saved.changed = true;
    }

    /// Delivers nothing more, and says so where people look.
    async fn switch_off(&mut self, failure: &DeliveryFailure) {
        self.progress.off = true;
        self.progress.open.clear();
        self.progress.error = Some(format!("switched off: {}", failure.message));
        tracing::warn!(webhook = %self.hook.id, error = %failure.message, "a webhook was switched off");
        let said = json!({ "because": failure.message, "off": true, "webhookId": self.hook.id });
        let body = ConfigChanged { change: "set".into(), setting: "webhook".into(), value: Payload::Inline(said) };
        let documents = vec![self.progress.document(&self.tenant, &self.hook.id)];
        let done = self.engine.record_admin(&self.tenant, &self.engine.worker_actor, body, documents).await;
        if let Err(error) = done {
            tracing::warn!(webhook = %self.hook.id, %error, "that a webhook is off could not be written down");
        }
    }

    /// Writes progress down. No journal grows by it.
    async fn save(&mut self) -> Result<(), EngineError> {
        let gone = |run: &RunId| Document {
            tenant: self.tenant.clone(),
            collection: NOTIFY.into(),
            id: run.as_str().into(),
            value: None,
        };
        let mut append = Append::new(self.tenant.clone(), StreamId::new(self.hook.id.clone()), 0, Vec::new());
        append.documents = self.over.iter().map(gone).collect();
        append.documents.push(self.progress.document(&self.tenant, &self.hook.id));
        self.engine.ports.store.append(append).await?;
        self.over.clear();
        let mono = self.engine.ports.clock.mono();
        self.saved = Saved { cursor: self.progress.cursor, mono, changed: false };
        Ok(())
    }

    fn jitter(&self) -> u32 {
        let mut bytes = [0; 4];
        self.engine.ports.chance.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}
