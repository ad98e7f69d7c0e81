//! Check 8: what was approved is what was displayed and what was dispatched, in time, once, and by whom it had to be.
//!
//! That an approval is about its step's action, is decided once, and comes before the step begins are rules of a run's
//! life, which check 5 follows. Here stands what those rules leave open.

use std::collections::BTreeMap;

use affiant_journal::{
    ActorKind, ApprovalId, ApprovalRequested, ApprovalResolved, Body, Decision, Digest, Event, Payload, PrincipalId,
    Verdict, bytes,
};

use super::{Check, report::Place};

#[derive(Default)]
pub(super) struct Approvals {
    requester: Option<PrincipalId>,
    asked: BTreeMap<ApprovalId, Asked>,
    /// For each step that needs an approval: its action, and the approval that it has.
    steps: BTreeMap<u64, Needs>,
    wrong: Vec<(u64, String)>,
    decided: u64,
    dispatched: u64,
}

struct Asked {
    asked: ApprovalRequested,
    resolved: bool,
}

struct Needs {
    action: Digest,
    approved: Option<Digest>,
}

impl Approvals {
    /// Takes the event at this place, which is its `seq` where nothing was changed.
    pub(super) fn take(&mut self, at: u64, event: &Event) {
        let result = match &event.body {
            Body::RunSubmitted(_) => {
                self.requester = Some(event.actor.id.clone());
                Ok(())
            }
            Body::StepDecided(it) if it.decision == Decision::NeedsApproval => {
                self.steps.insert(it.step, Needs { action: it.action, approved: None });
                Ok(())
            }
            Body::ApprovalRequested(it) => self.ask(it),
            Body::ApprovalResolved(it) => self.resolve(it, event),
            Body::StepDispatched(it) => self.dispatch(it.step),
            _ => Ok(()),
        };
        if let Err(what) = result {
            self.wrong.push((at, what.to_owned()));
        }
    }

    fn ask(&mut self, it: &ApprovalRequested) -> Result<(), &'static str> {
        let known = self.asked.insert(it.approval.clone(), Asked { asked: it.clone(), resolved: false });
        if known.is_some() {
            return Err("an approval of this id was asked before");
        }
        if payload_digest(&it.display) != Some(it.displayed) {
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
        if asked.approver_not_requester && Some(approver) == self.requester.as_ref() {
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
        if self.asked.is_empty() && self.wrong.is_empty() {
            return Check::not_asked("approvals", "none was needed");
        }
        let mut check = Check::new("approvals");
        check.of = self.decided + self.dispatched;
        check.passed = check.of.saturating_sub(self.wrong.len() as u64);
        check.says = "decisions and dispatches are about the same bytes".into();
        for (at, what) in self.wrong {
            check.altered(Place::Event(at), what);
        }
        check
    }
}

/// Digest of the bytes that a payload stands for; none where a personal value is hidden in it.
fn payload_digest(payload: &Payload) -> Option<Digest> {
    match payload {
        Payload::Blob(blob) => Some(blob.digest),
        Payload::Inline(value) => bytes::encode(value).ok().map(|bytes| Digest::of(&bytes)),
    }
}
