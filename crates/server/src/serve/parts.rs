//! The parts of a server, each made once and handed to those who need it.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use affiant_adapters::{Config, models::Providers};
use affiant_contract::Registry;
use affiant_engine::{
    Engine, Settings,
    connections::Book,
    outbox::Outbox,
    ports::{Chance, Clock, Ports, ToolServers},
    seal::{Accept, Sealer},
};
use affiant_journal::{Actor, ActorKind, BootId, PrincipalId, TenantId, WorkerId};
use affiant_policy::PolicySet;
use affiant_store::{Options, open};
use affiant_surface::{
    auth::{Keyring, Owner, ensure_owner_key},
    cli::{Exit, Failure, Serve},
    docs, gateway,
    handlers::{
        self, Services,
        services::{Facts, Folder, StorageKind},
        workspace,
    },
    health, rest, studio, tiles,
};
use axum::Router;
use tokio_util::sync::CancellationToken;

use super::{configuration, connections, money};
use crate::{
    edge::{SystemChance, SystemClock},
    project::ServerConfig,
};

/// How long a run is lent to a worker of this server. After a crash its runs rest for as long as this.
const LEASE: Duration = Duration::from_secs(2);

/// The tenant of the first start.
const TENANT: &str = "t_local";

/// What the server runs.
pub struct Parts {
    /// Carries out runs.
    pub engine: Arc<Engine>,
    /// Signs logs.
    pub sealer: Arc<Sealer>,
    /// The one door.
    pub gateway: Arc<gateway::Gateway>,
    /// The MCP servers that tools reach.
    pub mcp: Arc<dyn ToolServers>,
    /// Everything that is reached over HTTP.
    pub router: Router,
    /// What the handlers work with.
    pub services: Services,
}

/// Opens the data folder and puts everything together.
///
/// # Errors
///
/// Says what is wrong with the data folder, the owner key or the handlers.
pub async fn put_together(
    wanted: &Serve,
    registry: Arc<Registry>,
    config: &crate::project::Config,
    url: &str,
    stop: &CancellationToken,
) -> Result<Parts, Failure> {
    let (whole, config) = (config, &config.server);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let chance: Arc<dyn Chance> = Arc::new(SystemChance::default());
    let heads = config.heads.as_ref().map(|heads| wanted.project.join(heads));
    let opened = open(Options { folder: wanted.data.clone(), heads, clock: clock.clone(), chance: chance.clone() });
    let opened = opened.map_err(|error| Failure::new(Exit::Unexpected, "storage-unavailable", sentence(&error)))?;
    let servers = whole.mcp_servers(&wanted.project).map_err(|error| Failure::usage(format!("{error:#}")))?;
    let outside = Config::new(wanted.project.clone(), registry.clone());
    let outside = Config { private_webhooks: config.private_webhooks, mcp: servers, ..outside };
    let adapters = affiant_adapters::open(&outside);
    let configured = connections::configured(&whole.providers)?;
    let connections = Arc::new(Book::new(opened.store.clone(), opened.vault.clone(), configured));
    let models = Arc::new(Providers::new(connections.clone()));
    let ports = Ports {
        store: opened.store.clone(),
        blobs: opened.blobs.clone(),
        vault: opened.vault.clone(),
        tools: adapters.tools.clone(),
        models: models.clone(),
        sources: adapters.sources,
        clock: clock.clone(),
        chance: chance.clone(),
    };
    let (prices, table) = money::prices(whole, &wanted.project)?;
    let mut settings = settings(config, &*chance, &*clock);
    (settings.prices, settings.budgets) = (prices.clone(), money::budgets(&whole.budgets)?);
    let engine = Engine::new(ports, registry.clone(), PolicySet::default(), settings);
    let keyring = Arc::new(Keyring::load(&*opened.store).await.map_err(|error| internal(&error))?);
    let sealer = Sealer::new(engine.clone(), opened.files, config.log_name.as_str());
    open_logs(&sealer, &keyring, wanted.accept_restore).await?;
    owner(&wanted.data, &engine, &keyring).await?;
    engine.finish_erasures().await.map_err(|error| internal(&error))?;
    for tenant in tenants(&keyring) {
        let priced = money::recorded(whole, &prices, table);
        let recorded = configuration::record(&engine, &tenant, &registry, whole, priced).await;
        recorded.map_err(|error| internal(&error))?;
    }
    let services = Services {
        registry: registry.clone(),
        store: opened.store.clone(),
        blobs: opened.blobs,
        vault: opened.vault,
        keyring: keyring.clone(),
        recorder: engine.clone(),
        clock: clock.clone(),
        chance: chance.clone(),
        engine: engine.clone(),
        outbox: Outbox::new(engine.clone(), adapters.deliver),
        connections,
        check: models,
        sealer: sealer.clone(),
        desk: Arc::default(),
        codes: Arc::default(),
        stop: stop.clone(),
        facts: Arc::new(facts(wanted, config, url, &*clock)),
    };
    let shown = workspace::show_all(&services).await;
    shown.map_err(|refusal| Failure::new(Exit::Unexpected, "internal", format!("{refusal:?}")))?;
    let parts = gateway::Parts {
        registry: registry.clone(),
        handlers: handlers::all(&services),
        tools: adapters.tools,
        store: opened.store.clone(),
        keyring,
        recorder: engine.clone(),
        clock,
        chance,
        settings: gateway::Settings { tenant: TENANT.into(), ..gateway::Settings::default() },
    };
    let gateway = gateway::Gateway::new(parts).map_err(|error| internal(&error))?;
    let tiles = tiles::router(sealer.clone(), opened.store.clone());
    let studio = studio::router(gateway.clone(), services.clone());
    let pages = docs::router(registry).merge(studio).merge(health::router(opened.store)).merge(tiles);
    let hosts = rest::Hosts { names: config.hosts.clone(), ..rest::Hosts::default() };
    let settings = rest::Settings { hosts, max_body: config.body_limit, ..rest::Settings::default() };
    let router = rest::router(gateway.clone(), services.clone(), settings, pages);
    Ok(Parts { engine, sealer, gateway, mcp: adapters.mcp, router, services })
}

fn settings(config: &ServerConfig, chance: &dyn Chance, clock: &dyn Clock) -> Settings {
    let id = |prefix: &str| chance.id(prefix, clock.now());
    let mut settings = Settings::new(BootId::from(id("b_")), WorkerId::from(id("w_")));
    settings.lease = LEASE;
    settings.runs_at_once = config.workers;
    settings.shutdown = super::GRACE;
    settings
}

fn facts(wanted: &Serve, config: &ServerConfig, url: &str, clock: &dyn Clock) -> Facts {
    Facts {
        version: env!("CARGO_PKG_VERSION"),
        started_at: clock.now(),
        address: url.to_owned(),
        data_dir: wanted.data.clone(),
        storage: StorageKind::Sqlite,
        workers: config.workers.get(),
        workspaces: workspaces(wanted, config),
    }
}

/// The folders that the configuration allows. One that is not there is left out, and the log says so.
fn workspaces(wanted: &Serve, config: &ServerConfig) -> Vec<Folder> {
    let folders = config.workspaces.iter().map(|allowed| (wanted.project.join(&allowed.path), allowed.write));
    let found = folders.filter_map(|(path, writable)| match path.canonicalize() {
        Ok(path) => Some(Folder { path, writable }),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "a workspace of the configuration is not there");
            None
        }
    });
    found.collect()
}

/// The owner's key: made at the first start, and recorded then.
async fn owner(data: &Path, engine: &Engine, keyring: &Keyring) -> Result<(), Failure> {
    let ports = engine.ports();
    let owner = Owner { tenant: TenantId::from(TENANT), principal: PrincipalId::from("owner") };
    let made = ensure_owner_key(data, owner, keyring, &*ports.clock, &*ports.chance);
    let made = made.map_err(|error| Failure::usage(sentence(&error)))?;
    if let Some(record) = made {
        let (tenant, actor) = (&record.principal.tenant, record.principal.actor());
        let body = record.created();
        engine.record_admin(tenant, &actor, body, vec![record.document()]).await.map_err(|error| internal(&error))?;
        keyring.put(record);
    }
    Ok(())
}

/// Opens the log of every tenant, before anything is written. A server that could sign a second history of one does not start.
async fn open_logs(sealer: &Sealer, keyring: &Keyring, accept_restore: bool) -> Result<(), Failure> {
    let accept = if accept_restore { Accept::Restore } else { Accept::Nothing };
    let by = Actor { auth: "none".into(), id: PrincipalId::from("operator"), kind: ActorKind::System };
    for tenant in tenants(keyring) {
        let opened = sealer.open(&tenant, accept, &by).await;
        opened.map_err(|error| Failure::new(Exit::Unexpected, "log-refused", sentence(&error)))?;
    }
    Ok(())
}

/// Everybody who has a key, and the tenant of the first start.
fn tenants(keyring: &Keyring) -> BTreeSet<TenantId> {
    keyring.tenants().into_iter().chain([TenantId::from(TENANT)]).collect()
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Unexpected, "internal", sentence(error))
}

/// An error with what is behind it, as one sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
