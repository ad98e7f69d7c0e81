//! Signing heads, and handing them out.

use std::{collections::HashMap, sync::Arc, time::Duration};

use affiant_journal::{TenantId, Timestamp};
use affiant_proof::{
    checkpoint::Checkpoint,
    keys::{SigningKey, VerifierKey},
    note::Note,
    tree::{self, Head, MissingNode},
};
use serde_json::json;
use tokio::{runtime::Handle, sync::Mutex};
use tokio_util::sync::CancellationToken;

use super::{
    keys::{BadKeys, LogKeys},
    nodes::StoredNodes,
};
use crate::{
    Engine, EngineError,
    ports::{Append, Document, LogFile, LogFileError, LogFiles, StoreError},
};

/// The least time between two heads when runs end: all that ended meanwhile stand under one signature.
const GATHER: Duration = Duration::from_millis(200);
/// The collection of documents that keeps the newest head of every hour, and the newest of all.
pub(super) const COLLECTION: &str = "checkpoint";

/// A signed head.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The signed note.
    pub note: Note,
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The newest key that signed it.
    pub key: VerifierKey,
    /// When.
    pub at: Timestamp,
}

/// Why a head was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database holds fewer events than were signed.
    #[error(
        "the database of tenant {tenant} holds {found} events, and {signed} were signed ({file}): it looks like an \
         older copy. Put the newer database back. If it is gone for good, start with --accept restore: the log goes \
         on under a new name, and its record says so"
    )]
    Behind {
        /// Whose log.
        tenant: TenantId,
        /// Events in the database.
        found: u64,
        /// Events under the newest signed head.
        signed: u64,
        /// The head file.
        file: String,
    },
    /// The database holds other events than were signed.
    #[error(
        "the database of tenant {tenant} holds other events than the {signed} that were signed ({file}): somebody \
         changed it, or it is the database of another server. Put the right one back. To go on with this one, start \
         with --accept restore: the log goes on under a new name, and its record says so"
    )]
    Rewritten {
        /// Whose log.
        tenant: TenantId,
        /// Events under the newest signed head.
        signed: u64,
        /// The head file.
        file: String,
    },
    /// The head file is gone.
    #[error(
        "{file} is missing: it holds the newest signed head of tenant {tenant}, without which nobody could tell an \
         older copy of the database from the newest. Put it back. If it is gone for good, start with --accept restore: \
         the log goes on under a new name, and its record says so"
    )]
    HeadMissing {
        /// Whose log.
        tenant: TenantId,
        /// The head file.
        file: String,
    },
    /// The keys are gone.
    #[error(
        "{file} is missing: it holds the keys that sign the log of tenant {tenant}. Put it back. If it is gone for good, \
         start with --accept restore: the log goes on under a new name and key, and its record says so"
    )]
    KeysMissing {
        /// Whose log.
        tenant: TenantId,
        /// The file of keys.
        file: String,
    },
    /// The head file is not what the keys signed.
    #[error(
        "{file} is not a head that the keys of tenant {tenant} signed: {why}. Put the right one back. If it is gone for \
         good, start with --accept restore: the log goes on under a new name, and its record says so"
    )]
    HeadForeign {
        /// Whose log.
        tenant: TenantId,
        /// The head file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file of keys is damaged.
    #[error("{file} cannot be used: {why}")]
    Keys {
        /// The file of keys.
        file: String,
        /// What is wrong with it.
        #[source]
        why: BadKeys,
    },
    /// A file beside the database.
    #[error(transparent)]
    File(#[from] LogFileError),
    /// The store lacks a hash.
    #[error("the log cannot be proven")]
    Log(#[from] MissingNode),
    /// The store did not answer.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
    /// The engine could not write an event.
    #[error("the restore could not be recorded")]
    Unrecorded(#[from] EngineError),
    /// Nobody opened this tenant's log.
    #[error("the log of tenant {0} is not open")]
    Closed(TenantId),
    /// The thread that signs is gone.
    #[error("the head could not be signed")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Which part of an exchange of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A second key signs beside the first.
    Begin,
    /// The first signs no more.
    End,
}

/// Signs the heads of logs.
pub struct Sealer {
    pub(super) engine: Arc<Engine>,
    pub(super) files: Arc<dyn LogFiles>,
    /// The name of this server in the names of its logs.
    pub(super) server: String,
    pub(super) logs: Mutex<HashMap<TenantId, OpenLog>>,
}

/// A log that is signed here.
#[derive(Clone, Debug)]
pub(super) struct OpenLog {
    pub(super) keys: LogKeys,
    pub(super) newest: Sealed,
}

impl Sealer {
    /// Signs for this engine. `server` begins the names of logs: a name that is this server's alone, such as a host name.
    pub fn new(engine: Arc<Engine>, files: Arc<dyn LogFiles>, server: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { engine, files, server: server.into(), logs: Mutex::default() })
    }

    /// The newest head of a log.
    pub async fn newest(&self, tenant: &TenantId) -> Result<Sealed, SealError> {
        let logs = self.logs.lock().await;
        logs.get(tenant).map(|log| log.newest.clone()).ok_or_else(|| SealError::Closed(tenant.clone()))
    }

    /// A head with at least this many events under it: the newest, or one that is signed now.
    pub async fn covering(&self, tenant: &TenantId, size: u64) -> Result<Sealed, SealError> {
        let newest = self.newest(tenant).await?;
        if newest.checkpoint.head.size >= size { Ok(newest) } else { self.seal(tenant).await }
    }

    /// Signs the log as it is, if it has grown.
    pub async fn seal(&self, tenant: &TenantId) -> Result<Sealed, SealError> {
        let mut logs = self.logs.lock().await;
        let log = logs.get_mut(tenant).ok_or_else(|| SealError::Closed(tenant.clone()))?;
        let found = self.engine.ports().store.log(tenant).await?;
        let head = Head { size: found.size, root: found.root };
        if head != log.newest.checkpoint.head {
            let newest = self.sign(tenant, log, head).await?;
            self.keep(tenant, &newest).await;
            log.newest = newest;
        }
        Ok(log.newest.clone())
    }

    /// Signs every open log that has grown. What fails is tried again the next time.
    pub async fn seal_all(&self) {
        let tenants: Vec<TenantId> = self.logs.lock().await.keys().cloned().collect();
        for tenant in tenants {
            if let Err(error) = self.seal(&tenant).await {
                tracing::error!(%tenant, error = &error as &dyn std::error::Error, "the log was not signed");
            }
        }
    }

    /// Signs this often while there is something new, and soon after runs have ended, until `stop` fires. Without a time
    /// it signs nothing by itself: heads are signed where a bundle needs one, and when the server stops.
    pub async fn work(self: Arc<Self>, stop: CancellationToken, every: Option<Duration>) {
        let Some(every) = every else { return stop.cancelled().await };
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => (),
                () = self.engine.a_run_ended() => tokio::time::sleep(GATHER).await,
            }
            self.seal_all().await;
        }
    }

    /// Signs a head that is shown to continue the newest one, and puts it into the head file. Whoever is shown it can
    /// rely on that file.
    pub(super) async fn sign(&self, tenant: &TenantId, log: &OpenLog, head: Head) -> Result<Sealed, SealError> {
        let (files, keys, before, at) =
            (self.files.clone(), log.keys.clone(), log.newest.clone(), self.engine.ports().clock.now());
        let file = self.files.name(tenant, LogFile::Head);
        let nodes = self.nodes(tenant, head.size);
        let tenant = tenant.clone();
        let signed = tokio::task::spawn_blocking(move || {
            continues(&nodes, &tenant, before.checkpoint.head, head, &file)?;
            let sealed = signed(&keys, head, at).map_err(|why| SealError::Keys { file, why })?;
            let (old, new) = (before.note.to_string(), sealed.note.to_string());
            files.replace(&tenant, LogFile::Head, Some(&old), &new)?;
            Ok::<_, SealError>(sealed)
        });
        signed.await?
    }

    /// Keeps the newest head, and that of every hour, with the journals: for people; nothing relies on it.
    pub(super) async fn keep(&self, tenant: &TenantId, sealed: &Sealed) {
        let at = sealed.at.to_string();
        let value = json!({ "at": at, "note": sealed.note.to_string(), "size": sealed.checkpoint.head.size });
        let document = |id: &str| Document {
            tenant: tenant.clone(),
            collection: COLLECTION.into(),
            id: id.into(),
            value: Some(value.clone()),
        };
        // A stream of its own, that never has an event, so that nobody's append is in the way of another's.
        let mut append = Append::new(tenant.clone(), COLLECTION.into(), 0, Vec::new());
        append.documents = vec![document("newest"), document(at.get(..13).unwrap_or(&at))];
        if let Err(error) = self.engine.ports().store.append(append).await {
            tracing::warn!(%tenant, %error, "a signed head could not be kept with the journals");
        }
    }

    /// The hashes of the first `size` events of a log.
    pub fn nodes(&self, tenant: &TenantId, size: u64) -> StoredNodes {
        StoredNodes::new(self.engine.ports().store.clone(), tenant.clone(), size, Handle::current())
    }

    /// The keys that sign for a tenant's log now.
    pub async fn signers(&self, tenant: &TenantId) -> Result<Vec<SigningKey>, SealError> {
        let keys = self.keys(tenant).await?;
        keys.signers().map_err(|why| self.bad_keys(tenant, why.into()))
    }

    /// The keys of a tenant's log.
    pub async fn keys(&self, tenant: &TenantId) -> Result<LogKeys, SealError> {
        let logs = self.logs.lock().await;
        logs.get(tenant).map(|log| log.keys.clone()).ok_or_else(|| SealError::Closed(tenant.clone()))
    }

    /// Begins an exchange of keys, or ends it. What was signed before stands under the keys of then; the head that follows
    /// is signed by those that sign now.
    pub async fn rotate(&self, tenant: &TenantId, phase: Phase) -> Result<LogKeys, SealError> {
        let mut logs = self.logs.lock().await;
        let log = logs.get_mut(tenant).ok_or_else(|| SealError::Closed(tenant.clone()))?;
        let (old, mut new, size) = (log.keys.to_text(), log.keys.clone(), log.newest.checkpoint.head.size);
        let changed = match phase {
            Phase::Begin => {
                let mut seed = zeroize::Zeroizing::new([0; 32]);
                self.engine.ports().chance.fill(&mut *seed);
                new.begin_exchange(&seed, size)
            }
            Phase::End => new.end_exchange(size),
        };
        changed.map_err(|why| self.bad_keys(tenant, why))?;
        self.files.replace(tenant, LogFile::Keys, Some(&old), &new.to_text())?;
        log.keys = new.clone();
        Ok(new)
    }

    pub(super) fn bad_keys(&self, tenant: &TenantId, why: BadKeys) -> SealError {
        SealError::Keys { file: self.files.name(tenant, LogFile::Keys), why }
    }
}

/// Signs a head with every key that signs now.
pub(super) fn signed(keys: &LogKeys, head: Head, at: Timestamp) -> Result<Sealed, BadKeys> {
    let signers = keys.signers()?;
    let checkpoint = Checkpoint { origin: keys.origin.clone(), head };
    let note = checkpoint.sign(&signers.iter().collect::<Vec<_>>());
    let key = signers.last().map(|key| key.verifier().clone()).expect("keys without one that signs are not read");
    Ok(Sealed { note, checkpoint, key, at })
}

/// Whether a head continues what was signed before it, by the hashes that the store holds.
pub(super) fn continues(
    nodes: &StoredNodes,
    tenant: &TenantId,
    before: Head,
    head: Head,
    file: &str,
) -> Result<(), SealError> {
    let (tenant, signed, file) = (tenant.clone(), before.size, file.to_owned());
    if head.size < before.size {
        return Err(SealError::Behind { tenant, found: head.size, signed, file });
    }
    let path = match (1..head.size).contains(&before.size) {
        true => tree::consistency(nodes, before.size, head.size).map_err(|missing| unless_failed(nodes, missing))?,
        false => Vec::new(),
    };
    tree::verify_consistency(&before, &head, &path).map_err(|_| SealError::Rewritten { tenant, signed, file })
}

/// A hash that is missing because the store did not answer is the store's failure.
pub(super) fn unless_failed(nodes: &StoredNodes, missing: MissingNode) -> SealError {
    nodes.failure().map_or(SealError::Log(missing), SealError::Store)
}
