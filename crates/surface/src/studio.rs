//! Studio: what a server does, for people, in a browser.
//!
//! Studio knows nothing that the operations do not say. A page asks the gateway with the viewer's own key, as any other
//! client does, and shows the replies; what a page shows is at the same address with `.json` behind it as well. What
//! changes something is a form that is sent with a token of its own; a GET never decides anything.

mod agents;
mod approvals;
mod artifacts;
mod ask;
mod change;
mod compare;
mod context;
mod copy;
mod drawing;
mod events;
mod find;
mod fork;
mod format;
mod graph;
mod live;
mod look;
pub(crate) mod markdown;
mod metrics;
mod page;
mod person;
mod record;
mod run;
mod runs;
mod session;
mod settings;
mod sign;
mod signs;
mod start;
mod timeline;
pub(crate) mod words;

use std::sync::{Arc, atomic::AtomicU64};

use axum::{
    Router,
    extract::Request,
    response::Response,
    routing::{get, post},
};
use tower::{ServiceExt as _, service_fn};
use tower_http::{CompressionLevel, compression::CompressionLayer};

use crate::{assets, gateway::Gateway, handlers::Services};

/// What every page has at hand.
pub(crate) struct Studio {
    gateway: Arc<Gateway>,
    services: Services,
    /// A place in the store's order of all entries that is not behind the newest.
    place: AtomicU64,
}

/// The pages below `/studio`.
pub fn router(gateway: Arc<Gateway>, services: Services) -> Router {
    let pages = Router::new()
        .route("/", get(runs::home))
        .route("/sign-in", get(sign::page).post(sign::with_key))
        .route("/enter", get(sign::with_code))
        .route("/sign-out", post(sign::out))
        .route("/runs", get(runs::list))
        .route("/views/save", post(runs::save_view))
        .route("/views/remove", post(runs::remove_view))
        .route("/runs/{run}", get(run::timeline))
        .route("/runs/{run}/steps", get(run::steps))
        .route("/runs/{run}/audit", get(record::account))
        .route("/runs/{run}/proof", get(record::proof))
        .route("/runs/{run}/bundle", post(record::bundle))
        .route("/runs/{run}/cancel", post(run::cancel))
        .route("/runs/{run}/retry", get(person::retry_form).post(person::retry))
        .route("/runs/{run}/answer", get(person::answer_form).post(person::answer))
        .route("/runs/{run}/resolve", get(person::resolve_form).post(person::resolve))
        .route("/runs/{run}/fork", get(fork::form).post(fork::start))
        .route("/compare", get(compare::page))
        .route("/runs/{run}/context", get(context::page))
        .route("/runs/{run}/graph", get(graph::page))
        .route("/runs/{run}/artifacts", get(artifacts::list))
        .route("/runs/{run}/artifacts/{artifact}", get(artifacts::one))
        .route("/runs/{run}/artifacts/{artifact}/content", get(artifacts::bytes))
        .route("/runs/{run}/events", get(events::list))
        .route("/approvals", get(approvals::list))
        .route("/approvals/{approval}", get(approvals::one).post(approvals::decide))
        .route("/approvals/{approval}/text", get(approvals::text))
        .route("/agents", get(agents::list))
        .route("/agents/{agent}", get(agents::one))
        .route("/agents/{agent}/new", get(start::form).post(start::start))
        .route("/audit", get(record::log))
        .route("/metrics", get(metrics::page))
        .route("/signs", get(signs::page))
        .route("/live", get(live::stream))
        .route("/settings", get(settings::page))
        .route("/settings/look", post(look::choose))
        .route("/settings/{act}", post(settings::act))
        .route("/go", get(find::search))
        .route("/go/{id}", get(find::go))
        .fallback(page::nowhere)
        .with_state(Arc::new(Studio { gateway, services, place: AtomicU64::new(0) }));
    // The end of an address says in which format a page is wanted, and no route needs to know of it.
    let pages = service_fn(move |request: Request| {
        let pages = pages.clone();
        async move { pages.oneshot(format::taken_off(request)).await }
    });
    let home = get(async || axum::response::Redirect::temporary("/studio"));
    let pages = Router::new().route("/", home).nest_service("/studio", pages).merge(assets::router());
    pages.layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
}

/// What a page makes of a request: its response, or the page that says why there is none.
type Shown = Result<Response, page::Halt>;

#[cfg(test)]
mod tests;
