//! The engine: what surfaces ask of it, and what its worker shares.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use affiant_contract::{Contract, Ref, Registry};
use affiant_journal::{
    Actor, ActorKind, Digest, Pinned, PrincipalId, RunId, SnapshotId, SnapshotRef, StreamId, TenantId, Timestamp,
};
use affiant_policy::PolicySet;
use serde_json::Value;
use tokio::sync::{Notify, Semaphore, broadcast};

use crate::{
    EngineError, Settings,
    agent::ReadyAgent,
    child::Ends,
    driver::Driven,
    ends,
    folded::Folds,
    follow::{Follower, Tails},
    idle::Idle,
    ledger::Pen,
    ports::{Ports, Scope},
    rules::{Facts, SharedFact, values},
    snapshot::Snapshot,
    whispers::{Whisper, Whispers},
    work::{Work, asks_model},
};

/// Carries out runs, and is the only one who writes their journals.
pub struct Engine {
    pub(crate) ports: Ports,
    pub(crate) registry: Arc<Registry>,
    pub(crate) policies: PolicySet,
    pub(crate) settings: Settings,
    pub(crate) tails: Tails,
    pub(crate) whispers: Whispers,
    /// Runs that are carried out here.
    pub(crate) driven: Mutex<HashMap<(TenantId, RunId), Arc<Driven>>>,
    /// Runs that wait and need not be loaded again.
    pub(crate) idle: Idle,
    /// Long runs that were folded lately.
    pub(crate) folds: Folds,
    /// Room for runs to be carried out at once.
    pub(crate) slots: Arc<Semaphore>,
    /// Whether a worker takes runs here.
    pub(crate) working: AtomicBool,
    /// Whether runs are known to wait for a worker, so that a new one must not overtake them.
    pub(crate) backlog: AtomicBool,
    /// Wakes the worker.
    pub(crate) bell: Notify,
    /// Wakes whoever signs what has ended.
    pub(crate) ended: Notify,
    /// Who waits for which run to end.
    pub(crate) ends: Ends,
    pub(crate) worker_actor: Actor,
    /// By the digest of their files, and the operation that asks models where it is not the newest.
    agents: Mutex<HashMap<Arc<str>, Arc<ReadyAgent>>>,
    snapshots: Mutex<HashMap<SnapshotId, SharedFact>>,
    admin: Mutex<HashMap<TenantId, (u64, Digest)>>,
    roots: Mutex<HashMap<TenantId, Roots>>,
    /// What tenants of whom nothing was said may touch.
    common_roots: Mutex<Option<Roots>>,
}

/// The folders that a tenant's runs may touch.
#[derive(Clone)]
struct Roots {
    /// Folders for what only reads.
    reading: Arc<[PathBuf]>,
    /// Folders for what changes something.
    writing: Arc<[PathBuf]>,
}

impl Roots {
    fn of(folders: impl IntoIterator<Item = (PathBuf, bool)>) -> Self {
        let folders: Vec<_> = folders.into_iter().collect();
        let writing = folders.iter().filter(|(_, writable)| *writable).map(|(path, _)| path.clone()).collect();
        Self { reading: folders.into_iter().map(|(path, _)| path).collect(), writing }
    }
}

/// Snapshots whose facts are kept for the next run that reads them.
const SHARED_SNAPSHOTS: usize = 16;

impl Engine {
    /// An engine over these ports. [`Engine::work`] makes it carry out runs.
    pub fn new(ports: Ports, registry: Arc<Registry>, policies: PolicySet, settings: Settings) -> Arc<Self> {
        let id = PrincipalId::new(settings.worker.as_str());
        Arc::new(Self {
            slots: Arc::new(Semaphore::new(settings.runs_at_once.get())),
            idle: Idle::new(settings.idle_runs),
            folds: Folds::default(),
            worker_actor: Actor { auth: "none".into(), id, kind: ActorKind::System },
            ports,
            registry,
            policies,
            settings,
            tails: Tails::default(),
            whispers: Whispers::default(),
            driven: Mutex::default(),
            working: AtomicBool::new(false),
            backlog: AtomicBool::new(false),
            bell: Notify::new(),
            ended: Notify::new(),
            ends: Ends::default(),
            agents: Mutex::default(),
            snapshots: Mutex::default(),
            admin: Mutex::default(),
            roots: Mutex::default(),
            common_roots: Mutex::default(),
        })
    }

    /// Everything outside.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Every contract.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The policies in force.
    pub fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// What the operator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Follows a run: wakes when entries were stored. The entries are the bytes that are stored.
    pub fn follow(&self, tenant: &TenantId, run: &RunId) -> Follower {
        self.tails.follow(tenant, run)
    }

    /// Listens to what models say in a run, while they say it.
    pub fn listen(&self, tenant: &TenantId, run: &RunId) -> broadcast::Receiver<Whisper> {
        self.whispers.listen(tenant, run)
    }

    /// The folders that a tenant's runs may touch from now on, each with whether they may be changed. Everything else is
    /// refused.
    pub fn allow_roots(&self, tenant: &TenantId, folders: impl IntoIterator<Item = (PathBuf, bool)>) {
        locked(&self.roots).insert(tenant.clone(), Roots::of(folders));
    }

    /// As [`Engine::allow_roots`], for every tenant for whom that was not called.
    pub fn allow_common_roots(&self, folders: impl IntoIterator<Item = (PathBuf, bool)>) {
        *locked(&self.common_roots) = Some(Roots::of(folders));
    }

    /// Comes back when a run has ended since the last time.
    pub async fn a_run_ended(&self) {
        self.ended.notified().await;
    }

    /// How many runs are carried out here at this moment.
    pub fn busy(&self) -> usize {
        locked(&self.driven).len()
    }

    /// An agent, compiled once.
    pub fn ready(&self, contract: &Arc<Contract>) -> Result<Arc<ReadyAgent>, EngineError> {
        self.compiled(contract, contract.source.digest.clone(), None)
    }

    /// An agent as a run knows it that began with these operations: it goes on to ask models by the version of the
    /// operation that it began with, also where a newer one is loaded by now.
    pub(crate) fn ready_with(
        &self,
        contract: &Arc<Contract>,
        operations: &[Pinned],
    ) -> Result<Arc<ReadyAgent>, EngineError> {
        let agent = self.ready(contract)?;
        let began_with = operations.iter().find(|operation| asks_model(operation));
        let began_with = began_with.and_then(|operation| operation.name.parse::<Ref>().ok());
        match began_with.filter(|call| agent.model.as_ref().is_some_and(|model| model.call != *call)) {
            Some(call) => self.compiled(contract, format!("{} {call}", contract.source.digest).into(), Some(&call)),
            None => Ok(agent),
        }
    }

    fn compiled(
        &self,
        contract: &Arc<Contract>,
        key: Arc<str>,
        call: Option<&Ref>,
    ) -> Result<Arc<ReadyAgent>, EngineError> {
        if let Some(agent) = locked(&self.agents).get(&key) {
            return Ok(agent.clone());
        }
        let agent = Arc::new(ReadyAgent::asking(contract.clone(), &self.registry, call)?);
        locked(&self.agents).insert(key, agent.clone());
        Ok(agent)
    }

    /// Where a tenant's tools and sources may reach: the folders that were allowed, for writing, or for reading too
    /// when nothing is changed. Everything else is refused.
    pub(crate) fn scope(&self, tenant: &TenantId, run: Option<&RunId>, reads_only: bool) -> Scope {
        let own = locked(&self.roots).get(tenant).cloned();
        let allowed = own.or_else(|| locked(&self.common_roots).clone());
        let roots = allowed.map(|it| if reads_only { it.reading } else { it.writing });
        Scope { tenant: tenant.clone(), run: run.cloned(), roots: roots.unwrap_or_else(|| Arc::from([])) }
    }

    pub(crate) fn pen<'a>(&'a self, actor: &'a Actor) -> Pen<'a> {
        Pen {
            actor,
            now: self.ports.clock.now(),
            mono: self.ports.clock.mono(),
            boot: &self.settings.boot,
            chance: &*self.ports.chance,
        }
    }

    pub(crate) fn lease_end(&self) -> Timestamp {
        self.ports.clock.now().plus(self.settings.lease)
    }

    /// The run, if it is carried out here.
    pub(crate) fn driven_here(&self, tenant: &TenantId, run: &RunId) -> Option<Arc<Driven>> {
        locked(&self.driven).get(&(tenant.clone(), run.clone())).cloned()
    }

    /// Whether a new run may be begun at once: a worker is here, and nobody waits for it.
    pub(crate) fn may_begin_now(&self) -> bool {
        self.working.load(Ordering::Relaxed) && !self.backlog.load(Ordering::Relaxed)
    }

    /// Lets a run's facts know the snapshot that it reads.
    pub(crate) async fn show_snapshot(&self, work: &mut Work) -> Result<(), EngineError> {
        let Some(snapshot) = work.run().snapshot.clone() else { return Ok(()) };
        if work.agent.pack.is_none() && !work.facts.uses().items {
            work.see_empty(&snapshot);
            return Ok(());
        }
        let fact = self.snapshot_fact(&work.ledger.tenant.clone(), &snapshot).await?;
        work.see(fact);
        Ok(())
    }

    pub(crate) async fn snapshot_fact(
        &self,
        tenant: &TenantId,
        reference: &SnapshotRef,
    ) -> Result<SharedFact, EngineError> {
        if let Some(fact) = locked(&self.snapshots).get(&reference.id) {
            return Ok(fact.clone());
        }
        let items = match Snapshot::load(&self.ports, tenant, &reference.id).await? {
            Some(snapshot) => snapshot.facts(&self.ports, tenant).await?,
            None => serde_json::Map::new(),
        };
        Ok(self.share_snapshot(reference, Value::Object(items)))
    }

    pub(crate) fn share_snapshot(&self, reference: &SnapshotRef, items: Value) -> SharedFact {
        let fact = Facts::snapshot_fact(reference, values::from_json(&items));
        let mut shared = locked(&self.snapshots);
        if shared.len() >= SHARED_SNAPSHOTS {
            shared.clear();
        }
        shared.insert(reference.id.clone(), fact.clone());
        fact
    }

    /// Length and head of a tenant's administrative stream.
    pub(crate) async fn admin_end(&self, tenant: &TenantId) -> Result<(u64, Option<Digest>), EngineError> {
        if let Some((length, head)) = locked(&self.admin).get(tenant) {
            return Ok((*length, Some(*head)));
        }
        let length = self.admin_length(tenant).await?;
        let Some(last) = length.checked_sub(1) else { return Ok((0, None)) };
        let entries = self.ports.store.load(tenant, &StreamId::admin(), last, 1).await?;
        Ok((length, entries.first().map(|entry| entry.leaf)))
    }

    /// How many events a tenant's administrative stream has.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn admin_length(&self, tenant: &TenantId) -> Result<u64, EngineError> {
        let known = locked(&self.admin).get(tenant).map_or(0, |(length, _)| *length);
        let store = &self.ports.store;
        let there = async move |seq| Ok(!store.load(tenant, &StreamId::admin(), seq, 1).await?.is_empty());
        ends::end(known, there).await
    }

    pub(crate) fn remember_admin(&self, tenant: &TenantId, length: u64, head: Digest) {
        locked(&self.admin).insert(tenant.clone(), (length, head));
    }

    pub(crate) fn forget_admin(&self, tenant: &TenantId) {
        locked(&self.admin).remove(tenant);
    }
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change to what these hold is one step, so a panic elsewhere leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
