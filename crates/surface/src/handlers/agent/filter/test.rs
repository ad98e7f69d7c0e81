//! What is asked of one run after the other.

use std::cmp::Ordering;

use affiant_contract::duration;
use affiant_engine::ports::RunRow;
use affiant_journal::{Disclosure, Money};
use serde_json::Value;

use super::{super::usage::UsageWords, unknown};

/// One thing that must hold, or must not.
#[derive(Debug)]
pub(in crate::handlers::agent) struct Test {
    negated: bool,
    on: On,
}

/// What a test looks at.
#[derive(Debug)]
enum On {
    Actor(String),
    Agent(String),
    Error(String),
    Steps(Order, u64),
    /// Microseconds from the first claim to the end.
    Took(Order, u64),
    Cost(Order, Money),
    Tokens(Order, u64),
    /// Lower case, somewhere in what was said to the run.
    Text(String),
    /// A JSON pointer into the input, and what stands there.
    Input(String, String),
}

/// How a number stands to the one that is named.
#[derive(Clone, Copy, Debug)]
enum Order {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

/// What must be read of a run before it can be told whether a test holds; each is more work than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::handlers::agent) enum Needs {
    /// Its row.
    Row,
    /// What it used: its last event, or a fold.
    Usage,
    /// Its label, prompt and input, which are sealed.
    Words,
}

/// What was said to a run, as far as whoever asks may see it.
#[derive(Debug)]
pub(in crate::handlers::agent) struct Words {
    /// Its label.
    pub(in crate::handlers::agent) label: Option<String>,
    /// Its prompt and its input, where it was given any; none for those who may not see them, and when they were erased.
    pub(in crate::handlers::agent) given: Option<Vec<Disclosure>>,
}

impl Test {
    /// Reads a test from a filter's word.
    pub(super) fn new(field: &str, value: &str, negated: bool) -> Result<Self, String> {
        let on = match field {
            "actor" => On::Actor(value.to_owned()),
            "agent" => On::Agent(value.to_owned()),
            "error" => On::Error(value.to_owned()),
            "steps" => number(value, plain).map(|(order, number)| On::Steps(order, number))?,
            "tokens" => number(value, plain).map(|(order, number)| On::Tokens(order, number))?,
            "took" => number(value, micros).map(|(order, number)| On::Took(order, number))?,
            "cost" => number(value, |text| text.parse().map_err(|wrong| format!("{wrong}.")))
                .map(|(order, number)| On::Cost(order, number))?,
            "text" => On::Text(value.to_lowercase()),
            _ => match field.strip_prefix("input.").filter(|path| path.split('.').all(|name| !name.is_empty())) {
                Some(path) => On::Input(format!("/{}", path.replace('.', "/")), value.to_owned()),
                None => return Err(unknown(field)),
            },
        };
        Ok(Self { negated, on })
    }

    /// What it needs.
    pub(in crate::handlers::agent) fn needs(&self) -> Needs {
        match &self.on {
            On::Actor(_) | On::Agent(_) | On::Error(_) | On::Steps(..) | On::Took(..) => Needs::Row,
            On::Cost(..) | On::Tokens(..) => Needs::Usage,
            On::Text(_) | On::Input(..) => Needs::Words,
        }
    }

    /// Whether it holds. What cannot be seen neither is something nor is it not: then nothing holds, so that a filter
    /// tells nobody what an input is by what it leaves out.
    pub(in crate::handlers::agent) fn holds(&self, row: &RunRow, usage: Option<&UsageWords>, words: &Words) -> bool {
        let found = match &self.on {
            On::Actor(actor) => Some(like(row.actor.as_str(), actor)),
            On::Agent(agent) => Some(like(&row.agent, agent)),
            On::Error(code) => Some(row.error.as_ref().is_some_and(|error| like(error, code))),
            On::Steps(order, steps) => Some(order.holds(row.steps.cmp(steps))),
            On::Took(order, micros) => took(row).map(|took| order.holds(took.cmp(micros))),
            On::Cost(order, cost) => usage.and_then(UsageWords::money).map(|spent| order.holds(spent.cmp(cost))),
            On::Tokens(order, tokens) => usage.map(|usage| order.holds(usage.tokens.cmp(tokens))),
            On::Text(text) => words.hold(text),
            On::Input(place, value) => words.input(place).map(|it| it.is_some_and(|it| says(it, value))),
        };
        found.is_some_and(|found| found != self.negated)
    }
}

impl Order {
    fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Less => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Equal => found.is_eq(),
            Self::AtLeast => found.is_ge(),
            Self::More => found.is_gt(),
        }
    }
}

impl Words {
    /// Nothing that could be read.
    pub(in crate::handlers::agent) const NONE: Self = Self { label: None, given: None };

    /// What stands at a place of the input, if anything; unknown when the input cannot be read.
    fn input(&self, place: &str) -> Option<Option<&Value>> {
        let input = self.given.as_ref()?.iter().find(|given| given.path() == "/input");
        Some(input.and_then(|input| input.value().pointer(place)))
    }

    /// Whether this text stands somewhere; unknown when the label lacks it and the rest cannot be read.
    fn hold(&self, text: &str) -> Option<bool> {
        let label = self.label.as_ref().is_some_and(|label| label.to_lowercase().contains(text));
        let given = self.given.as_ref().map(|given| given.iter().any(|given| within(given.value(), text)));
        if label { Some(true) } else { given }
    }
}

/// How long a run took, in microseconds, when it has ended.
fn took(row: &RunRow) -> Option<u64> {
    u64::try_from(row.ended_at?.0.checked_sub(row.started_at?.0)?).ok()
}

/// Whether a text is another one, in which `*` stands for anything.
fn like(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Whether a value of the input is what a filter says; one in a list is enough.
fn says(value: &Value, pattern: &str) -> bool {
    match value {
        Value::String(text) => like(text, pattern),
        Value::Array(values) => values.iter().any(|value| says(value, pattern)),
        Value::Object(_) => false,
        other => like(&other.to_string(), pattern),
    }
}

/// Whether a text in lower case stands in one of the texts and numbers of a value.
fn within(value: &Value, text: &str) -> bool {
    match value {
        Value::String(own) => own.to_lowercase().contains(text),
        Value::Array(values) => values.iter().any(|value| within(value, text)),
        Value::Object(fields) => fields.values().any(|value| within(value, text)),
        Value::Number(number) => number.to_string().contains(text),
        Value::Null | Value::Bool(_) => false,
    }
}

/// `>5`, `<=5`, `5`.
fn number<T>(value: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<(Order, T), String> {
    let orders =
        [(">=", Order::AtLeast), ("<=", Order::AtMost), (">", Order::More), ("<", Order::Less), ("=", Order::Equal)];
    let found = orders.into_iter().find_map(|(sign, order)| Some((order, value.strip_prefix(sign)?)));
    let (order, rest) = found.unwrap_or((Order::Equal, value));
    Ok((order, read(rest)?))
}

fn plain(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number such as `10`; write `10`, `>10` or `<=10`."))
}

fn micros(text: &str) -> Result<u64, String> {
    let span = duration::parse(text).ok_or_else(|| format!("`{text}` is no span such as `5m` or `2h`."))?;
    Ok(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let same = [("echo", "echo"), ("u_ci", "u_*"), ("a/b/c", "a*c"), ("abcabc", "*b*bc"), ("x", "*"), ("", "*")];
        let other = [("echo", "ech"), ("echo", "xecho"), ("abc", "a*d"), ("ab", "ab*b"), ("x", "")];
        assert!(same.iter().all(|(text, pattern)| like(text, pattern)));
        assert!(!other.iter().any(|(text, pattern)| like(text, pattern)));
    }

    #[test]
    fn a_field_of_the_input_says_what_a_filter_says() {
        let input = json!({ "id": 4711, "open": true, "tags": ["a", "shop"], "deep": { "name": "Ana" }, "none": null });
        let says_at = |place: &str, value: &str| input.pointer(place).is_some_and(|it| says(it, value));
        assert!(
            says_at("/id", "4711") && says_at("/id", "47*") && says_at("/open", "true") && says_at("/none", "null")
        );
        assert!(says_at("/tags", "shop") && says_at("/tags/0", "a") && says_at("/deep/name", "Ana"));
        assert!(!says_at("/deep", "Ana") && !says_at("/deep/name", "ana") && !says_at("/nowhere", "*"));
        assert!(within(&input, "ana") && within(&input, "711") && !within(&input, "true"));
    }
}
