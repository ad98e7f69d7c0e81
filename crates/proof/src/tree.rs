//! The Merkle tree of RFC 6962 and RFC 9162 over the leaf hashes of a tenant's events.
//!
//! A writer keeps a [`Frontier`]: it grows by one leaf with about one hash and knows the root. A reader keeps nothing:
//! proofs ask a [`Nodes`] for hashes of complete subtrees, at most about 2·log2(size) of them.
//!
//! # What a store keeps
//!
//! Leaf hashes by leaf index, which stand in the event rows, and one hash for each complete subtree of 256 leaves, of
//! 65,536 leaves, and so on: [`Frontier::push`] hands them out the moment they are complete, one for every 256 events.
//! These are the tiles of C2SP tlog-tiles; [`TiledNodes`] makes every other node from them, and a store that answers
//! from memory or from a table of all nodes implements [`Nodes`] itself.

mod frontier;
mod proof;
mod tiles;

use affiant_journal::Digest;
use sha2::{Digest as _, Sha256};

pub use frontier::{Frontier, NotAFrontier};
pub use proof::{Head, NotProven, consistency, inclusion, nodes_for_consistency, nodes_for_inclusion, root};
pub use proof::{subtree, verify_consistency, verify_inclusion};
pub use tiles::{NotATile, TILE_WIDTH, Tile, TiledNodes};

/// A complete subtree: `2^level` leaves from leaf `index · 2^level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// Height; leaves have 0.
    pub level: u8,
    /// Place among the nodes of this height, from 0.
    pub index: u64,
}

/// Serves the hashes of complete subtrees.
pub trait Nodes {
    /// The hash of this subtree, or none where the store does not have it.
    fn node(&self, node: Node) -> Option<Digest>;
}

impl<F: Fn(Node) -> Option<Digest>> Nodes for F {
    fn node(&self, node: Node) -> Option<Digest> {
        self(node)
    }
}

/// A store does not have a hash that a proof needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the hash of node {} at level {} is missing", .0.index, .0.level)]
pub struct MissingNode(pub Node);

/// The hash of an inner node: SHA-256 over a one byte and the hashes of its children (RFC 6962, section 2.1).
pub fn parent(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Digest::of(&bytes)
}

/// The root of a tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    Digest(Sha256::digest([]).into())
}

#[cfg(test)]
mod tests;
