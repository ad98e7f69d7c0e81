//! The right edge of a growing tree.

use affiant_journal::Digest;

use super::{Node, empty_root, parent, tiles::TILE_HEIGHT};

/// What a writer keeps of a tree: its size, and the roots of the complete subtrees that its leaves form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// One for each bit of `size` that is set, largest subtree first.
    peaks: Vec<Digest>,
}

/// Bytes are not a frontier.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frontier: expected a size of 8 bytes and one hash for each of its set bits")]
pub struct NotAFrontier;

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many leaves there are; also the index of the next one.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf. Gives the subtrees that this leaf completes and that a store keeps: heights 8, 16, and so on.
    /// Usually there are none.
    pub fn push(&mut self, leaf: Digest) -> Vec<(Node, Digest)> {
        let mut kept = Vec::new();
        let mut hash = leaf;
        for level in 1..=self.size.trailing_ones() as u8 {
            let left = self.peaks.pop().expect("every set bit of the size has a peak");
            hash = parent(&left, &hash);
            if level.is_multiple_of(TILE_HEIGHT) {
                kept.push((Node { level, index: self.size >> level }, hash));
            }
        }
        self.peaks.push(hash);
        self.size += 1;
        kept
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Digest {
        let joined = self.peaks.iter().rev().copied().reduce(|right, left| parent(&left, &right));
        joined.unwrap_or_else(empty_root)
    }

    /// The size as 8 bytes, big-endian, and the peaks after it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let peaks = self.peaks.iter().flat_map(|peak| peak.0);
        self.size.to_be_bytes().into_iter().chain(peaks).collect()
    }

    /// Reads what [`Frontier::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAFrontier> {
        let (size, peaks) = bytes.split_first_chunk().ok_or(NotAFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, []) = peaks.as_chunks() else { return Err(NotAFrontier) };
        if peaks.len() != size.count_ones() as usize {
            return Err(NotAFrontier);
        }
        Ok(Self { size, peaks: peaks.iter().map(|peak| Digest(*peak)).collect() })
    }
}
