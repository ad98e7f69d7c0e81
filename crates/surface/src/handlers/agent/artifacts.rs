//! `agent.artifacts`, `agent.artifact.get` and `agent.artifact.diff`: what runs have made.

use std::sync::Arc;

use affiant_engine::ports::{ArtifactQuery, ArtifactRow, Window};
use affiant_journal::{ArtifactId, Digest, RunId, TenantId};
use semver::Version;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

use crate::{
    gateway::{Context, Handlers},
    handlers::{
        services::Services,
        wire::{Moment, Part},
    },
    problem::Refusal,
};

/// Text in a reply when the caller does not say, in bytes.
const TEXT: u64 = 65_536;

/// The largest artifact of which a difference is made, in bytes.
const DIFFABLE: u64 = 8 << 20;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let [for_list, for_get, for_diff] = [(); 3].map(|()| services.clone());
    Handlers::new()
        .on("agent.artifacts", "^1", move |context, input| list(for_list.clone(), context, input))
        .on("agent.artifact.get", "^1", move |context, input| get(for_get.clone(), context, input))
        .on("agent.artifact.diff", "^1", move |context, input| diff(for_diff.clone(), context, input))
}

/// Where the bytes of an artifact are fetched.
pub fn content_path(artifact: &ArtifactId) -> String {
    format!("/agent/artifacts/{artifact}/content")
}

impl Services {
    /// One artifact of a tenant.
    ///
    /// # Errors
    ///
    /// `artifact-not-found`, also for one of another tenant.
    pub(crate) async fn artifact(&self, tenant: &TenantId, artifact: &str) -> Result<ArtifactRow, Refusal> {
        let query = ArtifactQuery { artifact: Some(ArtifactId::from(artifact)), ..ArtifactQuery::default() };
        let mut found = self.store.artifacts(tenant, query).await?.rows;
        found.pop().ok_or_else(|| Refusal::plain("artifact-not-found"))
    }

    /// The bytes of an artifact.
    ///
    /// # Errors
    ///
    /// `artifact-not-found` when they are gone.
    pub(crate) async fn content(&self, tenant: &TenantId, row: &ArtifactRow) -> Result<Arc<[u8]>, Refusal> {
        let bytes = self.blobs.get(tenant, &row.content.digest).await?;
        bytes.ok_or_else(|| Refusal::new("artifact-not-found", "The content of the artifact is no longer kept."))
    }
}

/// Input of `agent.artifacts`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListInput {
    run_id: RunId,
    kind: Option<Arc<str>>,
    limit: Option<u64>,
    offset: Option<u64>,
    cursor: Option<String>,
}

/// Output of `agent.artifacts`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListOutput {
    artifacts: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    artifact_id: ArtifactId,
    kind: Arc<str>,
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    created_at: Moment,
    #[serde(flatten)]
    more: Option<More>,
}

/// What 1.1.0 says beyond 1.0.0.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct More {
    name: String,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_number: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cites: Option<Vec<String>>,
}

async fn list(services: Arc<Services>, context: Context, input: ListInput) -> Result<ListOutput, Refusal> {
    let tenant = &context.who.tenant;
    services.row(tenant, input.run_id.as_str()).await?;
    let part = Part::of(input.limit, 50, input.offset, input.cursor)?;
    let window = Window { limit: part.limit, offset: part.offset, after: part.cursor.clone() };
    let query = ArtifactQuery { run: Some(input.run_id), kind: input.kind, window, ..ArtifactQuery::default() };
    let page = services.store.artifacts(tenant, query).await?;
    let more = context.operation.contract().meta.version >= Version::new(1, 1, 0);
    Ok(ListOutput {
        total: Some(page.total),
        next_offset: part.next_offset(page.rows.len(), page.total),
        next_cursor: page.next.filter(|_| more),
        artifacts: page.rows.into_iter().map(|row| shown(row, more)).collect(),
    })
}

fn shown(row: ArtifactRow, more: bool) -> Row {
    Row {
        uri: content_path(&row.artifact),
        artifact_id: row.artifact,
        kind: row.kind,
        content_type: Some(row.content.media),
        summary: row.summary,
        created_at: row.created_at.into(),
        more: more.then_some(More {
            name: row.name,
            digest: row.content.digest,
            size: row.content.size,
            step_number: row.step,
            cites: Some(row.cites),
        }),
    }
}

/// Input of `agent.artifact.get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetInput {
    artifact_id: String,
    max_bytes: Option<u64>,
}

/// Output of `agent.artifact.get`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetOutput {
    artifact_id: ArtifactId,
    run_id: RunId,
    kind: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
    digest: Digest,
    size: u64,
    uri: String,
    created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cites: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    truncated: bool,
}

async fn get(services: Arc<Services>, context: Context, input: GetInput) -> Result<GetOutput, Refusal> {
    let row = services.artifact(&context.who.tenant, &input.artifact_id).await?;
    let bytes = services.content(&context.who.tenant, &row).await?;
    let most = usize::try_from(input.max_bytes.unwrap_or(TEXT)).unwrap_or(usize::MAX);
    let text = text_of(&bytes).map(|text| &text[..text.floor_char_boundary(most)]);
    Ok(GetOutput {
        truncated: text.is_some_and(|text| text.len() < bytes.len()),
        text: text.map(str::to_owned),
        uri: content_path(&row.artifact),
        artifact_id: row.artifact,
        run_id: row.run,
        kind: row.kind,
        name: Some(row.name),
        content_type: Some(row.content.media),
        digest: row.content.digest,
        size: row.content.size,
        created_at: row.created_at.into(),
        step_number: row.step,
        cites: Some(row.cites),
        summary: row.summary,
    })
}

/// The bytes as text, when they are text: UTF-8 without the zero bytes that no text has.
pub(crate) fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Input of `agent.artifact.diff`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DiffInput {
    left: String,
    right: String,
}

/// Output of `agent.artifact.diff`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DiffOutput {
    equal: bool,
    binary: bool,
    left_digest: Digest,
    right_digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<usize>,
}

async fn diff(services: Arc<Services>, context: Context, input: DiffInput) -> Result<DiffOutput, Refusal> {
    let tenant = &context.who.tenant;
    let (left, right) = (services.artifact(tenant, &input.left).await?, services.artifact(tenant, &input.right).await?);
    let (left_digest, right_digest) = (left.content.digest, right.content.digest);
    let small = left.content.size.max(right.content.size) <= DIFFABLE;
    let (one, other) = (services.content(tenant, &left).await?, services.content(tenant, &right).await?);
    let equal = left_digest == right_digest;
    let texts = text_of(&one).zip(text_of(&other)).filter(|_| small);
    let Some((one, other)) = texts else {
        return Ok(DiffOutput {
            equal,
            binary: true,
            left_digest,
            right_digest,
            diff: None,
            added: None,
            removed: None,
        });
    };
    let (diff, added, removed) = unified(one, other, &left.name, &right.name);
    let (diff, added, removed) = (Some(diff), Some(added), Some(removed));
    Ok(DiffOutput { equal, binary: false, left_digest, right_digest, diff, added, removed })
}

/// The difference of two texts line by line, with how many lines each has alone.
pub(crate) fn unified(left: &str, right: &str, left_name: &str, right_name: &str) -> (String, usize, usize) {
    let diff = TextDiff::from_lines(left, right);
    let lines = |tag: ChangeTag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    let (added, removed) = (lines(ChangeTag::Insert), lines(ChangeTag::Delete));
    let text = diff.unified_diff().header(left_name, right_name).to_string();
    (if added + removed == 0 { String::new() } else { text }, added, removed)
}
