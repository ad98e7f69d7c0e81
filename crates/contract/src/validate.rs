//! Values against schemas: a [`Checker`] is one compiled schema, an [`Issue`] one thing that is wrong with a value.
//!
//! This is the only module that validates with the schema library. It differs from plain JSON Schema in three ways,
//! the same for every contract: `format` is checked, patterns run in linear time (so look-around and back references
//! are not available), and integers are kept within ±(2^53−1), where every JSON reader agrees about them.

mod message;

use std::collections::HashSet;

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde::Serialize;
use serde_json::{Number, Value};

use crate::model::Schema;

/// The largest integer that every reader of JSON keeps exactly.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// More issues than anybody reads.
const MAX_ISSUES: usize = 100;

/// One thing that is wrong with a value. It never holds a value, only names, so it can be shown and logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// JSON pointer to the field; for a missing or unknown field, to where it would be or is.
    pub path: String,
    /// Kebab-case code: `required`, `unknown-field`, `null`, or the schema keyword that refused the value.
    pub code: String,
    /// What must hold, as a fragment that follows the field's name.
    pub message: String,
}

/// Checks a value against a schema that is used once, such as an agent's input.
///
/// # Errors
///
/// Every issue, at most a hundred; or one with the code `schema-invalid` when the schema is not one.
pub fn validate_schema(schema: &Schema, value: &Value) -> Result<(), Vec<Issue>> {
    Checker::new(schema, []).check(schema, value)
}

/// A schema that is compiled once and used often, such as an agent's input.
#[derive(Debug)]
pub struct CompiledSchema {
    schema: Schema,
    checker: Checker,
}

impl CompiledSchema {
    /// Compiles a schema.
    pub fn new(schema: Schema) -> Self {
        Self { checker: Checker::new(&schema, []), schema }
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// As [`validate_schema`].
    pub fn check(&self, value: &Value) -> Result<(), Vec<Issue>> {
        self.checker.check(&self.schema, value)
    }
}

/// Writes every number that has no fraction as an integer: JSON does not tell `1.0` from `1`, and handlers that read
/// an integer do. Values beyond ±(2^53−1) stay as they are.
pub fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            if float.fract() == 0.0 && float.abs() <= MAX_SAFE_INTEGER as f64 {
                #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and lies within 53 bits")]
                let integer = float as i64;
                *number = Number::from(integer);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Object(fields) => fields.values_mut().for_each(normalise),
        _ => {}
    }
}

/// One compiled schema. The schema itself stays with its owner and is handed in again for messages.
#[derive(Debug)]
pub(crate) struct Checker {
    validator: Result<Validator, String>,
    guarded: HashSet<String>,
}

impl Checker {
    /// Compiles a schema. `guarded` are the dotted paths of fields whose parts may not be named in messages.
    pub(crate) fn new(schema: &Schema, guarded: impl IntoIterator<Item = String>) -> Self {
        Self { validator: compile(schema), guarded: guarded.into_iter().collect() }
    }

    /// Whether a value is accepted; `None` when the schema is not one.
    pub(crate) fn accepts(&self, value: &Value) -> Option<bool> {
        let validator = self.validator.as_ref().ok()?;
        Some(validator.is_valid(value) && integers_are_safe(value))
    }

    /// Checks a value; `schema` is the one that this was made from.
    pub(crate) fn check(&self, schema: &Schema, value: &Value) -> Result<(), Vec<Issue>> {
        let validator = match &self.validator {
            Ok(validator) => validator,
            Err(why) => {
                return Err(vec![Issue { path: String::new(), code: "schema-invalid".into(), message: why.clone() }]);
            }
        };
        if validator.is_valid(value) && integers_are_safe(value) {
            return Ok(());
        }
        let reporter = message::Reporter { schema, guarded: &self.guarded };
        let mut issues = Vec::new();
        for error in validator.iter_errors(value).take(MAX_ISSUES) {
            reporter.report(&error, &mut issues);
        }
        unsafe_integers(value, String::new(), &mut issues);
        issues.truncate(MAX_ISSUES);
        Err(issues)
    }
}

/// Compiles a schema the way every contract is checked.
pub(crate) fn compile(schema: &Schema) -> Result<Validator, String> {
    build(schema).map_err(|error| error.to_string())
}

fn build(schema: &Schema) -> Result<Validator, ValidationError<'static>> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .build(schema)
}

/// Everything that is wrong with a schema itself: JSON pointer into it, and why.
pub(crate) fn schema_mistakes(schema: &Schema) -> Vec<(String, String)> {
    let meta = jsonschema::draft202012::meta::validator();
    let mistakes: Vec<_> =
        meta.iter_errors(schema).map(|error| (error.instance_path().to_string(), error.to_string())).collect();
    if !mistakes.is_empty() {
        return mistakes;
    }
    match build(schema) {
        Ok(_) => Vec::new(),
        Err(error) => vec![(error.instance_path().to_string(), error.to_string())],
    }
}

fn integers_are_safe(value: &Value) -> bool {
    match value {
        Value::Number(number) => is_safe(number),
        Value::Array(items) => items.iter().all(integers_are_safe),
        Value::Object(fields) => fields.values().all(integers_are_safe),
        _ => true,
    }
}

/// Whether an integer lies within ±(2^53−1). A number with a fraction or an exponent is a float and always may.
fn is_safe(number: &Number) -> bool {
    match (number.as_i64(), number.is_u64()) {
        (Some(integer), _) => (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&integer),
        (None, beyond_i64) => !beyond_i64,
    }
}

fn unsafe_integers(value: &Value, pointer: String, issues: &mut Vec<Issue>) {
    match value {
        Value::Number(number) if !is_safe(number) => {
            let message = format!("must be within ±{MAX_SAFE_INTEGER}, where every reader keeps integers exactly");
            issues.push(Issue { path: pointer, code: "integer-range".into(), message });
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                unsafe_integers(item, crate::yaml::join(&pointer, &index.to_string()), issues);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                unsafe_integers(field, crate::yaml::join(&pointer, name), issues);
            }
        }
        _ => {}
    }
}
