//! Ollama's own chat (<https://docs.ollama.com/api/chat>, `…/capabilities/tool-calling`, `…/capabilities/thinking`,
//! `…/api/tags`).

mod answer;

use affiant_contract::Reasoning;
use affiant_engine::ports::{Message, Part};
use serde_json::{Map, Value, json};

use super::{super::frames::Framing, Asked, Reader, Wire, chat, names, object, openai::effort, set, spoken, texts};

/// The format of thoughts that are sent back as words.
const WORDS: &str = "ollama";

pub(super) struct Ollama;

impl Wire for Ollama {
    fn path(&self, _: &str) -> Vec<String> {
        ["api", "chat"].map(str::to_owned).to_vec()
    }

    fn body(&self, Asked { model, request, .. }: Asked<'_>) -> Value {
        let parameters = &request.parameters;
        let mut options = Map::new();
        options.insert("num_predict".into(), json!(parameters.max_tokens));
        set(&mut options, "temperature", parameters.temperature.map(|it| json!(it)));
        let mut body = Map::new();
        body.insert("model".into(), json!(model));
        body.insert("stream".into(), json!(true));
        body.insert("messages".into(), chat::messages(request, user, assistant));
        set(&mut body, "tools", chat::tools(request));
        body.insert("options".into(), json!(options));
        // A conversation that does not fit is refused with words, not cut in silence.
        body.insert("truncate".into(), json!(false));
        body.insert("shift".into(), json!(false));
        set(&mut body, "think", parameters.reasoning.map(|it| think(model, it)));
        // A schema would keep the model from calling tools.
        let format = request.output.clone().filter(|_| request.tools.is_empty());
        set(&mut body, "format", format);
        json!(body)
    }

    fn reader(&self, calls: usize) -> Box<dyn Reader> {
        Box::new(answer::Answer::new(calls))
    }

    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn models(&self) -> (&'static [&'static str], super::Names) {
        (&["api", "tags"], |list| names(list, "models", "name"))
    }
}

/// Only gpt-oss knows levels.
fn think(model: &str, reasoning: Reasoning) -> Value {
    match model.contains("gpt-oss") {
        true => json!(effort(reasoning)),
        false => json!(true),
    }
}

fn user(message: &Message) -> Vec<Value> {
    let results = message.parts.iter().filter_map(|part| match part {
        Part::Result { name, content, error, .. } => {
            Some(json!({ "role": "tool", "tool_name": name, "content": spoken(content, *error) }))
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
    let mut said = json!({ "role": "assistant", "content": texts(&message.parts) });
    let mut calls = Vec::new();
    for part in &message.parts {
        match part {
            Part::Reasoning { text, signature: Some(signature) } if signature.format == WORDS => {
                said["thinking"] = json!(text);
            }
            Part::Call { name, arguments, .. } => {
                calls.push(json!({ "function": { "name": name, "arguments": object(arguments) } }));
            }
            _ => (),
        }
    }
    if !calls.is_empty() {
        said["tool_calls"] = json!(calls);
    }
    Some(said)
}
