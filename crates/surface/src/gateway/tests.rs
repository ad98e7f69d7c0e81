use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::json;

use super::*;
use crate::testing::{CALLERS, World, operation};

/// Contracts of every sort that the door tells apart.
fn world() -> World {
    let contracts = vec![
        operation("query", "test.open", "1.0.0", "policy: { auth: anonymous, rateLimit: { perMinute: 60, burst: 2 } }"),
        operation("query", "test.read", "1.0.0", ""),
        operation("query", "test.read", "1.1.0", ""),
        operation("query", "test.read", "2.0.0-beta.1", ""),
        operation("query", "test.limited", "1.0.0", "policy: { auth: user, rateLimit: { perMinute: 6, burst: 2 } }"),
        operation("query", "test.panic", "1.0.0", ""),
        operation("query", "test.wrong", "1.0.0", ""),
        operation("query", "test.nobody", "1.0.0", ""),
        operation("command", "test.count", "1.0.0", ""),
        operation("command", "test.count", "1.1.0", ""),
        operation("command", "test.slow", "1.0.0", ""),
        operation("command", "test.fails", "1.0.0", "errors: [run-not-found]"),
        operation("command", "test.secret", "1.0.0", "policy: { auth: admin, classes: { said: secret } }"),
        operation(
            "command",
            "test.identity",
            "1.0.0",
            "input: { type: object, properties: { tenantId: { type: string }, actorId: { type: string } } }",
        ),
        operation(
            "command",
            "test.silent",
            "1.0.0",
            "binding: { kind: http, url: 'https://example.com/', timeout: 1ms }",
        ),
        operation(
            "command",
            "test.service",
            "1.0.0",
            "binding: { kind: http, url: 'https://example.com/', timeout: 5s }\n\
             errors:\n  - { code: sold-out, status: 409, when: Nothing is left., remedy: Come back tomorrow. }",
        ),
    ];
    World::new(contracts, |_| handlers())
}

fn handlers() -> Handlers {
    let count = Arc::new(AtomicU64::new(0));
    let says = |text: String| std::future::ready(Ok::<_, Refusal>(json!({ "said": text })));
    let counted = move |_: Context, _: Value| says(format!("call {}", count.fetch_add(1, Ordering::SeqCst) + 1));
    let version = |context: Context, _: Value| {
        std::future::ready(Ok::<_, Refusal>(json!({ "said": context.operation.reference().to_string() })))
    };
    Handlers::new()
        .on("test.open", "*", version)
        .on("test.read", ">=1.0.0-alpha", version)
        .on("test.read", "=2.0.0-beta.1", version)
        .on("test.limited", "*", version)
        .on("test.panic", "*", |_, _: Value| -> std::future::Ready<Result<Value, Refusal>> { panic!("hunter2") })
        .on("test.wrong", "*", |_, _: Value| std::future::ready(Ok(json!({ "unknown": true }))))
        .on("test.count", "*", counted)
        .on("test.slow", "*", async |_, _: Value| {
            SLOW_BEGUN.add_permits(1);
            SLOW.acquire().await.unwrap().forget();
            Ok(json!({}))
        })
        .on("test.fails", "*", |_, _: Value| std::future::ready(Err::<Value, _>(Refusal::plain("run-not-found"))))
        .on("test.secret", "*", |_, _: Value| std::future::ready(Ok(json!({ "said": "shown once" }))))
        .on("test.identity", "*", |_, _: Value| std::future::ready(Ok(json!({}))))
}

/// How many calls of `test.slow` have begun, and how many may end.
static SLOW_BEGUN: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
static SLOW: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);

fn call(world: &World, caller: &str, key: &str, input: Value) -> Call {
    let call = Call::new(key, affiant_contract::Pick::Major(1), input, SurfaceName::Rest);
    Call { credential: world.credential(caller), ..call }
}

async fn says(world: &World, caller: &str, key: &str, input: Value) -> String {
    told(&world.gateway.call(call(world, caller, key, input)).await)
}

fn told(reply: &Reply) -> String {
    match &reply.outcome {
        Ok(done) => String::from_utf8_lossy(&done.body).into_owned(),
        Err(problem) => format!("{} {}: {}", problem.status(), problem.code(), problem.detail()),
    }
}

#[tokio::test]
async fn every_caller_meets_the_auth_level_of_the_contract() {
    let world = world();
    let mut lines = Vec::new();
    for caller in ["no key"].iter().chain(CALLERS) {
        for key in ["test.open", "test.read", "test.secret"] {
            lines.push(format!("{caller}, {key}: {}", says(&world, caller, key, json!({})).await));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    no key, test.open: {"said":"test.open@1.0.0"}
    no key, test.read: 401 unauthenticated: The call carries no credential.
    no key, test.secret: 401 unauthenticated: The call carries no credential.
    revoked, test.open: 401 unauthenticated: The key was revoked.
    revoked, test.read: 401 unauthenticated: The key was revoked.
    revoked, test.secret: 401 unauthenticated: The key was revoked.
    expired, test.open: 401 unauthenticated: The key has expired.
    expired, test.read: 401 unauthenticated: The key has expired.
    expired, test.secret: 401 unauthenticated: The key has expired.
    user, test.open: {"said":"test.open@1.0.0"}
    user, test.read: {"said":"test.read@1.1.0"}
    user, test.secret: 403 forbidden: test.secret@1.0.0 needs the role `admin`.
    admin, test.open: {"said":"test.open@1.0.0"}
    admin, test.read: {"said":"test.read@1.1.0"}
    admin, test.secret: {"said":"shown once"}
    other tenant, test.open: {"said":"test.open@1.0.0"}
    other tenant, test.read: {"said":"test.read@1.1.0"}
    other tenant, test.secret: {"said":"shown once"}
    "#);
}

#[tokio::test]
async fn a_version_is_found_exactly_or_as_the_newest_that_matches() {
    let world = world();
    let mut lines = Vec::new();
    for version in ["1.0.0", "v1", "v1.0", "v1.1", "v2", "2.0.0-beta.1", "3.0.0"] {
        let pick = version.parse().unwrap();
        let call =
            Call { credential: world.credential("user"), ..Call::new("test.read", pick, json!({}), SurfaceName::Cli) };
        let reply = world.gateway.call(call).await;
        lines.push(format!("{version}: {} {:?}", told(&reply), reply.version));
    }
    lines.push(says(&world, "user", "test.unknown\n", json!({})).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    1.0.0: {"said":"test.read@1.0.0"} Some("1.0.0")
    v1: {"said":"test.read@1.1.0"} Some("1.1.0")
    v1.0: {"said":"test.read@1.0.0"} Some("1.0.0")
    v1.1: {"said":"test.read@1.1.0"} Some("1.1.0")
    v2: 404 operation-not-found: No version of `test.read` that was asked for is loaded here. None
    2.0.0-beta.1: {"said":"test.read@2.0.0-beta.1"} Some("2.0.0-beta.1")
    3.0.0: 404 operation-not-found: No version of `test.read` that was asked for is loaded here. None
    404 operation-not-found: No version of `test.unknown\n` that was asked for is loaded here.
    "#);
}

#[tokio::test]
async fn identity_comes_from_the_credential_and_never_from_the_body() {
    let world = world();
    let mut lines = Vec::new();
    for input in [
        json!({ "tenantId": "t_a", "actorId": "u_user" }),
        json!({ "tenantId": "t_b" }),
        json!({ "actorId": "u_admin" }),
        json!({ "actorId": 1 }),
        json!({ "approverId": "somebody" }),
        json!({ "requestedBy": "u_user" }),
    ] {
        lines.push(format!("{input}: {}", says(&world, "user", "test.identity", input.clone()).await));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"tenantId":"t_a","actorId":"u_user"}: {}
    {"tenantId":"t_b"}: 403 identity-mismatch: `tenantId` names somebody other than the credential does. Leave it out, or send `t_a`.
    {"actorId":"u_admin"}: 403 identity-mismatch: `actorId` names somebody other than the credential does. Leave it out, or send `u_user`.
    {"actorId":1}: 422 input-invalid: `actorId` must be a string.
    {"approverId":"somebody"}: 403 identity-mismatch: `approverId` names somebody other than the credential does. Leave it out, or send `u_user`.
    {"requestedBy":"u_user"}: {}
    "#);
}

#[tokio::test]
async fn whoever_asks_too_often_waits_and_nobody_else_does() {
    let world = world();
    for caller in ["user", "admin"] {
        assert!(says(&world, caller, "test.limited", json!({})).await.contains("test.limited"));
    }
    says(&world, "user", "test.limited", json!({})).await;
    let refused = world.gateway.call(call(&world, "user", "test.limited", json!({}))).await.outcome.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after()), ("rate-limited", Some(10)));
    world.clock.advance(Duration::from_secs(10));
    assert!(says(&world, "user", "test.limited", json!({})).await.contains("test.limited"));
}

#[tokio::test]
async fn callers_without_a_credential_are_limited_by_their_address() {
    let world = world();
    let from = |peer: &str| Call { peer: Some(peer.into()), ..call(&world, "no key", "test.open", json!({})) };
    for _ in 0..2 {
        assert!(world.gateway.call(from("10.0.0.1")).await.outcome.is_ok());
    }
    assert!(world.gateway.call(from("10.0.0.1")).await.outcome.is_err());
    assert!(world.gateway.call(from("10.0.0.2")).await.outcome.is_ok());
}

#[tokio::test]
async fn a_mistake_in_a_handler_is_an_internal_error_without_its_message() {
    let world = world();
    for key in ["test.panic", "test.wrong"] {
        let problem = world.gateway.call(call(&world, "user", key, json!({}))).await.outcome.unwrap_err();
        assert_eq!(problem.code(), "internal");
        assert!(!String::from_utf8(problem.to_json()).unwrap().contains("hunter2"));
    }
    assert_eq!(
        says(&world, "user", "test.nobody", json!({})).await,
        "501 not-bound: Nothing carries test.nobody@1.0.0 out here yet."
    );
}

async fn keyed(world: &World, caller: &str, operation: &str, key: &str, input: Value) -> Reply {
    let call = Call { idempotency_key: Some(key.into()), ..call(world, caller, operation, input) };
    world.gateway.call(call).await
}

#[tokio::test]
async fn a_repeated_command_gets_the_first_reply() {
    let world = world();
    let mut lines = Vec::new();
    for (caller, operation, key, input) in [
        ("user", "test.count", "k1", json!({ "said": "x" })),
        ("user", "test.count", "k1", json!({ "said": "x" })),
        ("user", "test.count", "k1", json!({ "said": "y" })),
        ("user", "test.count", "k2", json!({ "said": "y" })),
        ("admin", "test.count", "k1", json!({ "said": "y" })),
        ("other tenant", "test.count", "k1", json!({ "said": "y" })),
        ("user", "test.count", "", json!({})),
        ("user", "test.fails", "k1", json!({})),
        ("user", "test.fails", "k1", json!({ "said": "corrected" })),
        ("admin", "test.secret", "k1", json!({})),
        ("admin", "test.secret", "k1", json!({})),
        ("user", "test.read", "k1", json!({})),
        ("user", "test.service", "k1", json!({})),
        ("user", "test.service", "k1", json!({})),
    ] {
        let reply = keyed(&world, caller, operation, key, input.clone()).await;
        let again = reply.outcome.as_ref().is_ok_and(|done| done.again);
        let mark = if again { " (again)" } else { "" };
        lines.push(format!("{caller} {operation} {key} {input}: {}{mark}", told(&reply)));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    user test.count k1 {"said":"x"}: {"said":"call 1"}
    user test.count k1 {"said":"x"}: {"said":"call 1"} (again)
    user test.count k1 {"said":"y"}: 409 idempotency-conflict: The key was used before for this operation, with another input.
    user test.count k2 {"said":"y"}: {"said":"call 2"}
    admin test.count k1 {"said":"y"}: {"said":"call 3"}
    other tenant test.count k1 {"said":"y"}: {"said":"call 4"}
    user test.count  {}: 422 input-invalid: `Idempotency-Key` must be one to 255 printable ASCII characters without spaces.
    user test.fails k1 {}: 404 run-not-found: The tenant of the credential has no run with this id.
    user test.fails k1 {"said":"corrected"}: 404 run-not-found: The tenant of the credential has no run with this id.
    admin test.secret k1 {}: {"said":"shown once"}
    admin test.secret k1 {}: {} (again)
    user test.read k1 {}: {"said":"test.read@1.1.0"}
    user test.service k1 {}: {"said":"key k1"}
    user test.service k1 {}: {"said":"key k1"} (again)
    "#);
}

#[tokio::test]
async fn a_command_goes_on_when_its_caller_goes_away() {
    let world = world();
    let call = Call { idempotency_key: Some("k1".into()), ..call(&world, "user", "test.slow", json!({})) };
    let mut first = Box::pin(world.gateway.call(call.clone()));
    while SLOW_BEGUN.available_permits() == 0 {
        assert!(futures::poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    drop(first);
    SLOW.add_permits(1);
    let reply = loop {
        let reply = world.gateway.call(call.clone()).await;
        match &reply.outcome {
            Err(problem) if problem.code() == "idempotency-in-flight" => tokio::task::yield_now().await,
            _ => break reply,
        }
    };
    assert!(reply.outcome.unwrap().again);
}

#[tokio::test]
async fn a_service_that_fails_is_told_from_one_that_refuses() {
    let world = world();
    let mut lines = Vec::new();
    for answer in ["sold-out", "connection-refused", "timeout", "wrong"] {
        lines.push(says(&world, "user", "test.service", json!({ "answer": answer })).await);
    }
    lines.push(says(&world, "user", "test.silent", json!({ "answer": "never" })).await);
    insta::assert_snapshot!(lines.join("\n"), @r"
    409 sold-out: It said no.
    502 binding-failed: It said no.
    504 binding-timeout: It said no.
    502 binding-failed: It answered what its contract does not allow: `/said` must be a string.
    504 binding-timeout: It had not answered after 0.001 seconds; it may have been done all the same.
    ");
}

#[tokio::test]
async fn refusals_are_events_and_many_are_one_event_a_minute() {
    let world = world();
    for _ in 0..5 {
        says(&world, "user", "test.secret", json!({})).await;
        says(&world, "no key", "test.read", json!({})).await;
        says(&world, "no key", "test.count", json!({})).await;
    }
    says(&world, "user", "test.read", json!({ "unknown": 1 })).await;
    world.gateway.flush_refusals(false).await;
    let mut first = world.admin_events("t_a", 0).await;
    first.sort();
    insta::assert_snapshot!(first.join("\n"), @r#"
    anonymous call.refused {"code":"unauthenticated","count":10,"surface":"rest"}
    u_user call.refused {"code":"forbidden","count":5,"operation":"test.secret@1.0.0","surface":"rest"}
    "#);
    for _ in 0..3 {
        says(&world, "user", "test.secret", json!({})).await;
        world.gateway.flush_refusals(false).await;
        assert_eq!(world.admin_events("t_a", 2).await, Vec::<String>::new());
    }
    world.clock.advance(Duration::from_secs(60));
    world.gateway.flush_refusals(false).await;
    insta::assert_snapshot!(world.admin_events("t_a", 2).await.join("\n"), @r#"u_user call.refused {"code":"forbidden","count":3,"operation":"test.secret@1.0.0","surface":"rest"}"#);
}

#[test]
fn a_handler_without_a_contract_is_noticed_at_the_start() {
    let registry = Registry::new(vec![operation("query", "test.read", "1.0.0", "")]).unwrap();
    let handlers = Handlers::new().on("test.read", "^2", |_, _: Value| std::future::ready(Ok(json!({})))).on(
        "test.gone",
        "^1",
        |_, _: Value| std::future::ready(Ok(json!({}))),
    );
    let missing = Routes::new(&registry, handlers, &crate::testing::FakeTools).err().unwrap();
    assert_eq!(missing.to_string(), "no contract is loaded for the handlers of test.read ^2, test.gone ^1");
}
