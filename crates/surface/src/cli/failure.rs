//! Why a command could not be carried out, for people and for programs.

use serde_json::{Value, json};

use super::{Exit, operation::remedy_of, output::Format, terminal};

/// What happened, why, and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// Code of the error catalogue, or of the command line itself (`usage`, `unreachable`).
    pub code: String,
    /// What happened.
    pub message: String,
    /// More about it, a line each.
    pub details: Vec<String>,
    /// What to do next.
    pub next: Option<String>,
    /// The problem as the server gave it.
    pub problem: Option<Box<Value>>,
}

impl Failure {
    /// A failure of the command line itself.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self { exit, code, message, details: Vec::new(), next: None, problem: None }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The failure that a problem body (RFC 9457) tells of.
    pub fn of_problem(status: u16, problem: Value) -> Self {
        let text = |field: &str| problem[field].as_str().unwrap_or_default().to_owned();
        let code = text("code");
        let known = affiant_contract::errors::find(&code);
        let message = [text("detail"), text("title"), format!("the server answered with status {status}")];
        let message = message.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        let issues = problem["issues"].as_array().map(Vec::as_slice).unwrap_or_default();
        let details = issues.iter().map(issue_line).collect();
        let next = known.map(|known| known.remedy).or_else(|| remedy_of(&problem)).map(str::to_owned);
        Self { exit: Exit::of_problem(status, &code), code, message, details, next, problem: Some(Box::new(problem)) }
    }

    /// Prints it where errors belong, in the chosen format, and gives the exit code.
    pub(crate) fn print(&self, format: Format) -> Exit {
        match format {
            Format::Json | Format::Jsonl => terminal::machine(&self.json().to_string()),
            _ => eprint!("{}", self.text()),
        }
        self.exit
    }

    fn text(&self) -> String {
        let mut text = format!("error: {}\n", terminal::safe(&self.message));
        for detail in &self.details {
            text += &format!("  {}\n", terminal::safe(detail));
        }
        if let Some(next) = &self.next {
            text += &format!("  next: {next}\n");
        }
        if let Some(trace) = self.problem.as_ref().and_then(|problem| problem["traceId"].as_str()) {
            text += &format!("  code {} · trace {trace} · docs /docs/errors/{}\n", self.code, self.code);
        }
        text
    }

    fn json(&self) -> Value {
        let of = |field: &str| self.problem.as_ref().map_or(Value::Null, |problem| problem[field].clone());
        json!({ "error": {
            "code": self.code, "status": of("status"), "message": self.message, "issues": of("issues"),
            "details": self.details, "retryable": of("retryable"), "trace_id": of("traceId"), "next": self.next,
        }})
    }
}

/// One issue of a problem, as a line.
fn issue_line(issue: &Value) -> String {
    let text = |field: &str| issue[field].as_str().unwrap_or_default();
    match text("path") {
        "" => text("message").to_owned(),
        path => format!("{path}: {}", text("message")),
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Unexpected, "io", error.to_string())
    }
}
