//! A run read back from the store: its journal folded, its facts made again, its open steps with what they were asked.

use std::{collections::HashMap, sync::Arc};

use affiant_journal::{
    Body, Digest, Disclosure, Entry, Event, Payload, Run, RunId, RunSubmitted, StreamId, TenantId,
    run::{PACK, StepState},
};
use serde_json::Value;

use crate::{
    Engine, EngineError,
    agent::ReadyAgent,
    ledger::Ledger,
    payload::{restore, spelled},
    ports::{Place, SealedValue, StoreError},
    work::{Job, Opened, Work},
};

/// Entries read at once.
const PAGE: usize = 2048;

/// A journal as it was read.
pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    pub(crate) head: Option<Digest>,
}

/// The sealed values of a stream.
pub(crate) struct Sealed<'a> {
    engine: &'a Engine,
    tenant: &'a TenantId,
    stream: StreamId,
    values: HashMap<Digest, SealedValue>,
}

impl Engine {
    /// The events of a stream from `from` on.
    pub(crate) async fn read(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Read, EngineError> {
        let (events, head) = self.pages(tenant, stream, from, understand).await?;
        Ok(Read { events, head })
    }

    /// What `understand` makes of the entries of a stream from `from` on, and the leaf hash of the last.
    ///
    /// While a page is understood, the next is read: a long journal takes as long as the slower of the two.
    pub(crate) async fn pages<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        understand: fn(&[Entry], &StreamId) -> Result<Vec<T>, EngineError>,
    ) -> Result<(Vec<T>, Option<Digest>), EngineError> {
        let (mut next, mut head, mut understood) = (from, None, Vec::new());
        loop {
            let page = self.ports.store.load(tenant, stream, next, PAGE).await?;
            (next, head) = (next + page.len() as u64, page.last().map(|entry| entry.leaf).or(head));
            if page.len() < PAGE {
                let mut all = Vec::new();
                for page in understood {
                    let page: tokio::task::JoinHandle<_> = page;
                    all.append(&mut page.await.map_err(|error| damaged(stream, &error))??);
                }
                all.append(&mut understand(&page, stream)?);
                return Ok((all, head));
            }
            let stream = stream.clone();
            understood.push(tokio::task::spawn_blocking(move || understand(&page, &stream)));
        }
    }

    /// The journal of a run, folded. Nothing is opened.
    pub(crate) async fn ledger(&self, tenant: &TenantId, run: &RunId) -> Result<Ledger, EngineError> {
        let folded = Arc::unwrap_or_clone(self.folded(tenant, run).await?);
        let mut ledger = Ledger::new(tenant.clone(), run.stream());
        (ledger.run, ledger.head) = (Some(folded.run), Some(folded.head));
        Ok(ledger)
    }

    /// A run with everything that is needed to carry it on.
    pub(crate) async fn load(&self, tenant: &TenantId, run: &RunId) -> Result<Work, EngineError> {
        let stream = run.stream();
        let read = self.read(tenant, &stream, 0).await?;
        let missing = || EngineError::Missing { what: "run", name: run.to_string() };
        let first = read.events.first().ok_or_else(missing)?;
        let Body::RunSubmitted(submitted) = &first.body else { return Err(missing()) };
        let agent = self.pinned_agent(&submitted.agent, &submitted.operations)?;
        if submitted.policy != self.policies.digest() {
            // A run keeps the policies it began under; where they are not in force, it is not carried on.
            return Err(EngineError::Missing { what: "policy set", name: submitted.policy.to_string() });
        }
        let sealed = self.sealed(tenant, &stream, 0).await?;
        let (prompt, input) = (sealed.at(first, "/prompt"), sealed.at(first, "/input"));
        let mut work = Work::new(tenant.clone(), run, agent, prompt.as_ref().and_then(Value::as_str), input.as_ref());
        self.replay_into(&mut work, &read.events, &sealed).await?;
        work.ledger.head = read.head;
        self.restore_jobs(&mut work, &read.events, &sealed).await?;
        Ok(work)
    }

    /// Takes what others have written since.
    pub(crate) async fn catch_up(&self, work: &mut Work) -> Result<(), EngineError> {
        let (tenant, stream) = (work.ledger.tenant.clone(), work.ledger.stream.clone());
        let from = work.run().events;
        let read = self.read(&tenant, &stream, from).await?;
        if read.events.is_empty() {
            return Ok(());
        }
        let sealed = self.sealed(&tenant, &stream, from).await?;
        self.replay_into(work, &read.events, &sealed).await?;
        work.ledger.head = read.head;
        Ok(())
    }

    async fn replay_into(&self, work: &mut Work, events: &[Event], sealed: &Sealed<'_>) -> Result<(), EngineError> {
        let last_end = events.iter().rposition(|event| matches!(event.body, Body::StepObserved(_)));
        for (index, event) in events.iter().enumerate() {
            self.take(work, event, sealed, Some(index) == last_end).await?;
        }
        Ok(())
    }

    /// Takes an event that is stored already. `last` says whether rules may read it as the step that ended last.
    pub(crate) async fn take(
        &self,
        work: &mut Work,
        event: &Event,
        sealed: &Sealed<'_>,
        last: bool,
    ) -> Result<(), EngineError> {
        match &mut work.ledger.run {
            Some(run) => run.apply(event).map_err(|error| damaged(&work.ledger.stream, &error))?,
            none => *none = Some(Run::begin(event).map_err(|error| damaged(&event.stream, &error))?),
        }
        let value = match &event.body {
            Body::StepObserved(it) if work.needs(it.step, last) => {
                Some(self.open_payload(&it.result, "/result", event, sealed).await?)
            }
            Body::StepObserved(_) => Some(Value::Null),
            Body::InputReceived(_) => sealed.at(event, "/answer"),
            _ => None,
        };
        let said = if matches!(event.body, Body::ApprovalResolved(_)) { "/comment" } else { "/message" };
        let message = if event.sd.is_empty() { None } else { sealed.at(event, said) };
        let opened = Opened { value: value.as_ref(), message: message.as_ref().and_then(Value::as_str) };
        work.tell(event, &opened);
        let opens = matches!(&event.body, Body::RunSubmitted(_) | Body::StepObserved(_));
        if opens && !work.sees && work.run().snapshot.is_some() {
            self.show_snapshot(work).await?;
        }
        Ok(())
    }

    /// A payload as it was before personal fields were hidden.
    pub(crate) async fn open_payload(
        &self,
        payload: &Payload,
        at: &str,
        event: &Event,
        sealed: &Sealed<'_>,
    ) -> Result<Value, EngineError> {
        let value = match payload {
            Payload::Inline(value) => value.clone(),
            Payload::Blob(blob) => {
                let bytes = self.ports.blobs.get(&event.tenant, &blob.digest).await?;
                let bytes = bytes.ok_or_else(|| damaged(&event.stream, &"a payload is missing"))?;
                serde_json::from_slice(&bytes).map_err(|error| damaged(&event.stream, &error))?
            }
        };
        Ok(if event.sd.is_empty() { value } else { restore(value, at, &sealed.of(event)) })
    }

    async fn restore_jobs(&self, work: &mut Work, events: &[Event], sealed: &Sealed<'_>) -> Result<(), EngineError> {
        let open: Vec<(u64, u64, Arc<str>)> = work
            .run()
            .open()
            .filter(|(_, step)| !matches!(step.state, StepState::Promised { .. }))
            .map(|(number, step)| (number, step.decided, work.run().operation(step).name.clone()))
            .collect();
        for (number, seq, operation) in open {
            let event = &events[usize::try_from(seq).expect("a journal in memory has fewer events than addresses")];
            let Body::StepDecided(it) = &event.body else { continue };
            let value = self.open_payload(&it.arguments, "/arguments", event, sealed).await?;
            work.jobs.insert(number, Job { operation, arguments: spelled(&value).into() });
        }
        Ok(())
    }

    pub(crate) async fn sealed<'a>(
        &'a self,
        tenant: &'a TenantId,
        stream: &StreamId,
        from: u64,
    ) -> Result<Sealed<'a>, EngineError> {
        let values = self.ports.store.sealed(tenant, stream, from).await?;
        let values = values.into_iter().map(|value| (value.commitment, value)).collect();
        Ok(Sealed { engine: self, tenant, stream: stream.clone(), values })
    }

    /// The agent that a run pinned, where exactly that one is loaded here.
    pub fn agent_of(&self, submitted: &RunSubmitted) -> Option<Arc<ReadyAgent>> {
        self.pinned_agent(&submitted.agent, &submitted.operations).ok()
    }

    /// The agent of a run that began with these operations.
    pub(crate) fn pinned_agent(
        &self,
        pinned: &affiant_journal::Pinned,
        operations: &[affiant_journal::Pinned],
    ) -> Result<Arc<ReadyAgent>, EngineError> {
        let missing = || EngineError::Missing { what: "agent", name: pinned.name.to_string() };
        let reference = pinned.name.parse().map_err(|_| missing())?;
        let contract = self.registry.get(&reference).ok_or_else(missing)?;
        let agent = self.ready_with(contract, operations)?;
        // A run keeps the agent it began with; another text under the same version is another agent.
        if agent.pinned.digest == pinned.digest { Ok(agent) } else { Err(missing()) }
    }
}

fn understand(page: &[Entry], stream: &StreamId) -> Result<Vec<Event>, EngineError> {
    page.iter().map(|entry| entry.event().map_err(|error| damaged(stream, &error))).collect()
}

impl Sealed<'_> {
    /// The opened disclosures of an event. What was erased is left out.
    pub(crate) fn of(&self, event: &Event) -> Vec<Disclosure> {
        event.sd.iter().filter_map(|commitment| self.open(event.seq, commitment)).collect()
    }

    /// The opened value at a path of an event.
    pub(crate) fn at(&self, event: &Event, path: &str) -> Option<Value> {
        self.of(event).into_iter().find(|it| it.path() == path).map(|it| it.value().clone())
    }

    fn open(&self, seq: u64, commitment: &Digest) -> Option<Disclosure> {
        let sealed = self.values.get(commitment)?;
        let place = Place { tenant: self.tenant, subject: &sealed.subject, stream: &self.stream, seq, commitment };
        let text = self.engine.ports.vault.open(&place, &sealed.cipher).ok()?;
        Disclosure::parse(&text).ok()
    }
}

impl Work {
    /// Whether the rules may read what this step gave.
    fn needs(&self, number: u64, last: bool) -> bool {
        let Some(step) = self.run().step(number) else { return false };
        if self.transcript.is_some() {
            return &*step.rule != PACK;
        }
        let uses = self.facts.uses();
        &*step.rule != PACK && ((last && uses.last) || step.name.as_deref().is_some_and(|name| uses.reads_step(name)))
    }
}

pub(crate) fn damaged(stream: &StreamId, error: &dyn std::fmt::Display) -> EngineError {
    EngineError::Store(StoreError::Damaged(format!("stream {stream}: {error}")))
}
