//! YAML text to a JSON value that remembers where everything stands.
//!
//! Contract files are the plain part of YAML 1.2: mappings with text keys, sequences and core-schema scalars.
//! Anchors, aliases, merge keys, tags and several documents are refused, because a reader of a contract should
//! find every value where it stands. A key that is given twice is refused, and so is nesting beyond any use.

use std::{collections::HashMap, sync::Arc};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as YamlSpan, StrInput, Tag};
use serde_json::{Map, Number, Value};

use crate::finding::{Finding, Span};

/// Deeper than any contract, and far from the end of the stack.
const MAX_DEPTH: usize = 64;

/// A YAML document as a JSON value, with the place of every node by JSON pointer.
#[derive(Debug)]
pub(crate) struct Document {
    /// The value, with fields in the order of the file.
    pub(crate) value: Value,
    places: HashMap<String, Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    key: Option<Span>,
    value: Span,
    container: bool,
}

impl Document {
    /// The place to underline for a node: the value of a scalar, the key of a mapping or sequence. For a pointer
    /// that is not in the file, the nearest node above it.
    pub(crate) fn span(&self, pointer: &str) -> Span {
        let place = self.nearest(pointer);
        match place.key {
            Some(key) if place.container => key,
            _ => place.value,
        }
    }

    /// The place of a node's key; of its value when it has none.
    pub(crate) fn key_span(&self, pointer: &str) -> Span {
        let place = self.nearest(pointer);
        place.key.unwrap_or(place.value)
    }

    /// Whether the file has a node at this pointer.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    fn nearest(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.places.get(pointer) {
                return *place;
            }
            match pointer.rfind('/') {
                Some(cut) => pointer = &pointer[..cut],
                None => {
                    return Place {
                        key: None,
                        value: Span { line: 1, column: 1, offset: 0, len: 0 },
                        container: false,
                    };
                }
            }
        }
    }
}

/// Reads one document that is right, without remembering places; `None` when anything is wrong with it. Most files are
/// right, and this is what a server that starts with a thousand of them waits for.
pub(crate) fn value(text: &Arc<str>) -> Option<Value> {
    let mut reader = Reader { remembers: false, ..Reader::new("", text) };
    let value = reader.document();
    value.filter(|_| reader.findings.is_empty())
}

/// Reads one document. The findings are complete even when a document comes back: a duplicate key, for example,
/// does not stop the reading.
pub(crate) fn read(file: &str, text: &Arc<str>) -> (Option<Document>, Vec<Finding>) {
    let mut reader = Reader::new(file, text);
    let value = reader.document();
    let document = value.map(|value| Document { value, places: reader.places });
    (document, reader.findings)
}

/// One more segment of a JSON pointer, escaped as RFC 6901 says.
pub(crate) fn join(pointer: &str, segment: &str) -> String {
    if segment.contains(['~', '/']) {
        format!("{pointer}/{}", segment.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{pointer}/{segment}")
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a Arc<str>,
    lines: Vec<usize>,
    parser: Parser<'a, StrInput<'a>>,
    /// Whether the places of nodes are wanted.
    remembers: bool,
    places: HashMap<String, Place>,
    findings: Vec<Finding>,
}

impl<'a> Reader<'a> {
    fn new(file: &'a str, text: &'a Arc<str>) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let parser = Parser::new_from_str(text);
        Self { file, text, lines, parser, remembers: true, places: HashMap::new(), findings: Vec::new() }
    }

    fn document(&mut self) -> Option<Value> {
        let mut value = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => break,
                _ if value.is_some() => {
                    self.report(
                        "yaml-documents",
                        span,
                        "the file holds more than one document",
                        "Keep one contract per file",
                    );
                    return value;
                }
                event => value = Some(self.node(event, span, None, String::new(), 0)?),
            }
        }
        if value.is_none() {
            self.findings.push(Finding::error("yaml-empty", "the file holds no contract").at(
                self.file,
                self.text.clone(),
                Span { line: 1, column: 1, offset: 0, len: 0 },
            ));
        }
        value
    }

    /// The next event; `None` after an error, which is then a finding.
    #[expect(clippy::option_option, reason = "the outer one is the error, already reported; the inner one is the end")]
    fn next(&mut self) -> Option<Option<(Event<'a>, YamlSpan)>> {
        match self.parser.next_event() {
            None => Some(None),
            Some(Ok(next)) => Some(Some(next)),
            Some(Err(error)) => {
                let at = *error.marker();
                let message = format!("this is not YAML: {}", error.info());
                let span = self.span(YamlSpan::new(at, at));
                self.findings.push(Finding::error("yaml-syntax", message).at(self.file, self.text.clone(), span));
                None
            }
        }
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: YamlSpan,
        key: Option<Span>,
        pointer: String,
        depth: usize,
    ) -> Option<Value> {
        if depth > MAX_DEPTH {
            self.report("yaml-depth", span, "this is nested too deeply", "No contract needs more than 64 levels");
            return None;
        }
        self.refuse_anchor(&event, span);
        let container = !matches!(event, Event::Scalar(..) | Event::Alias(_));
        let value = match event {
            Event::Scalar(text, style, _, tag) => self.scalar(&text, style, tag.as_deref(), span),
            Event::SequenceStart(_, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.sequence(&pointer, depth)?
            }
            Event::MappingStart(_, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.mapping(&pointer, depth)?
            }
            _ => Value::Null,
        };
        if self.remembers {
            let value = self.span(span);
            self.places.insert(pointer, Place { key, value, container });
        }
        Some(value)
    }

    fn join(&self, pointer: &str, segment: impl FnOnce() -> String) -> String {
        if self.remembers { join(pointer, &segment()) } else { String::new() }
    }

    fn sequence(&mut self, pointer: &str, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()??;
            if event == Event::SequenceEnd {
                return Some(Value::Array(items));
            }
            let item = self.join(pointer, || items.len().to_string());
            items.push(self.node(event, span, None, item, depth + 1)?);
        }
    }

    fn mapping(&mut self, pointer: &str, depth: usize) -> Option<Value> {
        let mut fields = Map::new();
        loop {
            let (event, span) = self.next()??;
            let name = match event {
                Event::MappingEnd => return Some(Value::Object(fields)),
                // A copy has no room to spare, and names are most of what a thousand contracts hold.
                Event::Scalar(name, ..) => String::from(&*name),
                _ => {
                    self.report("yaml-key", span, "a key must be a text", "Write `name: value`");
                    return None;
                }
            };
            if name == "<<" {
                self.report(
                    "yaml-merge",
                    span,
                    "merge keys are not used in contracts",
                    "Write the fields out where they belong",
                );
            }
            let at = self.join(pointer, || name.clone());
            let twice = fields.contains_key(&name);
            if twice {
                let first = self.places.get(&at).and_then(|place| place.key).map_or(1, |key| key.line);
                let message = format!("`{name}` is given twice");
                self.report("duplicate-key", span, &message, &format!("It stands on line {first} already; keep one"));
            }
            let key = if self.remembers { self.span(span) } else { Span::default() };
            let (event, span) = self.next()??;
            let at = if twice { join(&at, "(again)") } else { at };
            let value = self.node(event, span, Some(key), at, depth + 1)?;
            if !twice {
                fields.insert(name, value);
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: YamlSpan) -> Value {
        self.refuse_tag(tag, span);
        if style != ScalarStyle::Plain {
            return Value::String(text.to_owned());
        }
        plain(text).unwrap_or_else(|| {
            let help = "JSON has no such number; write it in quotes if it is a text";
            self.report("yaml-number", span, &format!("`{text}` is not a number that JSON can hold"), help);
            Value::Null
        })
    }

    fn refuse_anchor(&mut self, event: &Event<'_>, span: YamlSpan) {
        let anchored = match event {
            Event::Alias(_) => true,
            Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                *anchor > 0
            }
            _ => false,
        };
        if anchored {
            let help = "Write the value out where it belongs; `$defs` holds schemas that are used twice";
            self.report("yaml-anchor", span, "anchors and aliases are not used in contracts", help);
        }
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: YamlSpan) {
        if let Some(tag) = tag {
            self.report("yaml-tag", span, &format!("the tag `{tag}` is not used in contracts"), "Leave the tag out");
        }
    }

    fn report(&mut self, code: &'static str, span: YamlSpan, message: &str, help: &str) {
        let span = self.span(span);
        self.findings.push(Finding::error(code, message).help(help).at(self.file, self.text.clone(), span));
    }

    /// A span of the parser, which counts characters, in bytes, and no longer than its first line.
    fn span(&self, span: YamlSpan) -> Span {
        let start = self.offset(span.start);
        let end = self.offset(span.end).max(start);
        let first_line = self.text[start..end].lines().next().unwrap_or("").trim_end();
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        Span { line, column, offset: start, len: first_line.len() }
    }

    fn offset(&self, marker: Marker) -> usize {
        let Some(&line) = self.lines.get(marker.line().saturating_sub(1)) else { return self.text.len() };
        self.text[line..].char_indices().nth(marker.col()).map_or(self.text.len(), |(at, _)| line + at)
    }
}

/// A plain scalar by the core schema; `None` for a number that JSON cannot hold.
fn plain(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if looks_numeric(text) => return number(text),
        _ => Value::String(text.to_owned()),
    })
}

fn looks_numeric(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let special = matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
    let radix = |prefix, radix| {
        text.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_digit(radix)))
    };
    special || radix("0x", 16) || radix("0o", 8) || decimal(unsigned)
}

/// `[0-9]+`, `1.5`, `.5`, `1e9` and so on: at least one digit, then only what belongs to a number.
fn decimal(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent_is_right = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    !(whole.is_empty() && fraction.is_empty()) && digits(whole) && digits(fraction) && exponent_is_right
}

fn number(text: &str) -> Option<Value> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Value::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Value::from);
    }
    if !text.contains(['.', 'e', 'E']) {
        return text.parse::<i64>().ok().map(Value::from);
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number)
}
