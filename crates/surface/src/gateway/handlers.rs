//! Operations that are code in this binary: which function carries which out, and what it reads and writes.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use affiant_contract::{BoundOperation, Ref};
use affiant_engine::ports::Remembered;
use affiant_journal::Timestamp;
use affiant_policy::Principal;
use bytes::Bytes;
use semver::VersionReq;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Done;
use crate::{
    idempotency::{Kept, Place},
    problem::{Refusal, TraceId},
};

/// What a handler is told beside its input.
#[derive(Clone, Debug)]
pub struct Context {
    /// Who calls. Whatever a handler reads or writes is that tenant's.
    pub who: Arc<Principal>,
    /// The operation, in the version that was called.
    pub operation: Arc<BoundOperation>,
    /// Names the call in the log.
    pub trace: TraceId,
    /// The caller's idempotency key.
    pub key: Option<Arc<str>>,
    /// For handlers that keep their reply themselves ([`Handlers::keeping`]): where.
    pub keep: Option<Keep>,
}

/// Where a handler keeps its reply under the caller's idempotency key, in the same transaction as its work.
#[derive(Clone, Debug)]
pub struct Keep {
    pub(crate) place: Place,
    pub(crate) version: Arc<str>,
    pub(crate) expires: Timestamp,
}

impl Keep {
    /// The reply, ready to be kept: the output's bytes exactly as they will be answered.
    pub fn remembered(&self, output: &impl Serialize, location: Option<String>) -> Remembered {
        let body = serde_json::to_vec(output).expect("an output is written as JSON");
        let kept = Kept { version: self.version.clone(), location, body: body.into() };
        let Place { scope, request, .. } = self.place.clone();
        Remembered { scope, request, reply: Some(kept.to_bytes()), expires: self.expires }
    }
}

/// An output, and where the work that goes on can be watched.
#[derive(Clone, Debug)]
pub struct Answer<O> {
    /// The output.
    pub output: O,
    /// Answered as "accepted" with this location.
    pub location: Option<String>,
    /// Whether the handler has kept exactly this reply itself.
    pub kept: bool,
}

impl<O> From<O> for Answer<O> {
    fn from(output: O) -> Self {
        Self { output, location: None, kept: false }
    }
}

/// The handlers of a server.
#[derive(Default)]
pub struct Handlers(Vec<Handler>);

type Running = Pin<Box<dyn Future<Output = Result<Handled, Refusal>> + Send>>;

/// What a handler gave.
pub(super) struct Handled {
    pub(super) done: Done,
    /// Whether the reply is kept already.
    pub(super) kept: bool,
}

pub(super) struct Handler {
    pub(super) key: &'static str,
    pub(super) versions: VersionReq,
    /// Whether it can keep its reply itself.
    pub(super) keeps: bool,
    run: Box<dyn Fn(Context, Value) -> Running + Send + Sync>,
    shape: Shape,
}

impl Handler {
    pub(super) fn run(&self, context: Context, input: Value) -> Running {
        (self.run)(context, input)
    }
}

/// The Rust types of one handler, seen from outside: what holds them to their contract.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Reads an input as the handler would.
    pub input: fn(Value) -> Result<(), String>,
    /// Reads an output into the handler's output type and writes it again: whatever the type does not know is lost.
    pub output: fn(Value) -> Result<Value, String>,
}

/// Handlers whose operation no contract names, or names in another version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no contract is loaded for the handlers of {}", .0.join(", "))]
pub struct NoHandler(pub Vec<String>);

impl Handlers {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a function that carries an operation out, in the versions that match (`^1`, `=1.0.0`, `>=1.1, <2`).
    ///
    /// # Panics
    ///
    /// When `versions` is not a version requirement: it is written in the program.
    #[must_use]
    pub fn on<I, O, F, R>(self, key: &'static str, versions: &str, run: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Context, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<O, Refusal>> + Send + 'static,
    {
        self.accepting(key, versions, move |context, input| {
            let running = run(context, input);
            async move { running.await.map(Answer::from) }
        })
    }

    /// As [`Handlers::accepting`], for a function that keeps its reply under [`Context::keep`] in the transaction of
    /// its work: then a crash loses both or neither.
    ///
    /// # Panics
    ///
    /// As [`Handlers::on`].
    #[must_use]
    pub fn keeping<I, O, F, R>(self, key: &'static str, versions: &str, run: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Context, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer<O>, Refusal>> + Send + 'static,
    {
        let mut handlers = self.accepting(key, versions, run);
        if let Some(last) = handlers.0.last_mut() {
            last.keeps = true;
        }
        handlers
    }

    /// As [`Handlers::on`], for a function that may answer "accepted" and say where the work goes on.
    ///
    /// # Panics
    ///
    /// As [`Handlers::on`].
    #[must_use]
    pub fn accepting<I, O, F, R>(mut self, key: &'static str, versions: &str, run: F) -> Self
    where
        I: DeserializeOwned + Send + 'static,
        O: Serialize + DeserializeOwned + Send + 'static,
        F: Fn(Context, I) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Answer<O>, Refusal>> + Send + 'static,
    {
        let versions = VersionReq::parse(versions).expect("the program names its versions correctly");
        let run = move |context: Context, input: Value| -> Running {
            match serde_json::from_value::<I>(input) {
                Ok(input) => {
                    let running = run(context, input);
                    Box::pin(async move { finish(running.await?) })
                }
                Err(error) => Box::pin(std::future::ready(Err(Refusal::internal(error)))),
            }
        };
        let shape = Shape { input: reads::<I>, output: keeps::<O> };
        self.0.push(Handler { key, versions, keeps: false, run: Box::new(run), shape });
        self
    }

    /// Both tables as one.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// The types of the handler of an operation.
    pub fn shape(&self, operation: &Ref) -> Option<Shape> {
        self.0.iter().find(|handler| handler.carries(operation)).map(|handler| handler.shape)
    }

    pub(super) fn into_vec(self) -> Vec<Handler> {
        self.0
    }
}

impl Handler {
    pub(super) fn carries(&self, operation: &Ref) -> bool {
        self.key == &*operation.key && self.versions.matches(&operation.version)
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.versions)
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

fn finish<O: Serialize>(answer: Answer<O>) -> Result<Handled, Refusal> {
    let body = serde_json::to_vec(&answer.output).map_err(Refusal::internal)?;
    let done = Done { body: Bytes::from(body), location: answer.location, again: false };
    Ok(Handled { done, kept: answer.kept })
}

fn reads<I: DeserializeOwned>(value: Value) -> Result<(), String> {
    serde_json::from_value::<I>(value).map(drop).map_err(|error| error.to_string())
}

fn keeps<O: Serialize + DeserializeOwned>(value: Value) -> Result<Value, String> {
    let output: O = serde_json::from_value(value).map_err(|error| error.to_string())?;
    serde_json::to_value(output).map_err(|error| error.to_string())
}
