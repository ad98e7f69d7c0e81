//! The agents that this server has.

use serde_json::json;

use super::{Shown, page::Show};

/// Every agent, newest version each.
pub(super) async fn list(show: Show) -> Shown {
    let agents = show.ask("agent.list", json!({ "limit": 500 })).await?;
    show.list("studio/agents.html", "Agents", "agents", json!({ "agents": agents["agents"] }), "agents").await
}
