//! Accepting a run. One append, and where a worker is free it carries the first step already.

use std::{collections::BTreeSet, sync::Arc};

use affiant_contract::{Auth, Pick, Ref};
use affiant_journal::{
    Budget, Digest, Disclosure, Forked, Mode, Parent, Pinned, PlannerRef, RunClaimed, RunId, RunSubmitted, SnapshotId,
    SnapshotRef, TenantId, Timestamp,
};
use affiant_policy::Principal;
use serde_json::{Map, Value, json};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    Engine, EngineError,
    advance::{Errand, Turn},
    agent::{Hidden, ReadyAgent, pinned},
    budget::{Purse, agreed},
    draft::Draft,
    outbox::NOTIFY,
    payload::{keep, salt},
    ports::{Document, Remembered},
    record::{Beside, Hold},
    snapshot::{self, Item, Snapshot},
    work::{Opened, Work},
};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Submit {
    /// Key of the agent.
    pub agent_key: String,
    /// Which of its versions.
    pub agent_version: Pick,
    /// An existing snapshot; without one the agent's packs are read as the first step.
    pub snapshot: Option<SnapshotId>,
    /// What the agent is asked to do, in words.
    pub prompt: Option<String>,
    /// The agent's input, an object.
    pub input: Option<Value>,
    /// How it is carried out.
    pub mode: Mode,
    /// −1000 to 1000, higher first.
    pub priority: i64,
    /// The caller's labels.
    pub metadata: Option<Map<String, Value>>,
    /// The most the run may use.
    pub budget: Option<Budget>,
    /// When it fails if it has not ended.
    pub deadline: Option<Timestamp>,
    /// The operation that submits it.
    pub operation: Ref,
    /// SHA-256 of the caller's idempotency key.
    pub idempotency: Option<Digest>,
    /// The webhook that is told when the run waits for an approval and when it ends: see [`crate::outbox`].
    pub notify: Option<Arc<str>>,
}

/// A run that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub run: RunId,
    /// `queued`, or further when a worker was free.
    pub status: &'static str,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// The snapshot it reads, when known already.
    pub snapshot: Option<SnapshotId>,
}

/// Makes what is remembered under the caller's idempotency key, in the same transaction as the run.
pub type Remember = Box<dyn FnOnce(&Submitted) -> Remembered + Send>;

/// Where a run comes from, beside what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The operations that it may use.
    pub(crate) operations: Vec<Pinned>,
    /// The run whose results it takes over.
    pub(crate) forked: Option<Forked>,
    /// The run that called it.
    pub(crate) parent: Option<Parent>,
    /// Its id, where it follows from who called it.
    pub(crate) id: Option<RunId>,
}

/// A run's first event and what belongs to it.
pub(crate) struct First {
    pub(crate) agent: Arc<ReadyAgent>,
    pub(crate) id: RunId,
    pub(crate) draft: Draft,
    pub(crate) prompt: Option<String>,
    pub(crate) input: Option<Value>,
    pub(crate) notify: Option<Arc<str>>,
}

impl Engine {
    /// Accepts a run. When this returns, its first event is on disk.
    pub async fn submit(
        self: &Arc<Self>,
        who: &Principal,
        submit: Submit,
        remember: Option<Remember>,
    ) -> Result<Submitted, EngineError> {
        let missing = || EngineError::Missing { what: "agent", name: submit.agent_key.clone() };
        let contract = self.registry.resolve(&submit.agent_key, &submit.agent_version).ok_or_else(missing)?;
        let agent = self.ready(contract)?;
        agent.input(submit.input.as_ref()).map_err(EngineError::Input)?;
        let snapshot = self.named_snapshot(who, submit.snapshot.as_ref()).await?;
        let operations = allowed(&agent, |auth, _| who.reaches(auth));
        let first = self.first(agent, submit, snapshot, Origin { operations, ..Origin::default() })?;
        self.accept(who, first, Vec::new(), remember).await
    }

    /// Writes a run's first events and begins it when a worker is free.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        who: &Principal,
        first: First,
        reused: Vec<(Draft, Option<Value>)>,
        remember: Option<Remember>,
    ) -> Result<Submitted, EngineError> {
        let actor = who.actor();
        let pen = self.pen(&actor);
        let id = first.id;
        let (prompt, input) = (first.prompt.as_deref(), first.input.as_ref());
        let mut work = Box::new(Work::new(who.tenant.clone(), &id, first.agent, prompt, input));
        work.write(first.draft, &Opened::default(), &pen)?;
        for (draft, value) in reused {
            work.write(draft, &Opened { value: value.as_ref(), message: None }, &pen)?;
        }
        self.show_snapshot(&mut work).await?;
        let purse = self.purse(&work).await?;
        let begun = self.begin_now(&mut work, purse.as_ref())?;
        let submitted = Submitted {
            run: id,
            status: work.run().status.word(),
            submitted_at: pen.now,
            snapshot: work.run().snapshot.as_ref().map(|snapshot| snapshot.id.clone()),
        };
        let documents = first.notify.map(|hook| asks(&who.tenant, &submitted.run, &hook)).into_iter().collect();
        let remember = remember.map(|remember| remember(&submitted));
        let beside = Beside { documents, remember, ..Beside::default() };
        let hold = if begun.is_some() { Hold::Here } else { Hold::Until(Some(pen.now)) };
        self.record(&mut work.ledger, hold, beside).await?;
        match begun {
            Some((permit, errands)) => self.drive_on(work, errands, permit),
            None => {
                self.idle.keep(work);
                self.bell.notify_one();
            }
        }
        Ok(submitted)
    }

    /// Takes the run at once when a worker is free: the append that accepts it then carries its first step too.
    /// A run whose first step others may leave no room for is accepted first.
    fn begin_now(
        &self,
        work: &mut Work,
        purse: Option<&Purse>,
    ) -> Result<Option<(OwnedSemaphorePermit, Vec<Errand>)>, EngineError> {
        if !self.may_begin_now() || self.is_full(work) || purse.is_some_and(Purse::has_ceilings) {
            return Ok(None);
        }
        let Ok(permit) = self.slots.clone().try_acquire_owned() else { return Ok(None) };
        let pen = self.pen(&self.worker_actor);
        let (until, worker) = (self.lease_end(), self.settings.worker.clone());
        work.write(RunClaimed { until, worker: worker.clone() }, &Opened::default(), &pen)?;
        let flying = BTreeSet::new();
        let policies = &self.policies;
        let turn = Turn { pen, worker: &worker, policies, flying: &flying, queueing: &flying, purse, patient: true };
        let errands = work.advance(&turn)?;
        Ok(Some((permit, errands)))
    }

    async fn named_snapshot(
        &self,
        who: &Principal,
        id: Option<&SnapshotId>,
    ) -> Result<Option<SnapshotRef>, EngineError> {
        let Some(id) = id else { return Ok(None) };
        let found = self.snapshot_get(&who.tenant, id).await?;
        Ok(Some(found.reference()))
    }

    /// The first event of a run.
    pub(crate) fn first(
        &self,
        agent: Arc<ReadyAgent>,
        submit: Submit,
        snapshot: Option<SnapshotRef>,
        origin: Origin,
    ) -> Result<First, EngineError> {
        let budget = agreed(submit.budget, &agent.agent().budget, self.settings.prices.currency())?;
        let now = self.ports.clock.now();
        let id = origin.id.unwrap_or_else(|| RunId::new(self.ports.chance.id("run_", now)));
        let chance = &*self.ports.chance;
        let commit = |path: &str, value: Value| Disclosure::new(salt(chance), path, value);
        let mut disclosures = Vec::new();
        disclosures.extend(submit.input.clone().map(|input| commit("/input", input)));
        disclosures.extend(submit.prompt.clone().map(|prompt| commit("/prompt", prompt.into())));
        let snapshot = snapshot.or_else(|| agent.pack.is_none().then(|| implied(&id, &disclosures)));
        let own = now.plus(std::time::Duration::from_secs(agent.agent().limits.deadline_seconds));
        let metadata = submit.metadata.map(|it| keep(Value::Object(it), "/metadata", &Hidden::default(), chance));
        let body = RunSubmitted {
            agent: agent.pinned.clone(),
            budget,
            deadline: Some(submit.deadline.map_or(own, |deadline| deadline.min(own))),
            forked: origin.forked,
            idempotency: submit.idempotency,
            metadata: metadata.as_ref().map(|kept| kept.payload.clone()),
            mode: submit.mode,
            operation: self.operation_pinned(&submit.operation),
            operations: origin.operations,
            parent: origin.parent,
            planner: PlannerRef { kind: agent.agent().planner.kind().into(), version: agent.planner_version() },
            policy: self.policies.digest(),
            priority: submit.priority,
            snapshot,
        };
        let mut draft = Draft::from(body).keeping(disclosures, None);
        if let Some(kept) = metadata {
            draft = draft.holding(kept);
        }
        Ok(First { agent, id, draft, prompt: submit.prompt, input: submit.input, notify: submit.notify })
    }

    fn operation_pinned(&self, operation: &Ref) -> Pinned {
        match self.registry.get(operation) {
            Some(contract) => pinned(contract),
            None => Pinned { digest: Digest::of(b""), name: operation.to_string().into() },
        }
    }
}

/// What makes a webhook tell of a run.
fn asks(tenant: &TenantId, run: &RunId, hook: &str) -> Document {
    let value = Some(json!({ "webhook": hook }));
    Document { tenant: tenant.clone(), collection: NOTIFY.into(), id: run.as_str().into(), value }
}

/// The operations that a run may use: those of the agent that its caller may use as well.
pub(crate) fn allowed(agent: &ReadyAgent, reaches: impl Fn(Auth, &Pinned) -> bool) -> Vec<Pinned> {
    let tools = agent.tools.iter().filter(|tool| reaches(tool.bound.operation().policy.auth, &tool.pinned));
    let pack = agent.pack.iter().filter(|pack| reaches(Auth::User, pack));
    pack.cloned().chain(tools.map(|tool| tool.pinned.clone())).collect()
}

/// The snapshot of a run whose agent reads no packs: its input and prompt, by their commitments. It is kept nowhere
/// else, because the run's first event says all of it.
pub(crate) fn implied(run: &RunId, disclosures: &[Disclosure]) -> SnapshotRef {
    let items: Vec<Item> = disclosures.iter().map(|it| implied_item(it.path(), it.commit())).collect();
    SnapshotRef { id: implied_id(run), root: snapshot::root_of(&items) }
}

pub(crate) fn implied_item(path: &str, commitment: Digest) -> Item {
    let source = path.trim_start_matches('/');
    let content = affiant_journal::BlobRef { digest: commitment, media: "application/json".into(), size: 0 };
    Item { source: source.into(), kind: "input".into(), name: String::new(), origin: String::new(), content }
}

fn implied_id(run: &RunId) -> SnapshotId {
    SnapshotId::new(format!("ctx_{}", run.as_str().trim_start_matches("run_")))
}

/// The run whose input a snapshot of this id is, if it is one.
pub(crate) fn implying(snapshot: &SnapshotId) -> RunId {
    RunId::new(format!("run_{}", snapshot.as_str().trim_start_matches("ctx_")))
}

/// A snapshot made of a run's first event.
pub(crate) fn implied_snapshot(reference: &SnapshotRef, event: &affiant_journal::Event, paths: &[&str]) -> Snapshot {
    let items = paths.iter().zip(&event.sd).map(|(path, commitment)| implied_item(path, *commitment)).collect();
    Snapshot {
        id: reference.id.clone(),
        root: reference.root,
        pack: None,
        parameters: Map::new(),
        items,
        created_at: event.at,
        created_by: event.actor.id.clone(),
    }
}
