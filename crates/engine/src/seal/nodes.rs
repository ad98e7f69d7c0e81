//! The nodes of a stored log, for proofs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use affiant_journal::{Digest, TenantId};
use affiant_proof::tree::{Node, Nodes, TILE_WIDTH, TiledNodes};
use tokio::runtime::Handle;

use crate::{
    engine::locked,
    ports::{Store, StoreError},
};

/// Level and place of each tile that was read.
type Tiles = HashMap<(u8, u64), Arc<[Digest]>>;

/// The hashes of a tenant's log, read from the store tile by tile and kept for as long as this lives.
///
/// Proofs are made by plain functions; this waits for the store in their stead. Use it where a thread may wait:
/// in `spawn_blocking`.
pub struct StoredNodes {
    store: Arc<dyn Store>,
    tenant: TenantId,
    /// Leaves of the tree that is proven. The log may be longer by now.
    size: u64,
    runtime: Handle,
    tiles: Mutex<Tiles>,
    failed: Mutex<Option<StoreError>>,
}

impl StoredNodes {
    /// The first `size` leaves of a tenant's log.
    pub fn new(store: Arc<dyn Store>, tenant: TenantId, size: u64, runtime: Handle) -> Self {
        Self { store, tenant, size, runtime, tiles: Mutex::default(), failed: Mutex::default() }
    }

    /// What the store said when a hash was missing, if it was the store's fault.
    pub fn failure(&self) -> Option<StoreError> {
        locked(&self.failed).take()
    }

    /// `count` hashes of subtrees of height `8 · level`, from place `first`. They are in one tile.
    fn read(&self, level: u8, first: u64, count: u64) -> Option<Vec<Digest>> {
        let tile = self.tile(level, first / TILE_WIDTH)?;
        let from = usize::try_from(first % TILE_WIDTH).ok()?;
        tile.get(from..from + usize::try_from(count).ok()?).map(<[Digest]>::to_vec)
    }

    fn tile(&self, level: u8, index: u64) -> Option<Arc<[Digest]>> {
        if let Some(tile) = locked(&self.tiles).get(&(level, index)) {
            return Some(tile.clone());
        }
        let whole = self.size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        let (from, to) = (index * TILE_WIDTH, whole.min((index + 1) * TILE_WIDTH));
        match self.runtime.block_on(self.store.hashes(&self.tenant, level, from, to)) {
            Ok(hashes) => {
                let tile: Arc<[Digest]> = hashes.into();
                locked(&self.tiles).insert((level, index), tile.clone());
                Some(tile)
            }
            Err(error) => {
                *locked(&self.failed) = Some(error);
                None
            }
        }
    }
}

impl Nodes for StoredNodes {
    fn node(&self, node: Node) -> Option<Digest> {
        TiledNodes(|level, first, count| self.read(level, first, count)).node(node)
    }
}
