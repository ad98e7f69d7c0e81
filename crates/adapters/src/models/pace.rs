//! The pace of a provider: how many requests at once, and when the next one may leave. Everybody who asks with the same
//! key at the same place shares one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use affiant_engine::ports::Connection;
use affiant_journal::{Digest, TenantId};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep_until},
};

/// All paces.
#[derive(Default)]
pub(super) struct Paces {
    lanes: Mutex<HashMap<Digest, Arc<Lane>>>,
}

/// One pace.
pub(super) struct Lane {
    places: Arc<Semaphore>,
    at_once: u32,
    rests_until: Mutex<Option<Instant>>,
}

impl Paces {
    /// The pace of a connection: that of its key where it has one, of its tenant and name where not.
    pub(super) fn lane(&self, tenant: &TenantId, connection: &Connection) -> Arc<Lane> {
        let base = connection.base_url.as_deref().unwrap_or(connection.kind.base_url());
        let owner = match &connection.key {
            Some(key) => key.reveal().to_owned(),
            None => format!("{tenant}\0{}", connection.name),
        };
        let id = Digest::of(format!("{base}\0{owner}").as_bytes());
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(id).or_insert_with(|| Arc::new(Lane::new(connection.at_once)));
        if lane.at_once != connection.at_once {
            *lane = Arc::new(Lane { rests_until: Mutex::new(lane.rest()), ..Lane::new(connection.at_once) });
        }
        lane.clone()
    }
}

impl Lane {
    fn new(at_once: u32) -> Self {
        let at_once = at_once.max(1);
        Self { places: Arc::new(Semaphore::new(at_once as usize)), at_once, rests_until: Mutex::new(None) }
    }

    fn rest(&self) -> Option<Instant> {
        *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place and for the provider's rest to end. Says how long that took: zero when it was our turn.
    ///
    /// # Errors
    ///
    /// How long the rest goes on, when that is longer than `patience`. Nobody waits then.
    pub(super) async fn turn(&self, patience: Duration) -> Result<(OwnedSemaphorePermit, Duration), Duration> {
        let (since, mut waited) = (Instant::now(), false);
        let place = match self.places.clone().try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                waited = true;
                self.places.clone().acquire_owned().await.expect("nobody closes the lane")
            }
        };
        // Another request may have been told to wait while this one waited: look again each time.
        while let Some(until) = self.rest() {
            let left = until.saturating_duration_since(Instant::now());
            match left {
                Duration::ZERO => break,
                left if left > patience => return Err(left),
                _ => {
                    waited = true;
                    sleep_until(until).await;
                }
            }
        }
        Ok((place, if waited { since.elapsed() } else { Duration::ZERO }))
    }

    /// Nobody leaves before this time has passed.
    pub(super) fn rest_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut rests = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        *rests = Some(rests.map_or(until, |before| before.max(until)));
    }
}
