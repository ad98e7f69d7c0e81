//! What a change is called, in the four directions that it can have.

use serde_json::Value;

use crate::validate::Issue;

use super::losses::{Lost, TYPES};

/// An input is refused that was accepted.
pub(super) fn refused(lost: &Lost) -> String {
    match lost {
        Lost::Types(kinds) if kinds.len() > 3 => format!("may now only be {}", types(&others(kinds))),
        Lost::Types(kinds) => format!("may no longer be {}", types(kinds)),
        Lost::Choice(value) => format!("may no longer be `{}`", text(value)),
        Lost::Others(allowed) => format!("may now only be {}", list(allowed)),
        Lost::Field(name) => format!("`{name}` is no longer accepted"),
        Lost::Unnamed => "fields that are not named are no longer accepted".into(),
        Lost::Without(name) => format!("`{name}` is now required"),
        Lost::Limit("uniqueItems", ..) => "must no longer hold an item twice".into(),
        Lost::Limit(keyword, before, after) => format!("`{keyword}` is now {after}{}", was(before.as_ref())),
        Lost::Form(keyword, form) => format!("must now have the {keyword} `{}`", text(form)),
        Lost::Other(keyword) => format!("`{keyword}` refuses more than before"),
    }
}

/// An input is accepted that was refused.
pub(super) fn accepted(lost: &Lost) -> String {
    match lost {
        Lost::Types(kinds) if kinds.len() > 3 => format!("need no longer be {}", types(&others(kinds))),
        Lost::Types(kinds) => format!("may now be {}", types(kinds)),
        Lost::Choice(value) => format!("may now be `{}`", text(value)),
        Lost::Others(allowed) => format!("may now be other than {}", list(allowed)),
        Lost::Field(name) => format!("`{name}` is accepted"),
        Lost::Unnamed => "fields that are not named are accepted".into(),
        Lost::Without(name) => format!("`{name}` is no longer required"),
        Lost::Limit("uniqueItems", ..) => "may hold an item twice".into(),
        Lost::Limit(keyword, after, before) => format!("`{keyword}` was {before}{}", is(after.as_ref())),
        Lost::Form(keyword, form) => format!("need no longer have the {keyword} `{}`", text(form)),
        Lost::Other(keyword) => format!("`{keyword}` accepts more than before"),
    }
}

/// An output may be given that was never given.
pub(super) fn unexpected(lost: &Lost) -> String {
    match lost {
        Lost::Without(name) => format!("`{name}` may be missing"),
        Lost::Unnamed => "fields that are not named may be there".into(),
        other => accepted(other),
    }
}

/// An output is no longer given.
pub(super) fn no_longer(lost: &Lost) -> String {
    match lost {
        Lost::Types(kinds) if kinds.len() > 3 => format!("is always {}", types(&others(kinds))),
        Lost::Types(kinds) => format!("is no longer {}", types(kinds)),
        Lost::Choice(value) => format!("is no longer `{}`", text(value)),
        Lost::Others(allowed) => format!("is always one of {}", list(allowed)),
        Lost::Field(name) => format!("`{name}` is no longer there"),
        Lost::Unnamed => "has no fields that are not named".into(),
        Lost::Without(name) => format!("`{name}` is always there"),
        Lost::Limit("uniqueItems", ..) => "never holds an item twice".into(),
        Lost::Limit(keyword, before, after) => format!("`{keyword}` is now {after}{}", was(before.as_ref())),
        Lost::Form(keyword, form) => format!("always has the {keyword} `{}`", text(form)),
        Lost::Other(keyword) => format!("`{keyword}` promises more than before"),
    }
}

/// An issue as one sentence with the field in front.
pub(super) fn issue(issue: &Issue) -> String {
    let field = issue.path.rsplit('/').next().unwrap_or_default();
    match issue.code.as_str() {
        "required" | "unknown-field" => issue.message.clone(),
        _ if field.bytes().all(|byte| byte.is_ascii_digit()) && !field.is_empty() => {
            format!("an item {}", issue.message)
        }
        _ if field.is_empty() => format!("the value {}", issue.message),
        _ => format!("`{field}` {}", issue.message),
    }
}

fn was(before: Option<&Value>) -> String {
    before.map(|before| format!(", was {before}")).unwrap_or_default()
}

fn is(after: Option<&Value>) -> String {
    after.map_or(" and is gone".into(), |after| format!(" and is {after}"))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(values: &[Value]) -> String {
    values.iter().map(|value| format!("`{}`", text(value))).collect::<Vec<_>>().join(", ")
}

/// The types that are left when these are lost. An integer is a number and need not be named beside it.
fn others(lost: &[&str]) -> Vec<&'static str> {
    let left: Vec<&str> = TYPES.iter().copied().filter(|kind| !lost.contains(kind)).collect();
    let number = left.contains(&"number");
    left.into_iter().filter(|kind| !(number && *kind == "integer")).collect()
}

fn types(kinds: &[&str]) -> String {
    let name = |kind: &&str| match *kind {
        "null" => "null".to_owned(),
        kind if kind.starts_with(['a', 'i', 'o']) => format!("an {kind}"),
        kind => format!("a {kind}"),
    };
    kinds.iter().map(name).collect::<Vec<_>>().join(" or ")
}
