//! The checks that somebody who trusts nobody makes on a bundle, in order, each with what it counted.
//!
//! Keys come from the auditor's own [`Trust`], never from the bundle. Nothing here needs the server, and nothing decides
//! by what the bundle says about itself until a trusted signature covers it.

mod approvals;
mod chain;
mod contents;
mod log;
mod opened;
mod record;
mod replay;
mod report;
mod statement;
mod text;
mod walk;

pub use record::Record;
pub use replay::{Difference, Replay, Replayed};
pub use report::{Check, Finding, Outcome, Place, Report, Verdict};

use crate::{archive::BadArchive, bundle::Bundle, tree::Head, trust::Trust};

/// What an auditor brings.
#[derive(Clone, Copy)]
pub struct Auditor<'a> {
    /// Whom they trust.
    pub trust: &'a Trust,
    /// Heads of this log that they hold: from a checkpoint they kept, or from their witness store.
    pub held: &'a [Held],
    /// How many witnesses must have cosigned, beside what the trust file asks for.
    pub quorum: usize,
    /// Derives the planner's and the policy's decisions again; none to leave that out.
    pub replay: Option<&'a dyn Replay>,
}

/// A head that an auditor holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of which log.
    pub origin: String,
    /// Its size and root.
    pub head: Head,
    /// Where it comes from, for the report: `--previous`, `the witness store`.
    pub from: &'static str,
}

/// What a file amounts to that is not a bundle as it was written; none where it is no bundle at all, or cannot be read.
pub fn unreadable(error: &BadArchive) -> Option<Report> {
    let what = error.to_string();
    let verdict = match error {
        BadArchive::NotOne | BadArchive::Io(_) | BadArchive::TooLarge(_) => return None,
        BadArchive::Truncated(_) => Verdict::Incomplete { missing: what },
        BadArchive::Changed { .. } | BadArchive::Name(_) => Verdict::AlteredIn { member: "the file".into(), what },
    };
    Some(Report { run: None, origin: None, events: 0, size: None, checks: Vec::new(), tail: 0, verdict })
}

/// Checks a bundle.
pub fn verify(bundle: &Bundle, auditor: &Auditor<'_>) -> Report {
    let record = Record::of(bundle);
    let (trust, opened) = log::trust(bundle, auditor.trust);
    let checkpoint = log::checkpoint(opened.as_ref(), auditor);
    let signed = opened.as_ref().ok();
    let proofs = log::proofs(bundle);
    let consistency = log::consistency(signed, proofs.as_ref(), auditor.held);
    let inclusion = log::inclusion(bundle, &record, signed, proofs.as_ref());
    let disclosed = opened::Opened::of(bundle);
    let walk = walk::walk(bundle, &record, &inclusion, &disclosed);
    let (statement, attested) = statement::check(bundle, &record, &walk, signed, auditor.trust);
    let contents = contents::check(bundle, &disclosed, &walk.contents, attested.as_ref());
    let replay = replay::check(auditor.replay, bundle, &record, &walk);
    let checks =
        vec![trust, checkpoint, consistency, inclusion.check, walk.chain, contents, statement, walk.approvals, replay];
    report::conclude(report::Found {
        checks,
        record: &record,
        first: walk.first.as_ref(),
        opened: signed,
        total: walk.total.max(inclusion.covered as u64).max(attested.as_ref().map_or(0, |attested| attested.events)),
        witnesses: auditor.trust.witnesses.quorum.max(auditor.quorum).max(1),
        tail: record.len().saturating_sub(inclusion.covered) as u64,
    })
}
