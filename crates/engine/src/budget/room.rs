//! How much a call may use, and what it used.

use std::sync::Arc;

use affiant_contract::ModelName;
use affiant_journal::{Money, Run, Usage};

use super::{Met, NoRoom, Purse, USEFUL, tokens_of};
use crate::{
    ports::{Amount, Ceiling, Counted, ModelUsage, Reservation, Spend, Spent},
    prices::{Price, Prices},
};

/// More than any provider counts, and what an event can hold.
const MOST_TOKENS: u64 = (1 << 53) - 1;

/// A call that is paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paid {
    /// The most tokens that it may write.
    pub(crate) max_tokens: u64,
    /// What is held back for it, for the record.
    pub(crate) reserved: Usage,
    /// What is held back for it, for the store.
    pub(crate) spend: Spend,
}

/// A call that wants to begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) model: &'a ModelName,
    /// Bytes that it sends.
    pub(crate) bytes: u64,
    /// The most tokens that it wants written.
    pub(crate) max_tokens: u64,
}

/// One budget as it stands.
#[derive(Clone, Debug)]
struct Stand {
    scope: Arc<str>,
    of_day: bool,
    ceiling: Ceiling,
    settled: Amount,
    reserved: Amount,
}

impl Purse {
    /// Pays for a call of a run: as it is wanted, or with fewer tokens where that is what fits.
    pub(crate) fn pay(&self, run: &Run, pending: &[Spend], wanted: Wanted<'_>) -> Result<Paid, NoRoom> {
        let stands = self.stands(run, pending, wanted.model);
        let price = self.price(wanted.model);
        let bounded = stands.iter().find(|stand| stand.ceiling.cost.is_some());
        if let (None, Some(stand)) = (price, bounded) {
            let (model, prices) = (wanted.model.clone(), self.prices.version().to_owned());
            return Err(NoRoom::NoPrice { model, prices, scope: stand.scope.to_string() });
        }
        let input = tokens_of(wanted.bytes);
        let fitting = |stand: &Stand, reserved: Amount| stand.output(price, input, reserved).min(wanted.max_tokens);
        let useful = USEFUL.min(wanted.max_tokens);
        let max_tokens = stands.iter().map(|stand| fitting(stand, stand.reserved)).min().unwrap_or(wanted.max_tokens);
        if max_tokens < useful {
            let short = |stand: &&Stand| fitting(stand, Amount::default()) < useful;
            let needed = amount(price, input, useful);
            return Err(match stands.iter().find(short) {
                Some(stand) => NoRoom::Met(self.met(stand, needed, price)),
                None => NoRoom::ForNow(self.met(lowest(&stands, |it| fitting(it, it.reserved)), needed, price)),
            });
        }
        Ok(self.paid(run, wanted.model, amount(price, input, max_tokens), price, max_tokens))
    }

    fn paid(&self, run: &Run, model: &ModelName, amount: Amount, price: Option<Price>, max_tokens: u64) -> Paid {
        let reservation = Reservation {
            run: run.id.clone(),
            step: run.count(),
            day: self.day,
            currency: self.prices.currency().into(),
            amount,
            scopes: self.scopes(model),
        };
        Paid { max_tokens, reserved: said(amount, price.is_some(), &self.prices), spend: Spend::Reserve(reservation) }
    }

    /// Whether what a step holds back may still be used by another attempt.
    pub(crate) fn again(&self, run: &Run, step: u64, model: &ModelName) -> Result<Option<Spend>, Met> {
        let Some(reserved) = run.step(step).and_then(|step| step.reserved.as_deref()) else { return Ok(None) };
        let amount = amount_of(reserved, 1);
        for stand in self.stands(run, &[], model) {
            // In the scopes of a day the step's own reservation stands among those held back.
            let needed = if stand.of_day { Amount::default() } else { amount };
            if let Some(counted) = stand.passed(needed) {
                let price = self.price(model);
                return Err(Met { counted, ..self.met(&stand, amount, price) });
            }
        }
        let (day, currency) = (self.day, self.prices.currency().into());
        let scopes = self.scopes(model);
        Ok(Some(Spend::Reserve(Reservation { run: run.id.clone(), step, day, currency, amount, scopes })))
    }

    /// Every budget that a call counts in, the run's own first.
    fn stands(&self, run: &Run, pending: &[Spend], model: &ModelName) -> Vec<Stand> {
        let budget = run.submitted.budget.clone().unwrap_or_default();
        let cost = budget.cost.map(|cost| cost.parse().unwrap_or(Money::ZERO));
        let own = Stand {
            scope: "run".into(),
            of_day: false,
            ceiling: Ceiling { cost, tokens: budget.tokens },
            settled: run.usage.as_ref().map(|usage| amount_of(usage, 0)).unwrap_or_default(),
            reserved: Amount::default(),
        };
        let days = self.scopes(model).into_iter().map(|(scope, ceiling)| {
            let (settled, reserved) = self.stand(&scope, run, pending);
            Stand { scope, of_day: true, ceiling, settled, reserved }
        });
        std::iter::once(own).chain(days).collect()
    }

    /// How a scope stands once what this turn has settled is stored.
    fn stand(&self, scope: &str, run: &Run, pending: &[Spend]) -> (Amount, Amount) {
        let of_scope = self.spent.iter().filter(|spent| *spent.scope == *scope);
        let (settled, reserved) = of_scope.fold(Default::default(), |sum: (Amount, Amount), spent| {
            (sum.0.plus(self.own(spent, spent.settled)), sum.1.plus(self.own(spent, spent.reserved)))
        });
        let settling = pending.iter().filter_map(|spend| match spend {
            Spend::Settle(it) => Some((it.used, run.step(it.step)?.reserved.as_deref().filter(|_| !it.again))),
            Spend::Reserve(_) => None,
        });
        settling.fold((settled, reserved), |(settled, reserved), (used, held)| {
            (settled.plus(used), reserved.less(held.map(|held| amount_of(held, 1)).unwrap_or_default()))
        })
    }

    /// Money of another currency does not count; tokens do.
    fn own(&self, spent: &Spent, amount: Amount) -> Amount {
        let ours = *spent.currency == *self.prices.currency();
        Amount { cost: if ours { amount.cost } else { Money::ZERO }, ..amount }
    }

    fn met(&self, stand: &Stand, needed: Amount, price: Option<Price>) -> Met {
        let counted = stand.passed(needed).unwrap_or(if price.is_some() { Counted::Cost } else { Counted::Tokens });
        let used = stand.settled.plus(stand.reserved);
        let of = |amount: Amount| if counted == Counted::Cost { amount.cost.0 } else { amount.tokens };
        Met {
            scope: stand.scope.to_string(),
            day: stand.of_day.then_some(self.day),
            counted,
            currency: self.prices.currency().to_owned(),
            most: match counted {
                Counted::Cost => stand.ceiling.cost.map_or(u64::MAX, |cost| cost.0),
                Counted::Tokens => stand.ceiling.tokens.unwrap_or(u64::MAX),
            },
            used: of(used),
            needed: of(needed),
        }
    }
}

impl Stand {
    /// How many tokens may be written when so many are read.
    fn output(&self, price: Option<Price>, input: u64, reserved: Amount) -> u64 {
        let used = self.settled.plus(reserved);
        let by_tokens =
            self.ceiling.tokens.map_or(u64::MAX, |most| most.saturating_sub(used.tokens).saturating_sub(input));
        let by_cost = match (self.ceiling.cost, price) {
            // What costs nothing fits into a budget that is used up, too.
            (Some(_), Some(price)) if price.most(input, MOST_TOKENS) == Money::ZERO => u64::MAX,
            (Some(most), Some(price)) => price.output_for(most.less(used.cost), input),
            _ => u64::MAX,
        };
        by_tokens.min(by_cost)
    }

    /// What would be passed if this were used too.
    fn passed(&self, needed: Amount) -> Option<Counted> {
        let sum = self.settled.plus(self.reserved).plus(needed);
        if self.ceiling.cost.is_some_and(|most| sum.cost > most) {
            Some(Counted::Cost)
        } else if self.ceiling.tokens.is_some_and(|most| sum.tokens > most) {
            Some(Counted::Tokens)
        } else {
            None
        }
    }
}

fn lowest(stands: &[Stand], of: impl Fn(&Stand) -> u64) -> &Stand {
    stands.iter().min_by_key(|stand| of(stand)).expect("a run is a budget of its own")
}

fn amount(price: Option<Price>, input: u64, output: u64) -> Amount {
    let cost = price.map_or(Money::ZERO, |price| price.most(input, output));
    Amount { cost, tokens: input.saturating_add(output), calls: 1 }
}

/// What the record says of an amount.
fn said(amount: Amount, priced: bool, prices: &Prices) -> Usage {
    let tokens = amount.tokens.min(MOST_TOKENS);
    Usage {
        cost: amount.cost.to_string(),
        currency: prices.currency().to_owned(),
        prices: priced.then(|| prices.version().to_owned()),
        tokens,
        unpriced: if priced { 0 } else { tokens },
    }
}

/// What a call used, as the record says it.
pub(crate) fn used(usage: &ModelUsage, price: Option<Price>, prices: &Prices) -> Usage {
    let [input, output, cached, cache_written, reasoning] =
        [usage.input, usage.output, usage.cached, usage.cache_written, usage.reasoning]
            .map(|it| it.min(MOST_TOKENS / 2));
    let usage = ModelUsage { input, output, cached, cache_written, reasoning };
    let cost = price.map_or(Money::ZERO, |price| price.cost(&usage));
    said(Amount { cost, tokens: usage.tokens(), calls: 1 }, price.is_some(), prices)
}

/// What the record says that was used, as it is counted.
pub(crate) fn amount_of(usage: &Usage, calls: u64) -> Amount {
    Amount { cost: usage.cost.parse().unwrap_or(Money::MAX), tokens: usage.tokens, calls }
}
