//! Streams of events, and the bytes of artifacts, as they come over HTTP.

use affiant_contract::Pick;
use affiant_engine::ports::{Append, ArtifactRow};
use affiant_journal::{BlobRef, RunId, StreamId};
use axum::{
    body::Body,
    http::{Request, Response, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    auth::Credential,
    gateway::{Call, SurfaceName},
    rest::{Settings, router},
    testing::World,
};

async fn get(world: &World, caller: &str, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = Request::builder().uri(path).header("host", "localhost");
    if let Credential::Key(key) = world.credential(caller) {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let router = router(world.gateway.clone(), world.services.clone(), Settings::default(), axum::Router::new());
    router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

/// Starts an echo run of this many steps.
async fn start(world: &World, steps: u64) -> RunId {
    let input = json!({ "agentKey": "echo", "input": { "steps": steps }, "prompt": "Ana asks" });
    let call = Call::new("agent.run", Pick::Major(1), input, SurfaceName::Rest);
    let call = Call { credential: world.credential("user"), ..call };
    let done = world.gateway.call(call).await.outcome.unwrap();
    RunId::from(done.value()["runId"].as_str().unwrap())
}

const STREAM: (&str, &str) = ("accept", "text/event-stream");

#[tokio::test]
async fn a_stream_gives_the_stored_bytes_live_and_again_from_any_place() {
    let world = World::shipped();
    let run = start(&world, 5).await;
    let path = format!("/agent/events/v1?runId={run}");
    let response = get(&world, "user", &path, &[STREAM]).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    world.work();
    let live = text(response).await;
    let entries = world.services.store.load(&"t_a".into(), &run.stream(), 0, 1000).await.unwrap();
    let frame = |(seq, entry): (usize, &affiant_journal::Entry)| {
        let event = affiant_journal::Event::from_bytes(&entry.bytes).unwrap();
        let bytes = std::str::from_utf8(&entry.bytes).unwrap();
        format!("id: {seq}\nevent: {}\ndata: {bytes}\n\n", event.body.name())
    };
    let frames: Vec<String> = entries.iter().enumerate().map(frame).collect();
    assert_eq!(live, frames.concat());
    assert!(live.contains("event: run.completed"), "{live}");
    for seen in 0..frames.len() - 1 {
        let again = get(&world, "user", &format!("{path}&after={seen}"), &[STREAM]).await;
        assert_eq!(text(again).await, frames[seen + 1..].concat());
        let resumed = get(&world, "user", &path, &[STREAM, ("last-event-id", &seen.to_string())]).await;
        assert_eq!(text(resumed).await, frames[seen + 1..].concat());
    }
    let last = (frames.len() - 1).to_string();
    let over = get(&world, "user", &path, &[STREAM, ("last-event-id", &last)]).await;
    assert_eq!(over.status(), StatusCode::NO_CONTENT);
    let listed: Value = serde_json::from_str(&text(get(&world, "user", &path, &[]).await).await).unwrap();
    assert_eq!((&listed["lastSeq"], &listed["ended"]), (&json!(frames.len() - 1), &json!(true)));
    let stored: Vec<Value> = entries.iter().map(|entry| serde_json::from_slice(&entry.bytes).unwrap()).collect();
    assert_eq!(listed["events"], json!(stored));
}

#[tokio::test]
async fn a_thousand_followers_see_the_same_run() {
    let world = World::shipped();
    let run = start(&world, 20).await;
    let path = format!("/agent/events/v1?runId={run}");
    let mut streams = Vec::new();
    for _ in 0..1000 {
        streams.push(get(&world, "user", &path, &[STREAM]).await);
    }
    world.work();
    let texts = futures::future::join_all(streams.into_iter().map(text)).await;
    assert!(texts.iter().all(|text| *text == texts[0] && text.contains("event: run.completed")));
}

#[tokio::test]
async fn a_stream_ends_when_the_server_stops() {
    let world = World::shipped();
    let run = start(&world, 1).await;
    let response = get(&world, "user", &format!("/agent/events/v1?runId={run}"), &[STREAM]).await;
    world.services.stop.cancel();
    assert!(text(response).await.contains("event: run.submitted"));
}

#[tokio::test]
async fn a_stream_is_behind_the_same_door() {
    let world = World::shipped();
    let run = start(&world, 1).await;
    let path = format!("/agent/events/v1?runId={run}");
    let mut lines = Vec::new();
    for (caller, path, headers) in [
        ("no key", path.as_str(), &[STREAM][..]),
        ("revoked", &path, &[STREAM]),
        ("other tenant", &path, &[STREAM]),
        ("user", "/agent/events/v1?runId=run_unknown", &[STREAM]),
        ("user", "/agent/events/v1", &[STREAM]),
        ("user", &path, &[STREAM, ("last-event-id", "-1")]),
        ("user", &path, &[STREAM, ("origin", "http://evil.example")]),
    ] {
        let problem: Value = serde_json::from_str(&text(get(&world, caller, path, headers).await).await).unwrap();
        lines.push(format!("{caller} {} {}", problem["status"], problem["code"]));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    no key 401 "unauthenticated"
    revoked 401 "unauthenticated"
    other tenant 404 "run-not-found"
    user 404 "run-not-found"
    user 422 "input-invalid"
    user 422 "input-invalid"
    user 403 "origin-refused"
    "#);
}

/// Puts an artifact into the store as the engine would.
async fn artifact(world: &World, content: &[u8]) -> ArtifactRow {
    let run = start(world, 1).await;
    let digest = world.services.blobs.put(&"t_a".into(), content).await.unwrap();
    let row = ArtifactRow {
        artifact: "art_1".into(),
        run: run.clone(),
        seq: 0,
        kind: "file".into(),
        name: "NOTES ü.md".into(),
        content: BlobRef { digest, media: "text/markdown".into(), size: content.len() as u64 },
        summary: None,
        step: None,
        cites: vec!["a91f3c2".into()],
        created_at: world.services.clock.now(),
    };
    let stream: StreamId = run.stream();
    let expected = world.services.store.load(&"t_a".into(), &stream, 0, 100).await.unwrap().len() as u64;
    let append = Append { artifacts: vec![row.clone()], ..Append::new("t_a".into(), stream, expected, Vec::new()) };
    world.services.store.append(append).await.unwrap();
    row
}

#[tokio::test]
async fn the_bytes_of_an_artifact_come_whole_or_in_part_and_only_to_their_tenant() {
    let world = World::shipped();
    let row = artifact(&world, b"0123456789").await;
    let path = "/agent/artifacts/art_1/content";
    let mut lines = Vec::new();
    let etag = format!("\"{}\"", row.content.digest.hex());
    for (caller, path, headers) in [
        ("user", path, &[][..]),
        ("user", path, &[("range", "bytes=2-4")][..]),
        ("user", path, &[("range", "bytes=-2")]),
        ("user", path, &[("range", "bytes=10-")]),
        ("user", path, &[("range", "bytes=2-4"), ("if-range", "\"other\"")]),
        ("user", path, &[("if-none-match", &etag)]),
        ("other tenant", path, &[]),
        ("no key", path, &[]),
        ("user", "/agent/artifacts/art_2/content", &[]),
        ("user", "/agent/artifacts/a/b/content", &[]),
    ] {
        let response = get(&world, caller, path, headers).await;
        let mut line = format!("{caller} {path} {headers:?}: {}", response.status().as_u16()).replace(&etag, "ETAG");
        for name in ["content-range", "content-type"] {
            let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            line.push_str(&format!(" [{}]", value.unwrap_or_default()));
        }
        let body = text(response).await;
        let code =
            serde_json::from_str::<Value>(&body).ok().and_then(|problem| problem["code"].as_str().map(str::to_owned));
        lines.push(format!("{line} {}", code.unwrap_or(body)));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    user /agent/artifacts/art_1/content []: 200 [] [text/markdown] 0123456789
    user /agent/artifacts/art_1/content [("range", "bytes=2-4")]: 206 [bytes 2-4/10] [text/markdown] 234
    user /agent/artifacts/art_1/content [("range", "bytes=-2")]: 206 [bytes 8-9/10] [text/markdown] 89
    user /agent/artifacts/art_1/content [("range", "bytes=10-")]: 416 [bytes */10] [application/problem+json] range-not-satisfiable
    user /agent/artifacts/art_1/content [("range", "bytes=2-4"), ("if-range", "\"other\"")]: 200 [] [text/markdown] 0123456789
    user /agent/artifacts/art_1/content [("if-none-match", "\"84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882\"")]: 304 [] [] 
    other tenant /agent/artifacts/art_1/content []: 404 [] [application/problem+json] artifact-not-found
    no key /agent/artifacts/art_1/content []: 401 [] [application/problem+json] unauthenticated
    user /agent/artifacts/art_2/content []: 404 [] [application/problem+json] artifact-not-found
    user /agent/artifacts/a/b/content []: 404 [] [application/problem+json] not-found
    "#);
    let response = get(&world, "user", path, &[]).await;
    assert_eq!(
        response.headers()["content-disposition"].to_str().unwrap(),
        "attachment; filename=\"NOTES _.md\"; filename*=UTF-8''NOTES%20%C3%BC.md"
    );
    assert_eq!(response.headers()["content-security-policy"], "sandbox; default-src 'none'");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}
