//! Who speaks in tests that name a `cassette`: what was recorded there, or, with `--record`, the providers themselves.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use affiant_engine::ports::Models;

use crate::cli::{
    Context, Failure,
    narrate::counted,
    terminal::{self, safe_line},
};

/// Finds who speaks in a test that names this cassette.
pub(super) type Speakers<'a> = dyn FnMut(&Path) -> Result<Arc<dyn Models>, String> + 'a;

/// What an unfinished recording is called, after the cassette's own name.
const UNFINISHED: &str = "recording";

/// The cassettes of an agent's tests.
pub(super) struct Voices<'a> {
    context: &'a Context<'a>,
    record: bool,
    open: BTreeMap<PathBuf, Arc<dyn Models>>,
}

impl<'a> Voices<'a> {
    pub(super) fn new(context: &'a Context<'a>, record: bool) -> Self {
        Self { context, record, open: BTreeMap::new() }
    }

    /// The models that speak from this file, or into it.
    pub(super) fn of(&mut self, file: &Path) -> Result<Arc<dyn Models>, String> {
        if let Some(models) = self.open.get(file) {
            return Ok(models.clone());
        }
        let host = self.context.host;
        let models = match self.record {
            false if !file.exists() => {
                return Err(format!("{} was never recorded: affiant agent test --record", file.display()));
            }
            false => host.played(file),
            true => {
                let unfinished = unfinished(file);
                // What an earlier attempt left is half of a conversation.
                std::fs::remove_file(&unfinished).ok();
                file.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| error.to_string())?;
                host.recording(&self.context.folder, &unfinished)
            }
        };
        let models = models.map_err(|failure| failure.message)?;
        self.open.insert(file.to_owned(), models.clone());
        Ok(models)
    }

    /// Puts what was recorded in its place, where every test came to its end; else everything stays as it was.
    pub(super) fn keep(self, whole: bool) -> Result<(), Failure> {
        for file in self.open.into_keys().filter(|_| self.record) {
            let unfinished = unfinished(&file);
            if !whole {
                std::fs::remove_file(&unfinished).ok();
                continue;
            }
            let exchanges = std::fs::read_to_string(&unfinished)?.lines().count();
            std::fs::rename(&unfinished, &file)?;
            let shown = file.strip_prefix(&self.context.folder).unwrap_or(&file).display().to_string();
            terminal::note(&format!("recorded {} in {}", counted(exchanges, "exchange"), safe_line(&shown)));
        }
        Ok(())
    }
}

fn unfinished(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(format!("{name}.{UNFINISHED}"))
}
