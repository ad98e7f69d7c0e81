//! What was entered, as a value.

use affiant_contract::{Issue, validate_schema};
use serde_json::{Map, Value};

use super::{Field, lay};

/// The value of a field; nothing when it was left empty. What cannot be read is said beside the field.
pub(crate) fn read(field: &mut Field) -> Option<Value> {
    match field.widget {
        "group" => {
            let mut values = Map::new();
            let mut entered = field.required;
            for inner in &mut field.fields {
                let value = read(inner);
                entered |= inner.widget != "const" && (value.is_some() || inner.issue.is_some());
                if let Some(value) = value {
                    values.insert(inner.key.clone(), value);
                }
            }
            entered.then_some(Value::Object(values))
        }
        "rows" => {
            let rows: Vec<Value> = field.fields.iter_mut().filter_map(read).collect();
            (field.required || !rows.is_empty()).then_some(Value::Array(rows))
        }
        "branches" => {
            let chosen: usize = field.value.parse().ok()?;
            let branch = field.fields.get_mut(chosen)?;
            let value = read(branch)?;
            field.issue = checked(branch, &value);
            Some(value)
        }
        "const" if !field.required => None,
        _ => read_leaf(field).unwrap_or_else(|issue| {
            field.issue = Some(issue);
            None
        }),
    }
}

/// Lays what is wrong with an alternative beside its fields; gives back what is wrong with the whole of it.
fn checked(branch: &mut Field, value: &Value) -> Option<String> {
    let issues = validate_schema(branch.check.as_ref()?, value).err()?;
    let within = |issue: Issue| Issue { path: format!("{}{}", branch.pointer, issue.path), ..issue };
    let issues = issues.into_iter().map(within).collect();
    lay(std::slice::from_mut(branch), issues);
    branch.issue.take()
}

/// The value of a field that holds no others.
///
/// # Errors
///
/// Why the text is none of its values.
pub(crate) fn read_leaf(field: &Field) -> Result<Option<Value>, String> {
    if field.widget == "checks" {
        let ticked: Vec<Value> = field.ticked.iter().map(|text| chosen(&field.options, text)).collect();
        return Ok((!ticked.is_empty()).then_some(Value::Array(ticked)));
    }
    let text = field.value.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let number = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(Some(match field.widget {
        "number" => number(text).ok_or("must be a number")?,
        "json" | "const" => serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))?,
        "checkbox" => Value::Bool(true),
        "lines" if field.kind == "number" => {
            let numbers: Option<Vec<Value>> = lines().map(number).collect();
            numbers.map(Value::Array).ok_or("must be one number on each line")?
        }
        "lines" => lines().map(Value::from).collect(),
        "select" => chosen(&field.options, text),
        _ => Value::from(field.value.clone()),
    }))
}

/// What an option stands for. Options that are no texts are shown as JSON.
fn chosen(options: &[String], text: &str) -> Value {
    let plain = options.iter().all(|option| serde_json::from_str::<Value>(option).is_ok_and(|it| !it.is_string()));
    match serde_json::from_str(text) {
        Ok(value) if plain => value,
        _ => Value::from(text),
    }
}
