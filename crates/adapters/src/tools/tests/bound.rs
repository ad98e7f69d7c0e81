//! Bindings `http` and `command`.

use std::{fs, sync::Arc, time::Duration};

use affiant_contract::{Binding, Body, CommandBinding, Contract, ErrorSpec, HttpBinding, OwnError};
use affiant_engine::ports::{ToolCall, ToolFailure, Tools as _};
use serde_json::{Value, json};

use super::{World, contract};
use crate::http::server::{Say, Server, answer};

/// An operation that takes anything and is carried out by this binding.
fn bound(binding: Binding) -> Arc<Contract> {
    let mut made = Contract::clone(&contract("tool.echo"));
    if let Body::Operation(operation) = &mut made.body {
        operation.input = json!({ "type": "object" });
        operation.output = json!({ "type": "object" });
        operation.errors = vec![ErrorSpec::Known("run-ended".into()), ErrorSpec::Own(sold_out())];
        operation.binding = binding;
    }
    Arc::new(made)
}

fn sold_out() -> OwnError {
    let [when, remedy] = ["Nothing is left.", "Come back tomorrow."].map(str::to_owned);
    OwnError { code: "sold-out".into(), status: 409, when, remedy, retryable: true }
}

fn http(url: String) -> HttpBinding {
    let headers = [("Authorization".into(), "env:TOKEN".into())].into();
    HttpBinding { url, method: None, headers, allow_private: true, timeout: None }
}

fn request(world: &World, binding: Binding, arguments: Value) -> ToolCall {
    let mut call = world.request("tool.echo", json!({}));
    call.operation = bound(binding);
    call.arguments = arguments.to_string().into_bytes().into();
    call
}

fn told(result: Result<Value, ToolFailure>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(e) => format!("{}: {} (again: {}, uncertain: {})", e.code, e.message, e.retryable, e.uncertain),
    }
}

#[tokio::test]
async fn a_service_gets_the_exact_arguments_and_the_key_and_its_answer_is_the_output() {
    let server = Server::start(|_| answer(200, "", r#"{"refundId": "r1"}"#)).await;
    let world = World::new();
    let binding = Binding::Http(http(server.url("/refunds/{order}?tenant={n}")));
    let arguments = json!({ "order": "a/../b?x=1#y é", "n": 12, "note": "hi" });
    let call = request(&world, binding, arguments.clone());
    let preview = world.toolbox.preview(&call).await.unwrap();
    let told = told(world.send(call).await);
    assert_eq!(told, r#"{"refundId":"r1"}"#);
    let heard = server.heard().remove(0);
    let (head, body) = heard.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /refunds/a%2F..%2Fb%3Fx%3D1%23y%20%C3%A9?tenant=12 HTTP/1.1"), "{head}");
    assert!(head.contains("idempotency-key: run_1:1") && head.contains("authorization: Bearer secret"), "{head}");
    assert_eq!(body, arguments.to_string());
    assert!(!format!("{preview:?}").contains("Bearer secret"), "{preview:?}");
    assert_eq!(preview.effect, format!("network: 127.0.0.1  {} bytes sent", body.len()));
}

#[tokio::test]
async fn a_get_takes_its_input_as_a_query() {
    let server = Server::start(|_| answer(200, "", "{}")).await;
    let world = World::new();
    let binding = HttpBinding { method: Some("get".into()), ..http(server.url("/find/{kind}")) };
    let arguments = json!({ "kind": "x", "q": "a b&c", "tag": ["u", "v"], "deep": { "y": 1 }, "none": null });
    assert_eq!(told(world.send(request(&world, Binding::Http(binding), arguments)).await), "{}");
    let heard = server.heard().remove(0);
    let line = heard.lines().next().unwrap();
    assert_eq!(line, "GET /find/x?q=a+b%26c&tag=u&tag=v&deep=%7B%22y%22%3A1%7D HTTP/1.1");
    assert!(!heard.contains("idempotency-key"));
}

#[tokio::test]
async fn what_a_service_answers_decides_what_is_known_about_the_effect() {
    let server = Server::start(|line| match line.split(' ').nth(1) {
        Some("/400") => answer(400, "", r#"{"detail": "no such\norder"}"#),
        Some("/429") => answer(429, "", ""),
        Some("/500") => answer(500, "", "oops"),
        Some("/503") => answer(503, "", ""),
        Some("/array") => answer(200, "", "[1]"),
        Some("/html") => answer(200, "", "<html>"),
        Some("/empty") => answer(204, "", ""),
        _ => Say::Nothing,
    })
    .await;
    let world = World::new();
    let mut all = Vec::new();
    for path in ["/400", "/429", "/500", "/503", "/array", "/html", "/empty", "/silent"] {
        let binding = HttpBinding { timeout: Some(Duration::from_secs(2)), ..http(server.url(path)) };
        let told = told(world.send(request(&world, Binding::Http(binding), json!({}))).await);
        all.push(format!("{path} {told}"));
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    /400 binding-failed: the service answered 400: no such\norder (again: false, uncertain: false)
    /429 binding-failed: the service answered 429 (again: true, uncertain: false)
    /500 binding-failed: the service answered 500 (again: true, uncertain: true)
    /503 binding-failed: the service answered 503 (again: true, uncertain: false)
    /array binding-failed: the service answered 200 with something that is no JSON object (again: false, uncertain: true)
    /html binding-failed: the service answered 200 with something that is no JSON object (again: false, uncertain: true)
    /empty {}
    /silent binding-timeout: no complete answer within 2 s (again: true, uncertain: true)
    ");
}

#[tokio::test]
async fn whoever_is_bound_refuses_with_the_codes_that_the_contract_declares() {
    let server = Server::start(|line| match line.split(' ').nth(1) {
        Some("/own") => answer(500, "", r#"{"code": "sold-out", "detail": "none\nleft"}"#),
        Some("/known") => answer(409, "", r#"{"code": "run-ended"}"#),
        _ => answer(409, "", r#"{"code": "made-up", "detail": "whatever"}"#),
    })
    .await;
    let world = World::new();
    let mut all = Vec::new();
    for path in ["/own", "/known", "/other"] {
        let call = request(&world, Binding::Http(http(server.url(path))), json!({}));
        all.push(told(world.send(call).await));
    }
    for script in [r#"echo '{"code": "sold-out"}'; exit 3"#, "echo no; exit 3"] {
        let argv = ["sh", "-c", script].map(str::to_owned).into();
        let call = request(&world, Binding::Command(CommandBinding { argv, env: vec![], timeout: None }), json!({}));
        all.push(told(world.send(call).await));
    }
    insta::assert_snapshot!(all.join("\n"), @r"
    sold-out: none\nleft (again: true, uncertain: false)
    run-ended: The run is completed, failed or cancelled, and the request needs one that is not. (again: false, uncertain: false)
    binding-failed: the service answered 409: whatever (again: false, uncertain: false)
    sold-out: Nothing is left. (again: true, uncertain: false)
    binding-failed: the program ended with status 3 (again: false, uncertain: false)
    ");
}

#[tokio::test]
async fn an_address_is_the_contracts_and_not_the_inputs() {
    let world = World::new();
    let mut all = Vec::new();
    for (url, arguments) in [
        ("http://{host}/x", json!({ "host": "evil" })),
        ("http://127.0.0.1{port}/x", json!({ "port": ":1" })),
        ("http://127.0.0.1:9/{id}", json!({ "id": ".." })),
        ("http://127.0.0.1:9/{id}", json!({ "id": "" })),
        ("http://127.0.0.1:9/{id}", json!({})),
        ("http://127.0.0.1:9/{id}", json!({ "id": {} })),
        ("http://127.0.0.1:9/{id", json!({ "id": "x" })),
        ("not an address", json!({})),
    ] {
        all.push(told(world.send(request(&world, Binding::Http(http(url.into())), arguments)).await));
    }
    let private = HttpBinding { allow_private: false, ..http("http://127.0.0.1:9/".into()) };
    all.push(told(world.send(request(&world, Binding::Http(private), json!({}))).await));
    let mut unset = http("http://127.0.0.1:9/".into());
    unset.headers.insert("x".into(), "env:NOT_SET".into());
    all.push(told(world.send(request(&world, Binding::Http(unset), json!({}))).await));
    insta::assert_snapshot!(all.join("\n"), @"
    binding-failed: the binding cannot be used: a field cannot stand in the name of the server (again: false, uncertain: false)
    binding-failed: the binding cannot be used: a field cannot stand in the name of the server (again: false, uncertain: false)
    input-invalid: `id` is part of the address and cannot be empty, `.` or `..` (again: false, uncertain: false)
    input-invalid: `id` is part of the address and cannot be empty, `.` or `..` (again: false, uncertain: false)
    input-invalid: `id` is part of the address and must be a text, a number or a truth value (again: false, uncertain: false)
    input-invalid: `id` is part of the address and must be a text, a number or a truth value (again: false, uncertain: false)
    binding-failed: the binding cannot be used: its address holds a brace that belongs to no field (again: false, uncertain: false)
    binding-failed: the binding cannot be used: its address is not absolute (again: false, uncertain: false)
    address-not-allowed: 127.0.0.1: this is not an address of the public internet. If the service is meant to be there, say `allowPrivate: true` in the contract's binding (again: false, uncertain: false)
    binding-failed: the binding cannot be used: header `x` is read from NOT_SET, which the server's environment does not have (again: false, uncertain: false)
    ");
}

#[tokio::test]
async fn a_request_of_an_agent_reaches_no_private_address() {
    let server = Server::start(|_| answer(200, "", "secret")).await;
    let world = World::new();
    let told = world.call("http.request", json!({ "url": server.url("/") })).await.unwrap_err();
    assert!(told.starts_with("address-not-allowed: 127.0.0.1"), "{told}");
    assert!(server.heard().is_empty());
    let preview = world.preview("http.request", json!({
        "url": "https://example.com/a\u{202e}b", "method": "POST", "headers": { "X-Team": "docs" }, "json": { "a": 1 }
    }))
    .await;
    insta::assert_snapshot!(format!("{}\n{}\n{}", preview.title, preview.effect, preview.body), @r#"
    POST https://example.com/a%E2%80%AEb
    network: example.com  7 bytes sent
    POST https://example.com/a%E2%80%AEb
    x-team: …
    content-type: …

    {"a":1}
    "#);
}

#[tokio::test]
async fn a_secret_in_the_arguments_of_a_request_is_refused_without_being_repeated_and_nothing_is_sent() {
    let world = World::new();
    let canary = "canary-5f1e";
    let header = |name: &str| json!({ "url": "https://example.com/", "headers": { name: canary } });
    let mut refused: Vec<_> = ["Authorization", "cookie", "X-Api-Key", "api-key", "X-Auth-Token", "x-secret"]
        .map(|name| (header(name), format!("header `{name}`")))
        .into();
    let url = |url: &str| json!({ "url": url.replace("SECRET", canary) });
    refused.push((url("https://ana:SECRET@example.com/"), "the part of `url` before `@`".into()));
    refused.push((url("https://example.com/?a=1&api_key=SECRET"), "`api_key` in `url`".into()));
    for (arguments, place) in refused {
        let told = world.call("http.request", arguments.clone()).await.unwrap_err();
        assert!(told.starts_with(&format!("input-invalid: {place} carries a secret")), "{told}");
        assert!(told.contains("env:NAME") && !told.contains(canary), "{told}");
        // Nobody is asked to approve what will be refused.
        let shown = world.toolbox.preview(&world.request("http.request", arguments)).await.unwrap_err();
        assert_eq!(&*shown.code, "input-invalid");
    }
}

#[tokio::test]
async fn fields_that_only_look_like_secrets_are_sent() {
    let world = World::new();
    for (name, url) in
        [("Idempotency-Key", "https://example.com/?pageToken=2"), ("Accept", "https://example.com/?key=a")]
    {
        world.preview("http.request", json!({ "url": url, "headers": { name: "anything" } })).await;
    }
}

/// A program, written as a script. The shell is the program here; it is not how programs are started.
fn script(text: &str) -> CommandBinding {
    let argv = ["sh", "-c", text, "script", "{arg}"].map(str::to_owned).to_vec();
    CommandBinding { argv, env: vec![], timeout: Some(Duration::from_secs(20)) }
}

async fn run(world: &World, binding: CommandBinding, arguments: Value) -> String {
    told(world.send(request(world, Binding::Command(binding), arguments)).await)
}

#[tokio::test]
async fn a_program_reads_json_and_writes_json() {
    let world = World::new();
    let text =
        r#"printf '{"in": %s, "arg": "%s", "key": "%s", "at": "%s"}' "$(cat)" "$1" "$AFFIANT_IDEMPOTENCY_KEY" "$PWD""#;
    let told = run(&world, script(text), json!({ "arg": "$(id) `id`", "n": 1 })).await;
    let root = world.root();
    let expected = json!({
        "in": { "arg": "$(id) `id`", "n": 1 }, "arg": "$(id) `id`", "key": "run_1:1", "at": root.to_str().unwrap()
    });
    assert_eq!(told, expected.to_string());
}

#[tokio::test]
async fn a_program_sees_no_variable_but_those_it_was_given() {
    let world = World::new();
    let text =
        r#"printf '{"names": "%s"}' "$(env | cut -d= -f1 | grep -v -e '^_$' -e PWD -e SHLVL | sort | tr '\n' ' ')""#;
    let given = CommandBinding { env: vec!["TOKEN".into(), "NOT_SET".into()], ..script(text) };
    assert_eq!(run(&world, given, json!({})).await, r#"{"names":"AFFIANT_IDEMPOTENCY_KEY PATH TOKEN "}"#);
}

#[tokio::test]
async fn how_a_program_ends_decides_what_is_known_about_the_effect() {
    let world = World::new();
    let mut all = Vec::new();
    for text in [
        "echo one >&2; printf '\\033[31mtwo\\n' >&2; exit 3",
        "exit 75",
        "kill -9 $$",
        "echo 'not json'",
        "echo '[1]'",
        "exec head -c 20000000 /dev/zero",
        "exec <&-; sleep 0; echo '{}'",
    ] {
        all.push(run(&world, script(text), json!({ "pad": "x".repeat(200_000) })).await);
    }
    let missing = CommandBinding { argv: vec!["./no-such-program".into()], ..script("") };
    all.push(run(&world, missing, json!({})).await);
    let late = CommandBinding { timeout: Some(Duration::from_millis(200)), ..script("sleep 60") };
    all.push(run(&world, late, json!({})).await);
    insta::assert_snapshot!(all.join("\n"), @r"
    binding-failed: the program ended with status 3: one | \x1b[31mtwo (again: false, uncertain: false)
    binding-failed: the program ended with status 75 (again: true, uncertain: false)
    binding-failed: the program was killed by a signal (again: false, uncertain: true)
    binding-failed: the program wrote something that is no JSON object (again: false, uncertain: true)
    binding-failed: the program wrote something that is no JSON object (again: false, uncertain: true)
    binding-failed: the program wrote more than 10485760 bytes (again: false, uncertain: true)
    {}
    binding-failed: the program ./no-such-program could not be started: No such file or directory (os error 2) (again: false, uncertain: false)
    binding-timeout: the program had not ended after 0.2 s (again: true, uncertain: true)
    ");
}

/// Whether a process with this number lives.
#[cfg(target_os = "linux")]
fn lives(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !status.is_empty() && !status.contains(") Z ")
}

#[cfg(target_os = "linux")]
async fn until_gone(pid: &str) {
    while lives(pid) {
        tokio::task::yield_now().await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_that_a_program_started_outlives_the_call() {
    let world = World::new();
    let told = run(&world, script("sleep 600 & echo $! > pid; echo '{}'"), json!({})).await;
    assert_eq!(told, "{}");
    until_gone(&world.text("pid")).await;

    let call = request(&world, Binding::Command(script("sleep 600 & echo $! > pid2; wait")), json!({}));
    let cancel = call.cancel.clone();
    let (stopped, ()) = tokio::join!(world.send(call), async {
        while fs::read_to_string(world.root().join("pid2")).unwrap_or_default().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert_eq!(
        self::told(stopped),
        "cancelled: the call was stopped before it had ended (again: false, uncertain: true)"
    );
    until_gone(&world.text("pid2")).await;
}

#[tokio::test]
async fn a_tool_of_an_mcp_server_that_nobody_configured_is_not_bound() {
    let world = World::new();
    let schema = format!("sha256:{}", "0".repeat(64));
    let (server, tool) = ("s".into(), "t".into());
    let binding = affiant_contract::McpBinding { server, tool, schema, parts: Default::default(), timeout: None };
    let call = request(&world, Binding::Mcp(binding), json!({}));
    assert_eq!(&*world.send(call).await.unwrap_err().code, "not-bound");
}

#[tokio::test]
async fn what_a_service_or_program_was_given_as_a_secret_does_not_come_back_from_it() {
    let server = Server::start(|line| match line.split(' ').nth(1) {
        Some("/told") => answer(200, "", r#"{"you": "sent Bearer secret", "secret": 1}"#),
        _ => answer(403, "", r#"{"detail": "`secret` is not accepted"}"#),
    })
    .await;
    let world = World::new();
    let mut all = Vec::new();
    for path in ["/told", "/refused"] {
        all.push(told(world.send(request(&world, Binding::Http(http(server.url(path))), json!({}))).await));
    }
    for script in [r#"echo "{\"token\": \"$TOKEN\"}""#, r#"echo "$TOKEN is wrong" >&2; exit 3"#] {
        let argv = ["sh", "-c", script].map(str::to_owned).into();
        let binding = CommandBinding { argv, env: vec!["TOKEN".into()], timeout: None };
        all.push(told(world.send(request(&world, Binding::Command(binding), json!({}))).await));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    {"you":"sent [secret]","[secret]":1}
    binding-failed: the service answered 403: `[secret]` is not accepted (again: false, uncertain: false)
    {"token":"[secret]"}
    binding-failed: the program ended with status 3: [secret] is wrong (again: false, uncertain: false)
    "#);
}
