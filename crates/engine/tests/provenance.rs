//! Where things in a run came from, read from journals of runs that really ran.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use affiant_engine::{
    Engine, Fork, Resolve,
    provenance::{Basis, Graph, Id, Kind, Known, Near, Relation, derive},
    snapshot::Snapshot,
};
use affiant_journal::{Body, Event, RunId};
use serde_json::json;
use world::{brain::*, *};

/// The graph of a run, checked for what holds of all of them.
async fn graph(world: &World, engine: &Engine, run: &RunId) -> Graph {
    shown(world, engine, run, &BTreeMap::new()).await
}

async fn shown(world: &World, engine: &Engine, run: &RunId, shown: &BTreeMap<u64, BTreeSet<String>>) -> Graph {
    let events = world.journal(run).await;
    let Body::RunSubmitted(submitted) = &events[0].body else { panic!("a run begins with run.submitted") };
    let agent = engine.agent_of(submitted);
    let named = engine.view(&ana(), run).await.unwrap().run.snapshot;
    let snapshot = match named {
        Some(named) => Snapshot::load(&world.ports, &tenant(), &named.id).await.unwrap(),
        None => None,
    };
    let known = Known { events: &events, agent: agent.as_deref(), snapshot: snapshot.as_ref(), shown };
    let graph = derive(&known);
    holds(&graph, &events);
    for cut in 1..events.len() {
        // A run that is under way, and one of which only the end was read.
        holds(&derive(&Known { events: &events[..cut], ..known }), &events[..cut]);
        let end: Vec<Event> = [&events[..1], &events[cut..]].concat();
        holds(&derive(&Known { events: &end, agent: None, snapshot: None, ..known }), &end);
    }
    graph
}

/// Every edge joins two nodes and cites events that exist, and nothing came from itself.
fn holds(graph: &Graph, events: &[Event]) {
    let all: BTreeSet<u64> = events.iter().map(|event| event.seq).collect();
    for (id, node) in &graph.nodes {
        assert!(!node.events.is_empty() && node.events.is_subset(&all), "{id}: {:?}", node.events);
    }
    for ((from, to, _), edge) in &graph.edges {
        assert!(graph.nodes.contains_key(from) && graph.nodes.contains_key(to), "{from} {to}");
        assert!(!edge.events.is_empty() && edge.events.is_subset(&all), "{from} {to}: {:?}", edge.events);
    }
    // Whatever has no source left is taken away, until nothing is left: no circles.
    let mut left: BTreeSet<(&Id, &Id)> = graph.edges.keys().map(|(from, to, _)| (from, to)).collect();
    while !left.is_empty() {
        let later: BTreeSet<&Id> = left.iter().map(|(from, _)| *from).collect();
        let before = left.len();
        left.retain(|(_, to)| later.contains(to));
        assert!(left.len() < before, "something came from itself: {left:?}");
    }
}

/// Edges that lead from a node, as lines.
fn from(graph: &Graph, id: &str) -> String {
    let edges = graph.edges.iter().filter(|((from, ..), _)| from.to_string() == id);
    let line = |((_, to, relation), edge): (&(Id, Id, Relation), &affiant_engine::provenance::Edge)| {
        let reads: Vec<String> = edge.reads.iter().map(|(read, basis)| format!("{read} ({basis:?})")).collect();
        format!("{relation:?} {to} {:?} {:?} {}", edge.basis, edge.events, reads.join(", ")).trim_end().to_owned()
    };
    edges.map(line).collect::<Vec<_>>().join("\n")
}

/// The only id that begins so.
fn only(graph: &Graph, begins: &str) -> String {
    let mut found = graph.nodes.keys().map(Id::to_string).filter(|id| id.starts_with(begins));
    found.next().filter(|_| found.next().is_none()).unwrap_or_else(|| panic!("{begins}: {:?}", graph.nodes.keys()))
}

async fn approved(world: &World, engine: &Arc<Engine>, run: &RunId) {
    world.until(run, "waiting (approval)").await;
    let yes = Resolve { run: run.clone(), approval: None, action: None, approve: true, comment: None };
    engine.resolve(&ana(), yes).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_rule_read_is_recorded_and_what_it_used_stands_in_its_text() {
    let mut world = World::new(1);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "keeper", json!({})).await;
    world.until(&run, "completed").await;
    let graph = graph(&world, &engine, &run).await;
    let artifact = only(&graph, "artifact:");
    insta::assert_snapshot!(from(&graph, &artifact), @"WasGeneratedBy decision:4 Recorded {4}");
    insta::assert_snapshot!(from(&graph, "decision:4"), @"Used step:0 Contract {4} steps.e.result.value (Contract)");
    insta::assert_snapshot!(from(&graph, "step:0"), @"WasInformedBy decision:2 Recorded {2}");
    insta::assert_snapshot!(from(&graph, "output"), @"WasGeneratedBy decision:5 Recorded {5}");
    let last = from(&graph, "decision:5").replace(&artifact, "artifact");
    insta::assert_snapshot!(last, @"Used artifact Contract {5} artifacts.a.txt.digest (Contract)");
    assert_eq!(graph.nodes[&Id::Step(0)].digest.is_some(), graph.nodes[&Id::Step(0)].events.contains(&3));
}

#[tokio::test(start_paused = true)]
async fn items_of_the_snapshot_lead_to_the_step_that_read_them() {
    let mut world = World::new(2);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "reader", json!({})).await;
    world.until(&run, "completed").await;
    let graph = graph(&world, &engine, &run).await;
    insta::assert_snapshot!(from(&graph, &only(&graph, "decision:4")), @"Used item:history Contract {4} snapshot.items.history.value.commits (Contract)");
    insta::assert_snapshot!(from(&graph, "item:history"), @"PartOf snapshot Recorded {3}");
    insta::assert_snapshot!(from(&graph, "snapshot"), @"WasGeneratedBy step:0 Recorded {3}");
    assert!(graph.sources(&Id::Output).contains(&Id::Item("history".into())));
}

#[tokio::test(start_paused = true)]
async fn an_approval_leads_to_whoever_gave_it_and_an_input_to_whoever_sent_it() {
    let mut world = World::new(3);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "writer", json!({ "value": 1 })).await;
    approved(&world, &engine, &run).await;
    world.until(&run, "completed").await;
    let graph = graph(&world, &engine, &run).await;
    let approval = only(&graph, "approval:");
    assert!(from(&graph, "step:0").contains(&format!("WasInformedBy {approval} Recorded")));
    insta::assert_snapshot!(from(&graph, &approval), @r"
    WasInformedBy decision:2 Recorded {3}
    WasAttributedTo person:u_ana Recorded {4}
    ");
    insta::assert_snapshot!(from(&graph, "input"), @"WasAttributedTo person:u_ana Recorded {0}");
    assert_eq!(graph.nodes[&Id::Person("u_ana".into())].kind, Kind::Person);
    let label = graph.nodes.iter().find(|(id, _)| id.to_string() == approval).unwrap().1.label.clone();
    assert_eq!(label, "step 0 approved");
}

#[tokio::test(start_paused = true)]
async fn an_answer_leads_to_the_rule_that_asked_and_to_whoever_answered() {
    let mut world = World::new(4);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "asker", json!({})).await;
    world.until(&run, "waiting (input)").await;
    engine.answer(&ana(), &run, None, json!("warm")).await.unwrap();
    world.until(&run, "completed").await;
    let graph = graph(&world, &engine, &run).await;
    insta::assert_snapshot!(from(&graph, "answer:tone"), @r"
    WasInformedBy decision:2 Recorded {2}
    WasAttributedTo person:u_ana Recorded {3}
    ");
    assert!(graph.sources(&Id::Output).contains(&Id::Answer("tone".into())));
}

#[tokio::test(start_paused = true)]
async fn a_model_leads_to_what_it_was_told_and_what_it_wanted_leads_to_its_answer() {
    let mut world = World::new(5);
    world.brain.says(|request, answers, _| match answers {
        0 => calls(&[("c1", "ping", json!({ "value": 41 })), ("c2", "ping", json!({ "value": 42 }))]),
        1 => calls(&[("k1", "keep_artifact", json!({ "name": "a.md", "content": "it said 41" }))]),
        _ => words(&last(request)),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "scholar", json!({})).await;
    world.until(&run, "completed").await;
    let items = BTreeMap::from([(1, BTreeSet::from(["history".to_owned()]))]);
    let graph = shown(&world, &engine, &run, &items).await;
    assert_eq!(graph.nodes[&Id::Step(1)].kind, Kind::Model);
    let first = from(&graph, "step:1");
    assert!(first.contains("Used item:history Recorded") && first.contains("Used input Recorded"), "{first}");
    assert_eq!(from(&graph, "step:2").split(' ').collect::<Vec<_>>()[..2], ["WasInformedBy", "step:1"]);
    let second = from(&graph, "step:4");
    let told: Vec<&str> = second.lines().map(|line| line.split(" Recorded").next().unwrap()).collect();
    assert_eq!(told, ["WasInformedBy step:1", "Used step:2", "Used step:3"]);
    assert!(from(&graph, &only(&graph, "artifact:")).starts_with("WasGeneratedBy step:4 Recorded"));
    assert!(from(&graph, "output").starts_with("WasGeneratedBy step:5 Recorded"));
    assert!(graph.sources(&Id::Output).contains(&Id::Item("history".into())));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_is_asked_because_another_failed_leads_to_that_one() {
    let mut world = World::new(6);
    world.brain.says(|request, _, _| match request.messages.len() {
        _ if request.parameters == Default::default() && request.instructions.contains("9 steps") => words("done"),
        _ => refuses("provider-refused", None),
    });
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "thinker", steps(3)).await;
    world.until(&run, "failed (model-failed)").await;
    let graph = graph(&world, &engine, &run).await;
    assert!(from(&graph, "step:1").contains("WasInformedBy step:0 Recorded"));
    assert!(from(&graph, "output").contains("WasInformedBy step:1 Recorded"));
}

#[tokio::test(start_paused = true)]
async fn what_a_fork_took_over_leads_to_the_run_it_came_from() {
    let mut world = World::new(7);
    let (engine, _stop, _) = world.serve();
    let first = run(&engine, "keeper", json!({})).await;
    world.until(&first, "completed").await;
    let fork = Fork { run: first.clone(), from_step: 1, input: None, budget: None, dry_run: false };
    let second = engine.fork(&ana(), fork).await.unwrap().submitted.unwrap().run;
    world.until(&second, "completed").await;
    let graph = graph(&world, &engine, &second).await;
    assert!(from(&graph, "step:0").starts_with(&format!("WasDerivedFrom run:{first}:0 Recorded")));
    assert!(from(&graph, "input").contains(&format!("WasDerivedFrom run:{first} Recorded")));
    assert!(from(&graph, &only(&graph, "artifact:")).starts_with(&format!("WasDerivedFrom run:{first} Recorded")));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_was_a_run_of_an_agent_leads_to_that_run_and_that_run_to_the_step() {
    let mut world = World::knowing(8, vec![boss("boss", &[("echo", json!({ "input": { "steps": 1 } }))], "")]);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "boss", json!({})).await;
    world.until(&run, "completed").await;
    let above = graph(&world, &engine, &run).await;
    let child = RunId::new(only(&above, "run:").trim_start_matches("run:").to_owned());
    assert!(world.story(&child).await.starts_with("run.submitted"), "the child that is named is there");
    let below = graph(&world, &engine, &child).await;
    assert!(from(&below, "input").contains(&format!("WasDerivedFrom run:{run}:0 Recorded")));
}

#[tokio::test(start_paused = true)]
async fn what_is_near_a_node_is_bounded_and_connected() {
    let mut world = World::new(9);
    let (engine, _stop, _) = world.serve();
    let run = run(&engine, "echo", steps(40)).await;
    world.until(&run, "completed").await;
    let graph = graph(&world, &engine, &run).await;
    let near = graph.near(&Id::Step(7), Near { back: Some(2), forward: 2, most: 60 });
    let distances: Vec<String> = near.nodes.iter().map(|(id, far)| format!("{id} {far}")).collect();
    insta::assert_snapshot!(distances.join(", "), @"input -2, step:7 0, decision:16 -1");
    let all = graph.near(&Id::Input, Near { back: None, forward: 9, most: 10 });
    assert_eq!((all.nodes.len(), all.more > 50), (10, true));
    for (id, far) in all.nodes.iter().filter(|(_, far)| **far > 0) {
        let nearer = graph.edges.keys().any(|(from, to, _)| from == id && all.nodes.get(to) == Some(&(far - 1)));
        assert!(nearer, "{id} has no way to the focus");
    }
    let bases: BTreeSet<Basis> = graph.edges.values().map(|edge| edge.basis).collect();
    assert!(!bases.contains(&Basis::Words), "a graph of events says nothing of words");
}
