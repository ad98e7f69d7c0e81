//! A model that says what a test wants: a function of what it is asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use affiant_engine::ports::{
    Delta, ModelAsk, ModelFailure, ModelReply, ModelRequest, ModelUsage, Models, Part, Speaker, Stop,
};
use affiant_journal::TenantId;
use async_trait::async_trait;
use serde_json::Value;

/// What a model says: given the request, the answers in it so far, and how often this step asked before.
pub type Thought = Arc<dyn Fn(&ModelRequest, usize, usize) -> Result<ModelReply, ModelFailure> + Send + Sync>;

/// A model, and what it was asked.
#[derive(Default)]
pub struct Brain {
    thought: Mutex<Option<Thought>>,
    asked: Mutex<Vec<(String, String, ModelRequest)>>,
    tries: Mutex<BTreeMap<String, usize>>,
    pause: Mutex<Option<Duration>>,
    queue: Mutex<Option<Duration>>,
    rests: Mutex<Vec<Duration>>,
}

impl Brain {
    /// From now on it says this.
    pub fn says(
        &self,
        thought: impl Fn(&ModelRequest, usize, usize) -> Result<ModelReply, ModelFailure> + Send + Sync + 'static,
    ) {
        *self.thought.lock().unwrap() = Some(Arc::new(thought));
    }

    /// From now on it thinks for so long, and says what it has used when it is stopped.
    pub fn thinks_for(&self, pause: Duration) {
        *self.pause.lock().unwrap() = Some(pause);
    }

    /// From now on a call waits so long for its turn.
    pub fn queues_for(&self, time: Duration) {
        *self.queue.lock().unwrap() = Some(time);
    }

    /// So many calls are not let go at all, because it rests for so long.
    pub fn rests(&self, times: usize, time: Duration) {
        *self.rests.lock().unwrap() = vec![time; times];
    }

    /// Model, idempotency key and request of every call, in order.
    pub fn asked(&self) -> Vec<(String, String, ModelRequest)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Models for Brain {
    async fn connected(&self, _: &TenantId, _: &str) -> bool {
        true
    }

    async fn ask(&self, ask: ModelAsk) -> Result<ModelReply, ModelFailure> {
        let key = ask.idempotency_key.to_string();
        self.asked.lock().unwrap().push((ask.model.to_string(), key.clone(), ModelRequest::clone(&ask.request)));
        if let Some(rest) = self.rests.lock().unwrap().pop() {
            return refuses("rate-limited", Some(rest));
        }
        let queue = *self.queue.lock().unwrap();
        if let Some(time) = queue {
            tokio::select! {
                () = tokio::time::sleep(time) => (),
                () = ask.cancel.cancelled() => return stopped(),
            }
        }
        (ask.leaves)(queue.unwrap_or_default());
        let before = std::mem::replace(self.tries.lock().unwrap().entry(key).or_default(), 1);
        let pause = *self.pause.lock().unwrap();
        tokio::select! {
            () = tokio::time::sleep(pause.unwrap_or(Duration::from_millis(10))) => (),
            () = ask.cancel.cancelled(), if pause.is_some() => return stopped(),
        }
        let answers = ask.request.messages.iter().filter(|message| message.from == Speaker::Model).count();
        let thought = self.thought.lock().unwrap().clone().expect("the test says what the model says");
        let reply = thought(&ask.request, answers, before)?;
        for part in &reply.parts {
            if let Part::Text { text } = part {
                (ask.told)(Delta::Text { text: text.clone() });
            }
        }
        Ok(reply)
    }
}

/// An answer in words.
pub fn words(text: &str) -> Result<ModelReply, ModelFailure> {
    reply(vec![Part::Text { text: text.into() }], Stop::End)
}

/// An answer that calls tools: id, name, arguments.
pub fn calls(calls: &[(&str, &str, Value)]) -> Result<ModelReply, ModelFailure> {
    let call = |(id, name, arguments): &(&str, &str, Value)| Part::Call {
        id: (*id).into(),
        name: (*name).into(),
        arguments: arguments.as_str().map_or_else(|| arguments.to_string(), str::to_owned),
        signature: None,
    };
    reply(calls.iter().map(call).collect(), Stop::Tools)
}

/// An answer.
pub fn reply(parts: Vec<Part>, stop: Stop) -> Result<ModelReply, ModelFailure> {
    Ok(ModelReply {
        parts,
        stop,
        usage: ModelUsage { input: 100, output: 10, ..ModelUsage::default() },
        model: Some("one-2026".into()),
        request_id: Some("req_1".into()),
        sent: None,
        first: None,
    })
}

/// No answer.
pub fn refuses(code: &str, retry_after: Option<Duration>) -> Result<ModelReply, ModelFailure> {
    Err(ModelFailure {
        code: code.into(),
        message: format!("{code} happened"),
        retryable: retry_after.is_some(),
        retry_after,
        usage: None,
    })
}

/// Stopped in the middle, with what was used until then.
fn stopped() -> Result<ModelReply, ModelFailure> {
    let usage = Some(ModelUsage { input: 70, output: 3, ..ModelUsage::default() });
    let message = "the call was stopped, and its connection closed".into();
    Err(ModelFailure { code: "cancelled".into(), message, retryable: false, retry_after: None, usage })
}

/// What the request says last, as text.
pub fn last(request: &ModelRequest) -> String {
    let parts = &request.messages.last().expect("a request says something").parts;
    let texts = parts.iter().map(|part| match part {
        Part::Text { text } => text.clone(),
        Part::Result { content, .. } => content.clone(),
        other => format!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join("\n")
}
