//! The first run itself: followed live, stopped at what needs a person, gone on with, and checked.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{
    crash::{self, Continued},
    prepare::Stage,
    say,
};
use crate::{
    cli::{
        Context, Exit, Failure, Running,
        approval::{self, Answer, Decision},
        client::Client,
        fresh_key,
        narrate::{Narrator, Waits},
        output::text,
        run::follow_events,
        server, terminal,
    },
    units::took,
};

/// How a tour ended.
pub(super) enum End {
    /// With the run.
    Ended(Exit),
    /// Before a decision: the approval that waits.
    Undecided(Value),
}

impl End {
    /// The exit code of a run that ended.
    pub(super) fn exit(&self) -> Option<Exit> {
        match self {
            Self::Ended(exit) => Some(*exit),
            Self::Undecided(_) => None,
        }
    }
}

/// A run that is being shown.
pub(super) struct Tour<'a> {
    context: &'a Context<'a>,
    stage: &'a Stage,
    /// The server's client.
    pub(super) client: Client,
    /// The run.
    pub(super) run: String,
    narrator: Narrator,
    /// The newest event that was told.
    last: Option<u64>,
    crash: Crash,
    began: tokio::time::Instant,
    decided: Option<Decision>,
}

/// Whether the server is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    /// Never.
    No,
    /// As soon as a step has ended.
    Planned,
    /// It was.
    Done,
}

/// Why following stopped.
enum Stop {
    Ended,
    Waits,
    Kill(u64),
}

impl<'a> Tour<'a> {
    /// Starts the run.
    pub(super) async fn start(context: &'a Context<'a>, stage: &'a Stage, crash: bool) -> Result<Self, Failure> {
        let client = context.client()?;
        let mut input = json!({ "repository": stage.folder });
        if let Some(range) = &stage.range {
            input["range"] = range.as_str().into();
        }
        if let Some(model) = &stage.cast.model {
            input["model"] = model.as_str().into();
        }
        let request = json!({
            "agentKey": stage.cast.agent.0, "agentVersion": stage.cast.agent.1, "input": input, "contextSnapshotId": stage.snapshot,
        });
        let began = tokio::time::Instant::now();
        let started = client.keyed_command("agent.run", "v1.1", &request, Some(&fresh_key())).await?;
        let run = text(&started, "runId");
        say(context, &format!("run      {run}\n"));
        let crash = if crash { Crash::Planned } else { Crash::No };
        let narrator = Narrator::default();
        Ok(Self { context, stage, client, run, narrator, last: None, crash, began, decided: None })
    }

    /// Whether the server was killed on the way.
    pub(super) fn crashed(&self) -> bool {
        self.crash == Crash::Done
    }

    /// Shows the run until it ends, or until a decision is left for later.
    pub(super) async fn follow(&mut self) -> Result<End, Failure> {
        loop {
            match self.watch().await? {
                Stop::Kill(seq) => self.kill_and_restart(seq).await?,
                Stop::Ended => return Ok(End::Ended(self.exit())),
                Stop::Waits => {
                    let Some(Waits::Approval(pending)) = self.narrator.waits() else {
                        return Ok(End::Undecided(Value::Null));
                    };
                    let request = approval::by_id(&self.client, &pending.approval).await?;
                    if let Some(end) = self.decide(request).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    fn exit(&self) -> Exit {
        let ended = self.narrator.ended.as_ref();
        ended.map_or(Exit::Unexpected, |(status, code)| Exit::of_run(status, code.as_deref()))
    }

    /// Tells events as they come, until the run ends, waits for a person, or the server is to be killed.
    async fn watch(&mut self) -> Result<Stop, Failure> {
        let (context, after) = (self.context, self.last);
        let (narrator, last) = (&mut self.narrator, &mut self.last);
        let kill = self.crash == Crash::Planned;
        let mut stop = Stop::Ended;
        let mut take = |event: &Value, _: &str| {
            *last = event["seq"].as_u64().or(*last);
            if let Some(line) = narrator.tell(event) {
                say(context, &line);
            }
            if kill && event["type"] == "step.observed" {
                stop = Stop::Kill(last.unwrap_or_default());
                return true;
            }
            if narrator.ended.is_none() && narrator.waits().is_some() {
                stop = Stop::Waits;
                return true;
            }
            narrator.ended.is_some()
        };
        follow_events(&self.client, &self.run, after, terminal::out_is_terminal(), &mut take).await?;
        Ok(stop)
    }

    /// Shows the exact bytes and asks; gives an end when nobody decides now.
    async fn decide(&mut self, request: Value) -> Result<Option<End>, Failure> {
        let context = self.context;
        let shown = &request["display"];
        say(
            context,
            &format!(
                "\n  {} · {}",
                terminal::safe_line(&text(shown, "title")),
                terminal::safe_line(&text(shown, "effect"))
            ),
        );
        say(
            context,
            &format!(
                "{}\n  exactly these bytes: action {}",
                approval::glimpse(&request),
                text(&request, "actionDigest")
            ),
        );
        let decision = match (context.yes, context.no_input) {
            (true, _) => {
                say(context, "  approved because of --yes\n");
                Decision::Approve
            }
            (false, true) => return Ok(Some(End::Undecided(request))),
            (false, false) => match approval::converse(&request).await {
                Answer::Decide(decision) => decision,
                Answer::Later | Answer::Gone => return Ok(Some(End::Undecided(request))),
            },
        };
        approval::send(&self.client, &request, decision, None).await?;
        let step = request["stepNumber"].as_u64().unwrap_or_default();
        self.narrator.pending.remove(&step);
        self.decided = Some(decision);
        Ok(None)
    }

    /// Kills the server as a power cut would, and starts it again.
    async fn kill_and_restart(&mut self, seq: u64) -> Result<(), Failure> {
        let running =
            self.stage.server.as_ref().ok_or_else(|| Failure::usage("only a server of this machine can be killed"))?;
        running.signal(Signal::KILL)?;
        running.gone().await?;
        let context = self.context;
        say(context, &format!("  ⚡ server killed        SIGKILL to pid {}, after event #{seq} was seen", running.pid));
        let (again, waited) = self.restart(running).await?;
        say(context, &format!("  ⚡ server started again pid {}, ready after {}", again.pid, took(micros(waited))));
        self.client = context.client()?;
        self.crash = Crash::Done;
        Ok(())
    }

    /// Starts the server where it was.
    async fn restart(&self, before: &Running) -> Result<(Running, Duration), Failure> {
        let began = tokio::time::Instant::now();
        let listen = before.url.trim_start_matches("http://").trim_end_matches('/');
        let (again, _) = server::start(self.context, &self.context.target().data, Some(listen), None).await?;
        Ok((again, began.elapsed()))
    }

    /// What was checked after the run's end, a line each.
    pub(super) async fn checks(&self) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::new();
        let replayed = self.client.query("agent.replay", "v1", &json!({ "runId": self.run })).await?;
        lines.push(match replayed["equal"] == true {
            true => {
                format!("  ✓ replay               {} decisions derived again, all as recorded", replayed["decisions"])
            }
            false => format!("  ✗ replay               differs at event {}", replayed["firstDifference"]["seq"]),
        });
        if self.crashed() {
            let told = self.continued().await?;
            let sign = if told.is_sound() { "✓" } else { "✗" };
            lines.push(format!("  {sign} crash                {}", told.sentence()));
        }
        Ok(lines)
    }

    async fn continued(&self) -> Result<Continued, Failure> {
        let page = self.client.query("agent.events", "v1", &json!({ "runId": self.run, "limit": 10_000 })).await?;
        Ok(crash::read(page["events"].as_array().map(Vec::as_slice).unwrap_or_default()))
    }

    /// Whether the run failed.
    pub(super) fn failed(&self) -> bool {
        self.narrator.ended.as_ref().is_some_and(|(status, _)| status == "failed")
    }

    /// The sentence at the end.
    pub(super) fn done(&self) -> String {
        let (status, code) = self.narrator.ended.clone().unwrap_or_default();
        let took = took(micros(self.began.elapsed()));
        let outcome = match (status.as_str(), self.decided) {
            ("completed", Some(Decision::Approve)) => {
                format!("\nDone in {took}. Written as you approved it; see it: git diff")
            }
            ("completed", _) => format!("\nDone in {took}."),
            (_, Some(Decision::Reject)) => format!("\nRejected after {took}. Nothing was written; the draft is kept."),
            (status, _) => format!("\nThe run ended as {status} after {took}: {}", code.unwrap_or_default()),
        };
        format!(
            "{outcome}\n{} events · {} · {} · {}/agent/audit/v1?runId={}",
            self.narrator.events,
            self.stage.cast.planner,
            self.narrator.spent().unwrap_or_default(),
            self.client.base(),
            self.run
        )
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
