//! A server that breaks its own rules and signs the record is found by the record.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod support;

use affiant_journal::{ActorKind, ApprovalId, Body, Decision, Digest, Payload, Timestamp, Verdict as Answer};
use affiant_proof::{bundle::Bundle, verify::*};
use serde_json::json;
use support::{Dice, Happening, Script, Shape, World};

/// A run with an approved step, changed before it is written and signed.
fn told(change: impl Fn(&mut Vec<Happening>)) -> String {
    let approved = |happening: &Happening| match &happening.body {
        Body::ApprovalResolved(it) => it.decision == Answer::Approved,
        _ => false,
    };
    let scripts = (0..).map(|seed| Script::new(&mut Dice::new(seed), "t_1", seed, 0, Shape::Small));
    let mut script = scripts.into_iter().find(|script| script.happenings.iter().any(approved)).unwrap();
    change(&mut script.happenings);
    let world = World::told(1, "t_1", vec![script]);
    let report = world.verify(&world.bundle(0));
    match report.verdict {
        Verdict::AlteredAt { what, .. } => what,
        other => other.to_string(),
    }
}

/// Changes the first body of one kind.
macro_rules! change {
    ($kind:ident, |$it:ident| $change:expr) => {
        |happenings: &mut Vec<Happening>| {
            let bodies = happenings.iter_mut().map(|happening| &mut happening.body);
            let found = bodies.filter_map(|body| if let Body::$kind(it) = body { Some(it) } else { None });
            if let Some($it) = found.into_iter().next() {
                $change;
            }
        }
    };
}

fn without(kind: &'static str) -> impl Fn(&mut Vec<Happening>) {
    move |happenings| {
        let at = happenings.iter().position(|happening| happening.body.name() == kind).unwrap();
        happenings.remove(at);
    }
}

fn by(kind: &'static str, id: &'static str, actor: ActorKind) -> impl Fn(&mut Vec<Happening>) {
    move |happenings| {
        let found = happenings.iter_mut().find(|happening| happening.body.name() == kind).unwrap();
        (found.actor.id, found.actor.kind) = (id.into(), actor);
        if let Body::ApprovalResolved(it) = &mut found.body {
            it.approver = Some(id.into());
        }
    }
}

#[test]
fn an_undisturbed_run_follows_the_rules() {
    assert_eq!(told(|_| ()), "intact, signed");
}

#[test]
fn what_is_approved_must_be_what_was_displayed_and_dispatched() {
    let other = Digest::of(b"other bytes");
    insta::assert_snapshot!(told(change!(ApprovalRequested, |it| it.displayed = other)), @"what was displayed is not what its digest says");
    insta::assert_snapshot!(told(change!(ApprovalRequested, |it| it.action = other)), @"event 5 `approval.requested` is illegal while the run is running: it asks about another action");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.action = other)), @"event 6 `approval.resolved` is illegal while the run is waiting (approval): it decides on another action");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.approval = ApprovalId::new("apr_x"))), @"event 6 `approval.resolved` is illegal while the run is waiting (approval): the step is not in a state for it");
    let inline = change!(ApprovalRequested, |it| it.display = Payload::Inline(json!({"path": "CHANGELOG.md"})));
    insta::assert_snapshot!(told(inline), @"what was displayed is not what its digest says");
}

#[test]
fn what_needs_an_approval_must_wait_for_it() {
    insta::assert_snapshot!(told(without("approval.resolved")), @"event 6 `step.dispatched` is illegal while the run is waiting (approval): the step is not in a state for it");
    insta::assert_snapshot!(told(without("approval.requested")), @"event 5 `approval.resolved` is illegal while the run is running: the step is not in a state for it");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.decision = Answer::Rejected)), @"event 7 `step.dispatched` is illegal while the run is running: the step is not in a state for it");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.decision = Answer::Expired)), @"event 7 `step.dispatched` is illegal while the run is running: the step is not in a state for it");
}

#[test]
fn an_approval_must_come_in_time_and_from_the_right_person() {
    insta::assert_snapshot!(told(change!(ApprovalRequested, |it| it.expires = Timestamp(0))), @"it was approved after it had expired");
    insta::assert_snapshot!(told(by("approval.resolved", "u_ana", ActorKind::User)), @"the one who started the run approved it, against the policy");
    insta::assert_snapshot!(told(by("approval.resolved", "release-notes", ActorKind::Agent)), @"the approver is not the one who acted");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.approver = None)), @"nobody approved it");
    insta::assert_snapshot!(told(change!(ApprovalResolved, |it| it.approver = Some("u_cem".into()))), @"the approver is not the one who acted");
}

#[test]
fn an_approval_is_used_once() {
    let twice = |happenings: &mut Vec<Happening>| {
        let at = happenings.iter().position(|happening| happening.body.name() == "approval.resolved").unwrap();
        happenings.insert(at + 1, happenings[at].clone());
    };
    insta::assert_snapshot!(told(twice), @"event 7 `approval.resolved` is illegal while the run is running: the step is not in a state for it");
}

#[test]
fn a_run_ends_once_and_says_how_much_there_was() {
    let more = |happenings: &mut Vec<Happening>| happenings.push(happenings[1].clone());
    insta::assert_snapshot!(told(more), @"event 26 `run.claimed` is illegal while the run is completed: the run has ended");
    insta::assert_snapshot!(told(|happenings| drop(happenings.pop())), @"incomplete");
    insta::assert_snapshot!(told(without("run.claimed")), @"event 1 `step.decided` is illegal while the run is queued: it cannot follow");
    insta::assert_snapshot!(told(without("run.submitted")), @"event 0 `run.claimed` is illegal while the run is not there yet: a run begins with run.submitted");
}

#[test]
fn what_was_denied_must_not_begin() {
    let denied = |happenings: &mut Vec<Happening>| {
        let step = happenings.iter_mut().find_map(|happening| match &mut happening.body {
            Body::StepDecided(it) if it.decision == Decision::NeedsApproval => Some(it),
            _ => None,
        });
        step.unwrap().decision = Decision::Deny;
    };
    insta::assert_snapshot!(told(denied), @"event 5 `approval.requested` is illegal while the run is running: the step is not in a state for it");
}

struct Planner(Replayed);

impl Replay for Planner {
    fn replay(&self, _: &Bundle, _: &Record<'_>) -> Replayed {
        self.0.clone()
    }
}

#[test]
fn decisions_are_derived_again_where_somebody_can() {
    let world = World::new(1);
    let (bundle, trust) = (world.bundle(0), world.log.trust());
    let replayed = |replayed| {
        let planner = Planner(replayed);
        let report = verify(&bundle, &Auditor { trust: &trust, held: &[], quorum: 0, replay: Some(&planner) });
        format!("{}\n{}", report.checks[8], report.verdict)
    };
    let difference = Difference { seq: 4, same: 1, recorded: "rule `read`".into(), derived: "rule `write`".into() };
    insta::assert_snapshot!(replayed(Replayed::Same(3)), @"
      ✓ replay       3 of 3 decisions come out as recorded
    intact, signed
    ");
    insta::assert_snapshot!(replayed(Replayed::Different(difference)), @"
      ✗ replay       1 of 2 decisions come out as recorded
          event 4: recorded rule `read`, derived rule `write`
    altered at event 4 of 14
    ");
    insta::assert_snapshot!(replayed(Replayed::Unavailable("planner `rules` version 2 is not available".into())), @"
      ○ replay       planner `rules` version 2 is not available
    intact, signed
    ");
}
