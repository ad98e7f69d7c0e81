//! From what the rules want to the events that record it: policy, limits, and the exact action.

use std::sync::Arc;

use affiant_contract::Auth;
use affiant_journal::{
    Action, ArtifactCreated, ArtifactId, Decision, Digest, InputRequested, Pinned, RunCompleted, StepDecided,
    StepObserved,
    run::{PACK, StepState},
};
use affiant_policy::{Ask, PolicySet, Role, Ruling};
use serde_json::{Map, Value};

use crate::{
    advance::{Errand, Turn, dispatch},
    agent::{Hidden, ReadyTool},
    budget::{bounds, used_up},
    decide,
    draft::Draft,
    ledger::{NotWritten, totals_of},
    model,
    payload::{self, keep, spelled},
    rules::{self, Plan, PlannedArtifact, PlannedCall, PlannedQuestion, Stuck, Wish},
    work::{Job, Opened, Work},
};

impl Work {
    /// Lets the planner decide and records what it decided.
    pub(crate) fn plan(&mut self, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        if self.run().snapshot.is_none() {
            return self.open_packs(turn, errands);
        }
        match self.next() {
            Ok(plan) => self.carry_out(plan, turn, errands),
            Err(Stuck::Unanswered) => self.end_by_step(turn),
            Err(stuck) => self.end_failed("planner-failed", &stuck.to_string(), None, turn),
        }
    }

    /// What the planner wants next, whichever it is.
    pub(crate) fn next(&self) -> Result<Plan, Stuck> {
        match (&self.agent.model, &self.transcript) {
            (Some(model), Some(transcript)) => Ok(model::next(&self.agent, model, transcript, &self.facts)),
            _ => rules::next(&self.agent.rules, &self.facts),
        }
    }

    fn carry_out(&mut self, plan: Plan, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        let Plan { rule, facts, wish } = plan;
        match wish {
            Wish::Call(calls) => self.call(&rule, &facts, calls, turn, errands),
            Wish::Artifact(artifact) => self.make(rule, facts, artifact, turn),
            Wish::Ask(question) => self.ask(rule, facts, question, turn),
            Wish::Finish(output) => {
                let kept = keep(Value::Object(output), "/output", &Hidden::default(), turn.pen.chance);
                let (output, totals) = (kept.payload.clone(), totals_of(self.run()));
                let draft = Draft::from(RunCompleted { facts, output, rule, totals }).holding(kept);
                self.write(draft, &Opened::default(), &turn.pen)
            }
            Wish::Fail(because) => self.end_failed("planner-failed", &because, Some(&rule), turn),
            Wish::GiveUp { code, because } => self.end_failed(code, &because, Some(&rule), turn),
        }
    }

    fn call(
        &mut self,
        rule: &Arc<str>,
        facts: &Map<String, Value>,
        calls: Vec<PlannedCall>,
        turn: &Turn<'_>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), NotWritten> {
        let run = self.run();
        let (more, steps) = (calls.len() as u64, run.count() - run.reused);
        let tools = calls.iter().filter(|call| call.sends.is_none()).count() as u64;
        if steps + more > self.most_steps() {
            let met = bounds("steps", self.most_steps(), steps, more);
            let said = used_up("steps", self.most_steps(), "steps");
            return self.end_met(met, &said, Some(rule), turn);
        }
        let most = run.submitted.budget.as_ref().and_then(|budget| budget.tool_calls).unwrap_or(u64::MAX);
        if run.tool_calls + tools > most {
            let met = bounds("tool_calls", most, run.tool_calls, tools);
            return self.end_met(met, &used_up("calls of tools", most, "tool-calls"), Some(rule), turn);
        }
        for call in &calls {
            if let Some(wrong) = self.wrong_arguments(call) {
                return self.end_failed("planner-failed", &wrong, Some(rule), turn);
            }
        }
        for call in calls {
            self.decide_call(rule, facts, call, turn, errands)?;
        }
        Ok(())
    }

    fn most_steps(&self) -> u64 {
        let budget = self.run().submitted.budget.as_ref().and_then(|budget| budget.steps).unwrap_or(u64::MAX);
        self.agent.agent().limits.steps.min(budget)
    }

    fn wrong_arguments(&self, call: &PlannedCall) -> Option<String> {
        let issues = self.agent.tool(&call.tool)?.bound.validate_input(&call.arguments).err()?;
        let issue = issues.first()?;
        Some(format!("the arguments of {} are not valid: {} {}", call.tool, issue.path, issue.message))
    }

    fn decide_call(
        &mut self,
        rule: &Arc<str>,
        facts: &Map<String, Value>,
        mut call: PlannedCall,
        turn: &Turn<'_>,
        errands: &mut Vec<Errand>,
    ) -> Result<(), NotWritten> {
        let reserved = match self.pay(&mut call, turn) {
            Ok(reserved) => reserved,
            Err(no_room) => return self.starve(no_room, rule, turn),
        };
        let agent = self.agent.clone();
        let tool = agent.tool(&call.tool);
        let operation = tool.map_or_else(|| unlisted(&call), |tool| tool.pinned.clone());
        let ruling = self.rule_on(tool, &operation, turn.policies);
        let step = self.run().count();
        let arguments: Arc<[u8]> = spelled(&call.arguments).into();
        let action = self.action(&operation, &arguments);
        let begins = ruling.decision == Decision::Allow
            && self.run().in_flight() < self.parallel()
            && self.cooldown_of(&operation, turn.pen.now).is_none();
        let none = Hidden::default();
        let kept = keep(call.arguments, "/arguments", tool.map_or(&none, |tool| &tool.hidden), turn.pen.chance);
        let decided = StepDecided {
            action,
            arguments: kept.payload.clone(),
            decision: ruling.decision,
            dispatch: begins.then(|| dispatch(self.run(), step, 1, turn.worker)),
            facts: facts.clone(),
            label: call.label,
            name: call.name.as_deref().map(str::to_owned),
            operation: operation.clone(),
            policies: ruling.policies,
            reserved,
            rule: rule.clone(),
            step,
        };
        self.jobs.insert(step, Job { operation: operation.name, arguments });
        self.write(Draft::from(decided).holding(kept), &Opened::default(), &turn.pen)?;
        match tool.filter(|_| ruling.decision == Decision::Stubbed) {
            Some(tool) => self.stub(step, tool, turn),
            None => {
                self.note_begun(step, errands);
                Ok(())
            }
        }
    }

    /// What policy says of a call. Operations that the caller may not use were not pinned when the run was submitted.
    pub(crate) fn rule_on(&self, tool: Option<&ReadyTool>, operation: &Pinned, policies: &PolicySet) -> Ruling {
        let submitted = &self.run().submitted;
        let role = if submitted.operations.contains(operation) { Role::Admin } else { Role::None };
        policies.decide(Ask {
            tool: tool.map(|tool| &tool.terms),
            auth: tool.map_or(Auth::Admin, |tool| tool.bound.operation().policy.auth),
            hints: tool.map(|tool| tool.hints(submitted.mode)).unwrap_or_default(),
            role,
            mode: submitted.mode,
        })
    }

    fn stub(&mut self, step: u64, tool: &ReadyTool, turn: &Turn<'_>) -> Result<(), NotWritten> {
        let stub = tool.stub();
        let kept = keep(stub.clone(), "/result", &tool.hidden, turn.pen.chance);
        let result = kept.payload.clone();
        let observed =
            StepObserved { attempt: 0, duration_us: 0, recorded_by: None, result, step, usage: None, waited_us: None };
        let opened = Opened { value: Some(&stub), message: None };
        self.write(Draft::from(observed).holding(kept), &opened, &turn.pen)
    }

    /// The digest of one exact action of this run.
    pub(crate) fn action(&self, operation: &Pinned, arguments: &[u8]) -> Digest {
        let run = self.run();
        Action {
            agent: run.submitted.agent.digest,
            arguments: Digest::of(arguments),
            operation: &operation.name,
            operation_digest: operation.digest,
            subject: &run.submitter.id,
            target: run.id.as_str(),
            tenant: &run.tenant,
        }
        .digest()
    }

    /// The step that reads the agent's packs, when the caller named no snapshot.
    fn open_packs(&mut self, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        if let Some(&step) = self.run().failures().first() {
            return self.end_by_pack(step, turn);
        }
        let Some(operation) = self.agent.pack.clone() else {
            return self.end_failed("snapshot-failed", "the run has no snapshot and its agent no packs", None, turn);
        };
        let step = self.run().count();
        let packs: Vec<Value> = self.agent.agent().packs.iter().map(|used| used.pack.to_string().into()).collect();
        let value = serde_json::json!({ "packKey": packs });
        let arguments: Arc<[u8]> = spelled(&value).into();
        let kept = keep(value, "/arguments", &Hidden::default(), turn.pen.chance);
        let decided = StepDecided {
            action: self.action(&operation, &arguments),
            arguments: kept.payload.clone(),
            decision: Decision::Allow,
            dispatch: Some(dispatch(self.run(), step, 1, turn.worker)),
            facts: Map::new(),
            label: Some("read the context".into()),
            name: None,
            operation: operation.clone(),
            policies: Vec::new(),
            reserved: None,
            rule: PACK.into(),
            step,
        };
        self.jobs.insert(step, Job { operation: operation.name, arguments });
        self.write(Draft::from(decided).holding(kept), &Opened::default(), &turn.pen)?;
        self.note_begun(step, errands);
        Ok(())
    }

    fn make(
        &mut self,
        rule: Arc<str>,
        facts: Map<String, Value>,
        it: PlannedArtifact,
        turn: &Turn<'_>,
    ) -> Result<(), NotWritten> {
        if self.run().artifacts >= self.most_steps() {
            return self.end_failed("budget-exhausted", "the run makes artifacts without end", Some(&rule), turn);
        }
        let created = ArtifactCreated {
            artifact: ArtifactId::new(turn.pen.chance.id("art_", turn.pen.now)),
            cites: it.cites,
            content: payload::blob_ref(&it.content, &it.media),
            facts,
            kind: it.kind,
            name: it.name,
            rule: Some(rule),
            step: self.run().count().checked_sub(1),
            summary: it.summary,
        };
        let draft = Draft::from(created).keeping(Vec::new(), Some(it.content));
        self.write(draft, &Opened::default(), &turn.pen)
    }

    fn ask(
        &mut self,
        rule: Arc<str>,
        facts: Map<String, Value>,
        it: PlannedQuestion,
        turn: &Turn<'_>,
    ) -> Result<(), NotWritten> {
        if self.run().answers.contains_key(&it.name) {
            let message = format!("rule `{rule}` asks again what was answered already");
            return self.end_failed("planner-failed", &message, Some(&rule), turn);
        }
        let kept = keep(it.schema, "/schema", &Hidden::default(), turn.pen.chance);
        let schema = kept.payload.clone();
        let asked = InputRequested { facts, name: it.name, question: it.question, rule, schema };
        self.write(Draft::from(asked).holding(kept), &Opened::default(), &turn.pen)
    }

    /// The end of a run because a step ended without a result and no rule answers that.
    fn end_by_step(&mut self, turn: &Turn<'_>) -> Result<(), NotWritten> {
        let run = self.run();
        let failed = run.failures().iter().find_map(|&number| Some((number, run.step(number)?)));
        let Some((number, step)) = failed else { return Ok(()) };
        let operation = &run.operation(step).name;
        let (code, message) = match &step.state {
            StepState::Denied => ("policy-denied", format!("policy does not allow {operation}")),
            StepState::Rejected => ("approval-rejected", format!("{operation} was not approved")),
            StepState::Expired => ("approval-expired", format!("nobody decided on {operation} in time")),
            StepState::Failed { code, .. } => ("tool-failed", format!("{operation} failed: {code}")),
            other => ("tool-failed", format!("{operation} ended {}", other.word())),
        };
        let draft = decide::fail_run(run, code, &message, None, Some(number));
        self.write(draft, &Opened::default(), &turn.pen)
    }

    fn end_by_pack(&mut self, step: u64, turn: &Turn<'_>) -> Result<(), NotWritten> {
        let because = match self.run().step(step).map(|step| &step.state) {
            Some(StepState::Failed { code, .. }) => format!(": {code}"),
            _ => String::new(),
        };
        let message = format!("a required source of the context could not be read{because}");
        let draft = decide::fail_run(self.run(), "snapshot-failed", &message, None, Some(step));
        self.write(draft, &Opened::default(), &turn.pen)
    }

    pub(crate) fn end_failed(
        &mut self,
        code: &str,
        message: &str,
        rule: Option<&str>,
        turn: &Turn<'_>,
    ) -> Result<(), NotWritten> {
        let draft = decide::fail_run(self.run(), code, message, rule, None);
        self.write(draft, &Opened::default(), &turn.pen)
    }
}

fn unlisted(call: &PlannedCall) -> Pinned {
    Pinned { digest: Digest::of(b""), name: call.tool.to_string().into() }
}
