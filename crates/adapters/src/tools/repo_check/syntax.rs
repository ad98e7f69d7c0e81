//! Whether a configuration file can be read by the program it is for.

use std::sync::LazyLock;

use regex::Regex;
use saphyr_parser::Parser;

use super::{files::file_name, json};

/// What is wrong with a file.
pub(super) struct Problem {
    /// Where, in bytes.
    pub(super) at: usize,
    pub(super) line: usize,
    /// A fragment for people.
    pub(super) what: String,
}

/// The first thing that keeps a file from being read; none when nothing does, or it is no such file. A template is
/// read only when it has been filled in.
pub(super) fn problem(path: &str, text: &str) -> Option<Problem> {
    let extension = file_name(path).rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase())?;
    let (at, what) = match &*extension {
        "json" | "jsonc" | "json5" => json::check(text).err().map(|(at, what)| (at, what.to_owned()))?,
        "toml" => toml_problem(text)?,
        "yaml" | "yml" => yaml_problem(text)?,
        _ => return None,
    };
    if is_template(text) {
        return None;
    }
    let at = text.floor_char_boundary(at);
    let line = text[..at].matches('\n').count() + 1;
    Some(Problem { at, line, what: format!("{what} (line {line})") })
}

fn toml_problem(text: &str) -> Option<(usize, String)> {
    let error = toml::from_str::<toml::Table>(text).err()?;
    let what = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
    Some((error.span().map_or(0, |span| span.start), what))
}

fn yaml_problem(text: &str) -> Option<(usize, String)> {
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event()? {
            Ok(_) => (),
            Err(error) => {
                let line = error.marker().line().saturating_sub(1);
                let at = text.split_inclusive('\n').take(line).map(str::len).sum();
                return Some((at, error.info().to_owned()));
            }
        }
    }
}

/// Whether the text holds places that are filled in later. What GitHub fills in, `${{ … }}`, is YAML as it stands.
fn is_template(text: &str) -> bool {
    static PLACE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(^|[^$])\{\{|\{%|<%|\$\{[A-Za-z_]|^<<<<<<< |@[A-Z_]+@").expect("constant"));
    PLACE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Option<String> {
        problem(path, text).map(|problem| problem.what)
    }

    #[test]
    fn files_that_do_not_parse_are_told_by_line() {
        let all = [
            told("a.json", "{\n  \"a\": 1\n  \"b\": 2\n}"),
            told("a.toml", "a = 1\nb = \n"),
            told("a.yaml", "a: 1\nb: [1, 2\nc: 3\n"),
            told("a.yml", "a:\n\t- b\n"),
        ];
        insta::assert_snapshot!(all.map(|told| told.unwrap()).join("\n"), @"
    expected `,` or `}` (line 3)
    string values must be quoted, expected literal string (line 2)
    illegal placement of ':' indicator (line 3)
    tabs disallowed within this context (block indentation) (line 2)
    ");
    }

    #[test]
    fn files_that_are_read_otherwise_are_left_alone() {
        for (path, text) in [
            ("tsconfig.json", "{ // comment\n \"a\": 1, }"),
            ("chart/a.yaml", "a: {{ .Values.b }}\n{{- if x }}\n"),
            (".github/workflows/a.yml", "a: ${{ b }}\n"),
            ("a.json", "{ \"a\": {{ value }} }"),
            ("many.yaml", "a: 1\n---\nb: 2\n"),
            ("tags.yml", "a: !Ref b\nc: !Sub 'd'\n"),
            ("a.toml", "[a]\nb = 1\n"),
            ("a.txt", "{"),
        ] {
            assert_eq!(told(path, text), None, "{path}");
        }
    }
}
