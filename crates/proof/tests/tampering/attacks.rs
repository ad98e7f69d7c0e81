//! The classes of change. Each gives the changed bundle, and the event where the change must be found.

use affiant_journal::{Body, Digest, Disclosure, Entry, Event};
use affiant_proof::{
    bundle::{Bundle, Logged, pack},
    checkpoint::Checkpoint,
    keys::SigningKey,
    paths::Proofs,
    statement::Statement,
    tree::Head,
};
use serde_json::json;

use super::{Case, edited, joined, lines};
use crate::support::{Dice, Log, to_json};

/// The changed bundle, and the event where the change must be found; none where the case does not allow it.
pub type Attack = Option<(Bundle, Option<u64>)>;

/// One class of change.
pub type Class = fn(&Case, &mut Dice) -> Attack;

/// Every class by name.
pub const ALL: &[(&str, Class)] = &[
    ("field_edit", field_edit),
    ("bit_flip", bit_flip),
    ("delete", delete),
    ("reorder", reorder),
    ("truncate", truncate),
    ("duplicate", duplicate),
    ("insert", insert),
    ("splice_run", splice_run),
    ("splice_tenant", splice_tenant),
    ("rewrite", rewrite),
    ("rewrite_with_head", rewrite_with_head),
    ("key_swap", key_swap),
    ("checkpoint_swap", checkpoint_swap),
    ("disclosure_swap", disclosure_swap),
    ("artifact_swap", artifact_swap),
    ("approval_swap", approval_swap),
    ("statement_swap", statement_swap),
    ("proof_edit", proof_edit),
    ("erasure_edit", erasure_edit),
    ("member_edit", member_edit),
    ("member_added_or_taken", member_added_or_taken),
    ("view_swap", view_swap),
];

/// Changes to events: the lines after it, the places that the proofs may be made to speak of, and where it is found.
fn in_events(
    case: &Case,
    dice: &mut Dice,
    change: impl FnOnce(&mut Vec<Vec<u8>>, &mut Vec<u64>, &mut Dice) -> u64,
) -> Attack {
    let (mut lines, mut places) = (case.lines(), case.proofs().events);
    let at = change(&mut lines, &mut places, dice);
    let repaired = dice.chance(50).then_some(places);
    Some((case.with(&lines, repaired), Some(at)))
}

pub fn field_edit(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, _, dice| {
        let at = dice.below(lines.len());
        lines[at] = edited(&lines[at], dice);
        at as u64
    })
}

pub fn bit_flip(case: &Case, dice: &mut Dice) -> Attack {
    let mut bytes = joined(&case.lines());
    let at = dice.below(bytes.len());
    let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    bytes[at] ^= 1 << dice.below(8);
    let mut bundle = case.bundle.clone();
    bundle.put("events.jsonl", bytes);
    Some((bundle, Some(line as u64)))
}

pub fn delete(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, places, dice| {
        let at = dice.below(lines.len());
        lines.remove(at);
        places.remove(at);
        at as u64
    })
}

pub fn reorder(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, places, dice| {
        let first = dice.below(lines.len() - 1);
        let second = first + 1 + dice.below(lines.len() - first - 1);
        lines.swap(first, second);
        places.swap(first, second);
        first as u64
    })
}

pub fn truncate(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, places, dice| {
        let left = dice.below(lines.len());
        lines.truncate(left);
        places.truncate(left);
        left as u64
    })
}

pub fn duplicate(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, places, dice| {
        let at = dice.below(lines.len());
        lines.insert(at + 1, lines[at].clone());
        places.insert(at + 1, places[at]);
        at as u64 + 1
    })
}

pub fn insert(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, places, dice| {
        let (at, model) = (dice.below(lines.len()), dice.below(lines.len()));
        lines.insert(at, edited(&lines[model], dice));
        places.insert(at, places[at]);
        at as u64
    })
}

/// In the place of one event, another one of the same log, with its true proof.
pub fn splice_run(case: &Case, dice: &mut Dice) -> Attack {
    let (mut lines, mut places) = (case.lines(), case.proofs().events);
    let at = dice.below(lines.len());
    let strangers: Vec<u64> =
        (0..case.world.log.entries.len() as u64).filter(|index| !places.contains(index)).collect();
    if strangers.is_empty() {
        return None;
    }
    places[at] = strangers[dice.below(strangers.len())];
    lines[at] = case.world.log.entries[places[at] as usize].bytes.to_vec();
    Some((case.with(&lines, Some(places)), Some(at as u64)))
}

pub fn splice_tenant(case: &Case, dice: &mut Dice) -> Attack {
    in_events(case, dice, |lines, _, dice| {
        let at = dice.below(lines.len());
        let strangers = &case.other.log.entries;
        lines[at] = strangers[dice.below(strangers.len())].bytes.to_vec();
        at as u64
    })
}

/// The run from one event on, written anew with every link and count right.
fn rewritten(case: &Case, dice: &mut Dice) -> (usize, Vec<Entry>) {
    let lines = case.lines();
    let at = dice.below(lines.len());
    let mut entries: Vec<Entry> = lines[..at].iter().map(|line| Entry::from_bytes(line.clone())).collect();
    for (seq, line) in lines.iter().enumerate().skip(at) {
        let mut event = Event::from_bytes(line).unwrap();
        event.prev = entries.last().map(|entry| entry.leaf);
        if seq == at {
            event.mono += 1;
        }
        if let Body::RunCompleted(it) = &mut event.body {
            it.totals.head = event.prev;
        }
        entries.push(Entry::seal(&event).unwrap());
    }
    (at, entries)
}

pub fn rewrite(case: &Case, dice: &mut Dice) -> Attack {
    let (at, entries) = rewritten(case, dice);
    let lines: Vec<Vec<u8>> = entries.iter().map(|entry| entry.bytes.to_vec()).collect();
    Some((case.with(&lines, None), Some(at as u64)))
}

fn attacker(case: &Case) -> SigningKey {
    let key = case.world.log.key.verifier();
    SigningKey::from_seed(key.name().clone(), key.kind(), &[201; 32])
}

/// The whole log with the rewritten run in it, and the bundle that its owner would make with another key.
fn rewritten_log(case: &Case, dice: &mut Dice) -> (Log, Bundle) {
    let (_, entries) = rewritten(case, dice);
    let mut parts = case.world.parts(case.run);
    let places: Vec<u64> = parts.events.iter().map(|logged| logged.index).collect();
    let mut all = case.world.log.entries.clone();
    for (entry, place) in entries.iter().zip(&places) {
        all[*place as usize] = entry.clone();
    }
    let mut log = Log::new("t_1", 0);
    log.key = attacker(case);
    all.into_iter().for_each(|entry| log.grow(entry));
    parts.events = entries.into_iter().zip(places).map(|(entry, index)| Logged { entry, index }).collect();
    parts.checkpoint = log.signed();
    let bundle = pack(parts, &log, &[&log.key]).unwrap();
    (log, bundle)
}

/// A new root under the old signature.
pub fn rewrite_with_head(case: &Case, dice: &mut Dice) -> Attack {
    let (log, mut bundle) = rewritten_log(case, dice);
    let mut note = case.world.log.signed();
    note.text = log.checkpoint().text();
    bundle.put("checkpoint", note.to_string().into_bytes());
    Some((bundle, None))
}

/// Everything signed anew by a key of the same name; now and then with the old key's id on it, or the old statement.
pub fn key_swap(case: &Case, dice: &mut Dice) -> Attack {
    let (log, mut bundle) = rewritten_log(case, dice);
    let mut note = log.signed();
    if dice.chance(30) {
        note.signatures[0].id = case.world.log.key.verifier().id();
    }
    if dice.chance(30) {
        note.signatures.extend(case.world.log.signed().signatures);
    }
    bundle.put("checkpoint", note.to_string().into_bytes());
    if dice.chance(30) {
        bundle.put("statement.dsse.json", case.bundle.bytes("statement.dsse.json").unwrap().to_vec());
    }
    Some((bundle, None))
}

/// A head that the log did sign, or another tenant's did, but not for this bundle.
pub fn checkpoint_swap(case: &Case, dice: &mut Dice) -> Attack {
    let log = &case.world.log;
    let size = dice.below(log.entries.len()) as u64;
    let root = affiant_proof::tree::root(log, size).unwrap();
    let earlier = Checkpoint { origin: log.origin(), head: Head { size, root } };
    let note = match dice.below(3) {
        0 => earlier.sign(&[&log.key]),
        1 => case.other.log.signed(),
        _ => case.other.log.checkpoint().sign(&[&log.key]),
    };
    let mut bundle = case.bundle.clone();
    bundle.put("checkpoint", note.to_string().into_bytes());
    if dice.chance(50) && size > 0 {
        let Proofs { events, .. } = case.proofs();
        let events = events.into_iter().filter(|index| *index < size).collect();
        bundle.put("proofs.json", to_json(&Proofs::collect(log, size, events, vec![], None).unwrap()));
    }
    Some((bundle, None))
}

pub fn disclosure_swap(case: &Case, dice: &mut Dice) -> Attack {
    let mut disclosed = lines(&case.bundle, "disclosures.jsonl");
    if disclosed.is_empty() {
        return None;
    }
    let at = dice.below(disclosed.len());
    match dice.below(5) {
        0 => disclosed[at] = edited(&disclosed[at], dice),
        1 => disclosed[at] = Disclosure::new(dice.salt(), "/prompt", json!("something harmless")).text().into(),
        2 => drop(disclosed.remove(at)),
        3 => disclosed.push(disclosed[at].clone()),
        _ => disclosed[at].push(b' '),
    }
    let mut bundle = case.bundle.clone();
    bundle.put("disclosures.jsonl", joined(&disclosed));
    Some((bundle, None))
}

pub fn artifact_swap(case: &Case, dice: &mut Dice) -> Attack {
    let mut bundle = case.bundle.clone();
    let names: Vec<String> = bundle.members().keys().filter(|name| name.starts_with("blobs/")).cloned().collect();
    let name = &names[dice.below(names.len())];
    let other = format!("another artifact {}", dice.roll()).into_bytes();
    match dice.below(3) {
        0 => bundle.put(name, other),
        1 => {
            let bytes = bundle.bytes(&names[dice.below(names.len())]).unwrap().to_vec();
            bundle.put(name, if bundle.bytes(name) == Some(&bytes) { other } else { bytes });
        }
        _ => {
            bundle.take(name);
            bundle.put(format!("blobs/{}", Digest::of(&other).hex()), other);
        }
    }
    Some((bundle, None))
}

/// One approval decided as another one was.
pub fn approval_swap(case: &Case, dice: &mut Dice) -> Attack {
    let read = |lines: &[Vec<u8>]| -> Vec<(usize, Event)> {
        let events = lines.iter().map(|line| Event::from_bytes(line).unwrap());
        let approvals = |event: &Event| matches!(event.body, Body::ApprovalRequested(_) | Body::ApprovalResolved(_));
        events.enumerate().filter(|(_, event)| approvals(event)).collect()
    };
    let mut lines = case.lines();
    let approvals = read(&lines);
    if approvals.is_empty() {
        return None;
    }
    let (at, mut event) = approvals[dice.below(approvals.len())].clone();
    match &mut event.body {
        Body::ApprovalRequested(it) => it.action = Digest::of(&dice.roll().to_be_bytes()),
        Body::ApprovalResolved(it) => it.approver = Some("u_ana".into()),
        _ => return None,
    }
    lines[at] = Entry::seal(&event).unwrap().bytes.to_vec();
    Some((case.with(&lines, None), Some(at as u64)))
}

/// What the log's own key signed about another run, or about the same one before it was changed.
pub fn statement_swap(case: &Case, dice: &mut Dice) -> Attack {
    let envelope = case.bundle.bytes("statement.dsse.json").unwrap();
    let (mut statement, _) = Statement::open(envelope, &[case.world.log.key.verifier().clone()]).unwrap();
    let mut bundle = case.bundle.clone();
    let other = match dice.below(4) {
        0 => edited_text(envelope, dice),
        1 => case.other.bundle(0).bytes("statement.dsse.json").unwrap().to_vec(),
        2 => {
            statement.subject[0].name.push('x');
            statement.sign(&[&attacker(case)])
        }
        _ => {
            statement.predicate.events += 1;
            statement.sign(&[&case.world.log.key])
        }
    };
    bundle.put("statement.dsse.json", other);
    Some((bundle, None))
}

fn edited_text(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = dice.below(bytes.len());
    bytes[at] = bytes[at].wrapping_add(1 + dice.below(255) as u8);
    bytes
}

pub fn proof_edit(case: &Case, dice: &mut Dice) -> Attack {
    let mut proofs = case.proofs();
    match dice.below(4) {
        0 => {
            let levels: Vec<usize> = (0..proofs.nodes.len()).filter(|level| !proofs.nodes[*level].is_empty()).collect();
            let level = &mut proofs.nodes[levels[dice.below(levels.len())]];
            let at = dice.below(level.len());
            level[at].1.0[dice.below(32)] ^= 1;
        }
        1 => proofs.size += 1,
        2 => {
            let at = dice.below(proofs.events.len());
            proofs.events[at] += 1 + dice.below(3) as u64;
        }
        _ => proofs.nodes[0].push((1 << 40, Digest::of(b"superfluous"))),
    }
    let mut bundle = case.bundle.clone();
    bundle.put("proofs.json", to_json(&proofs));
    Some((bundle, None))
}

pub fn erasure_edit(case: &Case, dice: &mut Dice) -> Attack {
    let mut bundle = case.bundle.clone();
    let commitment = Digest::of(&dice.roll().to_be_bytes());
    let mut lists = lines(&bundle, "erased.jsonl");
    let mut events = lines(&bundle, "admin.jsonl");
    if events.is_empty() {
        lists.push(to_json(&[commitment]));
        bundle.put("erased.jsonl", joined(&lists));
        return Some((bundle, None));
    }
    match dice.below(3) {
        0 => lists[0] = to_json(&[commitment]),
        1 => lists[0] = edited(&lists[0], dice),
        _ => events[0] = edited(&events[0], dice),
    }
    bundle.put("erased.jsonl", joined(&lists));
    bundle.put("admin.jsonl", joined(&events));
    Some((bundle, None))
}

pub fn member_edit(case: &Case, dice: &mut Dice) -> Attack {
    let mut bundle = case.bundle.clone();
    let names: Vec<String> = bundle.members().keys().cloned().collect();
    let name = &names[dice.below(names.len())];
    let bytes = edited_text(bundle.bytes(name).unwrap(), dice);
    bundle.put(name, bytes);
    Some((bundle, None))
}

pub fn member_added_or_taken(case: &Case, dice: &mut Dice) -> Attack {
    let mut bundle = case.bundle.clone();
    let names: Vec<String> = bundle.members().keys().cloned().collect();
    if dice.chance(50) {
        bundle.take(&names[dice.below(names.len())]);
    } else {
        let folder = ["", "contracts/", "policy/", "extra/"][dice.below(4)];
        bundle.put(format!("{folder}more-{}", dice.below(1000)), b"more".to_vec());
    }
    Some((bundle, None))
}

pub fn view_swap(case: &Case, dice: &mut Dice) -> Attack {
    let mut bundle = case.bundle.clone();
    let name = ["prov.json", "otlp.json", "README.txt"][dice.below(3)];
    bundle.put(name, case.other.bundle(0).bytes(name).unwrap().to_vec());
    Some((bundle, None))
}
