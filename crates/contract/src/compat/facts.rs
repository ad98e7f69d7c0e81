//! Changes beside the schemas: who may call, what can go wrong, what is emitted, what a second call does.

use std::collections::BTreeSet;

use crate::{
    errors::{EVERY_CALL, find},
    model::{Auth, Hints, RateLimit, Ref},
};

use super::{Change, Shape};

pub(super) fn compare(old: &Shape, new: &Shape, changes: &mut Vec<Change>) {
    if old.kind != new.kind {
        let why = "whoever uses it under the old kind no longer finds it there";
        changes.push(change("kind", "/kind", format!("was {:?} and is {:?}", old.kind, new.kind), true, why));
        return;
    }
    auth(old.auth, new.auth, changes);
    rate_limit(old.rate_limit, new.rate_limit, changes);
    errors(old, new, changes);
    references("emits", &old.emits, &new.emits, "whoever waits for the event waits in vain", changes);
    references("provides", &old.provides, &new.provides, "whoever relies on the capability misses it", changes);
    hints(old.hints, new.hints, changes);
    if let (Some(before), Some(after)) = (old.idempotency, new.idempotency)
        && before != after
    {
        let why = "callers decide by it whether they may repeat a call";
        let what = format!("was {before:?} and is {after:?}").to_lowercase();
        changes.push(change("idempotency", "/idempotency", what, true, why));
    }
    if old.behaviour != new.behaviour {
        let why = "the same input may lead to another result";
        changes.push(change("behaviour", "", "works differently inside".into(), false, why));
    }
}

fn change(path: &str, pointer: &str, what: String, breaking: bool, why: &str) -> Change {
    Change { path: path.into(), what, breaking, witness: None, why: why.into(), pointer: pointer.into() }
}

fn auth(old: Option<Auth>, new: Option<Auth>, changes: &mut Vec<Change>) {
    let (Some(old), Some(new)) = (old, new) else { return };
    if old == new {
        return;
    }
    let what = format!("was `{}` and is `{}`", name(old), name(new));
    let why = match new > old {
        true => format!("a caller that is only `{}` is refused now", name(old)),
        false => format!("a caller that is only `{}` may call it now", name(new)),
    };
    changes.push(change("policy.auth", "/policy/auth", what, new > old, &why));
}

fn name(auth: Auth) -> &'static str {
    match auth {
        Auth::Anonymous => "anonymous",
        Auth::User => "user",
        Auth::Admin => "admin",
    }
}

fn rate_limit(old: Option<RateLimit>, new: Option<RateLimit>, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let most = |limit: Option<RateLimit>| limit.map_or((u32::MAX, u32::MAX), |limit| (limit.per_minute, limit.burst));
    let ((old_minute, old_burst), (new_minute, new_burst)) = (most(old), most(new));
    let tighter = new_minute < old_minute || new_burst < old_burst;
    let say = |limit: Option<RateLimit>| match limit {
        Some(limit) => format!("{} a minute, {} at once", limit.per_minute, limit.burst),
        None => "no limit".into(),
    };
    let why = if tighter { "callers within the old limit are refused now" } else { "callers may call more often" };
    let what = format!("was {} and is {}", say(old), say(new));
    changes.push(change("policy.rateLimit", "/policy/rateLimit", what, tighter, why));
}

/// A new error breaks a caller that decides by status when no error had that status before. Another code under a status
/// that callers handle already is an addition.
fn errors(old: &Shape, new: &Shape, changes: &mut Vec<Change>) {
    let status = |error: &str| error.rsplit_once(':').map(|(_, status)| status.to_owned()).unwrap_or_default();
    let handled: BTreeSet<String> = EVERY_CALL
        .iter()
        .filter_map(|code| find(code))
        .map(|entry| entry.status.to_string())
        .chain(old.errors.iter().map(|error| status(error)))
        .collect();
    for error in new.errors.iter().filter(|error| !old.errors.contains(error)) {
        let breaking = !handled.contains(&status(error));
        let why = match breaking {
            true => format!("callers meet status {}, which they did not have to handle", status(error)),
            false => format!("callers handle status {} already", status(error)),
        };
        changes.push(change("errors", "/errors", format!("`{}` is new", code(error)), breaking, &why));
    }
    for error in old.errors.iter().filter(|error| !new.errors.contains(error)) {
        let what = format!("`{}` no longer happens", code(error));
        changes.push(change("errors", "/errors", what, false, "callers need not handle it any more"));
    }
}

fn code(error: &str) -> &str {
    error.rsplit_once(':').map_or(error, |(code, _)| code)
}

fn references(list: &str, old: &[Ref], new: &[Ref], why: &str, changes: &mut Vec<Change>) {
    let pointer = format!("/{list}");
    for gone in old.iter().filter(|reference| !new.contains(reference)) {
        changes.push(change(list, &pointer, format!("{gone} is gone"), true, why));
    }
    for added in new.iter().filter(|reference| !old.contains(reference)) {
        changes.push(change(list, &pointer, format!("{added} is new"), false, "nobody relies on it yet"));
    }
}

fn hints(old: Option<Hints>, new: Option<Hints>, changes: &mut Vec<Change>) {
    let (Some(old), Some(new)) = (old, new) else { return };
    let promises = [
        ("readOnly", old.read_only, new.read_only),
        ("idempotent", old.idempotent, new.idempotent),
        ("destructive", !old.destructive, !new.destructive),
    ];
    for (hint, before, after) in promises.into_iter().filter(|(_, before, after)| before != after) {
        let what = match (hint, after) {
            ("destructive", true) => "no longer destroys anything".to_owned(),
            ("destructive", false) => "may destroy something now".to_owned(),
            (_, true) => "is promised now".to_owned(),
            (_, false) => "is no longer promised".to_owned(),
        };
        let why = match after {
            true => "callers may assume more",
            false => "retries and approvals of its callers rest on the old promise",
        };
        changes.push(change(&format!("hints.{hint}"), &format!("/hints/{hint}"), what, before, why));
    }
}
