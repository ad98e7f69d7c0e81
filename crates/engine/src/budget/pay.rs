//! Paying for calls of models while a turn decides, and the end of a run that cannot pay.

use std::sync::Arc;

use affiant_contract::ModelName;
use affiant_journal::{MetBudget, RunFailed, Usage};

use super::{Met, NoRoom, met::no_price, room::Wanted};
use crate::{
    advance::Turn,
    decide,
    draft::Draft,
    ledger::{NotWritten, totals_of},
    rules::PlannedCall,
    work::{Opened, Work},
};

impl Work {
    /// Pays for a call, where it asks a model: holds back the most that it may use, and lets it write fewer tokens where
    /// only so many fit.
    pub(crate) fn pay(&mut self, call: &mut PlannedCall, turn: &Turn<'_>) -> Result<Option<Usage>, NoRoom> {
        let (Some(bytes), Some(purse)) = (call.sends, turn.purse) else { return Ok(None) };
        let Some(model) = call.arguments["model"].as_str().and_then(|name| name.parse::<ModelName>().ok()) else {
            return Ok(None);
        };
        let max_tokens = call.arguments["parameters"]["maxTokens"].as_u64().unwrap_or(u64::MAX);
        let wanted = Wanted { model: &model, bytes, max_tokens };
        let paid = purse.pay(self.run(), &self.ledger.pending.spend, wanted)?;
        if paid.max_tokens < max_tokens {
            call.arguments["parameters"]["maxTokens"] = paid.max_tokens.into();
        }
        self.ledger.pending.spend.push(paid.spend);
        Ok(Some(paid.reserved))
    }

    /// Whether what a step holds back is still there for another attempt.
    pub(crate) fn pay_again(&mut self, step: u64, turn: &Turn<'_>) -> Result<(), Met> {
        let (Some(purse), Some(model)) = (turn.purse, self.model_of(step)) else { return Ok(()) };
        let spend = purse.again(self.run(), step, &model)?;
        self.ledger.pending.spend.extend(spend);
        Ok(())
    }

    /// The model that a step asks.
    pub(crate) fn model_of(&self, step: u64) -> Option<ModelName> {
        self.run().step(step)?.reserved.as_ref()?;
        let arguments: serde_json::Value = serde_json::from_slice(&self.jobs.get(&step)?.arguments).ok()?;
        arguments["model"].as_str()?.parse().ok()
    }

    /// What becomes of a run whose next call has no room.
    pub(crate) fn starve(&mut self, no_room: NoRoom, rule: &Arc<str>, turn: &Turn<'_>) -> Result<(), NotWritten> {
        match no_room {
            NoRoom::ForNow(_) if turn.patient => {
                self.starved = true;
                Ok(())
            }
            NoRoom::ForNow(met) | NoRoom::Met(met) => self.end_met(met.recorded(), &met.sentence(), Some(rule), turn),
            NoRoom::NoPrice { model, prices, scope } => {
                self.end_failed("price-unknown", &no_price(&model, &prices, &scope), Some(rule), turn)
            }
        }
    }

    /// The end of a step whose next attempt cannot be paid for, and of its run.
    pub(crate) fn end_starved(
        &mut self,
        step: u64,
        attempt: u32,
        met: &Met,
        turn: &Turn<'_>,
    ) -> Result<(), NotWritten> {
        let message = met.sentence();
        let failed =
            decide::failed(step, attempt, "budget-exhausted", 0, None).with("/message", Some(message.as_str()));
        self.write(failed, &Opened { value: None, message: Some(&message) }, &turn.pen)?;
        self.end_met(met.recorded(), &message, None, turn)
    }

    /// The end of a run that met a budget.
    pub(crate) fn end_met(
        &mut self,
        met: MetBudget,
        message: &str,
        rule: Option<&Arc<str>>,
        turn: &Turn<'_>,
    ) -> Result<(), NotWritten> {
        let (rule, totals) = (rule.cloned(), totals_of(self.run()));
        let body = RunFailed { code: "budget-exhausted".into(), met: Some(met), rule, step: None, totals };
        self.write(Draft::from(body).with("/message", Some(message)), &Opened::default(), &turn.pen)
    }
}

/// A budget of a run that counts whole things.
pub(crate) fn bounds(counted: &str, most: u64, used: u64, needed: u64) -> MetBudget {
    MetBudget {
        counted: counted.into(),
        currency: None,
        day: None,
        most: most.to_string(),
        needed: needed.to_string(),
        scope: "run".into(),
        used: used.to_string(),
    }
}
