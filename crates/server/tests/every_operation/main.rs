//! Every operation, ours and a user's, in one table: who may call it, and that every way to call it says the same.
//!
//! The table is [`table::rows`]. An operation that is loaded and has no row fails both tests, and so does a row whose
//! operation is gone.

mod surfaces;
mod table;
mod things;
mod world;

use std::collections::BTreeSet;

use affiant_surface::gateway::Gateway;
use serde_json::Value;

use surfaces::{SURFACES, Surface};
use table::{CALLERS, NOT_BOUND, Row, SUCCEEDS};
use things::{SETS, Things};
use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_of_every_operation_meets_what_its_contract_says() {
    let world = World::start().await;
    let rows = table::rows();
    every_operation_stands_in(&rows, &world.gateway);
    // Calls change what they are about, so whoever succeeds has things of their own.
    let users = Things::make(&world, SETS[0]).await;
    let admins = Things::make(&world, SETS[1]).await;
    let others = Things::make(&world, SETS[2]).await;
    let mut wrong = Vec::new();
    for row in &rows {
        for (caller, cell) in CALLERS.iter().zip(row.cells) {
            let things = match *caller {
                "user" => &users,
                "admin" => &admins,
                _ => &others,
            };
            let answer = surfaces::ask(&world, Surface::Rest, caller, row.operation, (row.input)(things)).await;
            if outcome(&answer) != expected(row, cell, &world.gateway) {
                wrong.push(format!("{} as {caller}: expected {cell}, got {}", row.operation, told(&answer)));
            }
            if let (Ok(value), "other tenant") = (&answer, *caller)
                && let Some(seen) = others.seen_in(value)
            {
                wrong.push(format!("{} shows {seen} to another tenant: {value}", row.operation));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_surface_gives_the_same_reply_and_the_same_error() {
    let world = World::start().await;
    let rows = table::rows();
    every_operation_stands_in(&rows, &world.gateway);
    let mut sets = Vec::new();
    for (surface, name) in SURFACES.into_iter().zip(SETS) {
        sets.push((surface, Things::make(&world, name).await));
    }
    let mut wrong = Vec::new();
    for row in &rows {
        let admin = CALLERS.iter().position(|caller| *caller == "admin").expect("admins stand in the table");
        for (what, input, cell) in [("good", row.input, row.cells[admin]), ("wrong", row.wrong.0, row.wrong.1)] {
            let mut answers = Vec::new();
            for (surface, things) in &sets {
                let answer = surfaces::ask(&world, *surface, "admin", row.operation, input(things)).await;
                answers.push((surface.name(), answer.map(Things::masked)));
            }
            for (surface, answer) in &answers {
                let wanted = expected(row, cell, &world.gateway);
                if outcome(answer) != wanted || *answer != answers[0].1 {
                    let (first, answer) = (told(&answers[0].1), told(answer));
                    wrong.push(format!(
                        "{} {what}: {surface} {answer}\n  gateway {first}, table {wanted}",
                        row.operation
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn every_operation_stands_in(rows: &[Row], gateway: &Gateway) {
    let loaded: BTreeSet<String> = gateway.routes().map(|route| route.name.to_string()).collect();
    let listed: BTreeSet<String> = rows.iter().map(|row| row.operation.to_owned()).collect();
    let missing: Vec<_> = loaded.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&loaded).collect();
    assert!(missing.is_empty(), "add a row to the table for {missing:?}");
    assert!(gone.is_empty(), "no contract is loaded for the rows {gone:?}");
    assert_eq!(listed.len(), rows.len(), "an operation stands twice in the table");
}

/// What a cell comes to here: whatever nothing carries out yet is answered 501 to those who get in and send an input
/// that the contract allows.
fn expected(row: &Row, cell: &'static str, gateway: &Gateway) -> &'static str {
    let bound = gateway.routes().any(|route| *route.name == *row.operation && route.is_bound());
    let got_in = !cell.starts_with("401") && cell != "403 forbidden" && cell != "422 input-invalid";
    if bound || !got_in { cell } else { NOT_BOUND }
}

fn outcome(answer: &Result<Value, String>) -> &str {
    answer.as_ref().map_or_else(String::as_str, |_| SUCCEEDS)
}

fn told(answer: &Result<Value, String>) -> String {
    answer.as_ref().map_or_else(Clone::clone, Value::to_string)
}
