//! What a run used, as lists and comparisons say it.

use affiant_engine::ports::RunRow;
use affiant_journal::{Body, Event, Money, Run, TenantId, Usage};
use serde::{Deserialize, Serialize};

use crate::{handlers::services::Services, problem::Refusal};

/// Tokens, money, and how often a model was asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UsageWords {
    pub(super) tokens: u64,
    cost: String,
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    unpriced_tokens: Option<u64>,
    model_calls: u64,
}

impl UsageWords {
    /// What a folded run says.
    pub(super) fn of(run: &Run) -> Self {
        Self::new(run.usage.clone().unwrap_or_default(), model_calls(run))
    }

    /// The cost as an amount.
    pub(super) fn money(&self) -> Option<Money> {
        self.cost.parse().ok()
    }

    fn new(usage: Usage, model_calls: u64) -> Self {
        let or = |text: String, default: &str| if text.is_empty() { default.to_owned() } else { text };
        Self {
            tokens: usage.tokens,
            cost: or(usage.cost, "0"),
            currency: or(usage.currency, "USD"),
            unpriced_tokens: Some(usage.unpriced).filter(|tokens| *tokens > 0),
            model_calls,
        }
    }
}

/// Steps of a run that asked a model.
pub(super) fn model_calls(run: &Run) -> u64 {
    run.steps().iter().filter(|step| asks_model(&run.operation(step).name)).count() as u64
}

/// Whether a step of this operation asks a model.
fn asks_model(operation: &str) -> bool {
    operation.split_once('@').is_some_and(|(key, _)| key == "model.call")
}

/// What a listed run used. Where no model decides, nothing but its end is read: such a run may have many events, and
/// uses something only through runs that it calls.
pub(super) async fn of_row(
    services: &Services,
    tenant: &TenantId,
    row: &RunRow,
) -> Result<Option<UsageWords>, Refusal> {
    if &*row.planner == "model" {
        let folded = services.engine.folded(tenant, &row.run).await?;
        return Ok(Some(UsageWords::of(&folded.run)));
    }
    let Some(last) = row.ended_at.and_then(|_| row.events.checked_sub(1)) else { return Ok(None) };
    let entries = services.store.load(tenant, &row.run.stream(), last, 1).await?;
    let Some(entry) = entries.first() else { return Ok(None) };
    let totals = match Event::from_bytes(&entry.bytes).map_err(Refusal::internal)?.body {
        Body::RunCompleted(it) => it.totals,
        Body::RunFailed(it) => it.totals,
        Body::RunCancelled(it) => it.totals,
        _ => return Ok(None),
    };
    Ok(Some(UsageWords::new(totals.usage.unwrap_or_default(), 0)))
}
