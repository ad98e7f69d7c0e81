//! Delivering messages to webhooks, signed as Standard Webhooks says (<https://www.standardwebhooks.com>).
//!
//! A message goes to an `https` address of the public internet and to no other, unless the configuration allows
//! private ones. Redirects are not followed: an address that has moved is corrected by the one who gave it.

use std::{sync::Arc, time::Duration};

use affiant_engine::ports::{Deliver, Delivery, DeliveryFailure};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode, header};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::http::{Http, HttpError, Request, headers};

/// A receiver that takes longer should take the message first and work on it later.
const TIMEOUT: Duration = Duration::from_secs(20);
/// More of a receiver's answer than this is of no interest.
const MOST: usize = 4096;
/// The longest time that a receiver's wish is respected.
const LONGEST_WAIT: u64 = 24 * 3600;

/// Delivers messages.
pub struct Courier {
    http: Arc<Http>,
    allow_private: bool,
}

impl Courier {
    pub(crate) fn new(http: Arc<Http>, allow_private: bool) -> Self {
        Self { http, allow_private }
    }

    fn address(&self, url: &str) -> Result<Url, DeliveryFailure> {
        let url = Url::parse(url).map_err(|_| fail("input-invalid", "the webhook's address is none"))?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.allow_private => Ok(url),
            _ => Err(fail("address-not-allowed", "a webhook's address begins with https://")),
        }
    }
}

#[async_trait]
impl Deliver for Courier {
    async fn admits(&self, url: &str) -> Result<(), DeliveryFailure> {
        let url = self.address(url)?;
        self.http.admits(&url, self.allow_private).await.map_err(|e| unsent(&e))
    }

    async fn deliver(&self, message: Delivery) -> Result<(), DeliveryFailure> {
        let seconds = message.at.0.div_euclid(1_000_000).to_string();
        let signature = sign(&message.secret, &message.id, &seconds, &message.body)
            .ok_or_else(|| fail("input-invalid", "the webhook's secret is not `whsec_` and base64"))?;
        let fields = [
            ("webhook-id", message.id),
            ("webhook-timestamp", seconds),
            ("webhook-signature", signature),
            ("content-type", message.media),
        ];
        let request = Request {
            method: Method::POST,
            url: self.address(&message.url)?,
            headers: headers(fields).map_err(|e| unsent(&e))?,
            body: Some(Bytes::copy_from_slice(&message.body)),
            timeout: TIMEOUT,
            max_bytes: MOST,
            cut: true,
            redirects: 0,
            allow_private: self.allow_private,
            cancel: CancellationToken::new(),
        };
        let response = self.http.send(request).await.map_err(|e| unsent(&e))?;
        if response.status.is_success() {
            return Ok(());
        }
        let wait = response.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Err(DeliveryFailure {
            // `410 Gone` is how a receiver unsubscribes.
            retryable: response.status != StatusCode::GONE,
            retry_after: wait.map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST_WAIT))),
            ..fail("binding-failed", &format!("the receiver answered {}", response.status.as_u16()))
        })
    }
}

/// `v1,` and the base64 of the HMAC-SHA256 over id, time and body; none when the secret does not read.
fn sign(secret: &str, id: &str, seconds: &str, body: &[u8]) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok().filter(|key| !key.is_empty())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

fn fail(code: &str, message: &str) -> DeliveryFailure {
    DeliveryFailure { code: code.into(), message: message.to_owned(), retryable: false, retry_after: None }
}

fn unsent(error: &HttpError) -> DeliveryFailure {
    DeliveryFailure { retryable: error.retryable(), ..fail(error.code(), &error.to_string()) }
}

#[cfg(test)]
mod tests {
    use affiant_journal::Timestamp;

    use super::*;
    use crate::http::server::{Server, answer};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn courier(allow_private: bool) -> Courier {
        Courier::new(Arc::new(Http::new()), allow_private)
    }

    fn message(url: String) -> Delivery {
        Delivery {
            url,
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
            at: Timestamp(1_614_265_330_999_999),
            secret: SECRET.into(),
            media: "application/cloudevents+json".into(),
            body: br#"{"test": 2432232314}"#.as_slice().into(),
        }
    }

    #[tokio::test]
    async fn a_message_is_signed_as_the_standards_own_example() {
        let server = Server::start(|_| answer(204, "", "")).await;
        courier(true).deliver(message(server.url("/hook"))).await.unwrap();
        let heard = server.heard().remove(0);
        for line in [
            "POST /hook HTTP/1.1",
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp: 1614265330",
            "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            "content-type: application/cloudevents+json",
            "{\"test\": 2432232314}",
        ] {
            assert!(heard.lines().any(|heard| heard == line), "{line}\n{heard}");
        }
    }

    #[tokio::test]
    async fn what_the_receiver_answers_decides_whether_it_is_tried_again() {
        let server = Server::start(|line| match line.split(' ').nth(1) {
            Some("/moved") => answer(302, "location: /hook\r\n", ""),
            Some("/gone") => answer(410, "", ""),
            Some("/busy") => answer(429, "retry-after: 120\r\n", ""),
            _ => answer(500, "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n", ""),
        })
        .await;
        let mut told = Vec::new();
        for path in ["/moved", "/gone", "/busy", "/broken"] {
            let failure = courier(true).deliver(message(server.url(path))).await.unwrap_err();
            told.push(format!("{failure} (again: {}, after: {:?})", failure.retryable, failure.retry_after));
        }
        insta::assert_snapshot!(told.join("\n"), @"
    the receiver answered 302 (again: true, after: None)
    the receiver answered 410 (again: false, after: None)
    the receiver answered 429 (again: true, after: Some(120s))
    the receiver answered 500 (again: true, after: None)
    ");
        assert_eq!(server.heard().len(), 4);
    }

    #[tokio::test]
    async fn only_public_addresses_over_https_are_admitted() {
        let mut told = Vec::new();
        for url in ["http://example.com/", "https://127.0.0.1/", "https://[::1]/", "https://u:p@example.com/", "x"] {
            let refused = courier(false).admits(url).await.unwrap_err();
            assert_eq!(courier(false).deliver(message(url.into())).await.unwrap_err(), refused, "{url}");
            told.push(format!("{}: {refused}", refused.code));
        }
        insta::assert_snapshot!(told.join("\n"), @"
    address-not-allowed: a webhook's address begins with https://
    address-not-allowed: 127.0.0.1: this is not an address of the public internet
    address-not-allowed: ::1: this is not an address of the public internet
    input-invalid: an address does not hold a name or password; send a header
    input-invalid: the webhook's address is none
    ");
        assert!(courier(true).admits("http://127.0.0.1:1/").await.is_ok());
    }

    #[tokio::test]
    async fn a_secret_that_does_not_read_signs_nothing() {
        for secret in ["", "whsec_", "whsec_%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            let message = Delivery { secret: secret.into(), ..message("http://127.0.0.1:1/".into()) };
            let failure = courier(true).deliver(message).await.unwrap_err();
            assert_eq!(&*failure.code, "input-invalid");
            assert!(!failure.to_string().contains("MfKQ"), "{failure}");
        }
    }
}
