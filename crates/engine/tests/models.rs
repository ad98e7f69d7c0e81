//! A model decides: what it is told, what it may do, and what becomes of what it wants.

mod world;

use std::{sync::Arc, time::Duration};

use affiant_engine::{
    Cancel, Engine, Resolve,
    ports::{Delta, ModelRequest, Part, Signature, Stop, ToolFailure},
};
use affiant_journal::{Body, Decision, RunId};
use affiant_policy::Role;
use serde_json::{Value, json};
use world::{brain::*, *};

async fn output(engine: &Arc<Engine>, run: &RunId) -> Value {
    engine.view(&ana(), run).await.unwrap().output.unwrap()
}

async fn message(engine: &Arc<Engine>, run: &RunId) -> String {
    engine.view(&ana(), run).await.unwrap().message.unwrap_or_default()
}

fn all(request: &ModelRequest) -> String {
    serde_json::to_string(request).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_model_calls_a_tool_is_told_what_it_gave_and_answers() {
    let mut world = World::new(1);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 41 }))]),
        _ => words(&format!("It said: {}", last(request))),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(3)).await;
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("It said: --- untrusted ") && lines[0].ends_with(": result of ping ---"), "{told}");
    assert_eq!(lines[1], "{\"value\":41}");
    let asked = world.brain.asked();
    let first = &asked[0].2;
    assert!(first.instructions.ends_with("Take 3 steps."), "{}", first.instructions);
    assert!(last(first).contains("\"steps\":3") && last(first).ends_with("please"), "{}", last(first));
    assert_eq!(
        first.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["ping", "write", "rule", "ask_person", "keep_artifact"]
    );
    assert_eq!(
        world.story(&run).await,
        "run.submitted run.claimed step.decided step.observed step.decided step.observed step.decided step.observed \
         run.completed"
    );
    let rules: Vec<_> = decided(&world, &run).await.into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, ["model", "model/0", "model"]);
    assert_eq!(engine.view(&ana(), &run).await.unwrap().run.usage.unwrap().tokens, 220);
}

async fn decided(world: &World, run: &RunId) -> Vec<(String, Decision)> {
    let events = world.journal(run).await.into_iter();
    let decided = events.filter_map(|event| match event.body {
        Body::StepDecided(it) => Some((it.rule.to_string(), it.decision)),
        _ => None,
    });
    decided.collect()
}

#[tokio::test(start_paused = true)]
async fn what_was_said_stands_in_no_event_but_opens_for_who_may_see_it() {
    let mut world = World::new(2);
    world.brain.says(|_, _, _| words("the secret word is swordfish"));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let events = world.journal(&run).await;
    let asked = events.iter().find(|event| matches!(event.body, Body::StepDecided(_))).unwrap();
    let text = String::from_utf8(serde_json::to_vec(asked).unwrap()).unwrap();
    assert!(!text.contains("please") && !text.contains("Take 1"), "{text}");
    let observed = events.iter().find(|event| matches!(event.body, Body::StepObserved(_))).unwrap();
    assert!(!serde_json::to_string(observed).unwrap().contains("swordfish"));
    let step = engine.step_view(&ana(), &run, 0).await.unwrap();
    assert!(step.arguments.to_string().contains("please"));
    assert!(step.result.unwrap().1.to_string().contains("swordfish"));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_made_is_answered_and_takes_no_step() {
    let mut world = World::new(3);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[
            ("c1", "fly", json!({})),
            ("c2", "ping", json!("{\"value\": 1")),
            ("c3", "ask_person", json!({ "question": 5 })),
        ]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "There is no tool `fly`. The tools are: ping, write, rule, ask_person, keep_artifact.");
    assert!(lines[1].starts_with("The arguments of ping are not whole JSON: EOF"), "{told}");
    assert!(lines[2].starts_with("The arguments of ask_person are not valid, and it was not called"), "{told}");
    assert!(world.hand.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_the_caller_may_not_use_is_refused_and_the_refusal_is_recorded() {
    let mut world = World::new(4);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "rule", json!({}))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = engine.submit(&person("u_bob", Role::User), submit("thinker", steps(1)), None).await.unwrap().run;
    world.until(&run, "completed").await;
    assert_eq!(decided(&world, &run).await[1], ("model/0".into(), Decision::Deny));
    assert_eq!(output(&engine, &run).await["text"], "Policy does not allow rule here. Do not call it again.");
    assert!(world.hand.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_person_who_says_no_is_quoted_to_the_model() {
    let mut world = World::new(5);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "write", json!({ "value": "x" }))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "waiting (approval)").await;
    let comment = Some("not on a Friday".into());
    let no = Resolve { run: run.clone(), approval: None, action: None, approve: false, comment };
    engine.resolve(&ana(), no).await.unwrap();
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    assert!(told.starts_with("A person was asked about this call of write and said no."), "{told}");
    assert!(told.contains("not on a Friday"), "{told}");
    assert!(world.hand.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn several_calls_of_one_answer_are_made_at_once_and_told_in_their_order() {
    let mut world = World::new(6);
    world.hand.does("ping", Duration::from_secs(1), |it, before| {
        if before == 0 { Err(failed("broken", false, false)) } else { Ok(it.clone()) }
    });
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 1 })), ("c2", "ping", json!({ "value": 2 }))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    let (first, second) = (told.find("ping failed: broken.").unwrap(), told.find("{\"value\":2}").unwrap());
    assert!(first < second && told.contains("broken happened"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_asks_for_patience_is_given_it_within_the_same_step() {
    let mut world = World::new(7);
    world.brain.says(|_, _, before| match before {
        0 => refuses("rate-limited", Some(Duration::from_secs(90))),
        _ => words("there"),
    });
    let (engine, _stop, _) = world.serve();
    let began = tokio::time::Instant::now();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    assert!(began.elapsed() >= Duration::from_secs(90));
    let keys: Vec<_> = world.brain.asked().into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys, [format!("{run}/0"), format!("{run}/0")]);
}

#[tokio::test(start_paused = true)]
async fn when_a_model_fails_for_good_the_next_takes_its_place_without_what_only_the_first_understands() {
    let mut world = World::new(8);
    let signature = Signature { format: "anthropic".into(), id: None, value: "sig".into() };
    world.brain.says(move |request, answers, _| match (answers, all(request).contains("thought-1")) {
        (0, _) => reply(
            vec![
                Part::Reasoning { text: "thought-1".into(), signature: Some(signature.clone()) },
                Part::Call { id: "c1".into(), name: "ping".into(), arguments: "{}".into(), signature: None },
            ],
            Stop::Tools,
        ),
        (_, true) => refuses("request-refused", None),
        (_, false) => words("from the spare"),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let models: Vec<_> = world.brain.asked().into_iter().map(|(model, _, _)| model).collect();
    assert_eq!(models, ["main/one", "main/one", "spare/two"]);
}

#[tokio::test(start_paused = true)]
async fn when_no_model_is_left_the_run_fails_and_names_the_cause() {
    let mut world = World::new(9);
    world.brain.says(|_, _, _| refuses("provider-refused", None));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "failed (model-failed)").await;
    assert_eq!(
        message(&engine, &run).await,
        "spare/two gave no answer in step 1: provider-refused. provider-refused happened"
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_is_no_longer_the_pinned_one_ends_the_run_whatever_the_model_would_do() {
    let mut world = World::new(12);
    world.brain.says(|_, _, _| calls(&[("c1", "ping", json!({ "value": 1 }))]));
    world.hand.does("ping", Duration::ZERO, |_, _| {
        let message = "its description is different".to_owned();
        Err(ToolFailure { code: "tool-changed".into(), message, retryable: false, uncertain: false, retry_after: None })
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "failed (tool-failed)").await;
    assert_eq!(message(&engine, &run).await, "its description is different");
    assert_eq!(world.brain.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_breaks_its_promise_is_repaired_once() {
    let mut world = World::new(10);
    world.brain.says(|request, answers, _| match answers {
        0 => words("{\"n\": \"three\"}"),
        _ if last(request).contains("is not what the agent promises") => words("```json\n{\"n\": 3}\n```"),
        _ => words("never"),
    });
    let (engine, _stop, _) = world.serve();
    let good = run(&engine, "promiser", json!({})).await;
    world.until(&good, "completed").await;
    assert_eq!(output(&engine, &good).await, json!({ "n": 3 }));
    world.brain.says(|_, _, _| words("{}"));
    let bad = run(&engine, "promiser", json!({})).await;
    world.until(&bad, "failed (model-failed)").await;
    assert!(message(&engine, &bad).await.contains("answering twice, gave no answer that can be used"));
    assert_eq!(world.brain.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_model_may_ask_a_person_and_keep_an_artifact() {
    let mut world = World::new(11);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[
            ("c1", "ask_person", json!({ "question": "Which tone?" })),
            ("c2", "keep_artifact", json!({ "name": "a.md", "content": "# A" })),
        ]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "waiting (input)").await;
    assert_eq!(engine.view(&ana(), &run).await.unwrap().question.unwrap().question, "Which tone?");
    engine.answer(&ana(), &run, None, json!("dry")).await.unwrap();
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    assert!(told.starts_with("dry\nKept as a.md, artifact art_"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_context_is_shown_with_its_digest_and_as_what_it_is() {
    let mut world = World::new(12);
    world.brain.says(|request, _, _| words(&last(request)));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "scholar", json!({})).await;
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    assert!(told.contains(": context history, sha256:"), "{told}");
    assert!(told.contains("{\"commits\":[\"a\",\"b\",\"c\"]}"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn the_oldest_results_give_way_when_a_conversation_no_longer_fits_and_the_record_says_which() {
    let mut world = World::new(13);
    world.hand.does("ping", Duration::ZERO, |_, _| Ok(json!({ "value": "x".repeat(760) })));
    world.brain.says(move |request, answers, _| match answers {
        0..=3 => calls(&[(&*format!("c{answers}"), "ping", json!({}))]),
        _ => words(&all(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "scholar", json!({})).await;
    world.until(&run, "completed").await;
    let sizes: Vec<usize> = world.brain.asked().iter().map(|(_, _, request)| all(request).len()).collect();
    assert!(sizes.iter().all(|size| *size < 8000), "{sizes:?}");
    let last = engine.step_view(&ana(), &run, 9).await.unwrap();
    let dropped: Vec<_> = last.arguments["dropped"].as_array().unwrap().iter().map(|it| &it["call"]).collect();
    assert_eq!(dropped, ["c0", "c1"]);
    let shown = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    assert_eq!(shown.matches("left out to make room").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_long_result_is_cut_and_says_so() {
    let mut world = World::new(14);
    world.hand.does("ping", Duration::ZERO, |_, _| Ok(json!({ "value": "ü".repeat(3000) })));
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({}))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "scholar", json!({})).await;
    world.until(&run, "completed").await;
    let told = output(&engine, &run).await["text"].as_str().unwrap().to_owned();
    assert!(told.ends_with("; cut: the first 2000 of 6012 bytes ---"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn every_decision_of_a_model_run_is_derived_again_from_its_journal() {
    let mut world = World::new(15);
    world.brain.says(|_, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 1 })), ("c2", "ping", json!({ "value": 2 }))]),
        1 => calls(&[("c1", "ping", json!({ "value": 3 }))]),
        _ => words("done"),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "completed").await;
    let report = engine.replay(&ana(), &run).await.unwrap();
    assert_eq!((report.decisions, report.first_difference), (7, None));
    assert_eq!(report.label, "model");
}

#[tokio::test(start_paused = true)]
async fn a_fork_goes_on_from_the_middle_of_a_conversation_and_asks_nothing_twice() {
    let mut world = World::new(16);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 1 }))]),
        1 => calls(&[("c1", "ping", json!({ "value": 2 }))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let first = run(&engine, "thinker", steps(1)).await;
    world.until(&first, "completed").await;
    let fork = affiant_engine::Fork { run: first.clone(), from_step: 3, input: None, budget: None, dry_run: false };
    let forked = engine.fork(&ana(), fork).await.unwrap().submitted.unwrap().run;
    world.until(&forked, "completed").await;
    assert_eq!(output(&engine, &forked).await, output(&engine, &first).await);
    assert_eq!(world.brain.asked().len(), 4);
    assert_eq!(all(&world.brain.asked()[3].2), all(&world.brain.asked()[2].2));
}

#[tokio::test(start_paused = true)]
async fn whoever_listens_hears_the_words_while_they_come() {
    let mut world = World::new(17);
    world.brain.says(|_, answers, _| match answers {
        0 => calls(&[("c1", "ask_person", json!({ "question": "Go on?" }))]),
        _ => words("going on"),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    world.until(&run, "waiting (input)").await;
    let mut listening = engine.listen(&tenant(), &run);
    engine.answer(&ana(), &run, None, json!("yes")).await.unwrap();
    world.until(&run, "completed").await;
    let heard = listening.recv().await.unwrap();
    assert_eq!((heard.step, heard.delta), (1, Delta::Text { text: "going on".into() }));
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_would_ask_a_model_as_a_tool_and_past_its_budget_does_not_run() {
    let body = "tools: [{ operation: model.call@1.0.0 }]\nplanner:\n  kind: rules\n  rules:\n    \
                - { id: done, then: { finish: {} } }\n";
    let mut world = World::knowing(1, vec![agent("smuggler", body)]);
    let engine = world.boot();
    let refused = engine.submit(&ana(), submit("smuggler", json!({})), None).await.unwrap_err();
    assert!(refused.to_string().contains("only the planner `model` calls it"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_run_breaks_its_call_of_a_model_off_and_keeps_what_that_used() {
    let mut world = World::new(18);
    world.brain.says(|_, _, _| words("too late"));
    world.brain.thinks_for(Duration::from_secs(300));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    while world.brain.asked().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = tokio::time::Instant::now();
    engine.cancel(&ana(), &run, Cancel::default()).await.unwrap();
    world.until(&run, "cancelled").await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(
        world.story(&run).await,
        "run.submitted run.claimed step.decided run.cancel_requested step.failed run.cancelled"
    );
    assert_eq!(engine.view(&ana(), &run).await.unwrap().run.usage.unwrap().tokens, 73);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_ends_in_time_is_late_and_not_cancelled_and_is_made_again() {
    let mut world = World::new(19);
    world.brain.says(|_, _, _| words("there"));
    world.brain.thinks_for(Duration::from_secs(700));
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(1)).await;
    while world.brain.asked().len() < 2 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    world.brain.thinks_for(Duration::from_secs(1));
    let codes = world.journal(&run).await.into_iter().filter_map(|event| match event.body {
        Body::StepFailed(it) => Some((it.code.to_string(), it.retry_at.is_some(), it.usage.map(|usage| usage.tokens))),
        _ => None,
    });
    assert_eq!(codes.collect::<Vec<_>>(), [("timeout".to_owned(), true, Some(73))]);
}
