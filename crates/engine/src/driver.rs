//! Carries out one run: decide, record, act, and again, until it ends or waits.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use affiant_journal::{
    ApprovalId, ApprovalRequested, Body, Digest, RunClaimed, Timestamp, Usage,
    run::{PACK, Status, StepState},
};
use serde_json::Value;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit},
    task::JoinSet,
};

use crate::{
    Engine, EngineError,
    advance::{Errand, Turn},
    agent::Hidden,
    decide::{self, Terms},
    draft::Draft,
    flight::{Given, Halt, Outcome},
    payload::keep,
    ports::{Document, Preview, StoreError, ToolFailure},
    record::{Beside, Hold},
    work::{Opened, Work},
};

/// What others know of a run that is carried out here.
#[derive(Debug)]
pub(crate) struct Driven {
    /// Its agent, and how many runs of it one tenant may have at work, when that is limited.
    pub(crate) limit: Option<(Arc<str>, u32)>,
    /// Somebody wrote to the run, or it should be looked at again.
    pub(crate) nudge: Notify,
    /// Another worker has the run now.
    pub(crate) lost: AtomicBool,
    /// It waits for runs that it called and for nothing else, so it takes nobody's place.
    pub(crate) resting: AtomicBool,
}

impl Driven {
    pub(crate) fn of(limit: Option<(Arc<str>, u32)>) -> Self {
        Self { limit, nudge: Notify::new(), lost: AtomicBool::new(false), resting: AtomicBool::new(false) }
    }
}

/// One run that is carried out.
pub(crate) struct Driver {
    engine: Arc<Engine>,
    work: Box<Work>,
    driven: Arc<Driven>,
    flights: JoinSet<Outcome>,
    halts: HashMap<u64, Halt>,
    /// Steps that are shown to somebody right now.
    showing: BTreeSet<u64>,
    /// Outcomes that are not recorded yet.
    landed: Vec<Outcome>,
    /// Since when the run waits for what others hold back of a budget.
    starved_since: Option<Timestamp>,
    /// Its place among the runs that are carried out at once; none while it waits for runs that it called.
    permit: Option<OwnedSemaphorePermit>,
}

/// How long until a run looks again whether others have given back what they held of a budget.
const HUNGRY: Duration = Duration::from_millis(100);
/// How long it waits for that at most. A call of a model may take longer; then the budget counts as used up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a turn left a run.
enum Left {
    /// There is something to wait for here.
    Busy,
    /// It ended or waits for somebody.
    Parked,
}

impl Driver {
    pub(crate) fn new(engine: Arc<Engine>, work: Box<Work>, driven: Arc<Driven>, permit: OwnedSemaphorePermit) -> Self {
        Self {
            engine,
            work,
            driven,
            flights: JoinSet::new(),
            halts: HashMap::new(),
            showing: BTreeSet::new(),
            landed: Vec::new(),
            starved_since: None,
            permit: Some(permit),
        }
    }

    /// Carries on a run whose last append is on disk and whose errands are known.
    pub(crate) async fn go_on(mut self, errands: Vec<Errand>) -> Option<Box<Work>> {
        self.run_errands(errands).await;
        (self.idle() || self.until_parked(false).await).then_some(self.work)
    }

    /// Takes a run over.
    pub(crate) async fn take_over(mut self) -> Option<Box<Work>> {
        self.until_parked(true).await.then_some(self.work)
    }

    /// Turn after turn, until the run ended or waits for somebody. False when it was let go before.
    async fn until_parked(&mut self, mut claim: bool) -> bool {
        if !claim {
            self.wait().await;
        }
        loop {
            let leaving = self.work.starved && !self.engine.working.load(Ordering::Relaxed);
            if leaving || self.driven.lost.load(Ordering::Relaxed) {
                return false;
            }
            match self.turn(claim).await {
                Ok(Left::Parked) => return true,
                Ok(Left::Busy) => claim = false,
                // Somebody else wrote, or took what was left of a budget: look again, then decide.
                Err(EngineError::Conflict | EngineError::Store(StoreError::Exhausted(_))) => {
                    // Rare: a task need not have room for it all the time.
                    match Box::pin(self.reload()).await {
                        Ok(true) => continue,
                        _ => return false,
                    }
                }
                Err(error) => {
                    // The lease ends and somebody takes the run again: nothing is lost but time.
                    tracing::warn!(run = %self.work.run().id, %error, "a run was let go");
                    return false;
                }
            }
            self.wait().await;
        }
    }

    /// One turn: what has landed, what can be decided, one append, and what must be done next.
    async fn turn(&mut self, claim: bool) -> Result<Left, EngineError> {
        let engine = self.engine.clone();
        let pen = engine.pen(&engine.worker_actor);
        if claim {
            let (until, worker) = (engine.lease_end(), engine.settings.worker.clone());
            self.work.write(RunClaimed { until, worker }, &Opened::default(), &pen)?;
        }
        let mut documents = Vec::new();
        for outcome in &self.landed {
            settle(&engine, &mut self.work, outcome, &mut documents)?;
        }
        self.show_snapshot(&engine).await?;
        // Read again, because what was settled just now bears a time of its own, and time does not go back in a record.
        let purse = engine.purse(&self.work).await?;
        let pen = engine.pen(&engine.worker_actor);
        let flying = self.halts.keys().copied().collect();
        let queueing = self.halts.iter().filter(|(_, halt)| halt.departure.waits()).map(|(step, _)| *step).collect();
        let patient = self.starved_since.is_none_or(|since| pen.now.since(since) < PATIENCE);
        let turn = Turn {
            pen,
            worker: &engine.settings.worker,
            policies: &engine.policies,
            flying: &flying,
            queueing: &queueing,
            purse: purse.as_ref(),
            patient,
        };
        let errands = self.work.advance(&turn)?;
        self.starved_since = self.starved_since.filter(|_| self.work.starved).or(self.work.starved.then_some(pen.now));
        let errands: Vec<_> = errands.into_iter().filter(|errand| !self.is_shown(errand)).collect();
        let busy = !errands.is_empty() || !self.halts.is_empty() || !self.showing.is_empty() || self.work.starved;
        let busy = busy && !self.work.run().status.ended();
        let hold = if busy { Hold::Here } else { Hold::Until(decide::wake(self.work.run(), pen.now)) };
        let beside = Beside { documents, ..Beside::default() };
        if self.work.ledger.pending.entries.is_empty() && busy {
            self.landed.clear();
        } else {
            engine.record(&mut self.work.ledger, hold, beside).await?;
            self.landed.clear();
        }
        self.run_errands(errands).await;
        self.stop_what_must();
        Ok(if self.idle() || self.work.run().status.ended() { Left::Parked } else { Left::Busy })
    }

    /// Lets the facts know a snapshot that was read just now and is stored with the next append.
    async fn show_snapshot(&mut self, engine: &Engine) -> Result<(), EngineError> {
        if self.work.run().snapshot.is_none() || self.work.sees {
            return Ok(());
        }
        for outcome in &self.landed {
            if let Given::Snapshot(taken, _) = &outcome.given {
                let items = taken.facts(&engine.ports, &self.work.ledger.tenant).await?;
                engine.share_snapshot(&taken.reference(), Value::Object(items));
            }
        }
        engine.show_snapshot(&mut self.work).await
    }

    fn is_shown(&self, errand: &Errand) -> bool {
        matches!(errand, Errand::Display { step } if self.showing.contains(step))
    }

    fn idle(&self) -> bool {
        self.halts.is_empty() && self.showing.is_empty() && self.landed.is_empty() && !self.work.starved
    }

    /// Tells what is in flight that the run is being cancelled, and kills it where that is by force.
    fn stop_what_must(&self) {
        let Status::Cancelling { force } = self.work.run().status else { return };
        for halt in self.halts.values() {
            halt.gently.cancel();
            if force {
                halt.at_once.cancel();
            }
        }
    }

    async fn run_errands(&mut self, errands: Vec<Errand>) {
        for errand in errands {
            match errand {
                Errand::Begin { step, attempt } => {
                    let halt = Halt::default();
                    self.halts.insert(step, halt.clone());
                    self.stop_what_must();
                    let flight = Box::pin(self.engine.clone().flight(&self.work, step, attempt, halt));
                    self.take_off(flight).await;
                }
                Errand::Display { step } => {
                    self.showing.insert(step);
                    let display = Box::pin(self.engine.clone().display(&self.work, step));
                    self.take_off(display).await;
                }
            }
        }
    }

    /// Begins a flight. Many tools answer at once; only those that do not get a task of their own.
    async fn take_off(&mut self, mut flight: Pin<Box<impl Future<Output = Outcome> + Send + 'static>>) {
        let at_once = std::future::poll_fn(|context| Poll::Ready(flight.as_mut().poll(context))).await;
        match at_once {
            Poll::Ready(outcome) => self.land(Some(Ok(outcome))),
            Poll::Pending => drop(self.flights.spawn(flight)),
        }
    }

    /// Waits for an outcome, somebody else's event, or a moment; several outcomes are taken at once.
    async fn wait(&mut self) {
        let driven = self.driven.clone();
        self.rest();
        if self.landed.is_empty() {
            let due = self.due();
            tokio::select! {
                landed = self.flights.join_next(), if !self.flights.is_empty() => self.land(landed),
                () = driven.nudge.notified() => Box::pin(self.hear()).await,
                () = tokio::time::sleep(due) => (),
            }
        } else {
            tokio::select! {
                biased;
                () = driven.nudge.notified() => Box::pin(self.hear()).await,
                () = std::future::ready(()) => (),
            }
        }
        while let Some(landed) = self.flights.try_join_next() {
            self.land(Some(landed));
        }
        self.stop_what_must();
        self.resume().await;
    }

    /// Gives its place to others while there is nothing to wait for but runs that this one called: they may need it.
    fn rest(&mut self) {
        let children = !self.halts.is_empty() && self.halts.keys().all(|step| self.work.calls_agent(*step));
        if children && self.landed.is_empty() && self.showing.is_empty() && self.permit.take().is_some() {
            self.driven.resting.store(true, Ordering::Relaxed);
            self.engine.bell.notify_one();
        }
    }

    /// Takes a place again.
    async fn resume(&mut self) {
        if self.permit.is_none() {
            // The places are never closed; without one the run would merely go on beside them.
            self.permit = self.engine.slots.clone().acquire_owned().await.ok();
            self.driven.resting.store(false, Ordering::Relaxed);
        }
    }

    fn land(&mut self, landed: Option<Result<Outcome, tokio::task::JoinError>>) {
        let outcome = match landed {
            Some(Ok(outcome)) => outcome,
            // Flights catch the panics of tools themselves; an aborted flight says nothing.
            Some(Err(_)) | None => return,
        };
        match outcome.given {
            Given::Shown(_) => self.showing.remove(&outcome.step),
            _ => self.halts.remove(&outcome.step).is_some(),
        };
        self.landed.push(outcome);
    }

    /// Takes what others wrote. When that fails the next append conflicts, and the run is read again.
    async fn hear(&mut self) {
        if let Err(error) = self.engine.clone().catch_up(&mut self.work).await {
            tracing::debug!(run = %self.work.run().id, %error, "others' events could not be read yet");
        }
    }

    /// Until the next moment at which the run changes by itself.
    fn due(&self) -> Duration {
        let run = self.work.run();
        let now = self.engine.ports.clock.now();
        let timers = run.open().filter_map(|(_, step)| match step.state {
            StepState::Retrying { at, .. } => Some(at),
            StepState::Cooling { until } => Some(until),
            _ => None,
        });
        let expiries = run.approvals().values().map(|open| open.asked.expires);
        let hungry = self.work.starved.then(|| now.plus(HUNGRY));
        let next = timers.chain(hungry).chain(expiries).chain(run.submitted.deadline).min();
        next.map_or(Duration::from_secs(3600), |at| at.since(now).max(Duration::from_millis(1)))
    }

    /// Reads the run again after somebody else wrote. False when another worker has it.
    async fn reload(&mut self) -> Result<bool, EngineError> {
        let (tenant, id) = (self.work.ledger.tenant.clone(), self.work.run().id.clone());
        *self.work = self.engine.clone().load(&tenant, &id).await?;
        let run = self.work.run();
        let ours = run.lease.as_ref().is_none_or(|lease| lease.worker == self.engine.settings.worker);
        Ok(ours && !run.status.ended())
    }
}

/// Records how a flight ended.
fn settle(
    engine: &Engine,
    work: &mut Work,
    outcome: &Outcome,
    documents: &mut Vec<Document>,
) -> Result<(), EngineError> {
    let pen = engine.pen(&engine.worker_actor);
    let (step, attempt) = (outcome.step, outcome.attempt);
    let agent = work.agent.clone();
    let name = work.run().step(step).map(|it| work.run().operation(it).name.clone()).unwrap_or_default();
    let tool = agent.tool_named(&name);
    let none = Hidden::default();
    match &outcome.given {
        Given::Value(value) => {
            let kept = keep(value.clone(), "/result", tool.map_or(&none, |tool| &tool.hidden), pen.chance);
            let draft = decide::observe(work.run(), (step, attempt), outcome.times(), kept, None);
            write(work, draft, &Opened { value: Some(value), message: None }, &pen)
        }
        Given::Answer(value, usage) => {
            let kept = keep(value.clone(), "/result", tool.map_or(&none, |tool| &tool.hidden), pen.chance);
            let draft = decide::observe(work.run(), (step, attempt), outcome.times(), kept, Some(usage.clone()));
            write(work, draft, &Opened { value: Some(value), message: None }, &pen)
        }
        Given::Snapshot(taken, value) => {
            documents.extend(taken.documents(&work.ledger.tenant));
            let kept = keep(value.clone(), "/result", &none, pen.chance);
            let draft = decide::observe(work.run(), (step, attempt), outcome.times(), kept, None);
            write(work, draft, &Opened { value: Some(value), message: None }, &pen)
        }
        Given::Nothing(failure) => fell_short(work, outcome, failure, None, &pen),
        Given::Unanswered(failure, usage) => fell_short(work, outcome, failure, Some(usage), &pen),
        Given::Shown(shown) => {
            let draft = asked(engine, work, step, shown, pen.now);
            write(work, draft, &Opened { value: None, message: failed_message(shown) }, &pen)
        }
    }
}

/// Records an attempt that gave nothing, with what it used all the same.
fn fell_short(
    work: &mut Work,
    outcome: &Outcome,
    failure: &ToolFailure,
    usage: Option<&Usage>,
    pen: &crate::ledger::Pen<'_>,
) -> Result<(), EngineError> {
    let (step, attempt) = (outcome.step, outcome.attempt);
    let agent = work.agent.clone();
    let name = work.run().step(step).map(|it| work.run().operation(it).name.clone()).unwrap_or_default();
    let terms = Terms {
        repeatable: work.repeatable(step),
        retry: agent.tool_named(&name).map(|tool| tool.terms.retry).unwrap_or_default(),
        jitter: jitter(pen.chance),
        unsent: outcome.unsent,
    };
    let mut draft = decide::fail(work.run(), (step, attempt), failure, outcome.times(), terms, pen.now);
    if let Some(Body::StepFailed(it)) = draft.as_mut().map(|draft| &mut draft.body) {
        it.usage = usage.cloned();
    }
    write(work, draft, &Opened { value: None, message: Some(&failure.message) }, pen)
}

fn write(
    work: &mut Work,
    draft: Option<Draft>,
    opened: &Opened<'_>,
    pen: &crate::ledger::Pen<'_>,
) -> Result<(), EngineError> {
    match draft {
        Some(draft) => Ok(work.write(draft, opened, pen)?),
        None => Ok(()),
    }
}

fn failed_message(shown: &Result<Preview, ToolFailure>) -> Option<&str> {
    shown.as_ref().err().map(|failure| failure.message.as_str())
}

/// Asks for an approval of exactly what was shown, or fails the step that cannot be shown.
fn asked(
    engine: &Engine,
    work: &Work,
    step: u64,
    shown: &Result<Preview, ToolFailure>,
    now: Timestamp,
) -> Option<Draft> {
    let run = work.run();
    let waiting = run.step(step).filter(|it| it.state == StepState::Undisplayed && &*it.rule != PACK)?;
    let preview = match shown {
        Ok(preview) => preview,
        Err(failure) => {
            let failed = decide::failed(step, 0, &failure.code, 0, None);
            return Some(failed.with("/message", Some(failure.message.as_str())));
        }
    };
    let operation = run.operation(waiting);
    let tool = work.agent.tool_named(&operation.name)?;
    // The same agent, caller and policies as when the step was decided: a run that finds others is not carried on.
    let ruling = work.rule_on(Some(tool), operation, &engine.policies);
    let value = serde_json::to_value(preview).unwrap_or(Value::Null);
    // What is shown quotes the arguments: where one of them is personal, all of it is.
    let hidden = if tool.hidden.is_empty() { Vec::new() } else { vec![String::new()] };
    let displayed = Digest::of(&crate::payload::spelled(&value));
    let kept = keep(value, "/display", &Hidden { committed: hidden, dropped: Vec::new() }, &*engine.ports.chance);
    let body = ApprovalRequested {
        action: waiting.action,
        approval: ApprovalId::new(engine.ports.chance.id("apr_", now)),
        approver_not_requester: tool.terms.approver_not_requester,
        display: kept.payload.clone(),
        displayed,
        expires: now.plus(tool.approval_expires()),
        policies: ruling.policies,
        step,
    };
    Some(Draft::from(body).holding(kept))
}

fn jitter(chance: &dyn crate::ports::Chance) -> u32 {
    let mut bytes = [0; 4];
    chance.fill(&mut bytes);
    u32::from_le_bytes(bytes)
}
