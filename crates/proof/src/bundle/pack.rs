//! Puts a bundle together.

use std::collections::{BTreeMap, BTreeSet};

use affiant_journal::{Body, Digest, Disclosure, Event, bytes};

use super::{Bundle, Logged, name, readme};
use crate::{
    archive,
    checkpoint::{BadCheckpoint, Checkpoint},
    keys::SigningKey,
    note::Note,
    paths::Proofs,
    statement::{Attested, Blobs, Disclosures, Predicate, Resource, Statement},
    tree::{MissingNode, Nodes},
    views,
};

/// What goes into a bundle.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The run's events by `seq`, all of them.
    pub events: Vec<Logged>,
    /// The administrative events it depends on: erasures of its personal values, the making of its snapshot.
    pub admin: Vec<Logged>,
    /// For each `subject.erased` in `admin`, in order, the commitments that it made unreadable.
    pub erased: Vec<Vec<Digest>>,
    /// The signed head of the log that the proofs lead to; not before the run's last event.
    pub checkpoint: Note,
    /// Size of an earlier log that this one is shown to continue.
    pub from: Option<u64>,
    /// The agent's file.
    pub agent: Vec<u8>,
    /// The files of the operations that the run pinned, by `key@version`.
    pub contracts: BTreeMap<String, Vec<u8>>,
    /// The text of the policy set.
    pub policy: Vec<u8>,
    /// The document of the snapshot: see [`crate::snapshot`].
    pub snapshot: Option<Vec<u8>>,
    /// Every blob that the events and the snapshot cite; none to leave them out.
    pub blobs: Option<Vec<Vec<u8>>>,
    /// The personal values that whoever asks may see.
    pub disclosures: Vec<Disclosure>,
}

/// A bundle cannot be made of these parts.
#[derive(Debug, thiserror::Error)]
pub enum CannotPack {
    /// A run has at least one event.
    #[error("there are no events")]
    Empty,
    /// An event cannot be read.
    #[error("event {0} cannot be read")]
    Event(u64, #[source] serde_json::Error),
    /// An event is not under the checkpoint.
    #[error("leaf {0} is not under the checkpoint")]
    AfterCheckpoint(u64),
    /// The note is not a checkpoint.
    #[error("the checkpoint cannot be used")]
    Checkpoint(#[from] BadCheckpoint),
    /// The store lacks a hash.
    #[error("the log cannot be proven")]
    Log(#[from] MissingNode),
    /// A contract's name is not one of a file.
    #[error("`{0}` cannot be the name of a file")]
    Name(String),
}

/// Makes the bundle of a run and signs the statement about it, with each of these keys while keys are exchanged.
pub fn pack(parts: Parts, nodes: &(impl Nodes + ?Sized), keys: &[&SigningKey]) -> Result<Bundle, CannotPack> {
    let events = parts.events.iter().zip(0..).map(|(logged, seq)| read(logged, seq)).collect::<Result<Vec<_>, _>>()?;
    let (Some(first), Some(last)) = (events.first(), parts.events.last()) else { return Err(CannotPack::Empty) };
    let checkpoint = Checkpoint::from_text(&parts.checkpoint.text)?;
    let proofs = prove(&parts, nodes, checkpoint.head.size)?;
    let blobs = if parts.blobs.is_some() { Blobs::Included } else { Blobs::LeftOut };
    let disclosures = count(&events, &parts);

    let mut bundle = Bundle::default();
    bundle.put(name::README, readme::text(first, events.len(), &checkpoint).into_bytes());
    bundle.put(name::CHECKPOINT, parts.checkpoint.to_string().into_bytes());
    bundle.put(name::PROOFS, to_json(&proofs));
    bundle.put(name::EVENTS, lines(parts.events.iter().map(|logged| &*logged.entry.bytes)));
    bundle.put(name::PROV, views::prov(&events));
    bundle.put(name::OTLP, views::otlp(&events));
    bundle.put(name::AGENT, parts.agent);
    bundle.put(name::POLICY, parts.policy);
    if !parts.admin.is_empty() {
        bundle.put(name::ADMIN, lines(parts.admin.iter().map(|logged| &*logged.entry.bytes)));
    }
    if !parts.erased.is_empty() {
        let erased: Vec<Vec<u8>> = parts.erased.into_iter().map(|list| to_json(&BTreeSet::from_iter(list))).collect();
        bundle.put(name::ERASED, lines(erased.iter().map(Vec::as_slice)));
    }
    if !parts.disclosures.is_empty() {
        bundle.put(name::DISCLOSURES, lines(parts.disclosures.iter().map(|it| it.text().as_bytes())));
    }
    if let Some(snapshot) = parts.snapshot {
        bundle.put(name::SNAPSHOT, snapshot);
    }
    for (contract, bytes) in parts.contracts {
        let file = format!("{}{contract}.yaml", name::CONTRACTS);
        if !archive::is_name(&file) {
            return Err(CannotPack::Name(contract));
        }
        bundle.put(file, bytes);
    }
    for blob in parts.blobs.into_iter().flatten() {
        bundle.put(format!("{}{}", name::BLOBS, Digest::of(&blob).hex()), blob);
    }

    let predicate = Predicate {
        blobs,
        checkpoint: Attested { origin: checkpoint.origin, root: checkpoint.head.root, size: checkpoint.head.size },
        disclosures,
        events: events.len() as u64,
        head: last.entry.leaf,
        members: bundle.members().iter().map(|(name, member)| (name.clone(), member.digest)).collect(),
        outcome: events.last().map_or("", |event| event.body.name()).to_owned(),
        resolved_dependencies: dependencies(first),
        run: affiant_journal::RunId::new(first.stream.as_str()),
        tenant: first.tenant.clone(),
    };
    let statement = Statement::new(subjects(&events, &bundle), predicate);
    bundle.put(name::STATEMENT, statement.sign(keys));
    Ok(bundle)
}

fn read(logged: &Logged, seq: u64) -> Result<Event, CannotPack> {
    logged.entry.event().map_err(|error| CannotPack::Event(seq, error))
}

fn prove(parts: &Parts, nodes: &(impl Nodes + ?Sized), size: u64) -> Result<Proofs, CannotPack> {
    let indexes = |logged: &[Logged]| logged.iter().map(|logged| logged.index).collect::<Vec<_>>();
    let (events, admin) = (indexes(&parts.events), indexes(&parts.admin));
    if let Some(after) = events.iter().chain(&admin).find(|index| **index >= size) {
        return Err(CannotPack::AfterCheckpoint(*after));
    }
    Ok(Proofs::collect(nodes, size, events, admin, parts.from)?)
}

fn count(events: &[Event], parts: &Parts) -> Disclosures {
    let committed: BTreeSet<Digest> = events.iter().flat_map(|event| event.sd.iter().copied()).collect();
    let erased: BTreeSet<Digest> = parts.erased.iter().flatten().copied().collect();
    let opened: BTreeSet<Digest> = parts.disclosures.iter().map(Disclosure::commit).collect();
    Disclosures {
        committed: committed.len() as u64,
        erased: committed.intersection(&erased).count() as u64,
        opened: committed.intersection(&opened).count() as u64,
    }
}

fn lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    lines.flat_map(|line| [line, b"\n"]).collect::<Vec<_>>().concat()
}

fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    bytes::encode(value).expect("proofs are made of digests and small numbers")
}

/// What a run depended on, from its first event.
pub(crate) fn dependencies(first: &Event) -> Vec<Resource> {
    let Body::RunSubmitted(it) = &first.body else { return Vec::new() };
    let agent = Resource::new(format!("agent {}", it.agent.name), it.agent.digest);
    let operations = std::iter::once(&it.operation).chain(&it.operations);
    let operations = operations.map(|pinned| Resource::new(format!("operation {}", pinned.name), pinned.digest));
    let policy = Resource::new("policy set", it.policy);
    let snapshot = it.snapshot.iter().map(|snapshot| Resource::new(format!("snapshot {}", snapshot.id), snapshot.root));
    std::iter::once(agent).chain(operations).chain([policy]).chain(snapshot).collect()
}

/// The artifacts, and the events themselves, so that there is always something to claim.
fn subjects(events: &[Event], bundle: &Bundle) -> Vec<Resource> {
    let artifacts = events.iter().filter_map(|event| match &event.body {
        Body::ArtifactCreated(it) => Some(Resource::new(it.name.clone(), it.content.digest)),
        _ => None,
    });
    let record = bundle.members().get(name::EVENTS).map(|member| Resource::new(name::EVENTS, member.digest));
    artifacts.chain(record).collect()
}
