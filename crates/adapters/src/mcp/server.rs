//! One server of the configuration and the connection that its calls share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use affiant_contract::McpBinding;
use affiant_engine::ports::{ListedTool, ToolFailure};
use serde_json::{Map, Value};
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{McpServer, link::Link, listed};
use crate::{Environment, failure::refuse, http::Http, secrets::Secrets};

/// Before a server that died is started again, the first time; twice as long each further time.
const REST: Duration = Duration::from_millis(250);
/// The most times that the rest doubles: 8 s, which leaves a call time to be answered.
const DOUBLINGS: u32 = 5;

/// A server and its connection, if there is one.
pub(crate) struct Server {
    pub(super) name: String,
    pub(super) how: McpServer,
    pub(super) environment: Arc<Environment>,
    pub(super) http: Arc<Http>,
    link: Mutex<Option<Arc<Link>>>,
    losses: Losses,
}

/// Connections that were lost or not made since a call was last answered: how many, and when the newest.
#[derive(Default)]
struct Losses(std::sync::Mutex<Option<(u32, Instant)>>);

impl Losses {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(u32, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) {
        let mut losses = self.lock();
        let before = losses.map_or(0, |(times, _)| times);
        *losses = Some((before.saturating_add(1), Instant::now()));
    }

    fn forget(&self) {
        *self.lock() = None;
    }

    /// When the next connection may be made, if not at once.
    fn rest(&self) -> Option<Instant> {
        let (times, last) = (*self.lock())?;
        Some(last + REST * (1 << (times - 1).min(DOUBLINGS)))
    }
}

/// A call that is wanted.
pub(crate) struct Wanted<'w> {
    pub(crate) binding: &'w McpBinding,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) idempotency_key: &'w str,
    pub(crate) timeout: Duration,
    pub(crate) cancel: &'w CancellationToken,
}

impl Server {
    pub(super) fn new(name: &str, how: McpServer, environment: Arc<Environment>, http: Arc<Http>) -> Self {
        let (link, losses) = (Mutex::new(None), Losses::default());
        Self { name: name.to_owned(), how, environment, http, link, losses }
    }

    /// Calls a tool, if it is the one that was pinned.
    pub(crate) async fn call(&self, wanted: Wanted<'_>) -> Result<Value, ToolFailure> {
        let (timeout, cancel) = (wanted.timeout, wanted.cancel);
        let sent = AtomicBool::new(false);
        let ended = |code: &str, message: String| {
            let uncertain = sent.load(Ordering::Acquire);
            Err(ToolFailure { uncertain, retryable: code == "binding-timeout", ..refuse(code, message) })
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => ended("cancelled", "the call was stopped before it had ended".to_owned()),
            result = tokio::time::timeout(timeout, self.carry(&wanted, &sent)) => match result {
                Ok(result) => result,
                Err(_) => {
                    self.doubt().await;
                    let (name, tool, after) = (&self.name, &wanted.binding.tool, timeout.as_secs_f32());
                    ended("binding-timeout", format!("the MCP server `{name}`, {tool}: no answer within {after} s"))
                }
            },
        }
    }

    async fn carry(&self, wanted: &Wanted<'_>, sent: &AtomicBool) -> Result<Value, ToolFailure> {
        let (link, tools) = self.tools().await?;
        listed::check(wanted.binding, tools.get(&wanted.binding.tool))?;
        sent.store(true, Ordering::Release);
        let result = link.call(&wanted.binding.tool, wanted.arguments.clone(), wanted.idempotency_key).await;
        if !link.is_gone() {
            self.losses.forget();
        }
        result
    }

    /// The tools that it offers now.
    pub(super) async fn list(&self) -> Result<Vec<ListedTool>, ToolFailure> {
        let (_, tools) = self.tools().await?;
        Ok(tools.values().cloned().collect())
    }

    /// The connection and what is offered over it. One that cannot even list its tools is given up.
    async fn tools(&self) -> Result<(Arc<Link>, Arc<BTreeMap<String, ListedTool>>), ToolFailure> {
        let link = self.connected().await?;
        match link.tools().await {
            Ok(tools) => Ok((link, tools)),
            Err(failure) => {
                self.give_up(&link).await;
                Err(failure)
            }
        }
    }

    /// The connection, made if there is none. While one caller makes it the others wait, each for its own time.
    async fn connected(&self) -> Result<Arc<Link>, ToolFailure> {
        let mut kept = self.link.lock().await;
        if kept.take_if(|link| link.is_gone()).is_some() {
            self.losses.note();
        }
        if let Some(link) = &*kept {
            return Ok(link.clone());
        }
        if let Some(rest) = self.losses.rest() {
            tokio::time::sleep_until(rest).await;
        }
        let opened = Link::open(self).await;
        if opened.is_err() {
            self.losses.note();
        }
        Ok(kept.insert(Arc::new(opened?)).clone())
    }

    async fn give_up(&self, link: &Arc<Link>) {
        let mut kept = self.link.lock().await;
        if kept.take_if(|kept| Arc::ptr_eq(kept, link)).is_some() {
            self.losses.note();
        }
    }

    /// After a call without an answer the server is asked to list its tools before the next one.
    async fn doubt(&self) {
        if let Some(link) = &*self.link.lock().await {
            link.doubt();
        }
    }

    /// Ends the connection, and the program with it.
    pub(super) async fn close(&self) {
        let link = self.link.lock().await.take();
        if let Some(link) = link {
            link.close().await;
        }
    }

    /// Values of the configuration, those from the environment read there and remembered as secrets.
    pub(super) fn values(
        &self,
        values: &BTreeMap<String, String>,
        secrets: &mut Secrets,
    ) -> Result<BTreeMap<String, String>, ToolFailure> {
        let read = |(name, value): (&String, &String)| {
            let Some(variable) = value.strip_prefix("env:") else { return Ok((name.clone(), value.clone())) };
            let unset = || {
                let what = format!("`{name}` is read from {variable}, which the server's environment does not have");
                refuse("binding-failed", format!("the MCP server `{}`: {what}", self.name))
            };
            let value = (self.environment)(variable).ok_or_else(unset)?;
            secrets.add(&value);
            Ok((name.clone(), value))
        };
        values.iter().map(read).collect()
    }
}
