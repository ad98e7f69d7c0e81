//! What is wrong with a contract file, and where: a [`Finding`] names the rule, the place and a way out.

use std::{fmt, sync::Arc};

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The contract cannot be used as it is.
    Error,
    /// The contract can be used; readers will stumble.
    Warning,
}

/// A place in a file. Lines and columns count from 1, columns in characters; `offset` and `len` are bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Bytes before the place.
    pub offset: usize,
    /// Bytes of the place.
    pub len: usize,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Kebab-case name of the rule.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The file, as a path relative to the project, or `builtin:…`.
    pub file: String,
    /// Where in the file.
    pub span: Span,
    /// The file's text, for rendering.
    #[serde(skip)]
    pub text: Arc<str>,
}

impl Finding {
    /// An error at the start of a file.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            help: None,
            file: String::new(),
            span: Span { line: 1, column: 1, offset: 0, len: 0 },
            text: Arc::from(""),
        }
    }

    /// A warning at the start of a file.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same finding as a warning.
    #[must_use]
    pub fn mildly(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same finding with a way out.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same finding in this file, at this place.
    #[must_use]
    pub fn at(self, file: impl Into<String>, text: Arc<str>, span: Span) -> Self {
        Self { file: file.into(), text, span, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {} [{}]", self.file, self.span.line, self.span.column, self.message, self.code)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Puts findings in the order in which people read them: by file, then by place, then by rule.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (&a.file, a.span.offset, a.code, &a.message).cmp(&(&b.file, b.span.offset, b.code, &b.message))
    });
}
