//! Check 8: what was approved is what was displayed and what was dispatched, in time, once, and by whom it had to be.
//!
//! That an approval is about its step's action, is decided once, and comes before the step begins are rules of a run's
//! life, which check 5 follows. Here stands what those rules leave open.

use std::collections::BTreeMap;

use affiant_journal::{
    Action, ActorKind, ApprovalId, ApprovalRequested, ApprovalResolved, Body, Decision, Digest, Event, PrincipalId,
    StepDecided, Verdict,
};

use super::{Check, opened::Opened, report::Place};

pub(super) struct Approvals<'o> {
    opened: &'o Opened,
    run: Option<Submitted>,
    asked: BTreeMap<ApprovalId, Asked>,
    /// For each step that needs an approval: its action, and the approval that it has.
    steps: BTreeMap<u64, Needs>,
    wrong: Vec<(u64, String)>,
    decided: u64,
    dispatched: u64,
    /// Actions, and those that are of the recorded arguments.
    actions: (u64, u64),
}

/// What a run's actions have in common.
struct Submitted {
    agent: Digest,
    requester: PrincipalId,
}

struct Asked {
    asked: ApprovalRequested,
    resolved: bool,
}

struct Needs {
    action: Digest,
    approved: Option<Digest>,
}

impl<'o> Approvals<'o> {
    pub(super) fn new(opened: &'o Opened) -> Self {
        let (asked, steps) = (BTreeMap::new(), BTreeMap::new());
        Self { opened, run: None, asked, steps, wrong: Vec::new(), decided: 0, dispatched: 0, actions: (0, 0) }
    }

    /// Takes the event at this place, which is its `seq` where nothing was changed.
    pub(super) fn take(&mut self, at: u64, event: &Event) {
        let result = match &event.body {
            Body::RunSubmitted(it) => {
                self.run = Some(Submitted { agent: it.agent.digest, requester: event.actor.id.clone() });
                Ok(())
            }
            Body::StepDecided(it) => {
                self.decide(it, event);
                Ok(())
            }
            Body::ApprovalRequested(it) => self.ask(it, event),
            Body::ApprovalResolved(it) => self.resolve(it, event),
            Body::StepDispatched(it) => self.dispatch(it.step),
            _ => Ok(()),
        };
        if let Err(what) = result {
            self.wrong.push((at, what.to_owned()));
        }
    }

    /// Notes what needs an approval, and whether the action is of the recorded arguments. It need not be: secret
    /// arguments are never recorded, and personal ones may be closed.
    fn decide(&mut self, it: &StepDecided, event: &Event) {
        if it.decision == Decision::NeedsApproval {
            self.steps.insert(it.step, Needs { action: it.action, approved: None });
        }
        self.actions.0 += 1;
        let (Some(run), Some(arguments)) = (&self.run, self.opened.digest(&it.arguments, event)) else { return };
        let action = Action {
            agent: run.agent,
            arguments,
            operation: &it.operation.name,
            operation_digest: it.operation.digest,
            subject: &run.requester,
            target: event.stream.as_str(),
            tenant: &event.tenant,
        };
        self.actions.1 += u64::from(action.digest() == it.action);
    }

    fn ask(&mut self, it: &ApprovalRequested, event: &Event) -> Result<(), &'static str> {
        let known = self.asked.insert(it.approval.clone(), Asked { asked: it.clone(), resolved: false });
        if known.is_some() {
            return Err("an approval of this id was asked before");
        }
        if self.opened.digest(&it.display, event).is_some_and(|digest| digest != it.displayed) {
            return Err("what was displayed is not what its digest says");
        }
        let needed = self.steps.get(&it.step).map(|step| step.action);
        if needed == Some(it.action) { Ok(()) } else { Err("it asks about another action than the step's") }
    }

    fn resolve(&mut self, it: &ApprovalResolved, event: &Event) -> Result<(), &'static str> {
        self.decided += 1;
        let Some(Asked { asked, resolved }) = self.asked.get_mut(&it.approval) else {
            return Err("nobody asked for this approval");
        };
        if std::mem::replace(resolved, true) {
            return Err("it was decided before");
        }
        if asked.action != it.action || asked.step != it.step {
            return Err("it decides on another action than was asked about");
        }
        if it.decision != Verdict::Approved {
            return Ok(());
        }
        let Some(approver) = &it.approver else { return Err("nobody approved it") };
        if *approver != event.actor.id || matches!(event.actor.kind, ActorKind::Agent | ActorKind::System) {
            return Err("the approver is not the one who acted");
        }
        if event.at > asked.expires {
            return Err("it was approved after it had expired");
        }
        if asked.approver_not_requester && self.run.as_ref().is_some_and(|run| *approver == run.requester) {
            return Err("the one who started the run approved it, against the policy");
        }
        if let Some(step) = self.steps.get_mut(&it.step) {
            step.approved = Some(it.action);
        }
        Ok(())
    }

    fn dispatch(&mut self, step: u64) -> Result<(), &'static str> {
        let Some(step) = self.steps.get(&step) else { return Ok(()) };
        self.dispatched += 1;
        if step.approved == Some(step.action) { Ok(()) } else { Err("it begins without its approval") }
    }

    pub(super) fn finish(self) -> Check {
        let (actions, of_recorded) = self.actions;
        let says = format!("{of_recorded} of {actions} actions are of the recorded arguments");
        if self.asked.is_empty() && self.wrong.is_empty() {
            return Check::not_asked("approvals", format!("none was needed; {says}"));
        }
        let mut check = Check::new("approvals");
        check.of = self.decided + self.dispatched;
        check.passed = check.of.saturating_sub(self.wrong.len() as u64);
        check.says = format!("decisions and dispatches are about the same bytes; {says}");
        for (at, what) in self.wrong {
            check.altered(Place::Event(at), what);
        }
        check
    }
}
