//! What was asked, kept in memory and, where one is named, in a file that outlives whoever asks.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// One request, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Its number, from 1.
    pub number: u64,
    /// Its path.
    pub path: String,
    /// The idempotency key that came with it.
    pub key: String,
    /// Who asked: the beginning of the SHA-256 of the provider's key that came with it, in hex.
    #[serde(default)]
    pub who: String,
    /// When it came, or ended: milliseconds since the provider began.
    #[serde(default)]
    pub at: u64,
    /// The same in microseconds: what lies between a request and its end is the provider's own time.
    #[serde(default)]
    pub micros: u64,
    /// For how many milliseconds a refusal told whoever asked to stay away.
    #[serde(default)]
    pub rest: u64,
    /// SHA-256 over its body, in hex.
    pub digest: String,
    /// How often this body had come, with this one.
    pub attempt: u64,
    /// `begun`; at the end `completed`, `refused 429`, …, or `aborted` when the client closed the connection.
    pub outcome: String,
}

#[derive(Debug)]
struct Kept {
    calls: Vec<Call>,
    attempts: HashMap<String, u64>,
    file: Option<File>,
    began: Instant,
}

/// The book.
pub(crate) struct Ledger {
    kept: Mutex<Kept>,
}

impl Ledger {
    pub(crate) fn open(path: Option<&Path>) -> std::io::Result<Self> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        let (calls, attempts, began) = (Vec::new(), HashMap::new(), Instant::now());
        Ok(Self { kept: Mutex::new(Kept { calls, attempts, file, began }) })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request came.
    pub(crate) fn begin(&self, path: &str, key: &str, who: &str, digest: &str) -> Call {
        let mut kept = self.kept();
        let attempt = kept.attempts.entry(digest.to_owned()).or_default();
        *attempt += 1;
        let attempt = *attempt;
        let number = kept.calls.iter().filter(|call| call.outcome == "begun").count() as u64 + 1;
        let call = Call {
            number,
            path: path.into(),
            key: key.into(),
            who: who.into(),
            at: 0,
            micros: 0,
            rest: 0,
            digest: digest.into(),
            attempt,
            outcome: "begun".into(),
        };
        kept.write(call.clone());
        call
    }

    /// It ended.
    pub(crate) fn end(&self, call: &Call, outcome: &str) {
        self.kept().write(Call { outcome: outcome.to_owned(), ..call.clone() });
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.kept().calls.clone()
    }
}

impl Kept {
    fn write(&mut self, call: Call) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let call = Call { at: micros / 1000, micros, ..call };
        if let Some(file) = &mut self.file {
            let line = serde_json::to_string(&call).unwrap_or_default() + "\n";
            // A full disk is seen by whoever reads the file.
            let _ = file.write_all(line.as_bytes());
        }
        self.calls.push(call);
    }
}
