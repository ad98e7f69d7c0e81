//! Webhooks: contract events delivered to other systems from a durable outbox, each until its receiver has taken it.
//!
//! The outbox is the record itself: a webhook reads the store's entries in the order they were stored, from a cursor
//! that is stored too, so a killed server repeats the last deliveries at worst and loses none. Whoever carries runs out
//! knows nothing of it.

mod hook;
mod message;
mod progress;
mod round;
mod steps;
mod tail;

use std::{collections::HashMap, sync::Arc, sync::Mutex};

use affiant_contract::Contract;
use affiant_journal::{ConfigChanged, Digest, Payload, StreamId, TenantId, Timestamp};
use affiant_policy::Principal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::{hook::Asked, progress::Progress, round::Round};
pub use self::{hook::Hook, tail::end};
use crate::{
    Engine, EngineError,
    engine::locked,
    ports::{Deliver, DeliveryFailure, Document, Place, StoreError},
};

/// The collection of documents in which a run names the webhook that is told of it; the id of each is the run's.
pub const NOTIFY: &str = "notify";

/// The most webhooks of a tenant.
const MANY: usize = 100;

/// Length of a signing secret in bytes.
const SECRET: usize = 24;

/// Keeps webhooks, and delivers to them while [`Outbox::serve`] runs.
pub struct Outbox {
    engine: Arc<Engine>,
    deliver: Arc<dyn Deliver>,
    open: Mutex<Open>,
}

/// The webhooks that are served.
#[derive(Default)]
struct Open {
    /// Fires when the server stops; none until it serves.
    stop: Option<CancellationToken>,
    rounds: HashMap<(TenantId, Arc<str>), Served>,
}

/// A webhook that is served.
struct Served {
    stop: CancellationToken,
    asked: Arc<Asked>,
    ends: JoinHandle<()>,
}

/// A webhook that somebody wants.
#[derive(Clone, Debug)]
pub struct NewHook {
    /// Where events go.
    pub url: String,
    /// Keys of the events; `*` at the end stands for any ending.
    pub events: Vec<String>,
    /// What the receiver does with them.
    pub description: Option<String>,
}

/// A webhook, with how it is doing.
#[derive(Clone, Debug)]
pub struct HookView {
    /// The webhook.
    pub hook: Hook,
    /// Deliveries that wait for their first or next attempt.
    pub pending: u64,
    /// When the receiver accepted one last.
    pub delivered_at: Option<Timestamp>,
    /// What the last attempt met, if it failed.
    pub error: Option<String>,
}

/// Why the outbox did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The address may not be delivered to.
    #[error("{0}")]
    Address(DeliveryFailure),
    /// No event of this key is loaded.
    #[error("no event `{0}` is loaded")]
    UnknownEvent(String),
    /// The tenant has no such webhook.
    #[error("there is no such webhook")]
    Missing,
    /// The tenant has as many as it may.
    #[error("there are {MANY} webhooks, and no more are kept")]
    Many,
    /// The engine did not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for OutboxError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Outbox {
    /// An outbox of this engine's record.
    pub fn new(engine: Arc<Engine>, deliver: Arc<dyn Deliver>) -> Arc<Self> {
        Arc::new(Self { engine, deliver, open: Mutex::default() })
    }

    /// Delivers to every webhook until `stop` fires.
    ///
    /// # Errors
    ///
    /// When the webhooks cannot be read at the start.
    pub async fn serve(self: Arc<Self>, stop: CancellationToken) -> Result<(), EngineError> {
        locked(&self.open).stop = Some(stop.clone());
        for document in self.engine.ports.store.documents(None, hook::COLLECTION, None, usize::MAX >> 1).await? {
            if let Some(hook) = Hook::of(&document) {
                self.begin(&document.tenant, hook);
            }
        }
        stop.cancelled().await;
        let rounds: Vec<_> = locked(&self.open).rounds.drain().collect();
        for (_, served) in rounds {
            // A round that panicked has said so; its webhook is served again at the next start.
            let _ = served.ends.await;
        }
        Ok(())
    }

    /// Keeps a new webhook. What happens from now on is delivered to it. The second value is its signing secret, which
    /// is shown this once.
    ///
    /// # Errors
    ///
    /// When the address is not admitted, an event is not known, or it could not be written down.
    pub async fn create(&self, who: &Principal, new: NewHook) -> Result<(Hook, String), OutboxError> {
        self.check(&new)?;
        self.deliver.admits(&new.url).await.map_err(OutboxError::Address)?;
        if self.hooks(&who.tenant).await?.len() >= MANY {
            return Err(OutboxError::Many);
        }
        let ports = &self.engine.ports;
        let now = ports.clock.now();
        let id: Arc<str> = ports.chance.id("whk_", now).into();
        let mut bytes = [0; SECRET];
        ports.chance.fill(&mut bytes);
        let secret = format!("whsec_{}", STANDARD.encode(bytes));
        let sealed = seal(&self.engine, &who.tenant, &id, &secret)?;
        let NewHook { url, events, description } = new;
        let hook = Hook { id, url, events, description, created_at: now, secret: sealed };
        let progress = Progress::from(end(&*ports.store, 0).await?);
        let documents = vec![hook.document(&who.tenant), progress.document(&who.tenant, &hook.id)];
        self.write_down(who, "created", &hook, documents).await?;
        self.begin(&who.tenant, hook.clone());
        Ok((hook, secret))
    }

    /// A tenant's webhooks, oldest first.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<HookView>, OutboxError> {
        let mut views = Vec::new();
        for hook in self.hooks(tenant).await? {
            let progress = Progress::load(&*self.engine.ports.store, tenant, &hook.id).await?;
            let pending = self.pending(tenant, &hook, &progress).await?;
            views.push(HookView { hook, pending, delivered_at: progress.delivered, error: progress.error });
        }
        Ok(views)
    }

    /// Delivers nothing more to a webhook, and forgets its secret. Gives when, and how many deliveries were waiting.
    ///
    /// # Errors
    ///
    /// When there is no such webhook, or it could not be written down.
    pub async fn delete(&self, who: &Principal, id: &str) -> Result<(Timestamp, u64), OutboxError> {
        let store = &*self.engine.ports.store;
        let found = store.document(&who.tenant, hook::COLLECTION, id).await?;
        let hook = found.as_ref().and_then(Hook::of).ok_or(OutboxError::Missing)?;
        self.end(&who.tenant, &hook.id).await;
        let progress = Progress::load(store, &who.tenant, &hook.id).await?;
        let dropped = self.pending(&who.tenant, &hook, &progress).await?;
        let gone = |collection: &str, id: &Arc<str>| Document {
            tenant: who.tenant.clone(),
            collection: collection.into(),
            id: id.clone(),
            value: None,
        };
        let asked = store.documents(Some(&who.tenant), NOTIFY, None, usize::MAX >> 1).await?;
        let asked = asked.iter().filter(|it| it.value.as_ref().is_some_and(|value| value["webhook"] == *hook.id));
        let mut documents: Vec<_> = asked.map(|it| gone(NOTIFY, &it.id)).collect();
        documents.extend([gone(hook::COLLECTION, &hook.id), gone(progress::COLLECTION, &hook.id)]);
        if let Err(error) = self.write_down(who, "deleted", &hook, documents).await {
            self.begin(&who.tenant, hook);
            return Err(error);
        }
        self.engine.ports.vault.erase(&who.tenant, &hook.id).map_err(EngineError::from)?;
        Ok((self.engine.ports.clock.now(), dropped))
    }

    /// The webhook at an address, for a run that wants it to be told: what it is to be told of is in the store from the
    /// moment the run is, with [`NOTIFY`].
    ///
    /// # Errors
    ///
    /// When there is none, or the store does not answer.
    pub async fn told_at(&self, tenant: &TenantId, url: &str) -> Result<Arc<str>, OutboxError> {
        let hooks = self.hooks(tenant).await?;
        let hook = hooks.into_iter().find(|hook| hook.url == url).ok_or(OutboxError::Missing)?;
        if let Some(served) = locked(&self.open).rounds.get(&(tenant.clone(), hook.id.clone())) {
            served.asked.set();
        }
        Ok(hook.id)
    }

    async fn hooks(&self, tenant: &TenantId) -> Result<Vec<Hook>, OutboxError> {
        let documents = self.engine.ports.store.documents(Some(tenant), hook::COLLECTION, None, MANY).await?;
        Ok(documents.iter().filter_map(Hook::of).collect())
    }

    fn check(&self, new: &NewHook) -> Result<(), OutboxError> {
        let known = |pattern: &String| {
            let mut events = self.engine.registry.events();
            events.any(|event: &Arc<Contract>| hook::covers(pattern, &event.meta.key))
        };
        match new.events.iter().find(|pattern| !known(pattern)) {
            Some(unknown) => Err(OutboxError::UnknownEvent(unknown.clone())),
            None => Ok(()),
        }
    }

    async fn write_down(
        &self,
        who: &Principal,
        change: &str,
        hook: &Hook,
        documents: Vec<Document>,
    ) -> Result<(), OutboxError> {
        // The path of an address may be a secret; where it leads is none.
        let said = json!({ "events": hook.events, "host": hook.host(), "webhookId": hook.id });
        let body = ConfigChanged { change: change.into(), setting: "webhook".into(), value: Payload::Inline(said) };
        Ok(self.engine.record_admin(&who.tenant, &who.actor(), body, documents).await?)
    }

    async fn pending(&self, tenant: &TenantId, hook: &Hook, progress: &Progress) -> Result<u64, OutboxError> {
        if progress.off {
            return Ok(0);
        }
        let unread = tail::count(&*self.engine.ports.store, tenant, hook, progress.cursor).await?;
        Ok(progress.open.len() as u64 + unread)
    }

    /// Serves a webhook, if the outbox serves any.
    fn begin(&self, tenant: &TenantId, hook: Hook) {
        let mut open = locked(&self.open);
        let Some(stop) = open.stop.as_ref().map(CancellationToken::child_token) else { return };
        let (key, asked) = ((tenant.clone(), hook.id.clone()), Arc::new(Asked::default()));
        let round = Round::new(self.engine.clone(), self.deliver.clone(), tenant.clone(), hook, asked.clone());
        let ends = tokio::spawn(round.serve(stop.clone()));
        open.rounds.insert(key, Served { stop, asked, ends });
    }

    /// Ends serving a webhook; nothing is written for it any more after this.
    async fn end(&self, tenant: &TenantId, id: &Arc<str>) {
        let served = locked(&self.open).rounds.remove(&(tenant.clone(), id.clone()));
        if let Some(served) = served {
            served.stop.cancel();
            let _ = served.ends.await;
        }
    }
}

/// Encrypts a webhook's secret under a key of its own, which is destroyed with it.
fn seal(engine: &Engine, tenant: &TenantId, id: &Arc<str>, secret: &str) -> Result<String, EngineError> {
    let (stream, commitment) = (StreamId::new(id.clone()), Digest::of(id.as_bytes()));
    let place = Place { tenant, subject: id, stream: &stream, seq: 0, commitment: &commitment };
    Ok(STANDARD.encode(engine.ports.vault.seal(&place, secret)?))
}

fn unseal(engine: &Engine, tenant: &TenantId, hook: &Hook) -> Result<Arc<str>, EngineError> {
    let (stream, commitment) = (StreamId::new(hook.id.clone()), Digest::of(hook.id.as_bytes()));
    let place = Place { tenant, subject: &hook.id, stream: &stream, seq: 0, commitment: &commitment };
    let cipher = STANDARD.decode(&hook.secret).map_err(|_| crate::ports::VaultError::Refused)?;
    Ok(engine.ports.vault.open(&place, &cipher)?.into())
}
