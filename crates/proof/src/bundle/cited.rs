//! The blobs that an event cites.

use affiant_journal::{BlobRef, Body, Payload};

/// The blobs that an event cites, in the order of its fields.
pub fn blobs(body: &Body) -> impl Iterator<Item = &BlobRef> {
    let payloads: [Option<&Payload>; 1] = [match body {
        Body::RunSubmitted(it) => it.metadata.as_ref(),
        Body::StepDecided(it) => Some(&it.arguments),
        Body::ApprovalRequested(it) => Some(&it.display),
        Body::StepObserved(it) => Some(&it.result),
        Body::InputRequested(it) => Some(&it.schema),
        Body::RunCompleted(it) => Some(&it.output),
        Body::ConfigChanged(it) => Some(&it.value),
        _ => None,
    }];
    let own = if let Body::ArtifactCreated(it) = body { Some(&it.content) } else { None };
    let blobs = payloads.into_iter().flatten().filter_map(|payload| match payload {
        Payload::Blob(blob) => Some(blob),
        Payload::Inline(_) => None,
    });
    blobs.chain(own)
}
