//! One test of an agent: its rules decide as they would in a run (where a model does, see [`super::think`]), tools answer what the test says or, where they only
//! read or compute, do it. Nothing is written and nothing is recorded.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use affiant_contract::{Agent, Binding, Contract, Ref, Registry};
use affiant_engine::{
    ports::{Scope, ToolCall, Tools},
    rules::{self, Beginning, Compiled, Ended, Facts, PlannedCall, Wish, values},
};
use affiant_journal::{Digest, SnapshotId, SnapshotRef, TenantId};
use serde_json::{Map, Value};
use similar::TextDiff;
use tokio_util::sync::CancellationToken;

use super::{think, voices::Speakers};

/// More decisions than any test needs; an agent that goes on is one that does not end.
const DECISIONS: usize = 10_000;

/// How a test went.
pub(super) struct Rehearsed {
    /// What it says.
    pub(super) title: String,
    /// What was not as expected; nothing when it passed.
    pub(super) trouble: Vec<String>,
    /// Whether it came to an end, expected or not.
    pub(super) ended: bool,
}

/// What a run came to.
#[derive(Default)]
pub(super) struct Came {
    pub(super) status: &'static str,
    pub(super) because: String,
    pub(super) calls: Vec<String>,
    pub(super) output: Map<String, Value>,
    pub(super) artifacts: BTreeMap<String, String>,
    /// How often a model was asked.
    pub(super) asked: usize,
}

/// Runs one test.
pub(super) async fn rehearse(
    agent: &Arc<Contract>,
    case: &Value,
    registry: &Registry,
    tools: &dyn Tools,
    (folder, speakers): (&Path, &mut Speakers<'_>),
) -> Rehearsed {
    let title = case["title"].as_str().unwrap_or("a test without a title").to_owned();
    let came = match agent.agent() {
        Some(rules) if rules.planner.model().is_none() => run(rules, &agent.meta.key, case, registry, tools).await,
        _ => think::run(agent, case, registry, tools, (folder, speakers)).await,
    };
    let ended = came.is_ok();
    let trouble = match came {
        Ok(came) => compare(&case["expect"], &came),
        Err(trouble) => vec![trouble],
    };
    Rehearsed { title, trouble, ended }
}

async fn run(agent: &Agent, key: &str, case: &Value, registry: &Registry, tools: &dyn Tools) -> Result<Came, String> {
    let compiled =
        Compiled::new(agent).map_err(|wrong| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let input = complete(agent, &case["input"])?;
    let beginning = Beginning {
        run: "run_test",
        agent: key,
        input: &input,
        input_at: None,
        prompt: case["prompt"].as_str(),
        prompt_at: None,
    };
    let mut facts = Facts::new(compiled.uses().clone(), &beginning);
    facts.snapshot(snapshot(&case["snapshot"]));
    let mut came = Came::default();
    for _ in 0..DECISIONS {
        match rules::next(&compiled, &facts).map(|plan| plan.wish) {
            Ok(Wish::Call(calls)) => {
                for call in calls {
                    step(&mut facts, &mut came, &call, case, registry, tools).await?;
                }
            }
            Ok(Wish::Artifact(made)) => {
                facts.artifact("art_test", &made.name, &made.kind, Digest::of(&made.content));
                came.artifacts.insert(made.name, String::from_utf8_lossy(&made.content).into_owned());
            }
            Ok(Wish::Ask(asked)) => {
                let answer = &case["answers"][&*asked.name];
                if answer.is_null() {
                    (came.status, came.because) = ("waiting", format!("it asks: {}", asked.question));
                    return Ok(came);
                }
                facts.asked();
                facts.answered(&asked.name, answer, None);
            }
            Ok(Wish::Finish(output)) => {
                (came.status, came.output) = ("completed", output);
                return Ok(came);
            }
            Ok(Wish::Fail(because) | Wish::GiveUp { because, .. }) => {
                (came.status, came.because) = ("failed", because);
                return Ok(came);
            }
            Err(stuck) => {
                (came.status, came.because) = ("failed", stuck.to_string());
                return Ok(came);
            }
        }
    }
    Err(format!("it does not end: {DECISIONS} decisions were made"))
}

/// The input with the defaults of the agent's schema, as a run would have it.
pub(super) fn complete(agent: &Agent, input: &Value) -> Result<Value, String> {
    let mut input = if input.is_null() { Value::Object(Map::new()) } else { input.clone() };
    affiant_contract::normalise(&mut input);
    affiant_contract::validate_schema(&agent.input, &input)
        .map_err(|issues| format!("its input is not one that the agent takes: {issues:?}"))?;
    let fields = agent.input.get("properties").and_then(Value::as_object);
    for (field, schema) in fields.into_iter().flatten() {
        if let (Some(usual), Some(input)) = (schema.get("default"), input.as_object_mut()) {
            input.entry(field).or_insert_with(|| usual.clone());
        }
    }
    Ok(input)
}

pub(super) fn snapshot(items: &Value) -> rules::SharedFact {
    let empty = Value::Object(Map::new());
    let reference = SnapshotRef { id: SnapshotId::from("ctx_test"), root: Digest::of(b"") };
    Facts::snapshot_fact(&reference, values::from_json(if items.is_null() { &empty } else { items }))
}

/// One call: decided, answered, ended.
async fn step(
    facts: &mut Facts,
    came: &mut Came,
    call: &PlannedCall,
    case: &Value,
    registry: &Registry,
    tools: &dyn Tools,
) -> Result<(), String> {
    facts.decided();
    let number = came.calls.len() as u64;
    came.calls.push(call.tool.key.to_string());
    let given = &case["results"][&*call.tool.key];
    let result = if given.is_null() { carried_out(call, registry, tools).await? } else { given.clone() };
    facts.ended(&Ended {
        step: number,
        name: call.name.clone(),
        operation: &call.tool.to_string(),
        status: "completed",
        result: Some(&result),
        error: None,
        result_guard: None,
        message_guard: None,
    });
    Ok(())
}

/// The result of a tool that only reads or computes. It may touch no folder at all.
pub(super) async fn carried_out(call: &PlannedCall, registry: &Registry, tools: &dyn Tools) -> Result<Value, String> {
    let contract = operation(registry, &call.tool)?;
    let operation = contract.operation().ok_or_else(|| format!("{} is no operation", call.tool))?;
    let hints = operation.hints;
    let harmless = !hints.destructive && (hints.read_only || hints.idempotent);
    if !harmless || !matches!(operation.binding, Binding::Builtin) {
        return Err(format!("{} reaches outside; say under `results` what it gives in this test", call.tool));
    }
    let arguments = serde_json::to_vec(&call.arguments).map_err(|error| error.to_string())?;
    let scope = Scope { tenant: TenantId::from("t_test"), run: None, roots: Arc::new([]) };
    let call = ToolCall {
        operation: contract,
        arguments: arguments.into(),
        idempotency_key: "test".into(),
        timeout: Duration::from_secs(10),
        cancel: CancellationToken::new(),
        scope,
    };
    let name = call.operation.reference();
    tools.call(call).await.map(|output| output.value).map_err(|failure| {
        format!("{name} failed: {failure} ({}); say under `results` what it gives in this test", failure.code)
    })
}

fn operation(registry: &Registry, tool: &Ref) -> Result<Arc<affiant_contract::Contract>, String> {
    registry.get(tool).cloned().ok_or_else(|| format!("there is no operation {tool}"))
}

/// Everything that is not as expected.
fn compare(expected: &Value, came: &Came) -> Vec<String> {
    let mut trouble = Vec::new();
    if let Some(status) = expected["status"].as_str().filter(|status| *status != came.status) {
        let because = if came.because.is_empty() { String::new() } else { format!(": {}", came.because) };
        trouble.push(format!("expected it {status}, but it is {}{because}", came.status));
    }
    let calls: Option<Vec<&str>> =
        expected["calls"].as_array().map(|calls| calls.iter().filter_map(Value::as_str).collect());
    if let Some(calls) = calls.filter(|calls| *calls != came.calls) {
        trouble.push(format!("expected the calls {}, but it called {}", named(&calls), named(&came.calls)));
    }
    for (field, value) in expected["output"].as_object().into_iter().flatten() {
        let got = came.output.get(field).unwrap_or(&Value::Null);
        if got != value {
            trouble.push(format!("expected output.{field} to be {value}, but it is {got}"));
        }
    }
    for (name, text) in expected["artifacts"].as_object().into_iter().flatten() {
        match (came.artifacts.get(name), text.as_str()) {
            (Some(made), Some(text)) if made != text => {
                trouble.push(format!("{name} is not as expected:\n{}", diff(text, made)))
            }
            (None, _) => trouble.push(format!("expected an artifact {name}; it made {}", named(came.artifacts.keys()))),
            _ => (),
        }
    }
    trouble
}

fn named(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.as_ref().to_owned()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn diff(expected: &str, made: &str) -> String {
    TextDiff::from_lines(expected, made).unified_diff().header("expected", "made").to_string()
}

#[cfg(test)]
mod tests {
    use affiant_engine::ports::{Preview, ToolFailure, ToolOutput};
    use async_trait::async_trait;
    use serde_json::json;

    use super::*;

    /// Tools that answer with what they were asked.
    struct Mirror;

    #[async_trait]
    impl Tools for Mirror {
        fn carries(&self, _: &affiant_contract::Contract) -> bool {
            true
        }

        async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolFailure> {
            Ok(ToolOutput { value: serde_json::from_slice(&call.arguments).unwrap() })
        }

        async fn preview(&self, _: &ToolCall) -> Result<Preview, ToolFailure> {
            unreachable!("tests ask nobody")
        }
    }

    fn echo(case: &Value) -> Rehearsed {
        let registry = Registry::new(affiant_contract::builtin()).unwrap();
        let echo = registry.agents().find(|agent| &*agent.meta.key == "echo").unwrap().clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(rehearse(&echo, case, &registry, &Mirror, (Path::new("."), &mut |_| Err("none".into()))))
    }

    #[test]
    fn a_test_that_holds_has_no_trouble() {
        let case = json!({ "title": "twice", "input": { "steps": 2 },
            "expect": { "status": "completed", "calls": ["tool.echo", "tool.echo"], "output": { "steps": 2 } } });
        let rehearsed = echo(&case);
        assert_eq!((rehearsed.title.as_str(), rehearsed.trouble.len()), ("twice", 0), "{:?}", rehearsed.trouble);
    }

    #[test]
    fn every_expectation_that_does_not_hold_is_named() {
        let case = json!({ "title": "wrong", "input": {}, "expect": {
            "status": "failed", "calls": [], "output": { "steps": 3 }, "artifacts": { "A.md": "a" } } });
        insta::assert_snapshot!(echo(&case).trouble.join("\n"), @"
        expected it failed, but it is completed
        expected the calls none, but it called tool.echo
        expected output.steps to be 3, but it is 1
        expected an artifact A.md; it made none
        ");
    }
}
