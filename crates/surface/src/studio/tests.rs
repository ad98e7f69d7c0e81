//! Studio as a browser without scripts sees it: over HTTP, signed in and not.

use axum::{
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    auth::Credential,
    gateway::{Call, SurfaceName},
    rest::{self, Settings},
    testing::World,
};

/// A browser that keeps its cookie and follows no redirect by itself.
struct Browser<'a> {
    world: &'a World,
    cookie: Option<String>,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, cookie: None }
    }

    /// Signed in as this caller.
    async fn of(world: &'a World, caller: &str) -> Self {
        let mut browser = Self::new(world);
        let Credential::Key(key) = world.credential(caller) else { panic!("{caller} has no key") };
        let response = browser.post("/studio/sign-in", &[("key", &key)]).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        browser
    }

    async fn send(&mut self, mut request: Request<Body>) -> Response<Body> {
        let headers = request.headers_mut();
        headers.entry(header::HOST).or_insert("localhost:4780".parse().unwrap());
        if let Some(cookie) = &self.cookie {
            headers.insert(header::COOKIE, cookie.parse().unwrap());
        }
        let studio = super::router(self.world.gateway.clone(), self.world.services.clone());
        let (gateway, services) = (self.world.gateway.clone(), self.world.services.clone());
        let router = rest::router(gateway, services, Settings::default(), studio);
        let response = router.oneshot(request).await.unwrap();
        if let Some(set) = response.headers().get(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = Some(pair.to_owned()).filter(|pair| !pair.ends_with('='));
        }
        response
    }

    async fn get(&mut self, path: &str) -> Response<Body> {
        self.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
    }

    async fn page(&mut self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        text(response).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response<Body> {
        let form = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(form.body(Body::from(rest::query::encode(fields))).unwrap()).await
    }

    /// The token of the forms on a page.
    async fn token(&mut self) -> String {
        let page = self.page("/studio/approvals").await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

/// A world in which the agent that keeps what it is told can be run.
fn keeping() -> World {
    let mut contracts = affiant_contract::builtin();
    contracts.push(affiant_contract::load_file("keeper.yaml", KEEPER).unwrap());
    World::new(contracts, crate::handlers::all)
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn call(world: &World, key: &str, input: Value) -> Value {
    let call = Call::new(key, affiant_contract::Pick::Major(1), input, SurfaceName::Rest);
    let call = Call { credential: world.credential("admin"), ..call };
    world.gateway.call(call).await.outcome.unwrap().value()
}

/// Starts an echo run of this many steps and waits for its end.
async fn ran(world: &World, steps: u64, metadata: Value) -> String {
    let input = json!({ "agentKey": "echo", "input": { "steps": steps }, "mode": "wait", "metadata": metadata });
    call(world, "agent.run", input).await["runId"].as_str().unwrap().to_owned()
}

fn location(response: &Response<Body>) -> &str {
    response.headers()[header::LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn nobody_sees_a_page_before_they_are_signed_in_and_then_they_see_the_one_they_wanted() {
    let world = World::shipped();
    let mut browser = Browser::new(&world);
    let asked = browser.get("/studio/runs?q=status:failed").await;
    assert_eq!(location(&asked), "/studio/sign-in?next=%2Fstudio%2Fruns%3Fq%3Dstatus%3Afailed".replace(":f", "%3Af"));
    let page = location(&asked).to_owned();
    let refused = browser.post(&page, &[("key", "aff_nonsense")]).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let Credential::Key(key) = world.credential("user") else { panic!() };
    let entered = browser.post(&page, &[("key", &key)]).await;
    assert_eq!(location(&entered), "/studio/runs?q=status:failed");
    assert!(browser.page("/studio/runs?q=status:failed").await.contains("No runs match"));
}

#[tokio::test]
async fn a_code_signs_in_once_and_leaves_a_key_that_signing_out_revokes() {
    let world = World::shipped();
    let made = call(&world, "session.create", json!({ "next": "/studio/agents" })).await;
    let path = made["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:4780").unwrap().to_owned();
    let mut browser = Browser::new(&world);
    assert_eq!(location(&browser.get(&path).await), "/studio/agents");
    let again = Browser::new(&world).get(&path).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let copied = browser.cookie.clone();
    let token = browser.token().await;
    browser.post("/studio/sign-out", &[("csrf", &token)]).await;
    assert_eq!(browser.cookie, None);
    browser.cookie = copied;
    assert_eq!(browser.get("/studio/agents").await.status(), StatusCode::SEE_OTHER);
    let events = world.admin_events("t_a", 0).await;
    let named: Vec<&str> = events.iter().map(|event| event.split(' ').nth(1).unwrap()).collect();
    assert_eq!(named, ["key.created", "key.revoked"]);
}

#[tokio::test]
async fn no_form_is_taken_without_the_token_that_it_was_shown_with() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 1, json!({})).await;
    let mut browser = Browser::of(&world, "admin").await;
    for path in ["/studio/sign-out", &format!("/studio/runs/{run}/retry"), &format!("/studio/runs/{run}/cancel")] {
        for fields in [&[][..], &[("csrf", "")], &[("csrf", "00000000000000000000000000000000")]] {
            assert_eq!(browser.post(path, fields).await.status(), StatusCode::FORBIDDEN, "{path}");
        }
        let page = Request::post(path).header(header::ORIGIN, "http://evil.example").body(Body::empty()).unwrap();
        assert_eq!(browser.send(page).await.status(), StatusCode::FORBIDDEN, "{path}");
        let pointed = Request::post(path).header(header::HOST, "evil.example").body(Body::empty()).unwrap();
        assert_eq!(browser.send(pointed).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let runs = call(&world, "agent.status", json!({})).await;
    assert_eq!(runs["total"], 1);
}

#[tokio::test]
async fn a_run_is_shown_with_its_steps_and_one_of_them_in_detail() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 3, json!({ "label": "three" })).await;
    let mut browser = Browser::of(&world, "user").await;
    let list = browser.page("/studio/runs").await;
    assert!(list.contains(&run) && list.contains("Completed"));
    let page = browser.page(&format!("/studio/runs/{run}?step=1")).await;
    for said in ["rules, no model", "tool.echo@1.0.0", "Step 1", "again"] {
        assert!(page.contains(said), "{said}");
    }
    let data: Value = serde_json::from_str(&browser.page(&format!("/studio/runs/{run}.json?step=1")).await).unwrap();
    assert_eq!((&data["step"]["stepNumber"], &data["audit"]["totals"]["steps"]), (&json!(1), &json!(3)));
    let rows = browser.page("/studio/runs.csv").await;
    assert_eq!((rows.lines().count(), rows.contains(&run)), (2, true));
    let line: Value = serde_json::from_str(&browser.page("/studio/runs.jsonl").await).unwrap();
    assert_eq!(line["runId"], json!(run));
    let found = browser.get(&format!("/studio/go/{}", &run[run.len() - 6..])).await;
    assert_eq!(location(&found), format!("/studio/runs/{run}"));
}

#[tokio::test]
async fn what_somebody_else_wrote_is_text_on_every_page() {
    let world = World::shipped();
    world.work();
    let hostile = "<script>alert(1)</script>\u{202e}<img src=//evil.example>";
    let run = ran(&world, 1, json!({ "label": hostile })).await;
    let mut browser = Browser::of(&world, "user").await;
    for path in [
        "/studio/runs".to_owned(),
        format!("/studio/runs/{run}?step=0"),
        format!("/studio/runs?q={}", rest::query::escape(hostile)),
    ] {
        let response = browser.get(&path).await;
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        let page = text(response).await;
        assert!(!page.contains("<script>alert") && !page.contains("<img src=//"), "{path}");
    }
}

#[tokio::test]
async fn what_an_operation_refuses_is_a_page_that_says_why() {
    let world = World::shipped();
    let mut browser = Browser::of(&world, "user").await;
    let missing = browser.get("/studio/runs/run_01JDA5T2E8H1K4N7Q0S3V6X9ZC").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(text(missing).await.contains("run-not-found"));
    let nowhere = browser.get("/studio/nowhere.json").await;
    assert_eq!(nowhere.headers()[header::CONTENT_TYPE], "application/problem+json");
    let wrong = browser.page("/studio/runs?q=statsu:failed").await;
    assert!(wrong.contains("status") && wrong.contains("role=\"alert\""));
    let token = browser.token().await;
    let denied = browser.post("/studio/runs/run_1/cancel", &[("csrf", &token)]).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
}

/// An agent that keeps what it is told as artifacts, and asks a question where it is to.
const KEEPER: &str = r#"
kind: agent
key: keeper
version: 1.0.0
title: Keeper <b>
description: Keeps what it is told.
goal: Be watched.
context: In tests.
domain: agent
owners: [test]
tags: [test]
stability: experimental
feature: platform.agent
input:
  type: object
  additionalProperties: false
  required: [text]
  properties:
    text: { type: string, description: What is kept. }
    again: { type: string, description: What is kept beside it. }
    echo: { type: string, description: What is echoed. }
    ask: { type: boolean, default: false, description: Whether a person is asked. }
    places:
      type: array
      description: Where.
      items:
        type: object
        additionalProperties: false
        required: [town]
        properties:
          town: { type: string, minLength: 2, description: Its name. }
          size: { type: integer, description: How many live there. }
    target:
      description: What becomes of it.
      oneOf:
        - type: object
          additionalProperties: false
          required: [kind, address]
          properties: { kind: { const: mail }, address: { type: string, format: email } }
        - type: object
          additionalProperties: false
          required: [kind]
          properties: { kind: { const: nothing } }
    odd: { anyOf: [{ type: string }, { type: array }], description: A strange one. }
output: { type: object }
tools:
  - operation: tool.echo@1.0.0
    approval: required
planner:
  kind: rules
  rules:
    - id: keep
      when: '!("NOTES.md" in artifacts)'
      then: { artifact: { kind: file, name: NOTES.md, mediaType: text/markdown, content: '${input.text}', cites: [a1] } }
    - id: keep-more
      when: 'has(input.again) && !("more.txt" in artifacts)'
      then: { artifact: { kind: file, name: more.txt, mediaType: text/html, content: '${input.again}' } }
    - id: ask
      when: 'has(input.ask) && input.ask && !has(answers.name)'
      then: { ask: { as: name, question: 'Which <b>name</b>?', schema: { type: string, minLength: 2 } } }
    - id: echo
      when: 'has(input.echo) && !has(steps.echoed)'
      then: { call: { tool: tool.echo@1.0.0, as: echoed, with: { value: '${input.echo}' } } }
    - id: done
      then: { finish: {} }
"#;

/// Starts a run of the keeper and waits until it has ended.
async fn kept(world: &World, input: Value) -> String {
    let input = json!({ "agentKey": "keeper", "input": input, "mode": "wait" });
    call(world, "agent.run", input).await["runId"].as_str().unwrap().to_owned()
}

/// Returns when a run waits for a person.
async fn waits(world: &World, run: &str) {
    let mut follower = world.services.engine.follow(&"t_a".into(), &run.into());
    loop {
        let row = world.services.row(&"t_a".into(), run).await.unwrap();
        match &*row.status {
            "waiting" => return,
            "completed" | "failed" | "cancelled" => panic!("the run has ended: {row:?}"),
            _ => follower.grown(row.events).await,
        }
    }
}

const HOSTILE: &str = "# Notes\n\n<script>alert(1)</script> <img src=//evil.example>\n\n![a](https://evil.example/i.png) [b](javascript:alert(1)) [c](https://evil.example/x)\n\na\u{202e}b";

#[tokio::test]
async fn an_artifact_is_shown_as_text_and_saved_as_a_file() {
    let world = keeping();
    world.work();
    let run = kept(&world, json!({ "text": HOSTILE, "again": HOSTILE })).await;
    let mut browser = Browser::of(&world, "user").await;
    let base = format!("/studio/runs/{run}/artifacts");
    let facts: Value = serde_json::from_str(&browser.page(&format!("{base}.json")).await).unwrap();
    let [notes, more] = [0, 1].map(|at| facts["artifacts"][at]["artifactId"].as_str().unwrap().to_owned());
    for path in [
        base.clone(),
        format!("{base}/{notes}?as=text"),
        format!("{base}/{more}"),
        format!("{base}/{more}?against={notes}"),
    ] {
        let page = browser.page(&path).await;
        assert!(
            !page.contains("<script>alert") && !page.contains("<img src=//") && !page.contains("javascript:alert(1)\"")
        );
        assert!(page.contains("U+202E") || path.contains("against"), "{path}");
    }
    let page = browser.page(&base).await;
    assert!(page.contains("rel=\"noopener noreferrer\">c</a> <span class=\"quiet\">(evil.example)</span>"), "{page}");
    let whole = browser.get(&format!("{base}/{more}/content")).await;
    assert_eq!(
        whole.headers()[header::CONTENT_DISPOSITION],
        "attachment; filename=\"more.txt\"; filename*=UTF-8''more.txt"
    );
    assert_eq!(whole.headers()[header::CONTENT_SECURITY_POLICY], "sandbox; default-src 'none'");
    let etag = whole.headers()[header::ETAG].clone();
    assert_eq!(text(whole).await, HOSTILE);
    let part = Request::get(format!("{base}/{more}/content")).header(header::RANGE, "bytes=2-6").body(Body::empty());
    let part = browser.send(part.unwrap()).await;
    assert_eq!((part.status(), text(part).await.as_str()), (StatusCode::PARTIAL_CONTENT, "Notes"));
    let outside =
        Request::get(format!("{base}/{more}/content")).header(header::RANGE, "bytes=9999-").body(Body::empty());
    assert_eq!(browser.send(outside.unwrap()).await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let same = Request::get(format!("{base}/{more}/content")).header(header::IF_NONE_MATCH, etag).body(Body::empty());
    assert_eq!(browser.send(same.unwrap()).await.status(), StatusCode::NOT_MODIFIED);
    let stranger = Browser::new(&world).get(&format!("{base}/{more}/content")).await;
    assert_eq!(stranger.status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_artifact_of_another_run_is_shown_with_its_own() {
    let world = keeping();
    world.work();
    let (one, other) = (kept(&world, json!({ "text": "a" })).await, kept(&world, json!({ "text": "b" })).await);
    let mut browser = Browser::of(&world, "user").await;
    let facts: Value =
        serde_json::from_str(&browser.page(&format!("/studio/runs/{one}/artifacts.json")).await).unwrap();
    let artifact = facts["artifact"]["artifactId"].as_str().unwrap();
    let sent = browser.get(&format!("/studio/runs/{other}/artifacts/{artifact}")).await;
    assert_eq!(location(&sent), format!("/studio/runs/{one}/artifacts/{artifact}"));
}

#[tokio::test]
async fn events_are_shown_and_exported_byte_by_byte() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 60, json!({ "label": "<script>alert(1)</script>\u{202e}" })).await;
    let mut browser = Browser::of(&world, "user").await;
    let stored = world.services.store.load(&"t_a".into(), &run.as_str().into(), 0, 10_000).await.unwrap();
    let bytes: Vec<u8> = stored.iter().flat_map(|entry| [&*entry.bytes, b"\n"].concat()).collect();
    let path = format!("/studio/runs/{run}/events");
    assert_eq!(browser.page(&format!("{path}.jsonl")).await.into_bytes(), bytes);
    let page = browser.page(&path).await;
    assert!(page.contains("id=\"e0\"") && page.contains("U+202E") && !page.contains("<script>alert"));
    assert!(page.contains("from=100") && !page.contains("id=\"e100\""));
    assert!(browser.page(&format!("{path}?from=12")).await.contains("id=\"e12\""));
    let facts: Value = serde_json::from_str(&browser.page(&format!("{path}.json?q=run")).await).unwrap();
    let kinds: Vec<&str> = facts["events"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert!(kinds.len() > 2 && kinds.iter().all(|kind| kind.starts_with("run.")), "{kinds:?}");
    let only = browser.page(&format!("{path}.jsonl?q=run.submitted")).await;
    assert_eq!(only.lines().count(), 1);
}

#[tokio::test]
async fn the_context_of_a_run_is_shown_item_by_item() {
    let world = keeping();
    world.work();
    let run = kept(&world, json!({ "text": HOSTILE })).await;
    let mut browser = Browser::of(&world, "user").await;
    let facts: Value = serde_json::from_str(&browser.page(&format!("/studio/runs/{run}/context.json")).await).unwrap();
    let items = facts["snapshot"]["items"].as_array().unwrap();
    let key = items[0]["key"].as_str().unwrap();
    let page = browser.page(&format!("/studio/runs/{run}/context?item={key}")).await;
    assert!(page.contains("nothing was sent to a model") && !page.contains("<script>alert"), "{page}");
    assert!(page.contains("sealed beside the record"));
}

#[tokio::test]
async fn a_long_change_is_not_approved_before_it_was_opened_and_a_stale_one_not_at_all() {
    let world = keeping();
    world.work();
    let input = json!({ "agentKey": "keeper", "input": { "text": "a", "echo": "x" } });
    let run = call(&world, "agent.run", input).await["runId"].as_str().unwrap().to_owned();
    let mut browser = Browser::of(&world, "admin").await;
    waits(&world, &run).await;
    let approval = call(&world, "agent.approvals.list", json!({ "runId": run })).await["approvals"][0].clone();
    let path = format!("/studio/approvals/{}", approval["approvalId"].as_str().unwrap());
    let token = browser.token().await;
    let other = format!("sha256:{}", "0".repeat(64));
    let digest = approval["actionDigest"].as_str().unwrap();
    let decide = |action: &'static str, digest: &str, seen: bool| {
        let fields =
            [("csrf", token.clone()), ("run", run.clone()), ("digest", digest.to_owned()), ("action", action.into())];
        let seen = seen.then(|| ("seen", "true".to_owned()));
        fields.into_iter().chain(seen).chain([("comment", "my note".to_owned())]).collect::<Vec<_>>()
    };
    async fn post(browser: &mut Browser<'_>, path: &str, fields: &[(&str, String)]) -> Response<Body> {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(path, &fields).await
    }
    let unseen = post(&mut browser, &path, &decide("approve", digest, false)).await;
    assert_eq!(unseen.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(unseen).await;
    assert!(page.contains("Open the rest") && page.contains("my note</textarea>"), "{page}");
    let stale = post(&mut browser, &path, &decide("approve", &other, true)).await;
    assert_eq!(stale.status(), StatusCode::CONFLICT);
    assert!(text(stale).await.contains("approval-stale"));
    let done = post(&mut browser, &path, &decide("approve", digest, true)).await;
    assert_eq!(location(&done), path);
    let twice = post(&mut browser, &path, &decide("reject", digest, true)).await;
    assert_eq!(twice.status(), StatusCode::CONFLICT);
    assert!(text(twice).await.contains("Nothing was decided by you."));
}

#[tokio::test]
async fn an_agent_is_shown_with_what_policy_says_of_its_tools() {
    let world = keeping();
    let mut browser = Browser::of(&world, "user").await;
    let page = browser.page("/studio/agents/keeper").await;
    for said in
        ["Keeper &lt;b&gt;", "asks a person", "keep-more", "/docs/reference/platform.agent/keeper", "tool.echo@1.0.0"]
    {
        assert!(page.contains(said), "{said}");
    }
    assert!(browser.page("/studio/agents/keeper@1.0.0").await.contains("New run"));
    assert_eq!(browser.get("/studio/agents/nobody").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/studio/agents/keeper@9.0.0").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_run_is_started_from_a_form_and_only_once() {
    let world = keeping();
    world.work();
    let mut browser = Browser::of(&world, "user").await;
    let form = browser.page("/studio/agents/keeper/new?%2Finput%2Ftext=%3Cscript%3E").await;
    assert!(
        form.contains("&lt;script&gt;")
            && !form.contains("<script>")
            && form.contains("its schema uses <code>anyOf</code>")
    );
    assert!(!form.contains("aria-invalid"), "nobody is told what is wrong before they have entered anything");
    let token = browser.token().await;
    let entered = [
        ("csrf", token.as_str()),
        ("once", "form_1"),
        ("start", "true"),
        ("/input/text", "kept"),
        ("/metadata/label", "mine"),
        ("/input/target", "0"),
        ("/input/target#0/address", "ana@example.com"),
        ("/input/places/0/town", "Rome"),
    ];
    let [first, second] = [
        browser.post("/studio/agents/keeper/new", &entered).await,
        browser.post("/studio/agents/keeper/new", &entered).await,
    ];
    assert!(location(&first).starts_with("/studio/runs/run_"), "{first:?}");
    assert_eq!(location(&first), location(&second));
    let runs = call(&world, "agent.status", json!({})).await;
    assert_eq!((&runs["total"], &runs["runs"][0]["label"]), (&json!(1), &json!("mine")));
}

#[tokio::test]
async fn what_is_wrong_with_a_form_stands_beside_its_field_and_nothing_typed_is_lost() {
    let world = keeping();
    let mut browser = Browser::of(&world, "user").await;
    let token = browser.token().await;
    let hostile = "\"><script>alert(1)</script>";
    let entered = [
        ("csrf", token.as_str()),
        ("once", "form_1"),
        ("start", "true"),
        ("/input/again", hostile),
        ("/input/places/3/size", "many"),
        ("/input/target", "0"),
        ("/input/target#0/address", "nobody"),
        ("/priority", "5000"),
        ("/input/odd", "{"),
    ];
    let refused = browser.post("/studio/agents/keeper/new", &entered).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(refused).await;
    assert!(!page.contains("<script>alert") && page.contains("&quot;&gt;&lt;script&gt;alert(1)"));
    for said in
        ["value=\"many\"", "value=\"nobody\"", "value=\"5000\"", "name=\"/input/places/0/size\"", "Nothing was done"]
    {
        assert!(page.contains(said), "{said}");
    }
    assert_eq!(page.matches("aria-invalid=\"true\"").count(), 6, "text, town, size, address, odd, priority: {page}");
    assert_eq!(call(&world, "agent.status", json!({})).await["total"], 0);
    let more =
        [("csrf", token.as_str()), ("add", "/input/places"), ("/input/text", "kept"), ("/input/places/0/town", "Rome")];
    let page = text(browser.post("/studio/agents/keeper/new", &more).await).await;
    assert!(
        page.contains("value=\"Rome\"")
            && page.contains("name=\"/input/places/1/town\"")
            && !page.contains("aria-invalid")
    );
}

/// Starts a run of the keeper and returns when it waits.
async fn waiting(world: &World, input: Value) -> String {
    let input = json!({ "agentKey": "keeper", "input": input });
    let run = call(world, "agent.run", input).await["runId"].as_str().unwrap().to_owned();
    waits(world, &run).await;
    run
}

#[tokio::test]
async fn a_question_is_answered_from_a_form_of_its_schema() {
    let world = keeping();
    world.work();
    let run = waiting(&world, json!({ "text": "a", "ask": true })).await;
    let mut browser = Browser::of(&world, "user").await;
    let path = format!("/studio/runs/{run}/answer");
    assert!(browser.page(&format!("/studio/runs/{run}")).await.contains(&path));
    let page = browser.page(&path).await;
    assert!(page.contains("Which &lt;b&gt;name&lt;/b&gt;?") && page.contains("name=\"/answer\""), "{page}");
    let token = browser.token().await;
    for wrong in ["", "x"] {
        let refused = browser.post(&path, &[("csrf", &token), ("/answer", wrong)]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(text(refused).await.contains("aria-invalid=\"true\""));
    }
    let done = browser.post(&path, &[("csrf", &token), ("/answer", "Ana")]).await;
    assert_eq!(location(&done), format!("/studio/runs/{run}"));
    assert!(browser.page(&path).await.contains("No question of this run is open"));
}

#[tokio::test]
async fn a_fork_says_what_it_would_do_before_it_does_it() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 4, json!({})).await;
    let mut browser = Browser::of(&world, "user").await;
    let path = format!("/studio/runs/{run}/fork");
    let facts: Value = serde_json::from_str(&browser.page(&format!("{path}.json?at=2")).await).unwrap();
    let plan: Vec<&str> =
        facts["plan"]["plan"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
    assert_eq!((plan, &facts["plan"]["reused"]), (vec!["reused", "reused", "again", "again"], &json!(2)));
    // What a run was given is for whoever started it and for administrators.
    let steps = |form: &str| {
        let field = form.split("name=\"/input/steps\"").nth(1).and_then(|rest| rest.split('>').next());
        field.and_then(|field| field.split("value=\"").nth(1)).map(|value| value.split('"').next().unwrap().to_owned())
    };
    let form = browser.page(&path).await;
    assert!(steps(&form).as_deref() == Some("") && form.contains("is not for you to see"));
    let mut owner = Browser::of(&world, "admin").await;
    assert_eq!(steps(&owner.page(&path).await).as_deref(), Some("4"));
    assert_eq!(steps(&owner.page(&format!("/studio/agents/echo/new?like={run}")).await).as_deref(), Some("4"));
    let page = format!("/studio/runs/{run}");
    let (seen, sealed) = (owner.page(&page).await, browser.page(&page).await);
    assert!(seen.contains("aria-label=\"Input\"") && !seen.contains("Sealed beside"));
    assert!(sealed.contains("Sealed beside") && !sealed.contains("aria-label=\"Input\""));
    let token = browser.token().await;
    let look = [("csrf", token.as_str()), ("at", "1"), ("preview", "true"), ("/input/steps", "9")];
    let page = text(browser.post(&path, &look).await).await;
    assert!(page.contains("value=\"9\"") && page.contains("From step 1"));
    assert_eq!(call(&world, "agent.status", json!({})).await["total"], 1);
    let start = [
        ("csrf", token.as_str()),
        ("at", "1"),
        ("start", "true"),
        ("once", "f1"),
        ("/input/steps", "6"),
        ("/reason", "longer"),
    ];
    let [first, second] = [browser.post(&path, &start).await, browser.post(&path, &start).await];
    assert_eq!((location(&first), first.status()), (location(&second), StatusCode::SEE_OTHER));
    let runs = call(&world, "agent.status", json!({})).await;
    assert_eq!((&runs["total"], &runs["runs"][0]["parentRunId"]), (&json!(2), &json!(run)));
    let far = browser.post(&path, &[("csrf", &token), ("at", "99"), ("start", "true")]).await;
    assert_eq!(far.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn two_runs_are_compared_step_by_step_and_by_what_they_made() {
    let world = keeping();
    world.work();
    let hostile = format!("{HOSTILE} other");
    let (one, other) = (kept(&world, json!({ "text": HOSTILE })).await, kept(&world, json!({ "text": hostile })).await);
    let mut browser = Browser::of(&world, "admin").await;
    let page = browser.page(&format!("/studio/compare?a={one}")).await;
    assert!(page.contains("Pick a second run") && page.contains(&other));
    let page = browser.page(&format!("/studio/compare?a={one}&b={other}")).await;
    assert!(!page.contains("<script>alert") && page.contains("U+202E"));
    for said in ["same agent", "other input", "NOTES.md", "class=\"added\""] {
        assert!(page.contains(said), "{said} in {page}");
    }
    let stranger = Browser::of(&world, "user").await.page(&format!("/studio/compare?a={one}&b={other}")).await;
    assert!(stranger.contains("other input"), "what one may not see is never said to be the same");
    let missing = browser.get(&format!("/studio/compare?a={one}&b=run_1")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/studio/compare").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_run_is_retried_with_a_budget_from_a_form() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 3, json!({})).await;
    let mut browser = Browser::of(&world, "user").await;
    let path = format!("/studio/runs/{run}/retry");
    assert!(browser.page(&path).await.contains("name=\"/budget/cost\""));
    let token = browser.token().await;
    let wrong = browser.post(&path, &[("csrf", &token), ("/budget/cost", "much")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(wrong).await.contains("value=\"much\""));
    let done = browser.post(&path, &[("csrf", &token), ("/budget/steps", "100")]).await;
    assert!(location(&done).starts_with("/studio/runs/run_") && !location(&done).ends_with(&run), "{done:?}");
}

#[tokio::test]
async fn a_step_whose_end_nobody_saw_is_settled_by_an_administrator_alone() {
    let world = World::shipped();
    world.work();
    let run = ran(&world, 1, json!({})).await;
    let path = format!("/studio/runs/{run}/resolve");
    let mut browser = Browser::of(&world, "admin").await;
    assert!(browser.page(&path).await.contains("No step of this run waits"));
    let mut user = Browser::of(&world, "user").await;
    let token = user.token().await;
    let denied = user.post(&path, &[("csrf", &token), ("/outcome", "retry")]).await;
    assert!(denied.status().is_client_error(), "{denied:?}");
}

#[tokio::test]
async fn settings_are_shown_to_administrators_and_changed_by_them_alone() {
    let world = World::shipped();
    let mut admin = Browser::of(&world, "admin").await;
    let mut user = Browser::of(&world, "user").await;
    let page = admin.page("/studio/settings").await;
    assert!(page.contains("this browser") && page.contains("Revoke"));
    let seen = user.page("/studio/settings").await;
    assert!(seen.contains("Keys are for administrators") && !seen.contains("Revoke"));
    let keys = call(&world, "key.list", json!({})).await;
    let theirs =
        keys["keys"].as_array().unwrap().iter().find(|key| key["principalId"] == "u_user" && key["status"] == "active");
    let id = theirs.unwrap()["keyId"].as_str().unwrap();
    let token = user.token().await;
    let denied = user.post("/studio/settings/revoke-key", &[("csrf", &token), ("key", id)]).await;
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    let token = admin.token().await;
    let wrong = admin.post("/studio/settings/allow-folder", &[("csrf", &token), ("path", "\"><script>x")]).await;
    let (status, page) = (wrong.status(), text(wrong).await);
    assert!(status.is_client_error() && page.contains("&quot;&gt;&lt;script&gt;x") && !page.contains("<script>x"));
    for (act, field, value) in
        [("remove-provider", "name", "nobody"), ("delete-webhook", "webhook", "whk_1"), ("nothing", "a", "b")]
    {
        let missing = admin.post(&format!("/studio/settings/{act}"), &[("csrf", &token), (field, value)]).await;
        assert_eq!(missing.status(), StatusCode::NOT_FOUND, "{act}");
    }
    let done = admin.post("/studio/settings/revoke-key", &[("csrf", &token), ("key", id)]).await;
    assert_eq!(location(&done), "/studio/settings?done=revoke-key");
    let keys = call(&world, "key.list", json!({})).await;
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["keyId"] == id).unwrap();
    assert_eq!(key["status"], "revoked");
}

#[tokio::test]
async fn a_filter_is_kept_as_a_view_of_its_viewer_and_taken_away_again() {
    let world = World::shipped();
    world.work();
    ran(&world, 2, json!({ "label": "two" })).await;
    let mut browser = Browser::of(&world, "admin").await;
    let token = browser.token().await;
    let fields = [("csrf", &*token), ("name", "Long ones"), ("q", "steps:>1")];
    let saved = browser.post("/studio/views/save", &fields).await;
    assert_eq!(location(&saved), "/studio/runs?q=steps%3A%3E1");
    let page = browser.page("/studio/runs?q=steps%3A%3E1").await;
    assert!(page.contains("Long ones") && page.contains("Remove this view") && !page.contains("Save as a view"));
    let others = Browser::of(&world, "user").await.page("/studio/runs?q=steps%3A%3E1").await;
    assert!(!others.contains("Long ones") && others.contains("Save as a view"));
    let wrong = browser.post("/studio/views/save", &[("csrf", &token), ("name", " "), ("q", "steps:>1")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(wrong).await.contains("two"));
    browser.post("/studio/views/remove", &[("csrf", &token), ("name", "Long ones")]).await;
    assert!(!browser.page("/studio/runs?q=steps%3A%3E1").await.contains("Long ones"));
}

#[tokio::test]
async fn a_file_has_every_run_and_not_only_those_of_a_page() {
    let world = World::shipped();
    for number in 0..60 {
        call(&world, "agent.run", json!({ "agentKey": "echo", "metadata": { "label": number.to_string() } })).await;
    }
    let mut browser = Browser::of(&world, "admin").await;
    assert_eq!(browser.page("/studio/runs.csv").await.lines().count(), 61);
    assert_eq!(browser.page("/studio/runs.jsonl?q=text:5").await.lines().count(), 15);
}

#[tokio::test]
async fn a_long_run_is_shown_at_a_glance_and_its_map_leads_to_any_step() {
    let world = World::shipped();
    world.work();
    let mut browser = Browser::of(&world, "user").await;
    let run = ran(&world, 60, json!({})).await;
    let page = browser.page(&format!("/studio/runs/{run}")).await;
    assert!(page.contains("role=\"img\" aria-label=\"60 steps; 60 that may have changed something"), "{page}");
    assert!(page.contains("<rect class=\"changed\" x=\"0\" y=\"20\" width=\"60\" height=\"20\"/>"));
    assert!(page.contains("max=\"59\" value=\"0\" aria-label=\"Go to step\""));
    let data: Value = serde_json::from_str(&browser.page(&format!("/studio/runs/{run}.json?from=55")).await).unwrap();
    let steps = data["audit"]["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["stepNumber"], &steps[0]["marks"]), (5, &json!(55), &json!("W")));
    let short = ran(&world, 50, json!({})).await;
    assert!(!browser.page(&format!("/studio/runs/{short}")).await.contains("class=\"map\""));
}

#[tokio::test]
async fn a_theme_is_chosen_for_one_browser() {
    let world = World::shipped();
    let mut browser = Browser::of(&world, "user").await;
    assert!(browser.page("/studio/settings").await.contains("<html lang=\"en\">"));
    let session = browser.cookie.clone().unwrap();
    let token = browser.token().await;
    let chosen = browser.post("/studio/settings/look", &[("csrf", &token), ("theme", "dark")]).await;
    assert_eq!(location(&chosen), "/studio/settings#look");
    assert!(chosen.headers()[header::SET_COOKIE].to_str().unwrap().starts_with("affiant_theme=dark; Path=/"));
    browser.cookie = Some(format!("{session}; affiant_theme=dark"));
    assert!(browser.page("/studio/runs").await.contains("<html lang=\"en\" data-theme=\"dark\">"));
}

#[tokio::test]
async fn scripts_and_styles_come_compressed_once_and_may_be_kept_for_ever() {
    let world = World::shipped();
    let mut browser = Browser::of(&world, "user").await;
    let page = browser.page("/studio/runs").await;
    let path = page.split("src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let plain = browser.get(&path).await;
    assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
    assert!(text(plain).await.contains("// @ts-check"));
    let asked = Request::builder().uri(&path).header(header::ACCEPT_ENCODING, "gzip, br");
    let packed = browser.send(asked.body(Body::empty()).unwrap()).await;
    assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
    assert_eq!(packed.headers()[header::VARY], "accept-encoding");
    assert_eq!(packed.headers()[header::CACHE_CONTROL], "public, max-age=31536000, immutable");
    let bytes = packed.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn metrics_say_how_runs_ended_and_lead_to_those_that_failed() {
    let world = World::shipped();
    world.work();
    let mut browser = Browser::of(&world, "user").await;
    assert!(browser.page("/studio/metrics").await.contains("No runs in this span"));
    ran(&world, 1, json!({})).await;
    let page = browser.page("/studio/metrics?days=1").await;
    assert!(page.contains("agent%3Aecho") && page.contains("2026-11-22"));
    let facts: Value = serde_json::from_str(&browser.page("/studio/metrics.json?days=nonsense").await).unwrap();
    assert_eq!((&facts["agents"][0]["completed"], facts["days"].as_array().unwrap().len()), (&json!(1), 7));
}
