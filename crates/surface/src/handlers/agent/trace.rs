//! `agent.trace`: where an artifact, a line of it, a step or the end of a run came from.

use std::sync::Arc;

use affiant_engine::provenance::{Graph, Id, Known, Near, derive};
use affiant_journal::{ArtifactId, Body, Event, RunId};
use serde::{Deserialize, Serialize};

use crate::{
    gateway::{Context, Handlers},
    handlers::services::Services,
    problem::Refusal,
};

mod content;
mod finding;
mod line;
mod models;
mod output;
mod read;
mod search;

use line::Line;
use output::*;
use read::Record;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let services = services.clone();
    Handlers::new().on("agent.trace", "^1", move |context, input| trace(services.clone(), context, input))
}

/// Input of `agent.trace`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    run_id: RunId,
    artifact_id: Option<String>,
    line: Option<u64>,
    step_number: Option<u64>,
    depth: Option<u64>,
    limit: Option<usize>,
}

/// Where a trace begins.
enum Focus {
    Step(u64),
    Artifact(ArtifactId, Option<u64>),
    End,
}

impl Input {
    fn focus(&self) -> Result<Focus, Refusal> {
        match (&self.artifact_id, self.step_number, self.line) {
            (Some(_), Some(_), _) => {
                Err(Refusal::invalid_field("/stepNumber", "exclusive", "must not stand together with `artifactId`"))
            }
            (None, _, Some(_)) => Err(Refusal::invalid_field("/line", "needs", "needs `artifactId`")),
            (Some(artifact), None, line) => Ok(Focus::Artifact(ArtifactId::from(artifact.as_str()), line)),
            (None, Some(step), None) => Ok(Focus::Step(step)),
            (None, None, None) => Ok(Focus::End),
        }
    }
}

async fn trace(services: Arc<Services>, context: Context, input: Input) -> Result<Output, Refusal> {
    let focus = input.focus()?;
    let record = Record::read(&services, &context.who, &input.run_id, &focus).await?;
    let talks = models::talks(&services, &record).await?;
    let mut graph = derive(&Known {
        events: &record.events,
        agent: record.agent.as_deref(),
        snapshot: record.snapshot.as_ref(),
        shown: &talks.shown(&record),
    });
    let (at, line) = match &focus {
        Focus::Step(step) => (Id::Step(*step), None),
        Focus::Artifact(artifact, None) => (Id::Artifact(artifact.clone()), None),
        Focus::Artifact(artifact, Some(number)) => {
            let line = Line::read(&services, &context, artifact, *number).await?;
            let found = line.look(&services, &record, &mut graph).await?;
            (Id::Line(artifact.clone(), *number), Some(found))
        }
        Focus::End => (end(&graph), None),
    };
    let depth = input.depth.unwrap_or(2);
    let back = matches!(focus, Focus::Step(_)).then_some(depth);
    let near = graph.near(&at, Near { back, forward: depth, most: input.limit.unwrap_or(MOST) });
    let contexts = talks.contexts(&record, &near);
    let gaps = gaps(&record, &graph, &near, &contexts, line.as_ref(), &talks);
    let pinned = &record.folded.run.submitted.agent;
    Ok(Output {
        run_id: input.run_id,
        agent: Agent { name: pinned.name.clone(), digest: pinned.digest },
        focus: at.to_string(),
        nodes: nodes(&record, &graph, &near),
        edges: edges(&graph, &near),
        line: line.map(|it| it.row),
        contexts,
        gaps,
        more: Some(near.more).filter(|more| *more > 0),
        truncated: near.more > 0,
    })
}

/// The most nodes when the caller does not say.
const MOST: usize = 60;

/// Where a run stands: its end, or while it has none the newest thing it made or did.
fn end(graph: &Graph) -> Id {
    if graph.nodes.contains_key(&Id::Output) {
        return Id::Output;
    }
    let newest = graph.nodes.iter().filter(|(id, _)| matches!(id, Id::Step(_) | Id::Artifact(_)));
    let newest = newest.max_by_key(|(id, node)| (node.events.first().copied(), matches!(id, Id::Artifact(_))));
    newest.map_or(Id::Input, |(id, _)| id.clone())
}

/// The step that an event is about, where it ended with a result.
fn result_of(events: &[Event], step: u64) -> Option<(u64, &affiant_journal::StepObserved)> {
    events.iter().rev().find_map(|event| match &event.body {
        Body::StepObserved(it) if it.step == step => Some((event.seq, it)),
        _ => None,
    })
}

/// Text cut to so many bytes, at a character.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(most)]) }
}

#[cfg(test)]
mod tests;
