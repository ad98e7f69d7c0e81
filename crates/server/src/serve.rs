//! Wiring: store, tools, engine, gateway and HTTP, put together and run until told to stop.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the first line tells whoever started the server where it is"
)]

mod admit;
mod configuration;
pub(crate) mod connections;
mod money;
mod parts;

use std::{path::Path, sync::Arc, time::Duration};

use affiant_contract::{Loaded, Registry};
use affiant_engine::outbox::Outbox;
use affiant_surface::{
    cli::{Exit, Failure, Running, Serve},
    gateway::Gateway,
};
use tokio::{net::TcpListener, signal::unix::SignalKind};
use tokio_util::sync::CancellationToken;

pub use parts::{Parts, put_together};

use crate::project::Config;

/// How often refused calls that were counted are written down.
const REFUSALS: Duration = Duration::from_secs(5);

/// How long open requests, streams and steps may take to end once the server was told to stop.
const GRACE: Duration = Duration::from_secs(8);

/// Runs the server until SIGTERM or Ctrl-C.
pub(crate) fn run(wanted: Serve, loaded: Loaded, project: Option<&Path>, config: Config) -> Result<Exit, Failure> {
    log();
    let registry = admit::registry(loaded, project)?;
    // The command line has a runtime of one thread for its own requests; a server needs another.
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
        let exit = runtime.block_on(serve(wanted, registry, config));
        runtime.shutdown_timeout(Duration::from_secs(1));
        exit
    });
    server.join().map_err(|_| Failure::new(Exit::Unexpected, "internal", "the server panicked; its log says where"))?
}

/// Threads that serve. One core is left to the thread that writes to the disk: it is the one that everybody waits for,
/// and where it has to share its core all of them wait longer.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1).max(1)
}

/// Writes the log to standard error: warnings, and more where `AFFIANT_LOG` asks for it.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AFFIANT_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Where the log cannot be written, as on a full disk, nothing can be said about it there either; a call that tried
    // would end in a panic.
    // The library behind MCP connections logs whole messages, and what a server says may hold a secret it was given.
    let filter = filter.add_directive("rmcp=off".parse().expect("this is a directive"));
    let log = tracing_subscriber::fmt().log_internal_errors(false).with_ansi(false).with_env_filter(filter);
    // A second server in one process would find the first one's log; that is as good as its own.
    let _ = log.with_writer(std::io::stderr).try_init();
}

async fn serve(wanted: Serve, registry: Registry, config: Config) -> Result<Exit, Failure> {
    let stop = CancellationToken::new();
    let listener = listen(&wanted.listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let parts = put_together(&wanted, Arc::new(registry), &config, &url, &stop).await?;
    let worker = tokio::spawn(parts.engine.clone().work(stop.clone()));
    let telling = tokio::spawn(tell(parts.services.outbox.clone(), stop.clone()));
    let every = Some(Duration::from_secs(config.server.checkpoint_seconds)).filter(|every| !every.is_zero());
    let sealing = tokio::spawn(parts.sealer.clone().work(stop.clone(), every));
    tokio::spawn(write_refusals_down(parts.gateway.clone(), stop.clone()));

    announce(&wanted.data, &url)?;
    tokio::spawn(told_to_stop(stop.clone()));
    let serving = axum::serve(listener, parts.router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let serving = tokio::spawn(serving.into_future());
    stop.cancelled().await;
    // Whatever has not ended by then is cut off: its runs are claimed again at the next start.
    let ended = async { (serving.await, worker.await, telling.await, sealing.await) };
    let ended = tokio::time::timeout(GRACE, ended).await;
    if ended.is_err() {
        tracing::warn!("stopped with requests or steps still open");
    }
    parts.mcp.close().await;
    parts.gateway.flush_refusals(true).await;
    parts.sealer.seal_all().await;
    std::fs::remove_file(wanted.data.join(Running::FILE)).ok();
    Ok(Exit::Done)
}

/// Listens, on loopback only: there is no TLS here, and a key must not cross a network in the clear.
async fn listen(address: &str) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| {
        Failure::new(Exit::Unexpected, "listen-failed", format!("cannot listen on {address}: {error}"))
            .next("choose another address with --listen; port 0 picks a free one")
    })?;
    if !listener.local_addr()?.ip().is_loopback() {
        let message = format!("{address} can be reached from other machines, and this server speaks no TLS");
        return Err(Failure::usage(message).next("listen on 127.0.0.1 and put a TLS proxy in front of it"));
    }
    Ok(listener)
}

/// Writes where the server is into its data folder, and says so to whoever started it.
fn announce(data: &Path, url: &str) -> Result<(), Failure> {
    let running =
        Running { url: url.to_owned(), pid: std::process::id(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let text = serde_json::to_vec(&running).expect("two texts and a number");
    std::fs::write(data.join(Running::FILE), text)?;
    println!("listening on {url}");
    Ok(())
}

/// Fires when the process is told to stop.
async fn told_to_stop(stop: CancellationToken) {
    let terminate = tokio::signal::unix::signal(SignalKind::terminate());
    let mut terminate = terminate.expect("a process can ask to be told of SIGTERM");
    tokio::select! {
        _ = terminate.recv() => (),
        _ = tokio::signal::ctrl_c() => (),
    }
    stop.cancel();
}

/// Delivers to webhooks until the server stops.
async fn tell(outbox: Arc<Outbox>, stop: CancellationToken) {
    if let Err(error) = outbox.serve(stop).await {
        tracing::error!(%error, "no webhook is served: they could not be read");
    }
}

/// Writes refused calls into the record, those of one caller together, until the server stops.
async fn write_refusals_down(gateway: Arc<Gateway>, stop: CancellationToken) {
    while tokio::time::timeout(REFUSALS, stop.cancelled()).await.is_err() {
        gateway.flush_refusals(false).await;
    }
}
