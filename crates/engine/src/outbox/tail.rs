//! The record as webhooks read it.

use affiant_journal::TenantId;

use super::{hook::Hook, message};
use crate::{
    ends,
    ports::{Store, StoreError},
};

/// Entries read at once.
pub(super) const PAGE: usize = 512;
/// The most entries that are looked through to count what waits.
const COUNTED: usize = 16;

/// The place of the last entry; 0 when there is none. `known` is a place that is not behind it: the nearer, the fewer
/// questions.
pub async fn end(store: &dyn Store, known: u64) -> Result<u64, StoreError> {
    ends::end(known, async move |place| Ok(!store.tail(place, 1).await?.is_empty())).await
}

/// How many events after a place are meant for a webhook; of a long tail only the beginning is counted.
pub(super) async fn count(
    store: &dyn Store,
    tenant: &TenantId,
    hook: &Hook,
    mut after: u64,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for _ in 0..COUNTED {
        let page = store.tail(after, PAGE).await?;
        let Some(last) = page.last().map(|entry| entry.position) else { break };
        after = last;
        for entry in page.iter().filter(|entry| entry.tenant == *tenant) {
            let Some(event) = message::read(entry) else { continue };
            count += message::keys(&event).iter().filter(|key| hook.wants(key)).count() as u64;
        }
    }
    Ok(count)
}
