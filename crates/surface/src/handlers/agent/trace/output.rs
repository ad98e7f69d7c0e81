//! Output of `agent.trace`, as its contract spells it.

use affiant_engine::provenance::{Basis, Extent, Kind, Node, Reached, Relation, Trust};
use affiant_journal::{ApprovalId, Digest, PrincipalId, SnapshotId};

use super::{line::Looked, models::Talks, *};

/// Bytes of a label.
const LABEL: usize = 160;

/// Output of `agent.trace`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Output {
    pub(super) run_id: RunId,
    pub(super) agent: Agent,
    pub(super) focus: String,
    pub(super) nodes: Vec<NodeRow>,
    pub(super) edges: Vec<EdgeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<LineRow>,
    pub(super) contexts: Vec<ContextRow>,
    pub(super) gaps: Vec<Gap>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more: Option<usize>,
    pub(super) truncated: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) name: Arc<str>,
    pub(super) digest: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NodeRow {
    id: String,
    kind: Kind,
    label: String,
    distance: i64,
    events: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust: Option<Trust>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_id: Option<ArtifactId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal_id: Option<PrincipalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<SnapshotId>,
}

impl NodeRow {
    fn new(id: &Id, node: &Node, distance: i64) -> Self {
        let mut row = Self {
            id: id.to_string(),
            kind: node.kind,
            label: cut(&node.label, LABEL),
            distance,
            events: node.events.iter().copied().collect(),
            digest: node.digest,
            trust: node.trust,
            operation: node.operation.clone(),
            step_number: None,
            artifact_id: None,
            line: None,
            item_key: None,
            path: None,
            approval_id: None,
            principal_id: None,
            run_id: None,
            snapshot_id: None,
        };
        match id.clone() {
            Id::Step(step) => row.step_number = Some(step),
            Id::Artifact(artifact) => row.artifact_id = Some(artifact),
            Id::Line(artifact, line) => (row.artifact_id, row.line) = (Some(artifact), Some(line)),
            Id::Item(key) => row.item_key = Some(key),
            Id::Part(key, path) => (row.item_key, row.path) = (Some(key), Some(path)),
            Id::Approval(approval) => row.approval_id = Some(approval),
            Id::Person(person) => row.principal_id = Some(person),
            Id::Run(run) => row.run_id = Some(run),
            Id::StepOf(run, step) => (row.run_id, row.step_number) = (Some(run), Some(step)),
            Id::Input | Id::Answer(_) | Id::Snapshot | Id::Decision(_) | Id::Output => (),
        }
        row
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeRow {
    from: String,
    to: String,
    relation: Relation,
    basis: Basis,
    events: Vec<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reads: Option<Vec<ReadRow>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadRow {
    path: String,
    basis: Basis,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LineRow {
    pub(super) number: u64,
    pub(super) of: u64,
    pub(super) text: String,
    pub(super) truncated: bool,
    pub(super) quotes: Vec<Quote>,
    pub(super) cites: Vec<Citation>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quote {
    pub(super) node: String,
    pub(super) events: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) digest: Option<Digest>,
    pub(super) place: Place,
    pub(super) whole: bool,
    pub(super) text: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) line: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Citation {
    pub(super) cited: String,
    pub(super) found: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContextRow {
    pub(super) step_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    pub(super) events: Vec<u64>,
    pub(super) readable: bool,
    pub(super) items: Vec<ItemShown>,
    pub(super) item_count: usize,
    pub(super) results: Vec<ResultShown>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemShown {
    pub(super) key: String,
    pub(super) digest: Digest,
    pub(super) shown: Extent,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ResultShown {
    pub(super) step_number: u64,
    pub(super) operation: Arc<str>,
    pub(super) shown: Extent,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Gap {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    pub(super) text: String,
}

/// The nodes within reach, sources first.
pub(super) fn nodes(record: &Record, graph: &Graph, near: &Reached) -> Vec<NodeRow> {
    let known = |(id, far): (&Id, &i64)| Some(NodeRow::new(id, graph.nodes.get(id)?, *far));
    let mut rows: Vec<NodeRow> = near.nodes.iter().filter_map(known).collect();
    rows.sort_by(|one, other| {
        (one.distance, one.events.first(), &one.id).cmp(&(other.distance, other.events.first(), &other.id))
    });
    let snapshot = record.folded.run.snapshot.as_ref().map(|named| &named.id);
    for row in rows.iter_mut().filter(|row| row.id == "snapshot" || row.item_key.is_some()) {
        row.snapshot_id = snapshot.cloned();
    }
    rows
}

/// The edges between them.
pub(super) fn edges(graph: &Graph, near: &Reached) -> Vec<EdgeRow> {
    let there = |id: &Id| near.nodes.contains_key(id);
    let all = graph.edges.iter().filter(|((from, to, _), _)| there(from) && there(to));
    all.map(|((from, to, relation), edge)| EdgeRow {
        from: from.to_string(),
        to: to.to_string(),
        relation: *relation,
        basis: edge.basis,
        events: edge.events.iter().copied().collect(),
        reads: (!edge.reads.is_empty())
            .then(|| edge.reads.iter().map(|(path, basis)| ReadRow { path: path.clone(), basis: *basis }).collect()),
    })
    .collect()
}

/// What the record does not say.
pub(super) fn gaps(
    record: &Record,
    graph: &Graph,
    near: &Reached,
    contexts: &[ContextRow],
    line: Option<&Looked>,
    talks: &Talks,
) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut say = |node: Option<String>, text: String| gaps.push(Gap { node, text });
    if let Some((from, to)) = record.part {
        say(None, format!("The run is long: of its events only #0 and #{from} to #{} were read.", to - 1));
    }
    if record.agent.is_none() {
        let text = "The agent that the run pinned is not loaded here, so only what events say of its rules is shown, not \
                    what their text reads.";
        say(None, text.to_owned());
    }
    for (id, _) in near.nodes.iter().filter(|(_, far)| line.is_some() && **far <= 0) {
        if let Some(text) = inside(record, graph, id) {
            say(Some(id.to_string()), text);
        }
    }
    for context in contexts.iter().filter(|context| !context.readable) {
        let (id, step) = (Id::Step(context.step_number), context.step_number);
        say(Some(id.to_string()), format!("What the model of step {step} was told {}.", record.because_closed()));
    }
    if let Some(looked) = line {
        looked.gaps(record, talks, &mut say);
    }
    gaps.sort_by(|one, other| one.node.cmp(&other.node));
    gaps.dedup_by(|one, other| one.text == other.text);
    gaps
}

/// What nobody recorded of the inside of a step.
fn inside(record: &Record, graph: &Graph, id: &Id) -> Option<String> {
    let (Id::Step(step), Some(node)) = (id, graph.nodes.get(id)) else { return None };
    if node.kind == Kind::Model {
        let known = format!("What the model of step {step} was shown and what it answered is recorded");
        return Some(format!("{known}; which of it the answer rests on is not."));
    }
    let tool = node.operation.as_deref().unwrap_or_default();
    let gave = uses(graph, id) && result_of(&record.events, *step).is_some();
    let what = format!("Nothing recorded which part of what step {step} ({tool}) was given");
    gave.then(|| format!("{what} became which part of its result."))
}

/// Whether a step's decision took something in that the record names.
fn uses(graph: &Graph, step: &Id) -> bool {
    let informed =
        graph.edges.keys().filter(|(from, _, relation)| from == step && *relation == Relation::WasInformedBy);
    informed
        .map(|(_, to, _)| to)
        .any(|by| graph.edges.keys().any(|(from, _, relation)| from == by && *relation == Relation::Used))
}
