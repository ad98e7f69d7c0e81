//! What a server says of a tool, and whether that is what was pinned.

use std::collections::BTreeMap;

use affiant_contract::{McpBinding, digest};
use affiant_engine::ports::{ListedTool, ToolFailure};
use rmcp::model::Tool;
use serde_json::{Map, Value, json};

use crate::{
    display::{escape, shorten},
    failure::refuse,
    secrets::Secrets,
};

/// The parts that a change is named by, and what people call them.
const PARTS: [(&str, &str); 3] =
    [("description", "description"), ("input", "input schema"), ("output", "output schema")];

/// The tool as it is listed, with its digests.
pub(super) fn listed(tool: Tool, secrets: &Secrets) -> ListedTool {
    let schema = |schema: &Map<String, Value>| secrets.hide_in(Value::Object(schema.clone()));
    let (name, input) = (secrets.hide(&tool.name), schema(&tool.input_schema));
    let (output, hints) = (tool.output_schema.as_deref().map(schema), tool.annotations.unwrap_or_default());
    let description = tool.description.as_deref().map(|text| secrets.hide(text));
    let whole = json!({ "description": description, "inputSchema": input, "name": name, "outputSchema": output });
    let parts = [("description", json!(description)), ("input", input.clone()), ("output", json!(output))];
    ListedTool {
        title: tool.title.or(hints.title).map(|title| secrets.hide(&title)),
        schema: digest_of(whole),
        parts: parts.into_iter().map(|(part, value)| (part.to_owned(), digest_of(value))).collect(),
        read_only: hints.read_only_hint,
        destructive: hints.destructive_hint,
        idempotent: hints.idempotent_hint,
        name,
        description,
        input,
        output,
    }
}

/// Digest of a value's canonical spelling: keys sorted, no white space.
fn digest_of(value: Value) -> String {
    digest(sorted(value).to_string().as_bytes())
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields.into_iter().map(|(name, it)| (name, sorted(it))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Refuses a tool that is not listed as it was pinned, and says what is different.
pub(super) fn check(binding: &McpBinding, listed: Option<&ListedTool>) -> Result<(), ToolFailure> {
    let tool = shorten(&escape(&binding.tool), 100);
    let (server, again) = (&binding.server, format!("affiant mcp pin {}", binding.server));
    let Some(listed) = listed else {
        let message = format!("the MCP server `{server}` no longer lists the tool `{tool}`; see `affiant mcp list`");
        return Err(refuse("tool-changed", message));
    };
    if listed.schema == binding.schema {
        return Ok(());
    }
    let differs =
        |part: &&(&str, &str)| binding.parts.get(part.0).is_some_and(|pinned| listed.parts.get(part.0) != Some(pinned));
    let changed: Vec<&str> = PARTS.iter().filter(differs).map(|(_, words)| *words).collect();
    let what = match changed.as_slice() {
        [] => "what the server lists of it is different".to_owned(),
        [one] => format!("its {one} is different"),
        many => format!("its {} are different", many.join(" and ")),
    };
    let message = format!(
        "the tool `{tool}` of the MCP server `{server}` is not the one that was pinned: {what}. Look at it, then pin it \
         again: {again}"
    );
    Err(refuse("tool-changed", message))
}
