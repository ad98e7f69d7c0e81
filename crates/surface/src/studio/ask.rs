//! How a page asks: the operations, through the gateway, with the viewer's own key.

use affiant_contract::Pick;
use serde_json::Value;

use super::page::{Halt, Show};
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
        self.call(key, input, None).await
    }

    /// Has an operation carried out, once for every form that was shown.
    pub(super) async fn tell(&self, key: &str, input: Value, once: Option<&str>) -> Result<Value, Halt> {
        self.call(key, input, once).await.map_err(|problem| self.problem(&problem))
    }

    async fn call(&self, key: &str, input: Value, once: Option<&str>) -> Result<Value, Problem> {
        let call = Call {
            credential: self.viewer.credential(),
            idempotency_key: once.map(str::to_owned),
            ..Call::new(key, Pick::Major(1), input, SurfaceName::Studio)
        };
        self.studio.gateway.call(call).await.outcome.map(|done| done.value())
    }
}
