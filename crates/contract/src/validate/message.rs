//! What a schema's refusal is called. Messages are made of the schema alone, never of the value.

use std::collections::HashSet;

use jsonschema::{
    ValidationError,
    error::{TypeKind, ValidationErrorKind as Refusal},
};
use serde_json::Value;

use crate::{model::Schema, suggest::nearest, yaml::join};

use super::Issue;

pub(super) struct Reporter<'a> {
    pub(super) schema: &'a Schema,
    pub(super) guarded: &'a HashSet<String>,
}

impl Reporter<'_> {
    pub(super) fn report(&self, error: &ValidationError<'_>, issues: &mut Vec<Issue>) {
        let at = error.instance_path().as_str();
        match error.kind() {
            Refusal::AdditionalProperties { unexpected } | Refusal::UnevaluatedProperties { unexpected } => {
                let known = self.known_fields(error);
                issues.extend(unexpected.iter().map(|name| self.unknown_field(at, name, &known)));
            }
            Refusal::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let (code, message) = match needed_with(self.schema, error, name) {
                    Some(other) => ("dependentRequired", format!("`{name}` is needed with `{other}`")),
                    None => ("required", format!("`{name}` is required")),
                };
                issues.push(issue(&self.shown(&join(at, name)), code, message));
            }
            Refusal::AnyOf { context } | Refusal::OneOfNotValid { context } => {
                self.best_branch(at, error, context, issues)
            }
            kind => {
                let (code, message) = describe(kind, error.instance());
                issues.push(issue(&self.shown(at), code, message));
            }
        }
    }

    fn unknown_field(&self, at: &str, name: &str, known: &[&str]) -> Issue {
        let path = join(at, name);
        let shown = self.shown(&path);
        if shown != path {
            return issue(&shown, "unknown-field", "holds a field that the contract does not know".into());
        }
        let message = match nearest(name, known.iter().copied()) {
            Some(near) => format!("`{name}` is not a field here; did you mean `{near}`?"),
            None if known.is_empty() => format!("`{name}` is not a field here; no field is"),
            None => format!("`{name}` is not a field here; known are {}", list(known)),
        };
        issue(&path, "unknown-field", message)
    }

    /// Of several forms, the one that the value comes nearest to says what is missing.
    fn best_branch(
        &self,
        at: &str,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
        issues: &mut Vec<Issue>,
    ) {
        let is_other_form = |branch: &&Vec<ValidationError<'static>>| {
            branch.iter().any(|inner| {
                let here = inner.instance_path().as_str() == at;
                here && matches!(inner.kind(), Refusal::Type { .. } | Refusal::Constant { .. } | Refusal::Enum { .. })
            })
        };
        let candidates: Vec<_> = branches.iter().filter(|branch| !is_other_form(branch)).collect();
        if let [only] = candidates[..] {
            only.iter().for_each(|inner| self.report(inner, issues));
            return;
        }
        let code = if matches!(error.kind(), Refusal::AnyOf { .. }) { "any-of" } else { "one-of" };
        let message = format!("matches none of the {} forms that the contract allows here", branches.len());
        issues.push(issue(&self.shown(at), code, message));
    }

    fn known_fields(&self, error: &ValidationError<'_>) -> Vec<&str> {
        let keyword = error.schema_path().as_str();
        let parent = keyword.rfind('/').map_or("", |cut| &keyword[..cut]);
        let fields = self.schema.pointer(parent).and_then(|schema| schema.get("properties"));
        fields.and_then(Value::as_object).map(|fields| fields.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// The path as it may be shown: inside a guarded field only as far as the schema names the parts, because any
    /// other part is the caller's own text.
    fn shown(&self, path: &str) -> String {
        let mut dotted = String::new();
        let mut shown = String::new();
        let mut schema = Some(self.schema);
        let mut guarded = false;
        for raw in path.split('/').skip(1) {
            let name = raw.replace("~1", "/").replace("~0", "~");
            let field = schema.and_then(|schema| schema.get("properties")).and_then(|fields| fields.get(&name));
            let items =
                schema.and_then(|schema| schema.get("items")).filter(|_| name.bytes().all(|b| b.is_ascii_digit()));
            if guarded && field.is_none() && items.is_none() {
                return shown;
            }
            schema = field.or(items);
            if items.is_none() {
                dotted = if dotted.is_empty() { name } else { format!("{dotted}.{name}") };
                guarded |= self.guarded.contains(&dotted);
            }
            shown.push('/');
            shown.push_str(raw);
        }
        shown
    }
}

fn issue(path: &str, code: &str, message: String) -> Issue {
    Issue { path: path.to_owned(), code: code.to_owned(), message }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The field that asks for this one, when it is missing because of another (`dependentRequired`).
fn needed_with<'a>(schema: &'a Schema, error: &ValidationError<'_>, name: &str) -> Option<&'a str> {
    let path = error.schema_path().as_str().strip_suffix("/dependentRequired")?;
    let dependent = schema.pointer(path)?.get("dependentRequired")?.as_object()?;
    let asks = |needed: &Value| needed.as_array().is_some_and(|needed| needed.iter().any(|it| it == name));
    dependent.iter().find(|(_, needed)| asks(needed)).map(|(other, _)| other.as_str())
}

fn describe(kind: &Refusal, value: &Value) -> (&'static str, String) {
    match kind {
        Refusal::Type { .. } if value.is_null() => ("null", "must not be null; leave the field out instead".into()),
        Refusal::Type { kind } => ("type", format!("must be {}", types(kind))),
        Refusal::Enum { options } => ("enum", format!("must be one of {}", choices(options))),
        Refusal::Constant { expected_value } => ("const", format!("must be {}", choice(expected_value))),
        Refusal::Pattern { pattern } if pattern == r"\S" => ("pattern", "must not be blank".into()),
        Refusal::Pattern { pattern } => ("pattern", format!("must match the pattern `{pattern}`")),
        Refusal::Format { format } => ("format", format!("must be {}", format_name(format))),
        Refusal::Minimum { limit } => ("minimum", format!("must be at least {limit}")),
        Refusal::Maximum { limit } => ("maximum", format!("must be at most {limit}")),
        Refusal::ExclusiveMinimum { limit } => ("exclusive-minimum", format!("must be greater than {limit}")),
        Refusal::ExclusiveMaximum { limit } => ("exclusive-maximum", format!("must be less than {limit}")),
        Refusal::MultipleOf { multiple_of } => ("multiple-of", format!("must be a multiple of {multiple_of}")),
        Refusal::MinLength { limit } => ("min-length", format!("must have at least {}", count(*limit, "character"))),
        Refusal::MaxLength { limit } => ("max-length", format!("must have at most {}", count(*limit, "character"))),
        Refusal::MinItems { limit } => ("min-items", format!("must have at least {}", count(*limit, "item"))),
        Refusal::MaxItems { limit } => ("max-items", format!("must have at most {}", count(*limit, "item"))),
        Refusal::MinProperties { limit } => {
            ("min-properties", format!("must have at least {}", count(*limit, "field")))
        }
        Refusal::MaxProperties { limit } => ("max-properties", format!("must have at most {}", count(*limit, "field"))),
        Refusal::UniqueItems => ("unique-items", "must not hold the same item twice".into()),
        Refusal::PropertyNames { .. } => {
            ("property-names", "holds a field whose name the contract does not allow".into())
        }
        Refusal::OneOfMultipleValid { .. } => {
            ("one-of", "matches more than one of the forms that exclude each other".into())
        }
        Refusal::Not { .. } => ("not", "has a form that the contract excludes".into()),
        Refusal::Contains => ("contains", "lacks an item that the contract requires".into()),
        Refusal::FalseSchema => ("not-allowed", "is not allowed here".into()),
        _ => ("schema", "does not satisfy the contract".into()),
    }
}

fn count(limit: u64, what: &str) -> String {
    if limit == 1 { format!("1 {what}") } else { format!("{limit} {what}s") }
}

fn types(kind: &TypeKind) -> String {
    let name = |kind: &str| match kind {
        "null" => "null".to_owned(),
        "integer" | "array" | "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    };
    match kind {
        TypeKind::Single(one) => name(one.as_str()),
        TypeKind::Multiple(several) => several.iter().map(|one| name(one.as_str())).collect::<Vec<_>>().join(" or "),
    }
}

fn choices(options: &Value) -> String {
    match options {
        Value::Array(options) => options.iter().map(choice).collect::<Vec<_>>().join(", "),
        other => choice(other),
    }
}

fn choice(option: &Value) -> String {
    match option {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

fn format_name(format: &str) -> String {
    match format {
        "date-time" => "a date and time such as 2026-11-22T15:02:11Z".into(),
        "date" => "a date such as 2026-11-22".into(),
        "email" => "an e-mail address".into(),
        "uri" => "an absolute URI".into(),
        "uuid" => "a UUID".into(),
        other => format!("of the format `{other}`"),
    }
}
