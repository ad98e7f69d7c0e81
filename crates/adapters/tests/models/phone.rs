//! Asks a provider of this machine.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use affiant_adapters::models::{Limits, Providers};
use affiant_contract::{ModelName, ModelParameters, Reasoning};
use affiant_engine::ports::{
    Connection, Connections, Delta, Message, ModelAsk, ModelFailure, ModelReply, ModelRequest, Models, Part,
    ProviderKind, Secret, Speaker, ToolOffer,
};
use affiant_journal::TenantId;
use async_trait::async_trait;
use provider::{Options, Provider};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The key that the provider wants. It must be nowhere but in its header.
pub(crate) const KEY: &str = "sk-canary-9f27c1d4e8";

/// Every kind under its own name, at one address.
pub(crate) struct Phonebook(BTreeMap<String, Connection>);

impl Phonebook {
    pub(crate) fn at(url: &str, key: &str) -> Arc<Self> {
        let connection = |kind: ProviderKind| Connection {
            name: kind.to_string(),
            kind,
            base_url: Some(url.to_owned()),
            key: Some(Secret::new(key)),
            at_once: 4,
        };
        Arc::new(Self(ProviderKind::ALL.into_iter().map(|kind| (kind.to_string(), connection(kind))).collect()))
    }
}

#[async_trait]
impl Connections for Phonebook {
    async fn connection(&self, _: &TenantId, name: &str) -> Result<Option<Connection>, String> {
        Ok(self.0.get(name).cloned())
    }
}

/// A provider and somebody who asks it.
pub(crate) struct Line {
    pub(crate) provider: Provider,
    pub(crate) providers: Arc<Providers>,
}

impl Line {
    pub(crate) async fn open() -> Self {
        Self::with(Options { key: Some(KEY.into()), ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let provider = Provider::start(options).await.unwrap();
        let limits = Limits {
            first: Duration::from_secs(2),
            silence: Duration::from_millis(300),
            patience: Duration::from_secs(5),
        };
        let providers = Arc::new(Providers::new(Phonebook::at(&provider.url(), KEY)).with_limits(limits));
        Self { provider, providers }
    }

    pub(crate) async fn ask(&self, kind: ProviderKind, request: ModelRequest) -> Result<ModelReply, ModelFailure> {
        self.providers.ask(ask(kind, request)).await
    }

    /// How so many requests have ended. Waits for those that are under way.
    pub(crate) async fn outcomes(&self, count: usize) -> Vec<String> {
        loop {
            let calls = self.provider.calls();
            let ended: Vec<String> =
                calls.iter().filter(|call| call.outcome != "begun").map(|call| call.outcome.clone()).collect();
            if ended.len() == count && calls.len() == 2 * count {
                return ended;
            }
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn ask(kind: ProviderKind, request: ModelRequest) -> ModelAsk {
    let model = match kind {
        ProviderKind::Gemini => "gemini-3-pro",
        ProviderKind::Anthropic => "claude-opus-4-6",
        ProviderKind::Openai => "o3",
        _ => "small",
    };
    ModelAsk {
        tenant: "t_a".into(),
        model: ModelName { provider: kind.to_string(), model: model.into() },
        request: Arc::new(request),
        idempotency_key: "step-1".into(),
        timeout: Duration::from_secs(30),
        cancel: CancellationToken::new(),
        leaves: Arc::new(|_| ()),
        told: Arc::new(|_| ()),
    }
}

/// The ask, and what it is told while the answer comes.
pub(crate) fn listening(mut ask: ModelAsk) -> (ModelAsk, Arc<Mutex<Vec<Delta>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let kept = heard.clone();
    ask.told = Arc::new(move |delta| kept.lock().unwrap().push(delta));
    (ask, heard)
}

/// A conversation that begins with this script.
pub(crate) fn scripted(script: &Value) -> ModelRequest {
    let text = format!("Do what is written.\nscript: {script}");
    ModelRequest {
        instructions: "You are a clerk.".into(),
        messages: vec![Message { from: Speaker::User, parts: vec![Part::Text { text }] }],
        tools: vec![offer("look"), offer("write")],
        parameters: ModelParameters { reasoning: Some(Reasoning::Low), ..ModelParameters::default() },
        output: None,
    }
}

pub(crate) fn plain(text: &str) -> ModelRequest {
    let said = Message { from: Speaker::User, parts: vec![Part::Text { text: text.into() }] };
    ModelRequest { messages: vec![said], ..ModelRequest::default() }
}

fn offer(name: &str) -> ToolOffer {
    let input = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    ToolOffer { name: name.into(), description: "A tool.".into(), input }
}

/// The conversation with the model's answer, and a result for each call in it.
pub(crate) fn answered(mut request: ModelRequest, parts: &[Part]) -> ModelRequest {
    request.messages.push(Message { from: Speaker::Model, parts: parts.to_vec() });
    let results = parts.iter().filter_map(|part| match part {
        Part::Call { id, name, .. } => {
            Some(Part::Result { call: id.clone(), name: name.clone(), content: format!("{name} done"), error: false })
        }
        _ => None,
    });
    request.messages.push(Message { from: Speaker::User, parts: results.collect() });
    request
}
