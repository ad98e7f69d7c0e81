//! Tries a connection out, for as little as possible.

use std::{sync::Arc, time::Duration};

use affiant_contract::{ModelName, ModelParameters};
use affiant_engine::ports::{
    CheckConnection, Checked, Connection, Message, ModelAsk, ModelFailure, ModelRequest, Part, Speaker,
};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    Providers,
    failure::{fail, passing, refused, unreachable},
    transport::{Incoming, Outgoing},
    wire::wire,
};

/// How long a check may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The most bytes of a list of models.
const LARGEST: usize = 8 << 20;

#[async_trait]
impl CheckConnection for Providers {
    async fn check(&self, connection: Connection, model: Option<&str>) -> Result<Checked, ModelFailure> {
        let listed = timeout(LIMIT, self.list(&connection)).await;
        let listed = listed.unwrap_or_else(|_| {
            Err(passing("timeout", format!("`{}` did not answer within {} s", connection.name, LIMIT.as_secs())))
        });
        match (listed, model) {
            // A server without a list may still answer.
            (Err(failure), Some(model)) if &*failure.code == "model-unknown" => self.token(&connection, model).await,
            (listed, _) => listed.map(|models| Checked { models, paid: false }),
        }
    }
}

impl Providers {
    async fn list(&self, connection: &Connection) -> Result<Vec<String>, ModelFailure> {
        let Incoming { status, mut body, .. } = self.transport().send(&Outgoing::list(connection)?).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| unreachable(connection, &error))?);
            if bytes.len() > LARGEST {
                return Err(fail("reply-broken", format!("the list of models of `{}` has no end", connection.name)));
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if status != 200 {
            return Err(match refused(connection, status, &text) {
                failure if status == 404 => ModelFailure { message: no_list(connection), ..failure },
                failure => failure,
            });
        }
        let list: Value = serde_json::from_str(&text).map_err(|_| fail("reply-broken", no_list(connection)))?;
        let mut models = wire(connection.kind).models().1(&list);
        models.sort();
        models.dedup();
        Ok(models)
    }

    async fn token(&self, connection: &Connection, model: &str) -> Result<Checked, ModelFailure> {
        let said = Message { from: Speaker::User, parts: vec![Part::Text { text: "Say yes.".into() }] };
        // OpenAI gives no answer of fewer than 16 tokens.
        let parameters = ModelParameters { max_tokens: 16, ..ModelParameters::default() };
        let request = ModelRequest { messages: vec![said], parameters, ..ModelRequest::default() };
        let ask = ModelAsk {
            tenant: "check".into(),
            model: ModelName { provider: connection.name.clone(), model: model.to_owned() },
            request: Arc::new(request),
            idempotency_key: "check".into(),
            timeout: LIMIT.max(self.limits().first),
            cancel: CancellationToken::new(),
            leaves: Arc::new(|_| ()),
            told: Arc::new(|_| ()),
        };
        self.ask_over(connection, &ask).await.map(|_| Checked { models: Vec::new(), paid: true })
    }
}

fn no_list(connection: &Connection) -> String {
    format!("`{}` has no list of models at its address. Is the base URL right?", connection.name)
}
