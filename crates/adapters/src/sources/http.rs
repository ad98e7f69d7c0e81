//! Source `http`: a document of the public internet, fetched once.

use std::time::Duration;

use affiant_engine::ports::{SourceFailure, SourceItem};
use reqwest::{Method, StatusCode};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{fail, media::LARGEST_FILE, one};
use crate::http::{Headers, Http, HttpError, Request};

/// For the whole document, redirects included.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn read(http: &Http, url: &str) -> Result<SourceItem, SourceFailure> {
    let request = Request {
        method: Method::GET,
        url: Url::parse(url).map_err(|_| fail("unreadable", "`url` is not an address such as https://example.com/"))?,
        headers: Headers::new(),
        body: None,
        timeout: TIMEOUT,
        max_bytes: usize::try_from(LARGEST_FILE).unwrap_or(usize::MAX),
        cut: false,
        redirects: 5,
        allow_private: false,
        cancel: CancellationToken::new(),
    };
    fetch(http, request).await
}

async fn fetch(http: &Http, request: Request) -> Result<SourceItem, SourceFailure> {
    let response = http.send(request).await.map_err(|error| {
        let code = match &error {
            HttpError::Address { .. } => "address-not-allowed",
            HttpError::TooLarge { .. } => "too-large",
            _ => "unreadable",
        };
        fail(code, error.to_string())
    })?;
    let status = response.status;
    if !status.is_success() {
        let gone = matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE);
        let code = if gone { "not-found" } else { "unreadable" };
        return Err(fail(code, format!("the server answered {}", status.as_u16())));
    }
    let media = response.content_type().and_then(|media| media.split(';').next()).map(str::trim);
    let media = media.unwrap_or("application/octet-stream").to_ascii_lowercase();
    Ok(one(response.url.as_str(), &media, response.body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::server::{Server, answer};

    fn local(url: String) -> Request {
        let url = url.parse().unwrap();
        let (method, headers, body, cancel) = (Method::GET, Headers::new(), None, CancellationToken::new());
        Request {
            method,
            url,
            headers,
            body,
            timeout: TIMEOUT,
            max_bytes: 100,
            cut: false,
            redirects: 5,
            allow_private: true,
            cancel,
        }
    }

    #[tokio::test]
    async fn a_document_is_kept_as_it_came_with_its_media_type() {
        let server = Server::start(|line| match line.split(' ').nth(1) {
            Some("/a") => answer(302, "location: /b\r\n", ""),
            Some("/b") => answer(200, "content-type: Text/Markdown; charset=utf-8\r\n", "# b"),
            Some("/large") => answer(200, "", &"x".repeat(101)),
            Some("/500") => answer(500, "", ""),
            _ => answer(404, "", ""),
        })
        .await;
        let http = Http::new();
        let item = fetch(&http, local(server.url("/a"))).await.unwrap();
        assert_eq!((&*item.media, &*item.bytes, &*item.name), ("text/markdown", &b"# b"[..], ""));
        assert_eq!(item.origin, server.url("/b"));
        for (path, code) in [("/none", "not-found"), ("/large", "too-large"), ("/500", "unreadable")] {
            assert_eq!(&*fetch(&http, local(server.url(path))).await.unwrap_err().code, code);
        }
        assert_eq!(&*read(&http, &server.url("/b")).await.unwrap_err().code, "address-not-allowed");
    }
}
