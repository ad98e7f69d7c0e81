//! A serde serializer that writes the profile.

use std::{cmp::Ordering, fmt, ops::Range};

use serde::{Serialize, ser};

use super::MAX_INTEGER;

/// A value has no spelling in the record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotEncodable {
    /// Fractions are kept as decimal strings or as blobs.
    #[error("a floating point number has no single spelling; write it as a decimal string")]
    Float,
    /// Beyond ±(2^53−1) readers disagree.
    #[error("the integer {0} is outside ±(2^53−1); write it as a decimal string")]
    Integer(i128),
    /// A key stands twice in one object.
    #[error("the key `{0}` stands twice in one object")]
    DuplicateKey(String),
    /// A key is not text.
    #[error("a key of an object is not text")]
    Key,
    /// The value nests deeper than the profile allows.
    #[error("the value nests too deep")]
    Depth,
    /// The type has no JSON form here: raw bytes, or JSON text that was not read.
    #[error("{0} have no spelling; write them as text or as a value")]
    Type(&'static str),
    /// The value's own `Serialize` refused.
    #[error("{0}")]
    Refused(String),
}

impl ser::Error for NotEncodable {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Refused(reason.to_string())
    }
}

pub(super) fn encode(value: &(impl Serialize + ?Sized), max_depth: u32) -> Result<Vec<u8>, NotEncodable> {
    let mut writer = Writer { out: Vec::with_capacity(1024), keys: Vec::with_capacity(32), left: max_depth };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// The keys of all objects that are open, innermost last.
    keys: Vec<Key>,
    /// How many more levels may be opened.
    left: u32,
}

/// Where a key stands in the output.
#[derive(Clone, Copy)]
struct Key {
    /// Its opening quote.
    start: usize,
    /// Its closing quote.
    end: usize,
    /// Whether its text and its spelling differ.
    escaped: bool,
}

impl Key {
    fn spelling<'a>(&self, out: &'a [u8]) -> &'a [u8] {
        &out[self.start + 1..self.end]
    }

    /// The order of two keys is that of their text, not of their spelling.
    fn compare(&self, other: &Self, out: &[u8]) -> Ordering {
        let (mine, theirs) = (self.spelling(out), other.spelling(out));
        if self.escaped || other.escaped {
            return super::scan::text_of(mine).cmp(&super::scan::text_of(theirs));
        }
        // Nearly always the first bytes differ, and a call to compare what follows costs more than all of this.
        mine.first().cmp(&theirs.first()).then_with(|| mine.cmp(theirs))
    }
}

impl Writer {
    fn integer(&mut self, negative: bool, mut magnitude: u64) -> Result<(), NotEncodable> {
        if magnitude > MAX_INTEGER {
            let value = i128::from(magnitude);
            return Err(NotEncodable::Integer(if negative { -value } else { value }));
        }
        let mut digits = [0u8; 17];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            if magnitude == 0 {
                break;
            }
        }
        if negative {
            first -= 1;
            digits[first] = b'-';
        }
        self.out.extend_from_slice(&digits[first..]);
        Ok(())
    }

    /// Writes a whole string; says whether anything in it had to be escaped.
    fn string(&mut self, text: &str) -> bool {
        self.out.push(b'"');
        let escaped = escape(&mut self.out, text);
        self.out.push(b'"');
        escaped
    }

    fn open(&mut self, bracket: u8) -> Result<(), NotEncodable> {
        self.left = self.left.checked_sub(1).ok_or(NotEncodable::Depth)?;
        self.out.push(bracket);
        Ok(())
    }

    fn close(&mut self, bracket: u8) {
        self.left += 1;
        self.out.push(bracket);
    }

    fn object(&mut self) -> Result<Object<'_>, NotEncodable> {
        self.open(b'{')?;
        Ok(Object { first_key: self.keys.len(), sorted: true, levels: 1, writer: self })
    }

    fn array(&mut self) -> Result<Array<'_>, NotEncodable> {
        self.open(b'[')?;
        Ok(Array { empty: true, levels: 1, writer: self })
    }

    /// `{"variant":` before the content of an enum variant.
    fn variant(&mut self, name: &str) -> Result<(), NotEncodable> {
        self.open(b'{')?;
        self.string(name);
        self.out.push(b':');
        Ok(())
    }
}

/// Whether a byte of UTF-8 cannot stand in a string as it is.
fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Appends the text without its quotes; says whether anything had to be escaped.
fn escape(out: &mut Vec<u8>, text: &str) -> bool {
    let mut escaped = false;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain = plain_prefix(rest);
        out.extend_from_slice(&rest[..plain]);
        let Some(&byte) = rest.get(plain) else { break };
        escape_byte(out, byte);
        escaped = true;
        rest = &rest[plain + 1..];
    }
    escaped
}

/// How many bytes from the start need no escaping. Keys and ids are short: eight bytes at a time suit them best.
fn plain_prefix(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let clean = words.iter().take_while(|word| !has_escape(u64::from_ne_bytes(**word))).count();
    let skipped = clean * 8;
    let tail = &bytes[skipped..];
    skipped + tail.iter().position(|&byte| needs_escape(byte)).unwrap_or(tail.len())
}

/// Whether any of eight bytes of UTF-8 cannot stand in a string as it is. A byte below `n` borrows from its highest bit
/// when `n` is taken from it, and one that equals `c` is zero after `^ c`; bytes from 0x80 are none of these. (Hacker's
/// Delight, section 6-1: a borrow may run into the next byte, but only where there was one to find.)
fn has_escape(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word;
    let equal = |c: u8| below(word ^ (ONES * u64::from(c)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGH != 0
}

fn escape_byte(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]])
        }
    }
}

/// Text that arrives in pieces, from a `Display`.
struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    escaped: bool,
}

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.escaped |= escape(self.out, piece);
        Ok(())
    }
}

fn display(out: &mut Vec<u8>, value: &(impl fmt::Display + ?Sized)) -> Result<bool, NotEncodable> {
    out.push(b'"');
    let mut pieces = Pieces { out, escaped: false };
    fmt::write(&mut pieces, format_args!("{value}")).map_err(ser::Error::custom)?;
    let escaped = pieces.escaped;
    out.push(b'"');
    Ok(escaped)
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), NotEncodable> {
            #[allow(unused_comparisons, reason = "one body serves signed and unsigned types")]
            self.integer(value < 0, u64::try_from(value.abs_diff(0)).map_err(|_| NotEncodable::Integer(i128::MAX))?)
        }
    )*};
}

impl<'w> ser::Serializer for &'w mut Writer {
    type Ok = ();
    type Error = NotEncodable;
    type SerializeSeq = Array<'w>;
    type SerializeTuple = Array<'w>;
    type SerializeTupleStruct = Array<'w>;
    type SerializeTupleVariant = Array<'w>;
    type SerializeMap = Object<'w>;
    type SerializeStruct = Object<'w>;
    type SerializeStructVariant = Object<'w>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_bool(self, value: bool) -> Result<(), NotEncodable> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), NotEncodable> {
        Err(NotEncodable::Float)
    }

    fn serialize_f64(self, _: f64) -> Result<(), NotEncodable> {
        Err(NotEncodable::Float)
    }

    fn serialize_char(self, value: char) -> Result<(), NotEncodable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), NotEncodable> {
        self.string(text);
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), NotEncodable> {
        display(&mut self.out, value).map(|_| ())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NotEncodable> {
        Err(NotEncodable::Type("raw bytes"))
    }

    fn serialize_none(self) -> Result<(), NotEncodable> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotEncodable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NotEncodable> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotEncodable> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), NotEncodable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), NotEncodable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NotEncodable> {
        self.variant(variant)?;
        value.serialize(&mut *self)?;
        self.close(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'w>, NotEncodable> {
        self.array()
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'w>, NotEncodable> {
        self.array()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'w>, NotEncodable> {
        self.array()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'w>, NotEncodable> {
        self.variant(variant)?;
        Ok(Array { levels: 2, ..self.array()? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object<'w>, NotEncodable> {
        self.object()
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object<'w>, NotEncodable> {
        // Raw JSON and arbitrary-precision numbers travel as structs with private names; their text is unchecked.
        if name.starts_with("$serde_json::private") {
            return Err(NotEncodable::Type("unread JSON texts"));
        }
        self.object()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'w>, NotEncodable> {
        self.variant(variant)?;
        Ok(Object { levels: 2, ..self.object()? })
    }
}

/// An array that is being written.
pub(super) struct Array<'w> {
    writer: &'w mut Writer,
    empty: bool,
    /// 2 where a variant's object is around it.
    levels: u8,
}

impl Array<'_> {
    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), NotEncodable> {
        if !std::mem::take(&mut self.empty) {
            self.writer.out.push(b',');
        }
        value.serialize(&mut *self.writer)
    }

    fn finish(self) -> Result<(), NotEncodable> {
        self.writer.close(b']');
        if self.levels == 2 {
            self.writer.close(b'}');
        }
        Ok(())
    }
}

macro_rules! arrays {
    ($($trait:ident::$method:ident),*) => {$(
        impl ser::$trait for Array<'_> {
            type Ok = ();
            type Error = NotEncodable;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotEncodable> {
                self.element(value)
            }

            fn end(self) -> Result<(), NotEncodable> {
                self.finish()
            }
        }
    )*};
}

arrays! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field
}

/// An object that is being written.
pub(super) struct Object<'w> {
    writer: &'w mut Writer,
    /// Where its keys begin in [`Writer::keys`].
    first_key: usize,
    /// Whether its keys came in order so far.
    sorted: bool,
    /// 2 where a variant's object is around it.
    levels: u8,
}

impl Object<'_> {
    fn key(&mut self, write: impl FnOnce(&mut Writer) -> Result<bool, NotEncodable>) -> Result<(), NotEncodable> {
        let writer = &mut *self.writer;
        if writer.keys.len() > self.first_key {
            writer.out.push(b',');
        }
        let start = writer.out.len();
        let escaped = write(writer)?;
        let key = Key { start, end: writer.out.len() - 1, escaped };
        if let Some(before) = writer.keys[self.first_key..].last() {
            self.sorted &= before.compare(&key, &writer.out) == Ordering::Less;
        }
        writer.keys.push(key);
        writer.out.push(b':');
        Ok(())
    }

    fn finish(mut self) -> Result<(), NotEncodable> {
        if !self.sorted {
            self.sort()?;
        }
        self.writer.keys.truncate(self.first_key);
        self.writer.close(b'}');
        if self.levels == 2 {
            self.writer.close(b'}');
        }
        Ok(())
    }

    /// Puts the members in order; they are contiguous in the output, separated by commas.
    fn sort(&mut self) -> Result<(), NotEncodable> {
        let Writer { out, keys, .. } = &mut *self.writer;
        let keys = &keys[self.first_key..];
        let mut members: Vec<(Key, Range<usize>)> = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let end = keys.get(index + 1).map_or(out.len(), |next| next.start - 1);
            members.push((*key, key.start..end));
        }
        let start = members[0].1.start;
        members.sort_by(|(a, _), (b, _)| a.compare(b, out));
        if let Some([(twice, _), _]) = members.array_windows().find(|[(a, _), (b, _)]| a.compare(b, out).is_eq()) {
            let text = super::scan::text_of(twice.spelling(out));
            return Err(NotEncodable::DuplicateKey(String::from_utf8_lossy(&text).into_owned()));
        }
        let mut sorted = Vec::with_capacity(out.len() - start);
        for (_, range) in members {
            sorted.extend_from_slice(&out[range]);
            sorted.push(b',');
        }
        sorted.pop();
        out.truncate(start);
        out.extend_from_slice(&sorted);
        Ok(())
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = NotEncodable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NotEncodable> {
        self.key(|writer| key.serialize(KeyWriter(writer)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NotEncodable> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), NotEncodable> {
        self.finish()
    }
}

macro_rules! objects {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Object<'_> {
            type Ok = ();
            type Error = NotEncodable;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), NotEncodable> {
                self.key(|writer| Ok(writer.string(key)))?;
                value.serialize(&mut *self.writer)
            }

            fn end(self) -> Result<(), NotEncodable> {
                self.finish()
            }
        }
    )*};
}

objects! { SerializeStruct, SerializeStructVariant }

/// Writes a key; only text is one. Gives whether it had to be escaped.
struct KeyWriter<'a>(&'a mut Writer);

macro_rules! not_a_key {
    ($($method:ident($($argument:ty),*) -> $ok:ty;)*) => {$(
        fn $method(self $(, _: $argument)*) -> Result<$ok, NotEncodable> {
            Err(NotEncodable::Key)
        }
    )*};
}

type No = ser::Impossible<bool, NotEncodable>;

impl ser::Serializer for KeyWriter<'_> {
    type Ok = bool;
    type Error = NotEncodable;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = No;
    type SerializeStructVariant = No;

    fn serialize_str(self, text: &str) -> Result<bool, NotEncodable> {
        Ok(self.0.string(text))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<bool, NotEncodable> {
        display(&mut self.0.out, value)
    }

    fn serialize_char(self, value: char) -> Result<bool, NotEncodable> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<bool, NotEncodable> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<bool, NotEncodable> {
        value.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool, NotEncodable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<bool, NotEncodable> {
        Err(NotEncodable::Key)
    }

    not_a_key! {
        serialize_bool(bool) -> bool;
        serialize_i8(i8) -> bool;
        serialize_i16(i16) -> bool;
        serialize_i32(i32) -> bool;
        serialize_i64(i64) -> bool;
        serialize_u8(u8) -> bool;
        serialize_u16(u16) -> bool;
        serialize_u32(u32) -> bool;
        serialize_u64(u64) -> bool;
        serialize_f32(f32) -> bool;
        serialize_f64(f64) -> bool;
        serialize_bytes(&[u8]) -> bool;
        serialize_none() -> bool;
        serialize_unit() -> bool;
        serialize_unit_struct(&'static str) -> bool;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_map(Option<usize>) -> No;
        serialize_struct(&'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
