//! Do forms, views and presentations fit the operation that is behind them?

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    finding::Finding,
    model::{Form, Operation, Presentation, Ref, Schema, View, Widget},
    schema::{Found, branches, field, fields, required, resolve},
};

use super::{Subject, World, meant};

const FORMATS: &[&str] = &["markdown", "html", "json"];

pub(super) fn form(subject: &mut Subject<'_>, form: &Form, world: &World<'_>) {
    let Some(operation) = operation(world, &form.operation) else { return };
    let input = &operation.input;
    let mut seen = BTreeSet::new();
    for (index, entry) in form.fields.iter().enumerate() {
        let pointer = format!("/fields/{index}");
        match field(input, &entry.field) {
            Found::Missing => {
                unknown(subject, &format!("{pointer}/field"), &entry.field, input, "the operation's input")
            }
            Found::Free => {}
            Found::Named(schema) => widget(subject, &pointer, &entry.field, entry.widget, resolve(input, schema)),
        }
        if !seen.insert(&entry.field) {
            let finding = Finding::error("named-twice", format!("`{}` is asked for twice", entry.field));
            subject.at(&format!("{pointer}/field"), finding.help("Keep one of the two"));
        }
    }
    for name in required(input, input).filter(|name| !form.fields.iter().any(|entry| entry.field == *name)) {
        let finding = Finding::error(
            "required-field-missing",
            format!("the operation requires `{name}`, and the form does not ask for it"),
        );
        subject.at("/fields", finding.help(format!("Add a field for `{name}`")));
    }
    for (index, path) in form.pii.iter().enumerate().filter(|(_, path)| field(input, path) == Found::Missing) {
        unknown(subject, &format!("/pii/{index}"), path, input, "the operation's input");
    }
    for entry in form
        .fields
        .iter()
        .filter(|entry| operation.policy.pii.contains(&entry.field) && !form.pii.contains(&entry.field))
    {
        let finding = Finding::error(
            "pii-not-marked",
            format!("`{}` is personal data of the operation, and the form does not say so", entry.field),
        );
        subject.at_key("/pii", finding.help(format!("Add `pii: [{}]`", entry.field)));
    }
}

/// Whether the field can be entered with this widget; what a form cannot draw is entered as JSON.
fn widget(subject: &mut Subject<'_>, pointer: &str, name: &str, widget: Option<Widget>, schema: &Schema) {
    let kind = schema.get("type").and_then(Value::as_str);
    let fits = match widget {
        None | Some(Widget::Json) => true,
        Some(Widget::Text | Widget::Textarea) => kind == Some("string"),
        Some(Widget::Number) => matches!(kind, Some("integer" | "number")),
        Some(Widget::Checkbox) => kind == Some("boolean"),
        Some(Widget::Select) => schema.get("enum").is_some(),
    };
    if !fits {
        let finding = Finding::error("widget-does-not-fit", format!("`{name}` cannot be entered with this widget"));
        subject.at(
            &format!("{pointer}/widget"),
            finding.help("Leave `widget` out to take the one that the schema asks for"),
        );
    }
    let obstacle = ["anyOf", "oneOf", "allOf", "not", "if"].into_iter().find(|keyword| schema.get(*keyword).is_some());
    if let Some(keyword) = obstacle.filter(|_| widget != Some(Widget::Json) && branches(schema).next().is_some()) {
        let finding =
            Finding::error("cannot-be-rendered", format!("`{name}` uses `{keyword}`, which a form cannot draw"));
        subject.at(&format!("{pointer}/field"), finding.help("Add `widget: json`"));
    }
}

pub(super) fn view(subject: &mut Subject<'_>, view: &View, world: &World<'_>) {
    let Some(operation) = operation(world, &view.operation) else { return };
    let Found::Named(items) = field(&operation.output, &view.items) else {
        unknown(subject, "/items", &view.items, &operation.output, "the query's output");
        return;
    };
    if resolve(&operation.output, items).get("type") != Some(&Value::from("array")) {
        let finding = Finding::error("not-a-list", format!("`{}` is not a list in the query's output", view.items));
        return subject.at("/items", finding.help("Name the output field that holds the rows"));
    }
    let row = resolve(&operation.output, items).get("items").map(|row| resolve(&operation.output, row));
    for (index, column) in view.columns.iter().enumerate() {
        let path = format!("{}.{}", view.items, column.field);
        if !matches!(field(&operation.output, &path), Found::Named(_)) {
            unknown(subject, &format!("/columns/{index}/field"), &column.field, row.unwrap_or(&Value::Null), "a row");
        }
    }
    for (index, filter) in view.filters.iter().enumerate() {
        if field(&operation.input, filter) == Found::Missing {
            unknown(subject, &format!("/filters/{index}"), filter, &operation.input, "the query's input");
        }
    }
}

pub(super) fn presentation(subject: &mut Subject<'_>, presentation: &Presentation) {
    for (index, format) in
        presentation.formats.iter().enumerate().filter(|(_, format)| !FORMATS.contains(&format.as_str()))
    {
        let finding = Finding::error("unknown-value", format!("`{format}` is not a format of presentations"));
        subject.at(&format!("/formats/{index}"), finding.help(meant(format, FORMATS.iter().copied())));
    }
    let mut seen = BTreeSet::new();
    for (index, section) in presentation.sections.iter().enumerate() {
        if !seen.insert(&section.key) {
            let finding = Finding::error("named-twice", format!("two sections are called `{}`", section.key));
            subject.at(&format!("/sections/{index}/key"), finding.help("Give each its own key"));
        }
    }
    for (pointer, empty) in
        [("/formats", presentation.formats.is_empty()), ("/sections", presentation.sections.is_empty())]
    {
        if empty {
            let finding =
                Finding::error("empty-list", format!("a presentation has at least one entry in `{}`", &pointer[1..]));
            subject.at(pointer, finding.help("Add one"));
        }
    }
}

fn operation<'a>(world: &World<'a>, reference: &Ref) -> Option<&'a Operation> {
    world.get(reference)?.operation()
}

fn unknown(subject: &mut Subject<'_>, pointer: &str, name: &str, schema: &Schema, place: &str) {
    let finding = Finding::error("unknown-field-path", format!("`{name}` is not a field of {place}"));
    let known: Vec<&str> = fields(schema, schema).map(|(name, _)| name).collect();
    subject.at(pointer, finding.help(meant(name, known.iter().copied())));
}
