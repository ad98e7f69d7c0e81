//! Answers from a cassette, and says what differs when there is no answer.

use affiant_engine::ports::ModelFailure;
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{
    super::{
        failure::fail,
        transport::{Incoming, Outgoing, Transport},
    },
    Line, Tape,
};
use crate::display::{escape, shorten};

#[async_trait]
impl Transport for Tape {
    async fn send(&self, outgoing: &Outgoing) -> Result<Incoming, ModelFailure> {
        let Some(line) = self.next(outgoing.digest()) else { return Err(self.miss(outgoing)) };
        let fields = line.headers.iter();
        let fields = fields.filter_map(|(name, value)| {
            Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
        });
        let headers: HeaderMap = fields.collect();
        let body = stream::iter([Ok(Bytes::from(line.answer.clone()))]).boxed();
        Ok(Incoming { status: line.status, headers, body })
    }
}

impl Tape {
    fn miss(&self, outgoing: &Outgoing) -> ModelFailure {
        let sent = String::from_utf8_lossy(&outgoing.body);
        let near = self.lines.iter().filter(|line| line.provider == outgoing.connection.name);
        let nearest = near.max_by_key(|line| common(&line.request, &sent));
        let differs = match nearest {
            None => "it holds no exchange with this provider".to_owned(),
            Some(line) => format!("the nearest exchange differs {}", difference(line, outgoing, &sent)),
        };
        fail("cassette-miss", format!("the cassette does not hold this request: {differs}. Record it again"))
    }
}

fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

fn difference(line: &Line, outgoing: &Outgoing, sent: &str) -> String {
    let path = outgoing.path();
    if line.path != path {
        return format!("in its path: {} there, {path} here", line.path);
    }
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    match first(&read(&line.request), &read(sent), String::new()) {
        Some((place, there, here)) => format!("at `{place}`: {there} there, {here} here"),
        None => "in the spelling of its body".to_owned(),
    }
}

/// The first place where two values differ, and how each looks there.
fn first(there: &Value, here: &Value, place: String) -> Option<(String, String, String)> {
    let inner = |key: String, there: Option<&Value>, here: Option<&Value>| {
        let place = format!("{place}/{key}");
        match (there, here) {
            (Some(there), Some(here)) => first(there, here, place),
            (there, here) => Some((place, shown(there), shown(here))),
        }
    };
    match (there, here) {
        (Value::Object(one), Value::Object(other)) => {
            let more = other.keys().filter(|key| !one.contains_key(*key));
            one.keys().chain(more).find_map(|key| inner(key.clone(), one.get(key), other.get(key)))
        }
        (Value::Array(one), Value::Array(other)) => {
            (0..one.len().max(other.len())).find_map(|index| inner(index.to_string(), one.get(index), other.get(index)))
        }
        _ if there == here => None,
        (Value::String(one), Value::String(other)) => {
            let from = parting(one, other);
            Some((place, shown_from(one, from), shown_from(other, from)))
        }
        _ => Some((if place.is_empty() { "/".to_owned() } else { place }, shown(Some(there)), shown(Some(here)))),
    }
}

/// Characters that two texts have in common and that are shown before they part.
const LEAD: usize = 20;

/// Where to begin to show two texts, so that the place where they part is seen: a little before it.
fn parting(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    if same < 2 * LEAD { 0 } else { same - LEAD }
}

/// A text from this character on.
fn shown_from(text: &str, from: usize) -> String {
    let rest: String = text.chars().skip(from).take(80).collect();
    let lead = if from > 0 { "…" } else { "" };
    shown(Some(&Value::from(format!("{lead}{rest}"))))
}

fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| shorten(&escape(&value.to_string()), 80))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_shown_where_they_part_and_not_where_they_begin() {
        let text = |said: &str| json!({ "messages": [format!("{} Do {said}.", "the same words, again and again: ".repeat(9))] });
        let (place, there, here) = first(&text("it"), &text("this"), String::new()).unwrap();
        insta::assert_snapshot!(format!("{place}\n{there}\n{here}"), @r#"
        /messages/0
        "…gain and again:  Do it."
        "…gain and again:  Do this."
        "#);
        assert_eq!(first(&json!("a"), &json!("b"), String::new()).unwrap().1, "\"a\"");
    }
}
