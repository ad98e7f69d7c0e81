//! What a line may rest on, and what each of these things holds, as far as the caller may see it.

use affiant_engine::{
    provenance::{Graph, Id},
    snapshot::Item,
};
use affiant_journal::{Body, Digest, Event};
use serde_json::Value;

use super::{Record, result_of, search::Content};
use crate::{handlers::services::Services, problem::Refusal};

/// Something that a line may rest on, and what it holds.
pub(super) struct Source {
    pub(super) id: Id,
    /// The event that records its content.
    pub(super) seq: u64,
    pub(super) digest: Option<Digest>,
    pub(super) content: Content,
}

/// Everything that an artifact may rest on, the nearest first; of a snapshot that is among it, every item.
pub(super) fn sources(record: &Record, graph: &Graph, artifact: &Id) -> Vec<Id> {
    let mut all = graph.sources(artifact);
    if all.contains(&Id::Snapshot) {
        let more: Vec<Id> = items(record).map(|item| Id::Item(item.key())).filter(|id| !all.contains(id)).collect();
        all.extend(more);
    }
    all
}

/// The items of the run's snapshot whose content stands in a blob: what the run was asked is sealed with its events.
pub(super) fn items(record: &Record) -> impl Iterator<Item = &Item> {
    record.snapshot.iter().flat_map(|kept| &kept.items).filter(|item| &*item.kind != "input")
}

/// What something holds.
pub(super) enum Has {
    Content(Source),
    /// It is sealed, and stays so for the caller.
    Closed,
    /// Its bytes are no longer kept.
    Gone,
    Nothing,
}

/// What a thing holds.
pub(super) async fn source(services: &Services, record: &Record, graph: &Graph, id: &Id) -> Result<Has, Refusal> {
    let snapshot = || graph.nodes.get(&Id::Snapshot).and_then(|node| node.events.last().copied()).unwrap_or_default();
    let has = |seq: u64, digest: Option<Digest>, content: Content| {
        Has::Content(Source { id: id.clone(), seq, digest, content })
    };
    Ok(match id {
        Id::Step(step) => {
            let Some((seq, it)) = result_of(&record.events, *step) else { return Ok(Has::Nothing) };
            let Some(value) = record.value(services, &it.result, seq, "/result").await? else { return Ok(Has::Gone) };
            let digest = graph.nodes.get(id).and_then(|node| node.digest);
            let closed = record.event(seq).is_some_and(|event| record.closed(event));
            if closed { Has::Closed } else { has(seq, digest, Content::Json(value)) }
        }
        Id::Item(key) => {
            let Some(item) = items(record).find(|item| item.key() == *key) else { return Ok(Has::Nothing) };
            let Some(bytes) = services.blobs.get(&record.tenant, &item.content.digest).await? else {
                return Ok(Has::Gone);
            };
            let digest = Some(item.content.digest);
            Content::of(&bytes, &item.content.media).map_or(Has::Nothing, |content| has(snapshot(), digest, content))
        }
        Id::Input => sealed(record, record.events.first(), &["/input", "/prompt"], has),
        Id::Answer(_) => {
            let mine = |name: &str| *id == Id::Answer(name.to_owned());
            let heard = |event: &&Event| matches!(&event.body, Body::InputReceived(it) if mine(&it.name));
            sealed(record, record.events.iter().rev().find(heard), &["/answer"], has)
        }
        _ => Has::Nothing,
    })
}

/// What people gave to the run, which stands sealed beside the event.
fn sealed(
    record: &Record,
    event: Option<&Event>,
    paths: &[&str],
    has: impl Fn(u64, Option<Digest>, Content) -> Has,
) -> Has {
    let Some(event) = event.filter(|event| !event.sd.is_empty()) else { return Has::Nothing };
    if record.closed(event) {
        return Has::Closed;
    }
    let opened = record.opened.of(event.seq);
    let values = paths.iter().filter_map(|path| Some(((*path)[1..].to_owned(), (*opened.get(path)?).clone())));
    has(event.seq, None, Content::Json(Value::Object(values.collect())))
}
