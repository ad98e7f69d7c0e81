//! Inclusion and consistency proofs: made as RFC 6962, section 2.1 defines them, checked as RFC 9162 does.

use std::ops::Range;

use affiant_journal::Digest;

use super::{MissingNode, Node, Nodes, empty_root, parent};

/// A proof does not lead from what was claimed to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not lead to the root")]
pub struct NotProven;

/// The root of the first `size` leaves.
pub fn root(nodes: &(impl Nodes + ?Sized), size: u64) -> Result<Digest, MissingNode> {
    if size == 0 { Ok(empty_root()) } else { subtree(nodes, 0..size) }
}

/// The proof that leaf `index` stands in the tree of `size` leaves: the hash beside each step to the root, lowest first.
///
/// # Panics
/// When `index` is not below `size`.
pub fn inclusion(nodes: &(impl Nodes + ?Sized), index: u64, size: u64) -> Result<Vec<Digest>, MissingNode> {
    beside_inclusion(index, size).into_iter().map(|range| subtree(nodes, range)).collect()
}

/// The proof that the tree of `to` leaves begins with the tree of `from` leaves.
///
/// # Panics
/// When `from` is 0 (every tree begins with nothing, and there is no proof of it) or above `to`.
pub fn consistency(nodes: &(impl Nodes + ?Sized), from: u64, to: u64) -> Result<Vec<Digest>, MissingNode> {
    beside_consistency(from, to).into_iter().map(|range| subtree(nodes, range)).collect()
}

/// The nodes that [`inclusion`] will ask for, so that they can be fetched at once.
pub fn nodes_for_inclusion(index: u64, size: u64) -> Vec<Node> {
    beside_inclusion(index, size).into_iter().flat_map(complete).collect()
}

/// The nodes that [`consistency`] will ask for, so that they can be fetched at once.
pub fn nodes_for_consistency(from: u64, to: u64) -> Vec<Node> {
    beside_consistency(from, to).into_iter().flat_map(complete).collect()
}

/// The hash over a range of leaves that is a subtree of some tree: its start is a multiple of a power of two that is
/// not below its length.
pub fn subtree(nodes: &(impl Nodes + ?Sized), leaves: Range<u64>) -> Result<Digest, MissingNode> {
    let parts = complete(leaves).map(|node| nodes.node(node).ok_or(MissingNode(node)));
    let hashes = parts.collect::<Result<Vec<_>, _>>()?;
    let joined = hashes.into_iter().rev().reduce(|right, left| parent(&left, &right));
    Ok(joined.unwrap_or_else(empty_root))
}

/// The complete subtrees that make up a range, largest first.
fn complete(leaves: Range<u64>) -> impl Iterator<Item = Node> {
    let mut start = leaves.start;
    std::iter::from_fn(move || {
        let level = (leaves.end - start).checked_ilog2()? as u8;
        let node = Node { level, index: start >> level };
        start += 1 << level;
        Some(node)
    })
}

/// Where RFC 6962 splits a range: after the largest power of two leaves below its length.
fn split(leaves: &Range<u64>) -> u64 {
    leaves.start + (1 << (leaves.end - leaves.start - 1).ilog2())
}

fn beside_inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    assert!(index < size, "leaf {index} is not in a tree of {size} leaves");
    let mut beside = Vec::new();
    let mut leaves = 0..size;
    while leaves.end - leaves.start > 1 {
        let middle = split(&leaves);
        if index < middle {
            beside.push(middle..leaves.end);
            leaves.end = middle;
        } else {
            beside.push(leaves.start..middle);
            leaves.start = middle;
        }
    }
    beside.reverse();
    beside
}

fn beside_consistency(from: u64, to: u64) -> Vec<Range<u64>> {
    assert!(0 < from && from <= to, "no proof leads from {from} leaves to {to}");
    let mut beside = Vec::new();
    let mut leaves = 0..to;
    while leaves.end != from {
        let middle = split(&leaves);
        if from <= middle {
            beside.push(middle..leaves.end);
            leaves.end = middle;
        } else {
            beside.push(leaves.start..middle);
            leaves.start = middle;
        }
    }
    // The old tree itself is known to whoever checks.
    if leaves.start > 0 {
        beside.push(leaves);
    }
    beside.reverse();
    beside
}

/// Checks that this leaf stands at `index` in the tree of `size` leaves with this root (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), NotProven> {
    if index >= size {
        return Err(NotProven);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for beside in proof {
        if last == 0 {
            return Err(NotProven);
        }
        if at & 1 == 1 || at == last {
            hash = parent(beside, &hash);
            let lifted = at.trailing_zeros();
            (at, last) = (at >> lifted, last >> lifted);
        } else {
            hash = parent(&hash, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(NotProven) }
}

/// A tree as a checkpoint names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Leaves.
    pub size: u64,
    /// Root over them.
    pub root: Digest,
}

/// Checks that the tree `to` begins with the tree `from` (RFC 9162, section 2.1.4.2). Every tree begins with the empty
/// one, without a proof.
pub fn verify_consistency(from: &Head, to: &Head, proof: &[Digest]) -> Result<(), NotProven> {
    if from.size == to.size || from.size == 0 {
        let same = from.size != to.size || from.root == to.root;
        let empty = from.size != 0 || from.root == empty_root();
        return if same && empty && proof.is_empty() { Ok(()) } else { Err(NotProven) };
    }
    if from.size > to.size {
        return Err(NotProven);
    }
    let (mut at, mut last) = (from.size - 1, to.size - 1);
    let lifted = at.trailing_ones();
    (at, last) = (at >> lifted, last >> lifted);
    let mut proof = proof.iter();
    let first = if from.size.is_power_of_two() { &from.root } else { proof.next().ok_or(NotProven)? };
    let (mut old, mut new) = (*first, *first);
    for beside in proof {
        if last == 0 {
            return Err(NotProven);
        }
        if at & 1 == 1 || at == last {
            (old, new) = (parent(beside, &old), parent(beside, &new));
            let lifted = at.trailing_zeros();
            (at, last) = (at >> lifted, last >> lifted);
        } else {
            new = parent(&new, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last == 0 && old == from.root && new == to.root { Ok(()) } else { Err(NotProven) }
}
