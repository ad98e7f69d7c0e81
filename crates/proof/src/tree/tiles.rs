//! Tiles of C2SP tlog-tiles: 256 hashes of one level, so that anybody can mirror the tree.

use std::{fmt, str::FromStr};

use affiant_journal::Digest;

use super::{Node, Nodes, parent};

/// Levels of the tree from one tile to the next.
pub(super) const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// Names one tile. Written and read as the path below the log's address: `tile/0/x001/x234/067.p/12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Level of tiles: the hashes in it are subtrees of height `8 · level`.
    pub level: u8,
    /// Place in the level, from 0.
    pub index: u64,
    /// Hashes in it, 1 to 256; fewer than 256 at the right edge of a tree.
    pub width: u16,
}

impl Tile {
    /// The nodes whose hashes, one after the other, are the content of the tile.
    pub fn nodes(self) -> impl Iterator<Item = Node> {
        let first = self.index * TILE_WIDTH;
        (first..first + u64::from(self.width)).map(move |index| Node { level: self.level * TILE_HEIGHT, index })
    }

    /// Whether a tree of this size has all hashes of the tile.
    pub fn is_in(self, size: u64) -> bool {
        let hashes = size.checked_shr(u32::from(self.level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
        self.index.checked_mul(TILE_WIDTH).is_some_and(|first| hashes.saturating_sub(first) >= u64::from(self.width))
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let groups = std::iter::successors(Some(self.index), |rest| Some(rest / 1000).filter(|rest| *rest > 0));
        let groups: Vec<u64> = groups.map(|rest| rest % 1000).collect();
        for group in groups[1..].iter().rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[0])?;
        if u64::from(self.width) < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// A path does not name a tile.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the path of a tile such as tile/0/x001/x234/067.p/12")]
pub struct NotATile(pub String);

impl FromStr for Tile {
    type Err = NotATile;

    /// Reads exactly the form that `Display` writes.
    fn from_str(path: &str) -> Result<Self, NotATile> {
        let read = || {
            let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
            let (index, width) = rest.split_once(".p/").unwrap_or((rest, "256"));
            let digits: String = index.split('/').map(|group| group.trim_start_matches('x')).collect();
            let tile = Self { level: level.parse().ok()?, index: digits.parse().ok()?, width: width.parse().ok()? };
            (tile.level < 64 && (1..=256).contains(&tile.width) && tile.to_string() == path).then_some(tile)
        };
        read().ok_or_else(|| NotATile(path.to_owned()))
    }
}

/// Makes every node from tiles. `read(level, first, count)` gives that many consecutive hashes of subtrees of height
/// `8 · level`, from place `first`: leaf hashes for level 0.
pub struct TiledNodes<F>(pub F);

impl<F: Fn(u8, u64, u64) -> Option<Vec<Digest>>> Nodes for TiledNodes<F> {
    fn node(&self, node: Node) -> Option<Digest> {
        let (level, above) = (node.level / TILE_HEIGHT, node.level % TILE_HEIGHT);
        let count = 1 << above;
        let mut hashes = (self.0)(level, node.index << above, count)?;
        if hashes.len() as u64 != count {
            return None;
        }
        while hashes.len() > 1 {
            hashes = hashes.as_chunks().0.iter().map(|[left, right]| parent(left, right)).collect();
        }
        hashes.pop()
    }
}
