//! Paths in the header of a diff.

use std::fmt::Write;

/// The path as it stands in a header: in double quotes with escapes when it holds a quote, a backslash or a
/// character that does not print, as git writes it.
pub(super) fn quote(path: &str) -> String {
    if !path.chars().any(|c| c == '"' || c == '\\' || c.is_control()) {
        return path.to_owned();
    }
    let mut quoted = String::from('"');
    for c in path.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if c.is_control() => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    write!(quoted, "\\{byte:03o}").expect("writing to a string does not fail");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The path behind a header's text; none when its quotes do not read.
pub(super) fn unquote(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut bytes = Vec::new();
    let mut rest = quoted.strip_suffix('"')?.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => unescape(&mut rest)?,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn unescape(rest: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let digit = |byte: u8| (b'0'..=b'7').contains(&byte).then(|| u32::from(byte - b'0'));
    match rest.next()? {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        same @ (b'"' | b'\\') => Some(same),
        first => {
            let value = digit(first)? * 64 + digit(rest.next()?)? * 8 + digit(rest.next()?)?;
            u8::try_from(value).ok()
        }
    }
}
