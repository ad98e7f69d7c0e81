//! JSON for people: what fits on a line stays on it.

use serde_json::Value;

/// Longer lines are broken.
const WIDTH: usize = 88;

/// The value as JSON.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text
}

/// Writes a value whose line is indented by `depth` steps and has `used` characters before it.
fn write(value: &Value, depth: usize, used: usize, out: &mut String) {
    let line = one_line(value);
    if line.chars().count() + used + 2 * depth <= WIDTH && (depth > 0 || !nests(value)) {
        return out.push_str(&line);
    }
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let parts = fields.iter().map(|(name, field)| (format!("{}: ", Value::from(name.as_str())), field));
            block(['{', '}'], parts, depth, out);
        }
        Value::Array(items) if !items.is_empty() => {
            block(['[', ']'], items.iter().map(|item| (String::new(), item)), depth, out);
        }
        _ => out.push_str(&line),
    }
}

fn block<'a>(
    [open, close]: [char; 2],
    parts: impl ExactSizeIterator<Item = (String, &'a Value)>,
    depth: usize,
    out: &mut String,
) {
    out.push(open);
    let last = parts.len() - 1;
    for (index, (name, value)) in parts.enumerate() {
        out.push('\n');
        out.push_str(&"  ".repeat(depth + 1));
        out.push_str(&name);
        write(value, depth + 1, name.chars().count() + 1, out);
        if index < last {
            out.push(',');
        }
    }
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    out.push(close);
}

/// Whether a value holds an object or a list inside an object or a list.
fn nests(value: &Value) -> bool {
    let holds = |inner: &Value| inner.is_object() || inner.is_array();
    match value {
        Value::Object(fields) => fields.len() > 2 || fields.values().any(holds),
        Value::Array(items) => items.iter().any(holds),
        _ => false,
    }
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let parts =
                fields.iter().map(|(name, field)| format!("{}: {}", Value::from(name.as_str()), one_line(field)));
            format!("{{ {} }}", parts.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_on_a_line_stays_on_it() {
        let value = json!({
            "runId": "run_1",
            "tags": ["a", "b"],
            "empty": {},
            "owner": { "id": "u_ana", "kind": "user" },
            "long": ["x".repeat(40), "y".repeat(40)],
        });
        insta::assert_snapshot!(pretty(&value), @r#"
        {
          "runId": "run_1",
          "tags": ["a", "b"],
          "empty": {},
          "owner": { "id": "u_ana", "kind": "user" },
          "long": [
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
          ]
        }
        "#);
        assert_eq!(serde_json::from_str::<Value>(&pretty(&value)).unwrap(), value);
    }
}
