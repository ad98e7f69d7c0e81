//! What the server claims about a run, for tools that know nothing of us: an in-toto Statement v1 in a DSSE envelope.
//!
//! Its subjects are the artifacts and the events file, its predicate names everything the run depended on and lists
//! every other member of the bundle by digest, so that nothing can be added, taken away or left out unseen.

use std::collections::BTreeMap;

use affiant_journal::{Digest, RunId, TenantId, bytes};
use serde::{Deserialize, Serialize};

use crate::{
    envelope::{BadEnvelope, Envelope},
    keys::{SigningKey, VerifierKey},
};

/// The type of an in-toto Statement, version 1.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of our predicate, version 1.
pub const PREDICATE_TYPE: &str = "https://affiant.dev/run-record/v1";

/// The media type of an in-toto document, signed with it.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A claim about things that are named by digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    r#type: String,
    /// What is claimed.
    pub predicate: Predicate,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// What it is claimed about.
    pub subject: Vec<Resource>,
}

/// A thing by name and digest: the in-toto ResourceDescriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// By algorithm, in hex.
    pub digest: BTreeMap<String, String>,
    /// What it is called.
    pub name: String,
}

impl Resource {
    /// The thing with this SHA-256.
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { digest: BTreeMap::from([("sha256".into(), digest.hex())]), name: name.into() }
    }
}

/// What is claimed about a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Predicate {
    /// Whether the bundle holds the blobs that events cite.
    pub blobs: Blobs,
    /// The head of the log that the proofs lead to.
    pub checkpoint: Attested,
    /// Personal values.
    pub disclosures: Disclosures,
    /// Events of the run.
    pub events: u64,
    /// Leaf hash of its last event.
    pub head: Digest,
    /// Every other member of the bundle.
    pub members: BTreeMap<String, Digest>,
    /// Type of its last event.
    pub outcome: String,
    /// Agent, operations, policy set and snapshot.
    #[serde(rename = "resolvedDependencies")]
    pub resolved_dependencies: Vec<Resource>,
    /// The run.
    pub run: RunId,
    /// Whose it is.
    pub tenant: TenantId,
}

/// Whether the bundle holds the blobs that events cite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blobs {
    /// All of them.
    Included,
    /// None; their digests stand.
    LeftOut,
}

/// A head of a log, as the statement repeats it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// Which log.
    pub origin: String,
    /// Root over its leaves.
    pub root: Digest,
    /// How many leaves.
    pub size: u64,
}

/// How many personal values there are, and what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosures {
    /// Commitments in the run's events.
    pub committed: u64,
    /// Those that nobody can open any more.
    pub erased: u64,
    /// Those that the bundle opens. The others were not for whoever asked for it.
    pub opened: u64,
}

/// A statement cannot be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStatement {
    /// Its envelope or signature.
    #[error(transparent)]
    Envelope(#[from] BadEnvelope),
    /// Signed, but not a statement of this kind.
    #[error("the signed document is not a statement about a run, version 1")]
    Form,
}

impl Statement {
    /// Claims this about these things.
    pub fn new(subject: Vec<Resource>, predicate: Predicate) -> Self {
        Self { r#type: STATEMENT_TYPE.into(), predicate, predicate_type: PREDICATE_TYPE.into(), subject }
    }

    /// The envelope's bytes.
    pub fn sign(&self, keys: &[&SigningKey]) -> Vec<u8> {
        let payload = bytes::encode(self).expect("a statement is made of texts and counts");
        Envelope::sign(PAYLOAD_TYPE, &payload, keys).to_bytes()
    }

    /// Reads a statement that one of these keys signed.
    pub fn open(envelope: &[u8], keys: &[VerifierKey]) -> Result<(Self, VerifierKey), BadStatement> {
        let (payload, key) = Envelope::from_bytes(envelope)?.open(PAYLOAD_TYPE, keys)?;
        let value = bytes::read_strict(&payload).map_err(|_| BadStatement::Form)?;
        let statement: Self = serde_json::from_value(value).map_err(|_| BadStatement::Form)?;
        let known = statement.r#type == STATEMENT_TYPE && statement.predicate_type == PREDICATE_TYPE;
        if known { Ok((statement, key)) } else { Err(BadStatement::Form) }
    }
}
