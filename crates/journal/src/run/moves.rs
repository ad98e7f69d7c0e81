//! What transitions do.

use std::sync::Arc;

use super::{Lease, OpenApproval, Question, Run, Status, Step, StepState, tally::Moved, usage};
use crate::{
    ApprovalRequested, ApprovalResolved, Decision, Event, InputReceived, InputRequested, Payload, Pinned, RunClaimed,
    SnapshotRef, StepDecided, StepFailed, StepObserved, Verdict,
};

/// The rule of the step that reads an agent's packs when the caller names no snapshot.
pub const PACK: &str = "pack";

impl Run {
    pub(super) fn start(&mut self, claim: &RunClaimed, event: &Event) -> Status {
        self.started_at = Some(event.at);
        self.lend(claim);
        Status::Running
    }

    pub(super) fn lend(&mut self, claim: &RunClaimed) -> Status {
        self.lease = Some(Lease { worker: claim.worker.clone(), until: claim.until });
        self.status.clone()
    }

    pub(super) fn add(&mut self, it: &StepDecided, event: &Event) -> Result<Moved, &'static str> {
        must(it.step == self.steps.len() as u64, "its step is not the next one")?;
        must(self.question.is_none(), "a question is open")?;
        let state = StepState::of(it)?;
        let operation = self.operation_index(&it.operation);
        if it.dispatch.is_some() {
            self.cooldowns.insert(operation, event.at);
        }
        let name: Option<Arc<str>> = it.name.as_deref().map(Into::into);
        if let Some(name) = &name {
            self.names.insert(name.clone(), it.step);
        }
        self.steps.push(Step {
            state: StepState::Denied,
            action: it.action,
            operation,
            name,
            rule: it.rule.clone(),
            decided: event.seq,
            ended: None,
            reserved: it.reserved.clone().map(Box::new),
            unsent: 0,
        });
        self.failures.clear();
        match it.decision {
            Decision::Reused => self.reused += 1,
            Decision::Deny => (),
            _ if it.reserved.is_none() && &*it.rule != PACK => self.tool_calls += 1,
            _ => (),
        }
        Ok(self.turn(it.step, state, event))
    }

    pub(super) fn observe(&mut self, it: &StepObserved, event: &Event) -> Result<Moved, &'static str> {
        let settled = it.recorded_by.is_some();
        let step = self.step_in(it.step, |is| match is {
            StepState::InFlight { attempt } => *attempt == it.attempt,
            StepState::Unknown { attempt } => settled && *attempt == it.attempt,
            StepState::Promised { .. } => it.attempt == 0,
            _ => false,
        })?;
        if let Some(used) = &it.usage {
            usage::add(&mut self.usage, used);
        }
        if &*self.steps[step as usize].rule == PACK {
            self.snapshot = snapshot_of(&it.result).or(self.snapshot.take());
        }
        let stubbed = matches!(self.steps[step as usize].state, StepState::Promised { stub: true });
        let state = if stubbed { StepState::Stubbed } else { StepState::Observed { attempt: it.attempt } };
        Ok(self.turn(step, state, event))
    }

    pub(super) fn fail(&mut self, it: &StepFailed, event: &Event) -> Result<Moved, &'static str> {
        let step = self.step_in(it.step, |is| is.may_fail(it.attempt))?;
        if let Some(used) = &it.usage {
            usage::add(&mut self.usage, used);
        }
        let counted = &mut self.steps[step as usize].unsent;
        *counted = counted.saturating_add(u32::from(it.unsent && &*it.code == "rate-limited"));
        let state = match it.retry_at {
            Some(at) => StepState::Retrying { attempt: it.attempt, at },
            None => StepState::Failed { attempt: it.attempt, code: it.code.clone() },
        };
        Ok(self.turn(step, state, event))
    }

    pub(super) fn ask(&mut self, it: &ApprovalRequested, event: &Event) -> Result<Moved, &'static str> {
        let step = self.step_in(it.step, |is| *is == StepState::Undisplayed)?;
        must(self.steps[step as usize].action == it.action, "it asks about another action")?;
        let asked = OpenApproval { asked: it.clone(), at: event.at, seq: event.seq };
        self.approvals.insert(it.approval.clone(), asked);
        Ok(self.turn(step, StepState::AwaitingApproval { approval: it.approval.clone() }, event))
    }

    pub(super) fn resolve(&mut self, it: &ApprovalResolved, event: &Event) -> Result<Moved, &'static str> {
        let step = self.step_in(it.step, |is| is.awaits(&it.approval))?;
        must(self.steps[step as usize].action == it.action, "it decides on another action")?;
        self.approvals.remove(&it.approval);
        let state = match it.decision {
            Verdict::Approved => StepState::Approved { approval: it.approval.clone() },
            Verdict::Rejected => StepState::Rejected,
            Verdict::Expired => StepState::Expired,
            Verdict::Withdrawn => StepState::Withdrawn,
        };
        Ok(self.turn(step, state, event))
    }

    pub(super) fn end(&mut self, status: Status, event: &Event) -> Result<Status, &'static str> {
        must(self.tally.flying == 0, "a step is in flight")?;
        must(self.approvals.is_empty(), "an approval is open")?;
        self.ended_at = Some(event.at);
        self.question = None;
        Ok(status)
    }

    pub(super) fn keep(&mut self) -> Result<Moved, &'static str> {
        must(self.open.is_empty(), "a step is open")?;
        self.artifacts += 1;
        self.failures.clear();
        Ok(Moved)
    }

    pub(super) fn question(&mut self, it: &InputRequested, event: &Event) -> Result<Moved, &'static str> {
        must(self.at_rest(), "a step or another question is open")?;
        self.question = Some(Question { name: it.name.clone(), seq: event.seq });
        self.failures.clear();
        Ok(Moved)
    }

    pub(super) fn answer(&mut self, it: &InputReceived, event: &Event) -> Result<Moved, &'static str> {
        must(self.question.as_ref().is_some_and(|asked| asked.name == it.name), "nobody asked this")?;
        self.question = None;
        self.answers.insert(it.name.clone(), event.seq);
        Ok(Moved)
    }

    pub(super) fn step_in(&self, step: u64, allowed: impl FnOnce(&StepState) -> bool) -> Result<u64, &'static str> {
        let found = self.step(step).ok_or("there is no such step")?;
        must(allowed(&found.state), "the step is not in a state for it")?;
        Ok(step)
    }

    /// Moves a step to another state and keeps the counts.
    pub(super) fn turn(&mut self, step: u64, state: StepState, event: &Event) -> Moved {
        let record = &mut self.steps[step as usize];
        if let Some(count) = self.tally.of(&record.state) {
            *count -= 1;
        }
        match self.tally.of(&state) {
            Some(count) => {
                *count += 1;
                self.open.insert(step);
            }
            None => {
                record.ended = Some(event.seq);
                self.open.remove(&step);
                if state.fell_short() {
                    self.failures.push(step);
                }
            }
        }
        record.state = state;
        Moved
    }

    fn operation_index(&mut self, operation: &Pinned) -> u32 {
        let known = self.operations.iter().position(|known| known == operation);
        let index = known.unwrap_or_else(|| {
            self.operations.push(operation.clone());
            self.operations.len() - 1
        });
        u32::try_from(index).expect("a run uses fewer than four billion operations")
    }
}

/// The snapshot that a step of rule `pack` gave, as `context.pack.snapshot` answers.
fn snapshot_of(result: &Payload) -> Option<SnapshotRef> {
    let Payload::Inline(result) = result else { return None };
    let field = |name: &str| result.get(name)?.as_str();
    Some(SnapshotRef { id: field("snapshotId")?.into(), root: field("hash")?.parse().ok()? })
}

pub(super) fn must(holds: bool, because: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(because) }
}
