//! When a reply that is remembered under an idempotency key gives way to another.

use affiant_engine::ports::Remembered;

/// Whether `new` may take the place of `old` in an append: it completes the call that `old` says is under way.
pub(crate) fn gives_way(old: &Remembered, new: &Remembered) -> bool {
    old.reply.is_none() && old.request == new.request
}
