//! An agent's rules, compiled once.

use std::{collections::BTreeSet, sync::Arc};

use affiant_contract::{Agent, Ask, CallTool, MakeArtifact, Ref, Rule, Schema, Then};
use serde_json::Value;

use super::{Expression, Template, facts::Uses, reads::Read};

/// Rules that are ready to decide.
#[derive(Debug)]
pub struct Compiled {
    pub(super) rules: Vec<CompiledRule>,
    uses: Uses,
}

/// One rule.
#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) id: Arc<str>,
    pub(super) when: Option<Expression>,
    pub(super) then: CompiledThen,
}

/// What a rule does.
#[derive(Debug)]
pub(super) enum CompiledThen {
    Call(Vec<CompiledCall>),
    Artifact(Box<CompiledArtifact>),
    Ask(CompiledAsk),
    Finish(Template),
    Fail(Template),
}

#[derive(Debug)]
pub(super) struct CompiledCall {
    pub(super) tool: Ref,
    pub(super) name: Option<Arc<str>>,
    pub(super) label: Option<Template>,
    pub(super) arguments: Template,
}

#[derive(Debug)]
pub(super) struct CompiledArtifact {
    pub(super) kind: Arc<str>,
    pub(super) name: Template,
    pub(super) media: Arc<str>,
    pub(super) content: Template,
    pub(super) cites: Option<Template>,
    pub(super) summary: Option<Template>,
}

#[derive(Debug)]
pub(super) struct CompiledAsk {
    pub(super) name: Arc<str>,
    pub(super) question: Template,
    pub(super) schema: Schema,
}

/// Rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}`, {place}: {because}")]
pub struct NotCompiled {
    /// The rule.
    pub rule: String,
    /// Where in it: `when`, `with.text`, …
    pub place: String,
    /// What is wrong.
    pub because: String,
}

impl Compiled {
    /// Compiles the rules of an agent; every rule that cannot be used is named.
    pub fn new(agent: &Agent) -> Result<Self, Vec<NotCompiled>> {
        let (mut rules, mut wrong) = (Vec::new(), Vec::new());
        for rule in agent.planner.rules() {
            match compile_rule(rule) {
                Ok(rule) => rules.push(rule),
                Err(error) => wrong.push(error),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let uses = uses(&rules);
        Ok(Self { rules, uses })
    }

    /// Which facts the rules read.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The facts that the text of a rule reads, in its condition and in what it does; nothing where there is no such rule.
    pub fn reads_of(&self, rule: &str) -> Vec<&Read> {
        self.rules.iter().find(|it| &*it.id == rule).map(CompiledRule::reads).unwrap_or_default()
    }
}

impl CompiledRule {
    /// Whether the rule's condition asks how a step failed, so that it may answer the failure.
    pub(super) fn asks_about(&self, step: Option<&str>) -> bool {
        let Some(when) = &self.when else { return false };
        when.reads().iter().any(|read| {
            let path: Vec<&str> = read.path.iter().map(String::as_str).collect();
            match path.as_slice() {
                ["last", "status" | "error", ..] => true,
                ["steps", name, "status" | "error", ..] => Some(*name) == step,
                _ => false,
            }
        })
    }

    /// Every fact the rule may read, in its condition and in what it does.
    pub(super) fn reads(&self) -> Vec<&Read> {
        let mut reads: Vec<&Read> = self.when.iter().flat_map(|when| when.reads()).collect();
        match &self.then {
            CompiledThen::Call(calls) => calls.iter().for_each(|call| {
                call.arguments.reads(&mut reads);
                call.label.iter().for_each(|label| label.reads(&mut reads));
            }),
            CompiledThen::Artifact(it) => {
                [Some(&it.name), Some(&it.content), it.cites.as_ref(), it.summary.as_ref()]
                    .into_iter()
                    .flatten()
                    .for_each(|template| template.reads(&mut reads));
            }
            CompiledThen::Ask(it) => it.question.reads(&mut reads),
            CompiledThen::Finish(it) | CompiledThen::Fail(it) => it.reads(&mut reads),
        }
        reads
    }
}

fn uses(rules: &[CompiledRule]) -> Uses {
    let reads: Vec<&Read> = rules.iter().flat_map(CompiledRule::reads).collect();
    let root = |name: &str| reads.iter().any(|read| read.path[0] == name);
    let computed = reads.iter().any(|read| read.path == ["steps"]);
    let names: BTreeSet<String> =
        reads.iter().filter(|read| read.path[0] == "steps").filter_map(|read| read.path.get(1).cloned()).collect();
    Uses { steps: (!computed).then_some(names), last: root("last"), items: root("snapshot") }
}

fn compile_rule(rule: &Rule) -> Result<CompiledRule, NotCompiled> {
    let at = |place: &str| {
        let (rule, place) = (rule.id.clone(), place.to_owned());
        move |because| NotCompiled { rule, place, because }
    };
    let when = rule.when.as_deref().map(Expression::compile).transpose().map_err(at("when"))?;
    let then = match &rule.then {
        Then::Call(call) => CompiledThen::Call(vec![compile_call(call).map_err(at("call"))?]),
        Then::Calls(calls) => {
            CompiledThen::Call(calls.iter().map(compile_call).collect::<Result<_, _>>().map_err(at("calls"))?)
        }
        Then::Artifact(artifact) => {
            CompiledThen::Artifact(Box::new(compile_artifact(artifact).map_err(at("artifact"))?))
        }
        Then::Ask(ask) => CompiledThen::Ask(compile_ask(ask).map_err(at("ask"))?),
        Then::Finish(output) => CompiledThen::Finish(Template::object(output).map_err(at("finish"))?),
        Then::Fail(fail) => CompiledThen::Fail(text(&fail.because).map_err(at("fail"))?),
    };
    Ok(CompiledRule { id: rule.id.as_str().into(), when, then })
}

fn compile_call(call: &CallTool) -> Result<CompiledCall, String> {
    Ok(CompiledCall {
        tool: call.tool.clone(),
        name: call.name.as_deref().map(Into::into),
        label: call.label.as_deref().map(text).transpose()?,
        arguments: Template::object(&call.with)?,
    })
}

fn compile_artifact(artifact: &MakeArtifact) -> Result<CompiledArtifact, String> {
    Ok(CompiledArtifact {
        kind: artifact.kind.as_str().into(),
        name: text(&artifact.name)?,
        media: artifact.media_type.as_str().into(),
        content: Template::compile(&artifact.content)?,
        cites: artifact.cites.as_ref().map(Template::compile).transpose()?,
        summary: artifact.summary.as_deref().map(text).transpose()?,
    })
}

fn compile_ask(ask: &Ask) -> Result<CompiledAsk, String> {
    Ok(CompiledAsk { name: ask.name.as_str().into(), question: text(&ask.question)?, schema: ask.schema.clone() })
}

fn text(text: &str) -> Result<Template, String> {
    Template::compile(&Value::from(text))
}
