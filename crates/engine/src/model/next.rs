//! What the model wants next: a pure function of the conversation.

use std::sync::Arc;

use affiant_contract::ModelName;
use serde_json::{Map, Value, json};

use super::{
    RULE,
    fit::{added, fit},
    request::instructions,
    rule_of,
    transcript::{Call, Failed, Round, Transcript, Wants},
};
use crate::{
    agent::{ReadyAgent, ReadyModel},
    ports::{Part, Stop},
    rules::{Facts, Plan, PlannedArtifact, PlannedCall, PlannedQuestion, Wish},
};

/// Answers that may be wrong before the run gives up: one, and its repair.
const REPAIRS: usize = 1;

/// What the run does next, when nothing of it is open.
pub(crate) fn next(agent: &ReadyAgent, model: &ReadyModel, transcript: &Transcript, facts: &Facts) -> Plan {
    if let Some(because) = &transcript.stopped {
        return plan(RULE.into(), fails("tool-failed", because.clone()));
    }
    let asking = |name: &ModelName| ask(agent, model, transcript, facts, name);
    let names = match names(model, facts) {
        Ok(names) => names,
        Err(because) => return plan(RULE.into(), fails("planner-failed", because)),
    };
    match (transcript.failed.last(), transcript.rounds.last()) {
        (Some(failed), _) => match after(&names, failed) {
            Some(name) => asking(name),
            None => gave_up(failed),
        },
        (None, None) => match names.first() {
            Some(name) => asking(name),
            None => plan(RULE.into(), fails("model-failed", "the agent names no model".into())),
        },
        (None, Some(round)) => match wish(round, agent, transcript) {
            Some(wish) => plan(rule_of(round.step), wish),
            None => asking(&round.model),
        },
    }
}

fn plan(rule: Arc<str>, wish: Wish) -> Plan {
    Plan { rule, facts: Map::new(), wish }
}

fn fails(code: &'static str, because: String) -> Wish {
    Wish::GiveUp { code, because }
}

/// Every model that the next step may ask.
pub(crate) fn may_ask(model: &ReadyModel, transcript: &Transcript, facts: &Facts) -> Vec<ModelName> {
    let mut all = names(model, facts).unwrap_or_default();
    all.extend(transcript.rounds.last().map(|round| round.model.clone()));
    all
}

/// The models in the order in which they are asked.
fn names(model: &ReadyModel, facts: &Facts) -> Result<Vec<ModelName>, String> {
    let name = |template: &crate::rules::Template| {
        let name = template.fill_text(facts).map_err(|error| format!("the name of a model: {error}"))?;
        name.parse::<ModelName>().map_err(|error| error.to_string())
    };
    model.models.iter().map(name).collect()
}

/// The model that is asked after one that failed for good.
fn after<'m>(models: &'m [ModelName], failed: &Failed) -> Option<&'m ModelName> {
    let place = models.iter().position(|model| Some(model) == failed.model.as_ref())?;
    models.get(place + 1)
}

fn gave_up(failed: &Failed) -> Plan {
    let name = failed.model.as_ref().map(ToString::to_string).unwrap_or_default();
    let because = format!("{name} gave no answer in step {}: {}. {}", failed.step, failed.code, failed.message);
    plan(RULE.into(), fails("model-failed", because.trim_end().to_owned()))
}

/// What the newest answer wants; none when the model is to be asked again.
fn wish(round: &Round, agent: &ReadyAgent, transcript: &Transcript) -> Option<Wish> {
    let open: Vec<&Call> = round.calls.iter().filter(|call| call.told.is_none()).collect();
    let calls: Vec<PlannedCall> = open.iter().filter_map(|call| planned(call, agent)).collect();
    if !calls.is_empty() {
        return Some(Wish::Call(calls));
    }
    if let Some(artifact) = open.iter().find_map(|call| artifact(call)) {
        return Some(Wish::Artifact(artifact));
    }
    if let Some(question) = open.iter().find_map(|call| question(call, transcript)) {
        return Some(Wish::Ask(question));
    }
    if round.calls.is_empty() { conclude(round, agent, transcript) } else { None }
}

fn planned(call: &Call, agent: &ReadyAgent) -> Option<PlannedCall> {
    let Wants::Tool(place, arguments) = &call.wants else { return None };
    let tool = agent.tools.get(*place)?.terms.operation.clone();
    call.step.is_none().then(|| PlannedCall {
        label: Some(tool.key.to_string()),
        tool,
        name: Some(call.id.clone()),
        arguments: arguments.clone(),
        sends: None,
    })
}

fn artifact(call: &Call) -> Option<PlannedArtifact> {
    let Wants::Keep(value) = &call.wants else { return None };
    let text = |field: &str| value[field].as_str().map(str::to_owned);
    let cites = value["cites"].as_array().into_iter().flatten();
    Some(PlannedArtifact {
        kind: text("kind").unwrap_or_else(|| "report".into()).into(),
        name: text("name")?,
        media: text("mediaType").unwrap_or_else(|| "text/markdown".into()).into(),
        content: text("content")?.into_bytes().into(),
        cites: cites.filter_map(|cite| cite.as_str().map(str::to_owned)).collect(),
        summary: text("summary"),
    })
}

fn question(call: &Call, transcript: &Transcript) -> Option<PlannedQuestion> {
    let Wants::Ask(value) = &call.wants else { return None };
    let asked = transcript.rounds.iter().flat_map(|round| &round.calls);
    let before = asked.filter(|call| matches!(call.wants, Wants::Ask(_)) && call.told.is_some()).count();
    Some(PlannedQuestion {
        name: format!("question-{}", before + 1).into(),
        question: value["question"].as_str().unwrap_or_default().to_owned(),
        schema: json!({ "type": "string" }),
    })
}

/// The end of a conversation whose newest answer calls nothing; none when the answer is to be repaired.
fn conclude(round: &Round, agent: &ReadyAgent, transcript: &Transcript) -> Option<Wish> {
    match wrong(round, agent) {
        None => Some(Wish::Finish(output(round, agent).unwrap_or_default())),
        Some(_) if round.stop == Stop::Refused => Some(fails("model-failed", format!("{} refused", round.model))),
        Some(because) => {
            let wrongs = transcript.rounds.iter().rev().take_while(|round| round.calls.is_empty()).count();
            let tried = format!("{}, answering twice, gave no answer that can be used. {because}", round.model);
            (wrongs > REPAIRS).then(|| fails("model-failed", tried))
        }
    }
}

/// What is wrong with an answer that calls nothing, as the model is told; none when it is right.
pub(super) fn wrong(round: &Round, agent: &ReadyAgent) -> Option<String> {
    match round.stop {
        Stop::Refused => return Some("The request was refused.".into()),
        Stop::Length => return Some("The answer was cut at its limit of tokens. Answer again, shorter.".into()),
        _ => (),
    }
    output(round, agent).err()
}

/// What the run gives when this answer is its last.
fn output(round: &Round, agent: &ReadyAgent) -> Result<Map<String, Value>, String> {
    let text = text_of(&round.parts);
    let Some(schema) = &agent.output else {
        return match text.trim() {
            "" => Err("The answer was empty. Say in words what came of it.".into()),
            text => Ok(Map::from_iter([("text".to_owned(), Value::from(text))])),
        };
    };
    let value: Value = serde_json::from_str(bare(&text)).map_err(|error| {
        format!("The answer is not one JSON object: {error}. Answer with the object and nothing else.")
    })?;
    schema.check(&value).map_err(|issues| {
        let wrong: Vec<_> = issues.iter().take(5).map(|issue| format!("`{}` {}", issue.path, issue.message)).collect();
        format!(
            "The answer is not what the agent promises: {}. Answer with the corrected object alone.",
            wrong.join("; ")
        )
    })?;
    match value {
        Value::Object(output) => Ok(output),
        _ => Err("The answer is not a JSON object. Answer with the object and nothing else.".into()),
    }
}

fn text_of(parts: &[Part]) -> String {
    let texts = parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// JSON without the fence that models like to put around it.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|it| it.strip_suffix("```"));
    inner.unwrap_or(text).trim()
}

/// The next call of a model: what was added to the conversation, and what no longer fits.
fn ask(agent: &ReadyAgent, model: &ReadyModel, transcript: &Transcript, facts: &Facts, to: &ModelName) -> Plan {
    let instructions = match instructions(agent, model, facts) {
        Ok(instructions) => instructions,
        Err(because) => return plan(RULE.into(), fails("planner-failed", because)),
    };
    let fitted = match fit(transcript, agent, to, model.fixed + instructions.len() as u64) {
        Ok(fitted) => fitted,
        Err(bytes) => {
            let because = format!(
                "the conversation is {bytes} bytes longer than `context.maxTokens` of the agent's planner allows, with \
                 everything left out that may be. Give it less to read, or allow more there if the model reads more"
            );
            return plan(RULE.into(), fails("model-failed", because));
        }
    };
    let mut arguments = json!({
        "model": to,
        "messages": [added(transcript, agent)],
        "tools": model.abilities.offers.iter().map(|offer| &offer.name).collect::<Vec<_>>(),
        "parameters": model.planner.parameters,
    });
    match transcript.rounds.last() {
        Some(round) => arguments["after"] = round.step.into(),
        None => arguments["instructions"] = instructions.into(),
    }
    if !fitted.dropped.is_empty() {
        arguments["dropped"] = json!(fitted.dropped);
    }
    let (tool, label, sends) = (model.call.clone(), Some(format!("ask {to}")), Some(fitted.size));
    let call = PlannedCall { tool, name: None, label, arguments, sends };
    let facts = Map::from_iter([("model".to_owned(), json!(to))]);
    Plan { rule: RULE.into(), facts, wish: Wish::Call(vec![call]) }
}
