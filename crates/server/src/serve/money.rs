//! What models cost here, and what tenants may spend.

use std::{path::Path, sync::Arc};

use affiant_engine::{
    DayBudgets,
    ports::Ceiling,
    prices::{PriceFile, Prices},
};
use affiant_journal::{Digest, TenantId};
use affiant_surface::cli::Failure;
use serde_json::{Value, json};

use crate::project::{BudgetsConfig, Config};

/// The table that is built in.
const BUILT_IN: &str = include_str!("../../../../prices/prices.toml");

/// The price table of a server, and the digest of its file.
///
/// # Errors
///
/// Says what is wrong with the file.
pub(super) fn prices(config: &Config, project: &Path) -> Result<(Arc<Prices>, Digest), Failure> {
    let Some(named) = &config.prices else { return read(BUILT_IN, "the built-in price table") };
    let file = project.join(named);
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("the price table {name} cannot be read: {error}")))?;
    read(&text, &name)
}

fn read(text: &str, name: &str) -> Result<(Arc<Prices>, Digest), Failure> {
    let wrong = |why: String| Failure::usage(format!("{name} is no price table: {why}"));
    let file: PriceFile = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let prices = Prices::new(file).map_err(|error| wrong(error.to_string()))?;
    Ok((Arc::new(prices), Digest::of(text.as_bytes())))
}

/// What tenants may use in one day.
///
/// # Errors
///
/// Says which amount is none.
pub(super) fn budgets(config: &BudgetsConfig) -> Result<DayBudgets, Failure> {
    let ceiling = |place: &str, cost: &Option<String>, tokens: Option<u64>| {
        let cost = cost.as_deref().map(str::parse).transpose();
        let wrong = |error| Failure::usage(format!("{place} in affiant.toml: `cost_per_day`: {error}"));
        Ok::<_, Failure>(Ceiling { cost: cost.map_err(wrong)?, tokens })
    };
    let tenants = config.tenants.iter().map(|(id, own)| {
        let place = format!("[budgets.tenants.{id}]");
        Ok((TenantId::from(id.as_str()), ceiling(&place, &own.cost_per_day, own.tokens_per_day)?))
    });
    let tenants = tenants.collect::<Result<_, Failure>>()?;
    Ok(DayBudgets { every: ceiling("[budgets]", &config.cost_per_day, config.tokens_per_day)?, tenants })
}

/// What the record says of a price table that is not the built-in one.
pub(super) fn recorded(config: &Config, prices: &Prices, digest: Digest) -> Value {
    match &config.prices {
        None => Value::Null,
        Some(_) => json!({ "currency": prices.currency(), "digest": digest, "version": prices.version() }),
    }
}

/// What the record says of budgets, where there are some.
pub(super) fn recorded_budgets(config: &BudgetsConfig) -> Value {
    match *config == BudgetsConfig::default() {
        true => Value::Null,
        false => serde_json::to_value(config).expect("texts and numbers are JSON"),
    }
}

#[cfg(test)]
mod tests {
    use affiant_engine::ports::{Day, ModelUsage};

    use super::*;

    #[test]
    fn the_table_that_is_built_in_is_one_and_prices_what_it_says() {
        let (prices, _) = prices(&Config::default(), Path::new("/")).unwrap();
        assert_eq!((prices.version(), prices.currency()), ("2026-11-23.2", "USD"));
        let usage = ModelUsage { input: 1_000_000, output: 1_000_000, ..ModelUsage::default() };
        let cost = |kind: &str, model: &str| {
            Some(prices.price("any", Some(kind), model, Day(20_780))?.cost(&usage).to_string())
        };
        assert_eq!(cost("anthropic", "claude-sonnet-4-5-20250929").as_deref(), Some("18"));
        assert_eq!(cost("openai", "gpt-5-mini-2025-08-07").as_deref(), Some("2.25"));
        assert_eq!(cost("gemini", "gemini-2.5-pro").as_deref(), Some("17.5"));
        assert_eq!(cost("ollama", "qwen3:8b").as_deref(), Some("0"));
        assert_eq!(cost("openai", "gpt-9"), None);
    }

    #[test]
    fn an_amount_that_is_none_is_named_with_its_place() {
        let config: BudgetsConfig = toml::from_str("[tenants.t_a]\ncost_per_day = \"twenty\"").unwrap();
        let failure = budgets(&config).unwrap_err();
        assert!(failure.message.starts_with("[budgets.tenants.t_a] in affiant.toml: `cost_per_day`: `twenty`"));
    }
}
