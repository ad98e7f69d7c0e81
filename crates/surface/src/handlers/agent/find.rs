//! Runs that a filter lets through: by the store's order where that says it, and one after the other where only their
//! journals do.

use affiant_engine::ports::{RunQuery, RunRow, Window};
use affiant_policy::Principal;
use futures::{StreamExt, stream};

use super::{
    filter::{Needs, Test, Words},
    status, usage,
};
use crate::{
    handlers::{history::may_see, services::Services},
    problem::Refusal,
};

/// Rows that are read at once.
const CHUNK: usize = 500;
/// Runs that are looked at side by side, so that a reply does not wait for one reader after the other.
const SIDE_BY_SIDE: usize = 16;

/// What was found.
pub(super) struct Found {
    /// The runs of one page.
    pub(super) rows: Vec<RunRow>,
    /// How many match on all pages, where that is known.
    pub(super) total: Option<u64>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
    /// How many runs were looked at, where they were looked at one by one.
    pub(super) examined: Option<u64>,
}

/// A page of the runs for which all tests hold.
///
/// # Errors
///
/// When the store does not answer, or the cursor is none.
pub(super) async fn runs(
    services: &Services,
    who: &Principal,
    query: RunQuery,
    tests: &[Test],
) -> Result<Found, Refusal> {
    let Some(most) = tests.last().map(|test| patience(test.needs())) else {
        let page = services.store.runs(&who.tenant, query).await?;
        return Ok(Found { rows: page.rows, total: Some(page.total), next: page.next, examined: None });
    };
    let whole = query.window.offset == 0 && query.window.after.is_none();
    let (mut rows, mut examined, mut passed) = (Vec::new(), 0, 0);
    let mut after = query.window.after.clone();
    loop {
        let part = |limit| RunQuery { window: Window { limit, offset: 0, after: after.clone() }, ..query.clone() };
        let page = services.store.runs(&who.tenant, part(CHUNK)).await?;
        let read = page.rows.len();
        let looks = stream::iter(page.rows).map(|row| async move { looked_at(services, who, tests, row).await });
        let mut looks = looks.buffered(SIDE_BY_SIDE).enumerate();
        while let Some((at, row)) = looks.next().await {
            examined += 1;
            let Some(row) = row? else { continue };
            passed += 1;
            if passed > query.window.offset {
                rows.push(row);
            }
            if rows.len() == query.window.limit {
                // The page is full in the middle of what was read: the store is asked for the place of this row.
                let here =
                    if at + 1 == read { page.next } else { services.store.runs(&who.tenant, part(at + 1)).await?.next };
                return Ok(Found { rows, total: None, next: here, examined: Some(examined) });
            }
        }
        if page.next.is_none() || examined >= most {
            let total = (whole && page.next.is_none()).then_some(rows.len() as u64);
            return Ok(Found { rows, total, next: page.next, examined: Some(examined) });
        }
        after = page.next;
    }
}

/// How many runs are looked at for one reply, so that it comes within about a tenth of a second: the rest is looked at
/// when the next page is asked for.
fn patience(needs: Needs) -> u64 {
    match needs {
        Needs::Row => 10_000,
        Needs::Usage | Needs::Words => 1_000,
    }
}

/// The row, if all tests hold for it.
async fn looked_at(
    services: &Services,
    who: &Principal,
    tests: &[Test],
    row: RunRow,
) -> Result<Option<RunRow>, Refusal> {
    Ok(holds(services, who, tests, &row).await?.then_some(row))
}

async fn holds(services: &Services, who: &Principal, tests: &[Test], row: &RunRow) -> Result<bool, Refusal> {
    let (mut used, mut words) = (None, None);
    for test in tests {
        if test.needs() == Needs::Usage && used.is_none() {
            used = Some(status::if_whole(usage::of_row(services, &who.tenant, row).await)?);
        }
        if test.needs() == Needs::Words && words.is_none() {
            words = Some(said(services, who, row).await?);
        }
        let words = words.as_ref().unwrap_or(&Words::NONE);
        if !test.holds(row, used.as_ref().and_then(Option::as_ref), words) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What was said to a run, as far as this caller may see it.
async fn said(services: &Services, who: &Principal, row: &RunRow) -> Result<Words, Refusal> {
    let first = status::if_whole(status::submitted(services, &who.tenant, &row.run).await)?;
    let given = match may_see(who, &row.actor) {
        true => services.opened_at(&who.tenant, &row.run.stream(), 0).await?,
        false => None,
    };
    Ok(Words { label: first.as_ref().and_then(status::label), given })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use affiant_contract::Pick;
    use serde_json::{Value, json};

    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn call(world: &World, caller: &str, key: &str, input: Value) -> Value {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential(caller), ..call };
        world.gateway.call(call).await.outcome.unwrap().value()
    }

    async fn submit(world: &World, caller: &str, input: Value, label: &str) {
        world.clock.advance(Duration::from_secs(1));
        let run = json!({ "agentKey": "echo", "input": input, "metadata": { "label": label } });
        call(world, caller, "agent.run", run).await;
    }

    /// Labels of what is found, how many runs were looked at, and how many there are.
    async fn found(world: &World, caller: &str, input: Value) -> (Vec<String>, Value, Value, Value) {
        let mut page = call(world, caller, "agent.status", input).await;
        let rows = page["runs"].as_array().into_iter().flatten();
        let labels = rows.map(|row| row["label"].as_str().unwrap().to_owned()).collect();
        (labels, page["examined"].take(), page["total"].take(), page["nextCursor"].take())
    }

    #[tokio::test]
    async fn what_was_said_to_runs_finds_them_for_those_who_may_see_it() {
        let world = World::shipped();
        submit(&world, "user", json!({ "value": { "team": "shop", "order": 7 } }), "one").await;
        submit(&world, "admin", json!({ "value": { "team": "shop" }, "steps": 2 }), "two").await;
        submit(&world, "admin", json!({ "value": "Out of STOCK" }), "three").await;
        let table = [
            ("admin", "input.value.team:shop", vec!["two", "one"]),
            ("user", "input.value.team:shop", vec!["one"]),
            ("admin", "-input.value.team:shop", vec!["three"]),
            // What the user may not see is neither something nor is it not.
            ("user", "-input.value.team:shop", vec![]),
            ("admin", "text:\"of stock\"", vec!["three"]),
            ("user", "text:stock", vec![]),
            // Labels are for everybody.
            ("user", "text:THREE", vec!["three"]),
            ("admin", "input.steps:2 input.value.team:s*", vec!["two"]),
            ("admin", "actor:u_user", vec!["one"]),
            ("admin", "-actor:u_user -text:stock", vec!["two"]),
            ("admin", "cost:0", vec![]),
        ];
        for (caller, q, labels) in table {
            let (found, examined, total, next) = found(&world, caller, json!({ "q": q })).await;
            assert_eq!(found, labels, "{caller} {q}");
            assert_eq!((examined, total, next), (3.into(), labels.len().into(), Value::Null), "{caller} {q}");
        }
    }

    #[tokio::test]
    async fn pages_of_what_was_looked_for_one_by_one_follow_one_another_without_gap() {
        let world = World::shipped();
        for number in 0..7 {
            submit(&world, "admin", json!({ "value": number % 2 }), &number.to_string()).await;
        }
        let (mut labels, mut input) = (Vec::new(), json!({ "q": "input.value:0", "limit": 2 }));
        loop {
            let (page, _, total, next) = found(&world, "admin", input.clone()).await;
            assert!(page.len() <= 2 && total.is_null());
            labels.extend(page);
            if next.is_null() {
                break;
            }
            input["cursor"] = next;
        }
        assert_eq!(labels, ["6", "4", "2", "0"]);
        let skipped = found(&world, "admin", json!({ "q": "input.value:0", "offset": 3 })).await;
        assert_eq!(skipped, (vec!["0".to_owned()], 7.into(), Value::Null, Value::Null));
    }
}
