//! Checks 1 to 4: whose log it is, what its signed head says, whether it only grew, and whether the events stand in it.

use std::collections::{BTreeMap, BTreeSet};

use affiant_journal::{Digest, bytes};

use super::{Auditor, Check, Held, Outcome, Record, report::Place, report::member};
use crate::{
    bundle::{Bundle, name},
    checkpoint::{self, BadCheckpoint, Checkpoint, Opened},
    note::Note,
    paths::{Included, PathChecker, Proofs},
    tree::verify_consistency,
    trust::Trust,
};

/// Why no signed head can be relied on.
pub(super) enum NotSigned {
    /// The bundle has no checkpoint.
    Missing,
    /// No key of this log is trusted, or none of them signed.
    Unknown(String),
    /// A trusted key did not sign what is there, or it is not a checkpoint.
    Wrong(BadCheckpoint),
}

/// Check 1: the keys of the log that the checkpoint names, from the auditor's own file.
pub(super) fn trust(bundle: &Bundle, trust: &Trust) -> (Check, Result<Opened, NotSigned>) {
    let mut check = Check::new("trust");
    let Some(note) = bundle.bytes(name::CHECKPOINT) else {
        check.missing(member(name::CHECKPOINT), "there is no signed head of the log");
        return (check, Err(NotSigned::Missing));
    };
    let note = String::from_utf8_lossy(note);
    let claimed = Note::parse(&note).map_err(BadCheckpoint::from).and_then(|note| Checkpoint::from_text(&note.text));
    let Checkpoint { origin, head } = match claimed {
        Ok(claimed) => claimed,
        Err(error) => {
            check.altered(member(name::CHECKPOINT), error.to_string());
            return (check, Err(NotSigned::Wrong(error)));
        }
    };
    let keys = trust.keys(&origin, head.size).unwrap_or_default();
    check.count(!keys.is_empty());
    check.says = format!("logs known to you: {origin}");
    if keys.is_empty() {
        check.missing(
            member(name::CHECKPOINT),
            format!("the trust file names no key of `{origin}` at size {}", head.size),
        );
        return (check, Err(NotSigned::Unknown(origin)));
    }
    let known: Vec<_> = keys.into_iter().chain(trust.witnesses.keys.iter().cloned()).collect();
    let opened = checkpoint::open(&note, &known).map_err(|error| match error {
        BadCheckpoint::UnknownKeys => NotSigned::Unknown(origin),
        wrong => NotSigned::Wrong(wrong),
    });
    (check, opened)
}

/// Check 2: the signature on the head, and the witnesses' where they are asked for.
pub(super) fn checkpoint(opened: Result<&Opened, &NotSigned>, auditor: &Auditor<'_>) -> Check {
    let mut check = Check::new("checkpoint");
    let opened = match opened {
        Ok(opened) => opened,
        Err(NotSigned::Missing) => return Check::not_asked("checkpoint", "there is none"),
        Err(NotSigned::Unknown(origin)) => {
            check.missing(member(name::CHECKPOINT), format!("no key that you trust for `{origin}` signed it"));
            return check;
        }
        Err(NotSigned::Wrong(error)) => {
            check.altered(member(name::CHECKPOINT), error.to_string());
            return check;
        }
    };
    check.count(true);
    let signers = opened.signed_by.iter().map(|key| format!("{}+{}", key.name(), key.id()));
    let witnesses = opened.cosigned_by.iter().map(|(key, _)| key.name().to_string());
    let size = opened.checkpoint.head.size;
    check.says = format!("signatures: {size} events in the log, signed by {}", signers.collect::<Vec<_>>().join(", "));
    let witnesses: Vec<String> = witnesses.collect();
    if !witnesses.is_empty() {
        check.says += &format!(", cosigned by {}", witnesses.join(", "));
    }
    let quorum = auditor.trust.witnesses.quorum.max(auditor.quorum);
    for _ in 0..quorum.min(witnesses.len()) {
        check.count(true);
    }
    if witnesses.len() < quorum {
        let what = format!("{} of {quorum} witnesses cosigned it", witnesses.len());
        check.missing(member(name::CHECKPOINT), what);
        check.of = 1 + quorum as u64;
    }
    check
}

/// The proofs, where they can be read.
pub(super) fn proofs(bundle: &Bundle) -> Result<Proofs, Option<String>> {
    let proofs = bundle.bytes(name::PROOFS).ok_or(None)?;
    bytes::check_strict(proofs).map_err(|deviation| Some(deviation.to_string()))?;
    let proofs: Proofs = serde_json::from_slice(proofs).map_err(|error| Some(error.to_string()))?;
    if proofs.v == 1 { Ok(proofs) } else { Err(Some(format!("version {} is not known here", proofs.v))) }
}

/// Check 3: whether the log continues the heads that the auditor holds.
pub(super) fn consistency(signed: Option<&Opened>, proofs: Result<&Proofs, &Option<String>>, held: &[Held]) -> Check {
    let Some(Opened { checkpoint: now, .. }) = signed else {
        return Check::not_asked("consistency", "there is no signed head to compare");
    };
    let held: Vec<&Held> = held.iter().filter(|held| held.origin == now.origin).collect();
    if held.is_empty() {
        return Check::not_asked("consistency", "no earlier checkpoint of this log was given");
    }
    let proof = proofs.ok().and_then(|proofs| proofs.consistency.as_ref());
    let mut check = Check::new("consistency");
    check.says = "heads that you hold are continued".into();
    let mut compared = BTreeSet::new();
    for held in &held {
        let size = held.head.size;
        let proof = match proof {
            _ if size == now.head.size || size == 0 => &[][..],
            Some(proof) if proof.from == size && size < now.head.size => &proof.path,
            _ => continue,
        };
        compared.insert(held.from);
        let continues = verify_consistency(&held.head, &now.head, proof).is_ok();
        check.count(continues);
        if !continues {
            let what = format!("the log does not continue {} at {size}: two histories, or a changed proof", held.from);
            check.altered(member(name::CHECKPOINT), what);
        }
    }
    // From each source, one head that can be compared is enough: those before it were compared when they were new.
    let newest: BTreeMap<&str, u64> = held.iter().map(|held| (held.from, held.head.size)).collect();
    for (from, size) in newest.into_iter().filter(|(from, _)| !compared.contains(from)) {
        let what = if size > now.head.size {
            format!("this head ({}) is older than {from} ({size}); export again", now.head.size)
        } else {
            format!("there is no proof from {from} ({size}); export again and name that checkpoint")
        };
        check.count(false);
        check.missing(member(name::PROOFS), what);
    }
    check
}

/// What check 4 found.
pub(super) struct Inclusion {
    pub(super) check: Check,
    /// What the log says of each event of the run; none where no signed head can be relied on.
    pub(super) events: Option<Vec<Included>>,
    /// What it says of each event in `admin.jsonl`.
    pub(super) admin: Vec<Included>,
    /// Events that the proofs speak of.
    pub(super) covered: usize,
}

/// Check 4: whether each event leads to the signed root.
pub(super) fn inclusion(
    bundle: &Bundle,
    record: &Record<'_>,
    signed: Option<&Opened>,
    proofs: Result<&Proofs, &Option<String>>,
) -> Inclusion {
    let mut check = Check::new("inclusion");
    let nothing = |check| Inclusion { check, events: None, admin: Vec::new(), covered: record.len() };
    let proofs = match proofs {
        Ok(proofs) => proofs,
        Err(None) => {
            check.missing(member(name::PROOFS), "there are no proofs");
            return nothing(check);
        }
        Err(Some(error)) => {
            check.altered(member(name::PROOFS), error);
            return nothing(check);
        }
    };
    let Some(signed) = signed else {
        check.outcome = Outcome::NotAsked;
        check.says = "there is no signed head to lead to".into();
        return nothing(check);
    };
    let Ok(mut paths) = PathChecker::new(proofs, &signed.checkpoint.head) else {
        check.altered(member(name::PROOFS), "the proofs are not for the signed head");
        return nothing(check);
    };
    let mut ask = |leaves: &[Digest], places: &[u64]| -> Vec<Included> {
        leaves.iter().zip(places).map(|(leaf, place)| paths.check(*leaf, *place)).collect()
    };
    let admin = Record::new(bundle.bytes(name::ADMIN).unwrap_or_default()).leaves;
    let (events, administrative) = (ask(&record.leaves, &proofs.events), ask(&admin, &proofs.admin));
    for (at, included) in administrative.iter().enumerate() {
        if *included != Included::Proven {
            check.altered(member(name::ADMIN), format!("line {} is not the event that stands in the log", at + 1));
        }
    }
    if proofs.admin.len() != admin.len() {
        check.altered(member(name::ADMIN), "there is not one place in the log for each line");
    }
    events.iter().for_each(|included| check.count(*included == Included::Proven));
    let proven = check.passed == check.of && check.findings.is_empty();
    if proven && !paths.all_nodes_proven() {
        check.altered(member(name::PROOFS), "a hash in it leads nowhere");
    }
    let covered = proofs.events.len();
    if covered < record.len() {
        let newer = record.len() - covered;
        check.missing(Place::Event(covered as u64), format!("{newer} events are under no checkpoint yet"));
    }
    if covered > record.len() {
        check.altered(Place::Event(record.len() as u64), format!("{} events were taken away", covered - record.len()));
    }
    check.says = "events stand in the log".into();
    Inclusion { check, events: Some(events), admin: administrative, covered }
}
