//! Every page that a browser can come to, and every query of the interface.

use std::collections::{BTreeSet, VecDeque};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::http::Client;

/// Where a reader begins.
const DOORS: [&str; 8] =
    ["/", "/docs", "/docs/reference", "/docs/errors", "/openapi.json", "/llms.txt", "/llms-full.txt", "/healthz"];
/// More pages than there are.
const MOST: usize = 3000;

/// Looks at each page with `hidden`, and gives how many there were.
pub(super) fn all(client: &mut Client, runs: &[String], hidden: &dyn Fn(&str, &[u8]) -> Result<()>) -> Result<usize> {
    let spec = client.get("/openapi.json", "")?.json()?;
    let mut open: VecDeque<String> = DOORS.map(str::to_owned).into();
    open.extend(queries(&spec, runs));
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(page) = open.pop_front() {
        ensure!(seen.len() < MOST, "there is no end of pages");
        let (path, query) = page.split_once('?').unwrap_or((&page, ""));
        let reply = client.get(path, query)?;
        hidden(&page, &reply.body)?;
        let text = String::from_utf8_lossy(&reply.body);
        open.extend(links(&text).filter(|link| seen.insert(link.clone())));
    }
    Ok(seen.len())
}

/// Every query of the interface, by itself and for each run.
fn queries(spec: &Value, runs: &[String]) -> Vec<String> {
    let paths = spec["paths"].as_object().into_iter().flatten();
    let gets = paths.filter(|(_, methods)| methods.get("get").is_some()).map(|(path, _)| path);
    gets.flat_map(|path| std::iter::once(path.clone()).chain(runs.iter().map(move |run| format!("{path}?runId={run}"))))
        .collect()
}

/// The pages of this server that a page leads to.
fn links(page: &str) -> impl Iterator<Item = String> {
    let targets = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let ours = targets.filter(|target| target.starts_with('/') && !target.starts_with("//"));
    ours.map(|target| target.split('#').next().unwrap_or_default().replace("&amp;", "&"))
        .collect::<Vec<_>>()
        .into_iter()
}
