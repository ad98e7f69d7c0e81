//! What changed since the version before, as the comparison of the two contracts tells it.

use affiant_contract::{
    Contract, Registry,
    compat::{self, Verdict},
};

use super::link;
use crate::render::reference::page::{Change, Changes};

pub(super) fn changes(registry: &Registry, contract: &Contract) -> Changes {
    let older = registry.versions(&contract.meta.key).filter(|other| other.meta.version < contract.meta.version);
    let Some(previous) = older.last() else {
        return Changes { since: None, verdict: "None; this is the first version.", items: Vec::new() };
    };
    let comparison = compat::compare(previous, contract);
    let change = |change: compat::Change| {
        let breaking = if change.breaking { format!(". Breaking: {}", change.why) } else { String::new() };
        Change { path: change.path, words: format!("{}{breaking}", change.what) }
    };
    Changes {
        since: Some(link(registry, &previous.reference())),
        verdict: verdict(comparison.verdict),
        items: comparison.changes.into_iter().map(change).collect(),
    }
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Same => "Nothing changed.",
        Verdict::Documentation => "Only texts changed.",
        Verdict::Additive => "Additive; callers can do more, and everything they did still works.",
        Verdict::Breaking => "Breaking; somebody who relied on the older version is let down.",
    }
}
