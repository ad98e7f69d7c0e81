//! Check 9: whether planner and policy decide again as the record says.
//!
//! A planner is a pure function of the journal. Its code belongs to the engine and an auditor need not compile that, so
//! the check asks for it: `affiant run replay` and `affiant verify` bring it, `affiant-verify` may.

use super::{Check, Outcome, Record, report::Place, walk::Walk};
use crate::bundle::Bundle;

/// Derives decisions again.
pub trait Replay {
    /// Derives every recorded decision from the events before it, the agent's file, the operations' files, the policy
    /// set, the snapshot and the opened personal values in the bundle. Events were checked before and can be read.
    fn replay(&self, bundle: &Bundle, record: &Record<'_>) -> Replayed;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// So many decisions come out as recorded.
    Same(u64),
    /// The first that does not.
    Different(Difference),
    /// They cannot be derived here, and why: another planner version, a planner with a model, a withheld value.
    Unavailable(String),
}

/// A decision that comes out otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The event that records it.
    pub seq: u64,
    /// Decisions before it that come out as recorded.
    pub same: u64,
    /// What the record says.
    pub recorded: String,
    /// What comes out.
    pub derived: String,
}

pub(super) fn check(replay: Option<&dyn Replay>, bundle: &Bundle, record: &Record<'_>, walk: &Walk) -> Check {
    let Some(replay) = replay else {
        return Check::not_asked("replay", "not made here; `affiant run replay` derives the decisions again");
    };
    if walk.chain.outcome == Outcome::Failed || record.is_empty() {
        return Check::not_asked("replay", "the events cannot be relied on");
    }
    let mut check = Check::new("replay");
    match replay.replay(bundle, record) {
        Replayed::Same(decisions) => (check.passed, check.of) = (decisions, decisions),
        Replayed::Different(Difference { seq, same, recorded, derived }) => {
            (check.passed, check.of) = (same, same + 1);
            check.altered(Place::Event(seq), format!("recorded {recorded}, derived {derived}"));
        }
        Replayed::Unavailable(why) => return Check::not_asked("replay", why),
    }
    check.says = "decisions come out as recorded".into();
    check
}
