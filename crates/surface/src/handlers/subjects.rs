//! `subject.erase` and `subject.hold`: the right to be forgotten, and what stands before it.

use std::sync::Arc;

use affiant_engine::EraseError;
use affiant_journal::Digest;
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let [for_erase, for_hold] = [(); 2].map(|()| Arc::new(services.clone()));
    Handlers::new().on("subject.erase", "^1", move |context, input| erase(for_erase.clone(), context, input)).on(
        "subject.hold",
        "^1",
        move |context, input| hold(for_hold.clone(), context, input),
    )
}

/// Input of `subject.erase`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EraseInput {
    subject: String,
    basis: String,
}

/// Output of `subject.erase`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EraseOutput {
    subject: String,
    commitments: u64,
    digest: Digest,
    erased_at: Moment,
}

async fn erase(services: Arc<Services>, context: Context, input: EraseInput) -> Result<EraseOutput, Refusal> {
    let (tenant, by) = (&context.who.tenant, context.who.actor());
    let declared = |code: &str, detail: &'static str| {
        Refusal::declared(&context.operation, code, detail).unwrap_or_else(|| Refusal::plain("conflict"))
    };
    let erased = services.engine.erase(tenant, &input.subject, &by, &input.basis).await;
    // What waits to be fetched may hold what was erased.
    services.desk.clear();
    let erased = erased.map_err(|error| match error {
        EraseError::Unknown => declared("subject-not-found", "Nothing is sealed for this principal."),
        EraseError::Held => declared("subject-held", "A legal hold stands on this principal's data."),
        EraseError::Engine(error) => error.into(),
    })?;
    let (commitments, digest) = (erased.commitments.len() as u64, erased.digest);
    Ok(EraseOutput { subject: input.subject, commitments, digest, erased_at: services.clock.now().into() })
}

/// Input of `subject.hold`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldInput {
    subject: String,
    held: bool,
    reason: String,
}

/// Output of `subject.hold`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HoldOutput {
    subject: String,
    held: bool,
    changed_at: Moment,
}

async fn hold(services: Arc<Services>, context: Context, input: HoldInput) -> Result<HoldOutput, Refusal> {
    let (tenant, by) = (&context.who.tenant, context.who.actor());
    services.engine.hold(tenant, &input.subject, &by, input.held, &input.reason).await?;
    Ok(HoldOutput { subject: input.subject, held: input.held, changed_at: services.clock.now().into() })
}
