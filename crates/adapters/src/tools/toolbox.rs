//! All tools behind one port.

use std::collections::BTreeMap;

use affiant_contract::{Binding, Contract};
use affiant_engine::ports::{Preview, ToolCall, ToolFailure, ToolOutput, Tools};
use async_trait::async_trait;

use super::{Builtin, builtin};
use crate::{display::escape, failure::refuse};

/// Carries operations out by their binding: built-in tools by key.
pub struct Toolbox {
    builtin: BTreeMap<&'static str, Box<dyn Builtin>>,
}

impl Toolbox {
    /// The toolbox with every built-in tool.
    pub fn new() -> Self {
        Self { builtin: builtin().into_iter().map(|tool| (tool.key(), tool)).collect() }
    }

    fn tool(&self, contract: &Contract) -> Option<&dyn Builtin> {
        let tool = self.builtin.get(&*contract.meta.key)?;
        matches!(contract.operation()?.binding, Binding::Builtin).then_some(&**tool)
    }
}

impl Default for Toolbox {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tools for Toolbox {
    fn carries(&self, operation: &Contract) -> bool {
        self.tool(operation).is_some()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolFailure> {
        let tool = self.tool(&call.operation).ok_or_else(|| not_bound(&call))?;
        tool.call(call).await.map(|value| ToolOutput { value })
    }

    async fn preview(&self, call: &ToolCall) -> Result<Preview, ToolFailure> {
        let tool = self.tool(&call.operation).ok_or_else(|| not_bound(call))?;
        match tool.preview(call).await? {
            Some(preview) => Ok(preview),
            None => Ok(plain(call, "no network, no cost")),
        }
    }
}

/// A preview that shows the arguments.
fn plain(call: &ToolCall, effect: &str) -> Preview {
    let body = match serde_json::from_slice::<serde_json::Value>(&call.arguments) {
        Ok(arguments) => serde_json::to_string_pretty(&arguments).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(&call.arguments).into_owned(),
    };
    Preview {
        title: escape(&call.operation.meta.title),
        effect: effect.to_owned(),
        body,
        media: "application/json".to_owned(),
    }
}

fn not_bound(call: &ToolCall) -> ToolFailure {
    refuse("not-bound", format!("nothing here carries out {}", call.operation.reference()))
}
