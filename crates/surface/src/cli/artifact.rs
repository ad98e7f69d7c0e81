//! `affiant artifact …`: what runs have made.

use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Context, Exit, Failure, Noun, Verb,
    client::Client,
    ids,
    operation::{First, List},
    output::{Data, Format, text},
    terminal::{self, safe_line},
    trace,
};
use crate::units;

pub(super) const NOUN: Noun = Noun {
    name: "artifact",
    about: "What runs have made",
    verbs: &[
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List the artifacts of a run",
            examples: "  affiant artifact list @last\n  affiant artifact list 7XK4QZ --kind file -o id",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show an artifact, or keep its bytes in a file",
            examples: "  affiant artifact get @last/NOTES.md\n  affiant artifact get art_01JDA3KB7X2S5N9Y8D4C3ZP0MK --out notes.md",
            arguments: get_arguments,
            run: |context, matches| Box::pin(get(context, matches)),
        },
        Verb {
            name: "diff",
            alias: None,
            about: "Compare two artifacts, line by line",
            examples: "  affiant artifact diff 7XK4QZ/NOTES.md M1P0RT/NOTES.md",
            arguments: |command| command.arg(artifact("left")).arg(artifact("right")),
            run: |context, matches| Box::pin(diff(context, matches)),
        },
        Verb {
            name: "trace",
            alias: None,
            about: "Where an artifact, or one line of it, came from",
            examples: "  affiant artifact trace @last/NOTES.md --line 12\n  affiant artifact trace art_01JDA3KB7X2S5N9Y8D4C3ZP0MK -o json",
            arguments: trace_arguments,
            run: |context, matches| Box::pin(traced(context, matches)),
        },
    ],
};

const LIST: List =
    List { operation: "agent.artifacts@1.1.0", view: "agent.artifacts.index@1.0.0", first: First::Run("runId") };

fn artifact(name: &'static str) -> Arg {
    Arg::new(name).value_name("ARTIFACT").help("An artifact's id, or RUN/NAME, as in @last/NOTES.md").required(true)
}

fn get_arguments(command: Command) -> Command {
    let out =
        Arg::new("out").long("out").value_name("FILE").help("Keep all bytes in this file instead of showing them");
    command.arg(artifact("artifact")).arg(out)
}

fn trace_arguments(command: Command) -> Command {
    let line = trace::number("line", 1, "One line of it, from 1; without, the artifact as a whole");
    trace::arguments(command.arg(artifact("artifact")).arg(line))
}

async fn traced(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = named(&client, matches, "artifact").await?;
    let of = client.query("agent.artifact.get", "v1", &json!({ "artifactId": id, "maxBytes": 0 })).await?;
    let mut input = Map::from_iter([("runId".to_owned(), of["runId"].clone()), ("artifactId".to_owned(), id.into())]);
    input.extend(matches.get_one::<u64>("line").map(|line| ("line".to_owned(), json!(line))));
    trace::print(context, &client, matches, input).await
}

/// The artifact that the command line names.
async fn named(client: &Client, matches: &ArgMatches, argument: &str) -> Result<String, Failure> {
    let typed = matches.get_one::<String>(argument).expect("required");
    let Some((run, name)) = typed.split_once('/') else { return Ok(typed.clone()) };
    let run = ids::run(client, run).await?;
    let page = client.query("agent.artifacts", "v1.1", &json!({ "runId": run, "limit": 500 })).await?;
    let all = page["artifacts"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Of several with one name, the newest.
    let found = all.iter().rev().find(|artifact| artifact["name"] == name);
    found.map(|artifact| text(artifact, "artifactId")).ok_or_else(|| nameless(&run, name, all))
}

fn nameless(run: &str, name: &str, all: &[Value]) -> Failure {
    let message = format!("{} made no artifact `{name}`", ids::short(run));
    let mut failure = Failure::new(Exit::NotFound, "artifact-not-found", message);
    failure.details = all.iter().map(|artifact| format!("it made {}", text(artifact, "name"))).collect();
    failure.next(format!("affiant artifact list {}", ids::short(run)))
}

async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = named(&client, matches, "artifact").await?;
    let mut value =
        client.query("agent.artifact.get", "v1", &json!({ "artifactId": id, "maxBytes": 1_048_576 })).await?;
    if let Some(file) = matches.get_one::<String>("out") {
        let bytes = client.bytes(&format!("/{}", text(&value, "uri").trim_start_matches('/'))).await?;
        std::fs::write(context.folder.join(file), &bytes)?;
        let said = format!("wrote {file}   {}   {}", units::size(bytes.len() as u64), text(&value, "digest"));
        context.print(Data::One { value, text: said, id })?;
        return Ok(Exit::Done);
    }
    if context.format() == Format::Table {
        header(&value);
        let body = value["text"].take();
        terminal::data(terminal::safe(body.as_str().unwrap_or("(not text; keep it with --out FILE)")).trim_end());
        return Ok(Exit::Done);
    }
    context.print(Data::One { text: terminal::safe(&text(&value, "text")), value, id })?;
    Ok(Exit::Done)
}

/// What is known about an artifact, beside its content, which alone is data.
fn header(artifact: &Value) {
    let of = |field: &str| safe_line(&text(artifact, field));
    let size = units::size(artifact["size"].as_u64().unwrap_or_default());
    let cites = artifact["cites"].as_array().map_or(0, Vec::len);
    terminal::note(&format!("{}  {}  {size}  {}", of("artifactId"), of("name"), of("digest")));
    terminal::note(&format!(
        "made by {} in step {}, cites {cites} sources\n",
        ids::short(&of("runId")),
        of("stepNumber")
    ));
}

async fn diff(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (left, right) = (named(&client, matches, "left").await?, named(&client, matches, "right").await?);
    let value = client.query("agent.artifact.diff", "v1", &json!({ "left": left, "right": right })).await?;
    let page = match (value["equal"] == true, value["binary"] == true) {
        (true, _) => format!("the same bytes, {}", text(&value, "leftDigest")),
        (false, true) => format!("not text: {} and {}", text(&value, "leftDigest"), text(&value, "rightDigest")),
        (false, false) => text(&value, "diff").lines().map(terminal::diff_line).collect::<Vec<_>>().join("\n"),
    };
    context.print(Data::One { value, text: page, id: right })?;
    Ok(Exit::Done)
}
