//! A run and its steps as people look at them: folded, with the personal values that can still be opened.

use affiant_journal::{Body, Event, Payload, Run, RunId, StepDecided, StepObserved, Timestamp};
use affiant_policy::Principal;
use serde_json::Value;

use crate::{
    Engine, EngineError,
    load::{Sealed, damaged},
};

/// A run as people look at it.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Everything its events say.
    pub run: Run,
    /// What the agent was asked to do, in words.
    pub prompt: Option<String>,
    /// The input as the caller gave it.
    pub input: Option<Value>,
    /// What the run gave.
    pub output: Option<Value>,
    /// The sentence that says why it failed.
    pub message: Option<String>,
    /// The question that waits for an answer.
    pub question: Option<QuestionView>,
}

/// A question that waits for an answer.
#[derive(Clone, Debug)]
pub struct QuestionView {
    /// Name of the answer.
    pub name: String,
    /// The question.
    pub question: String,
    /// Schema of the answer.
    pub schema: Value,
}

/// A step as people look at it.
#[derive(Clone, Debug)]
pub struct StepView {
    /// What was decided.
    pub decided: StepDecided,
    /// Where it stands: see [`affiant_journal::run::StepState::word`].
    pub status: &'static str,
    /// Attempts that have begun.
    pub attempts: u32,
    /// The exact arguments.
    pub arguments: Value,
    /// What it gave, with the event that says so.
    pub result: Option<(StepObserved, Value)>,
    /// Code and message of the newest failure.
    pub error: Option<(String, Option<String>)>,
    /// The approval it needed.
    pub approval: Option<affiant_journal::ApprovalId>,
    /// When the newest attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The events about it, by `seq`.
    pub events: Vec<u64>,
}

impl Engine {
    /// A run as people look at it.
    pub async fn view(&self, who: &Principal, run: &RunId) -> Result<RunView, EngineError> {
        let (stream, tenant) = (run.stream(), &who.tenant);
        let read = self.read(tenant, &stream, 0).await?;
        let folded = Run::replay(&read.events).map_err(|error| damaged(&stream, &error))?;
        let folded = folded.ok_or_else(|| EngineError::Missing { what: "run", name: run.to_string() })?;
        let sealed = self.sealed(tenant, &stream, 0).await?;
        let (first, last) = (&read.events[0], &read.events[read.events.len() - 1]);
        let output = match &last.body {
            Body::RunCompleted(it) => Some(self.open_payload(&it.output, "/output", last, &sealed).await?),
            _ => None,
        };
        let question = match folded.question.as_ref() {
            Some(asked) => self.question_view(&read.events, asked.seq, &sealed).await?,
            None => None,
        };
        let text = |event: &Event, path: &str| sealed.at(event, path).and_then(|it| it.as_str().map(str::to_owned));
        Ok(RunView {
            prompt: text(first, "/prompt"),
            input: sealed.at(first, "/input"),
            output,
            message: matches!(last.body, Body::RunFailed(_)).then(|| text(last, "/message")).flatten(),
            question,
            run: folded,
        })
    }

    async fn question_view(
        &self,
        events: &[Event],
        seq: u64,
        sealed: &Sealed<'_>,
    ) -> Result<Option<QuestionView>, EngineError> {
        let Some(event) = events.iter().find(|event| event.seq == seq) else { return Ok(None) };
        let Body::InputRequested(it) = &event.body else { return Ok(None) };
        let schema = self.open_payload(&it.schema, "/schema", event, sealed).await?;
        Ok(Some(QuestionView { name: it.name.to_string(), question: it.question.clone(), schema }))
    }

    /// A step of a run as people look at it.
    pub async fn step_view(&self, who: &Principal, run: &RunId, number: u64) -> Result<StepView, EngineError> {
        let (stream, tenant) = (run.stream(), &who.tenant);
        let read = self.read(tenant, &stream, 0).await?;
        let folded = Run::replay(&read.events).map_err(|error| damaged(&stream, &error))?;
        let folded = folded.ok_or_else(|| EngineError::Missing { what: "run", name: run.to_string() })?;
        let missing = || EngineError::Missing { what: "step", name: number.to_string() };
        let step = folded.step(number).ok_or_else(missing)?;
        let sealed = self.sealed(tenant, &stream, step.decided).await?;
        let mut view: Option<StepView> = None;
        for event in read.events.iter().filter(|event| step_of(&event.body) == Some(number)) {
            match (&mut view, &event.body) {
                (none @ None, Body::StepDecided(it)) => {
                    let arguments = self.open_payload(&it.arguments, "/arguments", event, &sealed).await?;
                    *none = Some(StepView::new(it.clone(), arguments, event));
                }
                (Some(view), Body::StepObserved(it)) => {
                    let value = self.open_payload(&it.result, "/result", event, &sealed).await?;
                    view.result = Some((it.clone(), value));
                    view.tell(event, &sealed);
                }
                (Some(view), _) => view.tell(event, &sealed),
                (None, _) => (),
            }
        }
        let mut view = view.ok_or_else(missing)?;
        (view.status, view.attempts) = (step.state.word(), step.state.attempts());
        Ok(view)
    }

    /// The bytes behind a payload: those of the blob, or the one spelling of an inline value.
    pub async fn payload_bytes(
        &self,
        who: &Principal,
        payload: &Payload,
    ) -> Result<Option<std::sync::Arc<[u8]>>, EngineError> {
        match payload {
            Payload::Inline(value) => Ok(Some(crate::payload::spelled(value).into())),
            Payload::Blob(blob) => Ok(self.ports.blobs.get(&who.tenant, &blob.digest).await?),
        }
    }
}

impl StepView {
    fn new(decided: StepDecided, arguments: Value, event: &Event) -> Self {
        Self {
            started_at: decided.dispatch.as_ref().map(|_| event.at),
            decided,
            status: "decided",
            attempts: 0,
            arguments,
            result: None,
            error: None,
            approval: None,
            ended_at: None,
            events: vec![event.seq],
        }
    }

    fn tell(&mut self, event: &Event, sealed: &Sealed<'_>) {
        self.events.push(event.seq);
        match &event.body {
            Body::StepDispatched(_) => (self.started_at, self.ended_at) = (Some(event.at), None),
            Body::StepObserved(_) => self.ended_at = Some(event.at),
            Body::StepFailed(it) => {
                let message = sealed.at(event, "/message").and_then(|it| it.as_str().map(str::to_owned));
                (self.error, self.ended_at) = (Some((it.code.to_string(), message)), Some(event.at));
            }
            Body::StepUnknown(it) => {
                (self.error, self.ended_at) = (Some((it.because.to_string(), None)), Some(event.at));
            }
            Body::ApprovalRequested(it) => self.approval = Some(it.approval.clone()),
            _ => (),
        }
    }
}

/// The step that an event is about.
pub(crate) fn step_of(body: &Body) -> Option<u64> {
    match body {
        Body::StepDecided(it) => Some(it.step),
        Body::StepDispatched(it) => Some(it.step),
        Body::StepObserved(it) => Some(it.step),
        Body::StepFailed(it) => Some(it.step),
        Body::StepUnknown(it) => Some(it.step),
        Body::ApprovalRequested(it) => Some(it.step),
        Body::ApprovalResolved(it) => Some(it.step),
        Body::TimerSet(it) => Some(it.step),
        _ => None,
    }
}
