//! What happens next?
//!
//! Pure decisions, planners, and the loop that carries them out. The outside world is behind [`ports`].

mod advance;
pub mod agent;
mod budget;
mod child;
mod commands;
pub mod compare;
pub mod connections;
pub mod decide;
mod draft;
mod driver;
mod ends;
mod engine;
mod erase;
mod error;
mod flight;
mod folded;
pub mod follow;
mod fork;
mod idle;
mod ledger;
mod load;
mod model;
pub mod outbox;
mod payload;
mod plan;
pub mod ports;
pub mod prices;
mod record;
mod replay;
pub mod rules;
pub mod seal;
mod settings;
pub mod snapshot;
mod snapshots;
mod submit;
mod view;
mod whispers;
mod work;
mod worker;

pub use budget::WrongCurrency;
pub use commands::{Answered, Cancel, Cancelled, Resolve, Resolved, Settle, SettledStep};
pub use draft::Draft;
pub use engine::Engine;
pub use erase::{EraseError, Erasure};
pub use error::EngineError;
pub use folded::Folded;
pub use fork::{Fork, ForkPlan, ForkStep, Retry};
pub use model::Rehearsal;
pub use replay::{FirstDifference, ReplayReport};
pub use settings::{DayBudgets, Settings};
pub use snapshots::TakeSnapshot;
pub use submit::{Remember, Submit, Submitted};
pub use view::{QuestionView, RunView, StepView};
pub use whispers::Whisper;
