//! `affiant try`: the guided first run. A real agent works on the user's own repository, asks before it writes, and
//! leaves a record. Everything that is said here was answered by the server or read from the journal.

mod crash;
mod place;
mod prepare;
mod tour;

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::{
    Context, Exit, Failure, grammar, ids,
    output::{Data, Format},
    terminal::{self, safe_line},
};
use prepare::Stage;
use tour::{End, Tour};

/// The agents of the first run; pinned, so that a project's own newer ones do not take their place.
const BY_RULES: (&str, &str) = ("release-notes", "1.0.0");
const BY_MODEL: (&str, &str) = ("release-notes-model", "1.0.0");

/// Who decides in the first run.
struct Cast {
    /// Key and version of the agent.
    agent: (&'static str, &'static str),
    /// The words that people read.
    planner: String,
    /// The model that is asked, where one is.
    model: Option<String>,
}

impl Cast {
    fn of(matches: &ArgMatches) -> Result<Self, Failure> {
        let model = matches.get_one::<String>("model").cloned();
        if matches.get_one::<String>("planner").is_some_and(|planner| planner == "rules") && model.is_none() {
            return Ok(Self { agent: BY_RULES, planner: "rules, no model".to_owned(), model: None });
        }
        let Some(model) = model else {
            return Err(Failure::usage("--planner model needs to know which model to ask")
                .next("affiant provider list")
                .next("affiant try --planner model --model anthropic/claude-sonnet-4-5"));
        };
        if let Err(error) = model.parse::<affiant_contract::ModelName>() {
            return Err(Failure::usage(format!("--model: {error}")));
        }
        Ok(Self { agent: BY_MODEL, planner: format!("model {}", safe_line(&model)), model: Some(model) })
    }
}

const EXAMPLES: &str = "  affiant try                 in any git repository\n  affiant try --sample        \
    on the bundled sample project\n  affiant try --crash --yes   the server is killed in the middle, and the run goes \
    on";

pub(super) fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).action(ArgAction::SetTrue);
    let range = Arg::new("range").long("range").value_name("A..B");
    let command =
        Command::new("try").about("Guided first run: release notes from your git history, by rules, no model");
    grammar::page(command, EXAMPLES)
        .arg(flag("sample", "Work on the bundled sample project"))
        .arg(flag("crash", "Kill the server in the middle with SIGKILL, start it again, and show that the run goes on"))
        .arg(range.help("The commits to write about; since the last tag when absent"))
        .arg(
            Arg::new("planner")
                .long("planner")
                .value_name("PLANNER")
                .value_parser(["rules", "model"])
                .default_value("rules")
                .help("Who decides: rules alone, or a model over the same inputs, beside the rules"),
        )
        .arg(
            Arg::new("model").long("model").value_name("PROVIDER/MODEL").help("The model to ask, with --planner model"),
        )
}

pub(super) async fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    tokio::select! {
        result = guided(context, matches) => result,
        _ = tokio::signal::ctrl_c() => {
            terminal::note("\nDetached. What was started goes on: affiant ps");
            Ok(Exit::Detached)
        }
    }
}

async fn guided(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let stage = Stage::set(context, matches, Cast::of(matches)?).await?;
    let beside = beside(context, &stage).await?;
    let mut tour = Tour::start(context, &stage, matches.get_flag("crash")).await?;
    let end = tour.follow().await?;
    let run = tour.run.clone();
    let Some(exit) = end.exit() else {
        say(context, &format!("\nThe run waits for you. Look: affiant run get {}", ids::short(&run)));
        return waits(context, &tour, &end).await;
    };
    close(context, &tour, beside.as_deref()).await?;
    document(context, &tour).await?;
    Ok(exit)
}

/// Where a model decides, the rules draft from the same snapshot first: they cost nothing, and the two can be compared.
async fn beside(context: &Context<'_>, stage: &Stage) -> Result<Option<String>, Failure> {
    if stage.cast.model.is_none() {
        return Ok(None);
    }
    let client = context.client()?;
    let mut input = json!({ "repository": stage.folder, "write": false });
    if let Some(range) = &stage.range {
        input["range"] = range.as_str().into();
    }
    let (key, version) = BY_RULES;
    let request = json!({
        "agentKey": key, "agentVersion": version, "input": input, "contextSnapshotId": stage.snapshot, "mode": "wait",
    });
    let started = client.keyed_command("agent.run", "v1.1", &request, Some(&super::fresh_key())).await?;
    let run = started["runId"].as_str().unwrap_or_default().to_owned();
    let status = safe_line(started["status"].as_str().unwrap_or_default());
    say(context, &format!("rules    {run} · {status} · the same snapshot, by rules, for comparison"));
    Ok(Some(run))
}

/// Says where to go on when the decision is left for later.
async fn waits(context: &Context<'_>, tour: &Tour<'_>, end: &End) -> Result<Exit, Failure> {
    if let End::Undecided(request) = end {
        say(
            context,
            &format!("  look      affiant approval get {}", request["approvalId"].as_str().unwrap_or_default()),
        );
        say(context, &format!("  approve   {}", super::approval::command(request, super::approval::Decision::Approve)));
        say(context, &format!("  reject    {}", super::approval::command(request, super::approval::Decision::Reject)));
    }
    document(context, tour).await?;
    Ok(Exit::RunWaits)
}

/// After the run's end: the checks, and what to do next.
async fn close(context: &Context<'_>, tour: &Tour<'_>, beside: Option<&str>) -> Result<(), Failure> {
    for line in tour.checks().await? {
        say(context, &line);
    }
    say(context, &tour.done());
    if tour.failed() {
        super::run::because(&tour.client, &tour.run).await?.lines().for_each(|line| say(context, line));
    }
    for line in next_steps(&tour.run, tour.crashed(), beside) {
        say(context, &line);
    }
    Ok(())
}

/// What to do next: commands that exist, each with why one would.
fn next_steps(run: &str, crashed: bool, beside: Option<&str>) -> Vec<String> {
    let run_id = run;
    let run = ids::short(run);
    let id = run.trim_start_matches('…');
    let third = match (beside, crashed) {
        (Some(rules), _) => ("put rules and model side by side", format!("affiant run compare {rules} {}", run_id)),
        (None, true) => ("run it in your own words and files", "affiant agent list".to_owned()),
        (None, false) => ("kill the server in the middle", "affiant try --crash".to_owned()),
    };
    let steps = [
        ("see who did what, why, and who allowed it", format!("affiant run explain {id}")),
        ("read the draft and where it came from", format!("affiant artifact get {id}/NOTES.md")),
        third,
    ];
    let steps = steps.iter().zip(1..).map(|((why, how), number)| format!(" {number} {why:<42} {how}"));
    steps
        .chain(["The server keeps running. Stop: affiant down    Remove everything: affiant down --purge".to_owned()])
        .collect()
}

/// A line for the person: on standard output, or beside data on standard error.
fn say(context: &Context<'_>, line: &str) {
    if matches!(context.format(), Format::Table | Format::Wide) { terminal::page(line) } else { terminal::note(line) }
}

/// The run as data, where data was asked for.
async fn document(context: &Context<'_>, tour: &Tour<'_>) -> Result<(), Failure> {
    if matches!(context.format(), Format::Table | Format::Wide) {
        return Ok(());
    }
    let page = tour.client.query("agent.status", "v1.1", &json!({ "runId": tour.run })).await?;
    let value: Value = page["runs"][0].clone();
    context.print(Data::One { value, text: String::new(), id: tour.run.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_suggested_exists() {
        for (crashed, beside) in [(true, None), (false, None), (false, Some("run_01JDA3K9W2ZB8R5M0C7T7XK4QY"))] {
            let steps = next_steps("run_01JDA3K9W2ZB8R5M0C7T7XK4QZ", crashed, beside);
            for words in steps.iter().flat_map(|line| line.split("affiant ").skip(1)) {
                let words = words.split("   ").next().unwrap_or_default().split_whitespace();
                let parsed = grammar::command().try_get_matches_from(std::iter::once("affiant").chain(words));
                assert!(parsed.is_ok(), "{:?}", parsed.err());
            }
        }
    }
}
