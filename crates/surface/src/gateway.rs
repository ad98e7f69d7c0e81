//! The one door. Every surface turns its protocol into a [`Call`] and a [`Reply`] back into its protocol; looking up,
//! authenticating, authorising, limiting, validating, remembering and carrying out happen here, once.

mod audit;
mod call;
mod carry;
mod handlers;
pub mod json;
mod routes;

use std::{panic::AssertUnwindSafe, sync::Arc};

use affiant_contract::{Auth, BoundOperation, Registry, normalise};
use affiant_engine::ports::{Chance, Clock, Store, Tools};
use affiant_journal::TenantId;
use affiant_policy::Principal;
use futures::FutureExt as _;
use serde_json::Value;

pub use audit::Recorder;
pub use call::{Call, Done, Input, Reply, SurfaceName, Target};
pub use handlers::{Answer, Context, Handlers, Keep, NoHandler, Shape};
pub use routes::Route;

use crate::{
    auth::{Credential, Keyring},
    idempotency::{Begun, Kept, Memory, Place, Taken},
    problem::{Refusal, TraceId},
    ratelimit::{self, Limiter},
    render::errors::errors_of,
};
use audit::Audit;
use call::Traces;
use handlers::Handled;
use routes::{Carrier, Routes};

/// What the gateway is put together from.
pub struct Parts {
    /// The contracts.
    pub registry: Arc<Registry>,
    /// Who carries out the operations that are code in this binary.
    pub handlers: Handlers,
    /// Who carries out the others.
    pub tools: Arc<dyn Tools>,
    /// Where replies, keys and folders are kept.
    pub store: Arc<dyn Store>,
    /// Who callers are.
    pub keyring: Arc<Keyring>,
    /// Who writes refusals down.
    pub recorder: Arc<dyn Recorder>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub chance: Arc<dyn Chance>,
    /// How the door behaves.
    pub settings: Settings,
}

/// How the door behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The tenant of callers without a credential, and of refusals that nobody can be named for.
    pub tenant: TenantId,
    /// Whether every output and every refusal is checked against its contract. On in tests and debug builds; outputs of services and
    /// programs are checked always.
    pub check_outputs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { tenant: TenantId::from("t_local"), check_outputs: cfg!(debug_assertions) }
    }
}

/// The one door. See the [module](self).
pub struct Gateway {
    registry: Arc<Registry>,
    routes: Routes,
    tools: Arc<dyn Tools>,
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    limiter: Limiter,
    memory: Arc<Memory>,
    audit: Audit,
    traces: Traces,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

/// A caller who may call this operation; what they say has not been read yet.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The operation.
    pub route: Arc<Route>,
    /// The caller.
    pub who: Arc<Principal>,
}

impl Gateway {
    /// The door to these parts.
    ///
    /// # Errors
    ///
    /// Names every handler whose operation is in no contract.
    pub fn new(parts: Parts) -> Result<Arc<Self>, NoHandler> {
        let routes = Routes::new(&parts.registry, parts.handlers, &*parts.tools)?;
        Ok(Arc::new(Self {
            routes,
            registry: parts.registry,
            tools: parts.tools,
            keyring: parts.keyring,
            limiter: Limiter::default(),
            memory: Memory::new(parts.store.clone(), parts.clock.clone()),
            store: parts.store,
            audit: Audit::new(parts.recorder),
            traces: Traces::new(&*parts.chance),
            clock: parts.clock,
            settings: parts.settings,
        }))
    }

    /// Every contract that this door serves.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// A trace id for a call that brings none.
    pub fn trace(&self) -> TraceId {
        self.traces.next()
    }

    /// The operation that a target names.
    pub fn route(&self, target: &Target) -> Option<Arc<Route>> {
        match target {
            Target::Route(route) => Some(route.clone()),
            Target::Named { key, pick } => self.routes.find(key, pick).cloned(),
        }
    }

    /// Every operation, with every path below which it is reached over HTTP.
    pub fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// Carries a call out, or says why not. Never fails in another way: a panic in a handler is an internal error.
    ///
    /// A command goes on when its caller goes away: what was begun is finished and remembered.
    pub async fn call(self: &Arc<Self>, call: Call) -> Reply {
        let trace = call.trace.clone().unwrap_or_else(|| self.trace());
        let surface = call.surface;
        let Some(route) = self.route(&call.target) else {
            let outcome = Err(self.refused(unknown(&call.target), None, None, surface, &trace));
            return Reply { trace, operation: None, version: None, outcome };
        };
        let operation = Some(route.operation.clone());
        let mut who = None;
        let (outcome, version) = match self.answer(&route, call, &trace, &mut who).await {
            Ok((done, version)) => (Ok(done), version),
            Err(refusal) => {
                let who = who.as_deref();
                (Err(self.refused(refusal, Some(&route), who, surface, &trace)), route.version.clone())
            }
        };
        Reply { trace, operation, version: Some(version), outcome }
    }

    /// Lets a caller in: authenticates, authorises and limits. For surfaces that answer with a stream instead of a
    /// reply; they still read their input with [`Gateway::accept`].
    ///
    /// # Errors
    ///
    /// `unauthenticated`, `forbidden` or `rate-limited`.
    pub fn enter(&self, route: &Arc<Route>, credential: &Credential, peer: Option<&str>) -> Result<Entered, Refusal> {
        let mut who = None;
        self.admit(route, credential, peer, &mut who)?;
        Ok(Entered { route: route.clone(), who: who.expect("whoever is admitted is somebody") })
    }

    /// Reads what a caller says, and holds it against the credential and the contract.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the text, `identity-mismatch` or `input-invalid`.
    pub fn accept(&self, entered: &Entered, input: Input) -> Result<Value, Refusal> {
        read(&entered.route, &entered.who, input)
    }

    /// Shows a refusal as a problem: counted where refusals are counted, its cause logged once.
    pub fn refused(
        &self,
        refusal: Refusal,
        route: Option<&Route>,
        who: Option<&Principal>,
        surface: SurfaceName,
        trace: &TraceId,
    ) -> crate::problem::Problem {
        let operation = route.map(|route| &*route.operation);
        if let Some(cause) = refusal.cause() {
            let operation = route.map(|route| &*route.name).unwrap_or_default();
            tracing::error!(%trace, operation, surface = surface.as_str(), code = refusal.code(), cause, "a call failed");
        }
        self.audit.note(&refusal, route, who, &self.settings.tenant, surface, self.clock.mono());
        refusal.problem(trace.clone(), operation)
    }

    /// Writes down the refusals that were counted and whose minute is over; all of them with `everything`, before the
    /// server stops. To be called every few seconds.
    pub async fn flush_refusals(&self, everything: bool) {
        self.audit.flush(self.clock.mono(), everything).await;
    }

    async fn answer(
        self: &Arc<Self>,
        route: &Arc<Route>,
        call: Call,
        trace: &TraceId,
        who: &mut Option<Arc<Principal>>,
    ) -> Result<(Done, Arc<str>), Refusal> {
        let principal = self.admit(route, &call.credential, call.peer.as_deref(), who)?;
        let input = read(route, &principal, call.input)?;
        let (operation, trace) = (route.operation.clone(), trace.clone());
        let mut context = Context { who: principal, operation, trace, key: None, keep: None };
        let Some(key) = call.idempotency_key.filter(|_| route.keyed) else {
            let done = self.carried(route.clone(), context, input, None).await?;
            return Ok((done, route.version.clone()));
        };
        let place = Place::of(&context.who, &route.operation.contract().meta.key, &key, &input)?;
        let keeps = route.keeps();
        let taken = match self.memory.begin(place, !keeps).await? {
            Begun::First(taken) => taken,
            Begun::Again(kept) => return Ok((Done::again(&kept), kept.version)),
        };
        context.key = Some(key.into());
        context.keep = keeps.then(|| self.memory.keep_of(&taken, &route.version));
        let done = self.carried(route.clone(), context, input, Some(taken)).await?;
        Ok((done, route.version.clone()))
    }

    fn admit(
        &self,
        route: &Route,
        credential: &Credential,
        peer: Option<&str>,
        who: &mut Option<Arc<Principal>>,
    ) -> Result<Arc<Principal>, Refusal> {
        let needed = route.operation.operation().policy.auth;
        let principal = match credential {
            Credential::Key(key) => self.keyring.identify(key, self.clock.now())?,
            Credential::Unknown => {
                return Err(Refusal::new(
                    "unauthenticated",
                    "The `Authorization` header holds no key of this server's.",
                ));
            }
            Credential::None if needed == Auth::Anonymous => {
                Arc::new(Principal::anonymous(self.settings.tenant.clone()))
            }
            Credential::None => return Err(Refusal::new("unauthenticated", "The call carries no credential.")),
        };
        *who = Some(principal.clone());
        if !principal.reaches(needed) {
            return Err(Refusal::new("forbidden", format!("{} needs the role `admin`.", route.name)));
        }
        if let Some(limit) = route.operation.operation().policy.rate_limit {
            let caller = match (credential, peer) {
                (Credential::None, Some(peer)) => peer.into(),
                _ => principal.auth.clone(),
            };
            let place = ratelimit::Place { caller, route: route.index };
            self.limiter.take(place, limit, self.clock.mono()).map_err(|wait| {
                let most = format!("At most {} calls a minute, {} at once.", limit.per_minute, limit.burst.max(1));
                Refusal::new("rate-limited", most).retry_after(wait)
            })?;
        }
        Ok(principal)
    }

    /// Carries the call out and keeps the reply under its key. A command runs in a task of its own, so that it ends
    /// even when nobody waits for it any more.
    async fn carried(
        self: &Arc<Self>,
        route: Arc<Route>,
        context: Context,
        input: Value,
        taken: Option<Taken>,
    ) -> Result<Done, Refusal> {
        if route.reads_only {
            let handled = AssertUnwindSafe(self.carry(&route, context, input)).catch_unwind().await;
            return unpanicked(handled).map(|handled| handled.done);
        }
        let gateway = self.clone();
        let work = async move {
            let Some(taken) = taken else {
                return gateway.carry(&route, context, input).await.map(|handled| handled.done);
            };
            let handled = AssertUnwindSafe(gateway.carry(&route, context, input)).catch_unwind().await;
            match unpanicked(handled) {
                Ok(Handled { done, kept: true }) => Ok(done),
                Ok(Handled { done, kept: false }) => {
                    let body = route.without_secrets(&done.body);
                    let kept = Kept { version: route.version.clone(), location: done.location.clone(), body };
                    gateway.memory.keep(taken, &kept).await;
                    Ok(done)
                }
                Err(refusal) => {
                    gateway.memory.give_back(taken).await;
                    Err(refusal)
                }
            }
        };
        match tokio::spawn(work).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Refusal::internal(error)),
        }
    }

    async fn carry(&self, route: &Route, context: Context, input: Value) -> Result<Handled, Refusal> {
        let handled = self.carry_by(route, context, input).await;
        if !self.settings.check_outputs {
            return handled;
        }
        match handled {
            Ok(handled) => check_output(&route.operation, &handled.done.body).map(|()| handled),
            Err(refusal) => Err(check_refusal(&route.operation, refusal)),
        }
    }

    async fn carry_by(&self, route: &Route, context: Context, input: Value) -> Result<Handled, Refusal> {
        match &route.carrier {
            Carrier::Handler(handler) => handler.run(context, input).await,
            Carrier::Tools => {
                let done = carry::by_tools(&*self.tools, &*self.store, &context, input).await?;
                Ok(Handled { done, kept: false })
            }
            Carrier::Nobody => Err(Refusal::new("not-bound", format!("Nothing carries {} out here yet.", route.name))),
        }
    }
}

fn unknown(target: &Target) -> Refusal {
    match target {
        Target::Named { key, .. } => {
            let shown: String = key.chars().take(80).flat_map(char::escape_debug).collect();
            Refusal::new("operation-not-found", format!("No version of `{shown}` that was asked for is loaded here."))
        }
        Target::Route(_) => Refusal::plain("operation-not-found"),
    }
}

fn unpanicked(outcome: std::thread::Result<Result<Handled, Refusal>>) -> Result<Handled, Refusal> {
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(Refusal::internal(format!("the handler panicked: {text}")))
    })
}

fn read(route: &Route, who: &Principal, input: Input) -> Result<Value, Refusal> {
    let value = match input {
        Input::Json(bytes) => json::read(&bytes)?,
        Input::Parameters(parameters) => route.operation.coerce_query(&parameters).map_err(Refusal::invalid)?,
        Input::Value(mut value) => {
            normalise(&mut value);
            value
        }
    };
    if route.checks_identity {
        check_identity(who, &value)?;
    }
    route.operation.validate_input(&value).map_err(Refusal::invalid)?;
    Ok(value)
}

/// Identity comes from the credential. An input may repeat it; it may not say otherwise.
fn check_identity(who: &Principal, input: &Value) -> Result<(), Refusal> {
    let Value::Object(fields) = input else { return Ok(()) };
    let own = [
        ("tenantId", who.tenant.as_str()),
        ("actorId", who.id.as_str()),
        ("approverId", who.id.as_str()),
        ("requestedBy", who.id.as_str()),
    ];
    for (name, own) in own {
        if let Some(Value::String(said)) = fields.get(name)
            && said != own
        {
            let detail =
                format!("`{name}` names somebody other than the credential does. Leave it out, or send `{own}`.");
            return Err(Refusal::new("identity-mismatch", detail));
        }
    }
    Ok(())
}

/// A reply that its contract does not allow is a mistake of this server, and says so where it is looked for.
fn check_output(operation: &BoundOperation, body: &[u8]) -> Result<(), Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(Refusal::internal)?;
    operation.validate_output(&value).map_err(|issues| {
        let issues: Vec<_> = issues.iter().map(|issue| format!("{} {}", issue.path, issue.message)).collect();
        Refusal::internal(format!("the reply is not what {} promises: {}", operation.reference(), issues.join("; ")))
    })
}

/// So is a refusal that no caller was told to expect.
fn check_refusal(operation: &BoundOperation, refusal: Refusal) -> Refusal {
    let told = errors_of(operation.contract()).iter().any(|fact| fact.code == refusal.code());
    if told {
        return refusal;
    }
    let cause = refusal.cause().unwrap_or_default();
    Refusal::internal(format!("{} does not declare `{}` {cause}", operation.reference(), refusal.code()))
}

#[cfg(test)]
mod tests;
