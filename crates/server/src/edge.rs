//! The edge of the program: the real clock and real chance, which everything else takes as arguments.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the real clock")]

use std::{
    sync::Mutex,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use affiant_engine::ports::{Chance, Clock};
use affiant_journal::Timestamp;

/// The machine's clocks.
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a broken clock; zero is as honest as any other answer.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The operating system's randomness, and ULIDs that only grow.
#[derive(Default)]
pub(crate) struct SystemChance {
    last: Mutex<ulid::Ulid>,
    small: Mutex<Small>,
}

/// Randomness fetched ahead for ids and salts, of which a run needs many: the system is asked once for dozens of them.
/// Every byte is handed out once, and keys never come from here.
struct Small {
    bytes: [u8; 1024],
    used: usize,
}

impl Default for Small {
    fn default() -> Self {
        Self { bytes: [0; 1024], used: 1024 }
    }
}

impl Small {
    /// The most bytes that are taken from what was fetched ahead.
    const MOST: usize = 16;

    fn take(&mut self, wanted: &mut [u8]) {
        if self.bytes.len() - self.used < wanted.len() {
            fetch(&mut self.bytes);
            self.used = 0;
        }
        let (from, to) = (self.used, self.used + wanted.len());
        wanted.copy_from_slice(&self.bytes[from..to]);
        self.bytes[from..to].fill(0);
        self.used = to;
    }
}

fn fetch(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("an operating system without randomness cannot run a server");
}

impl Chance for SystemChance {
    fn id(&self, prefix: &str, now: Timestamp) -> String {
        let millis = u64::try_from(now.0 / 1000).unwrap_or(0);
        let mut random = [0; 16];
        self.fill(&mut random);
        let fresh = ulid::Ulid::from_parts(millis, u128::from_be_bytes(random));
        let mut last = self.last.lock().expect("nothing panics while it holds this lock");
        // Within one millisecond, or after a clock that went back, the next id is one more than the last.
        let next = if fresh > *last { fresh } else { ulid::Ulid(last.0 + 1) };
        *last = next;
        format!("{prefix}{next}")
    }

    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > Small::MOST {
            return fetch(bytes);
        }
        self.small.lock().expect("nothing panics while it holds this lock").take(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_random_byte_is_handed_out_twice() {
        let chance = SystemChance::default();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let mut salt = [0; 16];
            chance.fill(&mut salt);
            assert!(seen.insert(salt) && salt != [0; 16], "{salt:?}");
        }
        assert!(chance.small.lock().unwrap().bytes[..16].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn every_id_is_greater_than_the_one_before_it_even_when_the_clock_goes_back() {
        let chance = SystemChance::default();
        let ids: Vec<String> =
            [5000, 5000, 1000, 9000].iter().map(|at| chance.id("run_", Timestamp(at * 1000))).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    }
}
