//! The inclusion proofs of many events against one checkpoint, with every hash written once: `proofs.json`.
//!
//! Node `(level, index)` is the hash over the leaves from `index · 2^level` up to `(index + 1) · 2^level`, cut at the size
//! of the tree. The RFC 6962 audit path of leaf `i` is then the list of nodes `(level, (i >> level) ^ 1)` for each level
//! from 0 while `2^level` is below the size, without those that begin at or after the size.

use std::collections::BTreeSet;

use affiant_journal::Digest;
use serde::{Deserialize, Serialize};

use crate::tree::{Head, MissingNode, Nodes, NotProven, parent, subtree};

/// Inclusion proofs for a run's events, and the proof that the log continues an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// Leaf indexes of the administrative events in `admin.jsonl`.
    pub admin: Vec<u64>,
    /// That the log continues the one of an earlier checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consistency: Option<Consistency>,
    /// Leaf indexes of the run's events by `seq`. Shorter than the run while its newest events are under no checkpoint.
    pub events: Vec<u64>,
    /// By level: place and hash of every node that some path needs, in order of place.
    pub nodes: Vec<Vec<(u64, Digest)>>,
    /// Size of the tree.
    pub size: u64,
    /// Version of the format.
    pub v: u64,
}

/// A consistency proof (RFC 6962, section 2.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Size of the earlier tree.
    pub from: u64,
    /// The proof.
    pub path: Vec<Digest>,
}

/// The places of the audit path of a leaf, lowest first.
pub fn places(index: u64, size: u64) -> impl Iterator<Item = (u8, u64)> {
    let levels = 0..height(size);
    levels.map(move |level| (level, (index >> level) ^ 1)).filter(move |(level, beside)| beside << level < size)
}

/// Levels below the root of a tree of this size.
fn height(size: u64) -> u8 {
    (u64::BITS - size.saturating_sub(1).leading_zeros()) as u8
}

impl Proofs {
    /// Collects the paths of these leaves from a tree.
    pub fn collect(
        nodes: &(impl Nodes + ?Sized),
        size: u64,
        events: Vec<u64>,
        admin: Vec<u64>,
        from: Option<u64>,
    ) -> Result<Self, MissingNode> {
        let leaves = events.iter().chain(&admin);
        let needed: BTreeSet<(u8, u64)> = leaves.flat_map(|index| places(*index, size)).collect();
        let mut levels = vec![Vec::new(); usize::from(height(size))];
        for (level, index) in needed {
            let leaves = index << level..((index + 1) << level).min(size);
            levels[usize::from(level)].push((index, subtree(nodes, leaves)?));
        }
        let consistency = from.filter(|from| (1..size).contains(from));
        let consistency = consistency
            .map(|from| Ok(Consistency { from, path: crate::tree::consistency(nodes, from, size)? }))
            .transpose()?;
        Ok(Self { admin, consistency, events, nodes: levels, size, v: 1 })
    }

    /// The audit path of a leaf, as other tools take it. None where a node is missing.
    pub fn path(&self, index: u64) -> Option<Vec<Digest>> {
        places(index, self.size).map(|(level, place)| self.node(level, place).map(|(_, hash)| hash)).collect()
    }

    /// A node and where it stands in its level.
    fn node(&self, level: u8, index: u64) -> Option<(usize, Digest)> {
        let level = self.nodes.get(usize::from(level))?;
        let at = level.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some((at, level[at].1))
    }
}

/// What a proof says of an event's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Included {
    /// They stand in the log.
    Proven,
    /// Other bytes stand in the log at this place.
    Contradicted,
    /// The path does not lead from them to the root: they or the path are changed.
    Unproven,
}

/// Checks many leaves against one root. A node that lies on a path that led to the root is authentic, so later paths end
/// where they meet one: about two hashes for each event of a long run.
pub struct PathChecker<'a> {
    proofs: &'a Proofs,
    root: Digest,
    authentic: Vec<Vec<bool>>,
}

impl<'a> PathChecker<'a> {
    /// Checks against the root of a signed checkpoint.
    pub fn new(proofs: &'a Proofs, head: &Head) -> Result<Self, NotProven> {
        let shape = proofs.size == head.size && proofs.nodes.len() == usize::from(height(head.size));
        let sorted = |level: &Vec<(u64, Digest)>| level.is_sorted_by(|(a, _), (b, _)| a < b);
        if !shape || !proofs.nodes.iter().all(sorted) {
            return Err(NotProven);
        }
        let authentic = proofs.nodes.iter().map(|level| vec![false; level.len()]).collect();
        Ok(Self { proofs, root: head.root, authentic })
    }

    /// Checks one leaf.
    pub fn check(&mut self, leaf: Digest, index: u64) -> Included {
        if index >= self.proofs.size {
            return Included::Unproven;
        }
        let mut passed = Vec::new();
        let mut hash = leaf;
        for level in 0..height(self.proofs.size) {
            let own = index >> level;
            if let Some((at, stored)) = self.proofs.node(level, own) {
                match (self.authentic[usize::from(level)][at], stored == hash) {
                    (true, true) => return self.accept(&passed),
                    (true, false) if level == 0 => return Included::Contradicted,
                    (true, false) => return Included::Unproven,
                    (false, true) => passed.push((level, at)),
                    (false, false) => (),
                }
            }
            if (own ^ 1) << level >= self.proofs.size {
                continue;
            }
            let Some((at, beside)) = self.proofs.node(level, own ^ 1) else { return Included::Unproven };
            passed.push((level, at));
            hash = if own & 1 == 0 { parent(&hash, &beside) } else { parent(&beside, &hash) };
        }
        if hash == self.root { self.accept(&passed) } else { Included::Unproven }
    }

    /// Whether every stored node was met on a path to the root, once all leaves were checked. Another one is changed,
    /// or proves nothing.
    pub fn all_nodes_proven(&self) -> bool {
        self.authentic.iter().flatten().all(|authentic| *authentic)
    }

    fn accept(&mut self, passed: &[(u8, usize)]) -> Included {
        for &(level, at) in passed {
            self.authentic[usize::from(level)][at] = true;
        }
        Included::Proven
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::{Frontier, Node, inclusion};

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|index| Digest::of_leaf(&index.to_be_bytes())).collect()
    }

    fn nodes(leaves: &[Digest]) -> impl Nodes {
        |node: Node| {
            let leaves = leaves.get((node.index << node.level) as usize..((node.index + 1) << node.level) as usize)?;
            leaves.iter().copied().map(Some).collect::<Option<Vec<_>>>().map(|leaves| frontier(&leaves).root())
        }
    }

    fn frontier(leaves: &[Digest]) -> Frontier {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| drop(frontier.push(*leaf)));
        frontier
    }

    /// What is found of each event, and whether every node was proven.
    fn checked(leaves: &[Digest], proofs: &Proofs, root: Digest) -> (Vec<Included>, bool) {
        let mut checker = PathChecker::new(proofs, &Head { size: proofs.size, root }).unwrap();
        let found = proofs.events.iter().map(|index| checker.check(leaves[*index as usize], *index)).collect();
        (found, checker.all_nodes_proven())
    }

    proptest! {
        #[test]
        fn the_shared_nodes_are_the_paths_of_rfc_6962(size in 1..200u64, picks in proptest::collection::vec(any::<prop::sample::Index>(), 1..9)) {
            let leaves = leaves(size);
            let events: BTreeSet<u64> = picks.iter().map(|pick| pick.index(size as usize) as u64).collect();
            let proofs = Proofs::collect(&nodes(&leaves), size, events.into_iter().collect(), vec![], None).unwrap();
            for index in &proofs.events {
                prop_assert_eq!(proofs.path(*index), Some(inclusion(&nodes(&leaves), *index, size).unwrap()));
            }
            let (found, all_nodes) = checked(&leaves, &proofs, frontier(&leaves).root());
            prop_assert!(all_nodes && found.iter().all(|found| *found == Included::Proven));
        }

        #[test]
        fn a_changed_leaf_is_never_proven_and_spoils_no_other(size in 1..200u64, at in any::<prop::sample::Index>()) {
            let mut leaves = leaves(size);
            let root = frontier(&leaves).root();
            let proofs = Proofs::collect(&nodes(&leaves), size, (0..size).collect(), vec![], None).unwrap();
            let at = at.index(size as usize);
            leaves[at] = Digest::of(b"changed");
            for (index, found) in checked(&leaves, &proofs, root).0.into_iter().enumerate() {
                prop_assert_eq!(found == Included::Proven, index != at, "{}: {:?}", index, found);
            }
        }

        #[test]
        fn a_changed_node_is_found(size in 2..200u64, level in any::<prop::sample::Index>(), at in any::<prop::sample::Index>()) {
            let leaves = leaves(size);
            let root = frontier(&leaves).root();
            let mut proofs = Proofs::collect(&nodes(&leaves), size, (0..size).step_by(3).collect(), vec![], None).unwrap();
            let level = &mut proofs.nodes[level.index(usize::from(height(size)))];
            if level.is_empty() {
                return Ok(());
            }
            let at = at.index(level.len());
            level[at].1 = Digest::of(b"changed");
            let (found, all_nodes) = checked(&leaves, &proofs, root);
            prop_assert!(!all_nodes || found.contains(&Included::Unproven));
        }
    }

    #[test]
    fn a_run_of_neighbours_needs_few_hashes() {
        let leaves = leaves(1024);
        let proofs = Proofs::collect(&nodes(&leaves), 1024, (256..512).collect(), vec![], Some(100)).unwrap();
        let hashes: usize = proofs.nodes.iter().map(Vec::len).sum();
        assert_eq!(hashes, 256 + 128 + 64 + 32 + 16 + 8 + 4 + 2 + 1 + 1);
        assert_eq!(proofs.consistency.unwrap().from, 100);
    }

    #[test]
    fn proofs_of_another_shape_are_refused() {
        let leaves = leaves(8);
        let proofs = Proofs::collect(&nodes(&leaves), 8, vec![1, 5], vec![], None).unwrap();
        let head = Head { size: 8, root: frontier(&leaves).root() };
        assert!(PathChecker::new(&proofs, &Head { size: 7, ..head }).is_err());
        let mut reversed = proofs.clone();
        reversed.nodes[0].reverse();
        assert!(PathChecker::new(&reversed, &head).is_err());
        assert_eq!(PathChecker::new(&proofs, &head).unwrap().check(leaves[1], 9), Included::Unproven);
    }
}
