//! Refusals are events. A caller who is refused again and again stands in one event per minute, with a count, so that
//! nobody can fill the disk by being refused.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use affiant_contract::errors::Category;
use affiant_engine::{Engine, ports::Document};
use affiant_journal::{Actor, Body, CallRefused, TenantId};
use affiant_policy::Principal;
use async_trait::async_trait;

use super::{Route, SurfaceName};
use crate::problem::Refusal;

/// Who writes administrative facts down, together with the documents that change with them.
#[async_trait]
pub trait Recorder: Send + Sync {
    /// Adds one event to the tenant's admin stream; the documents change in the same transaction.
    ///
    /// # Errors
    ///
    /// When it could not be written. Then nothing was.
    async fn record(
        &self,
        tenant: &TenantId,
        actor: Actor,
        body: Body,
        documents: Vec<Document>,
    ) -> Result<(), Refusal>;
}

#[async_trait]
impl Recorder for Engine {
    async fn record(
        &self,
        tenant: &TenantId,
        actor: Actor,
        body: Body,
        documents: Vec<Document>,
    ) -> Result<(), Refusal> {
        Ok(self.record_admin(tenant, &actor, body, documents).await?)
    }
}

/// The least time between two events about the same refusals, in microseconds.
const MINUTE: u64 = 60_000_000;

/// The most callers, codes and operations that are counted apart; beyond it the operation is not told apart.
const MANY: usize = 4096;

/// Refusals that are counted.
pub(super) struct Audit {
    recorder: Arc<dyn Recorder>,
    counted: Mutex<HashMap<Who, Counted>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Who {
    tenant: TenantId,
    auth: Arc<str>,
    code: Arc<str>,
    operation: Option<Arc<str>>,
    surface: SurfaceName,
}

struct Counted {
    actor: Actor,
    /// Refusals that no event says yet.
    count: u64,
    /// When they may be written: at once for the first, a minute after the event before.
    due: u64,
}

impl Audit {
    pub(super) fn new(recorder: Arc<dyn Recorder>) -> Self {
        Self { recorder, counted: Mutex::default() }
    }

    /// Counts a refusal, when it is one that is written down: of a caller, not of an input.
    pub(super) fn note(
        &self,
        refusal: &Refusal,
        route: Option<&Route>,
        who: Option<&Principal>,
        home: &TenantId,
        surface: SurfaceName,
        mono: u64,
    ) {
        if refusal.category() != Category::Identity && refusal.code() != "rate-limited" {
            return;
        }
        let nobody = who.is_none().then(|| Principal::anonymous(home.clone()));
        let Some(caller) = who.or(nobody.as_ref()) else { return };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let apart = who.is_some() && counted.len() < MANY;
        let place = Who {
            tenant: caller.tenant.clone(),
            auth: caller.auth.clone(),
            code: refusal.code().into(),
            operation: route.filter(|_| apart).map(|route| route.name.clone()),
            surface,
        };
        let entry = counted.entry(place).or_insert_with(|| Counted { actor: caller.actor(), count: 0, due: mono });
        entry.count += 1;
    }

    /// Writes what is due, or everything.
    pub(super) async fn flush(&self, mono: u64, everything: bool) {
        for (place, actor, count) in self.due(mono, everything) {
            let body = CallRefused {
                code: place.code.clone(),
                count,
                operation: place.operation.clone(),
                surface: place.surface.as_str().into(),
            };
            if let Err(refusal) = self.recorder.record(&place.tenant, actor, body.into(), Vec::new()).await {
                tracing::error!(
                    cause = refusal.cause(),
                    "refusals could not be written down; they are counted further"
                );
                let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(entry) = counted.get_mut(&place) {
                    entry.count += count;
                }
            }
        }
    }

    fn due(&self, mono: u64, everything: bool) -> Vec<(Who, Actor, u64)> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|_, counted| counted.count > 0 || mono < counted.due);
        let due = counted.iter_mut().filter(|(_, counted)| counted.count > 0 && (everything || mono >= counted.due));
        due.map(|(place, counted)| {
            counted.due = mono + MINUTE;
            (place.clone(), counted.actor.clone(), std::mem::take(&mut counted.count))
        })
        .collect()
    }
}
