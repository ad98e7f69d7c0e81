//! What was found, and what it amounts to.

use std::fmt;

use affiant_journal::Event;
use serde::Serialize;

use super::Record;
use crate::checkpoint::Opened;

/// The outcome of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The run, where its first event can be read.
    pub run: Option<String>,
    /// The log, where a trusted key signed its head.
    pub origin: Option<String>,
    /// Events in the bundle.
    pub events: u64,
    /// Leaves under the signed head.
    pub size: Option<u64>,
    /// Each check, in order.
    pub checks: Vec<Check>,
    /// Events of the bundle that no checkpoint covers yet.
    pub tail: u64,
    /// What it amounts to.
    pub verdict: Verdict,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `trust`, `checkpoint`, `consistency`, `inclusion`, `chain`, `contents`, `statement`, `approvals`, `replay`.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How many of the things that it looks at are right.
    pub passed: u64,
    /// How many it looked at.
    pub of: u64,
    /// What they are, in a few words.
    pub says: String,
    /// What is wrong or missing; at most 20 are kept.
    pub findings: Vec<Finding>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is right.
    Passed,
    /// There was nothing to check, or nobody asked.
    NotAsked,
    /// Something that is needed is not there.
    Incomplete,
    /// Something is not as it was written.
    Failed,
}

/// Something wrong, or something missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it was changed, rather than missing.
    pub altered: bool,
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An event, by its place in `events.jsonl`, from 0 as `seq` is.
    Event(u64),
    /// Another member of the bundle.
    Member(String),
}

/// What all checks amount to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is as it was written and signed.
    Intact {
        /// Whether enough witnesses have cosigned the head of the log.
        witnessed: bool,
    },
    /// Nothing is known to be changed, and something is missing.
    Incomplete {
        /// What.
        missing: String,
    },
    /// An event is not as it was written. Those before it are intact.
    AlteredAt {
        /// Which.
        event: u64,
        /// Of how many.
        of: u64,
        /// In what way.
        what: String,
    },
    /// Something other than an event is not as it was written.
    AlteredIn {
        /// The member of the bundle.
        member: String,
        /// In what way.
        what: String,
    },
}

impl Verdict {
    /// The exit code of a program that checks: 0 intact, 20 altered, 21 incomplete.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Intact { .. } => 0,
            Self::AlteredAt { .. } | Self::AlteredIn { .. } => 20,
            Self::Incomplete { .. } => 21,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Intact { witnessed: true } => f.write_str("intact, signed, witnessed"),
            Self::Intact { witnessed: false } => f.write_str("intact, signed"),
            Self::Incomplete { .. } => f.write_str("incomplete"),
            Self::AlteredAt { event, of, .. } => write!(f, "altered at event {event} of {of}"),
            Self::AlteredIn { member, .. } => write!(f, "altered in {member}"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(seq) => write!(f, "event {seq}"),
            Self::Member(name) => f.write_str(name),
        }
    }
}

/// Most findings that one check keeps; it counts the others.
pub(super) const MOST_FINDINGS: usize = 20;

impl Check {
    /// A check that has found nothing yet.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, outcome: Outcome::Passed, passed: 0, of: 0, says: String::new(), findings: Vec::new() }
    }

    /// A check that was not made, with the reason.
    pub(super) fn not_asked(name: &'static str, says: impl Into<String>) -> Self {
        Self { outcome: Outcome::NotAsked, says: says.into(), ..Self::new(name) }
    }

    /// Counts one thing.
    pub(super) fn count(&mut self, right: bool) {
        self.of += 1;
        self.passed += u64::from(right);
    }

    /// Something was changed.
    pub(super) fn altered(&mut self, place: Place, what: impl Into<String>) {
        self.outcome = Outcome::Failed;
        self.find(Finding { altered: true, place, what: what.into() });
    }

    /// Something was changed, and this says it best.
    pub(super) fn altered_above_all(&mut self, place: Place, what: impl Into<String>) {
        self.outcome = Outcome::Failed;
        self.findings.insert(0, Finding { altered: true, place, what: what.into() });
        self.findings.truncate(MOST_FINDINGS);
    }

    /// Something is not there.
    pub(super) fn missing(&mut self, place: Place, what: impl Into<String>) {
        if self.outcome != Outcome::Failed {
            self.outcome = Outcome::Incomplete;
        }
        self.find(Finding { altered: false, place, what: what.into() });
    }

    /// Keeps the first few findings, and the one that the verdict needs.
    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        } else if finding.weight() < self.findings.iter().map(Finding::weight).min().unwrap_or_default() {
            self.findings[MOST_FINDINGS - 1] = finding;
        }
    }
}

impl Finding {
    /// Less matters more: the first changed event, then a changed member, then what is missing, in order of the checks.
    fn weight(&self) -> (u8, u64) {
        match (self.altered, &self.place) {
            (true, Place::Event(seq)) => (0, *seq),
            (true, Place::Member(_)) => (1, 0),
            (false, _) => (2, 0),
        }
    }
}

/// A member of the bundle as a place.
pub(super) fn member(name: &str) -> Place {
    Place::Member(name.to_owned())
}

/// What the checks found, before it is weighed.
pub(super) struct Found<'a> {
    pub(super) checks: Vec<Check>,
    pub(super) record: &'a Record<'a>,
    pub(super) first: Option<&'a Event>,
    pub(super) opened: Option<&'a Opened>,
    /// How many events the run has.
    pub(super) total: u64,
    pub(super) witnesses: usize,
    pub(super) tail: u64,
}

/// Weighs what was found.
pub(super) fn conclude(found: Found<'_>) -> Report {
    let verdict = weigh(&found);
    Report {
        run: found.first.map(|event| event.stream.to_string()),
        origin: found.opened.map(|opened| opened.checkpoint.origin.clone()),
        events: found.record.len() as u64,
        size: found.opened.map(|opened| opened.checkpoint.head.size),
        checks: found.checks,
        tail: found.tail,
        verdict,
    }
}

fn weigh(found: &Found<'_>) -> Verdict {
    let findings = found.checks.iter().flat_map(|check| &check.findings);
    if let Some(Finding { altered, place, what }) = findings.min_by_key(|finding| finding.weight()) {
        let what = what.clone();
        return match (altered, place) {
            (true, Place::Event(event)) => Verdict::AlteredAt { event: *event, of: found.total, what },
            (true, Place::Member(member)) => Verdict::AlteredIn { member: member.clone(), what },
            (false, place) => Verdict::Incomplete { missing: format!("{place}: {what}") },
        };
    }
    let cosigned = found.opened.map_or(0, |opened| opened.cosigned_by.len());
    Verdict::Intact { witnessed: cosigned >= found.witnesses }
}
