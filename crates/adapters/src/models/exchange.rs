//! One request and its answer, phase by phase.

use std::time::Duration;

use affiant_engine::ports::{Connection, Delta, ModelAsk, ModelFailure, ModelReply, Sent, Stop};
use affiant_journal::Digest;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

use super::{
    draft::{Draft, Reader, Unread},
    failure::{fail, passing, quote, refused, retry_after, unreachable},
    frames::Frames,
    pace::Lane,
    providers::Limits,
    transport::{Incoming, Outgoing, Transport},
    wire::{Asked, calls, wire},
};

/// The most bytes of a whole answer.
const LARGEST: usize = 64 << 20;
/// The most bytes of a refusal.
const REFUSAL: usize = 64 << 10;
/// How long the end of a connection is waited for when the answer is complete.
const FAREWELL: Duration = Duration::from_secs(2);
/// The rest that is kept when a provider asks for one without saying how long.
const REST: Duration = Duration::from_secs(1);

/// What one exchange needs.
pub(super) struct Exchange<'a> {
    pub(super) connection: &'a Connection,
    pub(super) ask: &'a ModelAsk,
    pub(super) transport: &'a dyn Transport,
    pub(super) lane: &'a Lane,
    pub(super) limits: &'a Limits,
}

impl Exchange<'_> {
    /// Waits for its turn, asks, and reads the answer into the draft. The call's time limit counts from its turn.
    pub(super) async fn run(&self, draft: &mut Draft) -> Result<ModelReply, ModelFailure> {
        let (connection, ask) = (self.connection, self.ask);
        let at_home = connection.base_url.is_none();
        let asked = Asked { model: &ask.model.model, request: &ask.request, at_home };
        let outgoing = Outgoing::ask(connection, asked, &ask.idempotency_key)?;
        let (_place, waited) = self.lane.turn(self.limits.patience).await.map_err(|rest| self.resting(rest))?;
        (ask.leaves)(waited);
        timeout(ask.timeout, self.talk(&outgoing, draft)).await.unwrap_or_else(|_| Err(self.late()))
    }

    async fn talk(&self, outgoing: &Outgoing, draft: &mut Draft) -> Result<ModelReply, ModelFailure> {
        let (connection, ask, begun) = (self.connection, self.ask, Instant::now());
        let first = timeout(self.limits.first, self.transport.send(outgoing)).await;
        let incoming = first.unwrap_or_else(|_| Err(self.silent("did not answer", self.limits.first)))?;
        let name = &connection.name;
        tracing::debug!(provider = %name, model = %ask.model.model, status = incoming.status, "a provider answered");
        if !(200..300).contains(&incoming.status) {
            return Err(self.refusal(incoming).await);
        }
        let request_id = request_id(&incoming);
        let mut heard = Heard::new(self, begun);
        heard.read(incoming.body, draft).await?;
        Ok(ModelReply {
            parts: std::mem::take(&mut draft.parts),
            stop: draft.stop.take().unwrap_or(Stop::End),
            usage: draft.usage.unwrap_or_default(),
            model: draft.model.take(),
            request_id: request_id.or(draft.id.take()),
            sent: Some(Sent { digest: Digest::of(&outgoing.body), size: outgoing.body.len() as u64 }),
            first: heard.first,
        })
    }

    async fn refusal(&self, incoming: Incoming) -> ModelFailure {
        let Incoming { status, headers, mut body } = incoming;
        let mut said = Vec::new();
        while said.len() < REFUSAL
            && let Ok(Some(Ok(bytes))) = timeout(self.limits.silence, body.next()).await
        {
            said.extend_from_slice(&bytes[..bytes.len().min(REFUSAL - said.len())]);
        }
        let wait = retry_after(&headers);
        self.rest(status, wait);
        let failure = refused(self.connection, status, &String::from_utf8_lossy(&said));
        ModelFailure { retry_after: wait.filter(|_| failure.retryable), ..failure }
    }

    /// Everybody who shares the key keeps the rest that one was asked for.
    fn rest(&self, status: u16, wait: Option<Duration>) {
        match (status, wait) {
            (429 | 503 | 529, Some(wait)) => self.lane.rest_for(wait),
            (429, None) => self.lane.rest_for(REST),
            _ => (),
        }
    }

    fn resting(&self, rest: Duration) -> ModelFailure {
        let message = format!(
            "`{}` asked to be left alone, for another {} s; nothing was sent",
            self.connection.name,
            rest.as_secs().max(1)
        );
        ModelFailure { retry_after: Some(rest), ..passing("rate-limited", message) }
    }

    fn late(&self) -> ModelFailure {
        let (name, limit) = (&self.connection.name, self.ask.timeout.as_secs_f32());
        passing("timeout", format!("`{name}` had not finished after {limit} s, so the connection was closed"))
    }

    fn silent(&self, what: &str, limit: Duration) -> ModelFailure {
        let name = &self.connection.name;
        passing("timeout", format!("`{name}` {what} for {} s, so the connection was closed", limit.as_secs_f32()))
    }

    fn unread(&self, unread: Unread) -> ModelFailure {
        let name = &self.connection.name;
        match unread {
            Unread::Broken(why) => {
                let why = quote(self.connection, &why);
                passing("reply-broken", format!("`{name}` answered with something that cannot be read: {why}"))
            }
            Unread::Failed { status, said } => {
                self.rest(status, None);
                refused(self.connection, status, &said)
            }
        }
    }
}

/// The provider's id of the request: Anthropic says `request-id`, OpenAI `x-request-id`.
fn request_id(incoming: &Incoming) -> Option<String> {
    let field = |name| incoming.headers.get(name)?.to_str().ok().filter(|text| text.len() <= 200);
    field("request-id").or_else(|| field("x-request-id")).map(str::to_owned)
}

/// An answer while it is heard.
struct Heard<'a> {
    exchange: &'a Exchange<'a>,
    frames: Frames,
    reader: Box<dyn Reader>,
    begun: Instant,
    first: Option<Duration>,
    framed: bool,
    size: usize,
    beginning: Vec<u8>,
}

impl<'a> Heard<'a> {
    fn new(exchange: &'a Exchange<'a>, begun: Instant) -> Self {
        let wire = wire(exchange.connection.kind);
        Self {
            exchange,
            frames: Frames::new(wire.framing()),
            reader: wire.reader(calls(&exchange.ask.request)),
            begun,
            first: None,
            framed: false,
            size: 0,
            beginning: Vec::new(),
        }
    }

    async fn read(
        &mut self,
        mut body: impl Stream<Item = Result<bytes::Bytes, crate::http::HttpError>> + Unpin,
        draft: &mut Draft,
    ) -> Result<(), ModelFailure> {
        let (limits, connection) = (self.exchange.limits, self.exchange.connection);
        loop {
            let limit = match (draft.ended, self.size) {
                (true, _) => FAREWELL,
                (false, 0) => limits.first,
                (false, _) => limits.silence,
            };
            match timeout(limit, body.next()).await {
                Ok(Some(Ok(bytes))) => self.take(&bytes, draft)?,
                // The answer is complete; how the connection ends changes nothing.
                Ok(Some(Err(_))) | Err(_) if draft.ended => break,
                Ok(Some(Err(error))) => return Err(unreachable(connection, &error)),
                Ok(None) => break,
                Err(_) => return Err(self.exchange.silent("said nothing", limit)),
            }
        }
        let rest = self.frames.finish().map_err(|e| self.exchange.unread(Unread::broken(e.0)))?;
        // What follows a complete answer, or is half a frame, is not worth an answer.
        if !draft.ended {
            self.frames_into(rest, draft)?;
        }
        self.reader.finish(draft);
        if draft.ended { Ok(()) } else { Err(self.early()) }
    }

    fn take(&mut self, bytes: &[u8], draft: &mut Draft) -> Result<(), ModelFailure> {
        self.size += bytes.len();
        if self.size > LARGEST {
            return Err(fail("reply-broken", format!("`{}` said more than 64 MiB", self.exchange.connection.name)));
        }
        let room = 200_usize.saturating_sub(self.beginning.len());
        self.beginning.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let frames = self.frames.take(bytes).map_err(|e| self.exchange.unread(Unread::broken(e.0)))?;
        self.frames_into(frames, draft)
    }

    fn frames_into(&mut self, frames: Vec<String>, draft: &mut Draft) -> Result<(), ModelFailure> {
        let (told, begun, first) = (&self.exchange.ask.told, self.begun, &mut self.first);
        let mut tell = |delta: Delta| {
            first.get_or_insert_with(|| begun.elapsed());
            told(delta);
        };
        for frame in frames {
            self.framed = true;
            self.reader.frame(draft, &frame, &mut tell).map_err(|unread| self.exchange.unread(unread))?;
        }
        Ok(())
    }

    fn early(&self) -> ModelFailure {
        let name = &self.exchange.connection.name;
        let beginning = String::from_utf8_lossy(&self.beginning);
        let message = match self.framed {
            true => format!("`{name}` ended its answer before it was complete"),
            false if beginning.trim().is_empty() => format!("`{name}` answered with nothing"),
            false => format!(
                "`{name}` answered with something that is no stream of its kind ({}): {}",
                self.exchange.connection.kind,
                quote(self.exchange.connection, &beginning)
            ),
        };
        passing("reply-broken", message)
    }
}
