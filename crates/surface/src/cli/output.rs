//! Data on standard output, in the format that was asked for.

use std::borrow::Cow;

use jaq_json::Val;
use serde_json::{Value, json};

use super::{Failure, ids, terminal};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// Columns for people, with everything.
    Wide,
    /// One JSON document.
    Json,
    /// One JSON object on each line.
    Jsonl,
    /// Comma-separated values (RFC 4180).
    Csv,
    /// YAML, for reading.
    Yaml,
    /// Ids alone, one on each line.
    Id,
}

/// The names of the formats, as they are typed.
pub(crate) const FORMATS: &[(&str, Format)] = &[
    ("table", Format::Table),
    ("wide", Format::Wide),
    ("json", Format::Json),
    ("jsonl", Format::Jsonl),
    ("csv", Format::Csv),
    ("yaml", Format::Yaml),
    ("id", Format::Id),
];

/// What a command gives.
pub(crate) enum Data<'a> {
    /// A list, with what tables show of each item.
    List { items: Vec<Value>, columns: &'a [Column], next: Option<String>, total: Option<u64> },
    /// One thing, with the text that people read.
    One { value: Value, text: String, id: String },
}

/// One column of a table.
#[derive(Clone)]
pub(crate) struct Column {
    /// Heading.
    pub(crate) title: Cow<'static, str>,
    /// What stands in it.
    pub(crate) cell: Cell,
    /// Shown only with `-o wide`.
    pub(crate) wide: bool,
}

/// What stands in a column.
#[derive(Clone)]
pub(crate) enum Cell {
    /// What this function says of a row.
    Of(fn(&Value) -> String),
    /// A field, by its dotted path.
    Field(String),
    /// A field that holds an id: its end, or all of it in wide tables.
    Id(String),
}

impl Cell {
    fn text(&self, row: &Value, wide: bool) -> String {
        match self {
            Self::Of(cell) => cell(row),
            Self::Field(path) => plain(dotted(row, path)),
            Self::Id(path) if wide => plain(dotted(row, path)),
            Self::Id(path) => ids::short(&plain(dotted(row, path))),
        }
    }
}

/// A value in a table: lists with commas, times without their fractions, nothing for what is not there.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if is_time(text) => text[..19].replace('T', " "),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Whether a text is a time in UTC as the contracts write it (RFC 3339).
fn is_time(text: &str) -> bool {
    let shape = text.bytes().take(20).map(|byte| if byte.is_ascii_digit() { b'0' } else { byte });
    text.ends_with('Z') && text.is_ascii() && shape.take(19).eq(*b"0000-00-00T00:00:00")
}

impl Column {
    /// A column that is always shown.
    pub(crate) const fn new(title: &'static str, cell: fn(&Value) -> String) -> Self {
        Self { title: Cow::Borrowed(title), cell: Cell::Of(cell), wide: false }
    }

    /// A column for `-o wide`.
    pub(crate) const fn wide(title: &'static str, cell: fn(&Value) -> String) -> Self {
        Self { title: Cow::Borrowed(title), cell: Cell::Of(cell), wide: true }
    }
}

/// The text in a field; empty when there is none.
pub(crate) fn text(value: &Value, field: &str) -> String {
    match &value[field] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What was asked for with `-o`, `--fields` and `--jq`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wish {
    pub(crate) format: Format,
    pub(crate) fields: Vec<String>,
    pub(crate) jq: Option<String>,
}

impl Wish {
    /// Prints data as wished.
    pub(crate) fn print(&self, data: Data<'_>) -> Result<(), Failure> {
        if let Some(program) = &self.jq {
            return jq(program, document(data)).map(|lines| lines.iter().for_each(|line| terminal::machine(line)));
        }
        match data {
            Data::List { items, columns, next, total } => self.list(items, columns, next, total),
            Data::One { value, text, id } => {
                self.one(&value, &text, &id);
                Ok(())
            }
        }
    }

    fn list(
        &self,
        items: Vec<Value>,
        columns: &[Column],
        next: Option<String>,
        total: Option<u64>,
    ) -> Result<(), Failure> {
        let items: Vec<Value> = items.into_iter().map(|item| self.chosen(item)).collect();
        match self.format {
            Format::Table | Format::Wide if self.fields.is_empty() => self.table(&items, columns),
            Format::Table | Format::Wide => rows(&self.headings(&items), &self.cells(&items)),
            Format::Csv => csv(&self.headings(&items), &self.cells(&items)),
            Format::Json => terminal::machine(&json_text(&list_document(items, next.clone(), total))),
            Format::Jsonl => items.iter().for_each(|item| terminal::machine(&item.to_string())),
            Format::Yaml => terminal::machine(yaml(&list_document(items, next.clone(), total), 0).trim_end()),
            Format::Id => items.iter().for_each(|item| terminal::data(&id_of(item))),
        }
        if let (Some(cursor), Format::Table | Format::Wide) = (next, self.format) {
            eprintln!("more: --cursor {cursor}, or --all");
        }
        Ok(())
    }

    fn one(&self, value: &Value, text: &str, id: &str) {
        let value = self.chosen(value.clone());
        match self.format {
            Format::Json => terminal::machine(&json_text(&value)),
            Format::Jsonl => terminal::machine(&value.to_string()),
            Format::Yaml => terminal::machine(yaml(&value, 0).trim_end()),
            Format::Id => terminal::data(id),
            Format::Csv => csv(&self.headings(std::slice::from_ref(&value)), &self.cells(std::slice::from_ref(&value))),
            Format::Table | Format::Wide if self.fields.is_empty() => terminal::page(text.trim_end()),
            Format::Table | Format::Wide => {
                rows(&self.headings(std::slice::from_ref(&value)), &self.cells(std::slice::from_ref(&value)));
            }
        }
    }

    fn table(&self, items: &[Value], columns: &[Column]) {
        let shown: Vec<&Column> = columns.iter().filter(|column| !column.wide || self.format == Format::Wide).collect();
        let headings: Vec<String> = shown.iter().map(|column| column.title.to_string()).collect();
        let wide = self.format == Format::Wide;
        let row = |item: &Value| shown.iter().map(|column| column.cell.text(item, wide)).collect();
        let cells: Vec<Vec<String>> = items.iter().map(row).collect();
        rows(&headings, &cells);
    }

    /// The item with only the fields that were asked for.
    fn chosen(&self, item: Value) -> Value {
        if self.fields.is_empty() {
            return item;
        }
        Value::Object(self.fields.iter().map(|field| (field.clone(), dotted(&item, field).clone())).collect())
    }

    fn headings(&self, items: &[Value]) -> Vec<String> {
        if !self.fields.is_empty() {
            return self.fields.clone();
        }
        // Fields that are absent in one item may be there in another; each has its column where it appeared first.
        let mut headings: Vec<String> = Vec::new();
        for field in items.iter().filter_map(Value::as_object).flat_map(|item| item.keys()) {
            if !headings.contains(field) {
                headings.push(field.clone());
            }
        }
        headings
    }

    fn cells(&self, items: &[Value]) -> Vec<Vec<String>> {
        let headings = self.headings(items);
        items.iter().map(|item| headings.iter().map(|heading| text(item, heading)).collect()).collect()
    }
}

fn dotted<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, part| part.parse::<usize>().map_or(&value[part], |index| &value[index]))
}

/// The whole document of some data.
fn document(data: Data<'_>) -> Value {
    match data {
        Data::List { items, next, total, .. } => list_document(items, next, total),
        Data::One { value, .. } => value,
    }
}

fn list_document(items: Vec<Value>, next: Option<String>, total: Option<u64>) -> Value {
    json!({ "total": total.unwrap_or(items.len() as u64), "total_exact": true, "next_cursor": next, "items": items })
}

/// The first field of an item is its id by our contracts; keys carry their version.
fn id_of(item: &Value) -> String {
    let first = item.as_object().and_then(|item| item.values().next()).unwrap_or(&Value::Null);
    let id = first.as_str().map_or_else(|| first.to_string(), str::to_owned);
    match (item["key"].as_str(), item["version"].as_str()) {
        (Some(key), Some(version)) => format!("{key}@{version}"),
        _ => id,
    }
}

/// Compact for programs, indented for people.
fn json_text(value: &Value) -> String {
    if terminal::out_is_terminal() {
        serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
    } else {
        value.to_string()
    }
}

/// Columns for a terminal; without one, aligned by spaces, nothing cut off.
fn rows(headings: &[String], cells: &[Vec<String>]) {
    let cells: Vec<Vec<String>> =
        cells.iter().map(|row| row.iter().map(|cell| terminal::safe_line(cell)).collect()).collect();
    let width = |column: usize| {
        let all = std::iter::once(&headings[column]).chain(cells.iter().map(|row| &row[column]));
        all.map(|cell| unicode_width::UnicodeWidthStr::width(cell.as_str())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    for row in std::iter::once(&headings.to_vec()).chain(&cells) {
        let line = row.iter().zip(&widths).fold(String::new(), |line, (cell, width)| {
            let pad = width - unicode_width::UnicodeWidthStr::width(cell.as_str());
            format!("{line}{cell}{}  ", " ".repeat(pad))
        });
        terminal::page(line.trim_end());
    }
}

fn csv(headings: &[String], cells: &[Vec<String>]) {
    let quoted = |cell: &String| {
        let needs = cell.contains([',', '"', '\n', '\r']);
        if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }
    };
    for row in std::iter::once(&headings.to_vec()).chain(cells) {
        terminal::machine(&row.iter().map(quoted).collect::<Vec<_>>().join(","));
    }
}

/// YAML for reading. Every text is written as a JSON string, which is YAML too, so nothing needs to be guessed.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let nested = |value: &Value| match value {
        Value::Object(map) if !map.is_empty() => format!("\n{}", yaml(value, depth + 1)),
        Value::Array(list) if !list.is_empty() => format!("\n{}", yaml(value, depth + 1)),
        other => format!(" {other}\n"),
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            map.iter().map(|(key, value)| format!("{indent}{}:{}", yaml_key(key), nested(value))).collect()
        }
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(|value| format!("{indent}-{}", nested(value))).collect()
        }
        other => format!("{indent}{other}\n"),
    }
}

fn yaml_key(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    let word = matches!(key, "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain && !word && !key.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.') {
        key.to_owned()
    } else {
        Value::from(key).to_string()
    }
}

/// Runs a jq program over a document and gives what it prints.
fn jq(program: &str, input: Value) -> Result<Vec<String>, Failure> {
    use jaq_core::load::{Arena, File, Loader};
    let wrong = |what: &str| Failure::usage(format!("--jq: {what} in `{program}`"));
    let arena = Arena::default();
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let modules = Loader::new(definitions).load(&arena, File { path: (), code: program });
    let modules = modules.map_err(|_| wrong("cannot read the filter"))?;
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let filter = jaq_core::Compiler::default().with_funs(functions).compile(modules);
    let filter = filter.map_err(|_| wrong("an unknown function or variable"))?;
    let input: Val = serde_json::from_value(input).map_err(|error| wrong(&error.to_string()))?;
    let context = jaq_core::Ctx::<jaq_core::data::JustLut<Val>>::new(&filter.lut, jaq_core::Vars::new([]));
    let outputs = filter.id.run((context, input)).map(jaq_core::unwrap_valr);
    outputs.map(|output| output.map(|value| value.to_string()).map_err(|error| wrong(&error.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_is_read_back_as_the_same_value_by_a_yaml_reader_that_knows_json_strings() {
        let value = json!({ "a": [1, { "b": "x: y" }], "no": {}, "t": "two\nlines" });
        assert_eq!(yaml(&value, 0), "a:\n  - 1\n  -\n    b: \"x: y\"\n\"no\": {}\nt: \"two\\nlines\"\n");
    }

    #[test]
    fn jq_gives_what_it_finds() {
        assert_eq!(jq(".items[].a", json!({ "items": [{ "a": 1 }, { "a": "x" }] })).unwrap(), ["1", "\"x\""]);
        assert!(jq(".items[", json!({})).is_err());
    }
}
