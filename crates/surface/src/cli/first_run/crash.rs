//! What a killed server left behind and what the next one did, read from the journal.

use std::collections::BTreeSet;

use serde_json::Value;

/// What the journal says about a run that two servers have carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Continued {
    /// The first server had written the run's last event before it was killed.
    AlreadyEnded,
    /// The second server went on.
    At {
        /// The first event that it wrote.
        seq: u64,
        /// The first step that it worked on, if any was left.
        step: Option<u64>,
        /// Steps whose results the first server had recorded.
        kept: u64,
        /// Those of them that were carried out again; none, unless something is wrong.
        repeated: u64,
        /// Steps that were in flight and were done again under the same key.
        resumed: u64,
    },
}

/// Reads what happened from a run's events.
pub(super) fn read(events: &[Value]) -> Continued {
    let first = events.first().map_or(&Value::Null, |event| &event["boot"]);
    let Some(turn) = events.iter().position(|event| event["boot"] != *first) else { return Continued::AlreadyEnded };
    let (before, after) = events.split_at(turn);
    let observed = steps(before, &["step.observed"]);
    let begun =
        steps(before, &["step.dispatched"]).into_iter().chain(dispatched_at_once(before)).collect::<BTreeSet<_>>();
    let worked = steps(after, &["step.dispatched", "step.observed", "step.failed"]);
    let worked = worked.into_iter().chain(dispatched_at_once(after)).collect::<BTreeSet<_>>();
    Continued::At {
        seq: after[0]["seq"].as_u64().unwrap_or_default(),
        step: worked.first().copied(),
        kept: observed.len() as u64,
        repeated: worked.intersection(&observed).count() as u64,
        resumed: worked.intersection(&begun).filter(|step| !observed.contains(*step)).count() as u64,
    }
}

fn steps(events: &[Value], kinds: &[&str]) -> BTreeSet<u64> {
    let of_kind = events.iter().filter(|event| event["type"].as_str().is_some_and(|kind| kinds.contains(&kind)));
    of_kind.filter_map(|event| event["body"]["step"].as_u64()).collect()
}

/// Steps that began in the same event in which they were decided.
fn dispatched_at_once(events: &[Value]) -> BTreeSet<u64> {
    let decided =
        events.iter().filter(|event| event["type"] == "step.decided" && event["body"]["dispatch"].is_object());
    decided.filter_map(|event| event["body"]["step"].as_u64()).collect()
}

impl Continued {
    /// The sentence that tells it.
    pub(super) fn sentence(&self) -> String {
        let Self::At { seq, step, kept, repeated, resumed } = self else {
            return "the run had ended before the server was killed; nothing was left to continue".to_owned();
        };
        let at = step.map_or_else(|| format!("continued at event #{seq}"), |step| format!("continued at step {step}"));
        let kept = match (repeated, kept) {
            (0, 1) => "1 step not repeated".to_owned(),
            (0, kept) => format!("{kept} steps not repeated"),
            (repeated, _) => format!("{repeated} STEPS REPEATED"),
        };
        let resumed = match resumed {
            0 => String::new(),
            1 => ", 1 step in flight done again under the same key".to_owned(),
            steps => format!(", {steps} steps in flight done again under the same keys"),
        };
        format!("{at}, {kept}{resumed}   journal: a new server process from event #{seq} on")
    }

    /// Whether it is as it should be.
    pub(super) fn is_sound(&self) -> bool {
        matches!(self, Self::AlreadyEnded | Self::At { repeated: 0, .. })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(seq: u64, boot: &str, kind: &str, step: Option<u64>, dispatch: bool) -> Value {
        let dispatch = if dispatch { json!({ "attempt": 1 }) } else { Value::Null };
        json!({ "seq": seq, "boot": boot, "type": kind, "body": { "step": step, "dispatch": dispatch } })
    }

    fn journal(second: &[(&str, u64, bool)]) -> Vec<Value> {
        let first = [("step.decided", 0, true), ("step.observed", 0, false), ("step.decided", 1, true)];
        let boots = first.iter().map(|it| ("b_1", it)).chain(second.iter().map(|it| ("b_2", it)));
        boots.zip(1..).map(|((boot, (kind, step, at)), seq)| event(seq, boot, kind, Some(*step), *at)).collect()
    }

    #[test]
    fn a_step_in_flight_is_done_again_and_a_recorded_one_is_not() {
        let told = read(&journal(&[("step.dispatched", 1, true), ("step.observed", 1, false)]));
        assert!(told.is_sound());
        insta::assert_snapshot!(told.sentence(), @"continued at step 1, 1 step not repeated, 1 step in flight done again under the same key   journal: a new server process from event #4 on");
    }

    #[test]
    fn a_repeated_step_is_not_hidden() {
        let told = read(&journal(&[("step.dispatched", 0, true)]));
        assert!(!told.is_sound());
        insta::assert_snapshot!(told.sentence(), @"continued at step 0, 1 STEPS REPEATED   journal: a new server process from event #4 on");
    }

    #[test]
    fn a_run_that_had_ended_says_so() {
        assert_eq!(read(&journal(&[])), Continued::AlreadyEnded);
    }
}
