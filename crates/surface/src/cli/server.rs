//! `affiant server …`: the server on this machine.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, test_kill_process, waitpid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Context, Exit, Failure, Noun, Serve, Verb, client::Client, output::Data, terminal};

pub(super) const NOUN: Noun = Noun {
    name: "server",
    about: "The server on this machine",
    verbs: &[
        Verb {
            name: "serve",
            alias: None,
            about: "Run the server in the foreground",
            examples: "  affiant server serve --data-dir ./data --listen 127.0.0.1:0",
            arguments: |command| command.arg(listen()).arg(accept()),
            run: |context, matches| Box::pin(async { serve(context, matches) }),
        },
        Verb {
            name: "start",
            alias: None,
            about: "Start the server in the background",
            examples: "  affiant up",
            arguments: |command| command.arg(listen()).arg(accept()),
            run: |context, matches| Box::pin(start_verb(context, matches)),
        },
        Verb {
            name: "stop",
            alias: None,
            about: "Stop the server; runs continue when it starts again",
            examples: "  affiant down\n  affiant down --purge",
            arguments: stop_arguments,
            run: |context, matches| Box::pin(stop_verb(context, matches)),
        },
        Verb {
            name: "status",
            alias: None,
            about: "What the server is doing",
            examples: "  affiant server status",
            arguments: |command| command,
            run: |context, _| Box::pin(status(context)),
        },
        Verb {
            name: "logs",
            alias: None,
            about: "Print the log of the background server",
            examples: "  affiant server logs | tail",
            arguments: |command| command,
            run: |context, _| Box::pin(async { logs(context) }),
        },
    ],
};

/// Lines of the log that are shown when a start failed.
const MOST_SAID: usize = 60;
/// The address used unless another is named; when it is taken, any free port is.
const USUAL: &str = "127.0.0.1:4780";

/// How long a start or stop may take before it is called a failure.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a running server writes into its data folder, so that commands on this machine find it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// Its base address.
    pub url: String,
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

impl Running {
    /// The file's name in the data folder.
    pub const FILE: &str = "server.json";

    /// The server that runs on this data folder, if its process is alive.
    pub fn find(data: &Path) -> Option<Self> {
        let written = fs::read(data.join(Self::FILE)).ok()?;
        let running: Self = serde_json::from_slice(&written).ok()?;
        (running.is_alive() && running.answers()).then_some(running)
    }

    fn process(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    fn is_alive(&self) -> bool {
        let Some(process) = self.process() else { return false };
        // Our own child stays a zombie until somebody asks how it ended; nobody else does.
        let _ = waitpid(Some(process), WaitOptions::NOHANG);
        test_kill_process(process).is_ok()
    }

    /// Whether somebody listens at its address. After a crash the number of its process may be another's.
    fn answers(&self) -> bool {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let address = address.parse().map_err(|_| ());
        address.is_ok_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok())
    }

    /// Sends a signal to it.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let Some(process) = self.process() else { return Ok(()) };
        kill_process(process, signal).map_err(|error| Failure::from(std::io::Error::from(error)))
    }

    /// Waits until its process is gone.
    pub(super) async fn gone(&self) -> Result<(), Failure> {
        for _ in 0..PATIENCE.as_millis() / 20 {
            if !self.is_alive() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Failure::new(Exit::Unexpected, "timeout", format!("process {} is still there", self.pid)))
    }
}

fn listen() -> Arg {
    Arg::new("listen").long("listen").value_name("ADDRESS:PORT").help("Where to listen; port 0 picks one and prints it")
}

fn accept() -> Arg {
    let accept = Arg::new("accept").long("accept").value_name("WHAT").value_parser(["restore"]);
    accept.help("Go on with a data folder that was restored from a copy: its log continues under a new name")
}

fn serve(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let listen = matches.get_one::<String>("listen").map_or(USUAL, String::as_str).to_owned();
    let (data, project) = (context.target().data.clone(), context.folder.clone());
    let accept_restore = matches.get_one::<String>("accept").is_some();
    context.host.serve(Serve { data, listen, project, accept_restore })
}

async fn start_verb(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let data = context.target().data.clone();
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let (running, fresh) = start(context, &data, text("listen"), text("accept")).await?;
    let word = if fresh { "started" } else { "runs already" };
    let text = format!(
        "server   {word}, pid {} · {} · data {} (kept after restart)",
        running.pid,
        running.url,
        data.display()
    );
    let value =
        json!({ "pid": running.pid, "url": running.url, "version": running.version, "data": data, "started": fresh });
    context.print(Data::One { value, text, id: running.pid.to_string() })?;
    Ok(Exit::Done)
}

/// The server on this data folder, started if none runs there; and whether it was started now.
pub(super) async fn start(
    context: &Context<'_>,
    data: &Path,
    listen: Option<&str>,
    accept: Option<&str>,
) -> Result<(Running, bool), Failure> {
    if let Some(running) = Running::find(data) {
        return Ok((running, false));
    }
    private_folder(data)?;
    let usual_is_free = || std::net::TcpListener::bind(USUAL).is_ok();
    let listen = listen.unwrap_or_else(|| if usual_is_free() { USUAL } else { "127.0.0.1:0" });
    let log = data.join("server.log");
    let asked = ["--listen", listen].into_iter().chain(accept.into_iter().flat_map(|accept| ["--accept", accept]));
    let before = log.metadata().map_or(0, |log| usize::try_from(log.len()).unwrap_or(usize::MAX));
    let first_line = spawn(context, data, asked, &log).await?;
    let Some(running) = Running::find(data).filter(|_| first_line.contains("http://")) else {
        let mut failure = Failure::new(Exit::Unexpected, "start-failed", "the server did not start");
        failure.details = said_since(&log, before);
        return Err(failure.next(format!("read {}", log.display())));
    };
    Ok((running, true))
}

/// What this start wrote into the log, from the beginning, because the reason comes first.
fn said_since(log: &Path, before: usize) -> Vec<String> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.get(before..).unwrap_or(&text).lines().take(MOST_SAID).map(str::to_owned).collect()
}

/// Starts the server as a process of its own and gives the first line it prints.
async fn spawn<'a>(
    context: &Context<'_>,
    data: &Path,
    asked: impl Iterator<Item = &'a str>,
    log: &Path,
) -> Result<String, Failure> {
    let log = fs::OpenOptions::new().create(true).append(true).open(log)?;
    let mut process = Process::new(std::env::current_exe()?);
    process.args(["server", "serve"]).args(asked).arg("--data-dir").arg(data).arg("-C").arg(&context.folder);
    // A process group of its own: Ctrl-C in this terminal is not meant for it.
    let mut child = process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).process_group(0).spawn()?;
    let out = child.stdout.take().expect("piped above");
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).map(|_| line)
    });
    let line = tokio::time::timeout(PATIENCE, line).await;
    let line = line.map_err(|_| Failure::new(Exit::Unexpected, "timeout", "the server took too long to start"))?;
    Ok(line.map_err(|error| Failure::new(Exit::Unexpected, "internal", error.to_string()))??)
}

fn private_folder(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    Ok(fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?)
}

fn stop_arguments(command: Command) -> Command {
    let purge = Arg::new("purge").long("purge").action(ArgAction::SetTrue);
    command.arg(purge.help("Also remove the data folder: every run, record and key"))
}

async fn stop_verb(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let data = &context.target().data;
    let purge = matches.get_flag("purge");
    if purge && !context.yes {
        confirm_purge(context, data).await?;
    }
    let stopped = stop(data).await?;
    if purge && is_ours(data) {
        fs::remove_dir_all(data)?;
    }
    let text = match (&stopped, purge) {
        (Some(running), false) => format!("stopped  pid {}; data kept in {}", running.pid, data.display()),
        (Some(running), true) => format!("stopped  pid {}; removed {}", running.pid, data.display()),
        (None, false) => format!("no server runs on {}", data.display()),
        (None, true) => format!("no server ran; removed {}", data.display()),
    };
    let value = json!({ "stopped": stopped.is_some(), "pid": stopped.map(|running| running.pid), "purged": purge });
    context.print(Data::One { value, text, id: String::new() })?;
    Ok(Exit::Done)
}

/// Asks the server on this data folder to stop, and waits until it has.
pub(super) async fn stop(data: &Path) -> Result<Option<Running>, Failure> {
    let Some(running) = Running::find(data) else { return Ok(None) };
    running.signal(Signal::TERM)?;
    running.gone().await?;
    Ok(Some(running))
}

async fn confirm_purge(context: &Context<'_>, data: &Path) -> Result<(), Failure> {
    let question = format!("Remove {} with every run, record and key in it?", data.display());
    if context.no_input {
        return Err(Failure::usage(format!("{question} Nobody can be asked here.")).next("affiant down --purge --yes"));
    }
    match terminal::confirm(&question).await {
        true => Ok(()),
        false => Err(Failure::new(Exit::Usage, "declined", "nothing was removed")),
    }
}

/// Whether a folder is a data folder of ours; nothing else is ever removed.
fn is_ours(folder: &Path) -> bool {
    folder.join("owner.key").is_file()
}

async fn status(context: &Context<'_>) -> Result<Exit, Failure> {
    let client = Client::open(context.target())?;
    let value = client.query("server.status", "v1", &json!({})).await?;
    let mut text = format!(
        "server   {} · version {} · up {} s\n",
        client.base(),
        value["version"].as_str().unwrap_or("?"),
        value["uptimeSeconds"]
    );
    for (field, label) in [
        ("dataFolder", "data"),
        ("runs", "runs"),
        ("approvalsPending", "approvals waiting"),
        ("workers", "workers"),
        ("contracts", "contracts"),
        ("agents", "agents"),
        ("events", "events"),
    ] {
        if !value[field].is_null() {
            text += &format!("{label:<18} {}\n", plain(&value[field]));
        }
    }
    context.print(Data::One { value, text, id: String::new() })?;
    Ok(Exit::Done)
}

/// A value for people: an object as `name count, name count`.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => terminal::safe_line(text),
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn logs(context: &Context<'_>) -> Result<Exit, Failure> {
    let file: PathBuf = context.target().data.join("server.log");
    let mut text = String::new();
    let opened = fs::File::open(&file);
    let mut opened = opened
        .map_err(|_| Failure::new(Exit::NotFound, "not-found", format!("there is no log at {}", file.display())))?;
    opened.read_to_string(&mut text)?;
    terminal::data(text.trim_end());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_shows_what_this_start_said_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let reason: String = (0..20).map(|line| format!("line {line}\n")).collect();
        fs::write(&log, format!("an earlier start\n{reason}")).unwrap();
        let said = said_since(&log, "an earlier start\n".len());
        assert_eq!((said.len(), said[0].as_str()), (20, "line 0"));
    }
}
