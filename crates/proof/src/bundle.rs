//! One run with everything that proves it, in one file. What each member is: `docs/record-format.md`, section 5.

mod cited;
mod pack;
mod readme;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use affiant_journal::{Digest, Entry};

pub use crate::archive::{BadArchive, Limits, Member};
pub use cited::blobs;
pub(crate) use pack::dependencies;
pub use pack::{CannotPack, Parts, pack};

/// Names of the members.
pub mod name {
    /// Administrative events that the run depends on, one line each.
    pub const ADMIN: &str = "admin.jsonl";
    /// The agent's file.
    pub const AGENT: &str = "agent.yaml";
    /// Folder of the blobs, each named by the hex digits of its digest.
    pub const BLOBS: &str = "blobs/";
    /// The signed head of the log.
    pub const CHECKPOINT: &str = "checkpoint";
    /// Folder of the operations' files.
    pub const CONTRACTS: &str = "contracts/";
    /// The personal values that whoever asked may see, one disclosure on each line.
    pub const DISCLOSURES: &str = "disclosures.jsonl";
    /// For each erasure in `admin.jsonl`, the commitments that it made unreadable, one JSON array on each line.
    pub const ERASED: &str = "erased.jsonl";
    /// The run's events, one line each.
    pub const EVENTS: &str = "events.jsonl";
    /// The run as OTLP/JSON.
    pub const OTLP: &str = "otlp.json";
    /// The text of the policy set.
    pub const POLICY: &str = "policy/set.txt";
    /// Inclusion and consistency proofs.
    pub const PROOFS: &str = "proofs.json";
    /// The run as PROV-JSON.
    pub const PROV: &str = "prov.json";
    /// How to check the bundle without us.
    pub const README: &str = "README.txt";
    /// The snapshot's document.
    pub const SNAPSHOT: &str = "snapshot.json";
    /// What the server claims about the run and this bundle.
    pub const STATEMENT: &str = "statement.dsse.json";
}

/// An event and its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The event as it was written.
    pub entry: Entry,
    /// Its leaf index.
    pub index: u64,
}

/// The members of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    members: BTreeMap<String, Member>,
}

impl Bundle {
    /// Reads a file. Nothing is believed yet: see [`crate::verify`]. Blobs, views and the README are hashed and not kept.
    pub fn read(mut file: impl Read, limits: Limits) -> Result<Self, BadArchive> {
        let mut members = BTreeMap::new();
        crate::archive::read(&mut file, limits, is_kept, |name, member| {
            members.insert(name, member);
        })?;
        Ok(Self { members })
    }

    /// Writes the file. Members whose bytes were not kept cannot be written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let kept = |(name, member)| -> io::Result<(&str, &[u8])> {
            let name: &String = name;
            let member: &Member = member;
            let bytes = member.bytes.as_deref().ok_or_else(|| io::Error::other(format!("{name} was not kept")))?;
            Ok((name, bytes))
        };
        let members: Vec<_> = self.members.iter().map(kept).collect::<io::Result<_>>()?;
        crate::archive::write(members, out)
    }

    /// The members by name.
    pub fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// The bytes of a member, where there is one and its bytes were kept.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.members.get(name)?.bytes.as_deref()
    }

    /// Puts a member in, or in the place of another.
    pub fn put(&mut self, name: impl Into<String>, bytes: Vec<u8>) {
        let member = Member { digest: Digest::of(&bytes), size: bytes.len() as u64, bytes: Some(bytes) };
        self.members.insert(name.into(), member);
    }

    /// Takes a member out.
    pub fn take(&mut self, name: &str) -> Option<Member> {
        self.members.remove(name)
    }
}

/// Whose bytes the checks read, beyond their digest.
fn is_kept(member: &str) -> bool {
    !member.starts_with(name::BLOBS) && ![name::OTLP, name::PROV, name::README].contains(&member)
}
