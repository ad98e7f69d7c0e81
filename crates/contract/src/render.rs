//! Contracts as JSON, and findings as text for people.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity as Level, SourceCode,
    SourceSpan,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    finding::{Finding, Severity},
    model::{Body, Contract},
};

/// The whole contract as one JSON object: the fields of the file with their defaults filled in, and `source` with
/// the file's `path` and `digest`.
pub fn json(contract: &Contract) -> Value {
    let mut fields = object(&contract.meta);
    fields.extend(match &contract.body {
        Body::Operation(body) => object(body),
        Body::Event(body) => object(body),
        Body::Capability(body) => object(body),
        Body::Feature(body) => object(body),
        Body::Form(body) => object(body),
        Body::View(body) => object(body),
        Body::Presentation(body) => object(body),
        Body::Agent(body) => object(body),
        Body::ContextPack(body) => object(body),
    });
    let source = &contract.source;
    fields.insert("source".into(), json!({ "path": source.path.display().to_string(), "digest": source.digest }));
    Value::Object(fields)
}

fn object(part: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(part) {
        Ok(Value::Object(fields)) => fields,
        other => unreachable!("the model is made of structs with text keys, not of {other:?}"),
    }
}

/// Findings as text: the rule, the message, the lines of the file with the place underlined, and the help; in the
/// order given, with a line that counts them at the end. Nothing is written for no findings.
pub fn findings(findings: &[Finding], colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100).with_links(false);
    let mut text = String::new();
    for finding in findings {
        let report = Report { finding, source: source(finding) };
        handler.render_report(&mut text, &report).expect("writing to a string succeeds");
        text.push('\n');
    }
    if !findings.is_empty() {
        text.push_str(&count(findings));
        text.push('\n');
    }
    text
}

fn count(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let say = |number: usize, word: &str| match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    };
    format!("{}, {}", say(errors, "error"), say(findings.len() - errors, "warning"))
}

fn source(finding: &Finding) -> Option<NamedSource<String>> {
    (!finding.text.is_empty()).then(|| NamedSource::new(&finding.file, finding.text.to_string()))
}

#[derive(Debug)]
struct Report<'a> {
    finding: &'a Finding,
    source: Option<NamedSource<String>>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            Some(_) => f.write_str(&self.finding.message),
            None => write!(f, "{}: {}", self.finding.file, self.finding.message),
        }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<Level> {
        Some(match self.finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let span = self.finding.span;
        // A place at the very end of a file has nothing to underline; the character before it has.
        let offset = span.offset.min(self.finding.text.len().saturating_sub(1));
        let span = SourceSpan::new(offset.into(), span.len.max(1));
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, span))))
    }
}
