//! Asks providers: who is asked, at which pace, and for how long.

use std::{sync::Arc, time::Duration};

use affiant_engine::ports::{About, Connection, Connections, ModelAsk, ModelFailure, ModelReply, Models};
use affiant_journal::TenantId;
use async_trait::async_trait;

use super::{
    cassette::Recorder,
    draft::Draft,
    exchange::Exchange,
    failure::{fail, passing},
    pace::Paces,
    transport::{Network, Transport},
};

/// How long the phases of a call may take. The whole is limited by the call itself, a connection by the client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From asking to the first byte. A local server may read a model from disk first.
    pub first: Duration,
    /// Between two pieces of an answer.
    pub silence: Duration,
    /// How long a call waits for the end of a rest that the provider asked for; a longer one is reported at once.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: seconds(300), silence: seconds(120), patience: seconds(60) }
    }
}

/// Providers of models, as they are connected.
pub struct Providers {
    connections: Arc<dyn Connections>,
    transport: Arc<dyn Transport>,
    paces: Paces,
    limits: Limits,
}

impl Providers {
    /// Asks over the network whoever is connected.
    pub fn new(connections: Arc<dyn Connections>) -> Self {
        Self::over(connections, Arc::new(Network::new()))
    }

    pub(super) fn over(connections: Arc<dyn Connections>, transport: Arc<dyn Transport>) -> Self {
        Self { connections, transport, paces: Paces::default(), limits: Limits::default() }
    }

    /// With other time limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Writes every complete exchange to a cassette, too.
    #[must_use]
    pub fn recorded_by(self, recorder: Recorder) -> Self {
        Self { transport: Arc::new(recorder.around(self.transport.clone())), ..self }
    }

    pub(super) fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    async fn connection(&self, ask: &ModelAsk) -> Result<Connection, ModelFailure> {
        let name = &ask.model.provider;
        match self.connections.connection(&ask.tenant, name).await {
            Ok(Some(connection)) => Ok(connection),
            Ok(None) => Err(fail(
                "provider-missing",
                format!("no provider is connected as `{name}`. Run: affiant provider connect {name}"),
            )),
            Err(why) => Err(passing("provider-missing", format!("the connection `{name}` cannot be read: {why}"))),
        }
    }

    /// Asks over a connection that is at hand.
    pub(super) async fn ask_over(&self, connection: &Connection, ask: &ModelAsk) -> Result<ModelReply, ModelFailure> {
        let lane = self.paces.lane(&ask.tenant, connection);
        let (transport, limits) = (&*self.transport, &self.limits);
        let exchange = Exchange { connection, ask, transport, lane: &lane, limits };
        // What was read stays here when the exchange is dropped, which closes its connection.
        let mut draft = Draft::default();
        let ended = tokio::select! {
            biased;
            () = ask.cancel.cancelled() => Err(fail("cancelled", "the call was stopped, and its connection closed")),
            ended = exchange.run(&mut draft) => ended,
        };
        ended.map_err(|failure| ModelFailure { usage: failure.usage.or(draft.usage), ..failure })
    }
}

#[async_trait]
impl Models for Providers {
    async fn connected(&self, tenant: &TenantId, provider: &str) -> bool {
        matches!(self.connections.connection(tenant, provider).await, Ok(Some(_)))
    }

    async fn about(&self, tenant: &TenantId, provider: &str) -> Option<About> {
        self.connections.about(tenant, provider).await
    }

    async fn ask(&self, ask: ModelAsk) -> Result<ModelReply, ModelFailure> {
        let connection = self.connection(&ask).await?;
        self.ask_over(&connection, &ask).await
    }
}
