//! The record of a run, as somebody reads it who trusts nobody: what happened in sentences that name their events, and
//! what the log says of them. The browser checks the bytes itself; they are those of the page of events.

use axum::{extract::Path, http::header, response::IntoResponse as _};
use serde_json::json;

use super::{
    Shown,
    page::{Show, data, header_text},
    run::{SHOWN, head},
    session::Sent,
    words::tail,
};
use crate::{problem::Refusal, rest::live::attachment};

/// Steps in the account. A longer run says how to see the others.
const STEPS: u64 = 500;

/// Who, on whose authority, from what, what it did, who allowed it, what it made, and what proves it.
pub(super) async fn account(show: Show, Path(run): Path<String>) -> Shown {
    let head = head(&show, &run).await?;
    let asked = show.bounded(json!({ "runId": run, "stepLimit": STEPS }), SHOWN);
    let audit = show.ask("agent.audit", asked).await?;
    let log = show.try_ask("log.checkpoint", json!({})).await.ok();
    let title = format!("Audit of {}", tail(&run));
    let facts = json!({ "run": head, "audit": audit, "log": log, "tab": "audit" });
    show.page("studio/run.audit.html", &title, "runs", facts).await
}

/// The log of everything: its signed head, the keys that sign it, and who did what.
pub(super) async fn log(show: Show) -> Shown {
    let mut asked = json!({ "limit": 100 });
    for name in ["type", "actor"] {
        if let Some(value) = show.asked(name) {
            asked[name] = value.into();
        }
    }
    if let Some(before) = show.asked("before").and_then(|before| before.parse::<u64>().ok()) {
        asked["before"] = before.into();
    }
    let acts = show.try_ask("log.acts", asked).await;
    let (acts, hidden) =
        acts.map_or_else(|problem| (json!({}), Some(problem.detail().to_owned())), |acts| (acts, None));
    let next = acts["nextBefore"].as_u64().map(|before| show.with(&[("before", &before.to_string())]));
    let facts = json!({
        "log": show.try_ask("log.checkpoint", json!({})).await.ok(),
        "keys": show.try_ask("log.keys", json!({})).await.ok(),
        "acts": acts["acts"].as_array().cloned().unwrap_or_default(),
        "hidden": hidden,
        "type": show.asked("type"),
        "actor": show.asked("actor"),
        "next": next,
    });
    show.list("studio/audit.html", "Audit", "audit", facts, "acts").await
}

/// What the log says of the newest event of a run: its signed head, the way there, and the keys that sign.
pub(super) async fn proof(show: Show, Path(run): Path<String>) -> Shown {
    let audit = show.ask("agent.audit", json!({ "runId": run, "stepLimit": 1, "maxBytes": 0 })).await?;
    let checkpoint = show.ask("log.checkpoint", json!({})).await?;
    let asked = json!({ "stream": run, "seq": audit["record"]["lastSeq"], "treeSize": checkpoint["treeSize"] });
    let proof = show.try_ask("log.proof", asked).await.ok();
    let keys = show.try_ask("log.keys", json!({})).await.ok();
    Ok(data(&json!({ "record": audit["record"], "checkpoint": checkpoint, "proof": proof, "keys": keys })))
}

/// Everything that proves a run, as one file.
pub(super) async fn bundle(Path(run): Path<String>, sent: Sent) -> Shown {
    let show = &sent.show;
    let made = show.tell("agent.bundle", json!({ "runId": run }), None).await?;
    let digest = made["digest"].as_str().and_then(|digest| digest.parse().ok());
    let services = &show.studio.services;
    let waiting = services.desk.fetch(&show.viewer.who, &run, digest, services.clock.now());
    let gone = || show.refused(Refusal::new("not-found", "The bundle was made and is gone already. Ask for it again."));
    let bytes = waiting.ok_or_else(gone)?;
    let headers = [
        (header::CONTENT_TYPE, header_text("application/x-tar")),
        (header::CONTENT_DISPOSITION, header_text(&attachment(&format!("{run}.affiant")))),
    ];
    Ok((headers, bytes.to_vec()).into_response())
}
