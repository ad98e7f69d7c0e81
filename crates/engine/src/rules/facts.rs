//! What rules know about a run. Kept up to date event by event: what one costs does not grow with the run.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use affiant_journal::{Digest, SnapshotRef, placeholder};
use cel::{
    common::{
        types::{CelInt, CelList, CelMap, CelMapKey, CelNull, CelString},
        value::{CowVal, Val},
    },
    context::VariableResolver,
};
use serde_json::Value;

use super::{
    reads::Read,
    values::{self, Fact, brief, by_digest, from_json, from_text},
};

/// The names of the facts.
pub const NAMES: &[&str] = &["answers", "artifacts", "count", "input", "last", "prompt", "run", "snapshot", "steps"];

/// The items of a snapshot as rules see them, shared by all runs that read it.
pub type SharedFact = Arc<dyn Val>;

/// What rules know about a run.
#[derive(Debug)]
pub struct Facts {
    uses: Uses,
    input: Fact,
    prompt: Fact,
    run: Fact,
    snapshot: SharedFact,
    steps: CelMap<'static>,
    last: Fact,
    count: CelInt,
    artifacts: CelMap<'static>,
    answers: CelMap<'static>,
    kept: BTreeMap<String, Digest>,
    failures: Vec<Option<Arc<str>>>,
    guards: BTreeMap<String, Guard>,
    digests: Digests,
}

/// What stands among the facts of a decision for a value that must not stand there.
#[derive(Clone, Copy, Debug)]
pub enum Guard {
    /// The commitment that holds the value.
    Committed(Digest),
    /// Digest of the payload as it is recorded, personal fields hidden.
    Recorded(Digest),
}

/// Which facts an agent reads at all; the others are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Steps by name; none when the names are computed, so that all are needed.
    pub steps: Option<BTreeSet<String>>,
    /// The step that ended last.
    pub last: bool,
    /// The items of the snapshot.
    pub items: bool,
}

/// What begins a run.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// Id of the run.
    pub run: &'a str,
    /// Key of the agent.
    pub agent: &'a str,
    /// The input, defaults filled in.
    pub input: &'a Value,
    /// Where it is committed.
    pub input_at: Option<Digest>,
    /// The prompt.
    pub prompt: Option<&'a str>,
    /// Where it is committed.
    pub prompt_at: Option<Digest>,
}

/// How a step ended.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// Its number.
    pub step: u64,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// The operation, `key@version`.
    pub operation: &'a str,
    /// `completed`, `stubbed`, `failed`, `denied`, `rejected`, `expired`, `withdrawn`.
    pub status: &'a str,
    /// What it gave.
    pub result: Option<&'a Value>,
    /// Error code and message.
    pub error: Option<(&'a str, &'a str)>,
    /// What stands for the result among the facts of decisions, when it holds personal values.
    pub result_guard: Option<Guard>,
    /// What stands for the message.
    pub message_guard: Option<Guard>,
}

impl Facts {
    /// The facts of a run that has just begun.
    pub fn new(uses: Uses, it: &Beginning<'_>) -> Self {
        let run = [("id".to_owned(), from_text(it.run)), ("agent".to_owned(), from_text(it.agent))];
        let mut guards = BTreeMap::new();
        guards.extend(it.input_at.map(|at| ("input".to_owned(), Guard::Committed(at))));
        guards.extend(it.prompt_at.map(|at| ("prompt".to_owned(), Guard::Committed(at))));
        Self {
            uses,
            input: from_json(it.input),
            prompt: it.prompt.map_or_else(|| Box::new(CelNull) as Fact, from_text),
            run: values::map(run),
            snapshot: Arc::new(CelMap::default()),
            steps: CelMap::default(),
            last: Box::new(CelMap::default()),
            count: CelInt::from(0),
            artifacts: CelMap::default(),
            answers: CelMap::default(),
            kept: BTreeMap::new(),
            failures: Vec::new(),
            guards,
            digests: Digests::default(),
        }
    }

    /// Where prompt and input are committed: the commitments of a run's first event, in order of their paths.
    pub fn committed(&mut self, commitments: &[Digest]) {
        let has_prompt = self.prompt.downcast_ref::<CelNull>().is_none();
        let (input, prompt) = match commitments {
            [both @ .., prompt] if has_prompt => (both.first(), Some(prompt)),
            [input, ..] => (Some(input), None),
            [] => (None, None),
        };
        self.guards.extend(input.map(|at| ("input".to_owned(), Guard::Committed(*at))));
        self.guards.extend(prompt.map(|at| ("prompt".to_owned(), Guard::Committed(*at))));
    }

    /// Which facts are kept.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The run reads this snapshot.
    pub fn snapshot(&mut self, snapshot: SharedFact) {
        self.snapshot = snapshot;
    }

    /// A snapshot as rules see it.
    pub fn snapshot_fact(snapshot: &SnapshotRef, items: Fact) -> SharedFact {
        let members = [
            ("id", from_text(snapshot.id.as_str())),
            ("root", from_text(&snapshot.root.to_string())),
            ("items", items),
        ];
        let members: HashMap<CelMapKey<'static>, Fact> =
            members.into_iter().map(|(key, value)| (CelMapKey::from(key.to_owned()), value)).collect();
        Arc::new(CelMap::from(members))
    }

    /// A step was decided.
    pub fn decided(&mut self) {
        self.count = CelInt::from(self.count.inner() + 1);
        self.failures.clear();
    }

    /// A step ended.
    pub fn ended(&mut self, it: &Ended<'_>) {
        if it.result.is_none() {
            self.failures.push(it.name.clone());
        }
        if let Some(name) = it.name.as_deref().filter(|name| self.uses.reads_step(name)) {
            let fact = it.fact();
            self.guard(&format!("steps.{name}"), it);
            insert(&mut self.steps, name, fact);
        }
        if self.uses.last {
            self.guard("last", it);
            self.last = it.fact();
        }
    }

    fn guard(&mut self, place: &str, it: &Ended<'_>) {
        for (field, guard) in [("result", it.result_guard), ("error.message", it.message_guard)] {
            let place = format!("{place}.{field}");
            match guard {
                Some(guard) => self.guards.insert(place, guard),
                None => self.guards.remove(&place),
            };
        }
        self.digests.forget(place);
    }

    /// The run made an artifact.
    pub fn artifact(&mut self, id: &str, name: &str, kind: &str, digest: Digest) {
        let members = [("id", id), ("kind", kind), ("digest", &digest.to_string())];
        let fact = values::map(members.map(|(key, value)| (key.to_owned(), from_text(value))));
        insert(&mut self.artifacts, name, fact);
        self.kept.insert(name.to_owned(), digest);
        self.failures.clear();
        self.digests.forget("artifacts");
    }

    /// A question was asked.
    pub fn asked(&mut self) {
        self.failures.clear();
    }

    /// A question was answered.
    pub fn answered(&mut self, name: &str, answer: &Value, at: Option<Digest>) {
        insert(&mut self.answers, name, from_json(answer));
        self.guards.extend(at.map(|at| (format!("answers.{name}"), Guard::Committed(at))));
        self.digests.forget("answers");
    }

    /// The digest of the newest artifact of this name.
    pub fn kept(&self, name: &str) -> Option<Digest> {
        self.kept.get(name).copied()
    }

    /// The names of the steps that ended without a result and that no decision has followed.
    pub fn failures(&self) -> &[Option<Arc<str>>] {
        &self.failures
    }

    /// A fact as it stands in the record of a decision that read it.
    pub fn told(&self, read: &Read) -> Value {
        if read.presence {
            return Value::Bool(self.find(&read.path).is_some());
        }
        let path = read.path.join(".");
        if let Some(guard) = self.guard_of(&path) {
            return match guard {
                Guard::Committed(commitment) => placeholder(commitment),
                Guard::Recorded(digest) => by_digest(digest),
            };
        }
        match self.find(&read.path) {
            None => Value::Null,
            Some(value) if self.holds_guarded(&path) => size(value),
            Some(value) => self.digests.remember(path, || brief(value)),
        }
    }

    /// The guard of a path or of what it stands in.
    fn guard_of(&self, path: &str) -> Option<Guard> {
        let mut ends = path.match_indices('.').map(|(at, _)| at).chain([path.len()]);
        ends.find(|&end| self.guards.contains_key(&path[..end])).map(|end| self.guards[&path[..end]])
    }

    /// Whether something below a path is guarded.
    fn holds_guarded(&self, path: &str) -> bool {
        let below = format!("{path}.");
        self.guards.range(below.clone()..).next().is_some_and(|(guarded, _)| guarded.starts_with(&below))
    }

    fn find(&self, path: &[String]) -> Option<&dyn Val> {
        let (root, fields) = path.split_first()?;
        let mut value: &dyn Val = self.fact(root)?;
        for field in fields {
            let members = value.downcast_ref::<CelMap>()?;
            value = &**members.inner().get(&CelMapKey::from(field.clone()))?;
        }
        Some(value)
    }

    fn fact(&self, name: &str) -> Option<&dyn Val> {
        Some(match name {
            "input" => &*self.input,
            "prompt" => &*self.prompt,
            "run" => &*self.run,
            "snapshot" => &*self.snapshot,
            "steps" => &self.steps,
            "last" => &*self.last,
            "count" => &self.count,
            "artifacts" => &self.artifacts,
            "answers" => &self.answers,
            _ => return None,
        })
    }
}

/// Digests of large facts, so that a decision does not hash again what has not changed.
#[derive(Debug, Default)]
struct Digests(Mutex<HashMap<String, Value>>);

impl Digests {
    fn remember(&self, path: String, tell: impl FnOnce() -> Value) -> Value {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = known.get(&path) {
            return told.clone();
        }
        let told = tell();
        if told.is_object() {
            known.insert(path, told.clone());
        }
        told
    }

    /// Forgets what stands at, below or above a place.
    fn forget(&mut self, place: &str) {
        let known = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        known.retain(|path, _| !path.starts_with(place) && !place.starts_with(path.as_str()));
    }
}

impl VariableResolver for Facts {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        self.fact(variable).map(CowVal::Borrowed)
    }
}

impl Uses {
    /// Whether the rules may read the step of this name.
    pub fn reads_step(&self, name: &str) -> bool {
        self.steps.as_ref().is_none_or(|names| names.contains(name))
    }
}

impl Ended<'_> {
    fn fact(&self) -> Fact {
        let step = i64::try_from(self.step).unwrap_or(i64::MAX);
        let mut members = vec![
            ("step".to_owned(), Box::new(CelInt::from(step)) as Fact),
            ("operation".to_owned(), from_text(self.operation)),
            ("status".to_owned(), from_text(self.status)),
        ];
        members.extend(self.name.as_deref().map(|name| ("name".to_owned(), from_text(name))));
        members.extend(self.result.map(|result| ("result".to_owned(), from_json(result))));
        members.extend(self.error.map(|(code, message)| {
            let error = [("code".to_owned(), from_text(code)), ("message".to_owned(), from_text(message))];
            ("error".to_owned(), values::map(error))
        }));
        values::map(members)
    }
}

/// How many things a value holds.
fn size(value: &dyn Val) -> Value {
    let size = if let Some(members) = value.downcast_ref::<CelMap>() {
        members.inner().len()
    } else if let Some(items) = value.downcast_ref::<CelList>() {
        items.inner().len()
    } else {
        value.downcast_ref::<CelString>().map_or(1, |text| text.inner().len())
    };
    serde_json::json!({ "size": size })
}

fn insert(map: &mut CelMap<'static>, key: &str, value: Fact) {
    let mut members = std::mem::take(map).into_inner();
    members.insert(CelMapKey::from(key.to_owned()), value);
    *map = CelMap::from(members);
}
