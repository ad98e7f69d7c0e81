//! The real server, started as a person would start it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{http::Client, sh};

/// A running server on a loopback port of its own choice. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// The owner key.
    pub(crate) key: String,
    /// From starting the process until `/readyz` said yes.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts the server on this data folder, in this project folder, and waits until it is ready.
    pub(crate) fn start(affiant: &Path, data: &Path, project: &Path) -> Result<Self> {
        Self::start_with(affiant, data, project, &[])
    }

    /// The same, with these variables in its environment.
    pub(crate) fn start_with(affiant: &Path, data: &Path, project: &Path, env: &[(&str, &str)]) -> Result<Self> {
        fs::create_dir_all(data)?;
        let began = Instant::now();
        let log = fs::OpenOptions::new().create(true).append(true).open(data.with_extension("log"))?;
        let mut command = sh::program(affiant);
        command.args(["server", "serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data).current_dir(project);
        command.envs(env.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().context("cannot start the server")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped above")).read_line(&mut line)?;
        let Some(address) = line.trim().rsplit("http://").next().filter(|_| line.contains("http://")) else {
            child.kill().ok();
            let log = fs::read_to_string(data.with_extension("log")).unwrap_or_default();
            bail!("the server did not print its address but {line:?}\n{log}");
        };
        let mut server = Self { child, address: address.to_owned(), key: String::new(), ready_after: Duration::ZERO };
        server.wait_until_ready(began)?;
        server.key = fs::read_to_string(data.join("owner.key")).context("no owner.key")?.trim().to_owned();
        Ok(server)
    }

    fn wait_until_ready(&mut self, began: Instant) -> Result<()> {
        while began.elapsed() < Duration::from_secs(30) {
            if Client::connect(&self.address)
                .and_then(|mut c| c.get("/readyz", ""))
                .is_ok_and(|reply| reply.status == 200)
            {
                self.ready_after = began.elapsed();
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        bail!("the server was not ready within 30 s")
    }

    /// A client with the owner's key.
    pub(crate) fn client(&self) -> Result<Client> {
        Ok(Client::connect(&self.address)?.with_key(&self.key))
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no goodbye.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Resident memory in KiB, from `/proc`.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill().ok();
    }
}

/// An empty folder under `target/` for one check.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = sh::target().join("scratch").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
