//! A scanner that accepts exactly what the writer writes and says where and how other bytes deviate.

use super::{MAX_DEPTH, MAX_INTEGER};

/// Bytes are not a document of the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {at}")]
pub struct Deviation {
    /// Offset of the first byte that cannot stand there.
    pub at: usize,
    /// What is wrong with it.
    pub kind: DeviationKind,
}

/// How bytes deviate from the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DeviationKind {
    /// White space between tokens.
    #[error("white space")]
    Whitespace,
    /// A key that belongs before the one it follows. A repeated key is found here too when others stand between.
    #[error("key out of order")]
    KeyOrder,
    /// The same key as the one before.
    #[error("duplicate key")]
    DuplicateKey,
    /// A fraction or an exponent.
    #[error("floating point number")]
    Float,
    /// An integer outside ±(2^53−1).
    #[error("integer outside ±(2^53−1)")]
    BigInteger,
    /// A leading zero, `+` or `-0`.
    #[error("another spelling of a number")]
    NumberSpelling,
    /// A character that is written otherwise, escaped or not.
    #[error("another spelling of a character")]
    EscapeSpelling,
    /// Not UTF-8.
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    /// Something after the document.
    #[error("bytes after the document")]
    TrailingBytes,
    /// More than 64 levels.
    #[error("nesting deeper than 64")]
    Depth,
    /// Not JSON at all.
    #[error("not JSON")]
    NotJson,
}

use DeviationKind as Kind;

pub(super) fn document(bytes: &[u8]) -> Result<(), Deviation> {
    std::str::from_utf8(bytes).map_err(|error| Deviation { at: error.valid_up_to(), kind: Kind::NotUtf8 })?;
    let mut scanner = Scanner { bytes, at: 0, left: MAX_DEPTH };
    scanner.value()?;
    if scanner.at == bytes.len() { Ok(()) } else { Err(scanner.here(Kind::TrailingBytes)) }
}

/// The text of a string from its spelling without quotes, which the writer or the scanner vouches for.
pub(super) fn text_of(spelling: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(spelling.len());
    let mut rest = spelling.iter().copied();
    while let Some(byte) = rest.next() {
        text.push(match (byte, byte == b'\\') {
            (byte, false) => byte,
            (_, true) => match rest.next() {
                Some(b'b') => 0x08,
                Some(b'f') => 0x0c,
                Some(b'n') => b'\n',
                Some(b'r') => b'\r',
                Some(b't') => b'\t',
                Some(b'u') => rest.by_ref().take(4).fold(0, |value, digit| value << 4 | hex(digit).unwrap_or(0)),
                Some(same) => same,
                None => break,
            },
        });
    }
    text
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Scanner<'a> {
    fn here(&self, kind: Kind) -> Deviation {
        Deviation { at: self.at, kind }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What it means that the next byte is not one that JSON allows here.
    fn unexpected(&self) -> Deviation {
        match self.peek() {
            Some(b' ' | b'\t' | b'\n' | b'\r') => self.here(Kind::Whitespace),
            _ => self.here(Kind::NotJson),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Deviation> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// Takes the byte if it is the next one.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<(), Deviation> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'+' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Deviation> {
        word.iter().try_for_each(|&byte| self.expect(byte))
    }

    fn nested(&mut self, content: fn(&mut Self) -> Result<(), Deviation>) -> Result<(), Deviation> {
        self.left = self.left.checked_sub(1).ok_or(self.here(Kind::Depth))?;
        self.at += 1;
        content(self)?;
        self.left += 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Deviation> {
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.value()?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    fn object(&mut self) -> Result<(), Deviation> {
        if self.take(b'}') {
            return Ok(());
        }
        let mut before: Option<&'a [u8]> = None;
        loop {
            let start = self.at;
            let key = self.string()?;
            if let Some(before) = before {
                order(before, key).map_err(|kind| Deviation { at: start, kind })?;
            }
            before = Some(key);
            self.expect(b':')?;
            self.value()?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Passes a string; gives its spelling without the quotes.
    fn string(&mut self) -> Result<&'a [u8], Deviation> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err(self.here(Kind::EscapeSpelling)),
                Some(_) => self.at += 1,
                None => return Err(self.here(Kind::NotJson)),
            }
        }
        self.at += 1;
        Ok(&self.bytes[start..self.at - 1])
    }

    fn escape(&mut self) -> Result<(), Deviation> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') if self.has_only_spelling() => self.at += 6,
            Some(b'u' | b'/') => return Err(self.here(Kind::EscapeSpelling)),
            _ => return Err(self.here(Kind::NotJson)),
        }
        Ok(())
    }

    /// Whether the `\u` here names a control character that has no shorter escape, in lower-case digits.
    fn has_only_spelling(&self) -> bool {
        let Some(&[b'0', b'0', high @ (b'0' | b'1'), low]) = self.bytes.get(self.at + 2..self.at + 6) else {
            return false;
        };
        let Some(low) = hex(low) else { return false };
        high == b'1' || !matches!(low, 0x8 | 0x9 | 0xa | 0xc | 0xd)
    }

    fn number(&mut self) -> Result<(), Deviation> {
        let start = self.at;
        let wrong = |kind| Deviation { at: start, kind };
        if self.peek() == Some(b'+') {
            return Err(wrong(Kind::NumberSpelling));
        }
        let negative = self.take(b'-');
        let first = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.bytes[first..self.at];
        match (digits, self.peek()) {
            ([], _) => Err(self.here(Kind::NotJson)),
            (_, Some(b'.' | b'e' | b'E')) => Err(wrong(Kind::Float)),
            ([b'0', _, ..], _) => Err(wrong(Kind::NumberSpelling)),
            ([b'0'], _) if negative => Err(wrong(Kind::NumberSpelling)),
            _ if is_too_big(digits) => Err(wrong(Kind::BigInteger)),
            _ => Ok(()),
        }
    }
}

fn is_too_big(digits: &[u8]) -> bool {
    let value = || digits.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    digits.len() > 16 || value() > MAX_INTEGER
}

fn order(before: &[u8], key: &[u8]) -> Result<(), Kind> {
    let ordering = if before.contains(&b'\\') || key.contains(&b'\\') {
        text_of(before).cmp(&text_of(key))
    } else {
        before.cmp(key)
    };
    match ordering {
        std::cmp::Ordering::Less => Ok(()),
        std::cmp::Ordering::Equal => Err(Kind::DuplicateKey),
        std::cmp::Ordering::Greater => Err(Kind::KeyOrder),
    }
}
