//! Connections to providers of models: those that people made, with their keys sealed, and those that the server's
//! configuration names.
//!
//! A key is sealed under a key of its own in the vault, which is destroyed with the connection: what backups and
//! replicas still hold of it opens no more.

mod kept;

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{ConfigChanged, Money, Payload, TenantId, Timestamp};
use affiant_policy::Principal;
use async_trait::async_trait;
use serde_json::json;

pub use self::kept::Kept;
use crate::{
    Engine, EngineError,
    ports::{
        About, Ceiling, Chance, Connection, Connections, Document, ProviderKind, Secret, Store, StoreError, Vault,
    },
};

/// The collection of documents that holds connections; the id of each is its name.
const COLLECTION: &str = "provider";

/// The most connections of a tenant.
const MANY: usize = 100;

/// All connections of a server.
pub struct Book {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    configured: BTreeMap<String, NewConnection>,
}

/// A connection that somebody wants.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// How the provider is reached.
    pub connection: Connection,
    /// What all runs of the tenant may spend over it in a day, as a decimal number.
    pub budget_per_day: Option<String>,
}

/// A connection, without its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// Its name.
    pub name: String,
    /// What the provider speaks.
    pub kind: ProviderKind,
    /// Where it is.
    pub base_url: String,
    /// Whether it has a key.
    pub keyed: bool,
    /// Requests under way at once.
    pub at_once: u32,
    /// What all runs of the tenant may spend over it in a day.
    pub budget_per_day: Option<String>,
    /// When it was made; none for one of the configuration.
    pub created_at: Option<Timestamp>,
}

/// Why a connection was not made or removed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The server's configuration has a connection of this name, for everybody.
    #[error("`{0}` is connected by the server's configuration")]
    Configured(String),
    /// The tenant has no such connection.
    #[error("there is no connection `{0}`")]
    Missing(String),
    /// The tenant has as many as it may.
    #[error("there are {MANY} connections, and no more are kept")]
    Many,
    /// The engine did not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for ConnectionError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

impl Book {
    /// Connections kept in this store, beside those of the configuration, which every tenant has.
    pub fn new(store: Arc<dyn Store>, vault: Arc<dyn Vault>, configured: Vec<NewConnection>) -> Self {
        let configured = configured.into_iter().map(|new| (new.connection.name.clone(), new)).collect();
        Self { store, vault, configured }
    }

    /// Keeps a connection, in the place of one with the same name. The record is told that there is one, not its key.
    ///
    /// # Errors
    ///
    /// When the configuration has the name, or it could not be written down.
    pub async fn connect(
        &self,
        engine: &Engine,
        who: &Principal,
        new: NewConnection,
    ) -> Result<ConnectionView, ConnectionError> {
        let name = new.connection.name.clone();
        if self.configured.contains_key(&name) {
            return Err(ConnectionError::Configured(name));
        }
        let before = self.kept(&who.tenant, &name).await?;
        if before.is_none() && self.all(&who.tenant).await?.len() >= MANY {
            return Err(ConnectionError::Many);
        }
        let ports = engine.ports();
        let now = ports.clock.now();
        let kept = self.keep(&who.tenant, new, &*ports.chance, now)?;
        let change = if before.is_some() { "replaced" } else { "created" };
        let document = document(&who.tenant, &name, Some(kept.value()));
        write_down(engine, who, change, &kept, document).await?;
        if let Some(before) = before {
            self.vault.erase(&who.tenant, &before.sealed_as).map_err(EngineError::from)?;
        }
        Ok(kept.view())
    }

    fn keep(
        &self,
        tenant: &TenantId,
        new: NewConnection,
        chance: &dyn Chance,
        now: Timestamp,
    ) -> Result<Kept, EngineError> {
        let sealed_as: Arc<str> = chance.id("pvk_", now).into();
        let Connection { name, kind, base_url, key, at_once } = new.connection;
        let key = key.map(|key| kept::seal(&*self.vault, tenant, &sealed_as, key.reveal())).transpose()?;
        let budget_per_day = new.budget_per_day;
        Ok(Kept { name, kind, base_url, at_once, budget_per_day, created_at: now, sealed_as, key })
    }

    /// A tenant's connections and the configuration's, by name.
    ///
    /// # Errors
    ///
    /// When the store does not answer.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<ConnectionView>, ConnectionError> {
        let kept = self.all(tenant).await?;
        let own = kept.iter().map(|kept| (kept.name.clone(), kept.view()));
        let configured = self.configured.iter().map(|(name, new)| (name.clone(), configured(new)));
        Ok(own.chain(configured).collect::<BTreeMap<_, _>>().into_values().collect())
    }

    /// Forgets a connection and destroys its key. Gives when.
    ///
    /// # Errors
    ///
    /// When there is no such connection, it is one of the configuration, or it could not be written down.
    pub async fn remove(&self, engine: &Engine, who: &Principal, name: &str) -> Result<Timestamp, ConnectionError> {
        if self.configured.contains_key(name) {
            return Err(ConnectionError::Configured(name.to_owned()));
        }
        let kept = self.kept(&who.tenant, name).await?.ok_or_else(|| ConnectionError::Missing(name.to_owned()))?;
        write_down(engine, who, "deleted", &kept, document(&who.tenant, name, None)).await?;
        self.vault.erase(&who.tenant, &kept.sealed_as).map_err(EngineError::from)?;
        Ok(engine.ports().clock.now())
    }

    async fn all(&self, tenant: &TenantId) -> Result<Vec<Kept>, StoreError> {
        let documents = self.store.documents(Some(tenant), COLLECTION, None, MANY).await?;
        Ok(documents.iter().filter_map(Kept::of).collect())
    }

    async fn kept(&self, tenant: &TenantId, name: &str) -> Result<Option<Kept>, StoreError> {
        let found = self.store.document(tenant, COLLECTION, name).await?;
        Ok(found.as_ref().and_then(Kept::of))
    }
}

#[async_trait]
impl Connections for Book {
    async fn connection(&self, tenant: &TenantId, name: &str) -> Result<Option<Connection>, String> {
        if let Some(new) = self.configured.get(name) {
            return Ok(Some(new.connection.clone()));
        }
        let Some(kept) = self.kept(tenant, name).await.map_err(|error| error.to_string())? else { return Ok(None) };
        let key = kept.open(&*self.vault, tenant).map_err(|error| error.to_string())?;
        let Kept { name, kind, base_url, at_once, .. } = kept;
        Ok(Some(Connection { name, kind, base_url, key: key.map(Secret::new), at_once }))
    }

    async fn about(&self, tenant: &TenantId, name: &str) -> Option<About> {
        if let Some(NewConnection { connection, budget_per_day }) = self.configured.get(name) {
            return Some(about(connection.kind, connection.base_url.as_deref(), budget_per_day.as_deref()));
        }
        let kept = self.kept(tenant, name).await.ok().flatten()?;
        Some(about(kept.kind, kept.base_url.as_deref(), kept.budget_per_day.as_deref()))
    }
}

fn about(kind: ProviderKind, base_url: Option<&str>, per_day: Option<&str>) -> About {
    // An amount that cannot be read bounds everything: it was meant as a bound.
    let cost = per_day.map(|cost| cost.parse().unwrap_or(Money::ZERO));
    About { kind: kind.priced_as(base_url), per_day: Ceiling { cost, tokens: None } }
}

fn configured(new: &NewConnection) -> ConnectionView {
    let Connection { name, kind, base_url, key, at_once } = &new.connection;
    ConnectionView {
        name: name.clone(),
        kind: *kind,
        base_url: base_url.clone().unwrap_or_else(|| kind.base_url().to_owned()),
        keyed: key.is_some(),
        at_once: *at_once,
        budget_per_day: new.budget_per_day.clone(),
        created_at: None,
    }
}

fn document(tenant: &TenantId, name: &str, value: Option<serde_json::Value>) -> Document {
    Document { tenant: tenant.clone(), collection: COLLECTION.into(), id: name.into(), value }
}

async fn write_down(
    engine: &Engine,
    who: &Principal,
    change: &str,
    kept: &Kept,
    document: Document,
) -> Result<(), EngineError> {
    let said = json!({ "kind": kept.kind, "name": kept.name });
    let body = ConfigChanged { change: change.into(), setting: "provider".into(), value: Payload::Inline(said) };
    engine.record_admin(&who.tenant, &who.actor(), body, vec![document]).await
}
