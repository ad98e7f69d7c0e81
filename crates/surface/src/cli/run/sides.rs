//! What two runs made and called, beside each other, and whether the same policy ruled both.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::cli::{Failure, client::Client, output::text, terminal::safe_line};

/// Letters of a digest that tell it from another one.
const DIGEST: usize = "sha256:".len() + 12;

/// What one run did.
struct Side {
    /// The record's summary: artifacts and calls.
    audit: Value,
    /// Digest of the policy that ruled it.
    policy: Value,
}

/// The lines that say it.
pub(super) async fn lines(client: &Client, left: &str, right: &str) -> Result<String, Failure> {
    let (left, right) = (Side::of(client, left).await?, Side::of(client, right).await?);
    Ok(told(&left, &right))
}

impl Side {
    async fn of(client: &Client, run: &str) -> Result<Self, Failure> {
        let audit = client.query("agent.audit", "v1", &json!({ "runId": run, "stepLimit": 1, "maxBytes": 0 })).await?;
        let first = client.query("agent.events", "v1", &json!({ "runId": run, "limit": 1 })).await?;
        Ok(Self { audit, policy: first["events"][0]["body"]["policy"].clone() })
    }

    /// Digests of artifacts, by name.
    fn made(&self) -> BTreeMap<String, String> {
        self.rows("outputs", |row| (text(row, "name"), text(row, "digest").chars().take(DIGEST).collect()))
    }

    /// How often each operation was called. A model is asked, not called.
    fn called(&self) -> BTreeMap<String, String> {
        let mut called = self.rows("tools", |row| {
            let (failed, refused) = (row["failed"].as_u64().unwrap_or(0), row["refused"].as_u64().unwrap_or(0));
            let aside = [(failed, "failed"), (refused, "refused")].into_iter().filter(|(number, _)| *number > 0);
            let aside: String = aside.map(|(number, word)| format!(", {number} {word}")).collect();
            (text(row, "operation"), format!("{}{aside}", row["calls"]))
        });
        called.retain(|operation, _| !operation.starts_with("model.call@"));
        called
    }

    fn rows(&self, field: &str, row: impl Fn(&Value) -> (String, String)) -> BTreeMap<String, String> {
        self.audit[field].as_array().into_iter().flatten().map(row).collect()
    }
}

fn told(left: &Side, right: &Side) -> String {
    let word = if left.policy == right.policy { "same" } else { "differs" };
    let mut page = format!("policy   {word}\n");
    for (what, one, other) in [("made", left.made(), right.made()), ("called", left.called(), right.called())] {
        let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for name in names {
            let side = |rows: &BTreeMap<String, String>| rows.get(name).map_or("-".to_owned(), |it| safe_line(it));
            page += &format!("{what:<8} {}   left {}   right {}\n", safe_line(name), side(&one), side(&other));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_runs_made_and_called_stands_side_by_side() {
        let side = |digest: &str, tools: Value| Side {
            audit: json!({ "outputs": [{ "name": "NOTES.md", "digest": digest }], "tools": tools }),
            policy: json!("sha256:01"),
        };
        let calls =
            |operation: &str, calls: u64| json!({ "operation": operation, "calls": calls, "failed": 0, "refused": 0 });
        let left = side("sha256:aaaaaaaa", json!([calls("items.classify@1.0.0", 1), calls("fs.write@1.0.0", 1)]));
        let mut wrote = calls("fs.write@1.0.0", 2);
        wrote["refused"] = json!(1);
        let right = side("sha256:bbbbbbbb", json!([calls("model.call@1.0.0", 3), wrote]));
        insta::assert_snapshot!(told(&left, &right), @"
        policy   same
        made     NOTES.md   left sha256:aaaaaaaa   right sha256:bbbbbbbb
        called   fs.write@1.0.0   left 1   right 2, 1 refused
        called   items.classify@1.0.0   left 1   right -
        ");
    }
}
