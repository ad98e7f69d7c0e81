//! Takes a run as far as it goes without waiting for anything: every decision that can be made now, made.

use std::collections::BTreeSet;

use affiant_journal::{
    Dispatch, Run, StepDispatched, TimerSet, Timestamp, WorkerId,
    run::{PACK, Status, Step, StepState},
};
use affiant_policy::PolicySet;

use crate::{
    budget::Purse,
    decide,
    draft::Draft,
    ledger::{NotWritten, Pen},
    work::{Opened, Work},
};

/// What surrounds a turn.
pub(crate) struct Turn<'a> {
    pub(crate) pen: Pen<'a>,
    pub(crate) worker: &'a WorkerId,
    pub(crate) policies: &'a PolicySet,
    /// Steps that are carried out here right now.
    pub(crate) flying: &'a BTreeSet<u64>,
    /// Of those, the calls of models that wait for their turn: nothing was sent yet.
    pub(crate) queueing: &'a BTreeSet<u64>,
    /// What surrounds calls of models; none where no model decides.
    pub(crate) purse: Option<&'a Purse>,
    /// Whether a call may wait for what others hold back of a budget.
    pub(crate) patient: bool,
}

/// What must be done outside before the run can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// Begin an attempt of a step.
    Begin { step: u64, attempt: u32 },
    /// Show a step to a person.
    Display { step: u64 },
}

impl Work {
    /// Decides everything that can be decided now and says what must be done outside.
    pub(crate) fn advance(&mut self, turn: &Turn<'_>) -> Result<Vec<Errand>, NotWritten> {
        let mut errands = Vec::new();
        self.starved = false;
        loop {
            let before = self.run().events;
            self.turn(turn, &mut errands)?;
            let run = self.run();
            if run.events == before || run.status.ended() {
                return Ok(errands);
            }
        }
    }

    fn turn(&mut self, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        self.recover(turn, errands)?;
        match self.run().status {
            Status::Completed | Status::Failed { .. } | Status::Cancelled => return Ok(()),
            Status::Cancelling { .. } if self.run().in_flight() > 0 => return Ok(()),
            Status::Cancelling { .. } => return self.write_all(decide::stop(self.run()), turn),
            _ => (),
        }
        if self.run().submitted.deadline.is_some_and(|deadline| deadline <= turn.pen.now) {
            return self.miss_deadline(turn);
        }
        self.write_all(decide::expire(self.run(), turn.pen.now), turn)?;
        self.begin_what_may(turn, errands)?;
        let run = self.run();
        if run.at_rest() && !run.status.ended() { self.plan(turn, errands) } else { Ok(()) }
    }

    /// Steps in flight that nobody carries out here: the worker that had them is gone.
    fn recover(&mut self, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        let flies_here = |number: u64, errands: &[Errand]| {
            turn.flying.contains(&number) || errands.iter().any(|it| it.begins(number))
        };
        let lost: Vec<(u64, u32)> = self
            .run()
            .open()
            .filter_map(|(number, step)| match step.state {
                StepState::InFlight { attempt } if !flies_here(number, errands) => Some((number, attempt)),
                _ => None,
            })
            .collect();
        for (step, attempt) in lost {
            if self.calls_agent(step) {
                // The run that it is goes on by itself: it is waited for again, also to be stopped.
                self.note_begun(step, errands);
                continue;
            }
            let again = self.repeatable(step).then(|| self.dispatched(step, attempt + 1, turn));
            let Some(draft) = decide::recover(self.run(), step, again, "lease-lost") else { continue };
            self.write(draft, &Opened::default(), &turn.pen)?;
            self.note_begun(step, errands);
        }
        Ok(())
    }

    fn miss_deadline(&mut self, turn: &Turn<'_>) -> Result<(), NotWritten> {
        let waits = |step| turn.queueing.contains(&step);
        let message = match self.paced(waits) {
            Some(why) => format!("the run had not ended at its deadline: {why}"),
            None => "the run had not ended at its deadline".into(),
        };
        let repeatable = |step| self.repeatable(step);
        let drafts = decide::give_up(self.run(), "deadline-exceeded", &message, repeatable, waits);
        self.write_all(drafts, turn)
    }

    /// Which calls of models wait for their turn, or for the end of a provider's rest without having been sent.
    fn paced(&self, waits: impl Fn(u64) -> bool) -> Option<String> {
        let rests = |step: &Step| matches!(step.state, StepState::Retrying { .. }) && step.unsent > 0;
        let (step, _) = self.run().open().find(|(number, step)| waits(*number) || rests(step))?;
        let provider = self.model_of(step)?.provider;
        Some(format!(
            "step {step} waited for its turn at `{provider}`, which is asked by others or wants to be left alone"
        ))
    }

    /// Begins allowed steps whose time has come, as many at once as the limits allow.
    fn begin_what_may(&mut self, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        let open: Vec<(u64, StepState)> =
            self.run().open().map(|(number, step)| (number, step.state.clone())).collect();
        for (number, state) in open {
            if self.run().status.ended() {
                break;
            }
            match state {
                StepState::Undisplayed if !errands.contains(&Errand::Display { step: number }) => {
                    errands.push(Errand::Display { step: number });
                }
                StepState::Approved { .. } | StepState::Decided => self.begin(number, 1, turn, errands)?,
                StepState::Cooling { until } if until <= turn.pen.now => self.begin(number, 1, turn, errands)?,
                StepState::Retrying { attempt, at } if at <= turn.pen.now => {
                    self.begin(number, attempt + 1, turn, errands)?;
                }
                _ => (),
            }
        }
        Ok(())
    }

    fn begin(&mut self, step: u64, attempt: u32, turn: &Turn<'_>, errands: &mut Vec<Errand>) -> Result<(), NotWritten> {
        if self.run().in_flight() >= self.parallel() {
            return Ok(());
        }
        if !self.is_what_was_decided(step) {
            let message = "the arguments are not the ones that were decided on";
            let failed = decide::failed(step, attempt - 1, "approval-stale", 0, None).with("/message", Some(message));
            return self.write(failed, &Opened { value: None, message: Some(message) }, &turn.pen);
        }
        if attempt == 1
            && let Some(until) = self.cooled(step, turn.pen.now)
        {
            let waits = self.run().step(step).is_some_and(|step| step.state == StepState::Decided);
            let timer = TimerSet { because: "cooldown".into(), step, until };
            return if waits { self.write(timer, &Opened::default(), &turn.pen) } else { Ok(()) };
        }
        if attempt > 1
            && let Err(met) = self.pay_again(step, turn)
        {
            return self.end_starved(step, attempt - 1, &met, turn);
        }
        self.write(self.dispatched(step, attempt, turn), &Opened::default(), &turn.pen)?;
        self.note_begun(step, errands);
        Ok(())
    }

    /// Whether the arguments at hand are those of the action that was decided, and approved where it had to be.
    fn is_what_was_decided(&self, number: u64) -> bool {
        let (Some(step), Some(job)) = (self.run().step(number), self.jobs.get(&number)) else { return false };
        &*step.rule == PACK || self.action(self.run().operation(step), &job.arguments) == step.action
    }

    /// When a step's operation may be called again, if that is not now.
    pub(crate) fn cooled(&self, step: u64, now: Timestamp) -> Option<Timestamp> {
        let run = self.run();
        let operation = run.operation(run.step(step)?);
        self.cooldown_of(operation, now)
    }

    /// When an operation may be called again, if that is not now.
    pub(crate) fn cooldown_of(&self, operation: &affiant_journal::Pinned, now: Timestamp) -> Option<Timestamp> {
        let cooldown = self.agent.tool_named(&operation.name)?.terms.cooldown?;
        let until = self.run().last_begun(operation)?.plus(cooldown);
        (until > now).then_some(until)
    }

    pub(crate) fn dispatched(&self, step: u64, attempt: u32, turn: &Turn<'_>) -> StepDispatched {
        StepDispatched { dispatch: dispatch(self.run(), step, attempt, turn.worker), step }
    }

    /// Remembers that an attempt is to be carried out here.
    pub(crate) fn note_begun(&self, step: u64, errands: &mut Vec<Errand>) {
        if let Some(Step { state: StepState::InFlight { attempt }, .. }) = self.run().step(step) {
            errands.push(Errand::Begin { step, attempt: *attempt });
        }
    }

    /// Whether a step may be begun again when nobody saw its end. Reading packs changes nothing.
    pub(crate) fn repeatable(&self, step: u64) -> bool {
        let run = self.run();
        let Some(step) = run.step(step) else { return false };
        &*step.rule == PACK
            || self.agent.tool_named(&run.operation(step).name).is_some_and(crate::agent::ReadyTool::repeatable)
    }

    /// How many calls may be in flight at once.
    pub(crate) fn parallel(&self) -> u64 {
        u64::from(self.agent.agent().limits.parallel.max(1))
    }

    pub(crate) fn write_all(&mut self, drafts: Vec<Draft>, turn: &Turn<'_>) -> Result<(), NotWritten> {
        drafts.into_iter().try_for_each(|draft| self.write(draft, &Opened::default(), &turn.pen))
    }
}

impl Errand {
    fn begins(&self, number: u64) -> bool {
        matches!(self, Self::Begin { step, .. } if *step == number)
    }
}

/// An attempt of a step, with the key that every attempt of it has.
pub(crate) fn dispatch(run: &Run, step: u64, attempt: u32, worker: &WorkerId) -> Dispatch {
    Dispatch { attempt, key: format!("{}/{step}", run.id).into(), worker: worker.clone() }
}
