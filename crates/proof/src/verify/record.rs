//! The run's events as they lie in the bundle.

use affiant_journal::{Digest, Event};

use crate::bundle::{Bundle, name};

/// The lines of `events.jsonl`, with their leaf hashes. Events are read when they are asked for, so that a long run does
/// not stand in memory twice.
#[derive(Debug)]
pub struct Record<'a> {
    bytes: &'a [u8],
    /// Where each line ends, its newline not counted.
    ends: Vec<usize>,
    /// Leaf hash of each line.
    pub leaves: Vec<Digest>,
    /// Whether the last line ends as it should.
    pub whole: bool,
}

impl<'a> Record<'a> {
    /// The events in a bundle; none where the member is missing.
    pub fn of(bundle: &'a Bundle) -> Self {
        Self::new(bundle.bytes(name::EVENTS).unwrap_or_default())
    }

    /// The events on these lines.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut ends: Vec<usize> = Vec::new();
        let mut leaves = Vec::new();
        let mut start = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let content = line.strip_suffix(b"\n").unwrap_or(line);
            ends.push(start + content.len());
            leaves.push(Digest::of_leaf(content));
            start += line.len();
        }
        Self { bytes, ends, leaves, whole: bytes.is_empty() || bytes.ends_with(b"\n") }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of one event.
    pub fn line(&self, at: usize) -> &'a [u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        &self.bytes[start..self.ends[at]]
    }

    /// Reads one event.
    pub fn event(&self, at: usize) -> Result<Event, serde_json::Error> {
        Event::from_bytes(self.line(at))
    }

    /// Reads the event after this one, where there is one that can be read.
    pub(super) fn event_after(&self, at: usize) -> Option<Event> {
        if at + 1 < self.len() { self.event(at + 1).ok() } else { None }
    }

    /// Reads the events one after the other.
    pub fn events(&self) -> impl Iterator<Item = Result<Event, serde_json::Error>> {
        (0..self.len()).map(|at| self.event(at))
    }
}
