//! Metrics: how runs of the last days ended, how long they took, and what models used.

use serde_json::{Value, json};

use super::{Shown, page::Show};

/// Spans that can be chosen, in days.
const SPANS: [u64; 4] = [1, 7, 30, 90];

/// Those of so many days.
pub(super) async fn page(show: Show) -> Shown {
    let asked = show.asked("days").and_then(|days| days.parse().ok());
    let days = asked.filter(|days| SPANS.contains(days)).unwrap_or(7);
    let mut facts = show.ask("agent.metrics", json!({ "days": days })).await?;
    let most = facts["days"].as_array().into_iter().flatten().filter_map(|day| day["runs"].as_u64()).max();
    facts["most"] = most.unwrap_or_default().max(1).into();
    facts["spans"] = SPANS.iter().map(|span| json!({ "days": span, "chosen": *span == days })).collect();
    if let Some(Value::Array(days)) = facts.get_mut("days") {
        days.reverse();
    }
    show.page("studio/metrics.html", "Metrics", "metrics", facts).await
}
