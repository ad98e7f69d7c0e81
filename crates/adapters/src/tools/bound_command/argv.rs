//! The arguments of a program, from the binding and the input.

use affiant_engine::ports::ToolFailure;
use serde_json::{Map, Value};

use crate::{failure::refuse, tools::template::Template};

/// Fills the fields in. An argument that is one field falls away when the input lacks it. A text from the input
/// never becomes an option: one that begins with `-` is refused where the program could take it for one, which is
/// at the beginning of an argument, unless `--` stands before.
pub(super) fn fill(argv: &[String], input: &Map<String, Value>) -> Result<Vec<String>, ToolFailure> {
    let misbound = |why: &str| refuse("binding-failed", format!("the binding cannot be used: {why}"));
    let Some((program, arguments)) = argv.split_first() else { return Err(misbound("it names no program")) };
    if program.is_empty() || program.contains(['{', '}', '\0']) {
        return Err(misbound("a field cannot name the program"));
    }
    let mut filled = vec![program.clone()];
    let mut options_end = false;
    for argument in arguments {
        let template = Template::parse(argument);
        if template.whole().is_some_and(|field| input.get(field).is_none_or(Value::is_null)) {
            continue;
        }
        let leading = template.leading().and_then(|field| input.get(field)).and_then(Value::as_str);
        if let Some(field) = template.leading().filter(|_| leading.is_some_and(|t| t.starts_with('-')) && !options_end)
        {
            return Err(refuse("input-invalid", format!("`{field}` begins with `-` and would be taken for an option")));
        }
        filled.push(template.fill(|field| text(field, input.get(field)))?);
        options_end |= argument == "--";
    }
    Ok(filled)
}

fn text(field: &str, value: Option<&Value>) -> Result<String, ToolFailure> {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    match text.contains('\0') {
        true => Err(refuse("input-invalid", format!("`{field}` holds a NUL character, which no argument can"))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(argv: &[&str], input: Value) -> Result<String, String> {
        let argv: Vec<String> = argv.iter().map(|part| (*part).to_owned()).collect();
        let Value::Object(input) = input else { panic!("an object is given") };
        fill(&argv, &input).map(|argv| argv.join("|")).map_err(|e| e.message)
    }

    #[test]
    fn fields_become_arguments_and_nothing_more() {
        let input = json!({ "id": "a; rm -rf / $(x) `y`", "n": -3, "list": [1], "yes": true, "none": null });
        let argv = ["prog", "--id={id}", "{n}", "{list}", "{yes}", "{none}", "{missing}", "x{missing}"];
        assert_eq!(filled(&argv, input), Ok("prog|--id=a; rm -rf / $(x) `y`|-3|[1]|true|x".into()));
    }

    #[test]
    fn a_text_does_not_become_an_option() {
        let input = || json!({ "file": "--output=/etc/passwd" });
        assert_eq!(
            filled(&["git", "show", "{file}"], input()),
            Err("`file` begins with `-` and would be taken for an option".into())
        );
        assert!(filled(&["git", "show", "{file}x"], input()).is_err());
        assert_eq!(filled(&["git", "show", "--", "{file}"], input()), Ok("git|show|--|--output=/etc/passwd".into()));
    }

    #[test]
    fn a_field_names_no_program_and_holds_no_nul() {
        assert!(filled(&["{program}"], json!({ "program": "sh" })).is_err());
        assert!(filled(&[], json!({})).is_err());
        assert!(filled(&["x", "{a}"], json!({ "a": "b\u{0}c" })).is_err());
    }
}
