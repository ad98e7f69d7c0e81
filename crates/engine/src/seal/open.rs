//! Opening a log for signing: what was signed before must still be there.

use affiant_journal::{Actor, ActorKind, LogRestored, TenantId};
use affiant_proof::{
    checkpoint::{self, Checkpoint},
    note::Note,
    tree::{self, Head},
};

use super::{
    keys::LogKeys,
    sealer::{COLLECTION, OpenLog, SealError, Sealed, Sealer, continues, signed, unless_failed},
};
use crate::ports::LogFile;

/// What whoever starts a server accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Nothing but a database that continues what was signed.
    Nothing,
    /// A database, or files beside it, that were restored from a copy: the log begins anew under another name.
    Restore,
}

impl Sealer {
    /// Opens a tenant's log, and signs it as it is. The first time, its keys are made.
    ///
    /// `by` stands in the record when a restore is accepted.
    ///
    /// # Errors
    ///
    /// Refuses everything that could lead to a second history under one name, each with what to do. Nothing was changed
    /// then.
    pub async fn open(&self, tenant: &TenantId, accept: Accept, by: &Actor) -> Result<Sealed, SealError> {
        let keys = self.files.read(tenant, LogFile::Keys)?;
        let keys = keys.map(|text| LogKeys::from_text(&text).map_err(|why| self.bad_keys(tenant, why))).transpose()?;
        let opened = match self.found(tenant, keys.clone()).await {
            Err(refusal) if accept == Accept::Restore && can_be_accepted(&refusal) => {
                tracing::warn!(%tenant, %refusal, "a restore is accepted: the log begins anew");
                self.begin_anew(tenant, keys, by).await?
            }
            found => found?,
        };
        let sealed = opened.newest.clone();
        self.logs.lock().await.insert(tenant.clone(), opened);
        let sealed = self.seal(tenant).await.unwrap_or(sealed);
        self.keep(tenant, &sealed).await;
        Ok(sealed)
    }

    /// Opens a tenant's log unless it is open: one that began after the server started.
    pub async fn ensure_open(&self, tenant: &TenantId) -> Result<(), SealError> {
        if self.logs.lock().await.contains_key(tenant) {
            return Ok(());
        }
        let system = Actor { auth: "none".into(), id: "server".into(), kind: ActorKind::System };
        self.open(tenant, Accept::Nothing, &system).await.map(drop)
    }

    /// The log as its files and the database say, or what is wrong between them.
    async fn found(&self, tenant: &TenantId, keys: Option<LogKeys>) -> Result<OpenLog, SealError> {
        let head = self.files.read(tenant, LogFile::Head)?;
        match (keys, head) {
            (Some(keys), Some(head)) if keys.begun => self.checked(tenant, keys, &head).await,
            (Some(keys), None) if keys.begun => {
                Err(SealError::HeadMissing { tenant: tenant.clone(), file: self.files.name(tenant, LogFile::Head) })
            }
            // The keys were made, and the server stopped before the first head was signed.
            (Some(keys), head) => self.begin(tenant, keys, head).await,
            (None, None) if !self.was_signed(tenant).await? => {
                let keys = self.fresh(tenant, 1, Vec::new())?;
                self.files.replace(tenant, LogFile::Keys, None, &keys.to_text())?;
                self.begin(tenant, keys, None).await
            }
            (None, _) => {
                Err(SealError::KeysMissing { tenant: tenant.clone(), file: self.files.name(tenant, LogFile::Keys) })
            }
        }
    }

    /// Whether the database remembers that its log was signed.
    async fn was_signed(&self, tenant: &TenantId) -> Result<bool, SealError> {
        Ok(self.engine.ports().store.document(tenant, COLLECTION, "newest").await?.is_some())
    }

    fn fresh(
        &self,
        tenant: &TenantId,
        epoch: u64,
        before: Vec<affiant_proof::trust::KeyHistory>,
    ) -> Result<LogKeys, SealError> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        self.engine.ports().chance.fill(&mut *seed);
        let origin = LogKeys::origin(&self.server, tenant, epoch);
        LogKeys::new(origin, epoch, &seed, before).map_err(|why| self.bad_keys(tenant, why))
    }

    /// Signs the first head of a log.
    async fn begin(&self, tenant: &TenantId, keys: LogKeys, head: Option<String>) -> Result<OpenLog, SealError> {
        let found = self.engine.ports().store.log(tenant).await?;
        let (size, root) = (found.size, found.root);
        let newest = signed(&keys, Head { size, root }, self.engine.ports().clock.now());
        let newest = newest.map_err(|why| self.bad_keys(tenant, why))?;
        self.files.replace(tenant, LogFile::Head, head.as_deref(), &newest.note.to_string())?;
        let mut begun = keys.clone();
        begun.begun = true;
        self.files.replace(tenant, LogFile::Keys, Some(&keys.to_text()), &begun.to_text())?;
        Ok(OpenLog { keys: begun, newest })
    }

    /// Holds the database against the newest head.
    async fn checked(&self, tenant: &TenantId, keys: LogKeys, head: &str) -> Result<OpenLog, SealError> {
        let file = self.files.name(tenant, LogFile::Head);
        let foreign = |why: String| SealError::HeadForeign { tenant: tenant.clone(), file: file.clone(), why };
        let note = Note::parse(head).map_err(|error| foreign(error.to_string()))?;
        let claimed = Checkpoint::from_text(&note.text).map_err(|error| foreign(error.to_string()))?;
        if claimed.origin != keys.origin {
            return Err(foreign(format!("it is of the log {}", claimed.origin)));
        }
        let known = keys.verifiers(claimed.head.size);
        let opened = checkpoint::open(head, &known).map_err(|error| foreign(error.to_string()))?;
        let found = self.engine.ports().store.log(tenant).await?;
        let found = Head { size: found.size, root: found.root };
        let nodes = self.nodes(tenant, found.size);
        let (tenant, signed) = (tenant.clone(), claimed.head);
        let held = tokio::task::spawn_blocking(move || {
            continues(&nodes, &tenant, signed, found, &file)?;
            // Every event that was signed is still the one that was signed, as far as the stored hashes say.
            let again = tree::root(&nodes, signed.size).map_err(|missing| unless_failed(&nodes, missing))?;
            if again == signed.root {
                return Ok(());
            }
            Err(SealError::Rewritten { tenant, signed: signed.size, file })
        });
        held.await??;
        let key = opened.signed_by.last().cloned().expect("a note that opens has a key that signed it");
        let at = self.engine.ports().clock.now();
        Ok(OpenLog { keys, newest: Sealed { note, checkpoint: claimed, key, at } })
    }

    /// A log under a new name, that says in its record which one it continues.
    async fn begin_anew(&self, tenant: &TenantId, keys: Option<LogKeys>, by: &Actor) -> Result<OpenLog, SealError> {
        let head = self.files.read(tenant, LogFile::Head)?;
        let last = match &head {
            Some(head) => head.clone(),
            None => self.remembered(tenant).await?.unwrap_or_default(),
        };
        let epoch = keys.as_ref().map_or_else(|| epoch_of(&last), |keys| keys.epoch) + 1;
        let mut before = keys.as_ref().map(|keys| keys.before.clone()).unwrap_or_default();
        before.extend(keys.as_ref().map(LogKeys::history));
        let fresh = self.fresh(tenant, epoch, before)?;
        let restored = LogRestored { checkpoint: last, epoch };
        self.engine.record_admin(tenant, by, restored, Vec::new()).await?;
        let old = keys.map(|keys| keys.to_text());
        self.files.replace(tenant, LogFile::Keys, old.as_deref(), &fresh.to_text())?;
        self.begin(tenant, fresh, head).await
    }

    /// The newest head that the database remembers.
    async fn remembered(&self, tenant: &TenantId) -> Result<Option<String>, SealError> {
        let kept = self.engine.ports().store.document(tenant, COLLECTION, "newest").await?;
        Ok(kept.and_then(|kept| Some(kept.value?.get("note")?.as_str()?.to_owned())))
    }
}

/// The epoch in the name of the log of a head: 1 when it says none.
fn epoch_of(head: &str) -> u64 {
    let origin = head.lines().next().unwrap_or_default();
    let mut parts = origin.rsplit('/');
    let last = parts.next().and_then(|last| last.parse().ok());
    last.filter(|_| parts.count() > 1).unwrap_or(1)
}

fn can_be_accepted(refusal: &SealError) -> bool {
    use SealError as E;
    matches!(
        refusal,
        E::Behind { .. } | E::Rewritten { .. } | E::HeadMissing { .. } | E::KeysMissing { .. } | E::HeadForeign { .. }
    )
}
