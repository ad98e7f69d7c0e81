use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    gateway::Handlers,
    testing::{World, operation},
};

fn world() -> World {
    let input = "input: { type: object, additionalProperties: false, properties: { limit: { type: integer, maximum: 500 }, \
                 tags: { type: array, items: { type: string } }, exact: { type: boolean }, text: { type: string } } }\n\
                 output: { type: object }";
    let contracts = vec![
        operation("query", "test.read", "1.0.0", input),
        operation("query", "test.read", "1.1.0", input),
        operation("command", "test.write", "1.0.0", input),
        operation("command", "test.start", "1.0.0", ""),
    ];
    World::new(contracts, |_| {
        let echo = |_, input: Value| std::future::ready(Ok(json!({ "input": input })));
        Handlers::new().on("test.read", "^1", echo).on("test.write", "^1", echo).accepting(
            "test.start",
            "^1",
            |_, _: Value| {
                let location = Some("/test/read/v1?text=x".to_owned());
                std::future::ready(Ok(crate::gateway::Answer { output: json!({}), location, kept: false }))
            },
        )
    })
}

fn serving(world: &World) -> Router {
    let pages = Router::new().route("/page", axum::routing::get(async || "a page"));
    let settings = Settings { max_body: 100, ..Settings::default() };
    router(world.gateway.clone(), world.services.clone(), settings, pages)
}

/// Sends one request, written as it would be sent: method and path, headers, an empty line, the body.
async fn send(world: &World, text: &str) -> Response<Body> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines().map(str::trim);
    let (method, path) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    let mut headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap())
        .collect();
    for (name, value) in [("host", "localhost:4780"), ("authorization", "user"), ("content-type", "application/json")] {
        if !headers.iter().any(|(other, _)| other == name) {
            headers.push((name.into(), value.into()));
        }
    }
    for (name, value) in headers {
        let value = match (name.as_str(), world.credential(&value)) {
            ("authorization", crate::auth::Credential::Key(key)) => format!("Bearer {key}"),
            _ => value,
        };
        if value != "none" {
            request = request.header(name, value);
        }
    }
    serving(world).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Status, the headers that say something, and the body; of a problem its code and detail.
async fn told(world: &World, request: &str) -> String {
    let response = send(world, request).await;
    let mut line = response.status().as_u16().to_string();
    for name in ["contract-version", "allow", "location", "retry-after", "www-authenticate", "idempotency-replayed"] {
        if let Some(value) = response.headers().get(name) {
            line.push_str(&format!(" [{name}: {}]", value.to_str().unwrap()));
        }
    }
    let problem = response.headers().get("content-type").is_some_and(|kind| kind == crate::problem::MEDIA_TYPE);
    let body = text(response).await;
    if problem && !body.is_empty() {
        let problem: Value = serde_json::from_str(&body).unwrap();
        return format!("{line} {}: {}", problem["code"].as_str().unwrap(), problem["detail"].as_str().unwrap());
    }
    format!("{line} {body}")
}

async fn table(requests: &[&str]) -> String {
    let world = world();
    let mut lines = Vec::new();
    for request in requests {
        lines.push(format!("{}\n  {}", request.replace('\n', " ⏎ "), told(&world, request).await));
    }
    lines.join("\n")
}

#[tokio::test]
async fn a_path_leads_to_a_version_and_a_method_to_a_kind() {
    insta::assert_snapshot!(table(&[
        "GET /test/read/v1.0.0",
        "GET /test/read/v1",
        "GET /test/read/v1.0",
        "GET /test/read/v1%2E1.0",
        "GET /test/read/v2",
        "GET /test/read/v1.0.0/",
        "GET /test/read",
        "GET /test/unknown/v1",
        "GET /page",
        "GET /",
        "POST /test/read/v1\n\n{}",
        "GET /test/write/v1",
        "DELETE /test/write/v1",
        "OPTIONS /test/read/v1",
        "OPTIONS /test/write/v1",
        "OPTIONS /nowhere",
        "HEAD /test/read/v1",
        "HEAD /test/write/v1",
        "GET /test/%ff/v1",
        "POST /test/start/v1\n\n{}",
    ])
    .await, @r#"
    GET /test/read/v1.0.0
      200 [contract-version: 1.0.0] {"input":{}}
    GET /test/read/v1
      200 [contract-version: 1.1.0] {"input":{}}
    GET /test/read/v1.0
      200 [contract-version: 1.0.0] {"input":{}}
    GET /test/read/v1%2E1.0
      200 [contract-version: 1.1.0] {"input":{}}
    GET /test/read/v2
      404 operation-not-found: No version of `test.read` that was asked for is loaded here.
    GET /test/read/v1.0.0/
      404 not-found: No operation and no page has this path.
    GET /test/read
      404 not-found: No operation and no page has this path.
    GET /test/unknown/v1
      404 operation-not-found: No version of `test.unknown` that was asked for is loaded here.
    GET /page
      200 a page
    GET /
      404 not-found: No operation and no page has this path.
    POST /test/read/v1 ⏎  ⏎ {}
      405 [contract-version: 1.1.0] [allow: GET, HEAD, OPTIONS] method-not-allowed: POST is not possible here: a query takes GET.
    GET /test/write/v1
      405 [contract-version: 1.0.0] [allow: POST, OPTIONS] method-not-allowed: GET is not possible here: a command takes POST.
    DELETE /test/write/v1
      405 [contract-version: 1.0.0] [allow: POST, OPTIONS] method-not-allowed: DELETE is not possible here: a command takes POST.
    OPTIONS /test/read/v1
      204 [allow: GET, HEAD, OPTIONS] 
    OPTIONS /test/write/v1
      204 [allow: POST, OPTIONS] 
    OPTIONS /nowhere
      404 not-found: No operation and no page has this path.
    HEAD /test/read/v1
      200 [contract-version: 1.1.0] 
    HEAD /test/write/v1
      405 [contract-version: 1.0.0] [allow: POST, OPTIONS] 
    GET /test/%ff/v1
      400 invalid-encoding: The address holds escaped bytes that are not UTF-8.
    POST /test/start/v1 ⏎  ⏎ {}
      202 [contract-version: 1.0.0] [location: /test/read/v1?text=x] {}
    "#);
}

#[tokio::test]
async fn a_querys_input_is_flat_or_one_json_object() {
    insta::assert_snapshot!(table(&[
        "GET /test/read/v1?limit=12&tags=a&tags=b&exact=true&text=x+y%26",
        "GET /test/read/v1?input=%7B%22limit%22:12,%22tags%22:[%22a%22]%7D",
        "GET /test/read/v1?limit=many",
        "GET /test/read/v1?limit=501",
        "GET /test/read/v1?limit=1&limit=2",
        "GET /test/read/v1?lmit=1",
        "GET /test/read/v1?input=%7B",
        "GET /test/read/v1?input=%7B%22limit%22:1,%22limit%22:2%7D",
        "GET /test/read/v1?limit=9007199254740993",
        "GET /test/read/v1?text=%ff",
        "GET /test/read/v1?text=%f",
    ])
    .await, @r#"
    GET /test/read/v1?limit=12&tags=a&tags=b&exact=true&text=x+y%26
      200 [contract-version: 1.1.0] {"input":{"limit":12,"tags":["a","b"],"exact":true,"text":"x y&"}}
    GET /test/read/v1?input=%7B%22limit%22:12,%22tags%22:[%22a%22]%7D
      200 [contract-version: 1.1.0] {"input":{"limit":12,"tags":["a"]}}
    GET /test/read/v1?limit=many
      422 [contract-version: 1.1.0] input-invalid: `limit` must be an integer such as 12.
    GET /test/read/v1?limit=501
      422 [contract-version: 1.1.0] input-invalid: `limit` must be at most 500.
    GET /test/read/v1?limit=1&limit=2
      422 [contract-version: 1.1.0] input-invalid: `limit` must be given once; it is not a list.
    GET /test/read/v1?lmit=1
      422 [contract-version: 1.1.0] input-invalid: `lmit` is not a field here; did you mean `limit`?
    GET /test/read/v1?input=%7B
      400 [contract-version: 1.1.0] malformed-json: Line 1, column 2: expected a field name in double quotes.
    GET /test/read/v1?input=%7B%22limit%22:1,%22limit%22:2%7D
      400 [contract-version: 1.1.0] duplicate-key: Line 1, column 12: the field `limit` stands here for the second time.
    GET /test/read/v1?limit=9007199254740993
      422 [contract-version: 1.1.0] input-invalid: `limit` must be within ±9007199254740991.
    GET /test/read/v1?text=%ff
      400 [contract-version: 1.1.0] invalid-encoding: The address holds escaped bytes that are not UTF-8.
    GET /test/read/v1?text=%f
      400 [contract-version: 1.1.0] invalid-encoding: A percent sign in the address is not followed by two digits.
    "#);
    let world = world();
    let long = format!("GET /test/read/v1?text={}", "x".repeat(MAX_QUERY));
    assert!(told(&world, &long).await.contains("payload-too-large"));
}

#[tokio::test]
async fn only_json_of_a_decent_size_is_a_body() {
    insta::assert_snapshot!(table(&[
        "POST /test/write/v1\n\n{\"limit\":1}",
        "POST /test/write/v1\ncontent-type: Application/JSON; charset=UTF-8\n\n{}",
        "POST /test/write/v1\ncontent-type: application/json; charset=latin1\n\n{}",
        "POST /test/write/v1\ncontent-type: text/plain\n\n{}",
        "POST /test/write/v1\ncontent-type: none\n\n{}",
        "POST /test/write/v1\ncontent-encoding: gzip\n\n{}",
        "POST /test/write/v1",
        "POST /test/write/v1\n\n[]",
        "POST /test/write/v1\n\n{\"limit\":1,\"limit\":2}",
        "POST /test/write/v1\n\n{\"text\":null}",
        "POST /test/write/v1\ncontent-length: 101\n\n{}",
        &format!("POST /test/write/v1\n\n\"{}\"", "x".repeat(99)),
    ])
    .await, @r#"
    POST /test/write/v1 ⏎  ⏎ {"limit":1}
      200 [contract-version: 1.0.0] {"input":{"limit":1}}
    POST /test/write/v1 ⏎ content-type: Application/JSON; charset=UTF-8 ⏎  ⏎ {}
      200 [contract-version: 1.0.0] {"input":{}}
    POST /test/write/v1 ⏎ content-type: application/json; charset=latin1 ⏎  ⏎ {}
      415 [contract-version: 1.0.0] unsupported-media-type: A body was sent with a content type other than `application/json`.
    POST /test/write/v1 ⏎ content-type: text/plain ⏎  ⏎ {}
      415 [contract-version: 1.0.0] unsupported-media-type: A body was sent with a content type other than `application/json`.
    POST /test/write/v1 ⏎ content-type: none ⏎  ⏎ {}
      415 [contract-version: 1.0.0] unsupported-media-type: A body was sent with a content type other than `application/json`.
    POST /test/write/v1 ⏎ content-encoding: gzip ⏎  ⏎ {}
      415 [contract-version: 1.0.0] unsupported-media-type: The body is compressed; send it as it is.
    POST /test/write/v1
      400 [contract-version: 1.0.0] malformed-json: Line 1, column 1: the body is empty; send a JSON object, `{}` when there is nothing to say.
    POST /test/write/v1 ⏎  ⏎ []
      422 [contract-version: 1.0.0] input-invalid: The input must be an object.
    POST /test/write/v1 ⏎  ⏎ {"limit":1,"limit":2}
      400 [contract-version: 1.0.0] duplicate-key: Line 1, column 12: the field `limit` stands here for the second time.
    POST /test/write/v1 ⏎  ⏎ {"text":null}
      422 [contract-version: 1.0.0] input-invalid: `text` must not be null; leave the field out instead.
    POST /test/write/v1 ⏎ content-length: 101 ⏎  ⏎ {}
      413 [contract-version: 1.0.0] payload-too-large: The body has more than 100 bytes.
    POST /test/write/v1 ⏎  ⏎ "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
      413 [contract-version: 1.0.0] payload-too-large: The body has more than 100 bytes.
    "#);
}

#[tokio::test]
async fn a_credential_is_one_bearer_key() {
    insta::assert_snapshot!(table(&[
        "GET /test/read/v1\nauthorization: none",
        "GET /test/read/v1\nauthorization: Basic dXNlcjpwYXNz",
        "GET /test/read/v1\nauthorization: Bearer",
        "GET /test/read/v1\nauthorization: Bearer aff_x",
        "GET /test/read/v1\nauthorization: user\nauthorization: admin",
        "GET /test/read/v1\nauthorization: expired",
        "GET /test/read/v1\nhost: evil.example",
        "GET /test/read/v1\norigin: http://evil.example",
        "POST /test/write/v1\norigin: http://localhost:4780\n\n{}",
        "GET /page\nhost: evil.example",
    ])
    .await, @r#"
    GET /test/read/v1 ⏎ authorization: none
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The call carries no credential.
    GET /test/read/v1 ⏎ authorization: Basic dXNlcjpwYXNz
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The `Authorization` header holds no key of this server's.
    GET /test/read/v1 ⏎ authorization: Bearer
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The `Authorization` header holds no key of this server's.
    GET /test/read/v1 ⏎ authorization: Bearer aff_x
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The key is not one of this server's.
    GET /test/read/v1 ⏎ authorization: user ⏎ authorization: admin
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The `Authorization` header holds no key of this server's.
    GET /test/read/v1 ⏎ authorization: expired
      401 [contract-version: 1.1.0] [www-authenticate: Bearer realm="affiant"] unauthenticated: The key has expired.
    GET /test/read/v1 ⏎ host: evil.example
      403 origin-refused: This server does not answer under the host name of the request.
    GET /test/read/v1 ⏎ origin: http://evil.example
      403 origin-refused: A browser sent the request from a page of another origin that the server does not list as allowed.
    POST /test/write/v1 ⏎ origin: http://localhost:4780 ⏎  ⏎ {}
      200 [contract-version: 1.0.0] {"input":{}}
    GET /page ⏎ host: evil.example
      403 origin-refused: This server does not answer under the host name of the request.
    "#);
}

#[tokio::test]
async fn a_repeated_command_is_answered_again_and_says_so() {
    let world = world();
    let mut lines = Vec::new();
    for request in [
        "POST /test/start/v1\nidempotency-key: k\n\n{}",
        "POST /test/start/v1.0.0\nidempotency-key: k\n\n{ }",
        "POST /test/start/v1\nidempotency-key: k\n\n{\"said\":\"x\"}",
        "POST /test/start/v1\nidempotency-key: k\nidempotency-key: k\n\n{}",
    ] {
        lines.push(told(&world, request).await);
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    202 [contract-version: 1.0.0] [location: /test/read/v1?text=x] {}
    202 [contract-version: 1.0.0] [location: /test/read/v1?text=x] [idempotency-replayed: true] {}
    409 [contract-version: 1.0.0] idempotency-conflict: The key was used before for this operation, with another input.
    422 [contract-version: 1.0.0] input-invalid: `Idempotency-Key` must be given once.
    ");
}

#[tokio::test]
async fn every_response_is_named_and_guarded() {
    let world = world();
    for (path, status) in [("/test/read/v1", 200), ("/nowhere", 404), ("/page", 200)] {
        let request = format!("GET {path}\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let response = send(&world, &request).await;
        assert_eq!(response.status().as_u16(), status);
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
        assert_eq!(header("x-request-id"), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(header("access-control-allow-origin"), "");
    }
    let response = send(&world, "GET /test/read/v1\nx-request-id: req_7").await;
    assert_eq!(response.headers()["x-request-id"], "req_7");
}

#[tokio::test]
async fn head_says_the_length_that_get_would_have() {
    let world = world();
    let got = text(send(&world, "GET /test/read/v1").await).await;
    let head = send(&world, "HEAD /test/read/v1").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["content-length"], got.len().to_string());
    assert_eq!(text(head).await, "");
}
