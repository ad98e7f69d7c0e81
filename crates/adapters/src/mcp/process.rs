//! The program of an MCP server: started, listened to, and ended with everything it started.

use std::{
    collections::BTreeMap,
    path::Path,
    pin::Pin,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use affiant_engine::ports::ToolFailure;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, ReadBuf},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use super::link::MOST_MESSAGE;
use crate::{
    Environment,
    display::{escape, shorten},
    failure::refuse,
    process::Group,
    secrets::Secrets,
};

/// Handed on to every program.
const ALWAYS: [&str; 2] = ["PATH", "LANG"];
/// How long a program may take to end by itself once nobody talks to it, and again once it was asked to.
const GRACE: Duration = Duration::from_millis(700);
/// The lines of standard error that one process may write into the log.
const LOGGED: usize = 500;
/// The lines that are shown with a failure.
const SHOWN: usize = 5;
/// The longest piece of a line that is kept.
const WIDTH: usize = 300;

/// A running program.
pub(super) struct Program {
    /// Fires when it must end.
    pub(super) stop: CancellationToken,
    /// Fires when it has ended.
    pub(super) gone: CancellationToken,
    last: Arc<Last>,
}

/// What is known of a program when it is no longer there to be asked.
#[derive(Default)]
struct Last {
    /// The end of its standard error.
    said: Mutex<Vec<String>>,
    /// How it ended.
    ended: Mutex<Option<String>>,
    /// Whether a message was too large, which ended the connection.
    flooded: AtomicBool,
}

/// Its output, which must not have lines without end, and its input.
pub(super) type Pipes = (Bounded<ChildStdout>, ChildStdin);

impl Program {
    /// Starts the program.
    pub(super) fn start(
        server: &str,
        argv: &[String],
        env: BTreeMap<String, String>,
        folder: &Path,
        environment: &Environment,
        secrets: &Secrets,
    ) -> Result<(Self, Pipes), ToolFailure> {
        let always = ALWAYS.into_iter().filter_map(|name| Some((name.to_owned(), environment(name)?)));
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).current_dir(folder).env_clear().envs(always).envs(env);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).kill_on_drop(true).spawn().map_err(|error| {
            let program = escape(&argv[0]);
            refuse("binding-failed", format!("the MCP server `{server}`: {program} could not be started: {error}"))
        })?;
        let lost = || refuse("internal", "the program was started without its pipes");
        let (to, from) = (child.stdin.take().ok_or_else(lost)?, child.stdout.take().ok_or_else(lost)?);
        let errors = child.stderr.take().ok_or_else(lost)?;
        let program =
            Self { stop: CancellationToken::new(), gone: CancellationToken::new(), last: Arc::new(Last::default()) };
        let group = Group::of(&child);
        tokio::spawn(listen(server.to_owned(), errors, secrets.clone(), program.last.clone()));
        tokio::spawn(watch(child, group, program.stop.clone(), program.gone.clone(), program.last.clone()));
        let from = Bounded { inner: from, line: 0, last: program.last.clone() };
        Ok((program, (from, to)))
    }

    /// How the program ended and what it said last, for people; it is given a moment to have ended.
    pub(super) async fn obituary(&self) -> String {
        if self.last.flooded.load(Ordering::Acquire) {
            return format!("it wrote a message larger than {MOST_MESSAGE} bytes");
        }
        let _ = tokio::time::timeout(GRACE, self.gone.cancelled()).await;
        let ended = lock(&self.last.ended).clone().unwrap_or_else(|| "it closed the connection".to_owned());
        let said = lock(&self.last.said).join(" | ");
        if said.is_empty() { ended } else { format!("{ended}: {said}") }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the program's end, or ends it: its input is closed by then, so that a good program goes by itself.
async fn watch(mut child: Child, group: Group, stop: CancellationToken, gone: CancellationToken, last: Arc<Last>) {
    let ended = tokio::select! {
        ended = child.wait() => ended.ok(),
        () = stop.cancelled() => match tokio::time::timeout(GRACE, child.wait()).await {
            Ok(ended) => ended.ok(),
            Err(_) => {
                group.terminate();
                tokio::time::timeout(GRACE, child.wait()).await.ok().and_then(Result::ok)
            }
        },
    };
    // Whatever it has left running. The group is not touched again: its number may be somebody else's later.
    group.end();
    if ended.is_none() {
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
    }
    *lock(&last.ended) = ended.map(how);
    gone.cancel();
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("the program ended with status {code}"),
        None => "the program was killed by a signal".to_owned(),
    }
}

/// Reads standard error to its end: into the log, and the last lines for whoever asks why it died.
async fn listen(server: String, errors: ChildStderr, secrets: Secrets, last: Arc<Last>) {
    let (mut lines, mut heard) = (BufReader::new(errors), 0);
    let mut line = Vec::new();
    loop {
        match lines.fill_buf().await {
            Ok([]) | Err(_) => break,
            Ok(piece) => {
                let end = piece.iter().position(|byte| *byte == b'\n');
                let used = end.map_or(piece.len(), |end| end + 1);
                // A line is cut here already, so that one without end takes no memory; a secret may lie across the cut.
                let room = (WIDTH * 16).saturating_sub(line.len());
                line.extend_from_slice(&piece[..end.unwrap_or(used).min(room)]);
                lines.consume(used);
                if end.is_none() {
                    continue;
                }
            }
        }
        let text = secrets.hide(String::from_utf8_lossy(&line).trim());
        line.clear();
        if !text.is_empty() {
            heard += 1;
            note(&server, shorten(&escape(&text), WIDTH), heard, &last);
        }
    }
}

fn note(server: &str, text: String, heard: usize, last: &Last) {
    match heard {
        ..=LOGGED => tracing::info!(%server, said = text, "an MCP server wrote to standard error"),
        heard if heard == LOGGED + 1 => tracing::info!(%server, "it writes more, which is left out of this log"),
        _ => (),
    }
    let mut said = lock(&last.said);
    said.push(text);
    let surplus = said.len().saturating_sub(SHOWN);
    said.drain(..surplus);
}

/// Output whose lines have a limit: one message is one line, and a line without end ends the connection.
pub(super) struct Bounded<R> {
    inner: R,
    /// Bytes since the last line ended.
    line: usize,
    last: Arc<Last>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Bounded<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        std::task::ready!(Pin::new(&mut self.inner).poll_read(context, buf))?;
        let new = &buf.filled()[before..];
        self.line = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => new.len() - end - 1,
            None => self.line + new.len(),
        };
        match self.line > MOST_MESSAGE {
            true => {
                self.last.flooded.store(true, Ordering::Release);
                Poll::Ready(Err(std::io::Error::other("a message is too large")))
            }
            false => Poll::Ready(Ok(())),
        }
    }
}
