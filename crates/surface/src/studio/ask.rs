//! How a page asks: the operations, through the gateway, with the viewer's own key.

use affiant_contract::Pick;
use serde_json::{Value, json};

use super::{
    Studio,
    page::{Halt, Show},
    session::Viewer,
};
use crate::{
    gateway::{Call, SurfaceName},
    problem::Problem,
};

impl Show {
    /// What an operation says, or the page that says why it says nothing.
    pub(super) async fn ask(&self, key: &str, input: Value) -> Result<Value, Halt> {
        self.try_ask(key, input).await.map_err(|problem| self.problem(&problem))
    }

    /// What an operation says, or why it says nothing.
    pub(super) async fn try_ask(&self, key: &str, input: Value) -> Result<Value, Problem> {
        self.studio.call(&self.viewer, key, input, None).await
    }

    /// Has an operation carried out, once for every form that was shown.
    pub(super) async fn tell(&self, key: &str, input: Value, once: Option<&str>) -> Result<Value, Halt> {
        let said = self.studio.call(&self.viewer, key, input, once).await;
        said.map_err(|problem| self.problem(&problem))
    }
}

impl Studio {
    /// How many approvals wait, where the viewer may know it.
    pub(super) async fn waiting(&self, viewer: &Viewer) -> Option<u64> {
        let pending = json!({ "status": "pending", "limit": 1 });
        self.call(viewer, "agent.approvals.list", pending, None).await.ok()?["total"].as_u64()
    }

    async fn call(&self, viewer: &Viewer, key: &str, input: Value, once: Option<&str>) -> Result<Value, Problem> {
        let call = Call {
            credential: viewer.credential(),
            idempotency_key: once.map(str::to_owned),
            ..Call::new(key, Pick::Major(1), input, SurfaceName::Studio)
        };
        self.gateway.call(call).await.outcome.map(|done| done.value())
    }
}
