//! Can the agent do what its rules say, and does it come to an end?

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    model::{
        Agent, Binding, Body, CallTool, Contract, Limits, ModelName, ModelPlanner, Planner, Ref, RulesPlanner, Schema,
        Then,
    },
    references::calls,
    schema::{Found, field, fields, required},
    subagent,
};

use super::{Subject, World, list, meant};

/// The kinds of artifacts (`agent.artifacts`).
const ARTIFACTS: &[&str] = &["file", "diff", "output", "report", "log"];

/// The operation that the planner `model` asks models with.
const MODEL_CALL: &str = "model.call";

/// The capability of the operations that runs can call without anything beside the server.
const BUILTIN_TOOLS: &str = "tools.builtin";

pub(super) fn check(subject: &mut Subject<'_>, agent: &Agent, world: &World<'_>) {
    limits(subject, agent);
    budget(subject, agent);
    let mut seen = BTreeSet::new();
    for (index, tool) in agent.tools.iter().enumerate() {
        if !seen.insert(&tool.operation) {
            let finding = Finding::error("named-twice", format!("the tool {} is named twice", tool.operation));
            subject.at(&format!("/tools/{index}/operation"), finding.help("Keep one of the two"));
        }
    }
    for (index, tool) in agent.tools.iter().enumerate() {
        not_a_tool(subject, index, &tool.operation, world);
    }
    for (pointer, call) in calls(agent) {
        self::call(subject, &pointer, call, agent, world);
    }
    match &agent.planner {
        Planner::Rules(planner) => rules(subject, planner),
        Planner::Model(planner) => model(subject, planner, agent),
    }
    for (index, used) in agent.packs.iter().enumerate() {
        let Some(pack) = world.get(&used.pack).and_then(crate::model::Contract::context_pack) else { continue };
        let pointer = format!("/packs/{index}/parameters");
        let names = used.parameters.keys().map(String::as_str);
        match &pack.parameters {
            Some(schema) => arguments(subject, &pointer, names, schema, "the pack"),
            None => {
                for name in names {
                    let finding =
                        Finding::error("unknown-argument", format!("the pack takes no parameters, so not `{name}`"));
                    subject.at_key(&crate::yaml::join(&pointer, name), finding.help("Remove it"));
                }
            }
        }
    }
}

/// A run calls tools. It asks no model by itself, and what the server answers at its own door it does not answer to runs.
fn not_a_tool(subject: &mut Subject<'_>, index: usize, operation: &Ref, world: &World<'_>) {
    let served = world.get(operation).is_some_and(is_served);
    let (why, help) = if &*operation.key == MODEL_CALL {
        let why = "a model is asked by the planner `model`, not as a tool".to_owned();
        (why, "Remove it, and say `planner: { kind: model, ... }`")
    } else if served {
        let why = format!("{operation} is answered by the server itself, and no tool that runs can call");
        (why, "Remove it; agents call your own operations, the built-in tools, tools of MCP servers and other agents")
    } else {
        return;
    };
    subject.at(&format!("/tools/{index}/operation"), Finding::error("not-a-tool", why).help(help));
}

/// Whether the server answers an operation at its door, as it does those that we ship and that are no built-in tools.
fn is_served(contract: &Contract) -> bool {
    let Some(operation) = contract.operation().filter(|_| contract.is_builtin()) else { return false };
    let capability = operation.capability.as_ref().map(|capability| &*capability.key);
    matches!(operation.binding, Binding::Builtin) && capability != Some(BUILTIN_TOOLS)
}

/// Money is a decimal text, in a currency.
fn budget(subject: &mut Subject<'_>, agent: &Agent) {
    let budget = &agent.budget;
    let costs = [("/budget/cost", &budget.cost), ("/budget/perDay/cost", &budget.per_day.cost)];
    for (place, cost) in costs {
        if cost.as_ref().is_some_and(|cost| !is_amount(cost)) {
            let finding = Finding::error("not-an-amount", "this is no amount of money");
            subject.at(
                place,
                finding.help("Write it as text: digits with at most nine after the point, such as \"0.50\""),
            );
        }
    }
    let is_code = |text: &String| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if budget.currency.as_ref().is_some_and(|currency| !is_code(currency)) {
        let finding = Finding::error("not-a-currency", "this is no currency");
        subject.at("/budget/currency", finding.help("Write its ISO 4217 code, such as USD"));
    }
}

/// Whether a text is an amount of money: at most nine digits, and nine after the point.
fn is_amount(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits =
        |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole, 9) && digits(fraction, 9)
}

fn limits(subject: &mut Subject<'_>, agent: &Agent) {
    let limits = agent.limits;
    let zeros = [
        ("/limits/steps", limits.steps == 0),
        ("/limits/parallel", limits.parallel == 0),
        ("/limits/deadlineSeconds", limits.deadline_seconds == 0),
        ("/limits/concurrency", limits.concurrency == Some(0)),
    ];
    for (pointer, _) in zeros.into_iter().filter(|(_, zero)| *zero) {
        let finding = Finding::error("zero-limit", "with a limit of zero the agent never does anything");
        subject.at(pointer, finding.help("Give a number above zero, or leave it out"));
    }
    for (index, tool) in agent.tools.iter().enumerate() {
        let zeros = [
            ("retry/attempts", tool.retry.attempts == 0),
            ("timeout", tool.timeout.is_some_and(|time| time.is_zero())),
            ("approvalExpires", tool.approval_expires.is_some_and(|time| time.is_zero())),
        ];
        for (name, _) in zeros.into_iter().filter(|(_, zero)| *zero) {
            let finding =
                Finding::error("zero-limit", format!("with a limit of zero {} is never carried out", tool.operation));
            subject.at(&format!("/tools/{index}/{name}"), finding.help("Give a value above zero, or leave it out"));
        }
    }
}

fn call(subject: &mut Subject<'_>, pointer: &str, call: &CallTool, agent: &Agent, world: &World<'_>) {
    if !agent.tools.iter().any(|tool| tool.operation == call.tool) {
        let finding = Finding::error("tool-not-declared", format!("{} is not among the agent's tools", call.tool));
        let names: Vec<String> = agent.tools.iter().map(|tool| tool.operation.to_string()).collect();
        let help = format!("Add it to `tools`; the agent may use {}", list(names.iter().map(String::as_str)));
        subject.at(&format!("{pointer}/tool"), finding.help(help));
    }
    let (at, names) = (format!("{pointer}/with"), call.with.keys().map(String::as_str));
    match world.get(&call.tool).map(|contract| &contract.body) {
        Some(Body::Operation(operation)) => arguments(subject, &at, names, &operation.input, &call.tool.to_string()),
        Some(Body::Agent(agent)) => {
            arguments(subject, &at, names, &subagent::input(&agent.input), &call.tool.to_string());
            if let Some(serde_json::Value::Object(input)) = call.with.get("input") {
                let names = input.keys().map(String::as_str);
                arguments(subject, &format!("{at}/input"), names, &agent.input, &call.tool.to_string());
            }
        }
        _ => {}
    }
}

/// Whether the names that are given are those that the schema takes. The values are known only when the run is.
fn arguments<'a>(
    subject: &mut Subject<'_>,
    pointer: &str,
    given: impl Iterator<Item = &'a str>,
    schema: &Schema,
    of: &str,
) {
    let given: BTreeSet<&str> = given.collect();
    for name in given.iter().filter(|name| !name.contains('.') && field(schema, name) == Found::Missing) {
        let known: Vec<&str> = fields(schema, schema).map(|(name, _)| name).collect();
        let finding = Finding::error("unknown-argument", format!("{of} takes no `{name}`"));
        subject.at_key(&crate::yaml::join(pointer, name), finding.help(meant(name, known.iter().copied())));
    }
    for name in required(schema, schema).filter(|name| !given.contains(name)) {
        let finding = Finding::error("missing-argument", format!("{of} requires `{name}`"));
        subject.at_key(pointer, finding.help(format!("Add `{name}: …`")));
    }
}

/// Whether a model can be asked, and comes to an end.
fn model(subject: &mut Subject<'_>, planner: &ModelPlanner, agent: &Agent) {
    if planner.model.as_slice().is_empty() {
        let finding = Finding::error("empty-list", "no model is named");
        subject.at("/planner/model", finding.help("Name at least one, as `provider/model`"));
    }
    for name in planner.model.as_slice().iter().filter(|name| !name.contains("${")) {
        if let Err(error) = name.parse::<ModelName>() {
            subject.at("/planner/model", Finding::error("no-model", error.to_string()).help("Write `provider/model`"));
        }
    }
    if agent.limits.steps == Limits::default().steps {
        let finding = Finding::error("no-limit", "nothing says how many steps the model may take");
        let help = "Say `limits: { steps: … }`: a model does not always come to an end by itself, and each step costs";
        subject.at("/limits", finding.help(help));
    }
    let zeros = [
        ("parameters/maxTokens", planner.parameters.max_tokens == 0),
        ("context/maxTokens", planner.context.max_tokens == 0),
        ("context/maxResultBytes", planner.context.max_result_bytes == 0),
        ("timeout", planner.timeout.is_zero()),
        ("retry/attempts", planner.retry.attempts == 0),
    ];
    for (name, _) in zeros.into_iter().filter(|(_, zero)| *zero) {
        let finding = Finding::error("zero-limit", "with a limit of zero the model is never asked");
        subject.at(&format!("/planner/{name}"), finding.help("Give a value above zero, or leave it out"));
    }
}

fn rules(subject: &mut Subject<'_>, planner: &RulesPlanner) {
    let mut seen = BTreeSet::new();
    let mut always: Option<&str> = None;
    for (index, rule) in planner.rules.iter().enumerate() {
        let pointer = format!("/planner/rules/{index}");
        if !seen.insert(&rule.id) {
            let finding = Finding::error("duplicate-rule", format!("two rules are called `{}`", rule.id));
            subject.at(
                &format!("{pointer}/id"),
                finding.help("Each rule has its own name, because the record says which one decided"),
            );
        }
        if let Some(first) = always {
            let finding = Finding::error(
                "unreachable-rule",
                format!("rule `{}` is never reached, because `{first}` always applies", rule.id),
            );
            subject.at(&format!("{pointer}/id"), finding.help("Give the earlier rule a `when`, or put it last"));
        }
        if rule.when.is_none() {
            always = always.or(Some(&rule.id));
        }
        match &rule.then {
            Then::Artifact(artifact) if !ARTIFACTS.contains(&artifact.kind.as_str()) => {
                let finding = Finding::error("unknown-value", format!("`{}` is not a kind of artifact", artifact.kind));
                subject.at(
                    &format!("{pointer}/then/artifact/kind"),
                    finding.help(meant(&artifact.kind, ARTIFACTS.iter().copied())),
                );
            }
            Then::Calls(calls) if calls.is_empty() => {
                let finding = Finding::error("empty-list", format!("rule `{}` calls nothing", rule.id));
                subject.at(&format!("{pointer}/then/calls"), finding.help("Name at least one tool"));
            }
            _ => {}
        }
    }
    if !planner.rules.iter().any(|rule| matches!(rule.then, Then::Finish(_))) {
        let finding = Finding::error("never-finishes", "no rule finishes the run");
        subject.at("/planner/rules", finding.help("Add a rule with `then: { finish: { … } }`"));
    }
}
