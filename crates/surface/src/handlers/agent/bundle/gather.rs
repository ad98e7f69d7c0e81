//! The parts of a bundle, from wherever they are kept.

use std::collections::{BTreeMap, BTreeSet};

use affiant_contract::Ref;
use affiant_engine::{Erasure, snapshot::Snapshot};
use affiant_journal::{Body, Digest, Disclosure, Entry, Pinned, StreamId, TenantId};
use affiant_proof::{
    bundle::{Logged, Parts, blobs},
    note::Note,
};

use crate::{
    handlers::{
        CONTRACT_FILES,
        history::{History, Opened},
        services::Services,
    },
    problem::Refusal,
};

/// How many places are read from the store at once.
const PAGE: usize = 4096;

/// The kind of a snapshot item that is a commitment of the run's first event, and no blob.
const COMMITTED: &str = "input";

impl Services {
    /// Everything but the signed head.
    pub(super) async fn gather(
        &self,
        tenant: &TenantId,
        history: &History,
        with_disclosures: bool,
        with_blobs: bool,
    ) -> Result<Parts, Refusal> {
        let submitted = &history.run.submitted;
        let snapshot = match &history.run.snapshot {
            Some(named) => Some(self.engine.snapshot_get(tenant, &named.id).await?),
            None => None,
        };
        let opened = self.opened(tenant, &history.run.id.stream(), 0).await?;
        let kept = match with_blobs {
            true => Some(self.cited(tenant, history, snapshot.as_ref()).await?),
            false => None,
        };
        let (admin, erased) = self.erased(tenant, history).await?.into_iter().unzip();
        Ok(Parts {
            events: self.logged(tenant, history).await?,
            admin,
            erased,
            checkpoint: Note { text: String::new(), signatures: Vec::new() },
            from: None,
            agent: self.file_of(tenant, &submitted.agent).await?.unwrap_or_default(),
            contracts: self.contracts(tenant, history).await?,
            policy: affiant_policy::DEFAULT.as_bytes().to_vec(),
            snapshot: snapshot.map(|snapshot| serde_json::to_vec(&snapshot)).transpose().map_err(Refusal::internal)?,
            blobs: kept,
            disclosures: if with_disclosures { disclosures(opened, history) } else { Vec::new() },
        })
    }

    async fn logged(&self, tenant: &TenantId, history: &History) -> Result<Vec<Logged>, Refusal> {
        let stream = history.run.id.stream();
        let mut places = Vec::with_capacity(history.entries.len());
        while places.len() < history.entries.len() {
            let more = self.store.places(tenant, &stream, places.len() as u64, PAGE).await?;
            if more.is_empty() {
                return Err(Refusal::internal(format!("{stream} has events without a place in the log")));
            }
            places.extend(more);
        }
        let logged = history.entries.iter().zip(places);
        Ok(logged.map(|(entry, index)| Logged { entry: entry.clone(), index }).collect())
    }

    /// The erasures that made values of this run unreadable, in the order of their events, each with what it erased.
    async fn erased(&self, tenant: &TenantId, history: &History) -> Result<Vec<(Logged, Vec<Digest>)>, Refusal> {
        let committed: BTreeSet<Digest> = history.events.iter().flat_map(|event| event.sd.iter().copied()).collect();
        let mut found = Vec::new();
        for erasure in self.engine.erasures(tenant, history.run.submitter.id.as_str()).await? {
            if erasure.commitments.iter().any(|commitment| committed.contains(commitment)) {
                found.push((self.event_of(tenant, &erasure).await?, erasure.commitments));
            }
        }
        found.sort_by_key(|(logged, _)| logged.index);
        Ok(found)
    }

    /// The administrative event that says that this was erased.
    async fn event_of(&self, tenant: &TenantId, erasure: &Erasure) -> Result<Logged, Refusal> {
        let (admin, mut from) = (StreamId::admin(), erasure.from);
        loop {
            let page = self.store.load(tenant, &admin, from, PAGE).await?;
            let says = |entry: &&Entry| {
                let body = entry.event().map(|event| event.body);
                matches!(body, Ok(Body::SubjectErased(it)) if it.digest == erasure.digest)
            };
            if let Some((at, entry)) = (0u64..).zip(&page).find(|(_, entry)| says(entry)) {
                let place = self.store.places(tenant, &admin, from + at, 1).await?;
                let index = place.first().copied().ok_or_else(|| Refusal::internal("an event has no place"))?;
                return Ok(Logged { entry: entry.clone(), index });
            }
            if page.is_empty() {
                return Err(Refusal::internal("an erasure has no event"));
            }
            from += page.len() as u64;
        }
    }

    /// The file of a pinned contract: as it is loaded, or as it was kept when it was.
    async fn file_of(&self, tenant: &TenantId, pinned: &Pinned) -> Result<Option<Vec<u8>>, Refusal> {
        let reference: Option<Ref> = pinned.name.parse().ok();
        let loaded = reference.and_then(|reference| self.registry.get(&reference));
        let text = loaded.map(|contract| contract.source.text.as_bytes());
        if let Some(text) = text.filter(|text| Digest::of(text) == pinned.digest) {
            return Ok(Some(text.to_vec()));
        }
        let kept = self.store.document(tenant, CONTRACT_FILES, &pinned.digest.to_string()).await?;
        let text = kept.and_then(|kept| Some(kept.value?.as_str()?.as_bytes().to_vec()));
        Ok(text.filter(|text| Digest::of(text) == pinned.digest))
    }

    /// The files of the operations that the run pinned and called.
    async fn contracts(&self, tenant: &TenantId, history: &History) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
        let submitted = &history.run.submitted;
        let decided = history.events.iter().filter_map(|event| match &event.body {
            Body::StepDecided(it) => Some(&it.operation),
            _ => None,
        });
        let mut files = BTreeMap::new();
        for pinned in [&submitted.operation].into_iter().chain(&submitted.operations).chain(decided) {
            if !files.contains_key(&*pinned.name)
                && let Some(file) = self.file_of(tenant, pinned).await?
            {
                files.insert(pinned.name.to_string(), file);
            }
        }
        Ok(files)
    }

    /// Every blob that the events and the snapshot cite. One that is no longer kept is missing in the bundle too, and the
    /// verifier says so.
    async fn cited(
        &self,
        tenant: &TenantId,
        history: &History,
        snapshot: Option<&Snapshot>,
    ) -> Result<Vec<Vec<u8>>, Refusal> {
        let of_events = history.events.iter().flat_map(|event| blobs(&event.body)).map(|blob| blob.digest);
        let items = snapshot.into_iter().flat_map(|snapshot| &snapshot.items).filter(|item| &*item.kind != COMMITTED);
        let cited: BTreeSet<Digest> = of_events.chain(items.map(|item| item.content.digest)).collect();
        let mut kept = Vec::with_capacity(cited.len());
        for digest in cited {
            kept.extend(self.blobs.get(tenant, &digest).await?.map(|bytes| bytes.to_vec()));
        }
        Ok(kept)
    }
}

/// What opens the commitments of the run's events, each once.
fn disclosures(opened: Opened, history: &History) -> Vec<Disclosure> {
    let committed: BTreeSet<Digest> = history.events.iter().flat_map(|event| event.sd.iter().copied()).collect();
    let opened: BTreeMap<Digest, Disclosure> =
        opened.into_disclosures().map(|disclosure| (disclosure.commit(), disclosure)).collect();
    opened.into_iter().filter(|(commitment, _)| committed.contains(commitment)).map(|(_, it)| it).collect()
}
