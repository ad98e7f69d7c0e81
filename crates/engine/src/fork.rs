//! Beginning again: a fork takes over the results of another run up to a step; a retry takes over nothing, or all there is.

use std::sync::Arc;

use affiant_contract::Pick;
use affiant_journal::{
    Action, ArtifactCreated, ArtifactId, Body, Budget, Decision, Digest, Event, Forked, InputReceived, InputRequested,
    Pinned, Run, RunId, RunSubmitted, StepDecided, StepObserved,
    run::{PACK, StepState},
};
use affiant_policy::Principal;
use serde_json::{Map, Value};

use crate::{
    Engine, EngineError,
    agent::{Hidden, ReadyAgent},
    draft::Draft,
    load::{Sealed, damaged},
    payload::{keep, spelled},
    replay::FORK,
    submit::{First, Origin, Submit, Submitted, allowed},
    work::asks_model,
};

/// Which run is forked, and where.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The run whose results are taken over.
    pub run: RunId,
    /// The first step that is decided anew.
    pub from_step: u64,
    /// Fields that replace those of the run's input.
    pub input: Option<Map<String, Value>>,
    /// What replaces the budget of the run, field by field.
    pub budget: Option<Budget>,
    /// Whether only the plan is wanted.
    pub dry_run: bool,
}

/// Which run is begun once more, and how.
#[derive(Clone, Debug)]
pub struct Retry {
    /// The run.
    pub run: RunId,
    /// Whether the agent's packs are read again.
    pub fresh_context: bool,
    /// Whether its results so far are taken over, so that it goes on where it ended.
    pub resume: bool,
    /// What replaces the budget of the run, field by field.
    pub budget: Option<Budget>,
}

/// What a fork does with each step of the run it starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct ForkPlan {
    /// The first step that is decided anew: the step that was asked for, or an earlier one that belongs to it.
    pub from_step: u64,
    /// What happens with each step.
    pub steps: Vec<ForkStep>,
    /// How many results are taken over.
    pub reused: u64,
    /// The new run, unless only the plan was wanted.
    pub submitted: Option<Submitted>,
}

/// What a fork does with one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkStep {
    /// Its number.
    pub step: u64,
    /// What it called, `key@version`.
    pub operation: Arc<str>,
    /// What people read while it runs.
    pub label: Option<String>,
    /// `reused`, `again` or `approval`.
    pub action: &'static str,
    /// Why, in a sentence.
    pub because: &'static str,
}

/// A run that is begun again.
struct Parent {
    events: Vec<Event>,
    run: Run,
    agent: Arc<ReadyAgent>,
    submitted: RunSubmitted,
}

impl Engine {
    /// Begins a run that takes over the results of another one up to a step.
    pub async fn fork(self: &Arc<Self>, who: &Principal, fork: Fork) -> Result<ForkPlan, EngineError> {
        let parent = self.parent(who, &fork.run).await?;
        if fork.from_step > parent.run.count() {
            return Err(EngineError::Missing { what: "step", name: fork.from_step.to_string() });
        }
        let from_step = parent.from(fork.from_step);
        let mut plan = parent.plan(from_step);
        if fork.dry_run {
            return Ok(plan);
        }
        let sealed = self.sealed(&who.tenant, &fork.run.stream(), 0).await?;
        let mut input = sealed.at(&parent.events[0], "/input").unwrap_or_else(|| Value::Object(Map::new()));
        if let (Value::Object(input), Some(changed)) = (&mut input, fork.input) {
            input.extend(changed);
        }
        let from = Forked { run: fork.run.clone(), step: from_step };
        let first = self.again(who, &parent, (&sealed, input), from, fork.budget, false)?;
        let reused = self.reused(who, &parent, &sealed, &first, from_step).await?;
        plan.submitted = Some(self.accept(who, first, reused, None).await?);
        Ok(plan)
    }

    /// Begins a run that has ended once more: from its start, or where it ended.
    pub async fn retry(self: &Arc<Self>, who: &Principal, retry: Retry) -> Result<Submitted, EngineError> {
        let Retry { run, fresh_context, resume, budget } = retry;
        let parent = self.parent(who, &run).await?;
        if !parent.run.status.ended() {
            return Err(EngineError::NotEnded);
        }
        let sealed = self.sealed(&who.tenant, &run.stream(), 0).await?;
        let input = sealed.at(&parent.events[0], "/input").unwrap_or_else(|| Value::Object(Map::new()));
        let step = if resume { parent.from(parent.run.count()) } else { 0 };
        let from = Forked { run: run.clone(), step };
        let first = self.again(who, &parent, (&sealed, input), from, budget, fresh_context)?;
        let reused = if resume { self.reused(who, &parent, &sealed, &first, step).await? } else { Vec::new() };
        self.accept(who, first, reused, None).await
    }

    async fn parent(&self, who: &Principal, run: &RunId) -> Result<Parent, EngineError> {
        let stream = run.stream();
        let read = self.read(&who.tenant, &stream, 0).await?;
        let folded = Run::replay(&read.events).map_err(|error| damaged(&stream, &error))?;
        let folded = folded.ok_or_else(|| EngineError::Missing { what: "run", name: run.to_string() })?;
        let agent = self.pinned_agent(&folded.submitted.agent, &folded.submitted.operations)?;
        let submitted = (*folded.submitted).clone();
        Ok(Parent { events: read.events, run: folded, agent, submitted })
    }

    fn again(
        &self,
        who: &Principal,
        parent: &Parent,
        (sealed, input): (&Sealed<'_>, Value),
        from: Forked,
        budget: Option<Budget>,
        fresh_context: bool,
    ) -> Result<First, EngineError> {
        parent.agent.input(Some(&input)).map_err(EngineError::Input)?;
        let prompt = sealed.at(&parent.events[0], "/prompt").and_then(|it| it.as_str().map(str::to_owned));
        let submit = Submit {
            agent_key: parent.agent.contract.meta.key.to_string(),
            agent_version: Pick::Exact(parent.agent.contract.meta.version.clone()),
            snapshot: None,
            prompt,
            input: Some(input),
            mode: parent.submitted.mode,
            priority: parent.submitted.priority,
            metadata: None,
            budget: replaced(parent.submitted.budget.clone(), budget),
            deadline: None,
            operation: parent.submitted.operation.name.parse().map_err(|_| EngineError::Conflict)?,
            idempotency: None,
            notify: None,
        };
        // An agent without packs reads its own input; that of the new run may be another.
        let same = parent.agent.pack.is_some() && !fresh_context;
        let snapshot = parent.run.snapshot.clone().filter(|_| same);
        let operations = allowed(&parent.agent, |auth, _| who.reaches(auth));
        let origin = Origin { operations, forked: Some(from), ..Origin::default() };
        self.first(parent.agent.clone(), submit, snapshot, origin)
    }

    /// What is taken over, in the order it happened.
    async fn reused(
        &self,
        who: &Principal,
        parent: &Parent,
        sealed: &Sealed<'_>,
        first: &First,
        from_step: u64,
    ) -> Result<Vec<(Draft, Option<Value>)>, EngineError> {
        let mut taken = Vec::new();
        for event in parent.before(from_step) {
            match &event.body {
                Body::StepDecided(it) => taken.extend(self.reused_step(who, parent, sealed, first, it, event).await?),
                Body::ArtifactCreated(it) => taken.push((self.copied(it), None)),
                Body::InputRequested(it) => {
                    taken.push((InputRequested { rule: FORK.into(), facts: Map::new(), ..it.clone() }.into(), None));
                }
                Body::InputReceived(it) => {
                    let answer = sealed.at(event, "/answer").unwrap_or(Value::Null);
                    let draft = Draft::from(InputReceived { name: it.name.clone() });
                    taken.push((draft.with("/answer", Some(answer.clone())), Some(answer)));
                }
                _ => (),
            }
        }
        Ok(taken)
    }

    fn copied(&self, it: &ArtifactCreated) -> Draft {
        let artifact = ArtifactId::new(self.ports.chance.id("art_", self.ports.clock.now()));
        ArtifactCreated { artifact, facts: Map::new(), rule: None, ..it.clone() }.into()
    }

    async fn reused_step(
        &self,
        who: &Principal,
        parent: &Parent,
        sealed: &Sealed<'_>,
        first: &First,
        it: &StepDecided,
        decided: &Event,
    ) -> Result<[(Draft, Option<Value>); 2], EngineError> {
        let ended = parent.end(it.step)?;
        let Body::StepObserved(observed) = &ended.body else { return Err(EngineError::Conflict) };
        let arguments = self.open_payload(&it.arguments, "/arguments", decided, sealed).await?;
        let result = self.open_payload(&observed.result, "/result", ended, sealed).await?;
        let (none, chance) = (Hidden::default(), &*self.ports.chance);
        let hidden = parent.agent.tool_named(&it.operation.name).map_or(&none, |tool| &tool.hidden);
        let action = action(who, first, &it.operation, &spelled(&arguments));
        let (arguments, kept) =
            (keep(arguments, "/arguments", hidden, chance), keep(result.clone(), "/result", hidden, chance));
        let decision = StepDecided {
            action,
            arguments: arguments.payload.clone(),
            decision: Decision::Reused,
            dispatch: None,
            // A conversation goes on with the model that it was led with.
            facts: if asks_model(&it.operation) { it.facts.clone() } else { Map::new() },
            policies: Vec::new(),
            reserved: None,
            rule: if &*it.rule == PACK { PACK.into() } else { FORK.into() },
            ..it.clone()
        };
        let observed = StepObserved {
            attempt: 0,
            duration_us: 0,
            recorded_by: None,
            result: kept.payload.clone(),
            step: it.step,
            usage: None,
            waited_us: None,
        };
        Ok([(Draft::from(decision).holding(arguments), None), (Draft::from(observed).holding(kept), Some(result))])
    }
}

/// A budget with those fields replaced that another one says.
fn replaced(budget: Option<Budget>, by: Option<Budget>) -> Option<Budget> {
    let Some(by) = by else { return budget };
    let before = budget.unwrap_or_default();
    let money = if by.cost.is_some() { (by.cost, by.currency) } else { (before.cost, before.currency) };
    Some(Budget {
        cost: money.0,
        currency: money.1,
        steps: by.steps.or(before.steps),
        tokens: by.tokens.or(before.tokens),
        tool_calls: by.tool_calls.or(before.tool_calls),
    })
}

fn action(who: &Principal, first: &First, operation: &Pinned, arguments: &[u8]) -> Digest {
    Action {
        agent: first.agent.pinned.digest,
        arguments: Digest::of(arguments),
        operation: &operation.name,
        operation_digest: operation.digest,
        subject: &who.id,
        target: first.id.as_str(),
        tenant: &who.tenant,
    }
    .digest()
}

impl Parent {
    /// The first step that must be decided anew: not after one without a result, and not inside of calls that one
    /// rule decided together.
    fn from(&self, asked: u64) -> u64 {
        let steps = self.run.steps();
        let whole = steps.iter().position(|step| !matches!(step.state, StepState::Observed { .. }));
        let mut from = whole.map_or(asked, |first| asked.min(first as u64));
        while let [.., before, step] = &steps[..steps.len().min(from as usize + 1)] {
            if from as usize >= steps.len() || before.rule != step.rule || before.decided + 1 != step.decided {
                break;
            }
            from -= 1;
        }
        from
    }

    /// The events before a step was decided.
    fn before(&self, step: u64) -> &[Event] {
        let end = self.run.step(step).map_or(self.events.len() as u64, |step| step.decided);
        &self.events[..usize::try_from(end).unwrap_or(self.events.len())]
    }

    fn decision(&self, step: u64) -> Result<&Event, EngineError> {
        let decided = self.run.step(step).map(|step| step.decided).ok_or(EngineError::Conflict)?;
        usize::try_from(decided).ok().and_then(|at| self.events.get(at)).ok_or(EngineError::Conflict)
    }

    fn end(&self, step: u64) -> Result<&Event, EngineError> {
        let ended = self.run.step(step).and_then(|step| step.ended).ok_or(EngineError::Conflict)?;
        usize::try_from(ended).ok().and_then(|at| self.events.get(at)).ok_or(EngineError::Conflict)
    }

    fn plan(&self, from_step: u64) -> ForkPlan {
        let steps = self.run.steps().iter().zip(0..).map(|(step, number)| {
            let operation = self.run.operation(step).name.clone();
            let needs = self.agent.tool_named(&operation).is_some_and(asks);
            let (action, because) = match (number < from_step, needs) {
                (true, _) => ("reused", "its result is taken from the record"),
                (false, true) => ("approval", "it comes after the fork, and a person is asked first"),
                (false, false) => ("again", "it comes after the fork and is decided anew"),
            };
            ForkStep { step: number, operation, label: self.label(number), action, because }
        });
        ForkPlan { from_step, steps: steps.collect(), reused: from_step, submitted: None }
    }

    fn label(&self, step: u64) -> Option<String> {
        match &self.decision(step).ok()?.body {
            Body::StepDecided(it) => it.label.clone(),
            _ => None,
        }
    }
}

/// Whether a person is asked before a tool is called.
fn asks(tool: &crate::agent::ReadyTool) -> bool {
    use affiant_contract::ApprovalRule;
    match tool.terms.approval {
        ApprovalRule::Required => true,
        ApprovalRule::ByHint => tool.bound.operation().hints.destructive,
        ApprovalRule::Never => false,
    }
}
