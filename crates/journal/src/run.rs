//! A run as a fold over its events. [`Run::apply`] is the only place where a run changes, and its one `match` is the
//! whole life of a run. What an event costs does not grow with the length of the run.

mod step;
#[cfg(test)]
mod tests;
mod usage;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use crate::{
    Actor, ApprovalId, ApprovalRequested, ApprovalResolved, Body, Decision, Digest, Event, InputReceived,
    InputRequested, Payload, Pinned, RunClaimed, RunId, RunSubmitted, SnapshotRef, StepDecided, StepFailed,
    StepObserved, TenantId, Timestamp, Usage, Verdict, WorkerId,
};

pub use step::{Step, StepState};

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no worker took it yet.
    Queued,
    /// Something is being done, or is about to be decided.
    Running,
    /// Nothing can be done until somebody or some moment comes.
    Waiting(Reason),
    /// Somebody wants it to stop, and a step is still in flight.
    Cancelling {
        /// Whether the step in flight is killed.
        force: bool,
    },
    /// It reached its goal.
    Completed,
    /// It ended without reaching it.
    Failed {
        /// Problem code.
        code: Arc<str>,
    },
    /// It was stopped.
    Cancelled,
}

/// What a waiting run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A person's decision on a step.
    Approval,
    /// A person's answer.
    Input,
    /// A moment: a retry or a cooldown.
    Timer,
    /// A person who says what became of a step.
    UnknownOutcome,
}

impl Status {
    /// The word in contracts and lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting(_) => "waiting",
            Self::Cancelling { .. } => "cancelling",
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing can follow.
    pub fn ended(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed { .. } | Self::Cancelled)
    }
}

impl Reason {
    /// The word in contracts and lists.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Input => "input",
            Self::Timer => "timer",
            Self::UnknownOutcome => "unknown_outcome",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting(reason) => write!(f, "waiting ({})", reason.word()),
            other => f.pad(other.word()),
        }
    }
}

/// An event cannot follow those before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {seq} `{event}` is illegal while the run is {status}: {because}")]
pub struct IllegalEvent {
    /// Its place.
    pub seq: u64,
    /// Its type.
    pub event: &'static str,
    /// Where the run stood.
    pub status: String,
    /// What is wrong.
    pub because: &'static str,
}

/// The worker that has a run, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker.
    pub worker: WorkerId,
    /// When the lease ends unless it is renewed. Renewals are not events, so this may be long past.
    pub until: Timestamp,
}

/// An approval that nobody has decided yet.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenApproval {
    /// What was asked.
    pub asked: ApprovalRequested,
    /// When it was asked.
    pub at: Timestamp,
    /// The event that asked.
    pub seq: u64,
}

/// A question that nobody has answered yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Name of the answer.
    pub name: Arc<str>,
    /// The event that asked.
    pub seq: u64,
}

/// A run: everything that its events say, in the form that decisions need.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its id.
    pub id: RunId,
    /// Who submitted it.
    pub submitter: Actor,
    /// What was submitted.
    pub submitted: Arc<RunSubmitted>,
    /// When it was accepted.
    pub submitted_at: Timestamp,
    /// When a worker first took it.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Where it stands.
    pub status: Status,
    /// The worker that took it last.
    pub lease: Option<Lease>,
    /// The snapshot it reads, once known.
    pub snapshot: Option<SnapshotRef>,
    /// Events so far; the `seq` of the next one.
    pub events: u64,
    /// Artifacts so far.
    pub artifacts: u64,
    /// What all steps used.
    pub usage: Option<Usage>,
    /// The question that waits for an answer.
    pub question: Option<Question>,
    /// Events that answered, by the name of the question.
    pub answers: BTreeMap<Arc<str>, u64>,
    steps: Vec<Step>,
    names: HashMap<Arc<str>, u64>,
    operations: Vec<Pinned>,
    approvals: BTreeMap<ApprovalId, OpenApproval>,
    open: BTreeSet<u64>,
    tally: Tally,
    failures: Vec<u64>,
    cooldowns: BTreeMap<u32, Timestamp>,
}

/// The rule of the step that reads an agent's packs when the caller names no snapshot.
pub const PACK: &str = "pack";

/// The snapshot that a step of rule `pack` gave, as `context.pack.snapshot` answers.
fn snapshot_of(result: &Payload) -> Option<SnapshotRef> {
    let Payload::Inline(result) = result else { return None };
    let field = |name: &str| result.get(name)?.as_str();
    Some(SnapshotRef { id: field("snapshotId")?.into(), root: field("hash")?.parse().ok()? })
}

/// How many steps stand in each sort of open state.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    ready: u64,
    flying: u64,
    asking: u64,
    resting: u64,
    unknown: u64,
}

impl Run {
    /// The run that its first event begins.
    pub fn begin(event: &Event) -> Result<Self, IllegalEvent> {
        let refuse = |because| IllegalEvent {
            seq: event.seq,
            event: event.body.name(),
            status: "not there yet".into(),
            because,
        };
        let Body::RunSubmitted(submitted) = &event.body else { return Err(refuse("a run begins with run.submitted")) };
        if event.seq != 0 {
            return Err(refuse("a run begins at 0"));
        }
        Ok(Self {
            tenant: event.tenant.clone(),
            id: RunId::new(event.stream.as_str()),
            submitter: event.actor.clone(),
            submitted_at: event.at,
            started_at: None,
            ended_at: None,
            status: Status::Queued,
            lease: None,
            snapshot: submitted.snapshot.clone(),
            events: 1,
            artifacts: 0,
            usage: None,
            question: None,
            answers: BTreeMap::new(),
            steps: Vec::new(),
            names: HashMap::new(),
            operations: submitted.operations.clone(),
            approvals: BTreeMap::new(),
            open: BTreeSet::new(),
            tally: Tally::default(),
            failures: Vec::new(),
            cooldowns: BTreeMap::new(),
            submitted: Arc::new(submitted.clone()),
        })
    }

    /// The run that these events tell of, from the first one on.
    pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Option<Self>, IllegalEvent> {
        let mut events = events.into_iter();
        let Some(first) = events.next() else { return Ok(None) };
        let mut run = Self::begin(first)?;
        events.try_for_each(|event| run.apply(event))?;
        Ok(Some(run))
    }

    /// Takes the next event. An event that is illegal here changes nothing.
    pub fn apply(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        self.follows(event).and_then(|()| self.transition(event)).map_err(|because| IllegalEvent {
            seq: event.seq,
            event: event.body.name(),
            status: self.status.to_string(),
            because,
        })?;
        self.events += 1;
        Ok(())
    }

    fn follows(&self, event: &Event) -> Result<(), &'static str> {
        must(event.seq == self.events, "its seq is not the next one")?;
        must(event.stream.as_str() == self.id.as_str(), "it is of another stream")?;
        must(event.tenant == self.tenant, "it is of another tenant")
    }

    /// The whole life of a run: one line per transition.
    fn transition(&mut self, event: &Event) -> Result<(), &'static str> {
        use Body as B;
        use Status as S;
        use StepState as Is;
        self.status = match (&self.status, &event.body) {
            (S::Queued, B::RunClaimed(it)) => self.start(it, event),
            (S::Running | S::Waiting(_) | S::Cancelling { .. }, B::RunClaimed(it)) => self.lend(it),

            (S::Queued, B::StepDecided(it)) if it.decision == Decision::Reused => self.add(it, event)?.moves(self),
            (S::Running, B::StepDecided(it)) => self.add(it, event)?.moves(self),
            (S::Running | S::Waiting(_), B::StepDispatched(it)) => {
                let step = self.step_in(it.step, |is| is.may_begin() && is.attempts() < it.dispatch.attempt)?;
                self.cooldowns.insert(self.steps[step as usize].operation, event.at);
                self.turn(step, Is::InFlight { attempt: it.dispatch.attempt }, event).moves(self)
            }
            (S::Running | S::Waiting(_), B::TimerSet(it)) => {
                let step = self.step_in(it.step, |is| *is == Is::Decided)?;
                self.turn(step, Is::Cooling { until: it.until }, event).moves(self)
            }

            (_, B::StepObserved(it)) if !self.status.ended() => self.observe(it, event)?.moves(self),
            (S::Running | S::Waiting(_) | S::Cancelling { .. }, B::StepFailed(it)) => self.fail(it, event)?.moves(self),
            (S::Running | S::Waiting(_) | S::Cancelling { .. }, B::StepUnknown(it)) => {
                let step = self.step_in(it.step, |is| is.flies(it.attempt))?;
                self.turn(step, Is::Unknown { attempt: it.attempt }, event).moves(self)
            }

            (S::Running | S::Waiting(_), B::ApprovalRequested(it)) => self.ask(it, event)?.moves(self),
            (S::Running | S::Waiting(_) | S::Cancelling { .. }, B::ApprovalResolved(it)) => {
                self.resolve(it, event)?.moves(self)
            }

            (S::Queued | S::Running, B::ArtifactCreated(_)) => self.keep()?.moves(self),
            (S::Queued | S::Running, B::InputRequested(it)) => self.question(it, event)?.moves(self),
            (S::Queued | S::Running | S::Waiting(_), B::InputReceived(it)) => self.answer(it, event)?.moves(self),

            (S::Queued | S::Running | S::Waiting(_), B::RunCancelRequested(it)) => S::Cancelling { force: it.force },
            (S::Cancelling { force }, B::RunCancelRequested(it)) => S::Cancelling { force: *force || it.force },

            (S::Running, B::RunCompleted(_)) => {
                must(self.open.is_empty(), "a step is open")?;
                self.end(S::Completed, event)?
            }
            (S::Queued | S::Running | S::Waiting(_), B::RunFailed(it)) => {
                self.end(S::Failed { code: it.code.clone() }, event)?
            }
            (S::Cancelling { .. }, B::RunCancelled(_)) => self.end(S::Cancelled, event)?,

            (status, _) if status.ended() => return Err("the run has ended"),
            _ => return Err("it cannot follow"),
        };
        Ok(())
    }
}

/// A step, question or approval changed.
struct Moved;

impl Moved {
    /// The run's status follows from what is open.
    fn moves(self, run: &Run) -> Status {
        let Run { tally, question, .. } = run;
        match &run.status {
            staying @ (Status::Queued | Status::Cancelling { .. }) => staying.clone(),
            _ if tally.ready + tally.flying > 0 => Status::Running,
            _ if tally.unknown > 0 => Status::Waiting(Reason::UnknownOutcome),
            _ if tally.asking > 0 => Status::Waiting(Reason::Approval),
            _ if question.is_some() => Status::Waiting(Reason::Input),
            _ if tally.resting > 0 => Status::Waiting(Reason::Timer),
            _ => Status::Running,
        }
    }
}

fn must(holds: bool, because: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(because) }
}

/// What transitions do.
impl Run {
    fn start(&mut self, claim: &RunClaimed, event: &Event) -> Status {
        self.started_at = Some(event.at);
        self.lend(claim);
        Status::Running
    }

    fn lend(&mut self, claim: &RunClaimed) -> Status {
        self.lease = Some(Lease { worker: claim.worker.clone(), until: claim.until });
        self.status.clone()
    }

    fn add(&mut self, it: &StepDecided, event: &Event) -> Result<Moved, &'static str> {
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
        });
        self.failures.clear();
        Ok(self.turn(it.step, state, event))
    }

    fn observe(&mut self, it: &StepObserved, event: &Event) -> Result<Moved, &'static str> {
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

    fn fail(&mut self, it: &StepFailed, event: &Event) -> Result<Moved, &'static str> {
        let step = self.step_in(it.step, |is| is.may_fail(it.attempt))?;
        let state = match it.retry_at {
            Some(at) => StepState::Retrying { attempt: it.attempt, at },
            None => StepState::Failed { attempt: it.attempt, code: it.code.clone() },
        };
        Ok(self.turn(step, state, event))
    }

    fn ask(&mut self, it: &ApprovalRequested, event: &Event) -> Result<Moved, &'static str> {
        let step = self.step_in(it.step, |is| *is == StepState::Undisplayed)?;
        must(self.steps[step as usize].action == it.action, "it asks about another action")?;
        let asked = OpenApproval { asked: it.clone(), at: event.at, seq: event.seq };
        self.approvals.insert(it.approval.clone(), asked);
        Ok(self.turn(step, StepState::AwaitingApproval { approval: it.approval.clone() }, event))
    }

    fn resolve(&mut self, it: &ApprovalResolved, event: &Event) -> Result<Moved, &'static str> {
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

    fn end(&mut self, status: Status, event: &Event) -> Result<Status, &'static str> {
        must(self.tally.flying == 0, "a step is in flight")?;
        must(self.approvals.is_empty(), "an approval is open")?;
        self.ended_at = Some(event.at);
        self.question = None;
        Ok(status)
    }

    fn keep(&mut self) -> Result<Moved, &'static str> {
        must(self.open.is_empty(), "a step is open")?;
        self.artifacts += 1;
        self.failures.clear();
        Ok(Moved)
    }

    fn question(&mut self, it: &InputRequested, event: &Event) -> Result<Moved, &'static str> {
        must(self.at_rest(), "a step or another question is open")?;
        self.question = Some(Question { name: it.name.clone(), seq: event.seq });
        self.failures.clear();
        Ok(Moved)
    }

    fn answer(&mut self, it: &InputReceived, event: &Event) -> Result<Moved, &'static str> {
        must(self.question.as_ref().is_some_and(|asked| asked.name == it.name), "nobody asked this")?;
        self.question = None;
        self.answers.insert(it.name.clone(), event.seq);
        Ok(Moved)
    }

    fn step_in(&self, step: u64, allowed: impl FnOnce(&StepState) -> bool) -> Result<u64, &'static str> {
        let found = self.step(step).ok_or("there is no such step")?;
        must(allowed(&found.state), "the step is not in a state for it")?;
        Ok(step)
    }

    /// Moves a step to another state and keeps the counts.
    fn turn(&mut self, step: u64, state: StepState, event: &Event) -> Moved {
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

impl Tally {
    /// The count that a step in this state belongs to; none when it has ended.
    fn of(&mut self, state: &StepState) -> Option<&mut u64> {
        use StepState as Is;
        Some(match state {
            Is::Decided | Is::Undisplayed | Is::Approved { .. } | Is::Promised { .. } => &mut self.ready,
            Is::InFlight { .. } => &mut self.flying,
            Is::AwaitingApproval { .. } => &mut self.asking,
            Is::Cooling { .. } | Is::Retrying { .. } => &mut self.resting,
            Is::Unknown { .. } => &mut self.unknown,
            _ => return None,
        })
    }
}

/// What a run knows.
impl Run {
    /// Steps so far.
    pub fn count(&self) -> u64 {
        self.steps.len() as u64
    }

    /// A step by number.
    pub fn step(&self, step: u64) -> Option<&Step> {
        self.steps.get(usize::try_from(step).ok()?)
    }

    /// The steps by number.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The newest step of this name.
    pub fn named(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    /// The operation of a step.
    pub fn operation(&self, step: &Step) -> &Pinned {
        &self.operations[step.operation as usize]
    }

    /// The steps that have not ended, by number.
    pub fn open(&self) -> impl Iterator<Item = (u64, &Step)> {
        self.open.iter().map(|&number| (number, &self.steps[number as usize]))
    }

    /// Whether every step has ended and no question is open, so that the planner decides next.
    pub fn at_rest(&self) -> bool {
        self.open.is_empty() && self.question.is_none()
    }

    /// How many steps are in flight.
    pub fn in_flight(&self) -> u64 {
        self.tally.flying
    }

    /// The approvals that nobody has decided yet, by id.
    pub fn approvals(&self) -> &BTreeMap<ApprovalId, OpenApproval> {
        &self.approvals
    }

    /// Steps that ended without a result and that no decision has followed yet.
    pub fn failures(&self) -> &[u64] {
        &self.failures
    }

    /// When an operation was last begun in this run.
    pub fn last_begun(&self, operation: &Pinned) -> Option<Timestamp> {
        let index = self.operations.iter().position(|known| known == operation)?;
        self.cooldowns.get(&u32::try_from(index).ok()?).copied()
    }

    /// The digest of the action of a step.
    pub fn action(&self, step: u64) -> Option<Digest> {
        self.step(step).map(|step| step.action)
    }
}
