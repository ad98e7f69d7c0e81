//! Query strings: `name=value` pairs, with `+` for a space and percent escapes.

use std::borrow::Cow;

use crate::problem::Refusal;

/// The pairs of a query string, in order.
///
/// # Errors
///
/// `invalid-encoding` for a broken percent escape or bytes that are not UTF-8.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |text: &str| decode(&text.replace('+', " ")).map(Cow::into_owned);
            Ok((text(name)?, text(value)?))
        })
        .collect()
}

/// Pairs as a query string.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// A text with a percent escape for every byte that could mean something in an address.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// A text without its percent escapes.
///
/// # Errors
///
/// As [`pairs`].
pub(crate) fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let broken = || Refusal::new("invalid-encoding", "A percent sign in the address is not followed by two digits.");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2).ok_or_else(broken)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(broken);
        let value = digit(digits[0])? << 4 | digit(digits[1])?;
        bytes.push(u8::try_from(value).map_err(Refusal::internal)?);
        rest = after;
    }
    String::from_utf8(bytes)
        .map(Cow::Owned)
        .map_err(|_| Refusal::new("invalid-encoding", "The address holds escaped bytes that are not UTF-8."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(query: &str) -> String {
        match pairs(query) {
            Ok(pairs) => format!("{pairs:?}"),
            Err(refusal) => refusal.code().to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let written = encode(&[("q", "status:failed & +%ü"), ("", "a=b")]);
        assert_eq!(says(&written), r#"[("q", "status:failed & +%ü"), ("", "a=b")]"#);
    }

    #[test]
    fn a_query_string_is_read_as_forms_write_it() {
        assert_eq!(says("a=1&b=x+y%2Bz&c&&d=%C3%BC=1"), r#"[("a", "1"), ("b", "x y+z"), ("c", ""), ("d", "ü=1")]"#);
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff", "%c3=1", "a=%+1"] {
            assert_eq!(says(broken), "invalid-encoding", "{broken}");
        }
    }
}
