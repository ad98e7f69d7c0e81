//! What goes in at the door and what comes out.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use affiant_contract::{BoundOperation, Pick};
use affiant_engine::ports::Chance;
use bytes::Bytes;
use serde_json::Value;

use super::Route;
use crate::{
    auth::Credential,
    idempotency::Kept,
    problem::{Problem, TraceId},
};

/// One call, whatever protocol it came by.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which operation.
    pub target: Target,
    /// What the caller says.
    pub input: Input,
    /// Who the caller is.
    pub credential: Credential,
    /// Under which key the reply is kept. Queries have no use for one.
    pub idempotency_key: Option<String>,
    /// By which surface the call came.
    pub surface: SurfaceName,
    /// The caller's own name for the call.
    pub trace: Option<TraceId>,
    /// Address of the caller, for limits of operations that need no credential.
    pub peer: Option<Arc<str>>,
}

impl Call {
    /// A call of an operation with this input, without a credential.
    pub fn new(key: impl Into<Arc<str>>, pick: Pick, input: Value, surface: SurfaceName) -> Self {
        Self {
            target: Target::Named { key: key.into(), pick },
            input: Input::Value(input),
            credential: Credential::None,
            idempotency_key: None,
            surface,
            trace: None,
            peer: None,
        }
    }
}

/// Which operation is called.
#[derive(Clone, Debug)]
pub enum Target {
    /// By name.
    Named {
        /// The operation's key.
        key: Arc<str>,
        /// Which version.
        pick: Pick,
    },
    /// One that was looked up before.
    Route(Arc<Route>),
}

/// What a caller says.
#[derive(Clone, Debug)]
pub enum Input {
    /// A value that was read already.
    Value(Value),
    /// The bytes of a JSON text.
    Json(Bytes),
    /// Flat parameters, read by the operation's schema.
    Parameters(Vec<(String, String)>),
}

/// By which surface a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SurfaceName {
    /// HTTP.
    Rest,
    /// The command line.
    Cli,
    /// The Model Context Protocol.
    Mcp,
    /// Studio.
    Studio,
}

impl SurfaceName {
    /// As it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Cli => "cli",
            Self::Mcp => "mcp",
            Self::Studio => "studio",
        }
    }
}

/// What a call came to.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Names the call in the server's log.
    pub trace: TraceId,
    /// The operation, when there is one.
    pub operation: Option<Arc<BoundOperation>>,
    /// Version of the contract that answered; for a repeated call, that of the first.
    pub version: Option<Arc<str>>,
    /// The output, or why there is none.
    pub outcome: Result<Done, Problem>,
}

/// An output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The output as JSON.
    pub body: Bytes,
    /// Where to look further, when the work was accepted and goes on.
    pub location: Option<String>,
    /// Whether this is the reply of an earlier call with the same key.
    pub again: bool,
}

impl Done {
    pub(super) fn again(kept: &Kept) -> Self {
        Self { body: kept.body.clone(), location: kept.location.clone(), again: true }
    }

    /// The output as a value.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an output is written as JSON")
    }
}

/// Trace ids for calls that bring none: random once for the process, then counted and scattered.
#[derive(Debug)]
pub(super) struct Traces {
    process: u64,
    count: AtomicU64,
}

impl Traces {
    pub(super) fn new(chance: &dyn Chance) -> Self {
        let (mut process, mut start) = ([0; 8], [0; 8]);
        chance.fill(&mut process);
        chance.fill(&mut start);
        Self { process: u64::from_be_bytes(process), count: AtomicU64::new(u64::from_be_bytes(start)) }
    }

    pub(super) fn next(&self) -> TraceId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        TraceId::of_bits(u128::from(self.process) << 64 | u128::from(scatter(count)))
    }
}

/// The finaliser of SplitMix64: every count gives another number, and neighbours look nothing alike.
fn scatter(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
