//! JSON as CEL values and back.

use std::collections::{BTreeMap, HashMap};

use affiant_journal::Digest;
use cel::common::{
    types::{CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt},
    value::Val,
};
use serde_json::{Map, Number, Value};

/// An owned CEL value.
pub type Fact = Box<dyn Val>;

/// A JSON value as CEL sees it. Integers stay integers.
pub fn from_json(value: &Value) -> Fact {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => from_number(number),
        Value::String(text) => from_text(text),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(from_json).collect::<Vec<_>>())),
        Value::Object(members) => map(members.iter().map(|(key, value)| (key.clone(), from_json(value)))),
    }
}

fn from_number(number: &Number) -> Fact {
    if let Some(integer) = number.as_i64() {
        Box::new(CelInt::from(integer))
    } else if let Some(integer) = number.as_u64() {
        Box::new(CelUInt::from(integer))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// A text.
pub fn from_text(text: &str) -> Fact {
    Box::new(CelString::from(text.to_owned()))
}

/// A map with these members.
pub fn map(members: impl IntoIterator<Item = (String, Fact)>) -> Fact {
    let members: HashMap<CelMapKey<'static>, Fact> =
        members.into_iter().map(|(key, value)| (CelMapKey::from(key), value)).collect();
    Box::new(CelMap::from(members))
}

/// A CEL value has no JSON form.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {0} has no JSON form")]
pub struct NotJson(pub String);

/// A CEL value as JSON, with the members of maps in order of their keys.
pub fn to_json(value: &dyn Val) -> Result<Value, NotJson> {
    if let Some(text) = value.downcast_ref::<CelString>() {
        Ok(Value::from(text.inner()))
    } else if let Some(integer) = value.downcast_ref::<CelInt>() {
        Ok(Value::from(*integer.inner()))
    } else if let Some(flag) = value.downcast_ref::<CelBool>() {
        Ok(Value::from(*flag.inner()))
    } else if let Some(items) = value.downcast_ref::<CelList>() {
        items.inner().iter().map(|item| to_json(&**item)).collect()
    } else if let Some(members) = value.downcast_ref::<CelMap>() {
        let members: Result<BTreeMap<_, _>, _> =
            members.inner().iter().map(|(key, value)| Ok((key_text(key), to_json(&**value)?))).collect();
        Ok(Value::Object(Map::from_iter(members?)))
    } else if value.downcast_ref::<CelNull>().is_some() {
        Ok(Value::Null)
    } else if let Some(integer) = value.downcast_ref::<CelUInt>() {
        Ok(Value::from(*integer.inner()))
    } else if let Some(double) = value.downcast_ref::<CelDouble>() {
        let number = Number::from_f64(*double.inner()).ok_or_else(|| NotJson("number that is not finite".into()))?;
        Ok(Value::Number(number))
    } else {
        Err(NotJson(value.get_type().name().to_owned()))
    }
}

/// A key as JSON spells it.
pub fn key_text(key: &CelMapKey<'_>) -> String {
    match key {
        CelMapKey::String(text) => text.inner().to_owned(),
        CelMapKey::Int(integer) => integer.inner().to_string(),
        CelMapKey::UInt(integer) => integer.inner().to_string(),
        CelMapKey::Bool(flag) => flag.inner().to_string(),
    }
}

/// What a template puts into a longer text: texts as they are, other values as JSON.
pub fn to_text(value: &dyn Val) -> Result<String, NotJson> {
    match value.downcast_ref::<CelString>() {
        Some(text) => Ok(text.inner().to_owned()),
        None => to_json(value).map(|value| value.to_string()),
    }
}

/// A value as it stands among the facts of a decision: small scalars as they are, fractions as text, others by digest.
pub fn brief(value: &dyn Val) -> Value {
    const SMALL: usize = 64;
    if let Some(text) = value.downcast_ref::<CelString>().filter(|text| text.inner().len() <= SMALL) {
        return Value::from(text.inner());
    }
    if let Some(double) = value.downcast_ref::<CelDouble>() {
        return Value::from(double.inner().to_string());
    }
    match to_json(value) {
        Ok(Value::Number(number)) if !small(&number) => Value::from(number.to_string()),
        Ok(small @ (Value::Null | Value::Bool(_) | Value::Number(_))) => small,
        Ok(large) => by_digest(Digest::of(large.to_string().as_bytes())),
        Err(strange) => Value::from(strange.0),
    }
}

fn small(number: &Number) -> bool {
    const LARGEST: u64 = affiant_journal::bytes::MAX_INTEGER;
    number.as_i64().is_some_and(|integer| integer.unsigned_abs() <= LARGEST)
}

/// How a digest stands among the facts of a decision.
pub fn by_digest(digest: Digest) -> Value {
    Value::Object(Map::from_iter([("digest".to_owned(), Value::from(digest.to_string()))]))
}

/// What a value weighs: elements, members and bytes of text, all the way down.
pub fn weight(value: &dyn Val) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString>() {
        1 + text.inner().len() as u64 / 16
    } else if let Some(items) = value.downcast_ref::<CelList>() {
        items.inner().iter().fold(1, |sum, item| sum + weight(&**item))
    } else if let Some(members) = value.downcast_ref::<CelMap>() {
        members.inner().values().fold(1, |sum, member| sum + 1 + weight(&**member))
    } else if let Some(bytes) = value.downcast_ref::<CelBytes>() {
        1 + bytes.inner().len() as u64 / 16
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_comes_back_as_it_was() {
        let value = json!({"a": [1, -2, true, null, "x", 1.5], "b": {"c": u64::MAX}});
        assert_eq!(to_json(&*from_json(&value)).unwrap(), value);
    }

    #[test]
    fn facts_of_decisions_are_small_and_hold_no_fractions() {
        let facts = json!([1, "text", 1.5, u64::MAX, [1], "x".repeat(65)]);
        let brief: Vec<_> = facts.as_array().unwrap().iter().map(|fact| brief(&*from_json(fact)).to_string()).collect();
        insta::assert_snapshot!(brief.join("\n"), @r#"
        1
        "text"
        "1.5"
        "18446744073709551615"
        {"digest":"sha256:080a9ed428559ef602668b4c00f114f1a11c3f6b02a435f0bdc154578e4d7f22"}
        {"digest":"sha256:cfa70e8e4988336248c29a351788205c4bf69aa66788a276249fad2400a0f6b1"}
        "#);
    }
}
