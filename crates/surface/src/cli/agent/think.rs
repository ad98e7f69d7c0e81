//! One test of an agent whose next step a model decides: the model says what the test's `says` list says, in order, what
//! stands in the file that `exchanges` names, or what was recorded of a provider in a `cassette`. Unless a cassette is
//! being recorded nobody is asked, and nothing is spent.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use affiant_contract::{Contract, ModelName, Registry};
use affiant_engine::{
    Rehearsal,
    ports::{ModelAsk, ModelReply, ModelRequest, ModelUsage, Models, Part, Stop, Tools},
    rules::{Beginning, PlannedCall, Wish},
};
use affiant_journal::TenantId;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    rehearse::{Came, carried_out, complete, snapshot},
    voices::Speakers,
};

/// More decisions than any test needs.
const DECISIONS: usize = 1_000;

/// Runs one test of an agent with a model.
pub(super) async fn run(
    agent: &Arc<Contract>,
    case: &Value,
    registry: &Registry,
    tools: &dyn Tools,
    (folder, speakers): (&Path, &mut Speakers<'_>),
) -> Result<Came, String> {
    let input = complete(agent.agent().ok_or("it is no agent")?, &case["input"])?;
    let beginning = Beginning {
        run: "run_test",
        agent: &agent.meta.key,
        input: &input,
        input_at: None,
        prompt: case["prompt"].as_str(),
        prompt_at: None,
    };
    let rehearsal = Rehearsal::new(agent, registry, &beginning, snapshot(&case["snapshot"]));
    let mut rehearsal = rehearsal.map_err(|error| error.to_string())?.ok_or("no model decides in it")?;
    let mut voice = voice(case, folder, speakers, timeout(agent))?;
    let mut came = Came::default();
    for _ in 0..DECISIONS {
        match rehearsal.next().wish {
            Wish::Call(calls) => {
                for call in calls {
                    step(&mut rehearsal, &mut came, &call, (case, &mut voice), registry, tools).await?;
                }
            }
            Wish::Artifact(made) => {
                rehearsal.kept(&made.name);
                came.artifacts.insert(made.name, String::from_utf8_lossy(&made.content).into_owned());
            }
            Wish::Ask(asked) => {
                let answer = &case["answers"][&*asked.name];
                if answer.is_null() {
                    (came.status, came.because) = ("waiting", format!("it asks: {}", asked.question));
                    return Ok(came);
                }
                rehearsal.heard(answer);
            }
            Wish::Finish(output) => {
                (came.status, came.output) = ("completed", output);
                return Ok(came);
            }
            Wish::Fail(because) | Wish::GiveUp { because, .. } => {
                (came.status, came.because) = ("failed", because);
                return Ok(came);
            }
        }
    }
    Err(format!("it does not end: {DECISIONS} decisions were made"))
}

async fn step(
    rehearsal: &mut Rehearsal,
    came: &mut Came,
    call: &PlannedCall,
    (case, voice): (&Value, &mut Voice),
    registry: &Registry,
    tools: &dyn Tools,
) -> Result<(), String> {
    if let Some(request) = rehearsal.request(call) {
        let (to, request) = request?;
        let reply = voice.answer(&to, request, came.asked).await?;
        came.asked += 1;
        rehearsal.answered(to, &reply);
        return Ok(());
    }
    came.calls.push(call.tool.key.to_string());
    let given = &case["results"][&*call.tool.key];
    let result = if given.is_null() { carried_out(call, registry, tools).await? } else { given.clone() };
    rehearsal.called(call, Ok(&result));
    Ok(())
}

/// Who speaks for the model in a test.
enum Voice {
    /// The test itself, answer by answer, whatever is asked.
    Script(VecDeque<ModelReply>),
    /// A cassette, or the providers whose answers are recorded on one: what is asked must be what was asked.
    Models { models: Arc<dyn Models>, timeout: Duration },
}

impl Voice {
    async fn answer(&mut self, to: &ModelName, request: ModelRequest, asked: usize) -> Result<ModelReply, String> {
        match self {
            Self::Script(script) => script.pop_front().ok_or_else(|| {
                format!("{to} is asked once more than the test's `says` has answers; it was asked {asked} times")
            }),
            Self::Models { models, timeout } => {
                let ask = ModelAsk {
                    tenant: TenantId::from("local"),
                    model: to.clone(),
                    request: Arc::new(request),
                    idempotency_key: format!("test/{asked}").into(),
                    timeout: *timeout,
                    cancel: CancellationToken::new(),
                    leaves: Arc::new(|_| ()),
                    told: Arc::new(|_| ()),
                };
                models.ask(ask).await.map_err(|failure| format!("{}: {}", failure.code, failure.message))
            }
        }
    }
}

fn timeout(agent: &Contract) -> Duration {
    let planner = agent.agent().and_then(|agent| agent.planner.model());
    planner.map_or(Duration::from_secs(600), |planner| planner.timeout)
}

/// Who speaks in this test: it says so in one way.
fn voice(case: &Value, folder: &Path, speakers: &mut Speakers<'_>, timeout: Duration) -> Result<Voice, String> {
    let from = match (case.get("says"), case["exchanges"].as_str(), case["cassette"].as_str()) {
        (Some(said), None, None) => said.clone(),
        (None, Some(file), None) => recorded(&folder.join(file))?,
        (None, None, Some(file)) => return Ok(Voice::Models { models: speakers(&folder.join(file))?, timeout }),
        _ => {
            return Err(
                "the test says not, or not in one way, where the model's answers come from: what it `says`, a file \
                        of `exchanges`, or a `cassette`"
                    .into(),
            );
        }
    };
    let said = from.as_array().ok_or("`says` is a list of answers")?;
    let said: Result<_, String> = said.iter().enumerate().map(|(place, answer)| reply(place, answer)).collect();
    said.map(Voice::Script)
}

/// The answers in a file: one JSON array, or one answer a line.
fn recorded(file: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let lines = || -> Result<Value, serde_json::Error> {
        text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str::<Value>).collect()
    };
    let answers = serde_json::from_str::<Value>(&text).or_else(|_| lines());
    answers.map_err(|error| format!("{} holds no answers: {error}", file.display()))
}

/// One answer: `text`, and `calls` with `tool` (the name it is offered under) and `with`; or `content` as the result of
/// a recorded `model.call` has it.
fn reply(place: usize, answer: &Value) -> Result<ModelReply, String> {
    let wrong = |why: &str| format!("answer {} of the model {why}", place + 1);
    let mut parts: Vec<Part> = match answer.get("content") {
        Some(content) => serde_json::from_value(content.clone()).map_err(|error| wrong(&error.to_string()))?,
        None => Vec::new(),
    };
    parts.extend(answer["text"].as_str().map(|text| Part::Text { text: text.to_owned() }));
    for (number, call) in answer["calls"].as_array().into_iter().flatten().enumerate() {
        let name = call["tool"].as_str().ok_or_else(|| wrong("has a call without `tool`"))?.to_owned();
        let arguments = call.get("with").cloned().unwrap_or_else(|| json!({})).to_string();
        parts.push(Part::Call { id: format!("call-{place}-{number}"), name, arguments, signature: None });
    }
    if parts.is_empty() {
        return Err(wrong("says nothing: give it `text`, `calls` or `content`"));
    }
    let calls = parts.iter().any(|part| matches!(part, Part::Call { .. }));
    let stop = if calls { Stop::Tools } else { Stop::End };
    let usage = ModelUsage::default();
    Ok(ModelReply { parts, stop, usage, model: None, request_id: None, sent: None, first: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_words_calls_or_what_was_recorded() {
        let said =
            reply(0, &json!({ "text": "hm", "calls": [{ "tool": "fs_read", "with": { "path": "a" } }] })).unwrap();
        assert_eq!((said.parts.len(), said.stop), (2, Stop::Tools));
        let again = reply(1, &json!({ "content": said.parts })).unwrap();
        assert_eq!(again.parts, said.parts);
        assert_eq!(
            reply(1, &json!({})).unwrap_err(),
            "answer 2 of the model says nothing: give it `text`, `calls` or `content`"
        );
    }
}
