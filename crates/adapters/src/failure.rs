//! How failures are written down: a code for programs, a sentence for people, and whether it is worth, and
//! safe, to try again.

use affiant_engine::ports::ToolFailure;

/// A failure before anything happened, that another attempt meets again.
pub(crate) fn refuse(code: &str, message: impl Into<String>) -> ToolFailure {
    ToolFailure { code: code.into(), message: message.into(), retryable: false, uncertain: false }
}

/// The call was stopped before it had any effect.
pub(crate) fn cancelled() -> ToolFailure {
    refuse("cancelled", "the call was stopped before it had ended")
}
