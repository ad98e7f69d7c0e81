//! Forms that are made from schemas: which fields they have, what was entered, and the value that it comes to.
//!
//! A subset on purpose: objects, lists, enumerations, constants, texts, numbers, yes or no, alternatives that a constant
//! tells apart, defaults, fields that are needed together. Whatever is beyond that is written as JSON in a field of its
//! own, and the form says why. What a form checks it checks against the same schema as the server does.

mod build;
mod calls;
mod read;
mod shape;

use affiant_contract::Issue;
use serde::Serialize;
use serde_json::Value;

pub(crate) use build::Builder;
pub(crate) use calls::{Calls, calls};
pub(crate) use read::{read, read_leaf};
pub(crate) use shape::{Shape, options, shape};

/// One field, with what was entered, as a template reads it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Field {
    /// Its name when it is sent.
    pub(crate) name: String,
    /// Its id on the page.
    pub(crate) id: String,
    /// Where its value stands in the whole, as a JSON pointer.
    pub(crate) pointer: String,
    /// Its name in the object that holds it.
    pub(crate) key: String,
    /// What people call it.
    pub(crate) label: String,
    /// `text`, `textarea`, `number`, `select`, `checkbox`, `checks`, `json`, `lines`, `const`; or one that holds others:
    /// `group`, `rows`, `branches`.
    pub(crate) widget: &'static str,
    /// What a browser makes of a text: `text`, `email`, `url`, `date`.
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
    pub(crate) personal: bool,
    pub(crate) placeholder: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) options: Vec<String>,
    /// Whether a number has no fraction.
    pub(crate) whole: bool,
    pub(crate) value: String,
    /// The options that were ticked.
    pub(crate) ticked: Vec<String>,
    pub(crate) issue: Option<String>,
    /// Why it is written as JSON.
    pub(crate) why: Option<String>,
    /// What an alternative is checked against by itself, so that it says what is wrong inside of it.
    #[serde(skip)]
    pub(crate) check: Option<Value>,
    /// The fields inside of it; the rows of a list; the alternatives.
    pub(crate) fields: Vec<Field>,
}

/// Lays issues beside the fields that they are about; gives back those that are about none.
pub(crate) fn lay(fields: &mut [Field], issues: Vec<Issue>) -> Vec<Issue> {
    issues.into_iter().filter(|issue| !lay_one(fields, issue)).collect()
}

fn lay_one(fields: &mut [Field], issue: &Issue) -> bool {
    let within =
        |pointer: &str| issue.path.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(field) = fields.iter_mut().find(|field| within(&field.pointer)) else { return false };
    let inside = match field.widget {
        "branches" => match field.value.parse::<usize>().ok().and_then(|chosen| field.fields.get_mut(chosen)) {
            Some(branch) => &mut branch.fields[..],
            None => &mut [],
        },
        _ => &mut field.fields[..],
    };
    if lay_one(inside, issue) {
        return true;
    }
    if field.widget == "branches" && !wrong(&field.fields).is_empty() {
        return true;
    }
    let rest = issue.path.strip_prefix(&field.pointer).unwrap_or_default();
    let at = if rest.is_empty() { String::new() } else { format!("`{rest}`: ") };
    field.issue.get_or_insert(format!("{at}{}", issue.message));
    true
}

/// What is wrong with a form, in the order of its fields: each field's id, its label and what is wrong.
pub(crate) fn wrong(fields: &[Field]) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for field in fields {
        found.extend(field.issue.clone().map(|issue| (field.id.clone(), field.label.clone(), issue)));
        found.extend(wrong(&field.fields));
    }
    found
}

/// `contextSnapshotId` as `Context snapshot id`.
pub(crate) fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for (index, letter) in name.chars().enumerate() {
        match letter {
            first if index == 0 => words.extend(first.to_uppercase()),
            '_' | '-' => words.push(' '),
            upper if upper.is_ascii_uppercase() => {
                words.push(' ');
                words.push(upper.to_ascii_lowercase());
            }
            other => words.push(other),
        }
    }
    words
}

#[cfg(test)]
mod tests;
