//! What a page shows, as whoever is not in a browser asks for it: the operation, on the command line and with curl.

use affiant_contract::Pick;
use serde_json::{Map, Value, json};

use super::page::Show;
use crate::{forms::calls, render::reference::examples::SERVER, rest::query::decode};

/// The call of a page, and the page's own address; nothing of a call where a page is made of several.
pub(super) fn of(show: &Show) -> Value {
    let address = &*show.studio.services.facts.address;
    let mut said = json!({ "link": format!("{address}{}", show.with(&[])) });
    let registry = show.studio.gateway.registry();
    let called = call(&show.path, |name| show.asked(name));
    let bound = called.as_ref().and_then(|(key, _)| registry.operation(key, &Pick::Major(1)));
    if let (Some((_, input)), Some(operation)) = (called, bound) {
        let calls = calls(registry, operation, &input);
        said["cli"] = calls.cli.into();
        said["curl"] = calls.curl.replace(SERVER, address).into();
    }
    said
}

/// The operation that answers a page, and what the page asks of it.
fn call<'a>(path: &str, asked: impl Fn(&str) -> Option<&'a str>) -> Option<(&'static str, Map<String, Value>)> {
    let parts: Option<Vec<_>> = path.trim_matches('/').split('/').map(|part| decode(part).ok()).collect();
    let parts = parts?;
    let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
    let number = |name: &str| asked(name).and_then(|text| text.parse::<u64>().ok());
    let (key, input) = match parts.as_slice() {
        ["runs"] => ("agent.status", json!({ "q": asked("q") })),
        ["runs", run] => match number("step") {
            Some(step) => ("agent.step.get", json!({ "runId": run, "stepNumber": step })),
            None => ("agent.audit", json!({ "runId": run, "given": true })),
        },
        ["runs", run, "audit"] => ("agent.audit", json!({ "runId": run })),
        ["runs", run, "events"] => ("agent.events", json!({ "runId": run })),
        ["runs", run, "graph"] => ("agent.trace", focus(run, asked("focus"))),
        ["runs", run, "artifacts"] => ("agent.artifacts", json!({ "runId": run })),
        ["runs", _, "artifacts", artifact] => ("agent.artifact.get", json!({ "artifactId": artifact })),
        ["compare"] => ("agent.compare", json!({ "left": asked("a")?, "right": asked("b")? })),
        ["approvals"] => match asked("status").unwrap_or("pending") {
            "all" => ("agent.approvals.list", json!({})),
            status => ("agent.approvals.list", json!({ "status": status })),
        },
        ["approvals", approval] => ("agent.approvals.list", json!({ "approvalId": approval })),
        ["agents"] => ("agent.list", json!({})),
        ["agents", name] => {
            let (key, version) = name.split_once('@').map_or((*name, None), |(key, version)| (key, Some(version)));
            ("agent.describe", json!({ "agentKey": key, "version": version }))
        }
        ["audit"] => ("log.acts", json!({ "type": asked("type"), "actor": asked("actor") })),
        ["metrics"] => ("agent.metrics", json!({ "days": number("days") })),
        _ => return None,
    };
    let input = input.as_object()?.clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    Some((key, input))
}

/// `step:N`, `artifact:ID` or `artifact:ID:LINE`, as `agent.trace` takes them.
fn focus(run: &str, focus: Option<&str>) -> Value {
    let mut parts = focus.unwrap_or_default().split(':');
    let kind = parts.next();
    let (first, line) = (parts.next(), parts.next().and_then(|line| line.parse::<u64>().ok()));
    match kind {
        Some("step") => json!({ "runId": run, "stepNumber": first.and_then(|step| step.parse::<u64>().ok()) }),
        Some("artifact") => json!({ "runId": run, "artifactId": first, "line": line }),
        _ => json!({ "runId": run }),
    }
}

#[cfg(test)]
mod tests {
    use affiant_contract::Registry;

    use super::*;
    use crate::cli::grammar::tests::accepted;

    /// Every sort of page, and what its address may say.
    const PAGES: &[(&str, &[(&str, &str)])] = &[
        ("/runs", &[("q", "status:failed text:\"a b\"")]),
        ("/runs/run_1", &[]),
        ("/runs/run_1", &[("step", "3")]),
        ("/runs/run_1/audit", &[]),
        ("/runs/run_1/events", &[]),
        ("/runs/run_1/graph", &[("focus", "step:3")]),
        ("/runs/run_1/graph", &[("focus", "artifact:art_1:5")]),
        ("/runs/run_1/artifacts", &[]),
        ("/runs/run_1/artifacts/art_1", &[]),
        ("/compare", &[("a", "run_1"), ("b", "run_2")]),
        ("/approvals", &[]),
        ("/approvals/apr_1", &[]),
        ("/agents", &[]),
        ("/agents/release-notes%401.0.0", &[]),
        ("/audit", &[("type", "key.")]),
        ("/metrics", &[("days", "30")]),
    ];

    #[test]
    fn every_page_names_a_call_that_its_contract_takes_and_the_command_line_knows() {
        let registry = Registry::new(affiant_contract::builtin()).unwrap();
        for (path, query) in PAGES {
            let asked = |name: &str| query.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
            let (key, input) = call(path, asked).unwrap_or_else(|| panic!("{path} names no call"));
            let operation = registry.operation(key, &Pick::Major(1)).unwrap();
            assert_eq!(operation.validate_input(&Value::Object(input.clone())), Ok(()), "{path}");
            accepted(&calls(&registry, operation, &input).cli.replace(" \\\n ", ""));
        }
    }

    #[test]
    fn a_page_that_is_made_of_several_calls_names_none() {
        for path in ["/settings", "/runs/run_1/fork", "/compare", ""] {
            assert_eq!(call(path, |_| None), None, "{path}");
        }
    }
}
