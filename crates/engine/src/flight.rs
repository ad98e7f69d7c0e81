//! One attempt of a step, outside: it begins, it ends or is ended, and says what came of it.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use affiant_journal::{Usage, run::PACK};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    Engine,
    agent::ReadyAgent,
    budget::used,
    child::Child,
    decide::Took,
    model::{self, request_of},
    ports::{ModelAsk, ModelFailure, ModelReply, ModelUsage, Preview, ToolCall, ToolFailure, ToolOutput},
    snapshot::Snapshot,
    snapshots::answer_of,
    whispers::Whisper,
    work::{Work, asks_model},
};

/// How much longer than its limit a call of a model may take before it is stopped from outside.
const OVERTIME: Duration = Duration::from_secs(1);

/// Whether a call of a model has left, and how long it waited for its turn before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Departure {
    asks: Arc<OnceLock<()>>,
    left: CancellationToken,
    waited: Arc<OnceLock<Duration>>,
}

impl Departure {
    fn leave(&self, waited: Duration) {
        // Whoever asks leaves once.
        let _ = self.waited.set(waited);
        self.left.cancel();
    }

    /// Whether a model is to be asked and nothing was sent yet.
    pub(crate) fn waits(&self) -> bool {
        self.asks.get().is_some() && !self.left.is_cancelled()
    }

    /// How long it waited, when it took so long in all.
    fn waited(&self, took: Duration) -> Option<Duration> {
        let waited = if self.waits() { took } else { self.waited.get().copied().unwrap_or_default() };
        (waited > Duration::ZERO).then_some(waited)
    }
}

/// Tells an attempt to stop, and how far it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halt {
    /// Its run is being cancelled. A call of a tool may end by itself; a call of a model, which changes nothing outside,
    /// is broken off, and the run of an agent is cancelled too.
    pub(crate) gently: CancellationToken,
    /// It must end now.
    pub(crate) at_once: CancellationToken,
    /// Whether it has left, where it asks a model.
    pub(crate) departure: Departure,
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) step: u64,
    pub(crate) attempt: u32,
    pub(crate) took: Duration,
    /// Of that, how long it waited for its turn; none when it did not.
    pub(crate) waited: Option<Duration>,
    /// Whether a model was to be asked and nothing was sent.
    pub(crate) unsent: bool,
    pub(crate) given: Given,
}

impl Outcome {
    pub(crate) fn times(&self) -> Took {
        Took { whole: self.took, waited: self.waited }
    }
}

/// What an attempt gave.
#[derive(Debug)]
pub(crate) enum Given {
    /// A result.
    Value(Value),
    /// What a model answered, with what that used.
    Answer(Value, Usage),
    /// A snapshot of the agent's packs, with the result that says so.
    Snapshot(Box<Snapshot>, Value),
    /// No result.
    Nothing(ToolFailure),
    /// No answer of a model, which used something all the same.
    Unanswered(ToolFailure, Usage),
    /// What a person is shown, or why there is nothing to show.
    Shown(Result<Preview, ToolFailure>),
}

impl Engine {
    /// One attempt of a step of this run.
    pub(crate) fn flight(
        self: Arc<Self>,
        work: &Work,
        step: u64,
        attempt: u32,
        halt: Halt,
    ) -> impl Future<Output = Outcome> + Send + 'static {
        let departure = halt.departure.clone();
        let plan = self.plan_of(work, step, halt);
        async move {
            let before = self.ports.clock.mono();
            let given = match plan {
                Ok(Planned::Call(call, agent)) => self.call(call, &agent).await,
                Ok(Planned::Packs(packs)) => self.packs(packs).await,
                Ok(Planned::Model(ask)) => self.ask(*ask, &departure).await,
                Ok(Planned::Child(child)) => self.clone().have_run(*child).await,
                Err(because) => Given::Nothing(failure("planner-failed", because, false)),
            };
            let took = Duration::from_micros(self.ports.clock.mono().saturating_sub(before));
            let (waited, unsent) = (departure.waited(took), departure.waits());
            Outcome { step, attempt, took, waited, unsent, given }
        }
    }

    /// Shows a step to a person.
    pub(crate) fn display(self: Arc<Self>, work: &Work, step: u64) -> impl Future<Output = Outcome> + Send + 'static {
        let plan = self.plan_of(work, step, Halt::default());
        async move {
            let shown = match plan {
                Ok(Planned::Call(call, _)) => self.shown(&call).await,
                Ok(Planned::Child(child)) => Ok(child.preview()),
                Ok(Planned::Packs(_) | Planned::Model(_)) => {
                    Err(failure("planner-failed", "a step of the engine is not shown".into(), false))
                }
                Err(because) => Err(failure("planner-failed", because, false)),
            };
            let (took, waited) = (Duration::ZERO, None);
            Outcome { step, attempt: 0, took, waited, unsent: false, given: Given::Shown(shown) }
        }
    }

    async fn shown(&self, call: &ToolCall) -> Result<Preview, ToolFailure> {
        match caught(tokio::time::timeout(call.timeout, self.ports.tools.preview(call))).await {
            Ok(Ok(shown)) => shown,
            Ok(Err(_)) => Err(failure("timeout", "the preview took too long".into(), true)),
            Err(panicked) => Err(panicked),
        }
    }

    fn plan_of(&self, work: &Work, step: u64, halt: Halt) -> Result<Planned, String> {
        let run = work.run();
        let record = run.step(step).ok_or("there is no such step")?;
        if &*record.rule == PACK {
            let packs = self.packs_of(work.agent.agent(), &work.facts)?;
            let run = (run.tenant.clone(), run.id.clone(), run.submitter.clone());
            return Ok(Planned::Packs(Packs { packs, run }));
        }
        let job = work.jobs.get(&step).ok_or("its arguments are not at hand")?;
        let tool = work.agent.tool_named(&job.operation).ok_or("the agent has no such tool")?;
        if asks_model(run.operation(record)) {
            return self.question(work, step, halt).map(|ask| Planned::Model(Box::new(ask)));
        }
        if let Some(child) = work.child(step, self.ports.clock.now(), halt.clone())? {
            return Ok(Planned::Child(Box::new(child)));
        }
        let reads_only = tool.bound.operation().hints.read_only;
        let call = ToolCall {
            operation: tool.bound.contract().clone(),
            arguments: job.arguments.clone(),
            idempotency_key: format!("{}/{step}", run.id).into(),
            timeout: tool.timeout(),
            cancel: halt.at_once,
            scope: self.scope(&run.tenant, Some(&run.id), reads_only),
        };
        Ok(Planned::Call(call, work.agent.clone()))
    }

    /// Calls a tool, ends the call when its time is up or it must stop, and checks what it gave.
    async fn call(&self, call: ToolCall, agent: &ReadyAgent) -> Given {
        let (cancel, timeout, operation) = (call.cancel.clone(), call.timeout, call.operation.reference());
        let calling = caught(self.ports.tools.call(call));
        tokio::pin!(calling);
        let ended = tokio::select! {
            biased;
            ended = &mut calling => Ok(ended),
            () = cancel.cancelled() => Err(("cancelled", "the call was stopped")),
            () = tokio::time::sleep(timeout) => Err(("timeout", "the call took too long")),
        };
        let ended = match ended {
            Ok(ended) => ended,
            Err((code, message)) => {
                cancel.cancel();
                match tokio::time::timeout(self.settings.grace, &mut calling).await {
                    Ok(Ok(Ok(output))) => Ok(Ok(output)),
                    _ => Ok(Err(uncertain(code, message.into()))),
                }
            }
        };
        match ended.and_then(|answer| answer) {
            Ok(ToolOutput { value }) => checked(agent, &operation, value),
            Err(failure) => Given::Nothing(failure),
        }
    }

    /// What a step asks a model.
    fn question(&self, work: &Work, step: u64, halt: Halt) -> Result<ModelAsk, String> {
        let (run, job) = (work.run(), work.jobs.get(&step).ok_or("its arguments are not at hand")?);
        let tool = work.agent.tool_named(&job.operation).ok_or("the agent has no such tool")?;
        let (model, request) = request_of(work, &job.arguments)?;
        let departure = halt.departure;
        let _ = departure.asks.set(());
        let (whispers, told) = (self.whispers.clone(), (run.tenant.clone(), run.id.clone()));
        Ok(ModelAsk {
            tenant: run.tenant.clone(),
            model,
            request: Arc::new(request),
            idempotency_key: format!("{}/{step}", run.id).into(),
            timeout: tool.timeout(),
            cancel: halt.gently,
            leaves: Arc::new(move |waited| departure.leave(waited)),
            told: Arc::new(move |delta| whispers.tell(&told, Whisper { step, delta })),
        })
    }

    /// Asks a model; ends the call when its time is up, which counts from its turn, or when it must stop.
    async fn ask(&self, ask: ModelAsk, departure: &Departure) -> Given {
        let (cancel, timeout) = (ask.cancel.clone(), ask.timeout);
        let price = self.price(&ask.tenant, &ask.model).await;
        let paid = |usage: &ModelUsage| used(usage, price, &self.settings.prices);
        let asking = caught(self.ports.models.ask(ask));
        tokio::pin!(asking);
        let ended = tokio::select! {
            biased;
            ended = &mut asking => ended,
            () = cancel.cancelled() => self.broken_off(asking, "cancelled", "the call was stopped").await,
            // Whoever asks keeps the limit and knows best what took so long; this one is for those who do not.
            () = overtime(departure, timeout) => {
                cancel.cancel();
                late(self.broken_off(asking, "timeout", "the model took too long").await)
            }
        };
        match ended {
            Ok(Ok(reply)) => Given::Answer(model::answer_of(&reply), paid(&reply.usage)),
            Ok(Err(failed)) => match failed.usage.map(|usage| paid(&usage)) {
                Some(usage) => Given::Unanswered(unanswered(failed), usage),
                None => Given::Nothing(unanswered(failed)),
            },
            Err(panicked) => Given::Nothing(panicked),
        }
    }

    /// Gives a call that must end a moment to say what came of it.
    async fn broken_off(
        &self,
        asking: Pin<&mut impl Future<Output = Result<Result<ModelReply, ModelFailure>, ToolFailure>>>,
        code: &str,
        message: &str,
    ) -> Result<Result<ModelReply, ModelFailure>, ToolFailure> {
        match tokio::time::timeout(self.settings.grace, asking).await {
            Ok(ended) => ended,
            Err(_) => Err(failure(code, message.into(), true)),
        }
    }

    async fn packs(&self, it: Packs) -> Given {
        let (tenant, run, by) = it.run;
        match caught(self.read_packs(it.packs, &tenant, &run, &by)).await {
            Ok(Ok(taken)) => {
                let answer = answer_of(&taken);
                Given::Snapshot(Box::new(taken), answer)
            }
            Ok(Err(error)) => Given::Nothing(failure("snapshot-failed", error.to_string(), false)),
            Err(panicked) => Given::Nothing(panicked),
        }
    }
}

/// Ends when a call that has left should have ended long ago.
async fn overtime(departure: &Departure, timeout: Duration) {
    departure.left.cancelled().await;
    tokio::time::sleep(timeout + OVERTIME).await;
}

/// A call that was stopped because its time was up has not been cancelled by anybody.
fn late(
    ended: Result<Result<ModelReply, ModelFailure>, ToolFailure>,
) -> Result<Result<ModelReply, ModelFailure>, ToolFailure> {
    ended.map(|ended| {
        ended.map_err(|failed| match &*failed.code {
            "cancelled" => {
                let (code, message) = ("timeout".into(), "the model took too long".into());
                ModelFailure { code, message, retryable: true, ..failed }
            }
            _ => failed,
        })
    })
}

fn unanswered(failed: ModelFailure) -> ToolFailure {
    let ModelFailure { code, message, retryable, retry_after, usage: _ } = failed;
    ToolFailure { code, message, retryable, uncertain: false, retry_after }
}

enum Planned {
    Call(ToolCall, Arc<ReadyAgent>),
    Model(Box<ModelAsk>),
    Child(Box<Child>),
    Packs(Packs),
}

struct Packs {
    packs: Vec<(Arc<affiant_contract::Contract>, serde_json::Map<String, Value>)>,
    run: (affiant_journal::TenantId, affiant_journal::RunId, affiant_journal::Actor),
}

/// A result, if it is what the contract promises.
pub(crate) fn checked(agent: &ReadyAgent, operation: &affiant_contract::Ref, value: Value) -> Given {
    let wrong = agent.tool(operation).and_then(|tool| tool.bound.validate_output(&value).err());
    match wrong.as_deref() {
        None => Given::Value(value),
        Some(issues) => {
            let issue = issues.first().map(|issue| format!("{} {}", issue.path, issue.message)).unwrap_or_default();
            let message = format!("{operation} answered what its contract does not allow: {issue}");
            Given::Nothing(failure("output-invalid", message, false))
        }
    }
}

/// Runs something that may panic; a panic is a failure whose effect nobody knows.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, ToolFailure> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(_) => std::task::Poll::Ready(Err(uncertain("panicked", "the tool panicked".into()))),
        }
    })
    .await
}

pub(crate) fn failure(code: &str, message: String, retryable: bool) -> ToolFailure {
    ToolFailure { code: code.into(), message, retryable, uncertain: false, retry_after: None }
}

fn uncertain(code: &str, message: String) -> ToolFailure {
    ToolFailure { code: code.into(), message, retryable: true, uncertain: true, retry_after: None }
}
