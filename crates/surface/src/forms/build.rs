//! From a schema to fields, filled with what was typed or with a value that is there already.

use std::cell::Cell;

use serde_json::Value;

use super::{Field, Shape, options, shape, spaced};
use crate::render::reference::fields::resolve;

/// The most rows of a list.
const ROWS: usize = 200;

/// Makes the fields of one form.
pub(crate) struct Builder<'a> {
    /// What was typed, by name; nothing for a form that nobody has filled in yet.
    typed: Option<&'a [(String, String)]>,
    /// The list that is to have one row more.
    add: Option<&'a str>,
    count: Cell<usize>,
}

/// Where a field stands.
#[derive(Clone, Debug)]
struct Place<'v> {
    /// Its name on this page.
    name: String,
    /// Its name on the page that was sent: rows that were left empty are gone since.
    from: String,
    pointer: String,
    /// What it is filled with unless something was typed.
    value: Option<&'v Value>,
    depth: usize,
}

impl<'v> Place<'v> {
    fn inside(&self, key: &str) -> Self {
        let step = key.replace('~', "~0").replace('/', "~1");
        Self {
            name: format!("{}/{step}", self.name),
            from: format!("{}/{step}", self.from),
            pointer: format!("{}/{step}", self.pointer),
            value: self.value.and_then(|value| value.get(key)),
            depth: self.depth + 1,
        }
    }
}

impl<'a> Builder<'a> {
    /// For a form in which this was typed, or nothing yet.
    pub(crate) fn new(typed: Option<&'a [(String, String)]>) -> Self {
        let add = typed.and_then(|typed| typed.iter().find(|(name, _)| name == "add")).map(|(_, list)| list.as_str());
        Self { typed, add, count: Cell::new(0) }
    }

    /// The field at this pointer, filled with this value unless something was typed.
    pub(crate) fn field(
        &self,
        root: &Value,
        schema: &Value,
        pointer: &str,
        required: bool,
        value: Option<&Value>,
    ) -> Field {
        let key = pointer.rsplit('/').next().unwrap_or_default();
        let (name, from) = (pointer.to_owned(), pointer.to_owned());
        self.made(root, schema, key, required, &Place { name, from, pointer: pointer.to_owned(), value, depth: 0 })
    }

    fn made(&self, root: &Value, declared: &Value, key: &str, required: bool, place: &Place<'_>) -> Field {
        let schema = resolve(root, declared);
        let mut field = self.bare(declared, schema, key, required, place);
        match shape(root, schema, place.depth) {
            Ok(Shape::Leaf(widget)) => self.leaf(&mut field, root, schema, widget, place),
            Ok(Shape::Group) => {
                field.widget = "group";
                field.fields = self.object(root, schema, place);
            }
            Ok(Shape::Rows(items)) => {
                field.widget = "rows";
                field.fields = self.rows(root, schema, items, required, place);
            }
            Ok(Shape::Branches(tells, branches)) => self.branches(&mut field, root, tells, branches, place),
            Err(why) => {
                field.why = Some(why);
                self.leaf(&mut field, root, schema, "json", place);
            }
        }
        field
    }

    fn bare(&self, declared: &Value, schema: &Value, key: &str, required: bool, place: &Place<'_>) -> Field {
        self.count.set(self.count.get() + 1);
        let described = declared["description"].as_str().or_else(|| schema["description"].as_str());
        let default = schema.get("default").map(text_of);
        let example = schema["examples"][0].as_str().map(|example| format!("for example {example}"));
        let label = schema["title"].as_str().map_or_else(|| spaced(key), str::to_owned);
        Field {
            name: place.name.clone(),
            id: format!("f{}", self.count.get()),
            pointer: place.pointer.clone(),
            key: key.to_owned(),
            label,
            kind: kind_of(schema),
            required,
            placeholder: default.or(example),
            help: described.map(str::to_owned),
            options: options(schema),
            whole: schema["type"] == "integer",
            ..Field::default()
        }
    }

    fn leaf(&self, field: &mut Field, root: &Value, schema: &Value, widget: &'static str, place: &Place<'_>) {
        field.widget = widget;
        match widget {
            "const" => field.value = schema["const"].to_string(),
            "lines" => {
                let items = resolve(root, &schema["items"]);
                field.kind = if ["integer", "number"].contains(&items["type"].as_str().unwrap_or_default()) {
                    "number"
                } else {
                    "text"
                };
            }
            _ => {}
        }
        match (self.typed, place.value) {
            _ if widget == "const" => {}
            (Some(typed), _) => {
                let mut said =
                    typed.iter().filter(|(name, _)| *name == place.from).map(|(_, text)| text.replace("\r\n", "\n"));
                match widget {
                    "checks" => field.ticked = said.collect(),
                    _ => field.value = said.next().unwrap_or_default(),
                }
            }
            (None, Some(Value::Array(items))) if widget == "checks" => {
                field.ticked = items.iter().map(text_of).collect()
            }
            (None, Some(Value::Array(items))) if widget == "lines" => {
                field.value = items.iter().map(text_of).collect::<Vec<_>>().join("\n");
            }
            (None, Some(value)) if widget == "json" => field.value = crate::render::reference::pretty(value),
            (None, Some(value)) => field.value = text_of(value),
            (None, None) => {}
        }
        // A browser takes the ends of lines out of a field that has one line.
        if field.widget == "text" && field.value.contains('\n') {
            field.widget = "textarea";
        }
    }

    fn object(&self, root: &Value, schema: &Value, place: &Place<'_>) -> Vec<Field> {
        let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name));
        let properties = schema["properties"].as_object().into_iter().flatten();
        let made = properties.map(|(name, declared)| {
            let mut field = self.made(root, declared, name, required(name), &place.inside(name));
            if let Some(when) = condition(schema, name) {
                let help = field.help.take().map(|help| format!("{help} ")).unwrap_or_default();
                field.help = Some(format!("{help}{when}"));
            }
            field
        });
        made.collect()
    }

    /// The rows of a list: those in which something was entered, and an empty one where it is wanted.
    fn rows(&self, root: &Value, schema: &Value, items: &Value, required: bool, place: &Place<'_>) -> Vec<Field> {
        let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(u64::from(required))).unwrap_or(ROWS);
        let mut old: Vec<usize> = match (self.typed, place.value) {
            (Some(typed), _) => (0..ROWS).filter(|row| entered(typed, &format!("{}/{row}", place.from))).collect(),
            (None, Some(Value::Array(values))) => (0..values.len().min(ROWS)).collect(),
            (None, _) => Vec::new(),
        };
        let more = usize::from(self.add == Some(place.from.as_str()));
        let wanted = (old.len() + more).max(least).min(ROWS);
        // Rows that nobody has filled in have no name on the page before.
        old.extend(ROWS..ROWS + wanted.saturating_sub(old.len()));
        let row = |(new, old): (usize, usize)| {
            let step = new.to_string();
            let inside = Place {
                from: format!("{}/{old}", place.from),
                value: place.value.and_then(|values| values.get(old)),
                ..place.inside(&step)
            };
            let mut field = self.made(root, items, &step, false, &inside);
            field.label = (new + 1).to_string();
            field
        };
        old.into_iter().enumerate().map(row).collect()
    }

    fn branches(&self, field: &mut Field, root: &Value, tells: &str, branches: &[Value], place: &Place<'_>) {
        field.widget = "branches";
        let name = |branch: &Value| text_of(&resolve(root, branch)["properties"][tells]["const"]);
        let fits = |branch: &Value| place.value.is_some_and(|value| text_of(&value[tells]) == name(branch));
        field.options = branches.iter().map(name).collect();
        field.value = match self.typed {
            Some(typed) => {
                let said = typed.iter().find(|(name, _)| *name == place.from);
                said.map(|(_, chosen)| chosen.clone()).unwrap_or_default()
            }
            None => branches.iter().position(fits).map(|at| at.to_string()).unwrap_or_default(),
        };
        let branch = |(at, schema): (usize, &Value)| {
            let chosen = field.value == at.to_string();
            let inside = Place {
                name: format!("{}#{at}", place.name),
                from: format!("{}#{at}", place.from),
                value: place.value.filter(|_| chosen),
                depth: place.depth + 1,
                ..place.clone()
            };
            let mut made = self.made(root, schema, &field.key, true, &inside);
            let mut check = resolve(root, schema).clone();
            if let (Some(fields), Some(shared)) = (check.as_object_mut(), root.get("$defs")) {
                fields.insert("$defs".into(), shared.clone());
            }
            made.check = Some(check);
            made.label = field.options.get(at).cloned().unwrap_or_default();
            made
        };
        field.fields = branches.iter().enumerate().map(branch).collect();
    }
}

/// Whether anything was entered in a field, or in one inside of it.
fn entered(typed: &[(String, String)], name: &str) -> bool {
    let within =
        |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']));
    typed.iter().any(|(known, text)| within(known) && !text.trim().is_empty())
}

/// When a field is needed that is not needed always.
fn condition(schema: &Value, name: &str) -> Option<String> {
    let says = |list: &Value| list.as_array().is_some_and(|names| names.iter().any(|it| it == name));
    let with = schema["dependentRequired"].as_object().into_iter().flatten().find(|(_, needed)| says(needed));
    if let Some((other, _)) = with {
        return Some(format!("Needed with `{other}`."));
    }
    let parts = [schema].into_iter().chain(schema["allOf"].as_array().into_iter().flatten());
    parts.filter(|part| says(&part["then"]["required"])).find_map(|part| {
        let (other, what) = part["if"]["properties"].as_object()?.iter().next()?;
        Some(match (what.get("const"), what.get("enum")) {
            (Some(is), _) => format!("Needed when `{other}` is `{}`.", text_of(is)),
            (_, Some(Value::Array(any))) => {
                let any: Vec<String> = any.iter().map(text_of).collect();
                format!("Needed when `{other}` is one of `{}`.", any.join("`, `"))
            }
            _ => format!("Needed with certain values of `{other}`."),
        })
    })
}

/// What a browser makes of a text of this schema.
fn kind_of(schema: &Value) -> &'static str {
    match schema["format"].as_str() {
        Some("email") => "email",
        Some("uri") => "url",
        Some("date") => "date",
        _ => "text",
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
