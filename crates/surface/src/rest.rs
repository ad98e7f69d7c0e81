//! HTTP. One handler serves every operation of the registry: it turns a request into a call of the [`Gateway`] and the
//! reply into a response. No operation has code of its own here, so none can drift from its contract.

mod guard;
pub(crate) mod live;
pub(crate) mod query;
mod request;
mod response;

use std::{collections::HashMap, sync::Arc, time::Duration};

use affiant_contract::Pick;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode, header, request::Parts},
    response::Response,
};
use tower::ServiceExt as _;

pub use guard::Hosts;

use crate::{
    auth::Credential,
    events,
    gateway::{Call, Gateway, Input, Reply, Route, SurfaceName, Target},
    handlers::Services,
    present,
    problem::{Refusal, TraceId},
};

/// How HTTP behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Under which names the server answers, and from whose pages.
    pub hosts: Hosts,
    /// The most bytes of a body.
    pub max_body: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { hosts: Hosts::default(), max_body: 1 << 20, body_timeout: Duration::from_secs(30) }
    }
}

/// The longest query string, in bytes.
const MAX_QUERY: usize = 32 << 10;

struct Rest {
    gateway: Arc<Gateway>,
    settings: Settings,
    /// Every path of an operation: with the exact version, and the shorter ones that lead to the newest match.
    paths: HashMap<String, Arc<Route>>,
    /// The operation whose right is needed for the bytes of artifacts.
    artifacts: Option<Arc<Route>>,
    /// The operation that makes bundles.
    bundles: Option<Arc<Route>>,
    /// What the routes read that answer with more than one reply.
    services: Services,
    /// Everything that is no operation: documentation, health.
    pages: Router,
}

/// Everything that is reached over HTTP: the operations, and `pages` for every other path. Paths that nobody has are
/// 404 problems; the guard against foreign hosts and origins stands before all of them.
pub fn router(gateway: Arc<Gateway>, services: Services, settings: Settings, pages: Router) -> Router {
    let paths = paths(&gateway);
    let artifacts = gateway.route(&Target::Named { key: live::ARTIFACTS.into(), pick: Pick::Newest });
    let bundles = gateway.route(&Target::Named { key: live::BUNDLE.into(), pick: Pick::Newest });
    let pages = pages.fallback(|| std::future::ready(response::nowhere()));
    Router::new().fallback(serve).with_state(Arc::new(Rest {
        gateway,
        settings,
        paths,
        artifacts,
        bundles,
        services,
        pages,
    }))
}

fn paths(gateway: &Gateway) -> HashMap<String, Arc<Route>> {
    let mut paths = HashMap::new();
    for route in gateway.routes() {
        let meta = &route.operation.contract().meta;
        let short = [Pick::Major(meta.version.major), Pick::Minor(meta.version.major, meta.version.minor)];
        let base = format!("/{}/v", meta.key.replace('.', "/"));
        for pick in short {
            let end = match pick {
                Pick::Minor(major, minor) => format!("{major}.{minor}"),
                _ => meta.version.major.to_string(),
            };
            if let Some(newest) = gateway.route(&Target::Named { key: meta.key.clone(), pick }) {
                paths.insert(format!("{base}{end}"), newest);
            }
        }
        paths.insert(route.path(), route.clone());
    }
    paths
}

async fn serve(State(rest): State<Arc<Rest>>, request: Request) -> Response {
    let trace = request::trace(request.headers()).unwrap_or_else(|| rest.gateway.trace());
    let head = request.method() == Method::HEAD;
    let mut route = None;
    let response = match rest.answer(request, &trace, &mut route).await {
        Ok(response) => response,
        Err(refusal) => rest.refusal(refusal, route.as_deref(), &trace),
    };
    let response = response::secured(response, &trace);
    if head { response::without_body(response) } else { response }
}

impl Rest {
    fn refusal(&self, refusal: Refusal, route: Option<&Route>, trace: &TraceId) -> Response {
        let problem = self.gateway.refused(refusal, route, None, SurfaceName::Rest, trace);
        response::problem(&problem, route.map(|route| &*route.version))
    }

    async fn answer(
        &self,
        request: Request,
        trace: &TraceId,
        found: &mut Option<Arc<Route>>,
    ) -> Result<Response, Refusal> {
        let (head, body) = request.into_parts();
        self.settings.hosts.admit(&head.headers, &head.uri)?;
        let path = request::path(&head.uri)?;
        if let Some(route) = self.paths.get(&*path).cloned() {
            *found = Some(route.clone());
            return self.operation(route, &head, body, trace).await;
        }
        if let Some(artifact) = live::artifact_in(&path) {
            *found = self.artifacts.clone();
            return self.artifact(artifact, &head, trace).await;
        }
        if let Some(run) = live::bundle_in(&path) {
            *found = self.bundles.clone();
            return self.bundle(run, &head);
        }
        let (unknown, method) = (request::named(&path), head.method.clone());
        let request = Request::from_parts(head, body);
        let response = self.pages.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        match unknown {
            _ if !response::is_nowhere(&response) => page(response, &method),
            Some(target) => {
                let nothing = Input::Parameters(Vec::new());
                Ok(response::reply(&self.call(target, nothing, Credential::None, None, None, trace).await))
            }
            None => Err(Refusal::new("not-found", "No operation and no page has this path.")),
        }
    }

    async fn operation(
        &self,
        route: Arc<Route>,
        head: &Parts,
        body: Body,
        trace: &TraceId,
    ) -> Result<Response, Refusal> {
        let allow = if route.reads_only { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
        match (&head.method, route.reads_only) {
            (&Method::OPTIONS, _) => return Ok(response::options(allow)),
            (&Method::GET | &Method::HEAD, true) | (&Method::POST, false) => {}
            (method, reads_only) => {
                let what = if reads_only { "a query takes GET" } else { "a command takes POST" };
                let detail = format!("{method} is not possible here: {what}.");
                return Err(Refusal::new("method-not-allowed", detail).allowing(allow));
            }
        }
        if &*route.operation.contract().meta.key == events::OPERATION && live::wants_stream(&head.headers) {
            return self.stream(route, head).await;
        }
        let credential = request::credential(&head.headers);
        let peer = request::peer(head);
        let key = request::idempotency_key(&head.headers)?;
        let input = match route.reads_only {
            true => request::parameters(&head.uri, MAX_QUERY)?,
            false => request::body(&head.headers, body, self.settings.max_body, self.settings.body_timeout).await?,
        };
        let reply = self.call(Target::Route(route.clone()), input, credential, key, peer, trace).await;
        Ok(self.presented(&route, head, &reply).unwrap_or_else(|| response::reply(&reply)))
    }

    async fn call(
        &self,
        target: Target,
        input: Input,
        credential: Credential,
        idempotency_key: Option<String>,
        peer: Option<Arc<str>>,
        trace: &TraceId,
    ) -> Reply {
        let (surface, trace) = (SurfaceName::Rest, Some(trace.clone()));
        let call = Call { target, input, credential, idempotency_key, surface, trace, peer };
        self.gateway.call(call).await
    }

    /// What a query said, as the page that a presentation makes of it, for whoever would rather have that.
    fn presented(&self, route: &Route, head: &Parts, reply: &Reply) -> Option<Response> {
        let format = present::Format::asked(&head.headers).filter(|_| route.reads_only)?;
        let said = &reply.outcome.as_ref().ok()?.body;
        let page = present::page(self.gateway.registry(), &route.operation.contract().meta, said, format)?;
        Some(response::page(page, format, reply.version.as_deref()))
    }
}

/// A page's answer. What it says of a method that it does not take is said as operations say it.
fn page(response: Response, method: &Method) -> Result<Response, Refusal> {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return Ok(response);
    }
    let taken = response.headers().get(header::ALLOW).and_then(|allow| allow.to_str().ok()).unwrap_or("");
    let allow = if taken.contains("POST") { "GET, HEAD, POST, OPTIONS" } else { "GET, HEAD, OPTIONS" };
    if method == Method::OPTIONS {
        return Ok(response::options(allow));
    }
    Err(Refusal::new("method-not-allowed", format!("{method} is not possible here.")).allowing(allow))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod live_tests;
