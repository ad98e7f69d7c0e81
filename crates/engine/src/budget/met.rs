//! What is said when a budget is met: to the record in fields, to people in a sentence with a way out.

use affiant_contract::ModelName;
use affiant_journal::{MetBudget, Money};

use crate::ports::{Counted, Day};

/// Why a call of a model does not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// Others hold back what is missing; it may come back.
    ForNow(Met),
    /// A budget is used up.
    Met(Met),
    /// There is a budget of money, and the model has no price.
    NoPrice {
        /// The model.
        model: ModelName,
        /// Version of the price table.
        prices: String,
        /// Whose budget it is, as [`Met::scope`] has it.
        scope: String,
    },
}

/// A budget that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Met {
    /// `run`, or `agent:KEY`, `connection:NAME`, `tenant`.
    pub(crate) scope: String,
    /// The day of a budget for a day.
    pub(crate) day: Option<Day>,
    pub(crate) counted: Counted,
    pub(crate) currency: String,
    /// Money in billionths, or tokens.
    pub(crate) most: u64,
    /// What was used, and held back for others.
    pub(crate) used: u64,
    pub(crate) needed: u64,
}

impl Met {
    /// For the record.
    pub(crate) fn recorded(&self) -> MetBudget {
        MetBudget {
            counted: self.word().into(),
            currency: (self.counted == Counted::Cost).then(|| self.currency.clone()),
            day: self.day.map(|day| day.to_string()),
            most: self.plain(self.most),
            needed: self.plain(self.needed),
            scope: self.scope.as_str().into(),
            used: self.plain(self.used),
        }
    }

    /// For people.
    pub(crate) fn sentence(&self) -> String {
        let [used, most, needed] = [self.used, self.most, self.needed].map(|number| self.with_unit(number));
        let Some(day) = self.day else {
            let flag = self.word();
            return format!(
                "the run has used {used} of its budget of {most}, and the next call of a model may need {needed}. To go \
                 on from here: affiant run retry RUN --budget-{flag} AMOUNT"
            );
        };
        let whose = match self.scope.split_once(':') {
            Some(("agent", key)) => format!("runs of {key}"),
            Some((_, name)) => format!("calls over the connection {name}"),
            None => "runs of this tenant".to_owned(),
        };
        format!(
            "{whose} have used {used} of {most} for {day}, and the next call of a model may need {needed}. The next day \
             begins at {}; to go on then, or after the budget was raised: affiant run retry RUN --resume",
            day.next().begins()
        )
    }

    fn word(&self) -> &'static str {
        match self.counted {
            Counted::Cost => "cost",
            Counted::Tokens => "tokens",
        }
    }

    fn plain(&self, number: u64) -> String {
        match self.counted {
            Counted::Cost => Money(number).to_string(),
            Counted::Tokens => number.to_string(),
        }
    }

    fn with_unit(&self, number: u64) -> String {
        match self.counted {
            Counted::Cost => format!("{} {}", Money(number), self.currency),
            Counted::Tokens => format!("{number} tokens"),
        }
    }
}

/// For people, when a model has no price and there is a budget of money.
pub(crate) fn no_price(model: &ModelName, prices: &str, scope: &str) -> String {
    let whose = match scope.split_once(':') {
        Some(("agent", key)) => format!("the agent {key} has a budget of money for the day"),
        Some((_, name)) => format!("the connection {name} has a budget of money for the day"),
        None if scope == "run" => "the run has a budget of money".to_owned(),
        None => "this tenant has a budget of money for the day".to_owned(),
    };
    format!(
        "{whose}, and the price table `{prices}` has no price for {model}, so nothing was asked. Add a row for it to a \
         table of your own (`prices = \"FILE\"` in affiant.toml), or bound tokens there instead of money"
    )
}

/// For people, when a run has no more of what is counted whole.
pub(crate) fn used_up(what: &str, most: u64, flag: &str) -> String {
    format!(
        "the run has used up its {what}: {most}. To go on from here: affiant run retry RUN --resume, or with another \
         number: affiant run retry RUN --budget-{flag} NUMBER"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_without_a_price_is_said_with_the_budget_that_asks_for_one() {
        let model: ModelName = "local/small".parse().unwrap();
        let said = ["run", "agent:triage", "connection:local", "tenant"].map(|scope| no_price(&model, "2026", scope));
        let whose = said.map(|text| text.split_once(", and").unwrap().0.to_owned());
        assert_eq!(
            whose,
            [
                "the run has a budget of money",
                "the agent triage has a budget of money for the day",
                "the connection local has a budget of money for the day",
                "this tenant has a budget of money for the day",
            ]
        );
    }

    #[test]
    fn people_are_told_whose_budget_it_is_how_it_stands_and_what_to_do() {
        let met = Met {
            scope: "run".into(),
            day: None,
            counted: Counted::Cost,
            currency: "USD".into(),
            most: 500_000_000,
            used: 490_000_000,
            needed: 37_500_000,
        };
        assert_eq!(
            met.sentence(),
            "the run has used 0.49 USD of its budget of 0.5 USD, and the next call of a model may need 0.0375 USD. To go \
             on from here: affiant run retry RUN --budget-cost AMOUNT"
        );
        let day = Met { scope: "agent:triage".into(), day: Some(Day(20_780)), counted: Counted::Tokens, ..met };
        assert_eq!(
            day.sentence(),
            "runs of triage have used 490000000 tokens of 500000000 tokens for 2026-11-23, and the next call of a model \
             may need 37500000 tokens. The next day begins at 2026-11-24T00:00:00.000000Z; to go on then, or after the \
             budget was raised: affiant run retry RUN --resume"
        );
        assert_eq!(
            serde_json::to_string(&day.recorded()).unwrap(),
            "{\"counted\":\"tokens\",\"day\":\"2026-11-23\",\
            \"most\":\"500000000\",\"needed\":\"37500000\",\"scope\":\"agent:triage\",\"used\":\"490000000\"}"
        );
    }
}
