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
