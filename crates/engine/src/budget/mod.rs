//! Budgets in the planner's turn: what a call of a model may use is held back before it begins. What a run uses by
//! itself stands in the run; what many use together in a day was read before the turn and is checked again, exactly,
//! where the turn is stored (`docs/design/budgets.md`).

mod agreed;
mod met;
mod pay;
mod purse;
mod room;

pub use agreed::WrongCurrency;
pub(crate) use agreed::agreed;
pub(crate) use met::{Met, NoRoom, used_up};
pub(crate) use pay::bounds;
pub(crate) use purse::Purse;
pub(crate) use room::{amount_of, used};

/// An answer shorter than this many tokens is no use: a run ends rather than asking for one.
pub(crate) const USEFUL: u64 = 256;

/// Bytes of a request that are counted as one token when its worst case is held back. Four bytes are the usual measure of
/// English; half of that is the safety, because other languages, numbers and JSON take more tokens.
const BYTES: u64 = 2;

/// Tokens that a provider may add to a request by itself, for tools above all.
const ADDED: u64 = 512;

/// The most tokens that a request of so many bytes is thought to read.
fn tokens_of(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES) + ADDED
}
