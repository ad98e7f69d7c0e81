//! From a step to what is sent, and from what came back to the step's result.

use affiant_contract::{ModelName, ModelParameters};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Transcript, fit::fit, spell::PREAMBLE};
use crate::{
    agent::{ReadyAgent, ReadyModel},
    ports::{ModelReply, ModelRequest},
    rules::Facts,
    work::Work,
};

/// The arguments of `model.call` that say how it is asked.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    model: ModelName,
    #[serde(default)]
    parameters: ModelParameters,
}

/// The whole request of a step that asks a model.
pub(crate) fn request_of(work: &Work, arguments: &[u8]) -> Result<(ModelName, ModelRequest), String> {
    let asked: Asked = serde_json::from_slice(arguments).map_err(|error| format!("the arguments: {error}"))?;
    let (Some(model), Some(transcript)) = (&work.agent.model, &work.transcript) else {
        return Err("no model decides in this run".to_owned());
    };
    whole(&work.agent, model, transcript, &work.facts, asked)
}

/// The request with everything that was said before.
pub(super) fn whole(
    agent: &ReadyAgent,
    model: &ReadyModel,
    transcript: &Transcript,
    facts: &Facts,
    asked: Asked,
) -> Result<(ModelName, ModelRequest), String> {
    let to = asked.model;
    let instructions = instructions(agent, model, facts)?;
    let fitted = fit(transcript, agent, &to, model.fixed + instructions.len() as u64)
        .map_err(|bytes| format!("the conversation is {bytes} bytes too long"))?;
    let request = ModelRequest {
        instructions,
        messages: fitted.messages,
        tools: model.abilities.offers.clone(),
        parameters: asked.parameters,
        output: None,
    };
    Ok((to, request))
}

/// What the model is told before everything else.
pub(super) fn instructions(agent: &ReadyAgent, model: &ReadyModel, facts: &Facts) -> Result<String, String> {
    let own = model.instructions.fill_text(facts).map_err(|error| format!("the instructions: {error}"))?;
    let promise = agent.agent().output.as_ref().map(|schema| {
        format!(
            "\n\nWhen you are done, answer with one JSON object and nothing else. It satisfies this schema: {schema}"
        )
    });
    Ok(format!("{PREAMBLE}\n\n{own}{}", promise.unwrap_or_default()))
}

/// The result of a step that asked a model.
pub(crate) fn answer_of(reply: &ModelReply) -> Value {
    let mut answer = Map::from_iter([
        ("content".to_owned(), json!(reply.parts)),
        ("stop".to_owned(), json!(reply.stop)),
        ("usage".to_owned(), json!(reply.usage)),
    ]);
    answer.extend(reply.model.clone().map(|model| ("model".to_owned(), model.into())));
    answer.extend(reply.request_id.clone().map(|id| ("requestId".to_owned(), id.into())));
    answer.extend(reply.sent.map(|sent| ("request".to_owned(), json!(sent))));
    let first = reply.first.and_then(|first| u64::try_from(first.as_micros()).ok());
    answer.extend(first.map(|first| ("firstWordUs".to_owned(), first.into())));
    Value::Object(answer)
}
