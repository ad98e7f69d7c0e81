//! Forms: how an operation's input is asked for. A form of ours sends nothing: it checks what was entered and shows
//! the call that it makes, in every language. Studio is where forms are sent.

use affiant_contract::{Body, BoundOperation, Contract, Form, FormAction, FormField, Pick, Registry, Widget};
use serde::Serialize;
use serde_json::{Map, Value};

use super::lookup::named;
use crate::{
    forms::{Calls, Field, Shape, calls, options, read_leaf, shape, spaced},
    render::{
        names::{docs_path, is_newest},
        reference::fields::resolve,
    },
};

/// A form, as its template reads it.
#[derive(Debug, Serialize)]
pub(super) struct FormPage {
    title: String,
    description: String,
    /// Where it stands.
    path: String,
    /// The page of the contract that it comes from.
    reference: String,
    operation: String,
    operation_page: String,
    inputs: Vec<Field>,
    /// What is wrong beside what is wrong with one field.
    issues: Vec<String>,
    /// Whether something was entered.
    entered: bool,
    calls: Option<Calls>,
}

/// The form of this name: that of a form contract, or of an operation without one. `entered` are its fields as sent.
pub(super) fn form(registry: &Registry, name: &str, entered: Option<&[(String, String)]>) -> Option<FormPage> {
    let contract = named(registry, name, None)?;
    let (form, operation) = match &contract.body {
        Body::Form(form) => (form.clone(), registry.operation_at(&form.operation)?),
        _ => {
            let version = Pick::Exact(contract.meta.version.clone());
            let operation = registry.operation(&contract.meta.key, &version)?;
            (from_schema(operation), operation)
        }
    };
    let mut page = page(registry, contract, &form, operation);
    if let Some(entered) = entered {
        fill(&mut page, registry, operation, entered);
    }
    Some(page)
}

/// The form that an operation has when nobody wrote one: each field by its own name.
fn from_schema(operation: &BoundOperation) -> Form {
    let input = &operation.operation().input;
    let field = |name: &String| FormField {
        field: name.clone(),
        label: spaced(name),
        widget: None,
        placeholder: None,
        help: None,
        required: false,
    };
    Form {
        operation: operation.reference(),
        fields: input["properties"].as_object().into_iter().flatten().map(|(name, _)| field(name)).collect(),
        pii: operation.operation().policy.pii.clone(),
        action: FormAction { key: "show".into(), label: "Show the call".into() },
    }
}

fn page(registry: &Registry, contract: &Contract, form: &Form, operation: &BoundOperation) -> FormPage {
    let called = operation.contract();
    FormPage {
        title: contract.meta.title.clone(),
        description: contract.meta.description.clone(),
        path: format!("/forms/{}", contract.reference()),
        reference: docs_path(contract, is_newest(registry, contract)),
        operation: operation.reference().to_string(),
        operation_page: docs_path(called, is_newest(registry, called)),
        inputs: form.fields.iter().map(|field| input(field, form, operation)).collect(),
        issues: Vec::new(),
        entered: false,
        calls: None,
    }
}

fn input(field: &FormField, form: &Form, operation: &BoundOperation) -> Field {
    let root = &operation.operation().input;
    let declared = &root["properties"][&field.field];
    let schema = resolve(root, declared);
    let asked = root["required"].as_array().is_some_and(|names| names.iter().any(|name| *name == *field.field));
    let described = declared["description"].as_str().or_else(|| schema["description"].as_str());
    let default = schema.get("default").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    Field {
        name: field.field.clone(),
        label: field.label.clone(),
        widget: widget(field.widget, root, schema),
        required: field.required || asked,
        personal: form.pii.contains(&field.field),
        placeholder: field.placeholder.clone().or(default),
        help: field.help.clone().or_else(|| described.map(str::to_owned)),
        options: options(schema),
        whole: schema["type"] == "integer",
        ..Field::default()
    }
}

/// The widget that a form's author chose, or the one that its schema asks for. What holds other fields is JSON here.
fn widget(chosen: Option<Widget>, root: &Value, schema: &Value) -> &'static str {
    match (chosen, shape(root, schema, 0)) {
        (Some(Widget::Textarea), _) => "textarea",
        (Some(Widget::Checkbox), _) => "checkbox",
        (Some(Widget::Json), _) => "json",
        (_, Ok(Shape::Leaf(leaf @ ("select" | "number" | "text" | "textarea")))) => leaf,
        (_, Ok(Shape::Leaf("lines"))) if resolve(root, &schema["items"])["type"] == "string" => "lines",
        _ => "json",
    }
}

/// Takes over what was entered, checks it against the contract, and shows the call when nothing is wrong.
fn fill(page: &mut FormPage, registry: &Registry, operation: &BoundOperation, entered: &[(String, String)]) {
    page.entered = true;
    let mut values = Map::new();
    for input in &mut page.inputs {
        let text = entered.iter().find(|(name, _)| *name == input.name).map_or("", |(_, text)| text);
        input.value = text.replace("\r\n", "\n");
        match read_leaf(input) {
            Ok(None) => {}
            Ok(Some(value)) => drop(values.insert(input.name.clone(), value)),
            Err(issue) => input.issue = Some(issue),
        }
    }
    let input = Value::Object(values);
    for issue in operation.validate_input(&input).err().into_iter().flatten() {
        let field = issue.path.split('/').nth(1).unwrap_or_default();
        match page.inputs.iter_mut().find(|input| input.name == field) {
            Some(input) => drop(input.issue.get_or_insert(issue.message)),
            None => page.issues.push(format!("{}: {}", issue.path, issue.message)),
        }
    }
    let right = page.issues.is_empty() && page.inputs.iter().all(|input| input.issue.is_none());
    if let (true, Value::Object(input)) = (right, &input) {
        page.calls = Some(calls(registry, operation, input));
    }
}
