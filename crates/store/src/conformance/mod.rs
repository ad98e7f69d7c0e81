//! What a store promises.

use affiant_journal::Digest;
use sha2::{Digest as _, Sha256};

/// The root over these leaf hashes, word for word as RFC 6962, section 2.1, defines it.
pub fn root_of(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            let node = Sha256::new().chain_update([1]).chain_update(root_of(left).0).chain_update(root_of(right).0);
            Digest(node.finalize().into())
        }
    }
}
