//! How often may one credential call one operation? A token bucket for each pair, in memory, per server process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use affiant_contract::RateLimit;

/// Beyond this many buckets, those that are full again are forgotten: they say nothing.
const MANY: usize = 10_000;

/// The buckets. Only operations whose contract names a limit have any.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    buckets: Mutex<HashMap<Place, Bucket>>,
}

/// Whose bucket for which operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The credential, or the address of a caller without one.
    pub(crate) caller: Arc<str>,
    /// The operation's place in the route table.
    pub(crate) route: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Calls left, in units of [`CALL`].
    level: u64,
    /// When the level was right, in microseconds of the monotonic clock.
    at: u64,
    limit: RateLimit,
}

/// One call. With the microseconds of a minute as the unit, a refill is a product and nothing is rounded away.
const CALL: u64 = 60_000_000;

impl Limiter {
    /// Takes one call out of the bucket; or says how long until there is one.
    pub(crate) fn take(&self, place: Place, limit: RateLimit, mono: u64) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MANY && !buckets.contains_key(&place) {
            buckets.retain(|_, bucket| bucket.refilled(mono).level < full(bucket.limit));
        }
        let fresh = Bucket { level: full(limit), at: mono, limit };
        let bucket = buckets.entry(place).or_insert(fresh);
        *bucket = bucket.refilled(mono);
        match bucket.level.checked_sub(CALL) {
            Some(rest) => {
                bucket.level = rest;
                Ok(())
            }
            None => Err(bucket.wait()),
        }
    }
}

fn full(limit: RateLimit) -> u64 {
    u64::from(limit.burst.max(1)) * CALL
}

impl Bucket {
    fn refilled(self, mono: u64) -> Self {
        let gained = mono.saturating_sub(self.at).saturating_mul(u64::from(self.limit.per_minute));
        Self { level: self.level.saturating_add(gained).min(full(self.limit)), at: mono, ..self }
    }

    /// How long until one call is in it; an hour for an operation that is closed (`perMinute: 0`).
    fn wait(self) -> Duration {
        let missing = CALL - self.level;
        let micros = match u64::from(self.limit.per_minute) {
            0 => 3_600_000_000,
            per_minute => missing.div_ceil(per_minute),
        };
        Duration::from_micros(micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(caller: &str) -> Place {
        Place { caller: caller.into(), route: 0 }
    }

    const LIMIT: RateLimit = RateLimit { per_minute: 60, burst: 2 };

    #[test]
    fn a_burst_passes_and_then_one_call_a_second() {
        let limiter = Limiter::default();
        let take = |at: u64| limiter.take(place("a"), LIMIT, at).map_err(|wait| wait.as_millis());
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(0), Err(1000));
        assert_eq!(take(400_000), Err(600));
        assert_eq!(take(1_000_001), Ok(()));
        assert_eq!(take(1_000_002), Err(999));
    }

    #[test]
    fn asking_often_does_not_slow_the_refill() {
        let limiter = Limiter::default();
        let slow = RateLimit { per_minute: 1, burst: 1 };
        assert!(limiter.take(place("a"), slow, 0).is_ok());
        for second in 1..60 {
            assert!(limiter.take(place("a"), slow, second * 1_000_000).is_err(), "{second}");
        }
        assert!(limiter.take(place("a"), slow, 60_000_001).is_ok());
    }

    #[test]
    fn one_callers_haste_is_not_anothers_delay() {
        let limiter = Limiter::default();
        let closed = RateLimit { per_minute: 0, burst: 1 };
        assert!(limiter.take(place("a"), closed, 0).is_ok());
        assert_eq!(limiter.take(place("a"), closed, 9).map_err(|wait| wait.as_secs()), Err(3600));
        assert!(limiter.take(place("b"), closed, 9).is_ok());
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let limiter = Limiter::default();
        for caller in 0..MANY {
            let _ = limiter.take(place(&caller.to_string()), LIMIT, 0);
        }
        let _ = limiter.take(place("late"), LIMIT, 10_000_000);
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }
}
