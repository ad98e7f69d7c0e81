use std::sync::{Arc, LazyLock};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;
use crate::render::facts::registry;

struct Answer {
    status: StatusCode,
    location: Option<String>,
    kind: String,
    body: String,
}

static PAGES: LazyLock<Router> = LazyLock::new(|| router(Arc::new(registry())).merge(crate::assets::router()));

async fn send(request: Request<Body>) -> Answer {
    let response = PAGES.clone().oneshot(request).await.unwrap();
    let text = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (location, kind) = (text(header::LOCATION), text(header::CONTENT_TYPE).unwrap_or_default());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, location, kind, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn get(path: &str) -> Answer {
    send(Request::get(path).body(Body::empty()).unwrap()).await
}

/// Every address on our own server that a page links to.
fn links(html: &str) -> impl Iterator<Item = &str> {
    let targets = html.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.filter(|target| target.starts_with('/')).map(|target| target.split('#').next().unwrap_or(target))
}

#[tokio::test]
async fn every_link_on_every_page_leads_to_a_page() {
    let mut open = vec!["/docs".to_owned(), "/llms.txt".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let answer = get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        if answer.kind.starts_with("text/html") {
            open.extend(links(&answer.body).map(str::to_owned));
        }
    }
    assert!(seen.len() > 300, "only {} pages were found", seen.len());
}

#[tokio::test]
async fn a_code_with_which_runs_or_steps_fail_has_its_page_and_stands_in_the_list() {
    let list = get("/docs/errors").await.body;
    for ending in affiant_contract::errors::ENDINGS {
        assert!(affiant_contract::errors::find(ending.code).is_none(), "{} is said twice", ending.code);
        let page = get(&format!("/docs/errors/{}", ending.code)).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains(ending.title) && list.contains(&format!("/docs/errors/{}", ending.code)));
    }
    assert_eq!(get("/docs/errors/no-such-code").await.status, StatusCode::NOT_FOUND);
}

/// The contracts in a page's text.
fn contracts(page: &str) -> Vec<affiant_contract::Contract> {
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let whole = blocks.filter(|block| block.starts_with("kind: "));
    let read = |text: &str| {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let path = format!("contracts/{}-{}.yaml", field("key:"), field("version:"));
        affiant_contract::load_file(&path, text).unwrap_or_else(|findings| panic!("{findings:?}"))
    };
    whole.map(read).collect()
}

#[test]
fn every_contract_that_the_guide_shows_is_one_without_findings() {
    let (beside, mut told) = (affiant_contract::builtin(), Vec::new());
    let guide = guide::GUIDE.iter().map(|page| (page.name, page.text));
    for (name, text) in guide.chain([("README", include_str!("../../../../README.md"))]) {
        let contracts = contracts(text);
        let lint = affiant_contract::lint::Lint { contracts: &contracts, beside: &beside, ..Default::default() };
        let findings = affiant_contract::lint::lint(&lint);
        if !contracts.is_empty() {
            told.push(format!("{name}: {} contracts", contracts.len()));
            told.extend(findings.iter().map(ToString::to_string));
        }
    }
    // The one tool that only `affiant mcp pin` can write.
    insta::assert_snapshot!(told.join("\n"), @"
    contracts: 1 contracts
    agents: 3 contracts
    contracts/triage-1.0.0.yaml:28:16: mcp.everything.get-sum@1.0.0 is not declared by any contract [dangling-reference] (Add the contract, or remove the reference)
    README: 1 contracts
    ");
}

#[tokio::test]
async fn a_contract_has_its_page_in_three_formats() {
    for (suffix, kind) in
        [("", "text/html; charset=utf-8"), (".md", "text/markdown; charset=utf-8"), (".json", "application/json")]
    {
        let answer = get(&format!("/docs/reference/platform.agent/agent.run{suffix}")).await;
        assert_eq!((answer.status, answer.kind.as_str()), (StatusCode::OK, kind));
        assert!(answer.body.contains("agent.run"), "{suffix}");
    }
}

#[tokio::test]
async fn an_older_version_is_found_by_path_and_by_parameter() {
    for path in ["agent.run@1.0.0.json", "agent.run.json?version=1.0.0", "agent.run@v1.0.json"] {
        let answer = get(&format!("/docs/reference/platform.agent/{path}")).await;
        let page: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(page["version"], "1.0.0", "{path}");
    }
}

#[tokio::test]
async fn a_page_under_another_feature_is_somewhere_else() {
    let answer = get("/docs/reference/user/agent.run@1.0.0.md").await;
    assert_eq!(answer.status, StatusCode::FOUND);
    assert_eq!(answer.location.as_deref(), Some("/docs/reference/platform.agent/agent.run@1.0.0.md"));
}

#[tokio::test]
async fn a_mistyped_contract_gets_the_nearest_one() {
    let answer = get("/docs/reference/platform.agent/agent.rnu").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.body.contains("Perhaps you meant <a href=\"/docs/reference/platform.agent/agent.run\">"));
}

#[tokio::test]
async fn a_users_operation_has_a_form_and_a_page() {
    assert_eq!(get("/forms/refund.issue").await.status, StatusCode::OK);
    assert_eq!(get("/docs/reference/user/refund.issue").await.status, StatusCode::OK);
}

async fn fill(form: &str, entered: &str) -> String {
    send(Request::post(format!("/forms/{form}")).body(Body::from(entered.to_owned())).unwrap()).await.body
}

#[tokio::test]
async fn a_filled_form_shows_the_call_that_it_makes() {
    let page = fill("agent.run.form", "agentKey=echo&mode=dry_run&priority=5&prompt=").await;
    assert!(page.contains("affiant call agent.run@1.0.0 --agentKey echo --mode dry_run --priority 5"), "{page}");
}

#[tokio::test]
async fn a_form_says_beside_the_field_what_the_contract_would_refuse() {
    let page = fill("agent.run.form", "agentKey=&priority=2000&mode=%3Cscript%3E").await;
    assert!(!page.contains("affiant call"));
    assert!(!page.contains("<script>"));
    assert_eq!(page.matches("aria-invalid=\"true\"").count(), 3, "{page}");
}

#[tokio::test]
async fn no_page_holds_a_script_or_a_style_of_its_own() {
    for path in ["/docs", "/docs/reference", "/docs/reference/user/refund.issue", "/forms/agent.run.form"] {
        let page = get(path).await.body;
        for forbidden in ["<script", " style=", "<style", " onclick", "javascript:"] {
            assert!(!page.contains(forbidden), "{path}: {forbidden}");
        }
    }
}
