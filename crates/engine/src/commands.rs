//! What people ask of a run that exists: stop, approve, answer, settle.

use affiant_contract::validate_schema;
use affiant_journal::{Actor, ApprovalId, Body, Digest, Payload, Run, RunId, TenantId, Timestamp, Verdict};
use affiant_policy::Principal;
use serde_json::Value;

use crate::{
    Engine, EngineError,
    agent::Hidden,
    decide::{self, Decided, Rejection, Settled},
    draft::Draft,
    payload::keep,
    ports::ApprovalQuery,
    record::{ATTEMPTS, Beside, Hold},
};

/// A wish that a run stops.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    /// Why.
    pub reason: Option<String>,
    /// Whether the step in flight is killed.
    pub force: bool,
}

/// A run that was asked to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// The run.
    pub run: RunId,
    /// `cancelled`, or `cancelling` while a step is in flight.
    pub status: &'static str,
    /// When it ended, if it has.
    pub cancelled_at: Option<Timestamp>,
}

/// A decision on an approval.
#[derive(Clone, Debug)]
pub struct Resolve {
    /// The run.
    pub run: RunId,
    /// Which approval; the only one that waits when absent.
    pub approval: Option<ApprovalId>,
    /// The action that was looked at.
    pub action: Option<Digest>,
    /// Whether they agree.
    pub approve: bool,
    /// What they say about it.
    pub comment: Option<String>,
}

/// An approval that was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Which approval.
    pub approval: ApprovalId,
    /// `approved` or `rejected`.
    pub status: &'static str,
    /// When.
    pub resolved_at: Timestamp,
}

/// A question that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its name.
    pub name: String,
    /// Where the run stands now.
    pub status: &'static str,
    /// When.
    pub answered_at: Timestamp,
}

/// What a person says of a step whose outcome nobody saw.
#[derive(Clone, Debug)]
pub enum Settle {
    /// It happened, and gave this.
    Observed(Value),
    /// Try again.
    Retry,
    /// It did not happen, or does not matter.
    Fail(String),
}

/// A step that was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettledStep {
    /// Its number.
    pub step: u64,
    /// Where the run stands now.
    pub status: &'static str,
    /// When.
    pub settled_at: Timestamp,
}

impl Engine {
    /// Stops a run, in any state.
    pub async fn cancel(&self, who: &Principal, run: &RunId, cancel: Cancel) -> Result<Cancelled, EngineError> {
        let ((), after) = self
            .command(who, run, |run, _| Ok(((), decide::cancel(run, cancel.reason.as_deref(), cancel.force)?)))
            .await?;
        Ok(Cancelled { run: run.clone(), status: after.status.word(), cancelled_at: after.ended_at })
    }

    /// Approves or rejects one exact action.
    pub async fn resolve(&self, who: &Principal, it: Resolve) -> Result<Resolved, EngineError> {
        let decided = Decided {
            approval: it.approval.as_ref(),
            action: it.action,
            approve: it.approve,
            comment: it.comment.as_deref(),
            by: &who.id,
        };
        let done = self
            .command(who, &it.run, |run, now| {
                let (approval, drafts) = decide::resolve(run, &decided, now)?;
                Ok(((approval, now), drafts))
            })
            .await;
        let ((approval, resolved_at), _) = match done {
            Err(EngineError::Rejected(Rejection::NoApproval)) => return Err(self.why_gone(who, &it).await),
            done => done?,
        };
        let status = if it.approve { "approved" } else { "rejected" };
        Ok(Resolved { approval, status, resolved_at })
    }

    /// Why an approval does not wait: it never did, or somebody or the time has decided.
    async fn why_gone(&self, who: &Principal, it: &Resolve) -> EngineError {
        let Some(id) = &it.approval else { return Rejection::NoApproval.into() };
        let query = ApprovalQuery { approval: Some(id.clone()), ..ApprovalQuery::default() };
        match self.ports.store.approvals(&who.tenant, query).await {
            Err(error) => error.into(),
            Ok(page) => match page.rows.first().filter(|row| row.run == it.run).map(|row| row.verdict) {
                None => Rejection::NoApproval.into(),
                Some(Some(Verdict::Expired)) => Rejection::Expired.into(),
                Some(_) => EngineError::AlreadyResolved,
            },
        }
    }

    /// Answers the question that a run asked.
    pub async fn answer(
        &self,
        who: &Principal,
        run: &RunId,
        name: Option<&str>,
        answer: Value,
    ) -> Result<Answered, EngineError> {
        self.check_answer(who, run, &answer).await?;
        let ((name, answered_at), after) = self
            .command(who, run, |run, now| {
                let asked = run.question.as_ref().map(|asked| asked.name.to_string()).unwrap_or_default();
                Ok(((asked, now), decide::answer(run, name, answer.clone())?))
            })
            .await?;
        Ok(Answered { name, status: after.status.word(), answered_at })
    }

    /// Whether an answer fits the schema that came with the question.
    async fn check_answer(&self, who: &Principal, run: &RunId, answer: &Value) -> Result<(), EngineError> {
        let folded = self.folded(&who.tenant, run).await?;
        let Some(asked) = &folded.run.question else { return Ok(()) };
        let page = self.ports.store.load(&who.tenant, &run.stream(), asked.seq, 1).await?;
        let Some(Body::InputRequested(it)) = page.first().and_then(|entry| entry.event().ok()).map(|it| it.body) else {
            return Ok(());
        };
        let schema = match &it.schema {
            Payload::Inline(schema) => schema.clone(),
            Payload::Blob(blob) => {
                let bytes =
                    self.ports.blobs.get(&who.tenant, &blob.digest).await?.unwrap_or_else(|| b"true"[..].into());
                serde_json::from_slice(&bytes).unwrap_or(Value::Bool(true))
            }
        };
        validate_schema(&schema, answer).map_err(EngineError::Input)
    }

    /// Says what became of a step whose outcome nobody saw. The comment stays with it, sealed.
    pub async fn settle(
        &self,
        who: &Principal,
        run: &RunId,
        step: u64,
        how: Settle,
        comment: Option<&str>,
    ) -> Result<SettledStep, EngineError> {
        let hidden = self.hidden_of(who, run, step).await?;
        let (settled_at, after) = self
            .command(who, run, |run, now| {
                let how = match &how {
                    Settle::Observed(value) => {
                        Settled::Observed(keep(value.clone(), "/result", &hidden, &*self.ports.chance))
                    }
                    Settle::Retry => Settled::Retry,
                    Settle::Fail(message) => Settled::Fail(message.clone()),
                };
                Ok((now, decide::settle(run, step, how, (&who.id, comment), now)?))
            })
            .await?;
        Ok(SettledStep { step, status: after.status.word(), settled_at })
    }

    /// The fields of a step's result that may not stand in its event.
    async fn hidden_of(&self, who: &Principal, run: &RunId, step: u64) -> Result<Hidden, EngineError> {
        let folded = self.folded(&who.tenant, run).await?;
        let found = folded.run.step(step).map(|it| &folded.run.operation(it).name);
        let name = found.ok_or_else(|| EngineError::Missing { what: "step", name: step.to_string() })?;
        let bound = name.parse().ok().and_then(|reference| self.registry.tool_at(&reference));
        Ok(bound.map(|bound| Hidden::of(bound)).unwrap_or_default())
    }

    /// Decides and records a command, again and again while others write to the same run.
    pub(crate) async fn command<T>(
        &self,
        who: &Principal,
        run: &RunId,
        decide: impl Fn(&Run, Timestamp) -> Result<(T, Vec<Draft>), Rejection>,
    ) -> Result<(T, Run), EngineError> {
        self.command_by(&who.tenant, &who.actor(), run, decide).await
    }

    /// The same, by whoever is named.
    pub(crate) async fn command_by<T>(
        &self,
        tenant: &TenantId,
        actor: &Actor,
        run: &RunId,
        decide: impl Fn(&Run, Timestamp) -> Result<(T, Vec<Draft>), Rejection>,
    ) -> Result<(T, Run), EngineError> {
        // What is remembered of a waiting run saves reading its journal. Where others have written since, what is
        // decided from it is refused here or does not fit there, and the journal decides.
        let mut remembered = self.idle.ledger(tenant, run);
        for _ in 0..ATTEMPTS {
            let fresh = remembered.is_none();
            let mut ledger = match remembered.take() {
                Some(ledger) => ledger,
                None => self.ledger(tenant, run).await?,
            };
            let pen = self.pen(actor);
            let before = ledger.run.as_ref().ok_or(EngineError::Conflict)?;
            let (answer, drafts) = match decide(before, pen.now) {
                Err(_) if !fresh => continue,
                decided => decided?,
            };
            for draft in drafts {
                ledger.write(draft, &pen)?;
            }
            let here = self.driven_here(tenant, run).is_some();
            let after = ledger.run.clone().ok_or(EngineError::Conflict)?;
            let hold = if here && !after.status.ended() {
                Hold::Here
            } else {
                Hold::Until(crate::decide::wake(&after, pen.now))
            };
            match self.record(&mut ledger, hold, Beside::default()).await {
                Err(EngineError::Conflict) => continue,
                done => done?,
            }
            self.nudge(tenant, run);
            return Ok((answer, after));
        }
        Err(EngineError::Conflict)
    }
}
