//! The power fails after every single append: the finished journal tells the same story as the undisturbed one.

mod world;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use affiant_engine::{
    Resolve, Settle,
    ports::{
        Append, Appended, ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Claim, Counts, Document, LogHead,
        Page, Positioned, Remembered, RunQuery, RunRow, SealedValue, Store, StoreError,
    },
};
use affiant_journal::{Body, Digest, Entry, Event, RunId, StreamId, TenantId, Timestamp, WorkerId};
use async_trait::async_trait;
use serde_json::json;
use world::*;

/// A store whose power fails: after so many appends nothing more is written or answered until the next boot.
struct Fuse {
    store: Arc<dyn Store>,
    left: AtomicU64,
    dark: AtomicBool,
}

impl Fuse {
    fn lit(&self) -> Result<(), StoreError> {
        if self.dark.load(Ordering::SeqCst) { Err(StoreError::Unavailable("the power is off".into())) } else { Ok(()) }
    }

    fn replaced(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
        self.dark.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Fuse {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.lit()?;
        let appended = self.store.append(append).await?;
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // It is on disk, but nobody hears of it any more.
            self.dark.store(true, Ordering::SeqCst);
        }
        self.lit()?;
        Ok(appended)
    }

    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.lit()?;
        self.store.load(tenant, stream, from, limit).await
    }

    async fn sealed(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Vec<SealedValue>, StoreError> {
        self.lit()?;
        self.store.sealed(tenant, stream, from).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<RunRow>, StoreError> {
        self.lit()?;
        self.store.claim(claim).await
    }

    async fn extend(
        &self,
        worker: &WorkerId,
        runs: &[(TenantId, RunId)],
        until: Timestamp,
    ) -> Result<Vec<RunId>, StoreError> {
        self.lit()?;
        self.store.extend(worker, runs, until).await
    }

    async fn next_runnable(&self) -> Result<Option<Timestamp>, StoreError> {
        self.lit()?;
        self.store.next_runnable().await
    }

    async fn run(&self, tenant: &TenantId, run: &RunId) -> Result<Option<RunRow>, StoreError> {
        self.store.run(tenant, run).await
    }

    async fn runs(&self, tenant: &TenantId, query: RunQuery) -> Result<Page<RunRow>, StoreError> {
        self.store.runs(tenant, query).await
    }

    async fn approvals(&self, tenant: &TenantId, query: ApprovalQuery) -> Result<Page<ApprovalRow>, StoreError> {
        self.store.approvals(tenant, query).await
    }

    async fn artifacts(&self, tenant: &TenantId, query: ArtifactQuery) -> Result<Page<ArtifactRow>, StoreError> {
        self.store.artifacts(tenant, query).await
    }

    async fn document(&self, tenant: &TenantId, collection: &str, id: &str) -> Result<Option<Document>, StoreError> {
        self.lit()?;
        self.store.document(tenant, collection, id).await
    }

    async fn documents(
        &self,
        tenant: Option<&TenantId>,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.lit()?;
        self.store.documents(tenant, collection, after, limit).await
    }

    async fn recall(&self, tenant: &TenantId, scope: &str) -> Result<Option<Remembered>, StoreError> {
        self.store.recall(tenant, scope).await
    }

    async fn remember(&self, tenant: &TenantId, remembered: Remembered, fresh: bool) -> Result<(), StoreError> {
        self.store.remember(tenant, remembered, fresh).await
    }

    async fn tail(&self, after: u64, limit: usize) -> Result<Vec<Positioned>, StoreError> {
        self.store.tail(after, limit).await
    }

    async fn log(&self, tenant: &TenantId) -> Result<LogHead, StoreError> {
        self.store.log(tenant).await
    }

    async fn hashes(&self, tenant: &TenantId, level: u8, from: u64, to: u64) -> Result<Vec<Digest>, StoreError> {
        self.store.hashes(tenant, level, from, to).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }
}

/// What a journal says, apart from attempts and claims.
fn gist(events: &[Event]) -> Vec<String> {
    let told = events.iter().filter_map(|event| match &event.body {
        Body::RunClaimed(_) | Body::StepDispatched(_) | Body::StepUnknown(_) | Body::TimerSet(_) => None,
        Body::StepFailed(it) if it.retry_at.is_some() => None,
        Body::StepDecided(it) => {
            Some(format!("decided {} {} {:?} by {}", it.step, it.operation.name, it.arguments, it.rule))
        }
        Body::StepObserved(it) if it.step == 0 && events_read_packs(events) => Some("packs".into()),
        Body::StepObserved(it) => Some(format!("observed {} {:?}", it.step, it.result)),
        Body::ArtifactCreated(it) => Some(format!("artifact {} {}", it.name, it.content.digest)),
        Body::RunCompleted(it) => Some(format!("completed {:?} {}", it.output, it.totals.steps)),
        body => Some(body.name().to_owned()),
    });
    let mut told: Vec<_> = told.collect();
    // Calls that were decided together may end in any order.
    told.sort_by_key(|line| (!line.starts_with("run."), line.clone()));
    told
}

fn events_read_packs(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(&event.body, Body::StepDecided(it) if &*it.rule == "pack"))
}

/// Carries a run of this agent to its end; the power fails after `appends` of them. Says whether it failed at all.
async fn story(agent: &str, appends: u64) -> (Vec<String>, bool) {
    let mut world = World::new(7);
    let fuse = Arc::new(Fuse {
        store: world.ports.store.clone(),
        left: AtomicU64::new(appends),
        dark: AtomicBool::new(false),
    });
    world.ports.store = fuse.clone();
    world.hand.does("ping", Duration::from_millis(10), |it, before| {
        if before == 0 { Err(failed("busy", true, false)) } else { Ok(it.clone()) }
    });
    let (mut engine, mut stop, _) = world.serve();
    tokio::task::yield_now().await;
    let input = json!({"steps": 2, "value": "text"});
    let submitted = engine.submit(&ana(), submit(agent, input.clone()), None).await;
    let run = match submitted {
        Ok(submitted) => submitted.run,
        // Nobody was told that it was accepted; it is there all the same, and it is carried out.
        Err(_) => world.ports.store.runs(&tenant(), RunQuery::default()).await.unwrap().rows[0].run.clone(),
    };
    for _ in 0..20_000 {
        let row = fuse.store.run(&tenant(), &run).await.unwrap().unwrap();
        if fuse.dark.load(Ordering::SeqCst) {
            stop.cancel();
            tokio::time::sleep(Duration::from_secs(30)).await;
            fuse.replaced();
            (engine, stop, _) = world.serve();
        }
        match (&*row.status, row.waiting.as_deref()) {
            ("completed" | "failed" | "cancelled", _) => {
                let events = world.journal(&run).await;
                return (gist(&events), fuse.left.load(Ordering::SeqCst) > u64::MAX / 2);
            }
            ("waiting", Some("approval")) => {
                let yes = Resolve { run: run.clone(), approval: None, action: None, approve: true, comment: None };
                let _ = engine.resolve(&ana(), yes).await;
            }
            ("waiting", Some("unknown_outcome")) => {
                let _ = engine.settle(&ana(), &run, 0, Settle::Retry).await;
            }
            ("waiting", Some("input")) => {
                let _ = engine.answer(&ana(), &run, None, json!("dry")).await;
            }
            _ => (),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{agent} is stuck after {appends} appends: {}", world.story(&run).await);
}

#[tokio::test(start_paused = true)]
async fn a_power_cut_after_any_append_changes_nothing_but_attempts() {
    for agent in ["echo", "parallel", "writer", "keeper", "asker", "reader"] {
        let (undisturbed, _) = story(agent, u64::MAX).await;
        assert!(undisturbed.iter().any(|line| line.starts_with("completed")), "{agent}: {undisturbed:?}");
        for appends in 1.. {
            let (told, cut) = story(agent, appends).await;
            assert_eq!(told, undisturbed, "{agent}, power cut after append {appends}");
            if !cut {
                break;
            }
        }
    }
}
