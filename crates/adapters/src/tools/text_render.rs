//! `text.render`: fills a template in.

use std::io;

use affiant_engine::ports::{ToolCall, ToolFailure};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{arguments, output};
use crate::{
    display::{escape, shorten},
    failure::refuse,
};

/// The longest document.
const MOST: usize = 10 << 20;
/// Bounds time and memory of one rendering: about 64 bytes for each.
const FUEL: u64 = 6_000_000;

#[derive(Deserialize)]
struct Input {
    template: String,
    #[serde(default)]
    data: Map<String, Value>,
}

#[derive(Serialize)]
struct Output {
    text: String,
    lines: usize,
}

pub(super) fn run(call: &ToolCall) -> Result<Value, ToolFailure> {
    let input: Input = arguments(call)?;
    let text = render(&input.template, &input.data)?;
    let lines = text.split_inclusive('\n').count();
    output(Output { text, lines })
}

fn render(template: &str, data: &Map<String, Value>) -> Result<String, ToolFailure> {
    let environment = environment();
    let mut document = Document(Vec::new());
    let compiled = environment.template_from_named_str("template", template).map_err(invalid)?;
    compiled.render_captured_to(Serde(data), &mut document).map_err(invalid)?;
    String::from_utf8(document.0).map_err(|_| refuse("template-invalid", "the document is not UTF-8"))
}

/// A template sees its data and nothing else: no loader, no includes, no clock.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters are valid"));
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(true);
    environment.add_filter("line", |text: String| escape(text.trim()));
    environment
}

fn invalid(error: minijinja::Error) -> ToolFailure {
    let line = error.line().map_or(String::new(), |line| format!("line {line}: "));
    let what = match (error.range(), error.template_source()) {
        (Some(range), Some(source)) => source.get(range).map(|part| format!(" (`{}`)", shorten(&escape(part), 80))),
        _ => None,
    };
    let detail = error.detail().map_or(String::new(), |detail| format!(": {}", escape(detail)));
    let source = std::error::Error::source(&error).map_or(String::new(), |source| format!(": {source}"));
    let message = format!("{line}{}{detail}{source}{}", error.kind(), what.unwrap_or_default());
    refuse("template-invalid", message)
}

/// A document that stops growing at its limit.
struct Document(Vec<u8>);

impl io::Write for Document {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST {
            return Err(io::Error::other("the document is larger than 10 MiB"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
