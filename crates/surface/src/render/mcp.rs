//! MCP tool descriptions, for commands and queries alike.

use affiant_contract::{Binding, Contract, Operation, Registry};
use serde::Serialize;
use serde_json::{Value, json};

use super::{names::operation_id, schema::explicit};

/// What `tools/list` answers.
#[derive(Debug, Serialize)]
pub struct ToolList {
    /// The tools, by key and version.
    pub tools: Vec<Tool>,
}

/// One tool, as MCP describes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `agent_run-v1_0_0`
    pub name: String,
    /// For people.
    pub title: String,
    /// For the model that chooses: what it does, why and when.
    pub description: String,
    /// The input, as JSON Schema.
    pub input_schema: Value,
    /// The structured output, as JSON Schema.
    pub output_schema: Value,
    /// What may be assumed about its effects.
    pub annotations: Annotations,
    /// The contract behind it.
    #[serde(rename = "_meta")]
    pub meta: Value,
}

/// What may be assumed about a tool's effects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotations {
    /// It changes nothing.
    pub read_only_hint: bool,
    /// It may destroy or overwrite something.
    pub destructive_hint: bool,
    /// A second call has no further effect.
    pub idempotent_hint: bool,
    /// It may reach beyond this server.
    pub open_world_hint: bool,
}

/// The tools of every operation.
pub fn tools(registry: &Registry) -> ToolList {
    let tools = registry.operations().map(|bound| tool(bound.contract(), bound.operation())).collect();
    ToolList { tools }
}

/// The tool of one operation.
pub fn tool(contract: &Contract, operation: &Operation) -> Tool {
    let meta = &contract.meta;
    let sentences = [Some(&meta.description), meta.goal.as_ref(), meta.context.as_ref()];
    Tool {
        name: operation_id(&contract.reference()),
        title: meta.title.clone(),
        description: sentences.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n"),
        input_schema: explicit(&operation.input),
        output_schema: explicit(&operation.output),
        annotations: Annotations {
            read_only_hint: operation.hints.read_only,
            destructive_hint: operation.hints.destructive,
            idempotent_hint: operation.hints.idempotent,
            open_world_hint: operation.binding != Binding::Builtin,
        },
        meta: json!({ "affiant/contract": contract.reference(), "affiant/stability": meta.stability }),
    }
}
