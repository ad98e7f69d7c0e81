//! How a page asks: the operations, through the gateway, with the viewer's own key.

use affiant_contract::Pick;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    Studio,
    page::{Halt, Show},
    session::Viewer,
};
use crate::{
    gateway::{Call, Done, SurfaceName},
    problem::Problem,
};

impl Show {
    /// What an operation says, or the page that says why it says nothing.
    pub(super) async fn ask(&self, key: &str, input: Value) -> Result<Value, Halt> {
        self.try_ask(key, input).await.map_err(|problem| self.problem(&problem))
    }

    /// What an operation says, or why it says nothing.
    pub(super) async fn try_ask(&self, key: &str, input: Value) -> Result<Value, Problem> {
        self.try_tell(key, input, None).await
    }

    /// What an operation says, in its own bytes.
    pub(super) async fn bytes(&self, key: &str, input: Value) -> Result<Bytes, Problem> {
        self.studio.call(&self.viewer, key, input, None).await.map(|done| done.body)
    }

    /// Has an operation carried out, once for every form that was shown.
    pub(super) async fn tell(&self, key: &str, input: Value, once: Option<&str>) -> Result<Value, Halt> {
        self.try_tell(key, input, once).await.map_err(|problem| self.problem(&problem))
    }

    /// Has an operation carried out, or says why it was not.
    pub(super) async fn try_tell(&self, key: &str, input: Value, once: Option<&str>) -> Result<Value, Problem> {
        self.studio.call(&self.viewer, key, input, once).await.map(|done| done.value())
    }
}

impl Studio {
    /// How many approvals wait, where the viewer may know it.
    pub(super) async fn waiting(&self, viewer: &Viewer) -> Option<u64> {
        let pending = json!({ "status": "pending", "limit": 1, "maxBytes": 0 });
        let done = self.call(viewer, "agent.approvals.list", pending, None).await.ok()?;
        done.value()["total"].as_u64()
    }

    async fn call(&self, viewer: &Viewer, key: &str, input: Value, once: Option<&str>) -> Result<Done, Problem> {
        let call = Call {
            credential: viewer.credential(),
            idempotency_key: once.map(str::to_owned),
            ..Call::new(key, Pick::Major(1), input, SurfaceName::Studio)
        };
        self.gateway.call(call).await.outcome
    }
}
