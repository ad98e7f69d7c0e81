//! A small world with logs, runs and auditors, the same for the same seed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses its own part of it")]

mod script;

use std::collections::BTreeMap;

use affiant_journal::{bytes, *};
use affiant_proof::{
    bundle::{Bundle, Logged, Parts, pack},
    checkpoint::{Checkpoint, cosign},
    keys::{KeyKind, KeyName, SigningKey},
    note::Note,
    tree::{Frontier, Head, Node, Nodes, parent},
    trust::{LogTrust, Trust, Witnesses},
    verify::{Auditor, Report},
};

pub use script::{Happening, Script, Shape};

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn salt(&mut self) -> Salt {
        Salt((u128::from(self.roll()) << 64 | u128::from(self.roll())).to_be_bytes())
    }
}

/// One tenant's log and the streams in it.
pub struct Log {
    pub tenant: TenantId,
    pub key: SigningKey,
    pub entries: Vec<Entry>,
    pub frontier: Frontier,
    levels: Vec<Vec<Digest>>,
    streams: BTreeMap<String, Stream>,
    clock: i64,
}

/// A stream as it grew.
#[derive(Clone, Default)]
pub struct Stream {
    pub logged: Vec<Logged>,
    pub artifacts: u64,
    pub steps: u64,
}

impl Log {
    pub fn new(tenant: &str, seed: u8) -> Self {
        let name = KeyName::new(format!("audit.example.org/{tenant}")).unwrap();
        Self {
            tenant: tenant.into(),
            key: SigningKey::from_seed(name, KeyKind::Note, &[seed; 32]),
            entries: Vec::new(),
            frontier: Frontier::new(),
            levels: vec![Vec::new()],
            streams: BTreeMap::new(),
            clock: 1_795_359_600_000_000,
        }
    }

    pub fn origin(&self) -> String {
        self.key.verifier().name().to_string()
    }

    pub fn stream(&self, stream: &str) -> &Stream {
        &self.streams[stream]
    }

    /// Writes one event of a stream. Counts, links and times are filled in.
    pub fn write(&mut self, stream: &str, happening: Happening) -> Event {
        let index = self.entries.len() as u64;
        self.clock += 1_000 + (index as i64 % 7) * 333;
        let grown = self.streams.entry(stream.to_owned()).or_default();
        let prev = grown.logged.last().map(|logged| logged.entry.leaf);
        let mut event = Event {
            actor: happening.actor,
            at: Timestamp(self.clock),
            body: happening.body,
            boot: "b_1".into(),
            mono: (self.clock % 1_000_000_000) as u64,
            prev,
            sd: happening.disclosures.iter().map(Disclosure::commit).collect(),
            seq: grown.logged.len() as u64,
            stream: stream.into(),
            tenant: self.tenant.clone(),
        };
        match &mut event.body {
            Body::StepDecided(_) => grown.steps += 1,
            Body::ArtifactCreated(_) => grown.artifacts += 1,
            Body::RunCompleted(it) => it.totals = totals(grown),
            Body::RunFailed(it) => it.totals = totals(grown),
            _ => (),
        }
        let entry = Entry::seal(&event).unwrap();
        self.streams.get_mut(stream).unwrap().logged.push(Logged { entry: entry.clone(), index });
        self.grow(entry);
        event
    }

    pub fn grow(&mut self, entry: Entry) {
        self.frontier.push(entry.leaf);
        let mut hash = entry.leaf;
        self.entries.push(entry);
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            self.levels[level].push(hash);
            let [.., left, right] = self.levels[level][..] else { break };
            if !self.levels[level].len().is_multiple_of(2) {
                break;
            }
            hash = parent(&left, &right);
        }
    }

    pub fn checkpoint(&self) -> Checkpoint {
        let head = Head { size: self.frontier.size(), root: self.frontier.root() };
        Checkpoint { origin: self.origin(), head }
    }

    pub fn signed(&self) -> Note {
        self.checkpoint().sign(&[&self.key])
    }

    /// An auditor's file that trusts this log.
    pub fn trust(&self) -> Trust {
        let log = LogTrust { keys: vec![self.key.verifier().clone()], root: None };
        let witnesses = Witnesses { keys: vec![witness().verifier().clone()], quorum: 0 };
        Trust { origins: BTreeMap::from([(self.origin(), log)]), witnesses }
    }
}

impl Nodes for Log {
    fn node(&self, node: Node) -> Option<Digest> {
        self.levels.get(usize::from(node.level))?.get(node.index as usize).copied()
    }
}

fn totals(stream: &Stream) -> Totals {
    let head = stream.logged.last().map(|logged| logged.entry.leaf);
    Totals {
        artifacts: stream.artifacts,
        events: stream.logged.len() as u64 + 1,
        head,
        steps: stream.steps,
        usage: None,
    }
}

pub fn witness() -> SigningKey {
    SigningKey::from_seed(KeyName::new("witness.example.net/w1").unwrap(), KeyKind::Cosignature, &[99; 32])
}

/// Several runs in one log, one event each in turn, with administrative events between them.
pub struct World {
    pub log: Log,
    pub scripts: Vec<Script>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self::shaped(seed, "t_1", Shape::Small)
    }

    pub fn shaped(seed: u64, tenant: &str, shape: Shape) -> Self {
        let mut dice = Dice::new(seed);
        let runs = if shape == Shape::Small { 1 + dice.below(3) } else { 1 };
        let scripts = (0..runs).map(|run| Script::new(&mut dice, tenant, seed, run, shape)).collect();
        Self::told(seed, tenant, scripts)
    }

    /// The world in which exactly this happened.
    pub fn told(seed: u64, tenant: &str, scripts: Vec<Script>) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let mut log = Log::new(tenant, (seed % 200) as u8);
        let interrupted = scripts.iter().all(|script| script.happenings.len() < 1000);
        let mut queues: Vec<_> = scripts.iter().map(|script| (&script.run, script.happenings.iter())).collect();
        while !queues.is_empty() {
            let next = dice.below(queues.len());
            match queues[next].1.next() {
                Some(happening) => drop(log.write(queues[next].0, happening.clone())),
                None => drop(queues.swap_remove(next)),
            }
            if interrupted && dice.chance(10) {
                log.write("admin", script::refused());
            }
        }
        for script in scripts.iter().filter(|script| !script.erased.is_empty()) {
            log.write("admin", script::erased(&script.erased));
        }
        Self { log, scripts }
    }

    /// What goes into the bundle of one of the runs.
    pub fn parts(&self, run: usize) -> Parts {
        let script = &self.scripts[run];
        let erasure = |logged: &&Logged| match logged.entry.event().unwrap().body {
            Body::SubjectErased(it) => it.digest == erased_digest(&mut script.erased.clone()),
            _ => false,
        };
        let administrative = self.log.streams.get("admin").map(|stream| stream.logged.as_slice()).unwrap_or_default();
        let admin: Vec<Logged> = administrative.iter().filter(erasure).take(1).cloned().collect();
        Parts {
            events: self.log.stream(&script.run).logged.clone(),
            erased: admin.iter().map(|_| script.erased.clone()).collect(),
            admin,
            checkpoint: self.log.signed(),
            from: Some(self.log.frontier.size() / 2).filter(|size| *size > 0),
            agent: script.agent.clone(),
            contracts: script.contracts.clone(),
            policy: script.policy.clone(),
            snapshot: Some(script.snapshot.clone()),
            blobs: Some(script.blobs.clone()),
            disclosures: script.disclosures.clone(),
        }
    }

    /// The bundle of one of the runs.
    pub fn bundle(&self, run: usize) -> Bundle {
        pack(self.parts(run), &self.log, &[&self.log.key]).unwrap()
    }

    pub fn verify(&self, bundle: &Bundle) -> Report {
        verify(bundle, &self.log.trust())
    }
}

/// What an auditor finds who brings nothing but a trust file.
pub fn verify(bundle: &Bundle, trust: &Trust) -> Report {
    affiant_proof::verify::verify(bundle, &Auditor { trust, held: &[], quorum: 0, replay: None })
}

/// A checkpoint that the witness has cosigned.
pub fn cosigned(mut note: Note) -> Note {
    let line = cosign(&note, &witness(), 1_795_359_700);
    note.signatures.push(line);
    note
}

/// The bundle as a file.
pub fn file(bundle: &Bundle) -> Vec<u8> {
    let mut file = Vec::new();
    bundle.write(&mut file).unwrap();
    file
}

pub fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    bytes::encode(value).unwrap()
}
