//! What does a second call with the same `Idempotency-Key` get? The first one's reply, byte for byte.
//!
//! The scope of a key is tenant, principal and operation, whatever its version: a retry through `/v1` after an upgrade
//! is still the same call. A reply is kept for a day. While a call is under way its key is taken, in this process and
//! in the store, so that neither a second request nor a second server begins the same work. A call that failed gives
//! its key back: nothing was accepted, so there is nothing to repeat.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use affiant_engine::ports::{Clock, Remembered, Store, StoreError};
use affiant_journal::{Digest, TenantId, Timestamp};
use affiant_policy::Principal;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{gateway::Keep, problem::Refusal};

/// How long a reply is kept.
pub const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a key stays taken by a call of which nobody hears any more, because its server died.
const TAKEN: Duration = Duration::from_secs(15 * 60);

/// The longest key.
const MAX_KEY: usize = 255;

/// Under which a reply is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub tenant: TenantId,
    /// Operation, principal and key.
    pub scope: String,
    /// Digest of the input.
    pub request: Digest,
}

impl Place {
    /// The place of a call.
    ///
    /// # Errors
    ///
    /// `input-invalid` when the key is empty, longer than 255 characters, or not printable ASCII without spaces.
    pub(crate) fn of(who: &Principal, operation: &str, key: &str, input: &Value) -> Result<Self, Refusal> {
        let printable = key.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if key.is_empty() || key.len() > MAX_KEY || !printable {
            let message = format!("must be one to {MAX_KEY} printable ASCII characters without spaces");
            return Err(Refusal::invalid_field("/Idempotency-Key", "idempotency-key", message));
        }
        let scope = format!("{operation}\n{}\n{key}", who.id);
        Ok(Self { tenant: who.tenant.clone(), scope, request: digest(input) })
    }
}

/// A reply as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Version of the contract that answered.
    pub version: Arc<str>,
    /// Where to look further, when the reply was "accepted".
    pub location: Option<String>,
    /// The reply's bytes.
    pub body: Bytes,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
}

impl Kept {
    /// One line of JSON, then the reply's bytes as they were sent.
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let head = Head { version: self.version.clone(), location: self.location.clone() };
        let mut bytes = serde_json::to_vec(&head).expect("texts are always JSON");
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes.into()
    }

    /// Reads what `to_bytes` wrote.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&bytes[..end]).ok()?;
        let body = Bytes::copy_from_slice(&bytes[end + 1..]);
        Some(Self { version: head.version, location: head.location, body })
    }
}

/// Replies by key.
pub(crate) struct Memory {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    under_way: Mutex<HashMap<(TenantId, String), Digest>>,
}

/// What becomes of a call with a key.
pub(crate) enum Begun {
    /// It is the first: carry it out, then say how it ended.
    First(Taken),
    /// It was answered before.
    Again(Kept),
}

/// A key that is taken until [`Memory::keep`] or [`Memory::give_back`].
pub(crate) struct Taken {
    memory: Arc<Memory>,
    place: Place,
    /// Whether the store knows that the key is taken.
    reserved: bool,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let place = (self.place.tenant.clone(), std::mem::take(&mut self.place.scope));
        self.memory.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&place);
    }
}

impl Memory {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { store, clock, under_way: Mutex::default() })
    }

    /// Takes the key, or gives the reply that stands under it. With `reserve` the store is told as well, for calls
    /// whose reply is not kept in the transaction of their work.
    ///
    /// # Errors
    ///
    /// `idempotency-conflict` for another input under the same key, `idempotency-in-flight` while the first call is
    /// under way, or what the store says.
    pub(crate) async fn begin(self: &Arc<Self>, place: Place, reserve: bool) -> Result<Begun, Refusal> {
        self.take_here(&place)?;
        let taken = Taken { memory: self.clone(), place, reserved: reserve };
        if let Some(known) = self.store.recall(&taken.place.tenant, &taken.place.scope).await? {
            return answered(&taken.place, known).map(Begun::Again);
        }
        if !reserve {
            return Ok(Begun::First(taken));
        }
        let reservation = self.remembered(&taken.place, None, self.clock.now().plus(TAKEN));
        match self.store.remember(&taken.place.tenant, reservation, true).await {
            Ok(()) => Ok(Begun::First(taken)),
            Err(StoreError::Remembered(known)) => answered(&taken.place, *known).map(Begun::Again),
            Err(error) => Err(error.into()),
        }
    }

    fn take_here(&self, place: &Place) -> Result<(), Refusal> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get(&(place.tenant.clone(), place.scope.clone())) {
            Some(request) if *request == place.request => Err(Refusal::plain("idempotency-in-flight")),
            Some(_) => Err(conflict()),
            None => {
                under_way.insert((place.tenant.clone(), place.scope.clone()), place.request);
                Ok(())
            }
        }
    }

    /// Keeps the reply. The work is done, so a store that does not answer now costs the key and not the reply.
    pub(crate) async fn keep(&self, taken: Taken, reply: &Kept) {
        let kept = self.remembered(&taken.place, Some(reply.to_bytes()), self.clock.now().plus(KEPT));
        if let Err(error) = self.store.remember(&taken.place.tenant, kept, false).await {
            tracing::error!(%error, "a reply could not be kept under its idempotency key");
        }
    }

    /// What a handler needs to keep its reply itself.
    pub(crate) fn keep_of(&self, taken: &Taken, version: &Arc<str>) -> Keep {
        let (place, version) = (taken.place.clone(), version.clone());
        Keep { place, version, expires: self.clock.now().plus(KEPT) }
    }

    /// Gives the key back after a call that failed.
    pub(crate) async fn give_back(&self, taken: Taken) {
        if !taken.reserved {
            return;
        }
        let gone = self.remembered(&taken.place, None, Timestamp(0));
        if let Err(error) = self.store.remember(&taken.place.tenant, gone, false).await {
            tracing::warn!(%error, "an idempotency key could not be given back; it is free in a quarter of an hour");
        }
    }

    fn remembered(&self, place: &Place, reply: Option<Arc<[u8]>>, expires: Timestamp) -> Remembered {
        Remembered { scope: place.scope.clone(), request: place.request, reply, expires }
    }
}

/// What a known key means for this call.
fn answered(place: &Place, known: Remembered) -> Result<Kept, Refusal> {
    if known.request != place.request {
        return Err(conflict());
    }
    let reply = known.reply.ok_or_else(|| Refusal::plain("idempotency-in-flight"))?;
    Kept::of_bytes(&reply).ok_or_else(|| Refusal::internal("a kept reply cannot be read"))
}

fn conflict() -> Refusal {
    Refusal::new("idempotency-conflict", "The key was used before for this operation, with another input.")
}

/// Digest of a value, the same however its fields are ordered and its text was spaced.
fn digest(value: &Value) -> Digest {
    let mut hash = Sha256::new();
    feed(value, &mut hash);
    Digest(hash.finalize().into())
}

fn feed(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.iter().collect();
            names.sort_unstable_by_key(|(name, _)| *name);
            hash.update([b'{']);
            for (name, value) in names {
                text(name, hash);
                feed(value, hash);
            }
            hash.update([b'}']);
        }
        Value::Array(items) => {
            hash.update([b'[']);
            items.iter().for_each(|item| feed(item, hash));
            hash.update([b']']);
        }
        Value::String(string) => text(string, hash),
        other => {
            hash.update([b'=']);
            text(&other.to_string(), hash);
        }
    }
}

/// A text with its length before it, so that no two sequences of texts give the same bytes.
fn text(text: &str, hash: &mut Sha256) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use affiant_store::MemoryStore;

    use crate::testing::FakeClock;

    fn place(key: &str, input: Value) -> Place {
        let who = crate::testing::principal("t_a", "u_a", affiant_policy::Role::User);
        Place::of(&who, "agent.run", key, &input).unwrap()
    }

    fn memory() -> (Arc<FakeClock>, Arc<Memory>) {
        let clock = Arc::new(FakeClock::default());
        (clock.clone(), Memory::new(Arc::new(MemoryStore::new(clock.clone())), clock))
    }

    fn reply(body: &'static str) -> Kept {
        Kept { version: "1.0.0".into(), location: Some("/x".into()), body: body.into() }
    }

    async fn says(memory: &Arc<Memory>, place: Place) -> String {
        match memory.begin(place, true).await {
            Ok(Begun::First(_)) => "first".into(),
            Ok(Begun::Again(kept)) => format!("again {}", String::from_utf8_lossy(&kept.body)),
            Err(refusal) => refusal.code().into(),
        }
    }

    async fn first(memory: &Arc<Memory>, place: Place) -> Taken {
        match memory.begin(place, true).await {
            Ok(Begun::First(taken)) => taken,
            _ => panic!("the key is taken"),
        }
    }

    #[tokio::test]
    async fn the_same_key_and_input_gets_the_first_reply_until_it_is_forgotten() {
        let (clock, memory) = memory();
        let taken = first(&memory, place("k", json!({"a": 1, "b": 2}))).await;
        assert_eq!(says(&memory, place("k", json!({"b": 2, "a": 1}))).await, "idempotency-in-flight");
        assert_eq!(says(&memory, place("k", json!({"a": 2}))).await, "idempotency-conflict");
        memory.keep(taken, &reply("first reply")).await;
        assert_eq!(says(&memory, place("k", json!({"b": 2, "a": 1}))).await, "again first reply");
        assert_eq!(says(&memory, place("k", json!({"a": 2}))).await, "idempotency-conflict");
        assert_eq!(says(&memory, place("other", json!({"a": 2}))).await, "first");
        clock.advance(KEPT + Duration::from_secs(1));
        assert_eq!(says(&memory, place("k", json!({"a": 2}))).await, "first");
    }

    #[tokio::test]
    async fn a_call_that_failed_gives_its_key_back() {
        let (_, memory) = memory();
        let taken = first(&memory, place("k", json!({}))).await;
        memory.give_back(taken).await;
        assert_eq!(says(&memory, place("k", json!({ "corrected": true }))).await, "first");
    }

    #[tokio::test]
    async fn a_key_taken_by_a_server_that_died_is_free_after_a_while() {
        let (clock, memory) = memory();
        drop(first(&memory, place("k", json!({}))).await);
        assert_eq!(says(&memory, place("k", json!({}))).await, "idempotency-in-flight");
        clock.advance(TAKEN + Duration::from_secs(1));
        assert_eq!(says(&memory, place("k", json!({}))).await, "first");
    }

    #[test]
    fn values_that_differ_have_digests_that_differ() {
        let values = [json!("1"), json!(1), json!([1]), json!({"1": null}), json!(["1", ""]), json!(["", "1"])];
        let digests: std::collections::BTreeSet<_> = values.iter().map(digest).collect();
        assert_eq!(digests.len(), values.len());
    }

    #[test]
    fn a_key_is_short_and_printable() {
        let who = crate::testing::principal("t_a", "u_a", affiant_policy::Role::User);
        for key in ["", "a b", "ü", &"k".repeat(256)] {
            assert_eq!(Place::of(&who, "x", key, &json!({})).unwrap_err().code(), "input-invalid", "{key:?}");
        }
    }

    #[test]
    fn a_kept_reply_reads_back_whatever_its_bytes() {
        let kept = Kept { version: "1.0.0".into(), location: None, body: Bytes::from_static(b"a\n\nb\xff") };
        assert_eq!(Kept::of_bytes(&kept.to_bytes()), Some(kept));
    }
}
