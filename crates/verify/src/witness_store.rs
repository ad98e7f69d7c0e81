//! The cheapest witness of all: a file with the checkpoints of each log that were found right before.
//!
//! One checkpoint per accepted bundle, as its signed note: when a log ever shows another history, two notes in the hands
//! of the auditor prove it.

use std::{collections::BTreeMap, io::ErrorKind, path::PathBuf};

use affiant_proof::{
    bundle::{Bundle, name},
    checkpoint::Checkpoint,
    note::Note,
    verify::Held,
};
use anyhow::{Context as _, Result};

/// The file, and what is in it.
pub(crate) struct WitnessStore {
    path: PathBuf,
    /// By origin and size: the signed note.
    notes: BTreeMap<String, BTreeMap<u64, String>>,
}

impl WitnessStore {
    /// Reads the file; one that does not exist yet is empty.
    pub(crate) fn open(path: &str) -> Result<Self> {
        let read = || -> Result<_> {
            match std::fs::read(path) {
                Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
                Err(error) => Err(error.into()),
            }
        };
        let notes = read().with_context(|| format!("cannot use the witness store {path}"))?;
        Ok(Self { path: path.into(), notes })
    }

    /// The heads in it.
    pub(crate) fn held(&self) -> Vec<Held> {
        let notes = self.notes.values().flat_map(BTreeMap::values);
        let checkpoints = notes.filter_map(|note| Checkpoint::from_text(&Note::parse(note).ok()?.text).ok());
        let held = |it: Checkpoint| Held { origin: it.origin, head: it.head, from: "the witness store" };
        checkpoints.map(held).collect()
    }

    /// Keeps the checkpoint of a bundle that was found intact. The file is replaced in one step.
    pub(crate) fn keep(&mut self, bundle: &Bundle) -> Result<()> {
        let note = bundle.bytes(name::CHECKPOINT).unwrap_or_default();
        let note = String::from_utf8(note.to_vec())?;
        let checkpoint = Checkpoint::from_text(&Note::parse(&note)?.text)?;
        self.notes.entry(checkpoint.origin).or_default().entry(checkpoint.head.size).or_insert(note);
        let fresh = self.path.with_extension("new");
        std::fs::write(&fresh, serde_json::to_vec_pretty(&self.notes)?)?;
        std::fs::rename(&fresh, &self.path).with_context(|| format!("cannot write {}", self.path.display()))
    }
}
