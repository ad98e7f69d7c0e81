//! Whose turn it is. Pure.
//!
//! The queue is made of lanes: the runs of one tenant, agent and priority, in the order in which they became
//! runnable. For each lane this remembers a moment before which none of its runs can be due, so that a claim
//! asks the database about the lane that is next and about no other, however many runs wait.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use affiant_journal::Timestamp;

/// A tenant's number in the database.
pub(super) type TenantNumber = i64;

/// Runs of one tenant, agent and priority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) tenant: TenantNumber,
    pub(super) agent: Arc<str>,
    pub(super) priority: i64,
}

/// What a claim passes over.
#[derive(Debug, Default)]
pub(super) struct Full {
    pub(super) tenants: HashSet<TenantNumber>,
    pub(super) agents: HashSet<(TenantNumber, Arc<str>)>,
}

impl Full {
    fn has(&self, lane: &Lane) -> bool {
        // Nearly always there is nothing, and a key is not made to find that out.
        !self.agents.is_empty() && self.agents.contains(&(lane.tenant, lane.agent.clone()))
    }
}

/// Every lane that has runs, and the tenant that was served last.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    tenants: BTreeMap<TenantNumber, BTreeMap<Lane, Timestamp>>,
    served: TenantNumber,
}

impl Lanes {
    /// No lanes yet, and the same tenant's turn.
    pub(super) fn without_lanes(&self) -> Self {
        Self { tenants: BTreeMap::new(), served: self.served }
    }

    /// A run in this lane becomes runnable then.
    pub(super) fn note(&mut self, lane: Lane, at: Timestamp) {
        let earliest = self.tenants.entry(lane.tenant).or_default().entry(lane).or_insert(at);
        *earliest = (*earliest).min(at);
    }

    /// The lane holds no run before this moment, or none at all.
    pub(super) fn learn(&mut self, lane: &Lane, earliest: Option<Timestamp>) {
        let Some(lanes) = self.tenants.get_mut(&lane.tenant) else { return };
        match earliest {
            Some(at) => drop(lanes.insert(lane.clone(), at)),
            None => drop(lanes.remove(lane)),
        }
        if lanes.is_empty() {
            self.tenants.remove(&lane.tenant);
        }
    }

    /// The lane from which the next run comes, as far as is known: the first tenant after the one that was
    /// served last; in it the highest priority, then the earliest.
    pub(super) fn next(&self, now: Timestamp, full: &Full) -> Option<(Lane, Timestamp)> {
        let after = self.tenants.range(self.served.saturating_add(1)..);
        let mut turns = after.chain(self.tenants.range(..=self.served));
        turns.find_map(|(tenant, lanes)| (!full.tenants.contains(tenant)).then(|| first(lanes, now, full))?)
    }

    /// A run of this tenant was lent: the others come first now.
    pub(super) fn serve(&mut self, tenant: TenantNumber) {
        self.served = tenant;
    }

    /// The lane that may have the earliest run of all.
    pub(super) fn earliest(&self) -> Option<(Lane, Timestamp)> {
        let all = self.tenants.values().flatten();
        all.min_by_key(|(_, at)| **at).map(|(lane, at)| (lane.clone(), *at))
    }
}

fn first(lanes: &BTreeMap<Lane, Timestamp>, now: Timestamp, full: &Full) -> Option<(Lane, Timestamp)> {
    let due = lanes.iter().filter(|(lane, at)| **at <= now && !full.has(lane));
    due.min_by_key(|(lane, at)| (-lane.priority, **at)).map(|(lane, at)| (lane.clone(), *at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(tenant: TenantNumber, agent: &str, priority: i64) -> Lane {
        Lane { tenant, agent: agent.into(), priority }
    }

    fn lanes(of: &[(TenantNumber, &str, i64, i64)]) -> Lanes {
        let mut lanes = Lanes::default();
        for (tenant, agent, priority, at) in of {
            lanes.note(lane(*tenant, agent, *priority), Timestamp(*at));
        }
        lanes
    }

    fn turns(lanes: &mut Lanes, count: usize) -> Vec<TenantNumber> {
        let turn = |_| {
            let (lane, _) = lanes.next(Timestamp(100), &Full::default()).unwrap();
            lanes.serve(lane.tenant);
            lane.tenant
        };
        (0..count).map(turn).collect()
    }

    #[test]
    fn tenants_take_turns_however_much_each_of_them_has() {
        assert_eq!(
            turns(&mut lanes(&[(1, "a", 9, 0), (1, "b", 9, 0), (2, "a", 0, 50), (5, "a", 0, 60)]), 5),
            [1, 2, 5, 1, 2]
        );
    }

    #[test]
    fn within_a_tenant_priority_comes_first_and_then_the_earliest() {
        let lanes = lanes(&[(1, "a", 0, 1), (1, "b", 5, 9), (1, "c", 5, 8), (1, "d", 7, 101)]);
        assert_eq!(lanes.next(Timestamp(100), &Full::default()), Some((lane(1, "c", 5), Timestamp(8))));
    }

    #[test]
    fn a_tenant_or_an_agent_that_is_at_its_limit_is_passed_over() {
        let lanes = lanes(&[(1, "a", 0, 1), (2, "a", 0, 1), (2, "b", 0, 2)]);
        let full = Full { tenants: [1].into(), agents: [(2, "a".into())].into() };
        assert_eq!(lanes.next(Timestamp(100), &full), Some((lane(2, "b", 0), Timestamp(2))));
    }

    #[test]
    fn a_lane_is_known_by_its_earliest_run_until_the_database_says_otherwise() {
        let mut lanes = lanes(&[(1, "a", 0, 8), (1, "a", 0, 5), (1, "a", 0, 9)]);
        assert_eq!(lanes.earliest(), Some((lane(1, "a", 0), Timestamp(5))));
        lanes.learn(&lane(1, "a", 0), Some(Timestamp(8)));
        assert_eq!(lanes.earliest(), Some((lane(1, "a", 0), Timestamp(8))));
        lanes.learn(&lane(1, "a", 0), None);
        assert_eq!(lanes.earliest(), None);
    }
}
