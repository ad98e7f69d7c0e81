//! Reads JSON that strangers sent. Stricter than most readers, so that what is validated, recorded and carried out is
//! one and the same value: no field twice, no number that another reader would see differently, no endless nesting.

use affiant_contract::{Issue, MAX_SAFE_INTEGER};
use serde_json::{Map, Number, Value};

use crate::problem::Refusal;

/// How deep arrays and objects may stand in each other.
pub const MAX_DEPTH: usize = 64;

/// Reads one JSON value from bytes.
///
/// # Errors
///
/// `invalid-encoding`, `malformed-json` or `duplicate-key` with line and column; `input-invalid` with the path of
/// every number that cannot be kept exactly.
pub fn read(bytes: &[u8]) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Refusal::new("invalid-encoding", format!("Byte {} is not part of a UTF-8 character.", error.valid_up_to()))
    })?;
    let mut reader = Reader { text, at: 0, depth: 0, path: Vec::new(), issues: Vec::new() };
    match reader.document() {
        Ok(_) if !reader.issues.is_empty() => Err(Refusal::invalid(reader.issues)),
        Ok(value) => Ok(value),
        Err(wrong) => Err(wrong.refusal(text)),
    }
}

/// What is wrong, and at which byte.
struct Wrong {
    code: &'static str,
    what: String,
    at: usize,
}

impl Wrong {
    fn refusal(self, text: &str) -> Refusal {
        let before = text.get(..self.at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Refusal::new(self.code, format!("Line {line}, column {column}: {}.", self.what))
    }
}

/// One step of the path to the value that is being read.
enum Part {
    Field(String),
    Item(usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    path: Vec<Part>,
    issues: Vec<Issue>,
}

type Read<T> = Result<T, Wrong>;

impl<'a> Reader<'a> {
    fn document(&mut self) -> Read<Value> {
        if self.text.trim().is_empty() {
            return self.wrong("the body is empty; send a JSON object, `{}` when there is nothing to say");
        }
        if self.text.starts_with('\u{feff}') {
            return self.wrong("a byte order mark stands before the JSON; leave it out");
        }
        let value = self.value()?;
        self.space();
        if self.at < self.text.len() {
            return self.wrong("something stands after the end of the JSON value");
        }
        Ok(value)
    }

    fn value(&mut self) -> Read<Value> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) => self.wrong("expected a JSON value"),
            None => self.wrong("the JSON ends too early"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth == MAX_DEPTH {
            return self.wrong(format!("more than {MAX_DEPTH} arrays and objects stand in each other"));
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Read<Value> {
        let mut fields = Map::new();
        self.space();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            self.space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.wrong("expected a field name in double quotes");
            }
            let name = self.string()?;
            if fields.contains_key(&name) {
                let what = format!("the field `{}` stands here for the second time", shorten(&name));
                return Err(Wrong { code: "duplicate-key", what, at: start });
            }
            self.space();
            if !self.take(b':') {
                return self.wrong("expected `:` after the field name");
            }
            self.path.push(Part::Field(name));
            let value = self.value()?;
            if let Some(Part::Field(name)) = self.path.pop() {
                fields.insert(name, value);
            }
            if self.ends(b'}', "expected `,` or `}`")? {
                return Ok(Value::Object(fields));
            }
        }
    }

    fn array(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Value::Array(items));
        }
        loop {
            self.path.push(Part::Item(items.len()));
            items.push(self.value()?);
            self.path.pop();
            if self.ends(b']', "expected `,` or `]`")? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// After an item: whether the list ends here; otherwise a comma was read.
    fn ends(&mut self, close: u8, expected: &'static str) -> Read<bool> {
        self.space();
        if self.take(close) {
            return Ok(true);
        }
        if self.take(b',') {
            return Ok(false);
        }
        if self.peek().is_none() { self.wrong("the JSON ends too early") } else { self.wrong(expected) }
    }

    fn string(&mut self) -> Read<String> {
        self.at += 1;
        let mut read = String::new();
        loop {
            let start = self.at;
            let rest = &self.text.as_bytes()[start..];
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(rest.len());
            self.at += plain;
            read.push_str(&self.text[start..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(read);
                }
                Some(b'\\') => read.push(self.escape()?),
                Some(_) => return self.wrong("a control character stands in a text; write it as an escape"),
                None => return self.wrong("the JSON ends inside a text"),
            }
        }
    }

    fn escape(&mut self) -> Read<char> {
        let start = self.at;
        self.at += 1;
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        Ok(match byte {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => {
                self.at = start;
                return self.wrong("this is not an escape that JSON knows");
            }
        })
    }

    /// `\u` and four digits, twice where the character needs two.
    fn unicode(&mut self, start: usize) -> Read<char> {
        let first = self.four(start)?;
        let second = match first {
            0xd800..0xdc00 if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                Some(self.four(start)?)
            }
            _ => None,
        };
        let units = [first, second.unwrap_or_default()];
        let units = &units[..1 + usize::from(second.is_some())];
        match char::decode_utf16(units.iter().copied()).next() {
            Some(Ok(char)) => Ok(char),
            _ => {
                self.at = start;
                self.wrong("half of a surrogate pair is not a character")
            }
        }
    }

    fn four(&mut self, start: usize) -> Read<u16> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(unit) = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) else {
            self.at = start;
            return self.wrong("`\\u` needs four hexadecimal digits");
        };
        self.at += 4;
        Ok(unit)
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.at;
        let negative = self.take(b'-');
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text.as_bytes()[start + usize::from(negative)] == b'0') {
            self.at = start;
            return self.wrong("this is not a number that JSON knows");
        }
        let fraction = self.take(b'.');
        if fraction && self.digits() == 0 {
            return self.wrong("digits are missing after the decimal point");
        }
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            let _sign = self.take(b'+') || self.take(b'-');
            if self.digits() == 0 {
                return self.wrong("digits are missing in the exponent");
            }
        }
        let text = &self.text[start..self.at];
        Ok(if fraction || exponent { self.float(text) } else { self.integer(text) })
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        count
    }

    fn integer(&mut self, text: &str) -> Value {
        match text.parse::<i64>() {
            Ok(integer) if integer.abs() <= MAX_SAFE_INTEGER => Value::from(integer),
            _ => {
                let message = format!("must be within ±{MAX_SAFE_INTEGER}, where every reader keeps integers exactly");
                self.issue("integer-range", message)
            }
        }
    }

    /// A number without a fraction is an integer, however it is spelled: JSON does not tell `1.0` from `1`.
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and lies within 53 bits")]
    fn float(&mut self, text: &str) -> Value {
        match text.parse::<f64>() {
            Ok(float) if float.fract() == 0.0 && float.abs() <= MAX_SAFE_INTEGER as f64 => Value::from(float as i64),
            Ok(float) if float.is_finite() => Number::from_f64(float).map_or(Value::Null, Value::Number),
            _ => self.issue("number-range", "must be a number that a 64-bit float can hold".to_owned()),
        }
    }

    fn issue(&mut self, code: &str, message: String) -> Value {
        let mut path = String::new();
        for part in &self.path {
            path.push('/');
            match part {
                Part::Field(name) => path.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Part::Item(index) => path.push_str(&index.to_string()),
            }
        }
        if self.issues.len() < 100 {
            self.issues.push(Issue { path, code: code.into(), message });
        }
        Value::Null
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self.text[self.at..].starts_with(word) {
            return self.wrong("expected a JSON value");
        }
        self.at += word.len();
        Ok(value)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Read<T> {
        Err(Wrong { code: "malformed-json", what: what.into(), at: self.at })
    }
}

fn shorten(name: &str) -> String {
    let mut shown: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    if name.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn says(bytes: &[u8]) -> String {
        match read(bytes) {
            Ok(value) => value.to_string(),
            Err(refusal) => {
                let problem = refusal.problem(crate::problem::TraceId::of_bits(1), None);
                let issues: Vec<_> = problem.issues().iter().map(|i| format!(" {} {}", i.path, i.code)).collect();
                format!("{} {}: {}{}", problem.status(), problem.code(), problem.detail(), issues.concat())
            }
        }
    }

    #[test]
    fn hostile_bytes_meet_a_clear_refusal() {
        let table: &[&[u8]] = &[
            b"",
            b"  \n",
            b"{",
            b"{\"a\":1",
            b"{\"a\":1,}",
            b"{'a':1}",
            b"{\"a\" 1}",
            b"[1 2]",
            b"{\"a\":\"\xff\"}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":1,\n \"a\":2}",
            b"{\"a\":{\"\\u0061\":1,\"a\":2}}",
            b"{} {}",
            b"nul",
            b"NaN",
            b"01",
            b"-",
            b"1.",
            b"1e",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":\"\\ud800\\u0041\"}",
            b"{\"a\":\"\\x\"}",
            b"{\"a\":\"\\u12\"}",
            b"{\"a\":\"line\nbreak\"}",
            b"{\"a\":9007199254740992}",
            b"{\"a\":[1,{\"b/c\":-99999999999999999999999}]}",
            b"{\"a\":1e400}",
            b"\"open",
        ];
        let lines: Vec<_> = table.iter().map(|bytes| says(bytes)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        400 malformed-json: Line 1, column 1: the body is empty; send a JSON object, `{}` when there is nothing to say.
        400 malformed-json: Line 1, column 1: the body is empty; send a JSON object, `{}` when there is nothing to say.
        400 malformed-json: Line 1, column 2: expected a field name in double quotes.
        400 malformed-json: Line 1, column 7: the JSON ends too early.
        400 malformed-json: Line 1, column 8: expected a field name in double quotes.
        400 malformed-json: Line 1, column 2: expected a field name in double quotes.
        400 malformed-json: Line 1, column 6: expected `:` after the field name.
        400 malformed-json: Line 1, column 4: expected `,` or `]`.
        400 invalid-encoding: Byte 6 is not part of a UTF-8 character.
        400 malformed-json: Line 1, column 1: a byte order mark stands before the JSON; leave it out.
        400 duplicate-key: Line 2, column 2: the field `a` stands here for the second time.
        400 duplicate-key: Line 1, column 18: the field `a` stands here for the second time.
        400 malformed-json: Line 1, column 4: something stands after the end of the JSON value.
        400 malformed-json: Line 1, column 1: expected a JSON value.
        400 malformed-json: Line 1, column 1: expected a JSON value.
        400 malformed-json: Line 1, column 1: this is not a number that JSON knows.
        400 malformed-json: Line 1, column 1: this is not a number that JSON knows.
        400 malformed-json: Line 1, column 3: digits are missing after the decimal point.
        400 malformed-json: Line 1, column 3: digits are missing in the exponent.
        400 malformed-json: Line 1, column 7: half of a surrogate pair is not a character.
        400 malformed-json: Line 1, column 7: half of a surrogate pair is not a character.
        400 malformed-json: Line 1, column 7: this is not an escape that JSON knows.
        400 malformed-json: Line 1, column 7: `\u` needs four hexadecimal digits.
        400 malformed-json: Line 1, column 11: a control character stands in a text; write it as an escape.
        422 input-invalid: `a` must be within ±9007199254740991, where every reader keeps integers exactly. /a integer-range
        422 input-invalid: `a/1/b~1c` must be within ±9007199254740991, where every reader keeps integers exactly. /a/1/b~1c integer-range
        422 input-invalid: `a` must be a number that a 64-bit float can hold. /a number-range
        400 malformed-json: Line 1, column 6: the JSON ends inside a text.
        ");
    }

    #[test]
    fn nesting_ends_at_its_limit_and_not_at_the_end_of_the_stack() {
        let nest = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(read(&nest(MAX_DEPTH)).is_ok());
        insta::assert_snapshot!(says(&nest(MAX_DEPTH + 1)), @"400 malformed-json: Line 1, column 65: more than 64 arrays and objects stand in each other.");
        assert_eq!(read(&vec![b'['; 1_000_000]).unwrap_err().code(), "malformed-json");
    }

    #[test]
    fn a_number_without_a_fraction_is_an_integer() {
        assert_eq!(says(b"[1.0, 1e3, -0.0, 9007199254740991, 0.5, 1e300]"), "[1,1000,0,9007199254740991,0.5,1e+300]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_read_as_it_was_written(value in any_json()) {
            prop_assert_eq!(read(value.to_string().as_bytes()).unwrap(), value.clone());
            prop_assert_eq!(read(&serde_json::to_vec_pretty(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = read(&bytes) {
                prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok(), "{value}");
            }
        }

        #[test]
        fn what_is_accepted_is_json_for_everybody(text in "[\\[\\]{}:,\"\\\\ue0-9.+\\-truefalsn \n]{0,40}") {
            if read(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
            }
        }
    }
}
