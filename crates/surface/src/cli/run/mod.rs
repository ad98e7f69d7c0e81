//! `affiant run …`: runs of agents.

mod change;
mod check;
mod follow;
mod list;
mod metrics;
mod preview;
mod sides;
mod start;

use clap::{Arg, ArgMatches};

pub(super) use follow::follow_events;
pub(super) use list::because;
pub(super) use start::typed;

use follow::{Until, follow};

use super::{Context, Failure, Noun, Verb, client::Client, ids};

pub(super) const NOUN: Noun = Noun {
    name: "run",
    about: "Runs of agents",
    verbs: &[
        Verb {
            name: "start",
            alias: None,
            about: "Start a run of an agent",
            examples: "  affiant start release-notes -i repository=.\n  affiant start echo -i steps=3 --wait -o json\n  \
                       affiant start release-notes -i repository=. --check",
            arguments: start::arguments,
            run: |context, matches| Box::pin(start::run(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List runs, newest first",
            examples: "  affiant run list -q 'status:failed since:24h'\n  affiant run list --agent echo -o jsonl --fields runId,status",
            arguments: list::arguments,
            run: |context, matches| Box::pin(list::list(context, matches)),
        },
        Verb {
            name: "metrics",
            alias: None,
            about: "Count runs by how they ended, how long they took and what models used",
            examples: "  affiant run metrics\n  affiant run metrics --days 30 -o json",
            arguments: metrics::arguments,
            run: |context, matches| Box::pin(metrics::metrics(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show one run",
            examples: "  affiant run get @last\n  affiant run get 7XK4QZ -o json",
            arguments: |command| command.arg(run_argument()),
            run: |context, matches| Box::pin(list::get(context, matches)),
        },
        Verb {
            name: "watch",
            alias: Some("wait"),
            about: "Follow a run until it ends or waits for a person",
            examples: "  affiant watch @last\n  affiant run watch 7XK4QZ --wait=blocked --timeout 5m",
            arguments: follow::arguments,
            run: |context, matches| Box::pin(follow::watch(context, matches)),
        },
        Verb {
            name: "events",
            alias: Some("logs"),
            about: "Print the events of a run, each exactly as it is recorded",
            examples: "  affiant run events @last\n  affiant run events 7XK4QZ --after 41 --follow",
            arguments: follow::events_arguments,
            run: |context, matches| Box::pin(follow::events(context, matches)),
        },
        Verb {
            name: "cancel",
            alias: None,
            about: "Stop a run, in whatever state it is",
            examples: "  affiant run cancel 7XK4QZ --reason duplicate\n  affiant run cancel @last --force",
            arguments: change::cancel_arguments,
            run: |context, matches| Box::pin(change::cancel(context, matches)),
        },
        Verb {
            name: "retry",
            alias: None,
            about: "Run again what has ended, with the same input",
            examples: "  affiant run retry 7XK4QZ\n  affiant run retry @last --budget-cost 1.00 --wait",
            arguments: change::retry_arguments,
            run: |context, matches| Box::pin(change::retry(context, matches)),
        },
        Verb {
            name: "fork",
            alias: None,
            about: "Start a run that reuses another's results up to a step",
            examples: "  affiant run fork 7XK4QZ --at 3 --set file=HISTORY.md --dry-run",
            arguments: change::fork_arguments,
            run: |context, matches| Box::pin(change::fork(context, matches)),
        },
        Verb {
            name: "answer",
            alias: None,
            about: "Answer the question that a run waits with",
            examples: "  affiant run answer 7XK4QZ true",
            arguments: change::answer_arguments,
            run: |context, matches| Box::pin(change::answer(context, matches)),
        },
        Verb {
            name: "resolve",
            alias: None,
            about: "Say how a step ended that nobody saw the end of",
            examples: "  affiant run resolve 7XK4QZ --step 4 --outcome retry",
            arguments: change::resolve_arguments,
            run: |context, matches| Box::pin(change::resolve(context, matches)),
        },
        Verb {
            name: "compare",
            alias: None,
            about: "Compare two runs, step by step",
            examples: "  affiant run compare 7XK4QZ M1P0RT",
            arguments: check::compare_arguments,
            run: |context, matches| Box::pin(check::compare(context, matches)),
        },
        Verb {
            name: "replay",
            alias: None,
            about: "Derive every decision of a run again from its record",
            examples: "  affiant run replay @last",
            arguments: |command| command.arg(run_argument()),
            run: |context, matches| Box::pin(check::replay(context, matches)),
        },
        Verb {
            name: "explain",
            alias: None,
            about: "Who, why, from what, what it did, who allowed it",
            examples: "  affiant run explain @last\n  affiant run explain @last --html > run.html",
            arguments: check::explain_arguments,
            run: |context, matches| Box::pin(check::explain(context, matches)),
        },
        Verb {
            name: "trace",
            alias: None,
            about: "Where the end of a run, or one step of it, came from, and what it led to",
            examples: "  affiant run trace @last\n  affiant run trace 7XK4QZ --step 3 --depth 4",
            arguments: check::trace_arguments,
            run: |context, matches| Box::pin(check::traced(context, matches)),
        },
    ],
};

/// The argument `RUN`.
fn run_argument() -> Arg {
    Arg::new("run")
        .value_name("RUN")
        .help("A run's id, four characters or more of its beginning or end, or @last")
        .required(true)
}

/// The run that the command line names.
async fn named(client: &Client, matches: &ArgMatches, argument: &str) -> Result<String, Failure> {
    ids::run(client, matches.get_one::<String>(argument).expect("required")).await
}

/// The row of one run.
async fn row(client: &Client, run: &str) -> Result<serde_json::Value, Failure> {
    let page = client.query("agent.status", "v1.1", &serde_json::json!({ "runId": run })).await?;
    Ok(page["runs"][0].clone())
}

/// A reply that is one thing with an id, printed with a sentence.
fn print(context: &Context<'_>, value: serde_json::Value, id: &str, text: String) -> Result<(), Failure> {
    context.print(super::output::Data::One { id: value[id].as_str().unwrap_or_default().to_owned(), value, text })
}
