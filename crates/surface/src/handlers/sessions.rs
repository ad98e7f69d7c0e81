//! `session.create`: a code that signs a browser in. The code is kept in memory, as its digest, until it was used or its
//! minute is over; a server that starts again knows of none.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use affiant_engine::ports::Chance;
use affiant_journal::{Digest, Timestamp};
use affiant_policy::Principal;
use serde::{Deserialize, Serialize};

use super::{services::Services, wire::Moment};
use crate::{
    gateway::{Context, Handlers},
    problem::Refusal,
};

/// How long a code works, in microseconds.
const LIFE: i64 = 60_000_000;

/// The most codes that wait to be used. Whoever asks for more makes the oldest useless.
const MANY: usize = 1000;

/// The first page of Studio.
pub(crate) const START: &str = "/studio";

/// The handlers of this domain.
pub fn handlers(services: &Services) -> Handlers {
    let services = Arc::new(services.clone());
    let create = move |context, input| std::future::ready(create(&services, &context, input));
    Handlers::new().on("session.create", "^1", create)
}

/// Input of `session.create`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateInput {
    next: Option<String>,
}

/// Output of `session.create`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    expires_at: Moment,
}

fn create(services: &Services, context: &Context, input: CreateInput) -> Result<CreateOutput, Refusal> {
    let now = services.clock.now();
    let (code, expires) = services.codes.make(context.who.clone(), now, &*services.chance);
    let next = input.next.unwrap_or_else(|| START.to_owned());
    let query = crate::rest::query::encode(&[("code", &code), ("next", &next)]);
    let url = format!("{}{START}/enter?{query}", services.facts.address);
    Ok(CreateOutput { url: Some(url), expires_at: expires.into() })
}

/// The codes that wait to be used.
#[derive(Debug, Default)]
pub struct Codes(Mutex<HashMap<Digest, (Arc<Principal>, Timestamp)>>);

impl Codes {
    /// A fresh code for somebody, and when it stops working.
    fn make(&self, who: Arc<Principal>, now: Timestamp, chance: &dyn Chance) -> (String, Timestamp) {
        let mut secret = [0; 24];
        chance.fill(&mut secret);
        let code: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let expires = Timestamp(now.0 + LIFE);
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (_, expires)| *expires > now);
        while codes.len() >= MANY {
            let oldest = codes.iter().min_by_key(|(_, (_, expires))| *expires).map(|(code, _)| *code);
            oldest.map(|oldest| codes.remove(&oldest));
        }
        codes.insert(Digest::of(code.as_bytes()), (who, expires));
        (code, expires)
    }

    /// Whom a code signs in. It works once.
    pub(crate) fn redeem(&self, code: &str, now: Timestamp) -> Option<Arc<Principal>> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (who, expires) = codes.remove(&Digest::of(code.as_bytes()))?;
        (expires > now).then_some(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeChance;

    #[test]
    fn a_code_works_once_and_for_a_minute() {
        let (codes, chance) = (Codes::default(), FakeChance::default());
        let who = || Arc::new(Principal::anonymous("t_a".into()));
        let (code, expires) = codes.make(who(), Timestamp(0), &chance);
        assert_eq!(expires, Timestamp(LIFE));
        assert!(codes.redeem("another", Timestamp(1)).is_none());
        assert!(codes.redeem(&code, Timestamp(1)).is_some());
        assert!(codes.redeem(&code, Timestamp(1)).is_none());
        let (late, _) = codes.make(who(), Timestamp(0), &chance);
        assert!(codes.redeem(&late, Timestamp(LIFE)).is_none());
    }

    #[test]
    fn whoever_asks_for_too_many_codes_loses_the_oldest() {
        let (codes, chance) = (Codes::default(), FakeChance::default());
        let made = |at| codes.make(Arc::new(Principal::anonymous("t_a".into())), Timestamp(at), &chance).0;
        let first = made(0);
        let rest: Vec<String> = (1..=MANY as i64).map(made).collect();
        assert!(codes.redeem(&first, Timestamp(5000)).is_none());
        assert!(codes.redeem(&rest[0], Timestamp(5000)).is_some());
    }
}
