//! What the engine needs from the world. Everything outside is behind one of these traits; nothing else in
//! this crate reads a clock, makes an id, or touches a disk or a network.

mod connections;
mod log_files;
mod models;
mod rows;
mod sources;
mod spend;
mod store;
mod tools;
mod vault;
mod webhooks;

use std::sync::Arc;

use affiant_journal::Timestamp;

pub use connections::{CheckConnection, Checked, Connection, Connections, ProviderKind, Secret};
pub use log_files::{LogFile, LogFileError, LogFiles};
pub use models::{
    About, Delta, Message, ModelAsk, ModelFailure, ModelReply, ModelRequest, ModelUsage, Models, NoModels, Part, Sent,
    Signature, Speaker, Stop, ToolOffer,
};
pub use rows::{ApprovalQuery, ApprovalRow, ArtifactQuery, ArtifactRow, Page, RunQuery, RunRow, Window};
pub use sources::{SourceFailure, SourceItem, Sources};
pub use spend::{Amount, Ceiling, Counted, Day, Exhausted, Reservation, Settlement, Spend, Spent};
pub use store::{Append, Appended, Claim, Counts, Document, LogHead, Positioned, Remembered, Store, StoreError};
pub use tools::{ListedTool, Preview, Scope, ToolCall, ToolFailure, ToolOutput, ToolServers, Tools};
pub use vault::{Blobs, Place, SealedValue, Vault, VaultError};
pub use webhooks::{Deliver, Delivery, DeliveryFailure};

/// Everything the engine needs from the world.
#[derive(Clone)]
pub struct Ports {
    /// Where journals and their projections are kept.
    pub store: Arc<dyn Store>,
    /// Where large payloads are kept, by digest.
    pub blobs: Arc<dyn Blobs>,
    /// Where personal values are sealed and opened.
    pub vault: Arc<dyn Vault>,
    /// Who carries out operations.
    pub tools: Arc<dyn Tools>,
    /// Who asks models.
    pub models: Arc<dyn Models>,
    /// Who reads the sources of context packs.
    pub sources: Arc<dyn Sources>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids and salts.
    pub chance: Arc<dyn Chance>,
}

/// Time. The wall clock may jump; `mono` never goes back.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Microseconds since this process started.
    fn mono(&self) -> u64;
}

/// Ids and random bytes.
pub trait Chance: Send + Sync {
    /// A fresh id: the prefix and a ULID for this time, greater than every one before it.
    fn id(&self, prefix: &str, now: Timestamp) -> String;
    /// Fills these bytes with cryptographic randomness.
    fn fill(&self, bytes: &mut [u8]);
}
