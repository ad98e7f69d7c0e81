//! Two runs side by side: where they agree, where they part, and what each of them cost.

use serde_json::{Value, json};

use super::{Shown, artifacts, change, page::Show};

/// Runs that are suggested for comparison.
const SUGGESTED: u64 = 6;

/// Artifacts of which differences are shown.
const ARTIFACTS: usize = 10;

/// Two runs, or one and what it could be compared with.
pub(super) async fn page(show: Show) -> Shown {
    let (a, b) = (show.asked("a").map(str::trim), show.asked("b").map(str::trim));
    let (Some(a), Some(b)) = (a, b) else {
        let facts = json!({ "a": a, "b": b, "suggested": suggested(&show, a.or(b)).await });
        return show.page("studio/compare.html", "Compare runs", "runs", facts).await;
    };
    let all = show.asked("all").is_some();
    let mut compared = show.ask("agent.compare", json!({ "left": a, "right": b, "onlyDifferences": !all })).await?;
    for side in ["left", "right"] {
        let took = super::words::between(&compared[side]["submittedAt"], &compared[side]["endedAt"]);
        compared[side]["tookMicros"] = json!(took);
    }
    let facts = json!({
        "a": a, "b": b, "all": all, "compared": compared, "artifacts": made(&show, a, b).await,
        "context": context(&show, &compared).await, "results": results(&show, a, b).await,
        "other": if all { show.with(&[("all", "")]) } else { show.with(&[("all", "1")]) },
    });
    show.page("studio/compare.html", "Compare runs", "runs", facts).await
}

/// What a run is compared with as a rule: the one that it came from, and others of its agent.
async fn suggested(show: &Show, run: Option<&str>) -> Vec<Value> {
    let Some(run) = run else { return Vec::new() };
    let Ok(found) = show.try_ask("agent.status", json!({ "runId": run })).await else { return Vec::new() };
    let head = &found["runs"][0];
    let mut rows = Vec::new();
    if let Some(parent) = head["parentRunId"].as_str()
        && let Ok(found) = show.try_ask("agent.status", json!({ "runId": parent })).await
    {
        let mut row = found["runs"][0].clone();
        row["why"] = "the run that it came from".into();
        rows.push(row);
    }
    let asked = json!({ "agentKey": head["agentKey"], "limit": SUGGESTED });
    let others = show.try_ask("agent.status", asked).await.unwrap_or_default();
    for other in others["runs"].as_array().into_iter().flatten() {
        let known = other["runId"] == run || rows.iter().any(|row| row["runId"] == other["runId"]);
        if !known {
            let mut row = other.clone();
            row["why"] = if other["parentRunId"] == run { "made from it".into() } else { "of the same agent".into() };
            rows.push(row);
        }
    }
    rows
}

/// Artifacts of both runs by name, with how they differ.
async fn made(show: &Show, a: &str, b: &str) -> Vec<Value> {
    let of = async |run: &str| {
        let found = show.try_ask("agent.artifacts", json!({ "runId": run, "limit": 200 })).await.unwrap_or_default();
        found["artifacts"].as_array().cloned().unwrap_or_default()
    };
    let (left, right) = (of(a).await, of(b).await);
    let mut rows = Vec::new();
    for one in &left {
        let other = right.iter().find(|it| it["name"] == one["name"]);
        let mut row =
            json!({ "name": one["name"], "left": one["artifactId"], "right": other.map(|it| &it["artifactId"]) });
        if let Some(other) = other {
            row["same"] = (one["digest"] == other["digest"]).into();
            let id = one["artifactId"].as_str().unwrap_or_default();
            if one["digest"] != other["digest"] && rows.len() < ARTIFACTS {
                row["diff"] = json!(artifacts::difference(show, id, &other["artifactId"]).await.ok());
            }
        }
        rows.push(row);
    }
    let alone = right.iter().filter(|it| !left.iter().any(|one| one["name"] == it["name"]));
    rows.extend(alone.map(|it| json!({ "name": it["name"], "right": it["artifactId"] })));
    rows
}

/// What differs between the snapshots of the two.
async fn context(show: &Show, compared: &Value) -> Option<Value> {
    let (left, right) =
        (compared["left"]["contextSnapshotId"].as_str()?, compared["right"]["contextSnapshotId"].as_str()?);
    if left == right {
        return None;
    }
    show.try_ask("context.snapshot.diff", json!({ "left": left, "right": right })).await.ok()
}

/// What each of the two gave, with the lines in which they differ. Of what is long the beginning alone is compared.
async fn results(show: &Show, a: &str, b: &str) -> Value {
    let of = async |run: &str| {
        let audit = show
            .try_ask("agent.audit", json!({ "runId": run, "stepLimit": 1, "maxBytes": 1 << 20 }))
            .await
            .unwrap_or_default();
        let result = audit.get("result").or_else(|| audit.get("problem")).cloned().unwrap_or_default();
        if result.is_null() { String::new() } else { crate::render::reference::pretty(&result) + "\n" }
    };
    let (left, right) = (of(a).await, of(b).await);
    let (diff, added, removed) = crate::handlers::agent::unified(&left, &right, "left", "right");
    json!({ "same": added + removed == 0, "any": !left.is_empty() || !right.is_empty(), "lines": change::whole(&diff) })
}
