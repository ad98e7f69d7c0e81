//! Snapshots: taking one, looking at one, and what differs between two.

use std::sync::Arc;

use affiant_engine::{
    TakeSnapshot,
    snapshot::{self, Item, Snapshot},
};
use affiant_journal::{BlobRef, Digest, SnapshotId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::packs::picked;
use crate::{
    gateway::Context,
    handlers::{
        services::Services,
        wire::{Moment, foreign_cursor},
    },
    problem::Refusal,
};

/// Input of `context.pack.snapshot`. Identity fields were held against the credential at the door.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TakeInput {
    pack_key: String,
    pack_version: Option<String>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(rename = "reason")]
    _reason: Option<String>,
    #[serde(rename = "requestedBy")]
    _requested_by: Option<String>,
    #[serde(rename = "metadata")]
    _metadata: Option<Map<String, Value>>,
}

/// Output of `context.pack.snapshot`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TakeOutput {
    snapshot_id: String,
    pack_key: String,
    pack_version: String,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u64>,
    created_at: Moment,
}

pub(super) async fn take(services: Arc<Services>, context: Context, input: TakeInput) -> Result<TakeOutput, Refusal> {
    let pack_version = picked(input.pack_version.as_deref())?;
    let take = TakeSnapshot { pack_key: input.pack_key, pack_version, parameters: input.parameters };
    let taken = services.engine.snapshot(&context.who, take).await?;
    let pack = taken.pack.as_ref().ok_or_else(|| Refusal::plain("pack-not-found"))?;
    Ok(TakeOutput {
        snapshot_id: taken.id.to_string(),
        pack_key: pack.key.to_string(),
        pack_version: pack.version.to_string(),
        hash: taken.root.to_string(),
        item_count: Some(taken.items.len() as u64),
        created_at: taken.created_at.into(),
    })
}

/// Input of `context.snapshot.get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetInput {
    snapshot_id: String,
    item_key: Option<String>,
    max_bytes: Option<usize>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Output of `context.snapshot.get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetOutput {
    snapshot_id: String,
    hash: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pack_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Map<String, Value>>,
    item_count: u64,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<String>,
    items: Vec<ItemRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<ItemContent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One item in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ItemRow {
    key: String,
    source: String,
    kind: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    origin: String,
    trust: Trust,
}

/// Whose word an item is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Trust {
    /// The contract's author wrote it.
    Author,
    /// The caller sent it.
    Caller,
    /// Somebody out there wrote it.
    Untrusted,
    /// An earlier run made it.
    Derived,
}

/// The content of one item.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ItemContent {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    truncated: bool,
}

pub(super) async fn get(services: Arc<Services>, context: Context, input: GetInput) -> Result<GetOutput, Refusal> {
    let tenant = &context.who.tenant;
    let snapshot = services.engine.snapshot_get(tenant, &SnapshotId::from(input.snapshot_id)).await?;
    let begin = match &input.cursor {
        Some(cursor) => 1 + snapshot.items.iter().position(|item| item.key() == *cursor).ok_or_else(foreign_cursor)?,
        None => 0,
    };
    let limit = usize::try_from(input.limit.unwrap_or(1000)).unwrap_or(usize::MAX);
    let items: Vec<ItemRow> = snapshot.items.iter().skip(begin).take(limit).map(item_row).collect();
    let next = snapshot.items.get(begin + items.len()).and_then(|_| Some(items.last()?.key.clone()));
    let item = match &input.item_key {
        Some(key) => Some(content(&services, &context, &snapshot, key, input.max_bytes.unwrap_or(65_536)).await?),
        None => None,
    };
    Ok(GetOutput {
        snapshot_id: snapshot.id.to_string(),
        hash: snapshot.root,
        pack_key: snapshot.pack.as_ref().map(|pack| pack.key.to_string()),
        pack_version: snapshot.pack.as_ref().map(|pack| pack.version.to_string()),
        item_count: snapshot.items.len() as u64,
        created_at: snapshot.created_at.into(),
        created_by: Some(snapshot.created_by.to_string()),
        parameters: Some(snapshot.parameters),
        items,
        item,
        next_cursor: next,
    })
}

fn item_row(item: &Item) -> ItemRow {
    let trust = match &*item.kind {
        "text" | "contract" => Trust::Author,
        "input" => Trust::Caller,
        _ => Trust::Untrusted,
    };
    let BlobRef { digest, media, size } = &item.content;
    ItemRow {
        key: item.key(),
        source: item.source.to_string(),
        kind: item.kind.to_string(),
        digest: *digest,
        size: *size,
        media_type: Some(media.to_string()),
        origin: item.origin.clone(),
        trust,
    }
}

async fn content(
    services: &Services,
    context: &Context,
    snapshot: &Snapshot,
    key: &str,
    most: usize,
) -> Result<ItemContent, Refusal> {
    let Some(item) = snapshot.items.iter().find(|item| item.key() == key) else {
        let detail = "The snapshot has no item of this key.";
        let refusal = Refusal::declared(&context.operation, "item-not-found", detail);
        return Err(refusal.unwrap_or_else(|| Refusal::new("not-found", detail)));
    };
    let text = text_of(services, &context.who.tenant, &item.content).await?;
    let (text, truncated) = match text {
        Some(text) if text.len() > most => (Some(text[..text.floor_char_boundary(most)].to_owned()), true),
        text => (text, false),
    };
    Ok(ItemContent { key: key.to_owned(), text, truncated })
}

/// A blob as text, if it is text. What a run was asked is sealed with the run and stands in no blob.
async fn text_of(services: &Services, tenant: &TenantId, blob: &BlobRef) -> Result<Option<String>, Refusal> {
    let bytes = services.blobs.get(tenant, &blob.digest).await?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
}

/// Input of `context.snapshot.diff`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DiffInput {
    left: String,
    right: String,
    #[serde(default)]
    with_text: bool,
}

/// Output of `context.snapshot.diff`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DiffOutput {
    equal: bool,
    left_hash: Digest,
    right_hash: Digest,
    unchanged: u64,
    items: Vec<Changed>,
}

/// One item that is not the same in both.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Changed {
    key: String,
    change: Change,
    #[serde(skip_serializing_if = "Option::is_none")]
    left_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    right_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

pub(super) async fn diff(services: Arc<Services>, context: Context, input: DiffInput) -> Result<DiffOutput, Refusal> {
    let tenant = &context.who.tenant;
    let left = services.engine.snapshot_get(tenant, &SnapshotId::from(input.left)).await?;
    let right = services.engine.snapshot_get(tenant, &SnapshotId::from(input.right)).await?;
    let differences = snapshot::differences(&left, &right);
    let removed = differences.iter().filter(|it| it.left.is_some()).count();
    let mut items = Vec::with_capacity(differences.len());
    for it in differences {
        let change = match (&it.left, &it.right) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        };
        let diff = match (&it.left, &it.right) {
            (Some(left), Some(right)) if input.with_text => text_diff(&services, tenant, left, right).await?,
            _ => None,
        };
        let digest = |blob: Option<BlobRef>| blob.map(|blob| blob.digest);
        items.push(Changed { key: it.key, change, left_digest: digest(it.left), right_digest: digest(it.right), diff });
    }
    Ok(DiffOutput {
        equal: left.root == right.root,
        left_hash: left.root,
        right_hash: right.root,
        unchanged: (left.items.len() - removed) as u64,
        items,
    })
}

async fn text_diff(
    services: &Services,
    tenant: &TenantId,
    left: &BlobRef,
    right: &BlobRef,
) -> Result<Option<String>, Refusal> {
    let (left, right) = (text_of(services, tenant, left).await?, text_of(services, tenant, right).await?);
    let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
    Ok(Some(similar::TextDiff::from_lines(&left, &right).unified_diff().header("left", "right").to_string()))
}
