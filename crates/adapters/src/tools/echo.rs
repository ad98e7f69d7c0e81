//! `tool.echo`: gives back what it was given.

use affiant_engine::ports::{ToolCall, ToolFailure};
use async_trait::async_trait;
use serde_json::{Map, Value};

use super::{Builtin, arguments};

pub(super) struct Echo;

#[async_trait]
impl Builtin for Echo {
    fn key(&self) -> &'static str {
        "tool.echo"
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let mut given: Map<String, Value> = arguments(&call)?;
        given.retain(|key, _| key == "value");
        Ok(Value::Object(given))
    }
}
