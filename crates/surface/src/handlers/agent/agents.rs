//! `agent.list` and `agent.describe`: which agents there are, and what each may do.

use std::sync::Arc;

use affiant_contract::{
    Agent, ApprovalRule, CallTool, Contract, Limits, Pick, Planner, Registry, Rule, Stability, Then, ToolUse,
};
use affiant_engine::ports::{RunQuery, Window};
use affiant_journal::{Decision, Mode};
use affiant_policy::{Ask, Principal};
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    gateway::{Context, Handlers},
    handlers::{
        services::Services,
        wire::{Moment, foreign_cursor},
    },
    problem::Refusal,
};

/// Rows in a reply when the caller does not say.
const ROWS: u64 = 50;

pub(super) fn handlers(services: &Arc<Services>) -> Handlers {
    let [for_list, for_describe] = [(); 2].map(|()| services.clone());
    Handlers::new().on("agent.list", "^1", move |context, input| list(for_list.clone(), context, input)).on(
        "agent.describe",
        "^1",
        move |context, input| std::future::ready(describe(&for_describe, &context, &input)),
    )
}

/// Input of `agent.list`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListInput {
    q: Option<String>,
    limit: Option<u64>,
    cursor: Option<String>,
}

/// Output of `agent.list`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListOutput {
    agents: Vec<Row>,
    total: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    agent_key: Arc<str>,
    agent_version: String,
    versions: Vec<String>,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<String>,
    stability: Stability,
    owners: Vec<String>,
    tags: Vec<String>,
    planner: PlannerWords,
    tools: Vec<ToolRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Counts>,
}

/// How an agent decides, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannerWords {
    kind: String,
    label: String,
}

impl PlannerWords {
    pub(super) fn of(planner: &Planner) -> Self {
        Self { kind: planner.kind().to_owned(), label: planner.label().to_owned() }
    }

    /// The words for a kind that stands in a record.
    pub(super) fn of_kind(kind: &str) -> Self {
        let label = match kind {
            "rules" => "rules, no model",
            other => other,
        };
        Self { kind: kind.to_owned(), label: label.to_owned() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ToolRow {
    operation: String,
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    approval: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_expires_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Decision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<Arc<str>>>,
}

impl ToolRow {
    fn of(registry: &Registry, tool: &ToolUse) -> Self {
        let hints = registry.tool_at(&tool.operation).map(|operation| operation.operation().hints);
        let hints = hints.unwrap_or_default();
        let approval = match tool.approval {
            ApprovalRule::Required => true,
            ApprovalRule::ByHint => hints.destructive,
            ApprovalRule::Never => false,
        };
        Self {
            operation: tool.operation.to_string(),
            read_only: hints.read_only,
            destructive: hints.destructive,
            idempotent: hints.idempotent,
            approval,
            approval_expires_seconds: tool.approval_expires.filter(|_| approval).map(|wait| wait.as_secs().max(1)),
            decision: None,
            policies: None,
        }
    }

    /// Says what the policies in force say of such a call, were this principal to start a run now.
    fn ruled(mut self, services: &Services, who: &Principal, tool: &ToolUse) -> Self {
        let Some(bound) = services.registry.tool_at(&tool.operation) else { return self };
        let (auth, hints) = (bound.operation().policy.auth, bound.operation().hints);
        let ask = Ask { tool: Some(tool), auth, hints, role: who.role, mode: Mode::Background };
        let ruling = services.engine.policies().decide(ask);
        (self.decision, self.policies) = (Some(ruling.decision), Some(ruling.policies));
        self
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Counts {
    total: u64,
    completed: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_submitted_at: Option<Moment>,
}

async fn list(services: Arc<Services>, context: Context, input: ListInput) -> Result<ListOutput, Refusal> {
    let registry = &services.registry;
    let words: Vec<String> = input.q.iter().flat_map(|q| q.split_whitespace()).map(str::to_lowercase).collect();
    let newest = |agent: &&Arc<Contract>| {
        registry.resolve(&agent.meta.key, &Pick::Newest).is_some_and(|newest| Arc::ptr_eq(newest, agent))
    };
    let found: Vec<_> = registry.agents().filter(newest).filter(|agent| says(agent, &words)).collect();
    let place = |cursor: &String| found.iter().position(|agent| cursor_of(agent) == *cursor);
    let start = match &input.cursor {
        Some(cursor) => place(cursor).ok_or_else(foreign_cursor)? + 1,
        None => 0,
    };
    let limit = usize::try_from(input.limit.unwrap_or(ROWS)).unwrap_or(usize::MAX);
    let end = start.saturating_add(limit).min(found.len());
    let mut agents = Vec::new();
    for agent in &found[start..end] {
        agents.extend(row(&services, &context, agent).await?);
    }
    let next_cursor = found[start..end].last().filter(|_| end < found.len()).map(|last| cursor_of(last));
    Ok(ListOutput { agents, total: found.len(), next_cursor })
}

fn cursor_of(agent: &Contract) -> String {
    format!("c_{}", agent.meta.key)
}

fn says(contract: &Contract, words: &[String]) -> bool {
    let meta = &contract.meta;
    let texts = [&*meta.key, &meta.title, &meta.description].map(str::to_lowercase);
    let tags = || meta.tags.iter().map(|tag| tag.to_lowercase());
    words.iter().all(|word| texts.iter().any(|text| text.contains(word)) || tags().any(|tag| tag.contains(word)))
}

async fn row(services: &Services, context: &Context, contract: &Contract) -> Result<Option<Row>, Refusal> {
    let Some(agent) = contract.agent() else { return Ok(None) };
    let registry = &services.registry;
    let meta = contract.meta.clone();
    let mut versions: Vec<_> = registry.versions(&meta.key).map(|other| other.meta.version.to_string()).collect();
    versions.reverse();
    Ok(Some(Row {
        runs: Some(counts(services, context, &meta.key).await?),
        agent_version: meta.version.to_string(),
        versions,
        agent_key: meta.key,
        title: meta.title,
        description: meta.description,
        goal: meta.goal,
        stability: meta.stability,
        owners: meta.owners,
        tags: meta.tags,
        planner: PlannerWords::of(&agent.planner),
        // How long an approval waits is told by `agent.describe` alone.
        tools: agent
            .tools
            .iter()
            .map(|tool| ToolRow { approval_expires_seconds: None, ..ToolRow::of(registry, tool) })
            .collect(),
    }))
}

async fn counts(services: &Services, context: &Context, agent: &Arc<str>) -> Result<Counts, Refusal> {
    let count = async |status: Option<&str>| {
        let window = Window { limit: 1, ..Window::default() };
        let statuses = status.into_iter().map(Arc::from).collect();
        let query = RunQuery { agent: Some(agent.clone()), statuses, window, ..RunQuery::default() };
        services.store.runs(&context.who.tenant, query).await
    };
    let all = count(None).await?;
    Ok(Counts {
        total: all.total,
        completed: count(Some("completed")).await?.total,
        failed: count(Some("failed")).await?.total,
        last_submitted_at: all.rows.first().map(|row| row.submitted_at.into()),
    })
}

/// Input of `agent.describe`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeInput {
    agent_key: String,
    version: Option<String>,
}

/// Output of `agent.describe`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeOutput {
    agent_key: Arc<str>,
    agent_version: String,
    digest: Arc<str>,
    title: String,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    stability: Stability,
    owners: Vec<String>,
    tags: Vec<String>,
    planner: PlannerWords,
    input: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<Value>,
    packs: Vec<PackRow>,
    tools: Vec<ToolRow>,
    limits: LimitsRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<Vec<RuleRow>>,
    source: Arc<str>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackRow {
    pack: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameters: Option<Map<String, Value>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LimitsRow {
    steps: u64,
    parallel: u32,
    deadline_seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
}

impl From<Limits> for LimitsRow {
    fn from(limits: Limits) -> Self {
        let Limits { steps, parallel, deadline_seconds, concurrency } = limits;
        Self { steps, parallel, deadline_seconds, concurrency }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleRow {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    when: Option<String>,
    does: String,
}

fn describe(services: &Services, context: &Context, input: &DescribeInput) -> Result<DescribeOutput, Refusal> {
    let registry = &services.registry;
    let pick = match &input.version {
        Some(version) => version
            .parse()
            .map_err(|error| Refusal::invalid_field("/version", "version", format!("must be a version: {error}")))?,
        None => Pick::Newest,
    };
    let contract = registry.resolve(&input.agent_key, &pick);
    let found = contract.and_then(|contract| Some((contract, contract.agent()?)));
    let (contract, agent) = found.ok_or_else(|| Refusal::plain("agent-not-found"))?;
    let meta = contract.meta.clone();
    let with_rulings = context.operation.contract().meta.version >= Version::new(1, 1, 0);
    let tool = |tool: &ToolUse| match ToolRow::of(registry, tool) {
        row if with_rulings => row.ruled(services, &context.who, tool),
        row => row,
    };
    Ok(DescribeOutput {
        agent_key: meta.key,
        agent_version: meta.version.to_string(),
        digest: contract.source.digest.clone(),
        title: meta.title,
        description: meta.description,
        goal: meta.goal,
        context: meta.context,
        stability: meta.stability,
        owners: meta.owners,
        tags: meta.tags,
        planner: PlannerWords::of(&agent.planner),
        input: agent.input.clone(),
        output: agent.output.clone(),
        packs: packs(agent),
        tools: agent.tools.iter().map(tool).collect(),
        limits: agent.limits.into(),
        rules: Some(rules(agent)),
        source: contract.source.text.clone(),
    })
}

fn packs(agent: &Agent) -> Vec<PackRow> {
    let row = |used: &affiant_contract::PackUse| PackRow {
        pack: used.pack.to_string(),
        parameters: Some(used.parameters.clone()).filter(|parameters| !parameters.is_empty()),
    };
    agent.packs.iter().map(row).collect()
}

fn rules(agent: &Agent) -> Vec<RuleRow> {
    let row = |rule: &Rule| RuleRow { id: rule.id.clone(), when: rule.when.clone(), does: does(&rule.then) };
    agent.planner.rules().iter().map(row).collect()
}

/// What a rule does, in a few words.
fn does(then: &Then) -> String {
    let names = |calls: &[CallTool]| calls.iter().map(|call| call.tool.key.to_string()).collect::<Vec<_>>().join(", ");
    match then {
        Then::Call(call) => match &call.label {
            Some(label) => format!("calls {}: {label}", call.tool.key),
            None => format!("calls {}", call.tool.key),
        },
        Then::Calls(calls) => format!("calls {} at once", names(calls)),
        Then::Artifact(artifact) => format!("keeps {} as a {}", artifact.name, artifact.kind),
        Then::Ask(ask) => format!("asks a person: {}", ask.question),
        Then::Finish(_) => "finishes the run".to_owned(),
        Then::Fail(fail) => format!("fails the run: {}", fail.because),
    }
}
