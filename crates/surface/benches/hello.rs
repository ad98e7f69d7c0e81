//! How much of a bare axum handler's speed is left after all of the gateway? Both answer the same bytes to the same
//! client over loopback, in turns, in the same process; the figure is the median ratio of the turns.
//!
//! `cargo bench -p affiant-surface --bench hello` prints one JSON object.

#![expect(clippy::print_stdout, reason = "the figures are what a benchmark is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time; nothing it measures reads this clock")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use affiant_contract::{Contract, PackSource, Registry, load_file};
use affiant_engine::{
    Engine,
    connections::Book,
    outbox::Outbox,
    ports::{
        Chance, Clock, Deliver, Delivery, DeliveryFailure, NoModels, Place, Ports, Preview, Scope, SourceFailure,
        SourceItem, Sources, ToolCall, ToolFailure, ToolOutput, Tools, Vault, VaultError,
    },
};
use affiant_journal::{TenantId, Timestamp};
use affiant_policy::{PolicySet, PrincipalKind, Role};
use affiant_store::{MemoryBlobs, MemoryStore, testing::Dice};
use affiant_surface::{
    auth::{KeyRecord, Keyring, NewKey},
    gateway::{Gateway, Parts, Settings},
    handlers::{
        self, Services,
        services::{Facts, StorageKind},
    },
    rest,
};
use async_trait::async_trait;
use axum::{Router, http::header, routing::get};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

const TURNS: usize = 9;
const TURN: Duration = Duration::from_millis(400);
const CONNECTIONS: usize = 16;
const HELLO: &str = r#"{"greeting":"hello, Ana"}"#;

const CONTRACT: &str = "
kind: query
key: bench.hello
version: 1.0.0
title: Hello
description: Greets.
goal: Measure the way there and back.
context: Used by the benchmark alone.
domain: bench
owners: [bench]
tags: [bench]
stability: experimental
capability: bench.hello@1.0.0
input:
  type: object
  additionalProperties: false
  required: [name]
  properties: { name: { type: string, pattern: '\\S' }, times: { type: integer, minimum: 1, maximum: 9, default: 1 } }
output:
  type: object
  additionalProperties: false
  required: [greeting]
  properties: { greeting: { type: string } }
policy: { auth: user, rateLimit: { perMinute: 4000000000, burst: 4000000000 } }
hints: { readOnly: true, idempotent: true }
idempotency: natural
";

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Name {
    name: String,
    #[serde(default)]
    #[expect(dead_code, reason = "read as every field is, and of no use here")]
    times: Option<u64>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Greeting {
    greeting: String,
}

struct Wall(Instant);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn mono(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Numbers from dice; ids have the length of a ULID, as keys need it.
struct Counted(Dice);

impl Chance for Counted {
    fn id(&self, prefix: &str, _: Timestamp) -> String {
        format!("{prefix}{:026}", self.0.roll())
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }
}

/// Stands for everything that the way through the gateway does not need.
struct Nothing;

#[async_trait]
impl Tools for Nothing {
    fn carries(&self, _: &Contract) -> bool {
        false
    }

    async fn call(&self, _: ToolCall) -> Result<ToolOutput, ToolFailure> {
        Ok(ToolOutput { value: json!({}) })
    }

    async fn preview(&self, _: &ToolCall) -> Result<Preview, ToolFailure> {
        Ok(Preview { title: String::new(), effect: String::new(), body: String::new(), media: String::new() })
    }
}

#[async_trait]
impl Sources for Nothing {
    async fn read(&self, _: &PackSource, _: &Scope) -> Result<Vec<SourceItem>, SourceFailure> {
        Ok(Vec::new())
    }
}

impl Vault for Nothing {
    fn seal(&self, _: &Place<'_>, disclosure: &str) -> Result<Arc<[u8]>, VaultError> {
        Ok(disclosure.as_bytes().into())
    }

    fn open(&self, _: &Place<'_>, _: &[u8]) -> Result<String, VaultError> {
        Err(VaultError::Refused)
    }

    fn erase(&self, _: &TenantId, _: &str) -> Result<(), VaultError> {
        Ok(())
    }
}

/// The whole surface with every shipped contract, and a key for it.
fn surface() -> (Router, String) {
    let clock: Arc<dyn Clock> = Arc::new(Wall(Instant::now()));
    let chance: Arc<dyn Chance> = Arc::new(Counted(Dice::new(7)));
    let keyring = Arc::new(Keyring::default());
    let new = NewKey {
        tenant: "t_local".into(),
        principal: "u_ana".into(),
        kind: PrincipalKind::User,
        role: Role::User,
        label: None,
        expires: None,
        created_by: "u_ana".into(),
    };
    let (token, record) = KeyRecord::make(new, clock.now(), &*chance);
    let shown = token.reveal().to_owned();
    keyring.put(record);
    let hello = load_file("bench.hello.yaml", CONTRACT).expect("the contract of the benchmark can be read");
    let contracts = affiant_contract::builtin().into_iter().chain([hello]).collect();
    let registry = Arc::new(Registry::new(contracts).expect("no contract is there twice"));
    let greet = |_, input: Name| {
        let greeting = format!("hello, {}", input.name);
        std::future::ready(Ok(Greeting { greeting }))
    };
    let ports = Ports {
        store: Arc::new(MemoryStore::new(clock.clone())),
        blobs: Arc::new(MemoryBlobs::default()),
        vault: Arc::new(Nothing),
        tools: Arc::new(Nothing),
        models: Arc::new(NoModels),
        sources: Arc::new(Nothing),
        clock,
        chance,
    };
    let names = affiant_engine::Settings::new("b_bench".into(), "w_bench".into());
    let engine = Engine::new(ports.clone(), registry.clone(), PolicySet::default(), names);
    let services = services(&engine, &keyring);
    let gateway = Gateway::new(Parts {
        handlers: handlers::contract::handlers(&registry).on("bench.hello", "^1", greet),
        registry,
        tools: ports.tools,
        store: ports.store,
        keyring,
        recorder: engine,
        clock: ports.clock,
        chance: ports.chance,
        settings: Settings { check_outputs: false, ..Settings::default() },
    });
    let gateway = gateway.expect("every handler has its contract");
    (rest::router(gateway, services, rest::Settings::default(), Router::new()), shown)
}

fn services(engine: &Arc<Engine>, keyring: &Arc<Keyring>) -> Services {
    let ports = engine.ports().clone();
    let facts = Facts {
        version: "bench",
        started_at: ports.clock.now(),
        address: String::new(),
        data_dir: "/nowhere".into(),
        storage: StorageKind::Memory,
        workers: 0,
        workspaces: Vec::new(),
    };
    Services {
        registry: engine.registry().clone(),
        store: ports.store,
        blobs: ports.blobs,
        vault: ports.vault,
        keyring: keyring.clone(),
        recorder: engine.clone(),
        clock: ports.clock,
        chance: ports.chance,
        engine: engine.clone(),
        outbox: Outbox::new(engine.clone(), Arc::new(Nobody)),
        connections: Arc::new(Book::new(engine.ports().store.clone(), engine.ports().vault.clone(), Vec::new())),
        check: Arc::new(NoModels),
        sealer: affiant_engine::seal::Sealer::new(
            engine.clone(),
            Arc::new(affiant_store::MemoryLogFiles::default()),
            "bench",
        ),
        desk: Arc::default(),
        codes: Arc::default(),
        stop: CancellationToken::new(),
        facts: Arc::new(facts),
    }
}

/// Delivers nothing.
struct Nobody;

#[async_trait]
impl Deliver for Nobody {
    async fn admits(&self, _: &str) -> Result<(), DeliveryFailure> {
        Ok(())
    }

    async fn deliver(&self, _: Delivery) -> Result<(), DeliveryFailure> {
        Ok(())
    }
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Requests a second, from several connections that each wait for their reply.
async fn rate(address: SocketAddr, request: Arc<str>, expect: &'static str) -> f64 {
    let count = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (request, count) = (request.clone(), count.clone());
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(address).await.expect("the server listens");
                stream.set_nodelay(true).expect("loopback knows no delay");
                let mut buffer = vec![0; 64 << 10];
                while begin.elapsed() < TURN {
                    stream.write_all(request.as_bytes()).await.expect("the server reads");
                    let mut length = 0;
                    while !complete(&buffer[..length]) {
                        let read = stream.read(&mut buffer[length..]).await.expect("the server answers");
                        assert!(read > 0, "the server hung up: {}", String::from_utf8_lossy(&buffer[..length]));
                        length += read;
                    }
                    debug_assert!(String::from_utf8_lossy(&buffer[..length]).contains(expect));
                    assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..length]));
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no client panics");
    }
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let done = count.load(Ordering::Relaxed) as f64;
    done / begin.elapsed().as_secs_f64()
}

/// Whether a whole response with a `content-length` is there.
fn complete(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| body.len() >= length)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn request(path: &str, key: &str) -> Arc<str> {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\naccept: */*\r\n\r\n").into()
}

#[tokio::main]
async fn main() {
    let (router, key) = surface();
    let surface = serve(router).await;
    let answer = || std::future::ready(([(header::CONTENT_TYPE, "application/json")], HELLO));
    let bare = serve(Router::new().route("/bench/hello/v1", get(answer))).await;
    let hello = request("/bench/hello/v1?name=Ana", &key);
    let list = request("/contract/list/v1?limit=1", &key);
    let (mut bare_rates, mut rates, mut ratios, mut lists) = (vec![], vec![], vec![], vec![]);
    for _ in 0..TURNS {
        let (one, other) = (rate(bare, hello.clone(), HELLO).await, rate(surface, hello.clone(), HELLO).await);
        lists.push(rate(surface, list.clone(), "contracts").await);
        bare_rates.push(one);
        rates.push(other);
        ratios.push(other / one);
    }
    let figures: Value = json!({
        "bench": "hello",
        "connections": CONNECTIONS,
        "bare_per_second": median(bare_rates).round(),
        "gateway_per_second": median(rates).round(),
        "ratio": (median(ratios) * 1000.0).round() / 1000.0,
        "contract_list_per_second": median(lists).round(),
    });
    println!("{figures}");
}
