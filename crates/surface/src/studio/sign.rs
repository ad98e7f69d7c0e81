//! In and out: a code from `affiant open`, or a key that is typed.

use std::sync::Arc;

use affiant_journal::{Body, KeyRevoked, Timestamp};
use affiant_policy::Principal;
use axum::{
    extract::{RawQuery, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use serde_json::json;

use super::{
    Shown, Studio,
    page::{header_text, outside},
    session::{self, LIFE, Sent},
};
use crate::{auth::KeyRecord, gateway::SurfaceName, problem::Refusal, rest::query};

/// The page on which one signs in.
pub(super) async fn page(RawQuery(query): RawQuery) -> Response {
    asked(StatusCode::OK, query.as_deref(), None)
}

fn asked(status: StatusCode, query: Option<&str>, wrong: Option<&str>) -> Response {
    outside("studio/sign-in.html", "Sign in", status, json!({ "next": next(query), "wrong": wrong }))
}

/// The page that is wanted afterwards; never one of another site.
fn next(query: Option<&str>) -> String {
    let wanted = parameter(query, "next").filter(|next| is_page(next));
    wanted.unwrap_or_else(|| "/studio".to_owned())
}

fn is_page(next: &str) -> bool {
    let below = next.strip_prefix("/studio").is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    below && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

fn parameter(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query::pairs(query?).ok()?;
    pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Signs in with a code that `session.create` made. It works once, so the address is of no use to whoever finds it later.
pub(super) async fn with_code(
    State(studio): State<Arc<Studio>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.as_deref();
    let code = parameter(query, "code").unwrap_or_default();
    match studio.services.codes.redeem(&code, studio.services.clock.now()) {
        Some(who) => studio.enter(&who, &headers, query).await,
        None => {
            let wrong = "This address was used already, or its minute is over. Run `affiant open` again.";
            asked(StatusCode::UNAUTHORIZED, query, Some(wrong))
        }
    }
}

/// Signs in with a key that somebody typed.
pub(super) async fn with_key(
    State(studio): State<Arc<Studio>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let query = query.as_deref();
    let fields = session::fields(request).await.unwrap_or_default();
    let typed = fields.iter().find(|(name, _)| name == "key").map_or("", |(_, key)| key.trim());
    match studio.services.keyring.identify(typed, studio.services.clock.now()) {
        Ok(who) => studio.enter(&who, &headers, query).await,
        Err(refusal) => studio.refused(StatusCode::UNAUTHORIZED, query, None, refusal),
    }
}

/// Signs out: the session's key is revoked, so a copied cookie is worth nothing either.
pub(super) async fn out(headers: HeaderMap, sent: Sent) -> Shown {
    let (studio, viewer) = (&sent.show.studio, &sent.show.viewer);
    studio.leave(&viewer.who).await.map_err(|refusal| sent.show.refused(refusal))?;
    let cookie = header_text(&session::cookie(&headers, None));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/studio/sign-in")).into_response())
}

impl Studio {
    /// The page on which one signs in, with what was wrong.
    fn refused(&self, status: StatusCode, query: Option<&str>, who: Option<&Principal>, refusal: Refusal) -> Response {
        let problem = self.gateway.refused(refusal, None, who, SurfaceName::Studio, &self.gateway.trace());
        asked(status, query, Some(problem.detail()))
    }

    async fn enter(&self, who: &Principal, headers: &HeaderMap, query: Option<&str>) -> Response {
        let services = &self.services;
        let now = services.clock.now();
        let expires = Timestamp(now.0 + LIFE * 1_000_000);
        let (token, record) = KeyRecord::session(who, now, expires, &*services.chance);
        let documents = vec![record.document()];
        if let Err(refusal) = services.recorder.record(&who.tenant, who.actor(), record.created(), documents).await {
            return self.refused(StatusCode::SERVICE_UNAVAILABLE, query, Some(who), refusal);
        }
        services.keyring.put(record);
        let cookie = header_text(&session::cookie(headers, Some(token.reveal())));
        ([(header::SET_COOKIE, cookie)], Redirect::to(&next(query))).into_response()
    }

    async fn leave(&self, who: &Principal) -> Result<(), Refusal> {
        let services = &self.services;
        let _changing = services.keyring.changing().await;
        let id = who.auth.strip_prefix("key:").unwrap_or_default();
        let Some(record) = services.keyring.get(id).filter(|record| record.session) else { return Ok(()) };
        let revoked = KeyRecord { revoked_at: Some(services.clock.now()), ..KeyRecord::clone(&record) };
        let body = Body::from(KeyRevoked { key: revoked.id.clone() });
        services.recorder.record(&who.tenant, who.actor(), body, vec![revoked.document()]).await?;
        services.keyring.put(revoked);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for page in ["/studio", "/studio/runs?q=a", "/studio?x"] {
            assert!(is_page(page), "{page}");
        }
        for other in
            ["//evil.example", "/studio\\@evil", "/studiox", "https://evil.example/studio", "/studio\r\nX: y", ""]
        {
            assert!(!is_page(other), "{other}");
        }
    }
}
