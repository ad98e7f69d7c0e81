//! What steps were asked to do, for those who are told of their ends.

use std::{collections::HashMap, sync::Arc};

use affiant_journal::{Body, Decision, Event, RunId, StreamId, TenantId};

use crate::{Engine, EngineError};

/// Runs whose steps are remembered.
const RUNS: usize = 1024;

/// What steps were asked to do.
#[derive(Debug, Default)]
pub(super) struct Steps(HashMap<RunId, HashMap<u64, KnownStep>>);

/// What a step was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownStep {
    /// The operation, `key@version`.
    pub(super) operation: Arc<str>,
    /// Whether it is not carried out, because the run is a dry run.
    pub(super) stubbed: bool,
}

impl Steps {
    /// Takes what an event says of steps.
    pub(super) fn note(&mut self, event: &Event) {
        let run = RunId::new(event.stream.as_str());
        match &event.body {
            Body::StepDecided(it) => {
                let stubbed = it.decision == Decision::Stubbed;
                let step = KnownStep { operation: it.operation.name.clone(), stubbed };
                if self.0.len() >= RUNS && !self.0.contains_key(&run) {
                    self.0.clear();
                }
                self.0.entry(run).or_default().insert(it.step, step);
            }
            Body::RunCompleted(_) | Body::RunFailed(_) | Body::RunCancelled(_) => drop(self.0.remove(&run)),
            _ => (),
        }
    }

    /// A step of a run, from its journal where it is not remembered.
    pub(super) async fn of(
        &mut self,
        engine: &Engine,
        tenant: &TenantId,
        stream: &StreamId,
        step: u64,
    ) -> Result<Option<KnownStep>, EngineError> {
        let run = RunId::new(stream.as_str());
        if let Some(known) = self.0.get(&run).and_then(|steps| steps.get(&step)) {
            return Ok(Some(known.clone()));
        }
        let read = engine.read(tenant, stream, 0).await?;
        read.events
            .iter()
            .filter(|event| matches!(event.body, Body::StepDecided(_)))
            .for_each(|event| self.note(event));
        Ok(self.0.get(&run).and_then(|steps| steps.get(&step)).cloned())
    }
}
