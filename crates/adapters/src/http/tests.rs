use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use reqwest::Method;
use tokio_util::sync::CancellationToken;

use super::{
    Headers, Http, Request,
    headers::headers,
    server::{Say, Server, answer},
};

fn get(url: &str) -> Request {
    Request {
        method: Method::GET,
        url: url.parse().unwrap(),
        headers: Headers::new(),
        body: None,
        timeout: Duration::from_secs(20),
        max_bytes: 1000,
        cut: false,
        redirects: 5,
        allow_private: true,
        cancel: CancellationToken::new(),
    }
}

fn post(url: &str) -> Request {
    Request { method: Method::POST, body: Some(Bytes::from_static(b"{}")), ..get(url) }
}

/// A name server that says what it is told.
fn named(addresses: &[&str]) -> Http {
    let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    Http::with_lookup(Arc::new(move |_| {
        let addresses = addresses.clone();
        Box::pin(async move { Ok(addresses) })
    }))
}

/// The body, or code, message and whether it was sent.
async fn told(http: &Http, request: Request) -> String {
    let port = request.url.port().map_or("no port".into(), |port| port.to_string());
    match http.send(request).await {
        Ok(response) => format!("{} {}", response.status.as_u16(), String::from_utf8_lossy(&response.body)),
        Err(error) => format!("{}: {error} (sent: {})", error.code(), error.sent()).replace(&port, "PORT"),
    }
}

#[tokio::test]
async fn private_addresses_are_refused_in_every_spelling() {
    let http = Http::new();
    let mut all = Vec::new();
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://user:pass@example.com/",
    ] {
        all.push(format!("{url}\n  {}", told(&http, Request { allow_private: false, ..get(url) }).await));
    }
    insta::assert_snapshot!(all.join("\n"), @"
    http://127.0.0.1/
      address-not-allowed: 127.0.0.1: this is not an address of the public internet (sent: false)
    http://127.1/
      address-not-allowed: 127.0.0.1: this is not an address of the public internet (sent: false)
    http://2130706433/
      address-not-allowed: 127.0.0.1: this is not an address of the public internet (sent: false)
    http://0x7f.0.0.1/
      address-not-allowed: 127.0.0.1: this is not an address of the public internet (sent: false)
    http://0177.0.0.1/
      address-not-allowed: 127.0.0.1: this is not an address of the public internet (sent: false)
    http://[::1]/
      address-not-allowed: ::1: this is not an address of the public internet (sent: false)
    http://[::ffff:10.0.0.1]/
      address-not-allowed: ::ffff:10.0.0.1: this is not an address of the public internet (sent: false)
    http://169.254.169.254/latest/meta-data
      address-not-allowed: 169.254.169.254: this is not an address of the public internet (sent: false)
    ftp://example.com/
      input-invalid: only http and https addresses are reached (sent: false)
    file:///etc/passwd
      input-invalid: only http and https addresses are reached (sent: false)
    http://user:pass@example.com/
      input-invalid: an address does not hold a name or password; send a header (sent: false)
    ");
}

#[tokio::test]
async fn a_name_with_one_private_address_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| answer(200, "", "secret")).await;
    for addresses in [&["10.0.0.1"][..], &["93.184.215.14", "127.0.0.1"], &["fd00::1"]] {
        let request =
            Request { allow_private: false, ..post(&format!("http://rebind.example:{}/", server.address.port())) };
        let told = told(&named(addresses), request).await;
        assert!(told.starts_with("address-not-allowed: rebind.example: the name leads to"), "{told}");
        assert!(told.ends_with("(sent: false)"), "{told}");
    }
    assert!(server.heard().is_empty());
    let url = "https://rebind.example/".parse().unwrap();
    assert_eq!(named(&["10.0.0.1"]).admits(&url, false).await.unwrap_err().code(), "address-not-allowed");
    assert!(named(&["1.1.1.1"]).admits(&url, false).await.is_ok());
}

#[tokio::test]
async fn the_connection_goes_to_the_address_that_was_checked() {
    let server = Server::start(|_| answer(200, "", "here")).await;
    let url = format!("http://pinned.example:{}/x", server.address.port());
    assert_eq!(told(&named(&["127.0.0.1"]), get(&url)).await, "200 here");
    assert!(server.heard()[0].contains("host: pinned.example"));
}

#[tokio::test]
async fn a_redirect_is_checked_like_a_request() {
    let server = Server::start(|line| match line.split(' ').nth(1) {
        Some("/inside") => answer(302, "location: http://10.0.0.1/\r\n", ""),
        Some("/loop") => answer(302, "location: /loop\r\n", "again"),
        Some("/file") => answer(302, "location: file:///etc/passwd\r\n", ""),
        Some("/nowhere") => answer(302, "", "nowhere"),
        _ => answer(302, "location: /nowhere\r\n", ""),
    })
    .await;
    let http = named(&["127.0.0.1"]);
    let url = |path: &str| server.url(path);
    assert_eq!(told(&http, get(&url("/x"))).await, "302 nowhere");
    assert_eq!(told(&http, get(&url("/loop"))).await, "302 again");
    assert_eq!(server.heard().iter().filter(|heard| heard.contains("/loop")).count(), 6);
    assert!(told(&http, get(&url("/file"))).await.starts_with("input-invalid: only http and https"));
    // The first hop is allowed here and the second is not, as with a public server that redirects inwards.
    let request = get(&url("/inside"));
    let response = http.send(Request { redirects: 0, ..request.clone() }).await.unwrap();
    let next = super::request::tests_redirect(&Request { allow_private: false, ..request }, &response);
    assert!(told(&http, next).await.starts_with("address-not-allowed: 10.0.0.1"));
}

#[tokio::test]
async fn a_credential_and_a_body_stay_with_the_server_they_were_meant_for() {
    let other = Server::start(|_| answer(200, "", "other")).await;
    let target = other.url("/x");
    let server = Server::start(move |line| {
        let status = if line.contains("/307") { 307 } else { 302 };
        answer(status, &format!("location: {target}\r\n"), "")
    })
    .await;
    let http = Http::new();
    let secret = headers([("authorization", "Bearer s".into()), ("accept", "text/x".into())]).unwrap();
    assert_eq!(told(&http, Request { headers: secret, ..get(&server.url("/")) }).await, "200 other");
    let heard = other.heard().remove(0).to_lowercase();
    assert!(!heard.contains("bearer") && heard.contains("text/x"), "{heard}");
    insta::assert_snapshot!(told(&http, post(&server.url("/307"))).await, @"binding-failed: a redirect to another server is not followed with a body (sent: true)");
    insta::assert_snapshot!(told(&http, post(&server.url("/302"))).await, @"binding-failed: a redirect would turn the request into one that only reads; correct the address (sent: true)");
    assert_eq!(other.heard().len(), 1);
}

#[tokio::test]
async fn whether_a_request_was_sent_is_told_truthfully() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let http = Http::new();
    let refused = told(&http, post(&format!("http://{closed}/"))).await;
    assert!(
        refused.starts_with("binding-failed: 127.0.0.1: no connection") && refused.ends_with("(sent: false)"),
        "{refused}"
    );
    let unknown = told(&named(&[]), post("http://nobody.example/")).await;
    assert!(unknown.ends_with("(sent: false)"), "{unknown}");

    let silent = Server::start(|_| Say::Nothing).await;
    let late = Request { timeout: Duration::from_secs(3), ..post(&silent.url("/")) };
    insta::assert_snapshot!(told(&http, late).await, @"binding-timeout: no complete answer within 3 s (sent: true)");
    let stopped = post(&silent.url("/"));
    let cancel = stopped.cancel.clone();
    let (told_stopped, ()) = tokio::join!(told(&http, stopped), async {
        while silent.heard().len() < 2 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    insta::assert_snapshot!(told_stopped, @"cancelled: the call was stopped before it had ended (sent: true)");

    let hung = Server::start(|_| Say::Hang).await;
    let broken = told(&http, post(&hung.url("/"))).await;
    assert!(broken.starts_with("binding-failed: the connection broke") && broken.ends_with("(sent: true)"), "{broken}");
    let never = Http::with_lookup(Arc::new(|_| Box::pin(std::future::pending())));
    let before = Request { timeout: Duration::from_millis(50), ..post("http://slow.example/") };
    assert!(told(&never, before).await.ends_with("(sent: false)"));
}

#[tokio::test]
async fn a_long_answer_is_refused_or_cut_as_wished() {
    let server = Server::start(|_| answer(200, "", &"x".repeat(5000))).await;
    let http = Http::new();
    insta::assert_snapshot!(told(&http, get(&server.url("/"))).await, @"binding-failed: the answer is larger than 1000 bytes (sent: true)");
    let cut = http.send(Request { cut: true, ..get(&server.url("/")) }).await.unwrap();
    assert_eq!((cut.body.len(), cut.truncated), (1000, true));
    let endless = Server::start(|_| Say::Bytes(b"HTTP/1.1 200 X\r\n\r\nno length".to_vec())).await;
    assert_eq!(told(&http, get(&endless.url("/"))).await, "200 no length");
}

#[test]
fn a_header_that_cannot_be_sent_is_named_without_its_value() {
    let wrong = |name: &'static str, value: &str| headers([(name, value.to_owned())]).unwrap_err().to_string();
    let told = [
        wrong("x y", "v"),
        wrong("x", "secret\r\nInjected: 1"),
        wrong("Host", "internal"),
        wrong("Content-Length", "3"),
        super::from_environment([("x", "env:NOPE")], &|_| None).unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    header `x y` has a name that is none
    header `x` has a value with a character it cannot hold
    header `Host` is set by the connection itself
    header `Content-Length` is set by the connection itself
    header `x` is read from NOPE, which the server's environment does not have
    ");
    let read =
        super::from_environment([("x", "env:TOKEN")], &|name| (name == "TOKEN").then(|| "secret\n".into())).unwrap();
    assert_eq!(read["x"], "secret");
    assert!(!format!("{read:?}").contains("secret"), "a value is not printed by accident");
}
