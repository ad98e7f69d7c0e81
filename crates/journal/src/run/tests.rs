use serde_json::{Map, json};

use super::*;
use crate::{
    ActorKind, ApprovalResolved, BootId, Digest, Dispatch, InputReceived, InputRequested, Mode, Payload, PlannerRef,
    PrincipalId, RunCancelRequested, RunCancelled, RunClaimed, RunCompleted, RunFailed, StepDecided, StepDispatched,
    StepFailed, StepObserved, StepUnknown, StreamId, TimerSet, Totals, Verdict,
};

/// A run whose events are written as they come.
struct Story {
    run: Option<Run>,
    seq: u64,
}

fn pinned(name: &str) -> Pinned {
    Pinned { digest: Digest::of(name.as_bytes()), name: name.into() }
}

fn event(seq: u64, body: impl Into<Body>) -> Event {
    Event {
        actor: Actor { auth: "none".into(), id: PrincipalId::from("system"), kind: ActorKind::System },
        at: Timestamp(1_795_359_600_000_000 + seq as i64),
        body: body.into(),
        boot: BootId::from("b_1"),
        mono: seq,
        prev: None,
        sd: Vec::new(),
        seq,
        stream: StreamId::from("run_1"),
        tenant: TenantId::from("t_1"),
    }
}

fn submitted() -> RunSubmitted {
    RunSubmitted {
        agent: pinned("echo@1.0.0"),
        budget: None,
        deadline: None,
        forked: None,
        idempotency: None,
        metadata: None,
        mode: Mode::Background,
        operation: pinned("agent.run@1.0.0"),
        operations: vec![pinned("echo@1.0.0")],
        parent: None,
        planner: PlannerRef { kind: "rules".into(), version: 1 },
        policy: Digest::of(b"policy"),
        priority: 0,
        snapshot: None,
    }
}

fn claimed() -> RunClaimed {
    RunClaimed { until: Timestamp(0), worker: WorkerId::from("w_1") }
}

fn dispatch(attempt: u32) -> Dispatch {
    Dispatch { attempt, key: "run_1/0".into(), worker: WorkerId::from("w_1") }
}

fn decided(step: u64, decision: Decision) -> StepDecided {
    StepDecided {
        action: Digest::of(b"action"),
        arguments: Payload::Inline(json!({})),
        decision,
        dispatch: (decision == Decision::Allow).then(|| dispatch(1)),
        facts: Map::new(),
        label: None,
        name: Some(format!("step{step}")),
        operation: pinned("echo@1.0.0"),
        policies: Vec::new(),
        reserved: None,
        rule: "echo".into(),
        step,
    }
}

fn later(step: u64) -> StepDecided {
    StepDecided { dispatch: None, ..decided(step, Decision::Allow) }
}

fn observed(step: u64, attempt: u32) -> StepObserved {
    let result = Payload::Inline(json!({}));
    StepObserved { attempt, duration_us: 1, recorded_by: None, result, step, usage: None, waited_us: None }
}

fn failed(step: u64, attempt: u32, retry_at: Option<i64>) -> StepFailed {
    StepFailed {
        attempt,
        code: "boom".into(),
        duration_us: 1,
        retry_at: retry_at.map(Timestamp),
        step,
        usage: None,
        unsent: false,
        waited_us: None,
    }
}

fn asked(step: u64) -> ApprovalRequested {
    ApprovalRequested {
        action: Digest::of(b"action"),
        approval: ApprovalId::from("apr_1"),
        approver_not_requester: false,
        display: Payload::Inline(json!({})),
        displayed: Digest::of(b"{}"),
        expires: Timestamp(1),
        policies: Vec::new(),
        step,
    }
}

fn resolved(step: u64, decision: Verdict) -> ApprovalResolved {
    ApprovalResolved {
        action: Digest::of(b"action"),
        approval: ApprovalId::from("apr_1"),
        approver: None,
        decision,
        step,
    }
}

fn completed() -> RunCompleted {
    RunCompleted {
        facts: Map::new(),
        output: Payload::Inline(json!({})),
        rule: "done".into(),
        totals: Totals::default(),
    }
}

impl Story {
    fn new() -> Self {
        Self { run: None, seq: 0 }.and(submitted())
    }

    fn running() -> Self {
        Self::new().and(claimed())
    }

    /// The same story with one more event, which must be legal.
    fn and(mut self, body: impl Into<Body>) -> Self {
        let event = event(self.seq, body);
        match &mut self.run {
            None => self.run = Some(Run::begin(&event).unwrap()),
            Some(run) => run.apply(&event).unwrap(),
        }
        self.seq += 1;
        self
    }

    /// What the run says of an event that cannot follow.
    fn but(mut self, body: impl Into<Body>) -> String {
        let run = self.run.as_mut().unwrap();
        let before = format!("{run:?}");
        let error = run.apply(&event(self.seq, body)).unwrap_err();
        assert_eq!(format!("{run:?}"), before, "an illegal event changes nothing");
        error.to_string()
    }

    fn status(&self) -> String {
        self.run.as_ref().unwrap().status.to_string()
    }

    fn state(&self, step: u64) -> &'static str {
        self.run.as_ref().unwrap().step(step).unwrap().state.word()
    }
}

#[test]
fn a_run_is_queued_then_running_then_completed() {
    let story = Story::new();
    assert_eq!(story.status(), "queued");
    let story = story.and(claimed()).and(decided(0, Decision::Allow));
    assert_eq!((story.status(), story.state(0)), ("running".into(), "in_flight"));
    let story = story.and(observed(0, 1)).and(completed());
    assert_eq!((story.status(), story.state(0)), ("completed".into(), "completed"));
    assert_eq!(story.run.unwrap().named("step0"), Some(0));
}

#[test]
fn only_the_attempt_in_flight_completes() {
    let story = Story::running().and(decided(0, Decision::Allow));
    insta::assert_snapshot!(story.but(observed(0, 2)), @"event 3 `step.observed` is illegal while the run is running: the step is not in a state for it");
}

#[test]
fn steps_come_in_order() {
    insta::assert_snapshot!(Story::running().but(decided(1, Decision::Allow)), @"event 2 `step.decided` is illegal while the run is running: its step is not the next one");
}

#[test]
fn a_run_does_not_complete_while_a_step_is_open() {
    let story = Story::running().and(decided(0, Decision::Allow));
    insta::assert_snapshot!(story.but(completed()), @"event 3 `run.completed` is illegal while the run is running: a step is open");
}

#[test]
fn nothing_follows_the_end() {
    let story = Story::running().and(completed());
    insta::assert_snapshot!(story.but(claimed()), @"event 3 `run.claimed` is illegal while the run is completed: the run has ended");
}

#[test]
fn a_step_that_needs_approval_waits_until_somebody_agrees() {
    let story = Story::running().and(decided(0, Decision::NeedsApproval));
    assert_eq!(story.status(), "running", "somebody must be asked first");
    let story = story.and(asked(0));
    assert_eq!(story.status(), "waiting (approval)");
    let story = story.and(resolved(0, Verdict::Approved));
    assert_eq!((story.status(), story.state(0)), ("running".into(), "approved"));
    let story = story.and(StepDispatched { dispatch: dispatch(1), step: 0 });
    assert_eq!(story.state(0), "in_flight");
}

#[test]
fn an_approval_is_decided_once() {
    let story = Story::running().and(decided(0, Decision::NeedsApproval)).and(asked(0));
    let story = story.and(resolved(0, Verdict::Rejected));
    assert_eq!((story.status(), story.state(0)), ("running".into(), "rejected"));
    insta::assert_snapshot!(story.but(resolved(0, Verdict::Approved)), @"event 5 `approval.resolved` is illegal while the run is running: the step is not in a state for it");
}

#[test]
fn nobody_begins_a_step_that_was_not_approved() {
    let story = Story::running().and(decided(0, Decision::NeedsApproval)).and(asked(0));
    insta::assert_snapshot!(story.but(StepDispatched { dispatch: dispatch(1), step: 0 }), @"event 4 `step.dispatched` is illegal while the run is waiting (approval): the step is not in a state for it");
}

#[test]
fn an_approval_of_other_bytes_is_refused() {
    let story = Story::running().and(decided(0, Decision::NeedsApproval)).and(asked(0));
    let other = ApprovalResolved { action: Digest::of(b"other"), ..resolved(0, Verdict::Approved) };
    insta::assert_snapshot!(story.but(other), @"event 4 `approval.resolved` is illegal while the run is waiting (approval): it decides on another action");
}

#[test]
fn a_retry_waits_for_its_moment_and_counts_up() {
    let story = Story::running().and(decided(0, Decision::Allow)).and(failed(0, 1, Some(9)));
    assert_eq!((story.status(), story.state(0)), ("waiting (timer)".into(), "retrying"));
    let story = story.and(StepDispatched { dispatch: dispatch(2), step: 0 }).and(failed(0, 2, None));
    assert_eq!((story.status(), story.state(0)), ("running".into(), "failed"));
    assert_eq!(story.run.unwrap().failures(), [0]);
}

#[test]
fn an_attempt_is_never_begun_twice() {
    let story = Story::running().and(decided(0, Decision::Allow));
    insta::assert_snapshot!(story.but(StepDispatched { dispatch: dispatch(1), step: 0 }), @"event 3 `step.dispatched` is illegal while the run is running: the step is not in a state for it");
}

#[test]
fn a_cooldown_is_waited_for() {
    let timer = TimerSet { because: "cooldown".into(), step: 0, until: Timestamp(7) };
    let story = Story::running().and(later(0)).and(timer);
    assert_eq!((story.status(), story.state(0)), ("waiting (timer)".into(), "decided"));
}

#[test]
fn an_unknown_outcome_waits_for_a_person_while_others_go_on() {
    let story = Story::running().and(decided(0, Decision::Allow)).and(decided(1, Decision::Allow));
    let story = story.and(StepUnknown { attempt: 1, because: "lease-lost".into(), step: 0 });
    assert_eq!(story.status(), "running");
    let story = story.and(observed(1, 1));
    assert_eq!(story.status(), "waiting (unknown_outcome)");
    let settled = StepObserved { recorded_by: Some(PrincipalId::from("u_1")), ..observed(0, 1) };
    assert_eq!(story.and(settled).status(), "running");
}

#[test]
fn nobody_but_a_person_says_what_became_of_an_unknown_step() {
    let story = Story::running().and(decided(0, Decision::Allow));
    let story = story.and(StepUnknown { attempt: 1, because: "lease-lost".into(), step: 0 });
    insta::assert_snapshot!(story.but(observed(0, 1)), @"event 4 `step.observed` is illegal while the run is waiting (unknown_outcome): the step is not in a state for it");
}

#[test]
fn a_question_is_answered_once() {
    let question = InputRequested {
        facts: Map::new(),
        name: "tone".into(),
        question: "Which tone?".into(),
        rule: "ask".into(),
        schema: Payload::Inline(json!({})),
    };
    let story = Story::running().and(question);
    assert_eq!(story.status(), "waiting (input)");
    let story = story.and(InputReceived { name: "tone".into() });
    assert_eq!(story.status(), "running");
    insta::assert_snapshot!(story.but(InputReceived { name: "tone".into() }), @"event 4 `input.received` is illegal while the run is running: nobody asked this");
}

#[test]
fn a_cancelled_run_ends_after_the_step_in_flight() {
    let story = Story::running().and(decided(0, Decision::Allow)).and(RunCancelRequested { force: false });
    assert_eq!(story.status(), "cancelling");
    let cancelled = RunCancelled { unknown_steps: Vec::new(), totals: Totals::default() };
    let story = story.and(observed(0, 1)).and(cancelled);
    assert_eq!(story.status(), "cancelled");
}

#[test]
fn nothing_begins_while_a_run_is_cancelling() {
    let story = Story::running().and(RunCancelRequested { force: false });
    insta::assert_snapshot!(story.but(decided(0, Decision::Allow)), @"event 3 `step.decided` is illegal while the run is cancelling: it cannot follow");
}

#[test]
fn a_run_does_not_end_with_a_step_in_flight() {
    let story = Story::running().and(decided(0, Decision::Allow));
    let end =
        RunFailed { code: "deadline-exceeded".into(), met: None, rule: None, step: None, totals: Totals::default() };
    insta::assert_snapshot!(story.but(end), @"event 3 `run.failed` is illegal while the run is running: a step is in flight");
}

#[test]
fn a_reused_step_stands_before_the_first_claim() {
    let story = Story::new().and(decided(0, Decision::Reused)).and(observed(0, 0));
    assert_eq!((story.status(), story.state(0)), ("queued".into(), "completed"));
    insta::assert_snapshot!(story.but(decided(1, Decision::Allow)), @"event 3 `step.decided` is illegal while the run is queued: it cannot follow");
}

#[test]
fn a_decision_answers_the_failures_before_it() {
    let story = Story::running().and(decided(0, Decision::Deny));
    assert_eq!(story.run.as_ref().unwrap().failures(), [0]);
    assert!(story.and(decided(1, Decision::Allow)).run.unwrap().failures().is_empty());
}

#[test]
fn a_run_of_ten_thousand_steps_is_folded_step_by_step() {
    let mut story = Story::running();
    for step in 0..10_000 {
        story = story.and(decided(step, Decision::Allow)).and(observed(step, 1));
    }
    let run = story.and(completed()).run.unwrap();
    assert_eq!((run.count(), run.events, run.open().count()), (10_000, 20_003, 0));
}
