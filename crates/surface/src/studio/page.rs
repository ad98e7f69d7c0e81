//! What every page has: who looks, in which format, the frame around it, and what may be loaded.

use std::sync::Arc;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    Shown, Studio, copy,
    format::{self, Format},
    look::Theme,
    session::Viewer,
};
use crate::{
    assets,
    problem::{Problem, Refusal},
    render::{json_bytes, reference::studio},
    rest::{live::attachment, query},
};

/// What a page may load: what this server has in its own binary, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A request for a page by somebody who is signed in.
#[derive(Clone)]
pub(super) struct Show {
    pub(super) studio: Arc<Studio>,
    /// Who looks.
    pub(super) viewer: Viewer,
    /// How they want to see it.
    pub(super) format: Format,
    /// What the address says behind its question mark.
    pub(super) query: Vec<(String, String)>,
    /// Everything that was stored up to this place is on the page.
    pub(super) place: u64,
    /// The address below `/studio`, without the end that says the format.
    pub(super) path: String,
    /// How this browser wants pages to look.
    pub(super) theme: Theme,
}

/// Why a page is not shown.
pub(super) enum Halt {
    /// Nobody is signed in; afterwards this page is wanted.
    SignIn(String),
    /// The same page is to be asked for once more, from a page of this server.
    Again(String),
    /// A page, or a problem, that says why.
    Said(Box<Response>),
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(next) => {
                let query = query::encode(&[("next", &next)]);
                Redirect::to(&format!("/studio/sign-in?{query}")).into_response()
            }
            Self::Again(page) => outside("studio/again.html", "One moment", StatusCode::OK, json!({ "page": page })),
            Self::Said(response) => *response,
        }
    }
}

/// The frame around a page.
#[derive(Serialize)]
pub(super) struct Frame<'a> {
    title: &'a str,
    section: &'a str,
    /// The page's own address, in the form in which other formats are asked for.
    here: String,
    viewer: Option<Value>,
    /// How many approvals wait.
    waiting: u64,
    /// A place in the store's order of all entries; what was stored before it is on the page.
    place: Option<u64>,
    theme: Theme,
    /// The page for whoever is not in this browser.
    copy: Option<Value>,
    stylesheet: String,
    script: String,
    icon: String,
    release: &'static str,
    page: Value,
}

impl<'a> Frame<'a> {
    fn new(title: &'a str, section: &'a str, page: Value) -> Self {
        Self {
            title,
            section,
            here: String::new(),
            viewer: None,
            waiting: 0,
            place: None,
            theme: Theme::System,
            copy: None,
            stylesheet: assets::path("studio", "css"),
            script: assets::path("studio", "js"),
            icon: assets::path("icon", "svg"),
            release: env!("CARGO_PKG_VERSION"),
            page,
        }
    }
}

/// A page for somebody who is not signed in.
pub(super) fn outside(template: &str, title: &str, status: StatusCode, page: Value) -> Response {
    html(status, template, &Frame::new(title, "", page))
}

fn html(status: StatusCode, template: &str, frame: &Frame<'_>) -> Response {
    let page = match studio(template, frame) {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(template, error = format!("{error:#}"), "a page could not be made");
            return (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be made. The server's log says why.")
                .into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        // What a page shows is somebody's own, and the back button asks again.
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    (status, headers, page).into_response()
}

/// Facts as they are.
pub(super) fn data(facts: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "private, no-store")];
    (headers, json_bytes(facts)).into_response()
}

/// No page has this address.
pub(super) async fn nowhere(show: Show) -> Response {
    let refusal = Refusal::new("not-found", "No page of Studio has this address.");
    show.refused(refusal).into_response()
}

impl Show {
    /// What the address says for a name; nothing when it is absent or empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The same address with some of its parameters changed; an empty value takes one away.
    pub(super) fn with(&self, changes: &[(&str, &str)]) -> String {
        let kept = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = kept.filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let new = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = kept.chain(new).collect();
        let query = query::encode(&pairs);
        let path = format!("/studio{}", self.path.trim_end_matches('/'));
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }

    /// Whether people look at it, and not a program.
    pub(super) fn is_page(&self) -> bool {
        self.format == Format::Html
    }

    /// What is asked for of a long value: its beginning where a page shows it, all of it where the facts are wanted.
    pub(super) fn bounded(&self, mut asked: Value, most: u64) -> Value {
        if self.is_page() {
            asked["maxBytes"] = most.into();
        }
        asked
    }

    /// A key for a form that is to count once, however often it is sent.
    fn once(&self) -> String {
        let services = &self.studio.services;
        services.chance.id("form_", services.clock.now())
    }

    /// A page with these facts, or the facts.
    pub(super) async fn page(&self, template: &str, title: &str, section: &str, facts: Value) -> Shown {
        self.answer(StatusCode::OK, template, title, section, facts).await
    }

    /// The same with another status.
    pub(super) async fn answer(
        &self,
        status: StatusCode,
        template: &str,
        title: &str,
        section: &str,
        facts: Value,
    ) -> Shown {
        if self.format != Format::Html {
            return Ok((status, data(&facts)).into_response());
        }
        let waiting = self.studio.waiting(&self.viewer).await.unwrap_or_default();
        let frame = Frame { waiting, place: Some(self.place), ..self.frame(title, section, facts) };
        Ok(html(status, template, &frame))
    }

    /// A list: a page of it, or its rows as a file.
    pub(super) async fn list(&self, template: &str, title: &str, section: &str, facts: Value, rows: &str) -> Shown {
        let items = facts[rows].as_array().map(Vec::as_slice).unwrap_or_default();
        let (media, text) = match self.format {
            Format::Jsonl => ("application/jsonl", items.iter().map(|item| format!("{item}\n")).collect()),
            Format::Csv => ("text/csv; charset=utf-8", table(items)),
            Format::Html | Format::Json => return self.page(template, title, section, facts).await,
        };
        let file = attachment(&format!("{rows}.{}", if self.format == Format::Csv { "csv" } else { "jsonl" }));
        Ok(([(header::CONTENT_TYPE, media.to_owned()), (header::CONTENT_DISPOSITION, file)], text).into_response())
    }

    fn frame<'a>(&self, title: &'a str, section: &'a str, page: Value) -> Frame<'a> {
        let viewer = json!({ "id": self.viewer.who.id, "role": self.viewer.who.role, "csrf": self.viewer.csrf,
            "once": self.once() });
        let (here, copy) = (self.with(&[]), Some(copy::of(self)));
        Frame { here, copy, viewer: Some(viewer), theme: self.theme, ..Frame::new(title, section, page) }
    }

    /// Why a request is refused, as a page.
    pub(super) fn refused(&self, refusal: Refusal) -> Halt {
        let gateway = &self.studio.gateway;
        let who = Some(&*self.viewer.who);
        self.problem(&gateway.refused(refusal, None, who, crate::gateway::SurfaceName::Studio, &gateway.trace()))
    }

    /// The status with which a form is shown again, where whoever filled it in can mend what is wrong; the page that says
    /// what is wrong where they cannot.
    pub(super) fn mendable(&self, problem: &Problem) -> Result<StatusCode, Halt> {
        let mendable = problem.status() < 500 && problem.status() != 401;
        let status = StatusCode::from_u16(problem.status()).ok().filter(|_| mendable);
        status.ok_or_else(|| self.problem(problem))
    }

    /// A problem as a page, or as it is.
    pub(super) fn problem(&self, problem: &Problem) -> Halt {
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let said = problem.to_json();
        let response = match self.format {
            Format::Html => {
                let facts = serde_json::from_slice(&said).unwrap_or(Value::Object(Map::new()));
                let title = facts["title"].as_str().unwrap_or("Something is wrong").to_owned();
                html(status, "studio/problem.html", &self.frame(&title, "", facts))
            }
            _ => (status, [(header::CONTENT_TYPE, crate::problem::MEDIA_TYPE)], said).into_response(),
        };
        Halt::Said(Box::new(response))
    }

    /// On to another page, after something was changed.
    pub(super) fn on_to(&self, path: &str) -> Shown {
        Ok(Redirect::to(path).into_response())
    }
}

/// Rows as a CSV file, with a column for every name that any of them has.
fn table(rows: &[Value]) -> String {
    let mut columns: Vec<&str> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let text = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = |cells: Vec<String>| cells.iter().map(|it| format::cell(it)).collect::<Vec<_>>().join(",") + "\r\n";
    let head = line(columns.iter().map(|name| (*name).to_owned()).collect());
    let body = rows.iter().map(|row| line(columns.iter().map(|name| text(&row[*name])).collect()));
    std::iter::once(head).chain(body).collect()
}

/// A header that may hold any text that a header can hold.
pub(super) fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_a_table_with_every_column() {
        let rows = [json!({ "a": 1, "b": "x,y" }), json!({ "a": null, "c": [1] })];
        assert_eq!(table(&rows), "a,b,c\r\n1,\"x,y\",\r\n,,[1]\r\n");
        assert_eq!(table(&[]), "\r\n");
    }
}
