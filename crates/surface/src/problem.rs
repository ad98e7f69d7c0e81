//! Refusals, and the RFC 9457 body in which every surface shows them.
//!
//! A [`Refusal`] is what the code says; a [`Problem`] is what the caller reads. Between them stands one rule: the
//! cause of an internal error goes to the server's log under the call's trace id, and never to the caller.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use affiant_contract::{
    BoundOperation, ErrorSpec, Issue, OwnError,
    errors::{self, CatalogueError, Category},
};
use affiant_engine::ports::StoreError;
use serde::{Serialize, Serializer};

/// Media type of a problem body.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Where the page of an error code stands on this server; the code follows.
pub const TYPE_BASE: &str = "/docs/errors/";

/// Why a call was not carried out.
#[derive(Debug)]
pub struct Refusal(Box<Said>);

#[derive(Debug)]
struct Said {
    kind: Kind,
    detail: Cow<'static, str>,
    issues: Vec<Issue>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
    cause: Option<Cause>,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What every occurrence of a code has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    code: Cow<'static, str>,
    status: u16,
    title: Cow<'static, str>,
    retryable: bool,
    category: Category,
}

impl Kind {
    fn known(entry: &'static CatalogueError) -> Self {
        Self {
            code: entry.code.into(),
            status: entry.status,
            title: entry.title.into(),
            retryable: entry.retryable,
            category: entry.category,
        }
    }

    fn own(own: &OwnError) -> Self {
        Self {
            code: Cow::Owned(own.code.clone()),
            status: own.status,
            title: Cow::Owned(crate::render::errors::own_title(&own.code)),
            retryable: own.retryable,
            category: category_of(own.status),
        }
    }
}

impl Refusal {
    /// A refusal with a code of the catalogue, and the sentence for this occurrence.
    ///
    /// A code that is not in the catalogue becomes `internal`, with the code as its cause.
    pub fn new(code: &str, detail: impl Into<Cow<'static, str>>) -> Self {
        match errors::find(code) {
            Some(entry) => Self::of(Kind::known(entry), detail.into()),
            None => Self::internal(format!("the code `{code}` is not in the catalogue")),
        }
    }

    fn of(kind: Kind, detail: Cow<'static, str>) -> Self {
        let (issues, retry_after, allow, cause) = (Vec::new(), None, None, None);
        Self(Box::new(Said { kind, detail, issues, retry_after, allow, cause }))
    }

    /// A refusal with nothing to say about this occurrence beyond what the catalogue says.
    pub fn plain(code: &str) -> Self {
        let detail = errors::find(code).map_or("", |entry| entry.when);
        Self::new(code, detail)
    }

    /// A condition that nobody foresaw. The cause is logged under the trace id and not shown.
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new("internal", "The server could not carry this out. The trace id names its log entry.").because(cause)
    }

    /// Values that do not satisfy a schema, field by field.
    pub fn invalid(issues: Vec<Issue>) -> Self {
        let detail = match &issues[..] {
            [one] => Cow::Owned(sentence(one)),
            many => Cow::Owned(format!("The input has {} issues.", many.len())),
        };
        Self::new("input-invalid", detail).with_issues(issues)
    }

    /// One field that is wrong in a way the schema cannot say. `path` is a JSON pointer.
    pub fn invalid_field(path: &str, code: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![Issue { path: path.into(), code: code.into(), message: message.into() }])
    }

    /// A failure with a code that the operation's contract declares; `None` for any other code.
    pub fn declared(operation: &BoundOperation, code: &str, detail: impl Into<Cow<'static, str>>) -> Option<Self> {
        let declared = operation.operation().errors.iter().find(|spec| match spec {
            ErrorSpec::Known(known) => known == code,
            ErrorSpec::Own(own) => own.code == code,
        })?;
        let own = match declared {
            ErrorSpec::Known(known) => return Some(Self::new(known, detail)),
            ErrorSpec::Own(own) => own,
        };
        Some(Self::of(Kind::own(own), detail.into()))
    }

    /// The same refusal with these issues.
    #[must_use]
    pub fn with_issues(mut self, issues: Vec<Issue>) -> Self {
        self.0.issues = issues;
        self
    }

    /// The same refusal, asking the caller to wait this long.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The same refusal, naming the methods that the route takes.
    #[must_use]
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.0.allow = Some(methods);
        self
    }

    /// The same refusal with a cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0.kind.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.0.kind.status
    }

    /// Who can do something about it.
    pub fn category(&self) -> Category {
        self.0.kind.category
    }

    /// What the log says of it, with everything that callers are not told.
    pub fn cause(&self) -> Option<String> {
        let cause = self.0.cause.as_deref()?;
        let mut text = cause.to_string();
        let mut next = cause.source();
        while let Some(inner) = next {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            next = inner.source();
        }
        Some(text)
    }

    /// The body for the caller.
    pub fn problem(self, trace: TraceId, operation: Option<&BoundOperation>) -> Problem {
        let Said { kind, detail, issues, retry_after, allow, cause: _ } = *self.0;
        let operation = operation.map(|operation| operation.contract().clone());
        Problem { kind, detail, issues, trace, operation, retry_after, allow }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let refusal = match &error {
            StoreError::Full | StoreError::ReadOnly => Self::plain("storage-full"),
            // A ceiling ends a run, never a call: a call that meets one is a mistake of ours.
            StoreError::Exhausted(_) => return Self::internal(error),
            StoreError::Damaged(what) => {
                Self::new("storage-damaged", format!("The storage was altered or is broken: {what}."))
            }
            StoreError::Unavailable(_) => Self::plain("storage-unavailable"),
            StoreError::Conflict { .. } => {
                Self::new("conflict", "Somebody else changed the same thing at this moment. Look again, then decide.")
            }
            StoreError::Remembered(_) => Self::plain("idempotency-in-flight"),
            StoreError::Cursor(_) => {
                return Self::invalid_field("/cursor", "cursor", "must be the `nextCursor` of an earlier reply");
            }
        };
        refusal.because(error)
    }
}

fn category_of(status: u16) -> Category {
    match status {
        401 | 403 => Category::Identity,
        404 | 410 => Category::Missing,
        409 | 412 => Category::Conflict,
        413 | 429 => Category::Limit,
        400..=499 => Category::Request,
        _ => Category::Binding,
    }
}

fn sentence(issue: &Issue) -> String {
    let end = if issue.message.ends_with('?') { "" } else { "." };
    match issue.path.strip_prefix('/') {
        Some(field) if !issue.message.starts_with('`') => format!("`{field}` {}{end}", issue.message),
        None if issue.message.starts_with("must ") => format!("The input {}{end}", issue.message),
        _ => format!("{}{end}", issue.message),
    }
}

/// Names one call in replies and logs: the W3C trace id of the caller, its request id, or one of ours.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TraceId(Arc<str>);

impl TraceId {
    /// The trace id with this text, when it is one to 64 letters, digits, `-`, `_`, `.` or `:`.
    pub fn read(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(fits)).then(|| Self(text.into()))
    }

    /// The trace id in a W3C `traceparent` header.
    pub fn of_traceparent(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let (version, id) = (parts.next()?, parts.next()?);
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let valid = version.len() == 2 && hex(version) && version != "ff" && id.len() == 32 && hex(id);
        (valid && id.bytes().any(|byte| byte != b'0')).then(|| Self(id.into()))
    }

    /// A trace id of 128 bits.
    pub fn of_bits(bits: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 32];
        for (place, byte) in bits.to_be_bytes().into_iter().enumerate() {
            text[2 * place] = DIGITS[usize::from(byte >> 4)];
            text[2 * place + 1] = DIGITS[usize::from(byte & 15)];
        }
        Self(std::str::from_utf8(&text).expect("hex digits are ASCII").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a caller is told about a call that was not carried out: an RFC 9457 problem.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    issues: Vec<Issue>,
    trace: TraceId,
    operation: Option<Arc<affiant_contract::Contract>>,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

impl Problem {
    /// The code.
    pub fn code(&self) -> &str {
        &self.kind.code
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.kind.status
    }

    /// The sentence for this occurrence.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        self.kind.retryable
    }

    /// What is wrong with the input, field by field.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Names the call in the server's log.
    pub fn trace(&self) -> &TraceId {
        &self.trace
    }

    /// Seconds that the caller should wait, at least one.
    pub fn retry_after(&self) -> Option<u64> {
        let wait = self.retry_after?;
        Some(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
    }

    /// The methods that the route takes, when the method was wrong.
    pub fn allow(&self) -> Option<&'static str> {
        self.allow
    }

    /// The body as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists are always JSON")
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
            instance: String,
            category: Category,
            retryable: bool,
            trace_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            operation: Option<OperationName<'a>>,
            #[serde(skip_serializing_if = "<[Issue]>::is_empty")]
            issues: &'a [Issue],
        }
        Body {
            r#type: format!("{TYPE_BASE}{}", self.kind.code),
            title: &self.kind.title,
            status: self.kind.status,
            code: &self.kind.code,
            detail: &self.detail,
            instance: format!("urn:affiant:call:{}", self.trace),
            category: self.kind.category,
            retryable: self.kind.retryable,
            trace_id: self.trace.as_str(),
            operation: self.operation.as_deref().map(OperationName::of),
            issues: &self.issues,
        }
        .serialize(serializer)
    }
}

#[derive(Serialize)]
struct OperationName<'a> {
    key: &'a str,
    version: &'a semver::Version,
}

impl<'a> OperationName<'a> {
    fn of(contract: &'a affiant_contract::Contract) -> Self {
        Self { key: &contract.meta.key, version: &contract.meta.version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(refusal: Refusal) -> String {
        serde_json::to_string_pretty(&refusal.problem(TraceId::of_bits(7), None)).unwrap()
    }

    #[test]
    fn an_internal_error_shows_its_trace_and_never_its_message() {
        let refusal = Refusal::internal("the password is hunter2");
        assert_eq!(refusal.cause().as_deref(), Some("the password is hunter2"));
        insta::assert_snapshot!(shown(refusal), @r#"
        {
          "type": "/docs/errors/internal",
          "title": "Internal error",
          "status": 500,
          "code": "internal",
          "detail": "The server could not carry this out. The trace id names its log entry.",
          "instance": "urn:affiant:call:00000000000000000000000000000007",
          "category": "server",
          "retryable": true,
          "traceId": "00000000000000000000000000000007"
        }
        "#);
    }

    #[test]
    fn a_code_that_is_not_in_the_catalogue_is_an_internal_error() {
        assert_eq!(Refusal::new("no-such-code", "x").code(), "internal");
    }

    #[test]
    fn one_issue_is_the_sentence_and_several_are_counted() {
        let one = Refusal::invalid_field("/limit", "maximum", "must be at most 500");
        insta::assert_snapshot!(shown(one), @r#"
        {
          "type": "/docs/errors/input-invalid",
          "title": "Invalid input",
          "status": 422,
          "code": "input-invalid",
          "detail": "`limit` must be at most 500.",
          "instance": "urn:affiant:call:00000000000000000000000000000007",
          "category": "request",
          "retryable": false,
          "traceId": "00000000000000000000000000000007",
          "issues": [
            {
              "path": "/limit",
              "code": "maximum",
              "message": "must be at most 500"
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_trace_is_taken_over_only_when_it_cannot_break_a_log() {
        let id = TraceId::of_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!(id.unwrap().as_str(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(TraceId::of_traceparent("00-00000000000000000000000000000000-b7ad6b7169203331-01"), None);
        assert_eq!(TraceId::read("a\nb"), None);
        assert_eq!(TraceId::read(""), None);
        assert_eq!(TraceId::read("req_1.2:3-4").unwrap().as_str(), "req_1.2:3-4");
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_and_never_none() {
        let wait = |millis| {
            let refusal = Refusal::plain("rate-limited").retry_after(Duration::from_millis(millis));
            refusal.problem(TraceId::of_bits(1), None).retry_after()
        };
        assert_eq!((wait(0), wait(200), wait(1000), wait(1001)), (Some(1), Some(1), Some(1), Some(2)));
    }
}
