//! Two runs side by side: which steps they share, and in what the shared ones differ. Pure: events in, answer out.

use std::{collections::BTreeMap, sync::Arc};

use affiant_journal::{Body, Decision, Event, Payload};
use serde_json::{Value, json};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// What two runs have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The steps of both, aligned, in the order in which they were decided.
    pub steps: Vec<Aligned>,
    /// Whether both gave the same result.
    pub same_result: bool,
}

/// A step of one run beside the step of the other that stands for the same work.
#[derive(Clone, Debug, PartialEq)]
pub struct Aligned {
    /// Its number in the first run, if it is there.
    pub left: Option<u64>,
    /// Its number in the second run, if it is there.
    pub right: Option<u64>,
    /// The operation.
    pub operation: Arc<str>,
    /// In what the two differ; empty when they are the same, or when only one is there.
    pub differences: Vec<Difference>,
}

/// One thing in which two steps differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// JSON pointer into the step: `/arguments/path`, `/result`, `/decision`.
    pub path: String,
    /// In the first run; null when it is not there.
    pub left: Value,
    /// In the second.
    pub right: Value,
}

/// What a comparison looks at in one step.
struct Side {
    number: u64,
    operation: Arc<str>,
    /// What makes two steps stand for the same work: the operation, and the name that the rule gave it.
    key: String,
    content: Value,
}

/// Compares two runs by their events, each from its first.
pub fn compare(left: &[Event], right: &[Event]) -> Comparison {
    let (lefts, rights) = (sides(left), sides(right));
    let keys = |sides: &[Side]| sides.iter().map(|side| side.key.clone()).collect::<Vec<_>>();
    let ops = capture_diff_slices(Algorithm::Myers, &keys(&lefts), &keys(&rights));
    let steps = ops.iter().flat_map(|op| aligned(op, &lefts, &rights)).collect();
    Comparison { steps, same_result: result(left) == result(right) }
}

fn aligned(op: &DiffOp, lefts: &[Side], rights: &[Side]) -> Vec<Aligned> {
    let (old, new) = (&lefts[op.old_range()], &rights[op.new_range()]);
    if let DiffOp::Equal { .. } = op {
        return old.iter().zip(new).map(|(left, right)| both(left, right)).collect();
    }
    let only =
        |side: &Side| Aligned { left: None, right: None, operation: side.operation.clone(), differences: Vec::new() };
    let gone = old.iter().map(|side| Aligned { left: Some(side.number), ..only(side) });
    gone.chain(new.iter().map(|side| Aligned { right: Some(side.number), ..only(side) })).collect()
}

fn both(left: &Side, right: &Side) -> Aligned {
    let mut differences = Vec::new();
    differ("", &left.content, &right.content, &mut differences);
    Aligned { left: Some(left.number), right: Some(right.number), operation: left.operation.clone(), differences }
}

/// Walks two values together and notes where they part: at a field where both are objects, else at the whole value.
fn differ(path: &str, left: &Value, right: &Value, found: &mut Vec<Difference>) {
    let (Value::Object(lefts), Value::Object(rights)) = (left, right) else {
        if left != right {
            found.push(Difference { path: path.to_owned(), left: left.clone(), right: right.clone() });
        }
        return;
    };
    let names: std::collections::BTreeSet<&String> = lefts.keys().chain(rights.keys()).collect();
    for name in names {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        differ(&path, lefts.get(name).unwrap_or(&Value::Null), rights.get(name).unwrap_or(&Value::Null), found);
    }
}

/// The steps of a run with what came of each.
fn sides(events: &[Event]) -> Vec<Side> {
    let mut sides: BTreeMap<u64, Side> = BTreeMap::new();
    for event in events {
        match &event.body {
            Body::StepDecided(it) => {
                let named = it.name.as_deref().unwrap_or_default();
                let content = json!({
                    "arguments": shown(&it.arguments),
                    // That a result was reused is how it was got, not what it is.
                    "decision": if it.decision == Decision::Reused { Decision::Allow } else { it.decision },
                    "operation": it.operation.name, "rule": it.rule,
                });
                let operation = it.operation.name.clone();
                let key = format!("{} {named}", operation.split('@').next().unwrap_or_default());
                sides.insert(it.step, Side { number: it.step, operation, key, content });
            }
            Body::StepObserved(it) => set(&mut sides, it.step, "result", shown(&it.result)),
            Body::StepFailed(it) if it.retry_at.is_none() => set(&mut sides, it.step, "error", json!(it.code)),
            Body::ApprovalResolved(it) => set(&mut sides, it.step, "approval", json!(it.decision)),
            _ => (),
        }
    }
    sides.into_values().collect()
}

fn set(sides: &mut BTreeMap<u64, Side>, step: u64, field: &str, value: Value) {
    if let Some(side) = sides.get_mut(&step) {
        side.content[field] = value;
    }
}

/// A payload as it is compared: small ones field by field, large ones by digest.
fn shown(payload: &Payload) -> Value {
    match payload {
        Payload::Inline(value) => value.clone(),
        Payload::Blob(blob) => json!(blob.digest),
    }
}

/// What a run gave: its output, or the code of its failure.
fn result(events: &[Event]) -> Option<Value> {
    match &events.last()?.body {
        Body::RunCompleted(it) => Some(shown(&it.output)),
        Body::RunFailed(it) => Some(json!({ "failed": it.code })),
        Body::RunCancelled(_) => Some(json!("cancelled")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use affiant_journal::{
        Actor, ActorKind, BootId, Digest, Pinned, PrincipalId, RunCompleted, StepDecided, StepObserved, StreamId,
        TenantId, Timestamp, Totals,
    };
    use serde_json::Map;

    use super::*;

    fn event(body: impl Into<Body>) -> Event {
        Event {
            actor: Actor { auth: "none".into(), id: PrincipalId::from("a"), kind: ActorKind::System },
            at: Timestamp(0),
            body: body.into(),
            boot: BootId::from("b"),
            mono: 0,
            prev: None,
            sd: Vec::new(),
            seq: 0,
            stream: StreamId::from("run_1"),
            tenant: TenantId::from("t"),
        }
    }

    fn step(number: u64, operation: &str, arguments: Value, result: Value) -> [Event; 2] {
        let decided = StepDecided {
            action: Digest::of(b""),
            arguments: Payload::Inline(arguments),
            decision: Decision::Allow,
            dispatch: None,
            facts: Map::new(),
            label: None,
            name: None,
            operation: Pinned { digest: Digest::of(b""), name: operation.into() },
            policies: Vec::new(),
            reserved: None,
            rule: "r".into(),
            step: number,
        };
        let observed = StepObserved {
            attempt: 1,
            duration_us: number,
            recorded_by: None,
            result: Payload::Inline(result),
            step: number,
            usage: None,
            waited_us: None,
        };
        [event(decided), event(observed)]
    }

    fn end(output: Value) -> Event {
        let output = Payload::Inline(output);
        event(RunCompleted { facts: Map::new(), output, rule: "done".into(), totals: Totals::default() })
    }

    fn told(comparison: &Comparison) -> Vec<String> {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let line = |it: &Aligned| {
            let paths = it.differences.iter().map(|it| it.path.as_str()).collect::<Vec<_>>().join(" ");
            format!("{} {} {} {paths}", number(it.left), number(it.right), it.operation).trim_end().to_owned()
        };
        comparison.steps.iter().map(line).collect()
    }

    #[test]
    fn runs_that_did_the_same_are_the_same_however_long_it_took() {
        let run: Vec<Event> = step(0, "a@1.0.0", json!({}), json!(1)).into_iter().chain([end(json!({}))]).collect();
        let comparison = compare(&run, &run);
        assert_eq!((told(&comparison), comparison.same_result), (vec!["0 0 a@1.0.0".to_owned()], true));
    }

    #[test]
    fn a_step_that_only_one_run_took_does_not_hide_those_that_both_took() {
        let left: Vec<Event> =
            [step(0, "a@1.0.0", json!({}), json!(1)), step(1, "c@1.0.0", json!({ "x": 1, "y": 2 }), json!(1))].concat();
        let right: Vec<Event> = [
            step(0, "a@1.0.0", json!({}), json!(2)),
            step(1, "b@1.0.0", json!({}), json!(1)),
            step(2, "c@1.0.0", json!({ "x": 1, "y": 3 }), json!(1)),
        ]
        .concat();
        assert_eq!(told(&compare(&left, &right)), ["0 0 a@1.0.0 /result", "- 1 b@1.0.0", "1 2 c@1.0.0 /arguments/y"]);
    }
}
