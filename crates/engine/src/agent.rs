//! An agent with everything a run of it needs, compiled once and shared by all its runs.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use affiant_contract::{
    Agent, ApprovalRule, BoundOperation, CompiledSchema, Contract, FieldClass, Hints, Issue, ModelPlanner, Pick, Ref,
    Registry, ToolUse,
};
use affiant_journal::{Digest, Mode, Pinned};
use serde_json::{Map, Value};

use crate::{
    model::{self, Abilities},
    rules::{self, Compiled, NotCompiled, Template, Uses},
};

/// Wait for a tool that says nothing of its own.
const TOOL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an approval may wait when the agent says nothing.
const APPROVAL_EXPIRES: Duration = Duration::from_secs(3600);
/// The operation of the step that reads an agent's packs.
pub const PACK_OPERATION: &str = "context.pack.snapshot";

/// An agent that is ready to run.
#[derive(Debug)]
pub struct ReadyAgent {
    /// Its contract.
    pub contract: Arc<Contract>,
    /// Its name and digest, as events say them.
    pub pinned: Pinned,
    /// Its rules; none where a model decides.
    pub rules: Compiled,
    /// How a model decides, where one does.
    pub(crate) model: Option<ReadyModel>,
    /// The operations and agents it may use.
    pub tools: Vec<ReadyTool>,
    /// The operation that reads its packs, when it has some.
    pub pack: Option<Pinned>,
    /// What a run must give.
    pub(crate) output: Option<CompiledSchema>,
    input: CompiledSchema,
}

/// How a model decides, compiled once.
#[derive(Debug)]
pub(crate) struct ReadyModel {
    pub(crate) planner: ModelPlanner,
    pub(crate) instructions: Template,
    /// Names of models in the order in which they are asked.
    pub(crate) models: Vec<Template>,
    pub(crate) abilities: Abilities,
    /// The operation that asks models.
    pub(crate) call: Ref,
    /// Bytes of what is offered in every request.
    pub(crate) fixed: u64,
}

/// An operation that an agent may use.
#[derive(Debug)]
pub struct ReadyTool {
    /// On which terms.
    pub terms: ToolUse,
    /// The operation.
    pub bound: Arc<BoundOperation>,
    /// Its name and digest.
    pub pinned: Pinned,
    /// Which of its fields may not stand in events.
    pub hidden: Hidden,
    /// The agent that it has run, where it is one.
    pub called: Option<Arc<Contract>>,
}

/// Fields that may not stand in events, as JSON pointers.
#[derive(Debug, Default)]
pub struct Hidden {
    /// Replaced by commitments.
    pub committed: Vec<String>,
    /// Not kept at all.
    pub dropped: Vec<String>,
}

/// Why an agent cannot run here.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// Its rules cannot be used.
    #[error("the rules of {agent} cannot be used: {}", .wrong.first().map(ToString::to_string).unwrap_or_default())]
    Rules {
        /// The agent.
        agent: Ref,
        /// What is wrong.
        wrong: Vec<NotCompiled>,
    },
    /// It names an operation that is not loaded.
    #[error("{agent} uses {operation}, which is not loaded")]
    Operation {
        /// The agent.
        agent: Ref,
        /// The operation.
        operation: Ref,
    },
    /// A model decides, and the operation that asks models is not loaded.
    #[error("a model decides in {0}, and no {op} is loaded", op = model::OPERATION)]
    NoModelCall(Ref),
    /// It lists the operation that asks models among its tools. Only the planner `model` asks, where the conversation is
    /// kept and the call is paid for.
    #[error("{0} lists {op} among its tools; only the planner `model` calls it", op = model::OPERATION)]
    ModelCallAsTool(Ref),
    /// Its instructions cannot be used.
    #[error("the instructions of {agent} cannot be used: {because}")]
    Instructions {
        /// The agent.
        agent: Ref,
        /// What is wrong.
        because: String,
    },
    /// The contract is no agent.
    #[error("{0} is not an agent")]
    NotAnAgent(Ref),
}

/// Name and digest of a contract, as events say them.
pub fn pinned(contract: &Contract) -> Pinned {
    let digest = contract.source.digest.parse().unwrap_or_else(|_| Digest::of(contract.source.text.as_bytes()));
    Pinned { digest, name: contract.reference().to_string().into() }
}

impl ReadyAgent {
    /// Compiles an agent.
    pub fn new(contract: Arc<Contract>, registry: &Registry) -> Result<Self, NotReady> {
        Self::asking(contract, registry, None)
    }

    /// Compiles an agent that asks models by this version of the operation, the newest where none is named.
    pub(crate) fn asking(contract: Arc<Contract>, registry: &Registry, call: Option<&Ref>) -> Result<Self, NotReady> {
        let reference = contract.reference();
        let agent = contract.agent().ok_or_else(|| NotReady::NotAnAgent(reference.clone()))?;
        let rules = Compiled::new(agent).map_err(|wrong| NotReady::Rules { agent: reference.clone(), wrong })?;
        if agent.tools.iter().any(|terms| &*terms.operation.key == model::OPERATION) {
            return Err(NotReady::ModelCallAsTool(reference));
        }
        let tools = agent.tools.iter().map(|terms| {
            let missing = || NotReady::Operation { agent: reference.clone(), operation: terms.operation.clone() };
            registry.tool_at(&terms.operation).map(|bound| ReadyTool::new(terms, bound, registry)).ok_or_else(missing)
        });
        let pack = (!agent.packs.is_empty()).then(|| pack_operation(registry));
        let mut tools: Vec<ReadyTool> = tools.collect::<Result<_, _>>()?;
        let model =
            agent.planner.model().map(|planner| ReadyModel::new(planner, &mut tools, &reference, registry, call));
        Ok(Self {
            tools,
            model: model.transpose()?,
            output: agent.output.clone().map(CompiledSchema::new),
            pinned: pinned(&contract),
            input: CompiledSchema::new(agent.input.clone()),
            rules,
            pack,
            contract,
        })
    }

    /// What the contract says.
    pub fn agent(&self) -> &Agent {
        self.contract.agent().expect("`new` takes nothing but agents")
    }

    /// Version of its planner's meaning.
    pub(crate) fn planner_version(&self) -> u64 {
        if self.model.is_some() { model::VERSION } else { rules::VERSION }
    }

    /// The facts that its planner reads.
    pub(crate) fn uses(&self) -> Uses {
        match self.model {
            Some(_) => Uses { steps: Some(BTreeSet::new()), last: false, items: true },
            None => self.rules.uses().clone(),
        }
    }

    /// Its key and how many runs of it one tenant may have at work, when that is limited.
    pub fn limit(&self) -> Option<(Arc<str>, u32)> {
        Some((self.contract.meta.key.clone(), self.agent().limits.concurrency?))
    }

    /// The tool for an operation.
    pub fn tool(&self, operation: &Ref) -> Option<&ReadyTool> {
        self.tools.iter().find(|tool| tool.terms.operation == *operation)
    }

    /// The tool for an operation by the name in events.
    pub fn tool_named(&self, name: &str) -> Option<&ReadyTool> {
        self.tools.iter().find(|tool| &*tool.pinned.name == name)
    }

    /// Every operation that a run of the agent may use, pinned.
    pub fn operations(&self) -> Vec<Pinned> {
        self.pack.iter().cloned().chain(self.tools.iter().map(|tool| tool.pinned.clone())).collect()
    }

    /// An input with the defaults of the schema filled in, if it satisfies the schema.
    pub fn input(&self, given: Option<&Value>) -> Result<Value, Vec<Issue>> {
        let input = self.with_defaults(given);
        self.input.check(&input).map(|()| input)
    }

    /// An input with the defaults of the schema filled in, also inside of what was given.
    pub fn with_defaults(&self, given: Option<&Value>) -> Value {
        let mut input = given.cloned().unwrap_or_else(|| Value::Object(Map::new()));
        fill(&self.agent().input, &mut input);
        input
    }
}

/// Fills in the defaults of a schema. What was not given and has none is not made up.
fn fill(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
                match (fields.get_mut(name), property.get("default")) {
                    (Some(given), _) => fill(property, given),
                    (None, Some(default)) => drop(fields.insert(name.clone(), default.clone())),
                    (None, None) => (),
                }
            }
        }
        Value::Array(items) => {
            if let Some(of_items) = schema.get("items") {
                items.iter_mut().for_each(|item| fill(of_items, item));
            }
        }
        _ => (),
    }
}

fn pack_operation(registry: &Registry) -> Pinned {
    match registry.resolve(PACK_OPERATION, &affiant_contract::Pick::Newest) {
        Some(contract) => pinned(contract),
        None => Pinned { digest: Digest::of(b""), name: format!("{PACK_OPERATION}@1.0.0").into() },
    }
}

impl ReadyModel {
    /// Adds the operation that asks models to the agent's tools, on the planner's terms.
    fn new(
        planner: &ModelPlanner,
        tools: &mut Vec<ReadyTool>,
        agent: &Ref,
        registry: &Registry,
        call: Option<&Ref>,
    ) -> Result<Self, NotReady> {
        let wrong = |because: String| NotReady::Instructions { agent: agent.clone(), because };
        let compiled = |text: &str| Template::compile(&Value::from(text)).map_err(wrong);
        let instructions = compiled(&planner.instructions)?;
        let models = planner.model.as_slice().iter().map(|name| compiled(name)).collect::<Result<_, _>>()?;
        let missing = || NotReady::NoModelCall(agent.clone());
        let newest = || registry.resolve(model::OPERATION, &Pick::Newest).map(|it| it.reference());
        let call = call.cloned().or_else(newest).ok_or_else(missing)?;
        let bound = registry.operation_at(&call).ok_or_else(missing)?;
        let abilities = Abilities::new(tools, planner.may);
        let fixed = serde_json::to_string(&abilities.offers).map_or(0, |text| text.len() as u64);
        tools.push(ReadyTool::new(&terms(planner, &call), bound, registry));
        Ok(Self { planner: planner.clone(), instructions, models, abilities, call, fixed })
    }
}

/// The terms on which a planner's model is asked.
fn terms(planner: &ModelPlanner, call: &Ref) -> ToolUse {
    ToolUse {
        operation: call.clone(),
        approval: ApprovalRule::Never,
        approval_expires: None,
        approver_not_requester: false,
        timeout: Some(planner.timeout),
        retry: planner.retry,
        cooldown: None,
    }
}

impl ReadyTool {
    fn new(terms: &ToolUse, bound: &Arc<BoundOperation>, registry: &Registry) -> Self {
        Self {
            terms: terms.clone(),
            bound: bound.clone(),
            pinned: pinned(bound.contract()),
            hidden: Hidden::of(bound),
            called: registry.get(&terms.operation).filter(|contract| contract.agent().is_some()).cloned(),
        }
    }

    /// How long one attempt may take.
    pub fn timeout(&self) -> Duration {
        self.terms.timeout.unwrap_or(TOOL_TIMEOUT)
    }

    /// How long an approval may wait.
    pub fn approval_expires(&self) -> Duration {
        self.terms.approval_expires.unwrap_or(APPROVAL_EXPIRES)
    }

    /// Whether the step may be begun again when nobody saw its end.
    pub fn repeatable(&self) -> bool {
        let hints = self.bound.operation().hints;
        hints.read_only || hints.idempotent
    }

    /// What may be assumed of its effects in a run of this mode: the run of an agent is a dry run, where the caller's is.
    pub fn hints(&self, mode: Mode) -> Hints {
        let hints = self.bound.operation().hints;
        Hints { read_only: hints.read_only || (self.called.is_some() && mode == Mode::DryRun), ..hints }
    }

    /// What a dry run sees instead of a result: the output of the contract's first example.
    pub fn stub(&self) -> Value {
        let examples = &self.bound.operation().examples;
        examples.first().map_or_else(|| Value::Object(Map::new()), |example| Value::Object(example.output.clone()))
    }
}

impl Hidden {
    /// The hidden fields of an operation's input and output.
    pub fn of(bound: &BoundOperation) -> Self {
        let policy = &bound.operation().policy;
        let classes: HashMap<&str, FieldClass> = policy
            .pii
            .iter()
            .map(|path| (path.as_str(), FieldClass::Pii))
            .chain(policy.classes.iter().map(|(path, class)| (path.as_str(), *class)))
            .collect();
        let mut hidden = Self::default();
        for (path, class) in classes {
            match class {
                FieldClass::Pii | FieldClass::Sensitive => hidden.committed.push(pointer(path)),
                FieldClass::Secret => hidden.dropped.push(pointer(path)),
                FieldClass::Public | FieldClass::Internal => (),
            }
        }
        hidden.committed.sort();
        hidden.dropped.sort();
        hidden
    }

    /// Whether nothing is hidden.
    pub fn is_empty(&self) -> bool {
        self.committed.is_empty() && self.dropped.is_empty()
    }
}

/// A dotted path as a JSON pointer; `[]` or `*` means every element.
fn pointer(dotted: &str) -> String {
    let segments = dotted.split('.').flat_map(|segment| match segment.strip_suffix("[]") {
        Some(list) => vec![list, "*"],
        None => vec![segment],
    });
    segments.filter(|segment| !segment.is_empty()).map(|segment| format!("/{segment}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_filled_in_at_every_depth_of_what_was_given() {
        let schema = json!({ "properties": {
            "tone": { "default": "dry" },
            "mail": { "properties": { "to": {}, "copies": { "default": 0 } } },
            "lines": { "items": { "properties": { "width": { "default": 80 } } } },
        } });
        let mut input = json!({ "mail": { "to": "a" }, "lines": [{}, { "width": 9 }] });
        fill(&schema, &mut input);
        assert_eq!(
            input,
            json!({ "mail": { "to": "a", "copies": 0 }, "lines": [{ "width": 80 }, { "width": 9 }], "tone": "dry" })
        );
        let mut nothing = json!({});
        fill(&schema, &mut nothing);
        assert_eq!(nothing, json!({ "tone": "dry" }));
    }
}
