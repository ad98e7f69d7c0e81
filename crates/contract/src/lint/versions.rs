//! Is the version large enough for what changed since the one before it?
//!
//! How much that matters follows from what the earlier version promised: a stable one is kept compatible within its
//! major version, changes of a beta are announced, and an experimental one may change in the next version.

use crate::{
    compat::{Verdict, compare},
    finding::Finding,
    model::{Contract, Stability},
};

use super::{Subject, World};

pub(super) fn check(subject: &mut Subject<'_>, world: &World<'_>) {
    let contract = subject.contract;
    let Some(before) = previous(contract, world) else { return };
    let finding = match before.meta.stability {
        Stability::Stable | Stability::Deprecated => Finding::error,
        Stability::Beta => Finding::warning,
        Stability::Idea | Stability::InCreation | Stability::Experimental => return,
    };
    let comparison = compare(before, contract);
    if comparison.enough {
        return;
    }
    let breaking = comparison.verdict == Verdict::Breaking;
    for change in comparison.changes.iter().filter(|change| change.breaking == breaking) {
        let what = if breaking { "breaks" } else { "adds to" };
        let message = format!("this {what} {}: in `{}`, {}", comparison.old, change.path, change.what);
        let help = format!("Call it {} or later, or undo the change: {}", comparison.needs, change.why);
        subject.at(&change.pointer, finding("version-too-small", message).help(help));
    }
}

/// The greatest version of the key that is smaller.
fn previous<'a>(contract: &Contract, world: &World<'a>) -> Option<&'a Contract> {
    let versions = world.versions.get(&*contract.meta.key)?;
    let smaller = versions.iter().filter(|(version, _)| **version < contract.meta.version);
    smaller.max_by_key(|(version, _)| *version).map(|(_, before)| *before)
}
