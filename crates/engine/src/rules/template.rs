//! Values with `${…}` in their texts. A text that is one `${…}` takes the value of the expression; inside a longer
//! text it takes it as text. `$${` is a plain `${`.

use serde_json::{Map, Value};

use super::{Expression, Facts, expression::Unevaluated, reads::Read};

/// A value whose texts may hold expressions.
#[derive(Debug)]
pub enum Template {
    /// No expression in it.
    Plain(Value),
    /// One expression.
    One(Expression),
    /// A text with expressions in it.
    Text(Vec<Piece>),
    /// A list.
    List(Vec<Template>),
    /// An object.
    Object(Vec<(String, Template)>),
}

/// A piece of a text.
#[derive(Debug)]
pub enum Piece {
    /// As it is.
    Plain(String),
    /// What the expression gives.
    Filled(Expression),
}

impl Template {
    /// Compiles every text of a value.
    pub fn compile(value: &Value) -> Result<Self, String> {
        let template = match value {
            Value::String(text) => Self::of_text(text)?,
            Value::Array(items) => Self::List(items.iter().map(Self::compile).collect::<Result<_, _>>()?),
            Value::Object(members) => Self::object(members)?,
            plain => Self::Plain(plain.clone()),
        };
        Ok(if template.is_plain() { Self::Plain(value.clone()).unescaped() } else { template })
    }

    /// Compiles an object.
    pub fn object(members: &Map<String, Value>) -> Result<Self, String> {
        let compiled = members.iter().map(|(key, value)| Ok((key.clone(), Self::compile(value)?)));
        compiled.collect::<Result<_, String>>().map(Self::Object)
    }

    fn of_text(text: &str) -> Result<Self, String> {
        let mut pieces = pieces(text)?;
        match pieces.as_slice() {
            [Piece::Filled(_)] => match pieces.pop() {
                Some(Piece::Filled(expression)) => Ok(Self::One(expression)),
                _ => Ok(Self::Text(pieces)),
            },
            [] => Ok(Self::Plain(Value::from(""))),
            [Piece::Plain(plain)] => Ok(Self::Plain(Value::from(plain.as_str()))),
            _ => Ok(Self::Text(pieces)),
        }
    }

    fn is_plain(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::One(_) | Self::Text(_) => false,
            Self::List(items) => items.iter().all(Self::is_plain),
            Self::Object(members) => members.iter().all(|(_, member)| member.is_plain()),
        }
    }

    /// A plain value with `$${` as `${`.
    fn unescaped(self) -> Self {
        fn walk(value: &mut Value) {
            match value {
                Value::String(text) if text.contains("$${") => *text = text.replace("$${", "${"),
                Value::Array(items) => items.iter_mut().for_each(walk),
                Value::Object(members) => members.values_mut().for_each(walk),
                _ => (),
            }
        }
        match self {
            Self::Plain(mut value) => {
                walk(&mut value);
                Self::Plain(value)
            }
            other => other,
        }
    }

    /// The value with every expression evaluated.
    pub fn fill(&self, facts: &Facts) -> Result<Value, Unevaluated> {
        match self {
            Self::Plain(value) => Ok(value.clone()),
            Self::One(expression) => expression.json(facts),
            Self::Text(pieces) => {
                let text: Result<String, _> = pieces.iter().map(|piece| piece.fill(facts)).collect();
                text.map(Value::from)
            }
            Self::List(items) => items.iter().map(|item| item.fill(facts)).collect(),
            Self::Object(members) => {
                let filled: Result<Map<_, _>, _> =
                    members.iter().map(|(key, member)| Ok((key.clone(), member.fill(facts)?))).collect();
                filled.map(Value::Object)
            }
        }
    }

    /// The value as text: texts as they are, other values as JSON.
    pub fn fill_text(&self, facts: &Facts) -> Result<String, Unevaluated> {
        match self.fill(facts)? {
            Value::String(text) => Ok(text),
            other => Ok(other.to_string()),
        }
    }

    /// Adds the facts that it may read.
    pub fn reads<'a>(&'a self, into: &mut Vec<&'a Read>) {
        match self {
            Self::Plain(_) => (),
            Self::One(expression) => into.extend(expression.reads()),
            Self::Text(pieces) => pieces.iter().for_each(|piece| {
                if let Piece::Filled(expression) = piece {
                    into.extend(expression.reads());
                }
            }),
            Self::List(items) => items.iter().for_each(|item| item.reads(into)),
            Self::Object(members) => members.iter().for_each(|(_, member)| member.reads(into)),
        }
    }
}

impl Piece {
    fn fill(&self, facts: &Facts) -> Result<String, Unevaluated> {
        match self {
            Self::Plain(text) => Ok(text.clone()),
            Self::Filled(expression) => expression.text(facts),
        }
    }
}

/// The pieces of a text.
fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            plain.push_str(&rest[..at - 1]);
            plain.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        plain.push_str(&rest[..at]);
        let inside = &rest[at + 2..];
        let end = closing(inside).ok_or_else(|| format!("`${{` in {text:?} is not closed"))?;
        if !plain.is_empty() {
            pieces.push(Piece::Plain(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Filled(Expression::compile(&inside[..end])?));
        rest = &inside[end + 1..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(pieces)
}

/// Where the `}` stands that closes an expression: not inside braces or quotes of its own.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote, mut escaped) = (0_u32, None, false);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => (),
            (None, '"' | '\'') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (None, _) => (),
        }
    }
    None
}
