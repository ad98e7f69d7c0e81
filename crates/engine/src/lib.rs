//! What happens next?
//!
//! Pure decisions, planners, and the loop that carries them out. The outside world is behind [`ports`].

pub mod compare;
pub mod follow;
pub mod ports;
pub mod rules;
pub mod snapshot;
