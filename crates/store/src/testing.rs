//! Time and chance that tests own.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use affiant_engine::ports::{Chance, Clock};
use affiant_journal::Timestamp;

/// A clock that moves when it is told to.
#[derive(Debug, Default)]
pub struct Hands(AtomicI64);

impl Hands {
    /// A clock that shows this many microseconds since 1970.
    pub fn at(micros: i64) -> Self {
        Self(AtomicI64::new(micros))
    }

    /// Moves the clock to this many microseconds since 1970.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn mono(&self) -> u64 {
        self.0.load(Ordering::SeqCst).unsigned_abs()
    }
}

/// Numbers that look random and come again with the same seed. Never for anything but tests.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// Dice that fall as this seed says.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number (SplitMix64).
    pub fn roll(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Chance for Dice {
    fn id(&self, prefix: &str, now: Timestamp) -> String {
        format!("{prefix}{:016x}{:016x}", now.0, self.roll())
    }

    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.roll().to_le_bytes()[..chunk.len()]);
        }
    }
}
