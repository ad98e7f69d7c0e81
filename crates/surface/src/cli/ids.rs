//! Ids as people type them: whole, a part that only one thing has, or `@last`.

use serde_json::{Value, json};

use super::{Exit, Failure, client::Client};

/// Letters after the prefix of an id: a ULID.
const ULID: usize = 26;
/// Letters of a run's id that say when it began, with the prefix.
const MOMENT: usize = "run_".len() + 10;

/// The run that a person means: a whole id, its beginning or end (four characters or more), or `@last`.
pub(super) async fn run(client: &Client, typed: &str) -> Result<String, Failure> {
    if typed == "@last" {
        return newest(client).await;
    }
    if typed.strip_prefix("run_").is_some_and(|rest| rest.len() == ULID) {
        return Ok(typed.to_owned());
    }
    let part = shortened(typed)?;
    let page = client.query("agent.status", "v1.1", &json!({ "q": format!("id:{part}"), "limit": 5 })).await?;
    only(typed, "run", candidates(&page["runs"], "runId"))
}

/// The approval that a person means.
pub(super) async fn approval(client: &Client, typed: &str) -> Result<String, Failure> {
    if typed.strip_prefix("apr_").is_some_and(|rest| rest.len() == ULID) {
        return Ok(typed.to_owned());
    }
    let part = shortened(typed)?;
    let page = client.query("agent.approvals.list", "v1", &json!({ "limit": 500 })).await?;
    let ids = candidates(&page["approvals"], "approvalId");
    only(typed, "approval", ids.into_iter().filter(|id| matches(id, part)).collect())
}

/// The id in `field` of the one row that a person means.
pub(super) fn among(rows: &[Value], field: &str, typed: &str) -> Result<String, Failure> {
    let what = field.trim_end_matches("Id");
    let named = |row: &&Value| row[field] == typed || row["name"] == typed || row["url"] == typed;
    let ids = |rows: &mut dyn Iterator<Item = &Value>| -> Vec<String> {
        rows.filter_map(|row| row[field].as_str().map(str::to_owned)).collect()
    };
    let exact = ids(&mut rows.iter().filter(named));
    if !exact.is_empty() {
        return only(typed, what, exact);
    }
    let part = shortened(typed)?;
    only(typed, what, ids(&mut rows.iter()).into_iter().filter(|id| matches(id, part)).collect())
}

async fn newest(client: &Client) -> Result<String, Failure> {
    let page = client.query("agent.status", "v1", &json!({ "limit": 50 })).await?;
    let runs = page["runs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let newest = runs.iter().find(|run| !is_called(run)).or(runs.first()).and_then(|run| run["runId"].as_str());
    let newest = newest.map(str::to_owned);
    newest.ok_or_else(|| Failure::new(Exit::NotFound, "run-not-found", "there is no run yet"))
}

/// Whether another run called this one, and no person began it: its id then has the moment of its parent's
/// (docs/design/subagents.md), which no fork and no retry has.
fn is_called(run: &Value) -> bool {
    let moment = |field: &str| run[field].as_str().and_then(|id| id.get(..MOMENT));
    moment("parentRunId").is_some_and(|parent| moment("runId") == Some(parent))
}

/// The part of an id that a person typed, without the ellipsis that tables print before it.
fn shortened(typed: &str) -> Result<&str, Failure> {
    let part = typed.rsplit('…').next().unwrap_or(typed);
    if part.chars().count() < 4 {
        return Err(Failure::usage(format!("`{typed}` is too short: four characters or more of an id")));
    }
    Ok(part)
}

fn matches(id: &str, part: &str) -> bool {
    let (id, part) = (id.to_ascii_lowercase(), part.to_ascii_lowercase());
    id.starts_with(&part) || id.ends_with(&part) || id.split_once('_').is_some_and(|(_, rest)| rest.starts_with(&part))
}

fn candidates(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    rows.iter().filter_map(|row| row[field].as_str().map(str::to_owned)).collect()
}

fn only(typed: &str, what: &str, mut found: Vec<String>) -> Result<String, Failure> {
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new(
            Exit::NotFound,
            &format!("{what}-not-found"),
            format!("no {what} has an id like `{typed}`"),
        )
        .next(format!("affiant {what} list"))),
        _ => {
            let mut failure = Failure::usage(format!("`{typed}` could be {} {what}s", found.len()));
            failure.details = found;
            Err(failure.next("type more of the id"))
        }
    }
}

/// An id as tables show it: its end, because ids made together begin alike.
pub(super) fn short(id: &str) -> String {
    match id.split_once('_') {
        Some((_, ulid)) if ulid.len() == ULID => format!("…{}", &ulid[ULID - 6..]),
        _ => id.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_known_by_its_beginning_or_its_end() {
        let id = "run_01JDA3K9W2ZB8R5M0C7T7XK4QZ";
        assert!(matches(id, "7xk4qz") && matches(id, "run_01JDA3") && matches(id, "01JDA3") && !matches(id, "K9W2"));
        assert_eq!((short(id), short("u_ana")), ("…7XK4QZ".to_owned(), "u_ana".to_owned()));
    }

    #[test]
    fn a_thing_with_a_name_is_known_by_it_unless_two_have_it() {
        let key = |id: &str, name: &str| json!({ "keyId": id, "name": name });
        let rows = [key("key_01JDA", "ci"), key("key_01JDB", "ops"), key("key_01JDC", "ops")];
        assert_eq!(among(&rows, "keyId", "ci").unwrap(), "key_01JDA");
        assert_eq!(among(&rows, "keyId", "1JDC").unwrap(), "key_01JDC");
        assert_eq!(among(&rows, "keyId", "ops").unwrap_err().details.len(), 2);
    }

    #[test]
    fn a_part_that_could_be_two_things_lists_them() {
        let failure = only("01JD", "run", vec!["run_01JDA".into(), "run_01JDB".into()]).unwrap_err();
        assert_eq!((failure.exit, failure.details.len()), (Exit::Usage, 2));
    }
}
