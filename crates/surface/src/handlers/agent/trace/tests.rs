//! Traces through the gateway, by callers with different rights.

use affiant_contract::{Pick, load_file};
use serde_json::{Value, json};

use crate::{
    gateway::{Call, SurfaceName},
    testing::World,
};

const AGENT: &str = r#"kind: agent
key: keeper
version: 1.0.0
title: Keeper
description: Keeps what it is told.
goal: Keep it.
context: For tests.
domain: test
owners: [test]
tags: []
stability: experimental
input: { type: object, additionalProperties: false, properties: { value: { type: string }, write: { type: boolean } } }
tools: [{ operation: tool.echo@1.0.0 }]
planner:
  kind: rules
  rules:
    - { id: say, when: '!has(steps.said)', then: { call: { tool: tool.echo@1.0.0, as: said, with: { value: '${input.value}' } } } }
    - { id: keep, when: '!("a.txt" in artifacts)', then: { artifact: { kind: file, name: a.txt, mediaType: text/plain, content: '${steps.said.result.value}', cites: [a91f3c2, none] } } }
    - { id: done, then: { finish: { kept: '${artifacts["a.txt"].id}' } } }
"#;

fn world() -> World {
    let mut contracts = affiant_contract::builtin();
    contracts.push(load_file("keeper.yaml", AGENT).unwrap());
    let world = World::new(contracts, crate::handlers::all);
    world.work();
    world
}

async fn ask(world: &World, caller: &str, key: &str, input: Value) -> Result<Value, String> {
    let call = Call::new(key, Pick::Major(1), input, SurfaceName::Rest);
    let done = world.gateway.call(Call { credential: world.credential(caller), ..call }).await.outcome;
    done.map(|done| done.value()).map_err(|problem| String::from_utf8(problem.to_json()).unwrap())
}

/// A run that kept this, and the artifact.
async fn kept(world: &World, value: &str) -> (Value, Value) {
    let input = json!({ "agentKey": "keeper", "input": { "value": value }, "mode": "wait" });
    let run = ask(world, "admin", "agent.run", input).await.unwrap()["runId"].clone();
    let made = ask(world, "admin", "agent.artifacts", json!({ "runId": run })).await.unwrap();
    (run, made["artifacts"][0]["artifactId"].clone())
}

fn gaps(reply: &Value) -> String {
    let gaps = reply["gaps"].as_array().unwrap().iter().map(|gap| gap["text"].as_str().unwrap().to_owned());
    gaps.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_line_leads_to_the_text_it_was_and_to_what_the_caller_sent() {
    let world = world();
    let (run, artifact) = kept(&world, "first\n- allow an empty cart (a91f3c2)\n").await;
    let asked = json!({ "runId": run, "artifactId": artifact, "line": 2 });
    let reply = ask(&world, "admin", "agent.trace", asked.clone()).await.unwrap();
    let line = &reply["line"];
    assert_eq!((&line["text"], &line["of"]), (&json!("- allow an empty cart (a91f3c2)"), &json!(2)));
    let quotes: Vec<String> = line["quotes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|quote| {
            format!("{} {} {} {}", quote["node"], quote["place"]["path"], quote["place"]["line"], quote["whole"])
        })
        .collect();
    assert_eq!(quotes, [r#""step:0" "/value" 2 true"#, r#""input" "/input/value" 2 true"#]);
    assert_eq!(line["cites"], json!([{ "cited": "a91f3c2", "found": ["step:0"] }]));
    let words = reply["edges"].as_array().unwrap().iter().filter(|edge| edge["basis"] == "words");
    assert!(words.clone().count() == 3 && words.clone().all(|edge| edge["events"].as_array().unwrap().len() == 2));
    // Somebody else may see the artifact, and not what was sent.
    let theirs = ask(&world, "user", "agent.trace", asked).await.unwrap();
    assert_eq!(theirs["line"]["quotes"].as_array().unwrap().len(), 1);
    let closed = "The line was not looked for in input: what it holds is sealed, and only whoever submitted the run and \
                  administrators may see it.";
    assert!(gaps(&theirs).contains(closed), "{}", gaps(&theirs));
}

#[tokio::test]
async fn what_was_erased_is_said_to_be_gone() {
    let world = world();
    let (run, artifact) = kept(&world, "a line of some words").await;
    let subject = "u_admin";
    let erased = ask(&world, "admin", "subject.erase", json!({ "subject": subject, "basis": "Art. 17" })).await;
    assert!(erased.is_ok(), "{erased:?}");
    let asked = json!({ "runId": run, "artifactId": artifact, "line": 1 });
    let reply = ask(&world, "admin", "agent.trace", asked).await.unwrap();
    assert!(gaps(&reply).contains("what it holds can no longer be opened: the key it was sealed under was destroyed."));
}

#[tokio::test]
async fn a_line_that_is_not_there_is_refused_with_what_to_do() {
    let world = world();
    let (run, artifact) = kept(&world, "only").await;
    let line = |artifact: &Value, line: u64| json!({ "runId": run, "artifactId": artifact, "line": line });
    let refused = ask(&world, "user", "agent.trace", line(&artifact, 2)).await.unwrap_err();
    assert!(
        refused.contains("line-not-found") && refused.contains("`a.txt` has 1 line; there is no line 2."),
        "{refused}"
    );
    let (bytes_run, bytes) = kept(&world, "a\0b").await;
    let asked = json!({ "runId": bytes_run, "artifactId": bytes, "line": 1 });
    let refused = ask(&world, "user", "agent.trace", asked).await.unwrap_err();
    assert!(refused.contains("`a.txt` is no text and has no lines."), "{refused}");
    let other = ask(&world, "user", "agent.trace", line(&bytes, 1)).await.unwrap_err();
    assert!(other.contains("artifact-not-found"), "{other}");
    for wrong in [json!({ "line": 1 }), json!({ "artifactId": artifact, "stepNumber": 0 })] {
        let mut input = wrong;
        input["runId"] = run.clone();
        assert!(ask(&world, "user", "agent.trace", input).await.unwrap_err().contains("input-invalid"));
    }
}

#[tokio::test]
async fn a_line_as_long_as_it_likes_is_shown_by_its_beginning() {
    let world = world();
    let (run, artifact) = kept(&world, &"word ".repeat(200_000)).await;
    let asked = json!({ "runId": run, "artifactId": artifact, "line": 1 });
    let reply = ask(&world, "admin", "agent.trace", asked).await.unwrap();
    assert_eq!(reply["line"]["truncated"], true);
    assert!(reply.to_string().len() < 100_000, "{}", reply.to_string().len());
}

#[tokio::test]
async fn a_step_leads_to_what_it_was_given_and_on_to_what_came_of_it() {
    let world = world();
    let (run, artifact) = kept(&world, "text").await;
    let reply = ask(&world, "user", "agent.trace", json!({ "runId": run, "stepNumber": 0 })).await.unwrap();
    let ids: Vec<&str> = reply["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    let artifact = format!("artifact:{}", artifact.as_str().unwrap());
    assert_eq!((ids.first(), ids.last()), (Some(&"input"), Some(&artifact.as_str())));
    let end = ask(&world, "user", "agent.trace", json!({ "runId": run })).await.unwrap();
    assert_eq!(end["focus"], "output");
    let few = ask(&world, "user", "agent.trace", json!({ "runId": run, "limit": 2 })).await.unwrap();
    assert_eq!((few["nodes"].as_array().unwrap().len(), &few["truncated"]), (2, &json!(true)));
}
