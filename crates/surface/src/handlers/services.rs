//! What the handlers work with: the contracts, the ports, and a few facts about this server.

use std::{path::PathBuf, sync::Arc};

use affiant_contract::Registry;
use affiant_engine::{
    Engine,
    connections::Book,
    outbox::Outbox,
    ports::{Blobs, Chance, CheckConnection, Clock, RunRow, Store, Vault},
    seal::Sealer,
};
use affiant_journal::{RunId, TenantId, Timestamp};

use tokio_util::sync::CancellationToken;

use super::{agent::Desk, sessions::Codes};
use crate::{auth::Keyring, gateway::Recorder, problem::Refusal};

/// What the handlers work with.
#[derive(Clone)]
pub struct Services {
    /// The contracts.
    pub registry: Arc<Registry>,
    /// Journals and what is found through them.
    pub store: Arc<dyn Store>,
    /// Large payloads.
    pub blobs: Arc<dyn Blobs>,
    /// Personal values.
    pub vault: Arc<dyn Vault>,
    /// Keys.
    pub keyring: Arc<Keyring>,
    /// Who writes administrative facts down.
    pub recorder: Arc<dyn Recorder>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub chance: Arc<dyn Chance>,
    /// Carries out runs.
    pub engine: Arc<Engine>,
    /// Tells other systems of what happens.
    pub outbox: Arc<Outbox>,
    /// How providers of models are reached.
    pub connections: Arc<Book>,
    /// Tries connections out.
    pub check: Arc<dyn CheckConnection>,
    /// Signs logs.
    pub sealer: Arc<Sealer>,
    /// Bundles that wait to be fetched.
    pub desk: Arc<Desk>,
    /// Codes that sign a browser in.
    pub codes: Arc<Codes>,
    /// Fires when the server stops, so that nobody waits any longer.
    pub stop: CancellationToken,
    /// What this server says of itself.
    pub facts: Arc<Facts>,
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Release.
    pub version: &'static str,
    /// When the process started.
    pub started_at: Timestamp,
    /// Address for callers on this machine, such as `http://127.0.0.1:4780`.
    pub address: String,
    /// Where its data is.
    pub data_dir: PathBuf,
    /// `sqlite`, `postgres` or `memory`.
    pub storage: StorageKind,
    /// How many runs its workers carry at once; none when it carries none.
    pub workers: usize,
    /// Folders that the configuration allows.
    pub workspaces: Vec<Folder>,
}

/// A folder that may be touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Canonical path.
    pub path: PathBuf,
    /// Whether it may be written to.
    pub writable: bool,
}

/// Sort of store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageKind {
    /// SQLite files in the data folder.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// Nothing that survives the process.
    Memory,
}

impl Services {
    /// One run of a tenant.
    ///
    /// # Errors
    ///
    /// `run-not-found`, also for a run of another tenant.
    pub(crate) async fn row(&self, tenant: &TenantId, run: &str) -> Result<RunRow, Refusal> {
        let row = self.store.run(tenant, &RunId::from(run)).await?;
        row.ok_or_else(|| Refusal::plain("run-not-found"))
    }
}
