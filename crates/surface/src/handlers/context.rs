//! `context.*`: packs, what they read, and the snapshots that were taken of them.

use std::{collections::HashMap, sync::Arc};

use affiant_contract::{Contract, Pick};
use affiant_engine::{
    TakeSnapshot,
    snapshot::{self, Item, Snapshot},
};
use affiant_journal::{BlobRef, Digest, SnapshotId, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    services::Services,
    wire::{Moment, Part, foreign_cursor},
};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// Documents that are read at once while looking for the newest snapshot of each pack.
const BATCH: usize = 500;

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_describe, for_search, for_take, for_get, for_diff] = [(); 5].map(|()| Arc::new(services.clone()));
    Handlers::new()
        .on("context.pack.describe", "^1", move |context, input| describe(for_describe.clone(), context, input))
        .on("context.pack.search", "^1", move |context, input| search(for_search.clone(), context, input))
        .on("context.pack.snapshot", "^1", move |context, input| take(for_take.clone(), context, input))
        .on("context.snapshot.get", "^1", move |context, input| get(for_get.clone(), context, input))
        .on("context.snapshot.diff", "^1", move |context, input| diff(for_diff.clone(), context, input))
}

/// Input of `context.pack.describe`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeInput {
    pack_key: String,
    version: Option<String>,
}

/// Output of `context.pack.describe`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribeOutput {
    pack: Described,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Moment>,
}

/// A pack as its contract says it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Described {
    pack_key: String,
    version: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<DescribedSource>>,
}

/// One source of a pack.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DescribedSource {
    kind: String,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

async fn describe(services: Arc<Services>, context: Context, input: DescribeInput) -> Result<DescribeOutput, Refusal> {
    let pick = picked(input.version.as_deref())?;
    let pack = services.registry.resolve(&input.pack_key, &pick).filter(|pack| pack.context_pack().is_some());
    let pack = pack.ok_or_else(|| Refusal::plain("pack-not-found"))?;
    let newest = newest(&services, &context.who.tenant).await?.remove(&pack.reference().to_string());
    Ok(DescribeOutput {
        pack: described(pack),
        snapshot_id: newest.as_ref().map(|snapshot| snapshot.id.to_string()),
        updated_at: Some(newest.map_or(services.facts.started_at, |snapshot| snapshot.created_at).into()),
    })
}

fn picked(version: Option<&str>) -> Result<Pick, Refusal> {
    let wrong = |_| {
        Refusal::invalid_field("/version", "version", "must be a version such as 1.0.0, or 1 for the newest of these")
    };
    version.map_or(Ok(Pick::Newest), |version| version.parse().map_err(wrong))
}

fn described(pack: &Contract) -> Described {
    let spec = pack.context_pack().expect("the caller looked a context pack up");
    let source = |source: &affiant_contract::PackSource| DescribedSource {
        kind: snapshot::kind(&source.from).to_owned(),
        key: source.key.clone(),
        version: source.version.clone(),
        required: Some(source.required),
        description: source.description.clone(),
    };
    Described {
        pack_key: pack.meta.key.to_string(),
        version: pack.meta.version.to_string(),
        title: pack.meta.title.clone(),
        description: Some(pack.meta.description.clone()),
        owners: Some(pack.meta.owners.clone()),
        tags: Some(pack.meta.tags.clone()),
        sources: Some(spec.sources.iter().map(source).collect()),
    }
}

/// The newest snapshot of each pack of a tenant, by `key@version`. Ids grow with time, so the last one is the newest.
async fn newest(services: &Services, tenant: &TenantId) -> Result<HashMap<String, Snapshot>, Refusal> {
    let (mut newest, mut after) = (HashMap::new(), None::<Arc<str>>);
    loop {
        let page = services.store.documents(Some(tenant), snapshot::COLLECTION, after.as_deref(), BATCH).await?;
        let Some(last) = page.last() else { return Ok(newest) };
        after = Some(last.id.clone());
        let kept = page.into_iter().filter_map(|document| serde_json::from_value::<Snapshot>(document.value?).ok());
        newest.extend(kept.filter_map(|snapshot| Some((snapshot.pack.as_ref()?.to_string(), snapshot))));
    }
}

/// Input of `context.pack.search`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchInput {
    query: Option<String>,
    tag: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    snapshot_only: bool,
    limit: Option<u64>,
    offset: Option<u64>,
    cursor: Option<String>,
}

/// Output of `context.pack.search`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SearchOutput {
    items: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One pack in a list.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Found {
    pack_key: String,
    pack_version: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_created_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owners: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_count: Option<u64>,
}

async fn search(services: Arc<Services>, context: Context, input: SearchInput) -> Result<SearchOutput, Refusal> {
    let newest = newest(&services, &context.who.tenant).await?;
    let mut packs: Vec<&Arc<Contract>> = services.registry.packs().filter(|pack| input.finds(pack)).collect();
    packs.retain(|pack| !input.snapshot_only || newest.contains_key(&pack.reference().to_string()));
    packs.sort_by(|a, b| a.meta.key.cmp(&b.meta.key).then(b.meta.version.cmp(&a.meta.version)));
    let part = Part::of(input.limit, 50, input.offset, input.cursor)?;
    let begin = match &part.cursor {
        Some(cursor) => {
            1 + packs.iter().position(|pack| pack.reference().to_string() == *cursor).ok_or_else(foreign_cursor)?
        }
        None => part.offset,
    };
    let page: Vec<Found> = packs.iter().skip(begin).take(part.limit).map(|pack| found(pack, &newest)).collect();
    let end = begin + page.len();
    let more = end < packs.len();
    // The given 1.0.0 pages by offset alone.
    let cursors = context.operation.contract().meta.version.minor > 0;
    Ok(SearchOutput {
        items: page,
        total: Some(packs.len() as u64),
        next_offset: more.then_some(end as u64),
        next_cursor: (more && cursors).then(|| packs[end - 1].reference().to_string()),
    })
}

impl SearchInput {
    fn finds(&self, pack: &Contract) -> bool {
        let meta = &pack.meta;
        let text = format!("{} {} {} {}", meta.key, meta.title, meta.description, meta.tags.join(" ")).to_lowercase();
        let words = self.query.as_deref().unwrap_or_default().to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
            && self.tag.as_ref().is_none_or(|tag| meta.tags.contains(tag))
            && self.owner.as_ref().is_none_or(|owner| meta.owners.contains(owner))
    }
}

fn found(pack: &Contract, newest: &HashMap<String, Snapshot>) -> Found {
    let snapshot = newest.get(&pack.reference().to_string());
    Found {
        pack_key: pack.meta.key.to_string(),
        pack_version: pack.meta.version.to_string(),
        title: pack.meta.title.clone(),
        summary: Some(pack.meta.description.clone()),
        snapshot_id: snapshot.map(|snapshot| snapshot.id.to_string()),
        snapshot_created_at: snapshot.map(|snapshot| snapshot.created_at.into()),
        tags: Some(pack.meta.tags.clone()),
        owners: Some(pack.meta.owners.clone()),
        source_count: pack.context_pack().map(|pack| pack.sources.len() as u64),
    }
}

/// Input of `context.pack.snapshot`. Identity fields were held against the credential at the door.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TakeInput {
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
pub struct TakeOutput {
    snapshot_id: String,
    pack_key: String,
    pack_version: String,
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_count: Option<u64>,
    created_at: Moment,
}

async fn take(services: Arc<Services>, context: Context, input: TakeInput) -> Result<TakeOutput, Refusal> {
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
pub struct GetInput {
    snapshot_id: String,
    item_key: Option<String>,
    max_bytes: Option<usize>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Output of `context.snapshot.get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetOutput {
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
pub struct ItemRow {
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
pub enum Trust {
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
pub struct ItemContent {
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    truncated: bool,
}

async fn get(services: Arc<Services>, context: Context, input: GetInput) -> Result<GetOutput, Refusal> {
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
pub struct DiffInput {
    left: String,
    right: String,
    #[serde(default)]
    with_text: bool,
}

/// Output of `context.snapshot.diff`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiffOutput {
    equal: bool,
    left_hash: Digest,
    right_hash: Digest,
    unchanged: u64,
    items: Vec<Changed>,
}

/// One item that is not the same in both.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changed {
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
pub enum Change {
    /// Only the second has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Both have it, and it is not the same.
    Changed,
}

async fn diff(services: Arc<Services>, context: Context, input: DiffInput) -> Result<DiffOutput, Refusal> {
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
