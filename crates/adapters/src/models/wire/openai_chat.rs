//! OpenAI Chat Completions (<https://platform.openai.com/docs/api-reference/chat>, `…/chat-streaming`), which vLLM,
//! llama.cpp, Mistral, DeepSeek, OpenRouter and most gateways speak too.

mod answer;

use affiant_engine::ports::{Message, Part};
use serde_json::{Map, Value, json};

use super::{Asked, Reader, Wire, chat, is_strict, object, openai::effort, set, spoken, texts};

/// The format of thoughts that a server wants back as words; the value names the field.
const WORDS: &str = "openai-chat";

pub(super) struct OpenaiChat;

impl Wire for OpenaiChat {
    fn path(&self, _: &str) -> Vec<String> {
        ["chat", "completions"].map(str::to_owned).to_vec()
    }

    fn body(&self, Asked { model, request, at_home }: Asked<'_>) -> Value {
        let parameters = &request.parameters;
        // OpenAI itself has a new name for the limit that many compatible servers do not know.
        let limit = if at_home { "max_completion_tokens" } else { "max_tokens" };
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        body.insert("stream".into(), json!(true));
        body.insert("stream_options".into(), json!({ "include_usage": true }));
        body.insert("messages".into(), chat::messages(request, user, assistant));
        set(&mut body, "tools", chat::tools(request));
        body.insert(limit.into(), json!(parameters.max_tokens));
        set(&mut body, "temperature", parameters.temperature.map(|it| json!(it)));
        set(&mut body, "reasoning_effort", parameters.reasoning.map(|it| json!(effort(it))));
        set(&mut body, "response_format", request.output.as_ref().map(format));
        json!(body)
    }

    fn reader(&self, calls: usize) -> Box<dyn Reader> {
        Box::new(answer::Answer::new(calls))
    }
}

fn format(schema: &Value) -> Value {
    let strict = is_strict(schema);
    json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema, "strict": strict } })
}

fn user(message: &Message) -> Vec<Value> {
    let results = message.parts.iter().filter_map(|part| match part {
        Part::Result { call, content, error, .. } => {
            Some(json!({ "role": "tool", "tool_call_id": call, "content": spoken(content, *error) }))
        }
        _ => None,
    });
    let mut said: Vec<Value> = results.collect();
    let words = texts(&message.parts);
    if !words.is_empty() {
        said.push(json!({ "role": "user", "content": words }));
    }
    said
}

fn assistant(message: &Message) -> Option<Value> {
    let words = texts(&message.parts);
    let calls: Vec<Value> = message.parts.iter().filter_map(call).collect();
    if words.is_empty() && calls.is_empty() {
        return None;
    }
    let mut said = json!({ "role": "assistant", "content": (!words.is_empty()).then_some(words) });
    if !calls.is_empty() {
        // Servers want a thought back while the tools that it called are at work, and refuse it later.
        for part in &message.parts {
            if let Part::Reasoning { text, signature: Some(signature) } = part
                && signature.format == WORDS
            {
                said[&signature.value] = json!(text);
            }
        }
        said["tool_calls"] = json!(calls);
    }
    Some(said)
}

fn call(part: &Part) -> Option<Value> {
    let Part::Call { id, name, arguments, .. } = part else { return None };
    // Compatible servers read the arguments again, and fail at a cut text.
    let arguments = match serde_json::from_str::<Value>(arguments) {
        Ok(Value::Object(_)) => arguments.clone(),
        _ => object(arguments).to_string(),
    };
    Some(json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } }))
}
