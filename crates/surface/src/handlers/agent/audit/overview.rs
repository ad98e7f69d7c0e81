//! A whole run at a glance: its steps in a few parts, each with what somebody must know of it.

use std::collections::HashMap;

use affiant_contract::Registry;
use affiant_engine::Folded;
use affiant_journal::{
    Body, Run,
    run::{Step, StepState},
};

use super::PartRow;

/// The run in at most so many parts of equally many steps; the last may have fewer.
pub(super) fn of(registry: &Registry, folded: &Folded, parts: u64) -> Vec<PartRow> {
    let run = &folded.run;
    let size = run.count().div_ceil(parts.max(1)).max(1);
    let mut rows = empty(run.count(), size);
    let mut effects = Effects { registry, known: HashMap::new() };
    for (number, step) in (0..).zip(run.steps()) {
        let Some(row) = row_of(&mut rows, number, size) else { break };
        let (failed, waiting) = (step.state.fell_short(), waits(&step.state));
        row.failed += u64::from(failed);
        row.waiting += u64::from(waiting);
        row.changed += u64::from(step.state.attempts() > 0 && effects.changes(run, step));
        if failed || waiting {
            row.first_trouble.get_or_insert(number);
        }
    }
    for event in &folded.landmarks {
        if let Body::ApprovalRequested(it) = &event.body
            && let Some(row) = row_of(&mut rows, it.step, size)
        {
            row.asked += 1;
        }
    }
    rows
}

fn empty(count: u64, size: u64) -> Vec<PartRow> {
    let first = (0..count.div_ceil(size)).map(|part| part * size);
    first.map(|first_step| PartRow { first_step, steps: size.min(count - first_step), ..PartRow::default() }).collect()
}

fn row_of(rows: &mut [PartRow], step: u64, size: u64) -> Option<&mut PartRow> {
    rows.get_mut(usize::try_from(step / size).ok()?)
}

/// Whether a person must do something before the step goes on.
fn waits(state: &StepState) -> bool {
    matches!(state, StepState::Undisplayed | StepState::AwaitingApproval { .. } | StepState::Unknown { .. })
}

/// Which operations may change something, looked up once each.
struct Effects<'a> {
    registry: &'a Registry,
    known: HashMap<&'a str, bool>,
}

impl<'a> Effects<'a> {
    fn changes(&mut self, run: &'a Run, step: &Step) -> bool {
        let name: &str = &run.operation(step).name;
        *self.known.entry(name).or_insert_with(|| {
            let bound = name.parse().ok().and_then(|reference| self.registry.tool_at(&reference));
            bound.is_some_and(|bound| !bound.operation().hints.read_only)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_equally_many_steps_and_the_last_what_is_left() {
        let of = |count, size| empty(count, size).iter().map(|row| (row.first_step, row.steps)).collect::<Vec<_>>();
        assert_eq!(of(10, 4), [(0, 4), (4, 4), (8, 2)]);
        assert_eq!(of(3, 1), [(0, 1), (1, 1), (2, 1)]);
        assert_eq!(of(0, 1), []);
    }
}
