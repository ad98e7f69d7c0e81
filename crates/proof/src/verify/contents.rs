//! Check 6: every digest in the events leads to bytes, an opened personal value, or an erasure.

use std::collections::{BTreeMap, BTreeSet};

use affiant_journal::{Body, Digest, Event, bytes, erased_digest};

use super::{
    Check, Record,
    opened::Opened,
    report::{Place, member},
};
use crate::{
    bundle::{Bundle, blobs, name},
    paths::Included,
    snapshot,
    statement::{self, Predicate},
};

/// What the events cite.
#[derive(Default)]
pub(super) struct Contents {
    /// Digest, and the first event that cites it, as what.
    cited: BTreeMap<Digest, (u64, Cited)>,
    /// Commitment, and the first event that holds it.
    committed: BTreeMap<Digest, u64>,
    /// Erasures: commitments, their digest and the index of the erasure, as administrative events say.
    erasures: Vec<(u64, Digest)>,
    /// Administrative events that cannot be relied on.
    wrong: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cited {
    Blob,
    File(&'static str),
}

impl Contents {
    pub(super) fn take(&mut self, seq: u64, event: &Event) {
        for commitment in &event.sd {
            self.committed.entry(*commitment).or_insert(seq);
        }
        match &event.body {
            Body::RunSubmitted(it) => {
                self.file(seq, it.agent.digest, "the agent's file");
                for operation in std::iter::once(&it.operation).chain(&it.operations) {
                    self.file(seq, operation.digest, "an operation's file");
                }
                self.file(seq, it.policy, "the policy set");
                if let Some(snapshot) = &it.snapshot {
                    self.file(seq, snapshot.root, "the snapshot");
                }
            }
            Body::StepDecided(it) => self.file(seq, it.operation.digest, "an operation's file"),
            _ => (),
        }
        for blob in blobs(&event.body) {
            self.cited.entry(blob.digest).or_insert((seq, Cited::Blob));
        }
    }

    fn file(&mut self, seq: u64, digest: Digest, what: &'static str) {
        self.cited.entry(digest).or_insert((seq, Cited::File(what)));
    }

    /// The erasures among the administrative events, where the log vouches for them.
    pub(super) fn take_admin(&mut self, bundle: &Bundle, included: &[Included]) {
        let record = Record::new(bundle.bytes(name::ADMIN).unwrap_or_default());
        for (at, event) in record.events().enumerate() {
            let Ok(event) = event else {
                self.wrong.push(format!("line {} cannot be read", at + 1));
                continue;
            };
            match &event.body {
                Body::SubjectErased(it) if included.get(at) == Some(&Included::Proven) => {
                    self.erasures.push((it.commitments, it.digest));
                }
                _ => (),
            }
        }
    }
}

pub(super) fn check(bundle: &Bundle, disclosed: &Opened, contents: &Contents, attested: Option<&Predicate>) -> Check {
    let mut check = Check::new("contents");
    for what in &contents.wrong {
        check.altered(member(name::ADMIN), what);
    }
    let left_out = digests(bundle, contents, attested, &mut check);
    let personal = personal(bundle, disclosed, contents, attested, &mut check);
    check.says = "digests lead to what they name".into();
    if left_out > 0 {
        check.says += &format!("; {left_out} blobs left out on purpose");
    }
    check.says += &personal;
    check
}

/// Files and blobs. Gives how many blobs were left out, as the signed statement says.
fn digests(bundle: &Bundle, contents: &Contents, attested: Option<&Predicate>, check: &mut Check) -> u64 {
    let mut there = BTreeSet::new();
    for (file, found) in bundle.members() {
        there.insert(found.digest);
        let misnamed = file.strip_prefix(name::BLOBS).is_some_and(|hex| hex != found.digest.hex());
        if misnamed {
            check.altered(member(file), "its content is not what its name says");
        }
    }
    let mut cited: BTreeMap<Digest, (Option<u64>, Cited)> =
        contents.cited.iter().map(|(digest, (seq, what))| (*digest, (Some(*seq), *what))).collect();
    if let Some(document) = bundle.bytes(name::SNAPSHOT) {
        match snapshot::root(document) {
            Some((root, items)) => {
                there.insert(root);
                // The snapshot of a run's own prompt and input names them by their commitments.
                for blob in items.into_iter().filter(|item| !contents.committed.contains_key(item)) {
                    cited.entry(blob).or_insert((None, Cited::Blob));
                }
            }
            None => check.altered(member(name::SNAPSHOT), "it is not the document of a snapshot"),
        }
    }
    let without = attested.is_some_and(|attested| attested.blobs == statement::Blobs::LeftOut);
    let mut left_out = 0;
    for (digest, (seq, what)) in cited {
        let found = there.contains(&digest);
        if !found && without && what == Cited::Blob {
            left_out += 1;
            continue;
        }
        check.count(found);
        if !found {
            let what = if let Cited::File(what) = what { what } else { "a blob" };
            let place = seq.map_or(member(name::SNAPSHOT), Place::Event);
            check.missing(place, format!("{what} {digest} is not in the bundle"));
        }
    }
    left_out
}

/// Personal values. Gives what to say of them.
fn personal(
    bundle: &Bundle,
    disclosed: &Opened,
    contents: &Contents,
    attested: Option<&Predicate>,
    check: &mut Check,
) -> String {
    let opened = opened(disclosed, contents, check);
    let erased = erased(bundle, contents, check);
    let committed = contents.committed.len() as u64;
    let closed: Vec<_> =
        contents.committed.iter().filter(|(it, _)| !opened.contains(it) && !erased.contains(it)).collect();
    let erased = contents.committed.keys().filter(|it| erased.contains(it) && !opened.contains(it)).count() as u64;
    check.of += committed;
    check.passed += committed;
    let withheld =
        attested.map(|it| it.disclosures.committed.saturating_sub(it.disclosures.erased + it.disclosures.opened));
    if closed.len() as u64 > withheld.unwrap_or(0) {
        for (commitment, seq) in &closed {
            check.passed -= 1;
            check.missing(Place::Event(**seq), format!("the personal value {commitment} is neither opened nor erased"));
        }
    }
    if committed == 0 {
        return String::new();
    }
    format!("; {committed} personal values: {} opened, {erased} erased, {} not for you", opened.len(), closed.len())
}

/// The commitments that the bundle opens.
fn opened(opened: &Opened, contents: &Contents, check: &mut Check) -> BTreeSet<Digest> {
    for line in &opened.unreadable {
        check.altered(member(name::DISCLOSURES), format!("line {line} opens nothing"));
    }
    let (known, foreign): (BTreeSet<_>, BTreeSet<_>) =
        opened.values.keys().partition(|commitment| contents.committed.contains_key(commitment));
    for commitment in foreign {
        check.altered(member(name::DISCLOSURES), format!("what opens {commitment} opens nothing in this run"));
    }
    known
}

/// The commitments that erasures in the log made unreadable.
fn erased(bundle: &Bundle, contents: &Contents, check: &mut Check) -> BTreeSet<Digest> {
    let mut erased = BTreeSet::new();
    let lists = bundle.bytes(name::ERASED).unwrap_or_default();
    for (at, line) in lines(lists).into_iter().enumerate() {
        let list: Option<Vec<Digest>> =
            line.filter(|line| bytes::check_strict(line).is_ok()).and_then(|line| serde_json::from_slice(line).ok());
        let vouched = list.filter(|list| {
            let told = (list.len() as u64, erased_digest(&mut list.clone()));
            list.is_sorted() && contents.erasures.contains(&told)
        });
        match vouched {
            Some(list) => erased.extend(list),
            None => {
                check.altered(member(name::ERASED), format!("line {} is not what an erasure in the log names", at + 1))
            }
        }
    }
    erased
}

fn lines(bytes: &[u8]) -> Vec<Option<&[u8]>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n")).collect()
}
