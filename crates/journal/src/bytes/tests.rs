//! `PROPTEST_CASES=100000 cargo test -p affiant-journal bytes` runs each property over 10^5 documents; the default is
//! 256, which keeps an everyday run below a second.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn integer() -> impl Strategy<Value = i64> {
    let max = MAX_INTEGER as i64;
    prop_oneof![-9i64..100, -max..=max, Just(max), Just(-max)]
}

fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        8 => proptest::char::range('a', 'e'),
        2 => proptest::char::range('\0', '\u{2f}'),
        1 => proptest::sample::select(vec!['"', '\\', '/', '\u{7f}', '\u{2028}', '\u{ffff}', '😀']),
        1 => any::<char>(),
    ];
    proptest::collection::vec(character, 0..20).prop_map(String::from_iter)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        integer().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((text(), inner), 0..6).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(members) => members.iter().rev().map(|(key, value)| (key.clone(), reversed(value))).collect(),
        other => other.clone(),
    }
}

/// What [`read_strict`] promises, said in another way.
fn reencodes_to_itself(bytes: &[u8]) -> bool {
    let value = serde_json::from_slice::<Value>(bytes);
    value.is_ok_and(|value| encode(&value).is_ok_and(|again| again == bytes))
}

proptest! {
    #[test]
    fn a_document_has_one_spelling(value in document()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(&read_strict(&bytes), &Ok(value.clone()));
        prop_assert_eq!(encode(&reversed(&value)).unwrap(), bytes);
    }

    #[test]
    fn other_writers_spell_it_the_same_or_are_refused(value in document()) {
        for bytes in [serde_json::to_vec(&value).unwrap(), serde_json::to_vec_pretty(&value).unwrap()] {
            prop_assert_eq!(check_strict(&bytes).is_ok(), bytes == encode(&value).unwrap());
        }
    }

    #[test]
    fn exactly_what_reencodes_to_itself_is_accepted(
        value in document(),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![any::<u8>(), prop::sample::select(br#" {}[]",:\/ubtn01-+.eE"#.to_vec())],
        change in 0..3,
    ) {
        let mut bytes = encode(&value).unwrap();
        let at = place.index(bytes.len());
        match change {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => { bytes.remove(at); }
        }
        prop_assert_eq!(check_strict(&bytes).is_ok(), reencodes_to_itself(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn every_deviation_is_refused_at_its_place() {
    use DeviationKind::*;
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let cases: &[(&[u8], DeviationKind, usize)] = &[
        (b" 1", Whitespace, 0),
        (b"{\"a\": 1}", Whitespace, 5),
        (b"[1 ,2]", Whitespace, 2),
        (b"[\n]", Whitespace, 1),
        (br#"{"b":1,"a":2}"#, KeyOrder, 7),
        (br#"{"a":1,"b":2,"a":3}"#, KeyOrder, 13),
        ("{\"\u{ffff}\":1,\"z\":2}".as_bytes(), KeyOrder, 9),
        (br#"{"a":1,"a":1}"#, DuplicateKey, 7),
        (br#"{"\"":1,"\"":1}"#, DuplicateKey, 8),
        (br#"{"\\":1,"#, NotJson, 8),
        (b"[1.0]", Float, 1),
        (b"1e3", Float, 0),
        (b"-0.5", Float, 0),
        (b"9007199254740992", BigInteger, 0),
        (b"-9007199254740992", BigInteger, 0),
        (b"123456789012345678901234567890", BigInteger, 0),
        (b"-0", NumberSpelling, 0),
        (b"007", NumberSpelling, 0),
        (b"[+1]", NumberSpelling, 1),
        (br#""\u0041""#, EscapeSpelling, 1),
        (br#""a\/""#, EscapeSpelling, 2),
        (br#""\u000a""#, EscapeSpelling, 1),
        (br#""\u001F""#, EscapeSpelling, 1),
        (br#""\ud83d\ude00""#, EscapeSpelling, 1),
        (br#""\ud800""#, EscapeSpelling, 1),
        (b"\"\t\"", EscapeSpelling, 1),
        (b"\"\xff\"", NotUtf8, 1),
        (b"\"\xed\xa0\x80\"", NotUtf8, 1),
        (b"1\n", TrailingBytes, 1),
        (b"{}{}", TrailingBytes, 2),
        (deep.as_bytes(), Depth, 64),
        (b"", NotJson, 0),
        (b"\xef\xbb\xbf{}", NotJson, 0),
        (b"-", NotJson, 1),
        (br#""\x""#, NotJson, 1),
        (b"[1,]", NotJson, 3),
        (b"{1:2}", NotJson, 1),
        (b"\"abc", NotJson, 4),
        (b"nul", NotJson, 3),
    ];
    for &(bytes, kind, at) in cases {
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(read_strict(bytes), Err(Deviation { at, kind }), "{text}");
        assert!(!reencodes_to_itself(bytes), "{text}");
    }
}

#[test]
fn every_character_is_spelled_the_same_wherever_it_stands() {
    let characters = (0..=0x7f_u8).map(char::from).chain(['é', '\u{a2}', '\u{2022}', '\u{1f600}']);
    for character in characters {
        for (before, after) in (0..20).flat_map(|before| [0, 1, 9].map(|after| (before, after))) {
            let text = format!("{}{character}{}", "a".repeat(before), "z".repeat(after));
            assert_eq!(encode(&text).unwrap(), serde_json::to_vec(&text).unwrap(), "{text:?}");
        }
    }
}

#[test]
fn keys_stand_in_the_order_of_their_text_not_of_their_spelling() {
    let bytes = encode(&json!({"\u{10000}": 1, "\u{ffff}": 2, "a": 3, "\n": 4, "!": 5, "\"": 6, "": 7})).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    insta::assert_snapshot!(text, @r#"{"":7,"\n":4,"!":5,"\"":6,"a":3,"￿":2,"𐀀":1}"#);
    assert!(check_strict(text.as_bytes()).is_ok());
}

#[test]
fn what_has_no_spelling_is_refused() {
    let nested = (0..65).fold(json!(1), |inner, _| json!([inner]));
    let twice = std::collections::BTreeMap::from([(Twice(1), 1), (Twice(2), 2)]);
    let errors = [
        encode(&json!([1.5])).unwrap_err(),
        encode(&json!({"n": MAX_INTEGER + 1})).unwrap_err(),
        encode(&(-(MAX_INTEGER as i64) - 1)).unwrap_err(),
        encode(&std::collections::BTreeMap::from([(1, 2)])).unwrap_err(),
        encode(&twice).unwrap_err(),
        encode(&nested).unwrap_err(),
        encode(serde_json::value::RawValue::from_string("{ }".into()).unwrap().as_ref()).unwrap_err(),
    ];
    let text = errors.map(|error| error.to_string()).join("\n");
    insta::assert_snapshot!(text, @"
    a floating point number has no single spelling; write it as a decimal string
    the integer 9007199254740992 is outside ±(2^53−1); write it as a decimal string
    the integer -9007199254740992 is outside ±(2^53−1); write it as a decimal string
    a key of an object is not text
    the key `same` stands twice in one object
    the value nests too deep
    unread JSON texts have no spelling; write them as text or as a value
    ");
}

/// Two of these are different and have the same text.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Twice(u8);

impl Serialize for Twice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("same")
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Shape {
    Unit,
    New(Option<u8>),
    Tuple(u8, char),
    Struct { b: bool, a: () },
}

#[test]
fn every_shape_of_type_has_a_spelling() {
    let shapes = [Shape::Unit, Shape::New(Some(1)), Shape::Tuple(2, '"'), Shape::Struct { b: true, a: () }];
    let text = String::from_utf8(encode(&shapes).unwrap()).unwrap();
    insta::assert_snapshot!(text, @r#"["unit",{"new":1},{"tuple":[2,"\""]},{"struct":{"a":null,"b":true}}]"#);
}

#[test]
fn a_payload_stands_inline_when_it_is_small_and_in_profile() {
    let text = |length: usize| Value::from("x".repeat(length - 2));
    let nested = |depth| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    let values = [text(4096), text(4097), json!(0.5), json!(MAX_INTEGER + 1), nested(32), nested(33)];
    assert_eq!(values.map(|value| fits(&value)), [true, false, false, false, true, false]);
}
