//! Whether a text is JSON, or one of its friendly kinds: with comments, trailing commas, single quotes, bare keys,
//! or several values in a row. Configuration files of many tools are such texts, and they are not broken.

/// What is wrong, and where, in bytes.
pub(super) type Wrong = (usize, &'static str);

/// Deeper texts are not judged.
const DEEPEST: usize = 200;

/// Whether the text is a row of values.
pub(super) fn check(text: &str) -> Result<(), Wrong> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
    reader.space()?;
    while reader.peek().is_some() {
        reader.value(0)?;
        reader.space()?;
    }
    Ok(())
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<(), Wrong> {
        match self.peek() {
            _ if depth > DEEPEST => {
                self.at = self.bytes.len();
                Ok(())
            }
            Some(b'{') => self.list(b'}', depth, true),
            Some(b'[') => self.list(b']', depth, false),
            Some(quote @ (b'"' | b'\'')) => self.text(quote),
            Some(_) => self.word(),
            None => self.wrong("the text ends where a value should stand"),
        }
    }

    /// An object or an array.
    fn list(&mut self, end: u8, depth: usize, keys: bool) -> Result<(), Wrong> {
        self.at += 1;
        loop {
            self.space()?;
            if self.take(end) {
                return Ok(());
            }
            if keys {
                self.key()?;
            }
            self.value(depth + 1)?;
            self.space()?;
            if self.take(b',') || self.peek() == Some(end) {
                continue;
            }
            return match (self.peek(), keys) {
                (None, _) => self.wrong("the text ends inside a list or object"),
                (Some(_), true) => self.wrong("expected `,` or `}`"),
                (Some(_), false) => self.wrong("expected `,` or `]`"),
            };
        }
    }

    fn key(&mut self) -> Result<(), Wrong> {
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.text(quote)?,
            _ => self.word()?,
        }
        self.space()?;
        match self.take(b':') {
            true => self.space(),
            false => self.wrong("expected `:`"),
        }
    }

    fn text(&mut self, quote: u8) -> Result<(), Wrong> {
        let begin = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                byte if byte == quote => return Ok(()),
                b'\\' => self.at += 1,
                b'\n' => break,
                _ => (),
            }
        }
        Err((begin, "a text without end"))
    }

    /// A number, a literal, or a bare key.
    fn word(&mut self) -> Result<(), Wrong> {
        let begin = self.at;
        let part = |byte: u8| byte.is_ascii_alphanumeric() || byte >= 0x80 || b"+-._$".contains(&byte);
        while self.peek().is_some_and(part) {
            self.at += 1;
        }
        if self.at > begin { Ok(()) } else { self.wrong("expected a value") }
    }

    /// White space and comments.
    fn space(&mut self) -> Result<(), Wrong> {
        loop {
            let rest = &self.bytes[self.at..];
            if rest.first().is_some_and(u8::is_ascii_whitespace) {
                self.at += 1;
            } else if rest.starts_with("\u{feff}".as_bytes()) {
                self.at += 3;
            } else if rest.starts_with(b"//") || rest.starts_with(b"#") {
                self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            } else if rest.starts_with(b"/*") {
                match rest.windows(2).position(|pair| pair == b"*/") {
                    Some(end) => self.at += end + 2,
                    None => return self.wrong("a comment without end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> Result<(), Wrong> {
        Err((self.at.min(self.bytes.len()), what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friendly_kinds_of_json_are_not_broken() {
        for text in [
            "",
            "  \n",
            "{}",
            "[1, 2,]",
            "{\"a\": 1, // c\n \"b\": [/* d */ true,],}",
            "{a: 'b', $c: +1.5e3}",
            "{\"a\":1}\n{\"a\":2}\n",
            "\u{feff}{}",
            "# c\n{}",
            "\"a\\\"b\"",
            "null",
            "{\"a\": \"//no comment\"}",
        ] {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
    }

    #[test]
    fn a_broken_text_is_told_where() {
        for (text, at, what) in [
            ("{\"a\": 1 \"b\": 2}", 8, "expected `,` or `}`"),
            ("[1 2]", 3, "expected `,` or `]`"),
            ("{\"a\" 1}", 5, "expected `:`"),
            ("{\"a\": }", 6, "expected a value"),
            ("{\"a\": [1", 8, "the text ends inside a list or object"),
            ("{\"a\": \"x\ny\"}", 6, "a text without end"),
            ("{} }", 3, "expected a value"),
            ("{ /* ", 2, "a comment without end"),
        ] {
            assert_eq!(check(text), Err((at, what)), "{text}");
        }
    }

    #[test]
    fn a_text_of_any_depth_ends() {
        assert_eq!(check(&"[".repeat(1_000_000)), Err((1_000_000, "the text ends inside a list or object")));
    }

    proptest::proptest! {
        #[test]
        fn what_is_json_is_not_broken(value in proptest::prelude::any::<u64>(), text in ".{0,20}") {
            let value = serde_json::json!({ "v": [value, text, { "x": null }] });
            proptest::prop_assert_eq!(check(&value.to_string()), Ok(()));
            proptest::prop_assert_eq!(check(&serde_json::to_string_pretty(&value).unwrap()), Ok(()));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:,\"'/*# a\\\\\n\u{feff}é]{0,30}") {
            let _ = check(&text);
        }
    }
}
