//! `agent.metrics`: how runs of the last days ended, how long they took, and what models used.

use std::{collections::BTreeMap, sync::Arc};

use affiant_engine::ports::{Amount, Day, RunQuery, RunRow, Spent, Window};
use affiant_journal::TenantId;
use serde::{Deserialize, Serialize};

use crate::{
    gateway::{Context, Handlers},
    handlers::{services::Services, wire::Moment},
    problem::Refusal,
};

/// Days that are looked at when the caller does not say.
const DAYS: i64 = 7;

/// The most runs that are counted for one reply; it comes within a tenth of a second.
const MOST: usize = 10_000;

/// Rows that are read at once.
const CHUNK: usize = 500;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.metrics", "^1", move |context, input| metrics(services.clone(), context, input))
}

/// Input of `agent.metrics`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    days: Option<i64>,
}

/// Output of `agent.metrics`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Output {
    from: Moment,
    until: Moment,
    examined: u64,
    complete: bool,
    agents: Vec<OfAgent>,
    days: Vec<OfDay>,
    connections: Vec<OfConnection>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfAgent {
    agent_key: String,
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    under_way: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_median_micros: Option<u64>,
    #[serde(rename = "tookP95Micros", skip_serializing_if = "Option::is_none")]
    took_p95_micros: Option<u64>,
    used: Vec<Used>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfDay {
    day: String,
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    used: Vec<Used>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfConnection {
    name: String,
    used: Vec<Used>,
}

/// What calls of models used, in one currency.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Used {
    currency: String,
    cost: String,
    tokens: u64,
    calls: u64,
}

async fn metrics(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let (tenant, now) = (&context.who.tenant, services.clock.now());
    let today = Day::from(now);
    let first = Day(today.0 - input.days.unwrap_or(DAYS) + 1);
    let (rows, complete) = newest(&services, tenant, first).await?;
    let (mut agents, mut days) = (BTreeMap::<String, Count>::new(), BTreeMap::<Day, Count>::new());
    for row in &rows {
        agents.entry(row.agent.to_string()).or_default().add(row);
        days.entry(Day::from(row.submitted_at)).or_default().add(row);
    }
    let mut uses = Uses::default();
    let mut of_days = Vec::new();
    for day in (first.0..=today.0).map(Day) {
        let spent = services.store.spent(tenant, day).await?;
        let count = days.remove(&day).unwrap_or_default();
        of_days.push(count.of_day(day, uses.add(&spent)));
    }
    for agent in uses.agents.keys() {
        agents.entry(agent.clone()).or_default();
    }
    let agents = agents.into_iter().map(|(key, count)| {
        let used = used(uses.agents.remove(&key).unwrap_or_default());
        count.of_agent(key, used)
    });
    Ok(Output {
        from: first.begins().into(),
        until: now.into(),
        examined: rows.len() as u64,
        complete,
        agents: agents.collect(),
        days: of_days,
        connections: uses.connections.into_iter().map(|(name, sum)| OfConnection { name, used: used(sum) }).collect(),
    })
}

/// The newest runs since a day began, and whether those are all.
async fn newest(services: &Services, tenant: &TenantId, first: Day) -> Result<(Vec<RunRow>, bool), Refusal> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let window = Window { limit: CHUNK, offset: 0, after };
        let query = RunQuery { since: Some(first.begins()), window, ..RunQuery::default() };
        let mut page = services.store.runs(tenant, query).await?;
        rows.append(&mut page.rows);
        after = page.next;
        if after.is_none() || rows.len() >= MOST {
            return Ok((rows, after.is_none()));
        }
    }
}

/// Runs that were counted together.
#[derive(Debug, Default)]
struct Count {
    runs: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    took: Vec<u64>,
}

impl Count {
    fn add(&mut self, row: &RunRow) {
        self.runs += 1;
        match &*row.status {
            "completed" => self.completed += 1,
            "failed" => self.failed += 1,
            "cancelled" => self.cancelled += 1,
            _ => {}
        }
        let took = row.ended_at.zip(row.started_at).map(|(end, start)| end.0.saturating_sub(start.0));
        self.took.extend(took.and_then(|took| u64::try_from(took).ok()));
    }

    fn of_agent(mut self, agent_key: String, used: Vec<Used>) -> OfAgent {
        self.took.sort_unstable();
        let below = |hundredths: usize| {
            let rank = (self.took.len() * hundredths).div_ceil(100);
            self.took.get(rank.saturating_sub(1)).copied()
        };
        let ended = self.completed + self.failed + self.cancelled;
        OfAgent {
            agent_key,
            runs: self.runs,
            completed: self.completed,
            failed: self.failed,
            cancelled: self.cancelled,
            under_way: self.runs - ended,
            took_median_micros: below(50),
            took_p95_micros: below(95),
            used,
        }
    }

    fn of_day(self, day: Day, used: Vec<Used>) -> OfDay {
        let Self { runs, completed, failed, cancelled, .. } = self;
        OfDay { day: day.to_string(), runs, completed, failed, cancelled, used }
    }
}

/// Amounts by currency.
type Sum = BTreeMap<Arc<str>, Amount>;

/// What was used, by who used it.
#[derive(Debug, Default)]
struct Uses {
    agents: BTreeMap<String, Sum>,
    connections: BTreeMap<String, Sum>,
}

impl Uses {
    /// Takes what a day's scopes have used, and gives what the tenant used on that day.
    fn add(&mut self, spent: &[Spent]) -> Vec<Used> {
        let mut whole = Sum::new();
        for Spent { scope, currency, settled, .. } in spent {
            let sum = match scope.split_once(':') {
                None => &mut whole,
                Some(("agent", key)) => self.agents.entry(key.to_owned()).or_default(),
                Some(("connection", name)) => self.connections.entry(name.to_owned()).or_default(),
                Some(_) => continue,
            };
            let before = sum.entry(currency.clone()).or_default();
            *before = before.plus(*settled);
        }
        used(whole)
    }
}

fn used(sum: Sum) -> Vec<Used> {
    let shown = |(currency, amount): (Arc<str>, Amount)| Used {
        currency: currency.to_string(),
        cost: amount.cost.to_string(),
        tokens: amount.tokens,
        calls: amount.calls,
    };
    sum.into_iter().filter(|(_, amount)| *amount != Amount::default()).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use affiant_contract::Pick;
    use affiant_journal::Money;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        gateway::{Call, SurfaceName},
        testing::World,
    };

    async fn call(world: &World, key: &str, input: Value) -> Value {
        let call = Call::new(key, Pick::Newest, input, SurfaceName::Rest);
        let call = Call { credential: world.credential("admin"), ..call };
        world.gateway.call(call).await.outcome.unwrap().value()
    }

    #[tokio::test]
    async fn runs_are_counted_on_the_day_they_were_submitted_by_how_they_ended() {
        let world = World::shipped();
        let submit = async |agent: &str| call(&world, "agent.run", json!({ "agentKey": agent })).await;
        submit("echo").await;
        world.clock.advance(Duration::from_secs(86_400));
        let run = submit("echo").await["runId"].clone();
        call(&world, "agent.cancel", json!({ "runId": run })).await;
        let told = call(&world, "agent.metrics", json!({ "days": 2 })).await;
        let echo = &told["agents"][0];
        assert_eq!((&echo["runs"], &echo["cancelled"], &echo["underWay"]), (&json!(2), &json!(1), &json!(1)));
        let days: Vec<&Value> = told["days"].as_array().unwrap().iter().map(|day| &day["runs"]).collect();
        assert_eq!((days, &told["complete"], &told["examined"]), (vec![&json!(1), &json!(1)], &json!(true), &json!(2)));
        let today = call(&world, "agent.metrics", json!({ "days": 1 })).await;
        assert_eq!((&today["examined"], &today["agents"][0]["underWay"]), (&json!(1), &json!(0)));
    }

    #[test]
    fn the_middle_and_the_slow_end_are_of_runs_that_ended() {
        let took = |took: Vec<u64>| Count { took, ..Count::default() }.of_agent("a".into(), Vec::new());
        let of = |it: OfAgent| (it.took_median_micros, it.took_p95_micros);
        assert_eq!(of(took(vec![])), (None, None));
        assert_eq!(of(took(vec![7])), (Some(7), Some(7)));
        assert_eq!(of(took((1..=100).rev().collect())), (Some(50), Some(95)));
    }

    #[test]
    fn what_scopes_used_is_told_apart_and_currencies_are_not_added() {
        let spent = |scope: &str, currency: &str, cost| Spent {
            scope: scope.into(),
            currency: currency.into(),
            settled: Amount { cost: Money(cost), tokens: 1, calls: 1 },
            reserved: Amount::default(),
        };
        let mut uses = Uses::default();
        let day = [spent("tenant", "USD", 5), spent("tenant", "EUR", 7), spent("agent:a", "USD", 5)];
        let whole: Vec<(String, String)> = uses.add(&day).into_iter().map(|it| (it.currency, it.cost)).collect();
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect::<Vec<_>>();
        assert_eq!(whole, texts(&[("EUR", "0.000000007"), ("USD", "0.000000005")]));
        uses.add(&[spent("agent:a", "USD", 2), spent("connection:c", "USD", 2)]);
        assert_eq!(uses.agents["a"]["USD"], Amount { cost: Money(7), tokens: 2, calls: 2 });
        assert_eq!(uses.connections["c"]["USD"].calls, 1);
    }
}
