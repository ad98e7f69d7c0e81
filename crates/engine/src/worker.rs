//! Takes runs whose time has come and carries them out, several at once, until it is told to stop.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use affiant_journal::{RunId, TenantId};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine, EngineError,
    advance::Errand,
    driver::{Driven, Driver},
    engine::locked,
    ports::{Claim, RunRow},
    work::Work,
};

/// How long the worker sleeps when nothing is due, so that it notices what another process queued.
const POLL: Duration = Duration::from_millis(500);
/// How long it rests after the store refused.
const REST: Duration = Duration::from_millis(200);

impl Engine {
    /// Carries out runs until `stop` fires; then takes no more, and waits a while for those in flight. What is not
    /// finished by then is taken up by whoever comes next, when its lease has ended.
    pub async fn work(self: Arc<Self>, stop: CancellationToken) {
        self.working.store(true, Ordering::Relaxed);
        let renewing = tokio::spawn(self.clone().renew());
        while !stop.is_cancelled() {
            let rest = match self.claim_some().await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(%error, "no run could be claimed");
                    REST
                }
            };
            tokio::select! {
                () = stop.cancelled() => (),
                () = self.bell.notified(), if !rest.is_zero() => (),
                () = tokio::time::sleep(rest), if !rest.is_zero() => (),
                () = std::future::ready(()), if rest.is_zero() => (),
            }
        }
        self.working.store(false, Ordering::Relaxed);
        self.finish().await;
        renewing.abort();
    }

    /// Claims as many runs as there is room for. Says how long to rest before the next time.
    async fn claim_some(self: &Arc<Self>) -> Result<Duration, EngineError> {
        let room = self.slots.available_permits();
        if room == 0 {
            // From now on every run that is over rings; one that was over just before has not.
            self.backlog.store(true, Ordering::SeqCst);
            return Ok(if self.slots.available_permits() == 0 { POLL } else { Duration::ZERO });
        }
        let now = self.ports.clock.now();
        let claim = Claim {
            now,
            until: self.lease_end(),
            worker: self.settings.worker.clone(),
            limit: room,
            full: self.full(),
        };
        let rows = self.ports.store.claim(claim).await?;
        self.backlog.store(rows.len() == room, Ordering::Relaxed);
        let found = rows.len();
        for row in rows {
            let Ok(permit) = self.slots.clone().acquire_owned().await else { break };
            self.take_up(row, permit);
        }
        if found > 0 {
            return Ok(Duration::ZERO);
        }
        let next = self.ports.store.next_runnable().await?;
        Ok(next.map_or(POLL, |at| at.since(now).clamp(Duration::from_millis(1), POLL)))
    }

    /// Takes a claimed run up, unless it is carried out here already and only its lease was late.
    fn take_up(self: &Arc<Self>, row: RunRow, permit: OwnedSemaphorePermit) {
        let key = (row.tenant.clone(), row.run.clone());
        let driven = Arc::new(Driven::of(self.limit_of(&row)));
        {
            let mut open = locked(&self.driven);
            if let Some(here) = open.get(&key) {
                here.nudge.notify_one();
                return;
            }
            open.insert(key.clone(), driven.clone());
        }
        let engine = self.clone();
        tokio::spawn(async move {
            let mut gone = Gone { engine: engine.clone(), key, rings: true };
            match engine.fetch(&row).await {
                Ok(work) => {
                    let parked = Driver::new(engine.clone(), work, driven.clone(), permit).take_over().await;
                    gone.rings = engine.is_missed(parked.as_deref(), &driven);
                    engine.park(parked);
                }
                Err(error) => tracing::warn!(run = %row.run, %error, "a run could not be loaded"),
            }
        });
    }

    /// Carries on a run that was begun when it was accepted.
    pub(crate) fn drive_on(self: &Arc<Self>, work: Box<Work>, errands: Vec<Errand>, permit: OwnedSemaphorePermit) {
        if work.run().status.ended() {
            return;
        }
        let key = (work.ledger.tenant.clone(), work.run().id.clone());
        let driven = Arc::new(Driven::of(work.agent.limit()));
        locked(&self.driven).insert(key.clone(), driven.clone());
        let engine = self.clone();
        tokio::spawn(async move {
            let mut gone = Gone { engine: engine.clone(), key, rings: true };
            let parked = Driver::new(engine.clone(), work, driven.clone(), permit).go_on(errands).await;
            gone.rings = engine.is_missed(parked.as_deref(), &driven);
            engine.park(parked);
        });
    }

    /// A claimed run, from memory where it is still there.
    async fn fetch(&self, row: &RunRow) -> Result<Box<Work>, EngineError> {
        if let Some(mut work) = self.idle.take(&row.tenant, &row.run) {
            if work.run().events != row.events {
                self.catch_up(&mut work).await?;
            }
            return Ok(work);
        }
        self.load(&row.tenant, &row.run).await.map(Box::new)
    }

    fn limit_of(&self, row: &RunRow) -> Option<(Arc<str>, u32)> {
        let version = row.agent_version.parse().ok()?;
        let contract = self.registry.get(&affiant_contract::Ref::new(row.agent.clone(), version))?;
        Some((row.agent.clone(), contract.agent()?.limits.concurrency?))
    }

    fn park(&self, work: Option<Box<Work>>) {
        if let Some(work) = work {
            self.idle.keep(work);
        }
    }

    /// Whether the worker must know that a run is carried out here no more: to look at it again when its time has come,
    /// or because others may wait for its place.
    fn is_missed(&self, parked: Option<&Work>, driven: &Driven) -> bool {
        let over = parked.is_some_and(|work| work.run().status.ended());
        let limited = self.settings.per_tenant.is_some() || driven.limit.is_some();
        !over || limited || self.backlog.load(Ordering::SeqCst)
    }

    /// Tells whoever carries a run out here that others wrote to it, or wakes the worker for it.
    pub(crate) fn nudge(&self, tenant: &TenantId, run: &RunId) {
        match self.driven_here(tenant, run) {
            Some(driven) => driven.nudge.notify_one(),
            None => self.bell.notify_one(),
        }
    }

    /// Whether a run's tenant or agent has as many runs at work as it may.
    pub(crate) fn is_full(&self, work: &Work) -> bool {
        let tenant = &work.ledger.tenant;
        let agent = &work.agent.contract.meta.key;
        if self.settings.per_tenant.is_none() && work.agent.limit().is_none() {
            return false;
        }
        self.full().iter().any(|(full, key)| full == tenant && key.as_ref().is_none_or(|key| key == agent))
    }

    /// Tenants that are at their limit, and agents of a tenant that are at theirs.
    fn full(&self) -> Vec<(TenantId, Option<Arc<str>>)> {
        let open = locked(&self.driven);
        let (mut tenants, mut agents) = (HashMap::new(), HashMap::new());
        let at_work = open.iter().filter(|(_, driven)| !driven.resting.load(Ordering::Relaxed));
        for ((tenant, _), driven) in at_work {
            if self.settings.per_tenant.is_some() {
                *tenants.entry(tenant).or_insert(0_u32) += 1;
            }
            if let Some((agent, most)) = &driven.limit {
                agents.entry((tenant, agent)).or_insert((0_u32, *most)).0 += 1;
            }
        }
        let most = self.settings.per_tenant.unwrap_or(u32::MAX);
        let tenants = tenants.into_iter().filter(|(_, now)| *now >= most).map(|(tenant, _)| (tenant.clone(), None));
        let agents = agents.into_iter().filter(|(_, (now, most))| now >= most);
        tenants.chain(agents.map(|((tenant, agent), _)| (tenant.clone(), Some(agent.clone())))).collect()
    }

    /// Renews the leases of the runs that are carried out here.
    async fn renew(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let runs: Vec<_> = locked(&self.driven).keys().cloned().collect();
            if runs.is_empty() {
                continue;
            }
            match self.ports.store.extend(&self.settings.worker, &runs, self.lease_end()).await {
                Ok(lost) => self.let_go(&lost),
                Err(error) => tracing::warn!(%error, "leases could not be renewed"),
            }
        }
    }

    fn let_go(&self, lost: &[RunId]) {
        for ((_, run), driven) in locked(&self.driven).iter() {
            if lost.contains(run) {
                driven.lost.store(true, Ordering::Relaxed);
                driven.nudge.notify_one();
            }
        }
    }

    async fn finish(&self) {
        let all = u32::try_from(self.settings.runs_at_once.get()).unwrap_or(u32::MAX);
        let done = tokio::time::timeout(self.settings.shutdown, self.slots.acquire_many(all)).await;
        if done.is_err() {
            tracing::info!(runs = self.busy(), "stopped with runs in flight; they are taken up again later");
        }
    }
}

/// Takes a run off the list of those carried out here, however its task ends.
struct Gone {
    engine: Arc<Engine>,
    key: (TenantId, RunId),
    /// Whether the worker is told.
    rings: bool,
}

impl Drop for Gone {
    fn drop(&mut self) {
        locked(&self.engine.driven).remove(&self.key);
        if self.rings {
            self.engine.bell.notify_one();
        }
    }
}
