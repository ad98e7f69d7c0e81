//! A value as YAML, the way people write contract files: block style, and texts of several lines as they are.

use serde_json::Value;

/// The value as YAML, without a line break at the end.
pub(crate) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text.trim_matches('\n').to_owned()
}

/// Writes a value behind `key:` or `-`: on the same line when it is plain, below it when not.
fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                indent(depth, out);
                out.push_str(&plain_or_quoted(name));
                out.push(':');
                nested(field, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(depth, out);
                out.push('-');
                item_of_list(item, depth + 1, out);
            }
        }
        plain => out.push_str(&scalar(plain, depth)),
    }
}

fn nested(value: &Value, depth: usize, out: &mut String) {
    if is_block(value) {
        write(value, depth, out);
    } else {
        out.push(' ');
        out.push_str(&scalar(value, depth));
    }
}

/// The first field of an object stands beside the dash.
fn item_of_list(value: &Value, depth: usize, out: &mut String) {
    if !is_block(value) {
        return nested(value, depth, out);
    }
    let mut inner = String::new();
    write(value, depth, &mut inner);
    out.push(' ');
    out.push_str(inner.trim_start());
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn scalar(value: &Value, depth: usize) -> String {
    match value {
        Value::String(text) if text.contains('\n') && !text.starts_with(char::is_whitespace) => block(text, depth),
        Value::String(text) => plain_or_quoted(text),
        other => other.to_string(),
    }
}

/// `|` and the lines below it.
fn block(text: &str, depth: usize) -> String {
    let keep = if text.ends_with('\n') { "" } else { "-" };
    let margin = "  ".repeat(depth);
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("\n{margin}{line}") };
    let lines: String = text.strip_suffix('\n').unwrap_or(text).split('\n').map(line).collect();
    format!("|{keep}{lines}")
}

/// A text as it is, where YAML reads it as that text; else in double quotes.
fn plain_or_quoted(text: &str) -> String {
    let first = text.chars().next();
    let plain_start = first.is_some_and(|c| c.is_alphanumeric() || "_/$.^(".contains(c));
    let harmless = !text.contains(": ") && !text.contains(" #") && !text.ends_with([':', ' ']);
    let text_like = !looks_like_another_type(text);
    let one_line = !text.contains(|c: char| c.is_control());
    if plain_start && harmless && text_like && one_line { text.to_owned() } else { Value::from(text).to_string() }
}

fn looks_like_another_type(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off")
        || text.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

fn indent(depth: usize, out: &mut String) {
    if !out.is_empty() || depth > 0 {
        out.push('\n');
    }
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_look_as_people_write_them() {
        let value = json!({
            "root": "${input.repository}",
            "before": "## ",
            "rules": [{ "id": "a", "pattern": "^x: y" }, { "id": "b", "list": [1, true] }],
            "template": "## {{ heading }}\n\n- item\n",
            "empty": {},
            "version": "1.0",
        });
        insta::assert_snapshot!(yaml(&value), @r###"
        root: ${input.repository}
        before: "## "
        rules:
          - id: a
            pattern: "^x: y"
          - id: b
            list:
              - 1
              - true
        template: |
          ## {{ heading }}

          - item
        empty: {}
        version: "1.0"
        "###);
    }
}
