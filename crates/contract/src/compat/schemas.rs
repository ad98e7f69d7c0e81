//! One schema against its successor: what is proven, what a witness shows, and what is merely likely.

use jsonschema::{
    Draft, PatternOptions,
    canonical::{CanonicalSchema, Containment},
};
use serde_json::Value;

use crate::{
    model::{Kind, Schema},
    schema::visit,
    validate::{Checker, Issue},
    yaml::join,
};

use super::{
    Change, Shape,
    losses::{Loss, Lost, Roots, Step, losses},
    sample, say,
};

/// Whether a value goes into the system or comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    In,
    Out,
}

/// One schema of a contract.
#[derive(Clone, Copy)]
struct Part {
    flow: Flow,
    /// The field of the contract file.
    name: &'static str,
}

pub(super) fn compare(old: &Shape, new: &Shape, changes: &mut Vec<Change>) {
    let input = Part { flow: Flow::In, name: if new.kind == Kind::ContextPack { "parameters" } else { "input" } };
    let output = Part { flow: Flow::Out, name: if new.kind == Kind::Event { "payload" } else { "output" } };
    // A part that is not there takes nothing and says nothing.
    let nothing = serde_json::json!({ "type": "object", "additionalProperties": false });
    let or_nothing = |schema: &Option<Schema>| schema.clone().unwrap_or_else(|| nothing.clone());
    if old.input.is_some() || new.input.is_some() {
        let (before, after) = (or_nothing(&old.input), or_nothing(&new.input));
        part(input, &before, &after, changes);
        defaults(input, &before, &after, changes);
    }
    match (&old.output, &new.output) {
        (Some(before), Some(after)) => part(output, before, after, changes),
        (Some(before), None) => part(output, before, &Value::Bool(true), changes),
        (None, Some(_)) | (None, None) => {}
    }
}

fn part(part: Part, old: &Schema, new: &Schema, changes: &mut Vec<Change>) {
    if old == new {
        return;
    }
    let before = changes.len();
    let opened = open(old);
    let breaking = match part.flow {
        Flow::In => Roots { from: old, to: new },
        Flow::Out => Roots { from: new, to: &opened },
    };
    changes.extend(broken(breaking).into_iter().map(|(loss, witness)| breaks(part, &loss, witness)));
    let widened = match part.flow {
        Flow::In => Roots { from: new, to: old },
        Flow::Out => Roots { from: old, to: new },
    };
    changes.extend(gained(part, widened));
    if part.flow == Flow::Out {
        let added = Roots { from: new, to: old };
        changes.extend(losses(added).iter().filter_map(|loss| unknown_to_readers(part, loss)));
    }
    // What is only written differently is no change; what cannot be told apart from more is called more.
    let more = !losses(widened).is_empty() && covers(widened) != Some(Containment::Yes);
    if changes.len() == before && more {
        changes.push(addition(part, &whole()));
    }
}

fn whole() -> Loss {
    Loss { steps: Vec::new(), pointer: String::new(), what: Lost::Other("schema".into()) }
}

/// A whole value that shows a loss, with what the schema that refuses says about it.
type Witness = Option<(Value, Issue)>;

/// Two schemas, compiled once for all the values that are tried.
struct Sides<'a> {
    roots: Roots<'a>,
    from: Checker,
    to: Checker,
}

impl<'a> Sides<'a> {
    fn new(roots: Roots<'a>) -> Self {
        Self { roots, from: Checker::new(roots.from, []), to: Checker::new(roots.to, []) }
    }

    /// Whether one accepts the value and the other refuses it.
    fn shows(&self, value: &Value) -> bool {
        self.from.accepts(value) == Some(true) && self.to.accepts(value) == Some(false)
    }

    /// A whole value that `from` accepts and `to` refuses because of this loss, with what `to` says about it.
    fn witness(&self, loss: &Loss) -> Option<(Value, Issue)> {
        let from = self.roots.from;
        let refusing = self.roots.to.pointer(&loss.pointer).map(sample::mentioned).unwrap_or_default();
        sample::candidates(from, at(from, &loss.steps), &loss.what)
            .into_iter()
            .chain(refusing)
            .filter_map(|part| sample::with(from, from, &loss.steps, &part))
            .filter(|value| self.shows(value))
            .find_map(|value| {
                let issue = self.issue(&value, loss)?;
                Some((value, issue))
            })
    }

    /// What `to` says about a value where the loss is; `None` when it is refused only for other reasons.
    fn issue(&self, value: &Value, loss: &Loss) -> Option<Issue> {
        let issues = self.to.check(self.roots.to, value).err()?;
        let name = match &loss.what {
            Lost::Field(name) | Lost::Without(name) => Some(Step::Field(name.clone())),
            _ => None,
        };
        let named: Vec<Step> = loss.steps.iter().cloned().chain(name).collect();
        let concerning = |steps: &[Step]| issues.iter().find(|issue| leads_to(&issue.path, steps)).cloned();
        concerning(&named).or_else(|| concerning(&loss.steps))
    }
}

/// Whether a JSON pointer into a value begins with these steps.
fn leads_to(pointer: &str, steps: &[Step]) -> bool {
    let mut segments = pointer.split('/').skip(1);
    steps.iter().all(|step| match (step, segments.next()) {
        (Step::Field(name), Some(segment)) => *name == segment.replace("~1", "/").replace("~0", "~"),
        (Step::Item, Some(segment)) => segment.bytes().all(|byte| byte.is_ascii_digit()),
        (_, None) => false,
    })
}

/// What is accepted by `from` and refused by `to`, with a value that shows it where one was found.
fn broken(roots: Roots<'_>) -> Vec<(Loss, Witness)> {
    let covered = covers(roots);
    if covered == Some(Containment::Yes) {
        return Vec::new();
    }
    let sides = Sides::new(roots);
    let shown = |loss: Loss| (sides.witness(&loss), loss);
    let found: Vec<_> = losses(roots).into_iter().map(shown).map(|(witness, loss)| (loss, witness)).collect();
    let proven = found.iter().any(|(_, witness)| witness.is_some());
    if proven {
        return found.into_iter().filter(|(_, witness)| witness.is_some()).collect();
    }
    if let Some(value) = sample::variety(roots.from, roots.from).into_iter().find(|value| sides.shows(value)) {
        let issue = sides.issue(&value, &whole());
        return vec![(whole(), issue.map(|issue| (value, issue)))];
    }
    match covered {
        Some(Containment::No) if found.is_empty() => vec![(whole(), None)],
        _ => found,
    }
}

/// Whether the schema library can prove that `to` accepts whatever `from` accepts.
fn covers(roots: Roots<'_>) -> Option<Containment> {
    let from = canonical(roots.from)?;
    canonical(roots.to)?.covers(&from).ok()
}

fn canonical(schema: &Schema) -> Option<CanonicalSchema> {
    jsonschema::canonical::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .offline()
        .canonicalize(schema)
        .ok()
}

/// The schema at the end of the way.
fn at<'a>(root: &'a Schema, steps: &[Step]) -> &'a Schema {
    static ANYTHING: Value = Value::Bool(true);
    steps.iter().fold(crate::schema::resolve(root, root), |schema, step| {
        let inner = match step {
            Step::Field(name) => sample::field(schema, name),
            Step::Item => schema.get("items"),
        };
        crate::schema::resolve(root, inner.unwrap_or(&ANYTHING))
    })
}

/// An output as its readers take it: fields that they do not know are ignored.
fn open(schema: &Schema) -> Schema {
    let mut closed = Vec::new();
    visit(schema, "", &mut |pointer, inner| {
        if inner.get("additionalProperties") == Some(&Value::Bool(false)) {
            closed.push(pointer.to_owned());
        }
    });
    let mut opened = schema.clone();
    for pointer in closed {
        if let Some(keywords) = opened.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            keywords.shift_remove("additionalProperties");
        }
    }
    opened
}

fn breaks(part: Part, loss: &Loss, witness: Witness) -> Change {
    let why = match (&witness, part.flow) {
        (Some((_, issue)), Flow::In) => format!("an input that was accepted is refused now: {}", say::issue(issue)),
        (Some((_, issue)), Flow::Out) => format!("readers of the old contract do not expect it: {}", say::issue(issue)),
        (None, _) => "no value was found that shows it, and nothing proves that there is none".to_owned(),
    };
    let witness = witness.map(|(value, _)| value);
    let what = match part.flow {
        Flow::In => say::refused(&loss.what),
        Flow::Out => say::unexpected(&loss.what),
    };
    Change {
        path: path(part, loss),
        what,
        breaking: true,
        witness,
        why,
        pointer: format!("/{}{}", part.name, loss.pointer),
    }
}

/// What callers gain: values that are accepted now, or that they need not expect any more.
fn gained(part: Part, roots: Roots<'_>) -> Vec<Change> {
    if covers(roots) == Some(Containment::Yes) {
        return Vec::new();
    }
    let sides = Sides::new(roots);
    let certain = losses(roots).into_iter().filter(|loss| sides.witness(loss).is_some());
    certain.map(|loss| addition(part, &loss)).collect()
}

fn addition(part: Part, loss: &Loss) -> Change {
    let (what, why) = match part.flow {
        Flow::In => (say::accepted(&loss.what), "every input that was accepted is accepted still"),
        Flow::Out => (say::no_longer(&loss.what), "readers of the old contract expect no less"),
    };
    let pointer = format!("/{}{}", part.name, loss.pointer);
    Change { path: path(part, loss), what, breaking: false, witness: None, why: why.to_owned(), pointer }
}

/// A field of an output that old readers do not know.
fn unknown_to_readers(part: Part, loss: &Loss) -> Option<Change> {
    let Lost::Field(name) = &loss.what else { return None };
    let why = "readers ignore fields that they do not know".to_owned();
    Some(Change { what: format!("`{name}` is new"), why, ..addition(part, loss) })
}

fn path(part: Part, loss: &Loss) -> String {
    loss.steps.iter().fold(part.name.to_owned(), |path, step| match step {
        Step::Field(name) => format!("{path}.{name}"),
        Step::Item => format!("{path}[]"),
    })
}

/// A field that is left out means something else when its default changes.
fn defaults(part: Part, old: &Schema, new: &Schema, changes: &mut Vec<Change>) {
    let mut before = Vec::new();
    visit(old, "", &mut |pointer, schema| {
        before.extend(schema.get("default").map(|value| (pointer.to_owned(), value)))
    });
    for (pointer, value) in before {
        let Some(after) = new.pointer(&pointer) else { continue };
        let now = after.get("default");
        if now == Some(value) {
            continue;
        }
        let what = match now {
            Some(now) => format!("means `{now}` when it is left out, and meant `{value}`"),
            None => format!("meant `{value}` when it was left out, and means nothing now"),
        };
        let field = pointer.split("/properties/").skip(1).collect::<Vec<_>>().join(".");
        changes.push(Change {
            path: format!("{}.{field}", part.name),
            what,
            breaking: true,
            witness: None,
            why: "the same call does something else".into(),
            pointer: join(&format!("/{}{pointer}", part.name), "default"),
        });
    }
}
