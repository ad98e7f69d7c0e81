//! What Chat Completions and Ollama's chat spell alike: tools as functions, and a list of messages after the instructions.

use affiant_engine::ports::{Message, ModelRequest, Speaker};
use serde_json::{Value, json};

/// The tools that are offered, if there are some.
pub(super) fn tools(request: &ModelRequest) -> Option<Value> {
    let tools = request.tools.iter();
    let tools: Vec<Value> = tools
        .map(|tool| {
            let (name, description, parameters) = (&tool.name, &tool.description, &tool.input);
            json!({ "type": "function", "function": { "name": name, "description": description, "parameters": parameters } })
        })
        .collect();
    (!tools.is_empty()).then(|| json!(tools))
}

/// The conversation: the instructions, then what each side said as its format spells it.
pub(super) fn messages(
    request: &ModelRequest,
    user: impl Fn(&Message) -> Vec<Value>,
    assistant: impl Fn(&Message) -> Option<Value>,
) -> Value {
    let mut messages = Vec::new();
    if !request.instructions.is_empty() {
        messages.push(json!({ "role": "system", "content": request.instructions }));
    }
    for message in &request.messages {
        match message.from {
            Speaker::User => messages.extend(user(message)),
            Speaker::Model => messages.extend(assistant(message)),
        }
    }
    json!(messages)
}
