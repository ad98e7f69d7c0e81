//! Where journals are kept: the verbs of a store, and what goes in and out of them.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{Digest, Entry, RunId, StreamId, TenantId, Timestamp, WorkerId};
use async_trait::async_trait;
use serde_json::Value;

use super::{
    ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Day, Exhausted, Page, RunQuery, RunRow, SealedValue, Spend,
    Spent,
};

/// Where journals are kept, with the projections that make them findable. A store keeps; the engine decides.
///
/// Everything in one [`Append`] happens in one durable transaction or not at all. Every call names its tenant.
/// Lists are newest first unless they say otherwise. What each verb promises is [the conformance suite].
///
/// [the conformance suite]: ../../affiant_store/conformance/index.html
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds entries to a stream that has exactly `expected` of them, with everything that belongs to them.
    /// Returns after the entries are on disk.
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Entries of a stream with `seq >= from`, oldest first, at most `limit`. Empty for a stream that does not exist.
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Leaf indexes, in the tenant's log, of a stream's events with `seq >= from`, in order of `seq`, at most `limit`.
    async fn places(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<u64>, StoreError>;

    /// Sealed values of a stream's events with `seq >= from`, in order of `seq`.
    async fn sealed(&self, tenant: &TenantId, stream: &StreamId, from: u64) -> Result<Vec<SealedValue>, StoreError>;

    /// Everything that is sealed for a subject, by stream and `seq`. Asked when somebody is erased.
    async fn sealed_of(&self, tenant: &TenantId, subject: &str) -> Result<Vec<(StreamId, SealedValue)>, StoreError>;

    /// Brings what was dropped off the disk: overwritten in the file, and gone from its log. Returns when it is.
    async fn scrub(&self) -> Result<(), StoreError>;

    /// Lends up to `limit` runs whose `runnable_at` has come to a worker, by moving their `runnable_at` to
    /// `until` and naming the worker. An expired lease is nothing special: its `runnable_at` has come.
    /// Tenants with work take turns; within one, higher priority first, then the oldest.
    async fn claim(&self, claim: Claim) -> Result<Vec<RunRow>, StoreError>;

    /// Prolongs the leases of these runs, where the worker still has them. Returns those it has lost.
    async fn extend(
        &self,
        worker: &WorkerId,
        runs: &[(TenantId, RunId)],
        until: Timestamp,
    ) -> Result<Vec<RunId>, StoreError>;

    /// The earliest moment at which a run becomes runnable, over all tenants.
    async fn next_runnable(&self) -> Result<Option<Timestamp>, StoreError>;

    /// One run's row.
    async fn run(&self, tenant: &TenantId, run: &RunId) -> Result<Option<RunRow>, StoreError>;

    /// Runs that match, newest first (by `submitted_at`, then id).
    async fn runs(&self, tenant: &TenantId, query: RunQuery) -> Result<Page<RunRow>, StoreError>;

    /// Approvals that match, oldest first.
    async fn approvals(&self, tenant: &TenantId, query: ApprovalQuery) -> Result<Page<ApprovalRow>, StoreError>;

    /// Artifacts of a run, in the order they were made.
    async fn artifacts(&self, tenant: &TenantId, query: ArtifactQuery) -> Result<Page<ArtifactRow>, StoreError>;

    /// One document by collection and id.
    async fn document(&self, tenant: &TenantId, collection: &str, id: &str) -> Result<Option<Document>, StoreError>;

    /// Documents of a collection in order of id, after `after`, at most `limit`. With no tenant, of all tenants.
    async fn documents(
        &self,
        tenant: Option<&TenantId>,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// What was used on a day, and what is held back from it, by scope: every scope of the tenant that has anything.
    async fn spent(&self, tenant: &TenantId, day: Day) -> Result<Vec<Spent>, StoreError>;

    /// What was answered under this idempotency key, if anything was.
    async fn recall(&self, tenant: &TenantId, scope: &str) -> Result<Option<Remembered>, StoreError>;

    /// Remembers a reply, or a call under way, under an idempotency key; refuses with [`StoreError::Remembered`]
    /// when `fresh` is set and the key is taken. Entries older than their `expires` are gone.
    async fn remember(&self, tenant: &TenantId, remembered: Remembered, fresh: bool) -> Result<(), StoreError>;

    /// Entries of all streams of all tenants in the order they were stored, after `position`, at most `limit`.
    async fn tail(&self, after: u64, limit: usize) -> Result<Vec<Positioned>, StoreError>;

    /// The tenant's Merkle log: its size and root.
    async fn log(&self, tenant: &TenantId) -> Result<LogHead, StoreError>;

    /// Hashes of the tenant's log with place in `from..to`, in order: of leaves for level 0, of complete subtrees
    /// of 256 leaves for level 1, of 65,536 for level 2 (what `affiant_proof::tree::TiledNodes` reads).
    async fn hashes(&self, tenant: &TenantId, level: u8, from: u64, to: u64) -> Result<Vec<Digest>, StoreError>;

    /// Counts for status pages.
    async fn counts(&self) -> Result<Counts, StoreError>;
}

/// What one append adds, all in one transaction.
#[derive(Clone, Debug)]
pub struct Append {
    /// Whose stream.
    pub tenant: TenantId,
    /// Which stream.
    pub stream: StreamId,
    /// How many entries the stream has now; anything else is [`StoreError::Conflict`].
    pub expected: u64,
    /// The entries, with dense `seq` from `expected`. May be empty when only projections change.
    pub entries: Vec<Entry>,
    /// Personal values that belong to the entries.
    pub sealed: Vec<SealedValue>,
    /// Personal values that are dropped, by stream, `seq` and commitment; overwritten, not only forgotten.
    pub unsealed: Vec<(StreamId, u64, Digest)>,
    /// The run's row as it is after the entries; none for the admin stream.
    pub run: Option<RunRow>,
    /// Approvals as they are after the entries.
    pub approvals: Vec<ApprovalRow>,
    /// Artifacts that the entries made.
    pub artifacts: Vec<ArtifactRow>,
    /// Documents as they are after the entries.
    pub documents: Vec<Document>,
    /// What is held back for steps that begin and settled for attempts that ended, in this order. When a ceiling
    /// would be passed nothing is written and the answer is [`StoreError::Exhausted`]; this is looked at after
    /// `expected`.
    pub spend: Vec<Spend>,
    /// The reply to remember under the caller's idempotency key. When a reply is remembered there already, or
    /// another request is under way there, nothing is written and the answer is [`StoreError::Remembered`];
    /// this is looked at before `expected`, so that a repeated call finds its first reply.
    pub remember: Option<Remembered>,
}

impl Append {
    /// An append of these entries and nothing else.
    pub fn new(tenant: TenantId, stream: StreamId, expected: u64, entries: Vec<Entry>) -> Self {
        Self {
            tenant,
            stream,
            expected,
            entries,
            sealed: Vec::new(),
            unsealed: Vec::new(),
            run: None,
            approvals: Vec::new(),
            artifacts: Vec::new(),
            documents: Vec::new(),
            spend: Vec::new(),
            remember: None,
        }
    }
}

/// Where an append went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Leaf index of the first entry in the tenant's log; the others follow it.
    pub leaf: u64,
    /// Place of the last entry among all entries of the store.
    pub position: u64,
}

/// Asks for runs to work on.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Now.
    pub now: Timestamp,
    /// When the lease ends.
    pub until: Timestamp,
    /// Who asks.
    pub worker: WorkerId,
    /// How many at most.
    pub limit: usize,
    /// Tenants that are at their limit; with an agent key, only that agent's runs are passed over.
    pub full: Vec<(TenantId, Option<Arc<str>>)>,
}

/// A small named value: a key, a snapshot, a webhook, an allowed folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Whose it is.
    pub tenant: TenantId,
    /// What sort of thing it is: `key`, `snapshot`, `workspace`, `webhook`, …
    pub collection: Arc<str>,
    /// Its id in the collection.
    pub id: Arc<str>,
    /// The value; none means that it is gone.
    pub value: Option<Value>,
}

/// A reply kept under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Operation, principal and key, joined by the gateway.
    pub scope: String,
    /// Digest of the request.
    pub request: Digest,
    /// The reply's bytes; none while the call is under way.
    pub reply: Option<Arc<[u8]>>,
    /// When it is forgotten.
    pub expires: Timestamp,
}

/// An entry with its place among all entries of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positioned {
    /// The place, growing, not necessarily dense.
    pub position: u64,
    /// Whose entry.
    pub tenant: TenantId,
    /// Of which stream.
    pub stream: StreamId,
    /// The entry.
    pub entry: Entry,
}

/// The head of a tenant's Merkle log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHead {
    /// Number of leaves.
    pub size: u64,
    /// Its root (RFC 6962).
    pub root: Digest,
}

/// Counts for status pages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs by status.
    pub runs: BTreeMap<String, u64>,
    /// Entries in all streams.
    pub entries: u64,
}

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another writer got there first. Load again and decide again.
    #[error("stream {stream} has moved on: expected {expected} entries")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the writer expected.
        expected: u64,
    },
    /// A ceiling would be passed.
    #[error(transparent)]
    Exhausted(Box<Exhausted>),
    /// The idempotency key is taken.
    #[error("the idempotency key was used before")]
    Remembered(Box<Remembered>),
    /// The text is not a cursor of this list.
    #[error("`{0}` is not a cursor of this list")]
    Cursor(String),
    /// The disk is full. Nothing was written.
    #[error("the disk is full")]
    Full,
    /// The database may not be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// The database holds something that cannot be.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database did not answer, or is closed.
    #[error("the database did not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
