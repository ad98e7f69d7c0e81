//! The planner `rules`: ordered rules with a CEL condition over the facts of a run. The first one whose condition
//! holds decides. Pure and bounded: the same facts give the same plan, and no expression can hang.
//!
//! | fact | what it is |
//! |---|---|
//! | `input` | the run's input, with the defaults of the agent's schema |
//! | `prompt` | the run's prompt, or null |
//! | `run` | `id`, `agent` |
//! | `snapshot` | `id`, `root`, `items` by source key: JSON as a value, text as text; a source with several items is a list of `{name, digest, media, text}` or `value` |
//! | `steps` | by the name that a rule gave with `as`: `step`, `status`, `operation`, `result`, `error` (`code`, `message`) |
//! | `last` | the step that ended last, in the same form |
//! | `count` | steps decided so far |
//! | `artifacts` | by file name: `id`, `kind`, `digest` |
//! | `answers` | by the name of the question |
//!
//! - A condition that reads a field that is not there does not hold. In what a rule does, a missing field fails the run.
//! - A step that ended without a result fails the run, unless a rule whose condition asks about its `status` or `error`
//!   matches.
//! - A rule whose artifact is there already, under the same name and with the same bytes, is passed over.
//! - The planner decides when no step is open: after `calls`, when all of them have ended.

mod bounds;
mod check;
mod compile;
mod expression;
mod facts;
mod next;
mod reads;
mod template;
#[cfg(test)]
mod tests;
pub mod values;

pub use bounds::{MAX_DEPTH, MAX_TEXT, PURSE};
pub use check::{Problem, check};
pub use compile::{Compiled, NotCompiled};
pub use expression::{Expression, Unevaluated};
pub use facts::{Beginning, Ended, Facts, Guard, NAMES, SharedFact, Uses};
pub use next::{Plan, PlannedArtifact, PlannedCall, PlannedQuestion, Stuck, Wish, next};
pub use reads::Read;
pub use template::Template;

/// Version of what rules mean. It grows when the same journal would be decided otherwise.
pub const VERSION: u64 = 1;
