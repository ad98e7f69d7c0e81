//! What a command does to a run: a pure function from the run and the command to the events that record it.

use std::time::Duration;

use affiant_contract::{Retry, errors};
use affiant_journal::{
    ApprovalId, ApprovalResolved, Digest, InputReceived, PrincipalId, Run, RunCancelRequested, RunCancelled, RunFailed,
    StepDispatched, StepFailed, StepObserved, StepUnknown, Timestamp, Usage, Verdict,
    run::{OpenApproval, Status, Step, StepState},
};
use serde_json::Value;

use crate::{draft::Draft, ledger::totals_of, payload::Kept, ports::ToolFailure};

/// Why a command does nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The run has ended.
    #[error("the run has ended")]
    Ended,
    /// No approval of this id waits.
    #[error("no such approval waits")]
    NoApproval,
    /// Several approvals wait, and none was named.
    #[error("several approvals wait: {}", .0.iter().map(ApprovalId::as_str).collect::<Vec<_>>().join(", "))]
    Ambiguous(Vec<ApprovalId>),
    /// The action is another than the one that was decided on.
    #[error("the action is {0} now")]
    Stale(Digest),
    /// Nobody decided in time.
    #[error("the approval has expired")]
    Expired,
    /// Whoever started the run may not approve it.
    #[error("the approver must be another than the one who started the run")]
    SameApprover,
    /// No question of this name is open.
    #[error("no such question is open")]
    NotAsked,
    /// There is no such step.
    #[error("there is no such step")]
    NoStep,
    /// The outcome of the step is known.
    #[error("the outcome of the step is not unknown")]
    NotUnknown,
}

/// A decision on an approval.
#[derive(Clone, Debug)]
pub struct Decided<'a> {
    /// Which approval; the only one that waits when absent.
    pub approval: Option<&'a ApprovalId>,
    /// The action that was looked at.
    pub action: Option<Digest>,
    /// Whether they agree.
    pub approve: bool,
    /// What they say about it.
    pub comment: Option<&'a str>,
    /// Who decides.
    pub by: &'a PrincipalId,
}

/// Stops a run: at once when nothing is in flight.
pub fn cancel(run: &Run, reason: Option<&str>, force: bool) -> Result<Vec<Draft>, Rejection> {
    if run.status.ended() {
        return Err(Rejection::Ended);
    }
    let mut drafts = vec![Draft::from(RunCancelRequested { force }).with("/reason", reason)];
    if run.in_flight() == 0 {
        drafts.extend(stop(run));
    }
    Ok(drafts)
}

/// The end of a run that is being cancelled and has nothing in flight.
pub fn stop(run: &Run) -> Vec<Draft> {
    let unknown = run.open().filter(|(_, step)| matches!(step.state, StepState::Unknown { .. }));
    let unknown_steps = unknown.map(|(number, _)| number).collect();
    let mut drafts = withdraw(run);
    drafts.push(RunCancelled { unknown_steps, totals: totals_of(run) }.into());
    drafts
}

/// Takes back every question about an action.
pub fn withdraw(run: &Run) -> Vec<Draft> {
    run.approvals().values().map(|open| resolved(open, Verdict::Withdrawn, None)).collect()
}

/// Approvals that nobody answered in time.
pub fn expire(run: &Run, now: Timestamp) -> Vec<Draft> {
    let expired = run.approvals().values().filter(|open| open.asked.expires <= now);
    expired.map(|open| resolved(open, Verdict::Expired, None)).collect()
}

/// Decides on an approval. An approval that nobody answered in time is never approved.
pub fn resolve(run: &Run, it: &Decided<'_>, now: Timestamp) -> Result<(ApprovalId, Vec<Draft>), Rejection> {
    if run.status.ended() {
        return Err(Rejection::Ended);
    }
    let open = the_approval(run, it.approval)?;
    if it.action.is_some_and(|action| action != open.asked.action) {
        return Err(Rejection::Stale(open.asked.action));
    }
    if open.asked.expires <= now {
        return Err(Rejection::Expired);
    }
    if it.approve && open.asked.approver_not_requester && *it.by == run.submitter.id {
        return Err(Rejection::SameApprover);
    }
    let verdict = if it.approve { Verdict::Approved } else { Verdict::Rejected };
    let draft = resolved(open, verdict, Some(it.by.clone())).with("/comment", it.comment);
    Ok((open.asked.approval.clone(), vec![draft]))
}

fn the_approval<'a>(run: &'a Run, id: Option<&ApprovalId>) -> Result<&'a OpenApproval, Rejection> {
    let open = run.approvals();
    match id {
        Some(id) => open.get(id).ok_or(Rejection::NoApproval),
        None if open.len() > 1 => Err(Rejection::Ambiguous(open.keys().cloned().collect())),
        None => open.values().next().ok_or(Rejection::NoApproval),
    }
}

fn resolved(open: &OpenApproval, decision: Verdict, approver: Option<PrincipalId>) -> Draft {
    let asked = &open.asked;
    let (action, approval) = (asked.action, asked.approval.clone());
    ApprovalResolved { action, approval, approver, decision, step: asked.step }.into()
}

/// Answers the question that is open.
pub fn answer(run: &Run, name: Option<&str>, answer: Value) -> Result<Vec<Draft>, Rejection> {
    if run.status.ended() {
        return Err(Rejection::Ended);
    }
    let asked = run.question.as_ref().ok_or(Rejection::NotAsked)?;
    if name.is_some_and(|name| name != &*asked.name) {
        return Err(Rejection::NotAsked);
    }
    Ok(vec![Draft::from(InputReceived { name: asked.name.clone() }).with("/answer", Some(answer))])
}

/// What a person says of a step whose outcome nobody saw.
#[derive(Clone, Debug)]
pub(crate) enum Settled {
    /// It happened, and gave this.
    Observed(Kept),
    /// Try again.
    Retry,
    /// It did not happen, or does not matter.
    Fail(String),
}

/// Settles a step whose outcome is unknown.
pub(crate) fn settle(
    run: &Run,
    step: u64,
    how: Settled,
    (by, comment): (&PrincipalId, Option<&str>),
    now: Timestamp,
) -> Result<Vec<Draft>, Rejection> {
    if run.status.ended() {
        return Err(Rejection::Ended);
    }
    let StepState::Unknown { attempt } = run.step(step).ok_or(Rejection::NoStep)?.state else {
        return Err(Rejection::NotUnknown);
    };
    Ok(vec![match how {
        Settled::Observed(kept) => {
            let (result, recorded_by) = (kept.payload.clone(), Some(by.clone()));
            Draft::from(StepObserved {
                attempt,
                duration_us: 0,
                recorded_by,
                result,
                step,
                usage: None,
                waited_us: None,
            })
            .holding(kept)
            .with("/comment", comment)
        }
        Settled::Retry => failed(step, attempt, "unknown-outcome", 0, Some(now)).with("/message", comment),
        Settled::Fail(message) => failed(step, attempt, "unknown-outcome", 0, None).with("/message", Some(message)),
    }])
}

/// How long an attempt took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Took {
    /// In all.
    pub(crate) whole: Duration,
    /// Of that, waiting for its turn; none when it did not.
    pub(crate) waited: Option<Duration>,
}

/// A step in flight gave a result. A result that comes too late gives nothing.
pub(crate) fn observe(
    run: &Run,
    (step, attempt): (u64, u32),
    took: Took,
    kept: Kept,
    usage: Option<Usage>,
) -> Option<Draft> {
    flies(run, step, attempt).then(|| {
        let (duration_us, waited_us) = (micros(took.whole), took.waited.map(micros));
        let result = kept.payload.clone();
        Draft::from(StepObserved { attempt, duration_us, recorded_by: None, result, step, usage, waited_us })
            .holding(kept)
    })
}

/// How a tool's failure is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Whether the step may be begun again when nobody knows whether its work happened.
    pub repeatable: bool,
    /// How failures are tried again.
    pub retry: Retry,
    /// Chance, over the whole range, that spreads retries.
    pub jitter: u32,
    /// Whether nothing was sent.
    pub unsent: bool,
}

/// A step in flight gave no result: it is tried again, has failed, or nobody knows.
pub(crate) fn fail(
    run: &Run,
    (step, attempt): (u64, u32),
    failure: &ToolFailure,
    took: Took,
    terms: Terms,
    now: Timestamp,
) -> Option<Draft> {
    if !flies(run, step, attempt) {
        return None;
    }
    if failure.uncertain && !terms.repeatable {
        return Some(StepUnknown { attempt, because: failure.code.clone(), step }.into());
    }
    // Who had no turn because others are paced has not tried: the run's deadline bounds that, not the agent's `retry`.
    let paced = terms.unsent && &*failure.code == RATE_LIMITED;
    let tried = attempt.saturating_sub(run.step(step).map_or(0, |step| step.unsent) + u32::from(paced));
    let again = (failure.retryable || failure.uncertain)
        && (paced || tried < terms.retry.attempts)
        && !matches!(run.status, Status::Cancelling { .. });
    let wait = backoff(&terms.retry, tried.max(1), terms.jitter).max(failure.retry_after.unwrap_or_default());
    let retry_at = again.then(|| now.plus(wait));
    let (code, duration_us, waited_us) = (failure.code.clone(), micros(took.whole), took.waited.map(micros));
    let unsent = terms.unsent;
    let failed = StepFailed { attempt, code, duration_us, retry_at, step, unsent, usage: None, waited_us };
    Some(Draft::from(failed).with("/message", Some(failure.message.as_str())))
}

/// The wait before the attempt after this one: doubled each time, at most the longest, and spread over its upper half.
pub fn backoff(retry: &Retry, attempt: u32, jitter: u32) -> Duration {
    let doubled = retry.backoff_ms.saturating_mul(1_u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(u64::MAX));
    let wait = doubled.min(retry.max_ms).saturating_mul(1000);
    let spread = u128::from(wait / 2) * u128::from(jitter) / u128::from(u32::MAX);
    Duration::from_micros(wait / 2 + u64::try_from(spread).unwrap_or(0))
}

/// A step in flight that nobody here carries out: begun again under the same key, or unknown. `worker` begins it.
pub fn recover(run: &Run, step: u64, again: Option<StepDispatched>, because: &str) -> Option<Draft> {
    let &Step { state: StepState::InFlight { attempt }, unsent, .. } = run.step(step)? else { return None };
    let cancelling = matches!(run.status, Status::Cancelling { .. });
    Some(match again {
        Some(_) if cancelling => failed(step, attempt, "cancelled", 0, None),
        Some(again) if attempt.saturating_sub(unsent) < MOST_ATTEMPTS => again.into(),
        Some(_) => failed(step, attempt, because, 0, None),
        None => StepUnknown { attempt, because: because.into(), step }.into(),
    })
}

/// The code of a provider that asks to be left alone.
pub(crate) const RATE_LIMITED: &str = "rate-limited";

/// A step that ends its server every time is not begun for ever.
const MOST_ATTEMPTS: u32 = 100;

/// The end of a run in failure: what is in flight is given up, approvals are taken back. `waits` says of which calls
/// nothing was sent yet.
pub fn give_up(
    run: &Run,
    code: &str,
    message: &str,
    repeatable: impl Fn(u64) -> bool,
    waits: impl Fn(u64) -> bool,
) -> Vec<Draft> {
    let flying = run.open().filter_map(|(number, step)| match step.state {
        StepState::InFlight { attempt } if waits(number) => {
            let failed = StepFailed { unsent: true, ..failed_at(number, attempt, code, 0, None) };
            Some(failed.into())
        }
        StepState::InFlight { attempt } if repeatable(number) => Some(failed(number, attempt, code, 0, None)),
        StepState::InFlight { attempt } => Some(StepUnknown { attempt, because: "killed".into(), step: number }.into()),
        _ => None,
    });
    let mut drafts: Vec<Draft> = flying.collect();
    drafts.extend(withdraw(run));
    drafts.push(fail_run(run, code, message, None, None));
    drafts
}

/// The last event of a run that failed.
pub fn fail_run(run: &Run, code: &str, message: &str, rule: Option<&str>, step: Option<u64>) -> Draft {
    debug_assert!(errors::ending(code).is_some() || errors::find(code).is_some(), "`{code}` has no page");
    let rule = rule.map(Into::into);
    Draft::from(RunFailed { code: code.into(), met: None, rule, step, totals: totals_of(run) })
        .with("/message", Some(message))
}

/// An attempt that failed.
pub(crate) fn failed(step: u64, attempt: u32, code: &str, duration_us: u64, retry_at: Option<Timestamp>) -> Draft {
    failed_at(step, attempt, code, duration_us, retry_at).into()
}

fn failed_at(step: u64, attempt: u32, code: &str, duration_us: u64, retry_at: Option<Timestamp>) -> StepFailed {
    let code = code.into();
    StepFailed { attempt, code, duration_us, retry_at, step, unsent: false, usage: None, waited_us: None }
}

fn flies(run: &Run, step: u64, attempt: u32) -> bool {
    run.step(step).is_some_and(|step| step.state == StepState::InFlight { attempt })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// When a worker should look at a run that nobody carries out; none when there is nothing to do.
pub fn wake(run: &Run, now: Timestamp) -> Option<Timestamp> {
    if run.status.ended() {
        return None;
    }
    if !matches!(run.status, Status::Waiting(_)) {
        return Some(now);
    }
    let timers = run.open().filter_map(|(_, step)| match step.state {
        StepState::Retrying { at, .. } => Some(at),
        StepState::Cooling { until } => Some(until),
        _ => None,
    });
    let expiries = run.approvals().values().map(|open| open.asked.expires);
    timers.chain(expiries).chain(run.submitted.deadline).min()
}
