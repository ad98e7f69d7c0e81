//! The record of a run, as somebody reads it who trusts nobody: what happened in sentences that name their events, the
//! exact bytes, and what the log says of them. The browser checks the bytes itself.

use axum::{
    body::Body,
    extract::Path,
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::stream;
use serde_json::json;

use super::{
    Shown,
    page::{Show, header_text},
    run::head,
    words::tail,
};
use crate::problem::Refusal;

/// Events that are read at once.
const BATCH: usize = 1000;

/// Steps in the account. A longer run says how to see the others.
const STEPS: u64 = 500;

/// Who, on whose authority, from what, what it did, who allowed it, what it made, and what proves it.
pub(super) async fn account(show: Show, Path(run): Path<String>) -> Shown {
    let head = head(&show, &run).await?;
    let asked = json!({ "runId": run, "stepLimit": STEPS });
    let audit = show.ask("agent.audit", asked).await?;
    let log = show.try_ask("log.checkpoint", json!({})).await.ok();
    let title = format!("Audit of {}", tail(&run));
    let facts = json!({ "run": head, "audit": audit, "log": log, "tab": "audit" });
    show.page("studio/run.audit.html", &title, "runs", facts).await
}

/// The log of everything: its signed head, the keys that sign it, and who did what.
pub(super) async fn log(show: Show) -> Shown {
    let mut asked = json!({ "limit": 100 });
    for (name, field) in [("type", "type"), ("actor", "actor")] {
        if let Some(value) = show.asked(name) {
            asked[field] = value.into();
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

/// Every event of a run, exactly as it is stored, one on each line.
pub(super) async fn bytes(show: Show, Path(run): Path<String>) -> Shown {
    show.ask("agent.status", json!({ "runId": run })).await?;
    let (tenant, id) = (show.viewer.who.tenant.clone(), affiant_journal::RunId::from(run.as_str()));
    let store = show.studio.services.store.clone();
    let lines = stream::try_unfold(0, move |from| {
        let (store, tenant, stream) = (store.clone(), tenant.clone(), id.stream());
        async move {
            let entries = store.load(&tenant, &stream, from, BATCH).await.map_err(std::io::Error::other)?;
            if entries.is_empty() {
                return Ok::<_, std::io::Error>(None);
            }
            let mut lines = BytesMut::with_capacity(entries.iter().map(|entry| entry.bytes.len() + 1).sum());
            for entry in &entries {
                lines.put_slice(&entry.bytes);
                lines.put_u8(b'\n');
            }
            Ok(Some((Bytes::from(lines), from + entries.len() as u64)))
        }
    });
    let media = [(header::CONTENT_TYPE, "application/jsonl"), (header::CACHE_CONTROL, "private, no-store")];
    Ok((media, Body::from_stream(lines)).into_response())
}

/// What the log says of the newest event of a run: its signed head, the way there, and the keys that sign.
pub(super) async fn proof(show: Show, Path(run): Path<String>) -> Shown {
    let audit = show.ask("agent.audit", json!({ "runId": run, "stepLimit": 1 })).await?;
    let checkpoint = show.ask("log.checkpoint", json!({})).await?;
    let asked = json!({ "stream": run, "seq": audit["record"]["lastSeq"], "treeSize": checkpoint["treeSize"] });
    let proof = show.try_ask("log.proof", asked).await.ok();
    let keys = show.try_ask("log.keys", json!({})).await.ok();
    let facts = json!({ "record": audit["record"], "checkpoint": checkpoint, "proof": proof, "keys": keys });
    let answer: Response = ([(header::CACHE_CONTROL, "private, no-store")], facts.to_string()).into_response();
    Ok(([(header::CONTENT_TYPE, "application/json")], answer).into_response())
}

/// Everything that proves a run, as one file.
pub(super) async fn bundle(Path(run): Path<String>, sent: super::session::Sent) -> Shown {
    let show = &sent.show;
    let made = show.tell("agent.bundle", json!({ "runId": run }), None).await?;
    let digest = made["digest"].as_str().and_then(|digest| digest.parse().ok());
    let services = &show.studio.services;
    let waiting = services.desk.fetch(&show.viewer.who, &run, digest, services.clock.now());
    let gone = || show.refused(Refusal::new("not-found", "The bundle was made and is gone already. Ask for it again."));
    let bytes = waiting.ok_or_else(gone)?;
    let headers = [
        (header::CONTENT_TYPE, header_text("application/x-tar")),
        (header::CONTENT_DISPOSITION, header_text(&format!("attachment; filename=\"{}.affiant\"", safe_name(&run)))),
    ];
    Ok((headers, bytes.to_vec()).into_response())
}

/// An id as a part of a file's name.
fn safe_name(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect()
}
