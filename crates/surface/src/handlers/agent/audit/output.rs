//! Input and output of `agent.audit`, as its contract spells them.

use super::*;

/// Input of `agent.audit`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Input {
    pub(super) run_id: RunId,
    pub(super) steps_after: Option<i64>,
    pub(super) step_limit: Option<u64>,
    pub(super) overview: Option<u64>,
    #[serde(default)]
    pub(super) given: bool,
    pub(super) max_bytes: Option<u64>,
}

/// Output of `agent.audit`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Output {
    pub(super) run_id: RunId,
    pub(super) agent: Agent,
    pub(super) planner: PlannerWords,
    pub(super) status: String,
    pub(super) mode: Mode,
    pub(super) started_by: StartedBy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_run_id: Option<RunId>,
    pub(super) submitted_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<ContextRead>,
    pub(super) contracts: Vec<Held>,
    pub(super) steps: Vec<StepRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_steps_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) overview: Option<Vec<PartRow>>,
    pub(super) tools: Vec<ToolRow>,
    pub(super) approvals: Vec<ApprovalRow>,
    pub(super) outputs: Vec<OutputRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<Given>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cut: Option<Vec<Cut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<Value>,
    pub(super) totals: TotalsRow,
    pub(super) record: Record,
}

/// What a run was given.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Given {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) key: String,
    pub(super) version: String,
    pub(super) digest: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StartedBy {
    pub(super) id: PrincipalId,
    pub(super) kind: ActorKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth: Option<Arc<str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ContextRead {
    pub(super) snapshot_id: SnapshotId,
    pub(super) hash: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pack_key: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pack_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item_count: Option<usize>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    pub(super) contract: Arc<str>,
    pub(super) digest: Digest,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StepRow {
    pub(super) step_number: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    pub(super) operation: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<Arc<str>>,
    pub(super) decision: Decision,
    pub(super) status: String,
    pub(super) attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) action_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approval_id: Option<ApprovalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) started_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_micros: Option<u64>,
    pub(super) events: Vec<u64>,
}

/// Some steps that follow one another, with what somebody must know of them.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PartRow {
    pub(super) first_step: u64,
    pub(super) steps: u64,
    pub(super) changed: u64,
    pub(super) asked: u64,
    pub(super) waiting: u64,
    pub(super) failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_trouble: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolRow {
    pub(super) operation: Arc<str>,
    pub(super) calls: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
}

impl ToolRow {
    pub(super) fn new(operation: &Arc<str>) -> Self {
        Self { operation: operation.clone(), calls: 0, failed: 0, refused: 0 }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ApprovalRow {
    pub(super) approval_id: ApprovalId,
    pub(super) step_number: u64,
    pub(super) operation: Arc<str>,
    pub(super) action_digest: Digest,
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approver: Option<PrincipalId>,
    pub(super) requested_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resolved_at: Option<Moment>,
    pub(super) events: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OutputRow {
    pub(super) artifact_id: ArtifactId,
    pub(super) kind: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cites: Option<Vec<String>>,
    pub(super) events: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TotalsRow {
    pub(super) events: u64,
    pub(super) steps: u64,
    pub(super) tool_calls: u64,
    pub(super) model_calls: u64,
    pub(super) tokens: u64,
    pub(super) cost: String,
    pub(super) currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prices: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unpriced_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) duration_micros: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Record {
    pub(super) level: String,
    pub(super) last_seq: u64,
    pub(super) head: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) broken_at: Option<u64>,
}
