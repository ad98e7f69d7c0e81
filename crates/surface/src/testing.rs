//! A world for the tests of this crate: a clock that stands still, ids that count, a store in memory, and a gateway to
//! contracts that the test writes itself.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use affiant_contract::{Contract, Operation, PackSource, Registry, load_file};
use affiant_engine::{Engine, connections::Book, outbox::Outbox, ports::*, seal::Sealer};
use affiant_journal::{Digest, StreamId, TenantId, Timestamp};
use affiant_policy::{PolicySet, Principal, PrincipalKind, Role};
use affiant_store::{MemoryBlobs, MemoryLogFiles, MemoryStore};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    auth::{Credential, KeyRecord, Keyring, NewKey},
    gateway::{Gateway, Handlers, Parts, Settings},
    handlers::services::{Facts, Services, StorageKind},
};

/// A clock that stands still until it is advanced.
pub(crate) struct FakeClock(AtomicI64);

impl Default for FakeClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_795_359_600_000_000))
    }
}

impl FakeClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn mono(&self) -> u64 {
        u64::try_from(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// Ids and bytes that count.
#[derive(Default)]
pub(crate) struct FakeChance(AtomicU64);

impl Chance for FakeChance {
    fn id(&self, prefix: &str, _: Timestamp) -> String {
        format!("{prefix}01JDA3K9W2ZB8R5M0C7T{:06}", self.0.fetch_add(1, Ordering::SeqCst))
    }

    fn fill(&self, bytes: &mut [u8]) {
        let seed = self.0.fetch_add(1, Ordering::SeqCst);
        for (place, chunk) in bytes.chunks_mut(32).enumerate() {
            let block = Digest::of(format!("{seed} {place}").as_bytes());
            chunk.copy_from_slice(&block.0[..chunk.len()]);
        }
    }
}

/// A principal with this role.
pub(crate) fn principal(tenant: &str, id: &str, role: Role) -> Principal {
    let auth = format!("key:key_{id}").into();
    Principal { tenant: tenant.into(), id: id.into(), kind: PrincipalKind::User, role, auth }
}

/// Carries out operations that are bound to a service; what it answers, the test says in the address.
pub(crate) struct FakeTools;

#[async_trait]
impl Tools for FakeTools {
    fn carries(&self, operation: &Contract) -> bool {
        let bound = |operation: &Operation| operation.binding != affiant_contract::Binding::Builtin;
        &*operation.meta.key == "tool.echo" || operation.operation().is_some_and(bound)
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolFailure> {
        let input: Value = serde_json::from_slice(&call.arguments).unwrap();
        let failure = |code: &str| ToolFailure {
            code: code.into(),
            message: "It said no.".into(),
            retryable: false,
            uncertain: false,
            retry_after: None,
        };
        if &*call.operation.meta.key == "tool.echo" {
            return Ok(ToolOutput { value: input });
        }
        match input["answer"].as_str() {
            Some("wrong") => Ok(ToolOutput { value: json!({ "said": 1 }) }),
            Some("never") => std::future::pending().await,
            Some(code) => Err(failure(code)),
            None => Ok(ToolOutput { value: json!({ "said": format!("key {}", call.idempotency_key) }) }),
        }
    }

    async fn preview(&self, _: &ToolCall) -> Result<Preview, ToolFailure> {
        let (title, effect) = ("Say no".to_owned(), "nothing".to_owned());
        Ok(Preview { title, effect, body: "-yes\n+no\n".repeat(30), media: "text/x-diff".to_owned() })
    }
}

/// Reads nothing: every source is empty.
struct NoSources;

#[async_trait]
impl Sources for NoSources {
    async fn read(&self, _: &PackSource, _: &Scope) -> Result<Vec<SourceItem>, SourceFailure> {
        Ok(Vec::new())
    }
}

/// Delivers nothing, to nobody here.
struct FakeCourier;

#[async_trait]
impl Deliver for FakeCourier {
    async fn admits(&self, url: &str) -> Result<(), DeliveryFailure> {
        let refused = || DeliveryFailure {
            code: "address-not-allowed".into(),
            message: "this is not an address of the public internet".into(),
            retryable: false,
            retry_after: None,
        };
        if url.contains("127.0.0.1") { Err(refused()) } else { Ok(()) }
    }

    async fn deliver(&self, _: Delivery) -> Result<(), DeliveryFailure> {
        Ok(())
    }
}

/// Seals nothing: what was sealed can be read by anybody, until its subject is erased. For tests alone.
#[derive(Default)]
pub(crate) struct GlassVault(Mutex<BTreeSet<String>>);

impl Vault for GlassVault {
    fn seal(&self, _: &Place<'_>, disclosure: &str) -> Result<Arc<[u8]>, VaultError> {
        Ok(disclosure.as_bytes().into())
    }

    fn open(&self, place: &Place<'_>, cipher: &[u8]) -> Result<String, VaultError> {
        if self.0.lock().unwrap().contains(place.subject) {
            return Err(VaultError::Erased);
        }
        String::from_utf8(cipher.to_vec()).map_err(|_| VaultError::Refused)
    }

    fn erase(&self, _: &TenantId, subject: &str) -> Result<(), VaultError> {
        self.0.lock().unwrap().insert(subject.to_owned());
        Ok(())
    }
}

/// A gateway, with keys of everybody who may stand in front of it.
pub(crate) struct World {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) services: Services,
    keys: Vec<(&'static str, String)>,
}

/// Who stands in front of the gateway, beside nobody.
pub(crate) const CALLERS: &[&str] = &["revoked", "expired", "user", "admin", "other tenant"];

impl World {
    /// A world with these contracts, carried out by these handlers.
    pub(crate) fn new(contracts: Vec<Contract>, handlers: impl FnOnce(&Services) -> Handlers) -> Self {
        let clock = Arc::new(FakeClock::default());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(clock.clone()));
        let chance = Arc::new(FakeChance::default());
        let keyring = Arc::new(Keyring::default());
        let keys = CALLERS.iter().map(|caller| (*caller, key(caller, &keyring, &*clock, &*chance))).collect();
        let registry = Arc::new(Registry::new(contracts).unwrap());
        let ports = Ports {
            store: store.clone(),
            blobs: Arc::new(MemoryBlobs::default()),
            vault: Arc::new(GlassVault::default()),
            tools: Arc::new(FakeTools),
            models: Arc::new(NoModels),
            sources: Arc::new(NoSources),
            clock: clock.clone(),
            chance: chance.clone(),
        };
        let settings = affiant_engine::Settings::new("b_test".into(), "w_test".into());
        let engine = Engine::new(ports.clone(), registry.clone(), PolicySet::default(), settings);
        let facts = Facts {
            version: "0.1.0",
            started_at: clock.now(),
            address: "http://127.0.0.1:4780".into(),
            data_dir: "/var/lib/affiant".into(),
            storage: StorageKind::Memory,
            workers: 2,
            workspaces: Vec::new(),
        };
        // What is said of keys of providers is only true of a vault that one cannot look through.
        let sealed = Arc::new(affiant_store::KeyVault::in_memory(Arc::new(FakeChance::default())).unwrap());
        let services = Services {
            registry: registry.clone(),
            store: store.clone(),
            blobs: ports.blobs,
            vault: ports.vault,
            keyring: keyring.clone(),
            recorder: engine.clone(),
            clock: clock.clone(),
            chance: chance.clone(),
            engine: engine.clone(),
            outbox: Outbox::new(engine.clone(), Arc::new(FakeCourier)),
            connections: Arc::new(Book::new(store.clone(), sealed, Vec::new())),
            check: Arc::new(FakeCheck),
            sealer: Sealer::new(engine.clone(), Arc::new(MemoryLogFiles::default()), "affiant.test"),
            desk: Arc::default(),
            codes: Arc::default(),
            stop: CancellationToken::new(),
            facts: Arc::new(facts),
        };
        let gateway = Gateway::new(Parts {
            handlers: handlers(&services),
            registry,
            tools: Arc::new(FakeTools),
            store,
            keyring,
            recorder: engine,
            clock: clock.clone(),
            chance,
            settings: Settings { tenant: "t_a".into(), check_outputs: true },
        });
        Self { gateway: gateway.unwrap(), clock, services, keys }
    }

    /// A world with every shipped contract, carried out by this crate.
    pub(crate) fn shipped() -> Self {
        Self::new(affiant_contract::builtin(), crate::handlers::all)
    }

    /// The events of a tenant's admin stream from this one on: who, what, and what was said.
    pub(crate) async fn admin_events(&self, tenant: &str, from: u64) -> Vec<String> {
        let entries = self.services.store.load(&tenant.into(), &StreamId::admin(), from, 1000).await.unwrap();
        let line = |entry: &affiant_journal::Entry| {
            let event = affiant_journal::Event::from_bytes(&entry.bytes).unwrap();
            let body = serde_json::to_string(&event.body).unwrap();
            format!("{} {} {body}", event.actor.id, event.body.name())
        };
        entries.iter().map(line).collect()
    }

    /// Lets the engine's worker carry runs out, until the runtime of the test ends.
    pub(crate) fn work(&self) {
        tokio::spawn(self.services.engine.clone().work(self.services.stop.clone()));
    }

    /// What this caller shows; nothing for `no key`.
    pub(crate) fn credential(&self, caller: &str) -> Credential {
        match self.keys.iter().find(|(name, _)| *name == caller) {
            Some((_, key)) => Credential::Key(key.clone()),
            None => Credential::None,
        }
    }
}

/// Knows one model, and refuses one key.
struct FakeCheck;

#[async_trait]
impl CheckConnection for FakeCheck {
    async fn check(&self, connection: Connection, _: Option<&str>) -> Result<Checked, ModelFailure> {
        match connection.key {
            Some(key) if key.reveal() == "refused" => Err(ModelFailure {
                code: "provider-refused".into(),
                message: format!("`{}` did not accept the key", connection.name),
                retryable: false,
                retry_after: None,
                usage: None,
            }),
            _ => Ok(Checked { models: vec!["small".into()], paid: false }),
        }
    }
}

fn key(caller: &str, keyring: &Keyring, clock: &dyn Clock, chance: &dyn Chance) -> String {
    let role = if caller == "user" { Role::User } else { Role::Admin };
    let tenant = if caller == "other tenant" { "t_b" } else { "t_a" };
    let new = NewKey {
        tenant: tenant.into(),
        principal: format!("u_{}", caller.replace(' ', "_")).into(),
        kind: PrincipalKind::User,
        role,
        label: None,
        expires: (caller == "expired").then(|| Timestamp(clock.now().0 - 1)),
        created_by: "u_admin".into(),
    };
    let (token, mut record) = KeyRecord::make(new, Timestamp(0), chance);
    record.revoked_at = (caller == "revoked").then_some(Timestamp(1));
    keyring.put(record);
    token.reveal().to_owned()
}

/// An operation with `extra` fields of its own, as YAML; output and input are open unless `extra` says otherwise.
pub(crate) fn operation(kind: &str, key: &str, version: &str, extra: &str) -> Contract {
    let open = "{ type: object, properties: { said: { type: string }, answer: { type: string } }, \
                additionalProperties: false }";
    let mut text = format!(
        "kind: {kind}\nkey: {key}\nversion: {version}\ntitle: A Test\ndescription: Carries out a test.\n\
         domain: test\nowners: [test]\ntags: [test]\nstability: experimental\ncapability: test.capability@1.0.0\n"
    );
    for (field, default) in [("input:", open), ("output:", open), ("policy:", "{ auth: user }")] {
        if !extra.contains(field) {
            text.push_str(&format!("{field} {default}\n"));
        }
    }
    text.push_str(extra);
    load_file("test.yaml", &text).unwrap_or_else(|findings| panic!("{text}\n{findings:?}"))
}
