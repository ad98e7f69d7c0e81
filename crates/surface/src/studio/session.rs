//! Who looks: the key in the browser's cookie, and the token without which no form of theirs is taken.
//!
//! A session is a key with a short life (`session.create`). It is in a cookie that no script can read and that no other
//! site's page can have sent along; the token of forms is made of it, so there is nothing to keep or to lose.

use std::{convert::Infallible, sync::Arc};

use affiant_journal::{Digest, Timestamp};
use affiant_policy::Principal;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequestParts, Request},
    http::{HeaderMap, Method, header, request::Parts},
};
use subtle::ConstantTimeEq as _;

use super::{
    Studio,
    format::Format,
    look::Theme,
    page::{Halt, Show},
};
use crate::{
    auth::{Credential, Keyring},
    docs,
    problem::Refusal,
    rest,
};

/// How long a session lasts, in seconds.
pub(super) const LIFE: i64 = 12 * 60 * 60;

/// The most bytes that a form may send.
const MAX_FORM: usize = 1 << 20;

/// Somebody who is signed in.
#[derive(Clone)]
pub(super) struct Viewer {
    /// Who it is.
    pub(super) who: Arc<Principal>,
    /// What their forms must bring along.
    pub(super) csrf: String,
    key: String,
}

impl Viewer {
    fn new(who: Arc<Principal>, key: String) -> Self {
        let digest = Digest::of(format!("affiant form {key}").as_bytes());
        Self { who, csrf: digest.hex()[..32].to_owned(), key }
    }

    /// Whether their session has neither ended nor been revoked.
    pub(super) fn is_still(&self, keyring: &Keyring, now: Timestamp) -> bool {
        keyring.identify(&self.key, now).is_ok()
    }

    /// What they show at the gateway's door.
    pub(super) fn credential(&self) -> Credential {
        Credential::Key(self.key.clone())
    }
}

/// The name of the cookie. Browsers keep one set of cookies for all ports of a host, so the port is part of it.
fn name(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let port: String = port.chars().filter(char::is_ascii_digit).collect();
    format!("affiant_{port}")
}

/// The cookie that signs a browser in, or out when there is no key.
pub(super) fn cookie(headers: &HeaderMap, key: Option<&str>) -> String {
    let (key, age) = key.map_or(("", 0), |key| (key, LIFE));
    format!("{}={key}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict", name(headers))
}

/// The key in the browser's cookie.
pub(crate) fn key(headers: &HeaderMap) -> Option<String> {
    let name = name(headers);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, key)| *known == name && !key.is_empty()).map(|(_, key)| key.to_owned())
}

impl OptionalFromRequestParts<Arc<Studio>> for Viewer {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, studio: &Arc<Studio>) -> Result<Option<Self>, Infallible> {
        let Some(key) = key(&head.headers) else { return Ok(None) };
        let who = studio.services.keyring.identify(&key, studio.services.clock.now());
        Ok(who.ok().map(|who| Self::new(who, key)))
    }
}

impl FromRequestParts<Arc<Studio>> for Viewer {
    type Rejection = Halt;

    async fn from_request_parts(head: &mut Parts, studio: &Arc<Studio>) -> Result<Self, Halt> {
        let viewer = <Self as OptionalFromRequestParts<_>>::from_request_parts(head, studio).await;
        viewer.unwrap_or_default().ok_or_else(|| {
            let wanted = head.uri.path_and_query().map_or("/", |wanted| wanted.as_str());
            let wanted = format!("/studio{}", wanted.trim_end_matches('/'));
            // Whoever follows a link from another site comes without the cookie. Coming from here, they bring it.
            let from = head.headers.get("sec-fetch-site").and_then(|from| from.to_str().ok());
            let elsewhere = from == Some("cross-site") && head.method == Method::GET;
            if elsewhere { Halt::Again(wanted) } else { Halt::SignIn(wanted) }
        })
    }
}

/// What a form sent, by somebody who was shown it.
pub(super) struct Sent {
    /// How what comes of it is shown.
    pub(super) show: Show,
    fields: Vec<(String, String)>,
}

impl Sent {
    /// Everything that was sent.
    pub(super) fn all(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The first value of a field; nothing when it is absent or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// The fields of a form, whoever sent it.
pub(super) async fn fields(request: Request) -> Result<Vec<(String, String)>, Refusal> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|media| media.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::plain("unsupported-media-type"));
    }
    let body = axum::body::to_bytes(request.into_body(), MAX_FORM).await;
    let body: Bytes =
        body.map_err(|_| Refusal::new("payload-too-large", "The form is larger than this server takes."))?;
    docs::sent(&body)
}

impl FromRequest<Arc<Studio>> for Sent {
    type Rejection = Halt;

    async fn from_request(request: Request, studio: &Arc<Studio>) -> Result<Self, Halt> {
        let (mut head, body) = request.into_parts();
        let show = <Show as FromRequestParts<_>>::from_request_parts(&mut head, studio).await?;
        let fields = fields(Request::from_parts(head, body)).await.map_err(|refusal| show.refused(refusal))?;
        let given = fields.iter().find(|(name, _)| name == "csrf").map_or("", |(_, token)| token.as_str());
        if !bool::from(given.as_bytes().ct_eq(show.viewer.csrf.as_bytes())) {
            let detail = "This form was not made for your session, or your session is a new one. Load the page again.";
            return Err(show.refused(Refusal::new("origin-refused", detail)));
        }
        Ok(Self { show, fields })
    }
}

impl FromRequestParts<Arc<Studio>> for Show {
    type Rejection = Halt;

    async fn from_request_parts(head: &mut Parts, studio: &Arc<Studio>) -> Result<Self, Halt> {
        let viewer = <Viewer as FromRequestParts<_>>::from_request_parts(head, studio).await?;
        let format = head.extensions.get::<Format>().copied().unwrap_or_default();
        let query = rest::query::pairs(head.uri.query().unwrap_or_default()).unwrap_or_default();
        let place = studio.place().await.unwrap_or_default();
        let (path, theme) = (head.uri.path().to_owned(), Theme::of(&head.headers));
        Ok(Self { studio: studio.clone(), viewer, format, query, place, path, theme })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, cookies: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::COOKIE, cookies.parse().unwrap());
        headers
    }

    #[test]
    fn a_server_on_another_port_has_a_cookie_of_its_own() {
        let both = "affiant_4780=one; affiant_4781=two; other=x";
        assert_eq!(key(&headers("127.0.0.1:4780", both)).as_deref(), Some("one"));
        assert_eq!(key(&headers("[::1]:4781", both)).as_deref(), Some("two"));
        assert_eq!(key(&headers("studio.example", both)), None);
        assert_eq!(key(&headers("studio.example", "affiant_=three")).as_deref(), Some("three"));
    }

    #[test]
    fn no_script_and_no_other_site_can_use_the_cookie() {
        let set = cookie(&headers("localhost:4780", "a=b"), Some("aff_x"));
        assert_eq!(set, "affiant_4780=aff_x; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
        assert!(cookie(&headers("localhost:4780", "a=b"), None).contains("Max-Age=0"));
    }
}
