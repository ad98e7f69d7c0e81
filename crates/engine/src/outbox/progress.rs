//! How far a webhook has come: what is stored of it, and when a delivery is tried again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use affiant_journal::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ports::{DeliveryFailure, Document, Store, StoreError};

/// The collection of documents that holds how far webhooks have come.
pub(super) const COLLECTION: &str = "webhook-progress";

/// The waits between two attempts of one delivery, in seconds: about a day, then it is given up.
const WAITS: [u64; 9] = [5, 30, 120, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];

/// How far a webhook has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// The place up to which every entry was taken, or stands in `open`.
    pub(super) cursor: u64,
    /// Deliveries that are not done, by place and by number among the events of one entry.
    #[serde(with = "as_list")]
    pub(super) open: BTreeMap<Spot, Attempts>,
    /// When the receiver accepted one last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delivered: Option<Timestamp>,
    /// What the last attempt met, if it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// Whether nothing is delivered any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) off: bool,
}

/// Which event: the place of its entry, and its number among the events that the entry is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Spot {
    pub(super) place: u64,
    pub(super) nth: u8,
}

/// The attempts of one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// How many there were.
    pub(super) made: u32,
    /// When the first was due.
    pub(super) since: Timestamp,
    /// When the next is due.
    pub(super) at: Timestamp,
}

/// What becomes of a delivery that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is tried again then.
    Again(Timestamp),
    /// It is given up; others are delivered.
    Dropped,
    /// Nothing is delivered any more.
    Off,
}

impl Progress {
    /// A webhook that is told of what comes after this place.
    pub(super) fn from(cursor: u64) -> Self {
        Self { cursor, ..Self::default() }
    }

    pub(super) async fn load(store: &dyn Store, tenant: &TenantId, id: &str) -> Result<Self, StoreError> {
        let found = store.document(tenant, COLLECTION, id).await?.and_then(|document| document.value);
        let read = |value| serde_json::from_value(value).map_err(|error| StoreError::Damaged(error.to_string()));
        found.map_or(Ok(Self::default()), read)
    }

    pub(super) fn document(&self, tenant: &TenantId, id: &Arc<str>) -> Document {
        let value = serde_json::to_value(self).expect("numbers, times and texts are JSON");
        Document { tenant: tenant.clone(), collection: COLLECTION.into(), id: id.clone(), value: Some(value) }
    }

    /// What becomes of a delivery whose attempt failed just now. `jitter` spreads the wait over another tenth of it.
    ///
    /// A receiver that is gone (410) or an address that can never work ends the webhook at once. A receiver that has
    /// taken nothing since this delivery was first tried ends it when the waits are used up.
    pub(super) fn fate(&self, attempts: &Attempts, failure: &DeliveryFailure, jitter: u32, now: Timestamp) -> Fate {
        if !failure.retryable && &*failure.code != "address-not-allowed" {
            return Fate::Off;
        }
        let Some(wait) = WAITS.get(attempts.made as usize) else {
            let took_others = self.delivered.is_some_and(|delivered| delivered >= attempts.since);
            return if took_others { Fate::Dropped } else { Fate::Off };
        };
        let wait = Duration::from_secs(*wait);
        let spread = wait.mul_f64(f64::from(jitter) / f64::from(u32::MAX) / 10.0);
        Fate::Again(now.plus((wait + spread).max(failure.retry_after.unwrap_or_default())))
    }
}

/// A map whose keys are no texts, as a list of pairs.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Attempts, Spot};

    pub(super) fn serialize<S: Serializer>(open: &BTreeMap<Spot, Attempts>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(open.iter().map(|(spot, it)| (spot.place, spot.nth, it.made, it.since, it.at)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<Spot, Attempts>, D::Error> {
        let rows = Vec::<(u64, u8, u32, _, _)>::deserialize(d)?;
        let pair = |(place, nth, made, since, at)| (Spot { place, nth }, Attempts { made, since, at });
        Ok(rows.into_iter().map(pair).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_359_600_000_000);

    fn failure(code: &str, retryable: bool) -> DeliveryFailure {
        DeliveryFailure { code: code.into(), message: "m".into(), retryable, retry_after: None }
    }

    fn attempts(made: u32) -> Attempts {
        Attempts { made, since: NOW, at: NOW }
    }

    #[test]
    fn what_is_stored_reads_back() {
        let open = [(Spot { place: 7, nth: 1 }, attempts(2))].into();
        let progress = Progress { cursor: 9, open, delivered: Some(NOW), error: Some("e".into()), off: true };
        let document = progress.document(&"t".into(), &"whk_1".into());
        assert_eq!(serde_json::from_value::<Progress>(document.value.unwrap()).unwrap(), progress);
    }

    #[test]
    fn a_delivery_is_tried_ten_times_in_about_a_day() {
        let progress = Progress::default();
        let waits = (0..9).map(|made| match progress.fate(&attempts(made), &failure("binding-failed", true), 0, NOW) {
            Fate::Again(at) => at.since(NOW).as_secs(),
            other => panic!("{other:?}"),
        });
        assert_eq!(waits.sum::<u64>(), 81_755);
        assert_eq!(progress.fate(&attempts(9), &failure("binding-failed", true), 0, NOW), Fate::Off);
    }

    #[test]
    fn a_receiver_that_took_others_loses_one_delivery_and_not_the_webhook() {
        let progress = Progress { delivered: Some(NOW), ..Progress::default() };
        assert_eq!(progress.fate(&attempts(9), &failure("binding-failed", true), 0, NOW), Fate::Dropped);
    }

    #[test]
    fn a_receiver_that_is_gone_is_not_asked_again_and_a_private_address_may_become_public() {
        let progress = Progress::default();
        assert_eq!(progress.fate(&attempts(0), &failure("binding-failed", false), 0, NOW), Fate::Off);
        let again = progress.fate(&attempts(0), &failure("address-not-allowed", false), 0, NOW);
        assert_eq!(again, Fate::Again(NOW.plus(Duration::from_secs(5))));
    }

    #[test]
    fn a_receiver_that_asks_for_time_gets_it() {
        let busy = DeliveryFailure { retry_after: Some(Duration::from_secs(900)), ..failure("binding-failed", true) };
        let again = Progress::default().fate(&attempts(0), &busy, u32::MAX, NOW);
        assert_eq!(again, Fate::Again(NOW.plus(Duration::from_secs(900))));
    }
}
