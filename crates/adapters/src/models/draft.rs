//! An answer while it is being read.

use affiant_engine::ports::{Delta, ModelUsage, Part, Signature, Stop};

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) parts: Vec<Part>,
    pub(super) stop: Option<Stop>,
    pub(super) usage: Option<ModelUsage>,
    pub(super) model: Option<String>,
    pub(super) id: Option<String>,
    /// Whether the provider said that the answer is complete.
    pub(super) ended: bool,
}

/// Why an answer cannot be read further.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is not what the format says.
    Broken(String),
    /// The provider gave up in the middle, as if with this status.
    Failed { status: u16, said: String },
}

impl Unread {
    pub(super) fn broken(why: impl std::fmt::Display) -> Self {
        Self::Broken(why.to_string())
    }
}

/// Reads the frames of one answer.
pub(super) trait Reader: Send {
    /// Takes the next frame; tells what arrived.
    fn frame(&mut self, draft: &mut Draft, data: &str, told: &mut dyn FnMut(Delta)) -> Result<(), Unread>;
    /// The stream is over: puts together what was held back.
    fn finish(&mut self, _: &mut Draft) {}
}

impl Draft {
    /// More words of a text.
    pub(super) fn text(&mut self, piece: &str, told: &mut dyn FnMut(Delta)) {
        if piece.is_empty() {
            return;
        }
        told(Delta::Text { text: piece.to_owned() });
        match self.parts.last_mut() {
            Some(Part::Text { text }) => text.push_str(piece),
            _ => self.parts.push(Part::Text { text: piece.to_owned() }),
        }
    }

    /// More words of a thought.
    pub(super) fn reasoning(&mut self, piece: &str, signature: Option<Signature>, told: &mut dyn FnMut(Delta)) {
        if piece.is_empty() {
            return;
        }
        told(Delta::Reasoning { text: piece.to_owned() });
        match self.parts.last_mut() {
            Some(Part::Reasoning { text, .. }) => text.push_str(piece),
            _ => self.parts.push(Part::Reasoning { text: piece.to_owned(), signature }),
        }
    }
}

/// An id for a call to which the provider gave none: unique as long as every call of the conversation is counted.
pub(super) fn made_up(calls_before: usize) -> String {
    format!("{MADE_UP}{calls_before}")
}

/// Whether the provider never heard of this id.
pub(super) fn is_made_up(id: &str) -> bool {
    id.starts_with(MADE_UP)
}

const MADE_UP: &str = "affiant_call_";
