//! The documentation, as this server serves it: the guide, a page for every contract and every error, and the forms.
//!
//! Every page is rendered when it is asked for, from the registry, and needs no script. Reference pages exist as HTML,
//! as Markdown and as JSON. Nothing here calls an operation.

pub(crate) mod forms;
mod guide;
mod llms;
mod lookup;

use std::sync::{Arc, OnceLock};

use affiant_contract::Registry;
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;

use crate::render::{
    openapi,
    reference::{ending_page, error_index, error_page, html, index, markdown, page, page_markdown},
};
pub(crate) use lookup::pairs as sent;
use lookup::{Format, Found};

struct Docs {
    registry: Arc<Registry>,
    /// Rendered once: it is the only page that grows with the registry.
    openapi: OnceLock<Bytes>,
}

/// The pages below `/docs` and `/forms`, `/openapi.json` and `/llms.txt`.
pub fn router(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/docs/", get(async || redirect("/docs")))
        .route("/docs", get(async |State(docs): State<Arc<Docs>>| docs.guide("index")))
        .route("/docs/reference", get(async |State(docs): State<Arc<Docs>>| docs.index(Format::Html)))
        .route("/docs/reference/{feature}", get(feature))
        .route("/docs/reference/{feature}/{*contract}", get(reference))
        .route("/docs/errors", get(async |State(docs): State<Arc<Docs>>| docs.errors(Format::Html)))
        .route("/docs/errors/{code}", get(error))
        .route("/docs/{page}", get(guide))
        .route("/forms/{key}", get(form).post(filled))
        .route("/openapi.json", get(async |State(docs): State<Arc<Docs>>| docs.openapi()))
        .route("/llms.txt", get(async |State(docs): State<Arc<Docs>>| text(llms::index_of(&docs.registry))))
        .route("/llms-full.txt", get(async |State(docs): State<Arc<Docs>>| text(llms::full(&docs.registry))))
        .with_state(Arc::new(Docs { registry, openapi: OnceLock::new() }))
}

async fn guide(State(docs): State<Arc<Docs>>, Path(page): Path<String>) -> Response {
    match page.as_str() {
        "reference.md" => docs.index(Format::Markdown),
        "reference.json" => docs.index(Format::Json),
        "errors.md" => docs.errors(Format::Markdown),
        "errors.json" => docs.errors(Format::Json),
        page => docs.guide(page),
    }
}

async fn feature(State(docs): State<Arc<Docs>>, Path(feature): Path<String>) -> Response {
    match lookup::feature(&docs.registry, &feature) {
        Some(path) => redirect(&path),
        None => docs.missing("feature", &feature),
    }
}

async fn reference(
    State(docs): State<Arc<Docs>>,
    Path((feature, contract)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let version = query.as_deref().and_then(lookup::version);
    match lookup::contract(&docs.registry, &feature, &contract, version) {
        Found::Here(contract, format) => {
            let page = page(&docs.registry, contract);
            match format {
                Format::Html => shown(html("page.html", &page)),
                Format::Markdown => written(page_markdown(&page)),
                Format::Json => json(&page),
            }
        }
        Found::There(path) => redirect(&path),
        Found::Nowhere => docs.missing("contract", &contract),
    }
}

async fn error(State(docs): State<Arc<Docs>>, Path(code): Path<String>) -> Response {
    let (code, format) = Format::of(&code);
    match (error_page(&docs.registry, code), format) {
        (Some(page), Format::Html) => shown(html("error.html", &page)),
        (Some(page), Format::Markdown) => written(markdown("error.md", &page)),
        (Some(page), Format::Json) => json(&page),
        (None, _) => ending(&docs, code, format),
    }
}

/// The page of a code with which runs or steps fail.
fn ending(docs: &Docs, code: &str, format: Format) -> Response {
    match (ending_page(code), format) {
        (Some(page), Format::Html) => shown(html("ending.html", &page)),
        (Some(page), Format::Markdown) => written(markdown("ending.md", &page)),
        (Some(page), Format::Json) => json(&page),
        (None, _) => docs.missing("error code", code),
    }
}

async fn form(State(docs): State<Arc<Docs>>, Path(key): Path<String>) -> Response {
    match forms::form(&docs.registry, &key, None) {
        Some(form) => shown(html("form.html", &form)),
        None => docs.missing("form", &key),
    }
}

async fn filled(State(docs): State<Arc<Docs>>, Path(key): Path<String>, body: Bytes) -> Response {
    let Ok(entered) = lookup::pairs(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match forms::form(&docs.registry, &key, Some(&entered)) {
        Some(form) => shown(html("form.html", &form)),
        None => docs.missing("form", &key),
    }
}

impl Docs {
    fn guide(&self, page: &str) -> Response {
        let (name, format) = Format::of(page);
        match (guide::find(name), format) {
            (Some(found), Format::Markdown) => written(found.text.to_owned()),
            (Some(found), Format::Html) => shown(html("guide.html", &found.page())),
            _ => self.missing("page", page),
        }
    }

    fn index(&self, format: Format) -> Response {
        let index = index(&self.registry);
        match format {
            Format::Html => shown(html("index.html", &index)),
            Format::Markdown => written(markdown("index.md", &index)),
            Format::Json => json(&index),
        }
    }

    fn errors(&self, format: Format) -> Response {
        let errors = error_index(&self.registry);
        match format {
            Format::Html => shown(html("errors.html", &errors)),
            Format::Markdown => written(markdown("errors.md", &errors)),
            Format::Json => json(&errors),
        }
    }

    fn openapi(&self) -> Response {
        let render = || Bytes::from(crate::render::json_bytes(&openapi::document(&self.registry)));
        let bytes = self.openapi.get_or_init(render).clone();
        ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], bytes).into_response()
    }

    /// A page that says that there is none, and what was perhaps meant.
    fn missing(&self, what: &'static str, name: &str) -> Response {
        let page = html("missing.html", &lookup::missing(&self.registry, what, name));
        (StatusCode::NOT_FOUND, shown(page)).into_response()
    }
}

/// What the pages may load: our own style sheet and icon, and nothing else. There is no script.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

fn shown(page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, page).into_response()
}

fn written(page: String) -> Response {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], page)
        .into_response()
}

fn text(page: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], page).into_response()
}

fn json(page: &impl Serialize) -> Response {
    let bytes = crate::render::json_bytes(page);
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], bytes).into_response()
}

/// To where the page is. Contracts move between features, so this is never for ever.
fn redirect(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests;
