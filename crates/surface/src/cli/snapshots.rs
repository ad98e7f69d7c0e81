//! `affiant context …`: context packs, and the snapshots that runs read.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Context, Exit, Failure, Noun, Verb,
    operation::{First, List},
    output::{Data, plain, text},
    run::typed,
    terminal::{self, safe_line},
};
use crate::units;

pub(super) const NOUN: Noun = Noun {
    name: "context",
    about: "Context packs and snapshots: what agents read",
    verbs: &[
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List context packs with their newest snapshots",
            examples: "  affiant context list\n  affiant context list --tag git -o json",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "get",
            alias: Some("view"),
            about: "Show a snapshot: its items, where they came from, whose word they are",
            examples: "  affiant context get ctx_01JDA3K9X5H2V7QF4N8R1M6WBE\n  affiant context get ctx_01JDA3K9X5H2V7QF4N8R1M6WBE --item history",
            arguments: get_arguments,
            run: |context, matches| Box::pin(get(context, matches)),
        },
        Verb {
            name: "snapshot",
            alias: None,
            about: "Read every source of a pack once and keep the result",
            examples: "  affiant context snapshot repository -i repository=. -i range=v1.0.0..HEAD",
            arguments: snapshot_arguments,
            run: |context, matches| Box::pin(snapshot(context, matches)),
        },
        Verb {
            name: "diff",
            alias: None,
            about: "Compare two snapshots, item by item",
            examples: "  affiant context diff ctx_01JDA3K9X5H2V7QF4N8R1M6WBE ctx_01JDA3M0B8Q4W2Y6T1N5R9K7ZD --text",
            arguments: diff_arguments,
            run: |context, matches| Box::pin(diff(context, matches)),
        },
    ],
};

const LIST: List =
    List { operation: "context.pack.search@1.1.0", view: "context.snapshot.index@1.0.0", first: First::Nothing };

fn snapshot_argument(name: &'static str) -> Arg {
    Arg::new(name).value_name("CTX").help("A snapshot's id").required(true)
}

fn get_arguments(command: Command) -> Command {
    let item = Arg::new("item").long("item").value_name("KEY").help("Show the content of this item");
    command.arg(snapshot_argument("snapshot")).arg(item)
}

async fn get(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let id = matches.get_one::<String>("snapshot").expect("required").clone();
    let mut input = json!({ "snapshotId": id });
    let item = matches.get_one::<String>("item");
    if let Some(item) = item {
        (input["itemKey"], input["maxBytes"]) = (item.as_str().into(), 1_048_576.into());
    }
    let value = context.client()?.query("context.snapshot.get", "v1", &input).await?;
    let text = match item {
        Some(_) => terminal::safe(value["item"]["text"].as_str().unwrap_or("(not text)")),
        None => page(&value),
    };
    context.print(Data::One { value, text, id })?;
    Ok(Exit::Done)
}

fn page(snapshot: &Value) -> String {
    let of = |field: &str| safe_line(&plain(&snapshot[field]));
    let mut page =
        format!("{}   {}@{}   {} items\n", of("snapshotId"), of("packKey"), of("packVersion"), of("itemCount"));
    page += &format!("  root     {}\n  made     {} by {}\n", of("hash"), of("createdAt"), of("createdBy"));
    for (name, value) in snapshot["parameters"].as_object().into_iter().flatten() {
        page += &format!("  {:<8} {}\n", safe_line(name), safe_line(&plain(value)));
    }
    for item in snapshot["items"].as_array().into_iter().flatten() {
        let of = |field: &str| safe_line(&text(item, field));
        let size = units::size(item["size"].as_u64().unwrap_or_default());
        page += &format!("  {:<12} {:<10} {:<10} {size:>10}  {}\n", of("key"), of("kind"), of("trust"), of("digest"));
    }
    page
}

fn snapshot_arguments(command: Command) -> Command {
    let parameter = Arg::new("input").long("input").short('i').value_name("KEY=VALUE").action(ArgAction::Append);
    command
        .arg(Arg::new("pack").value_name("PACK[@VERSION]").help("The pack").required(true))
        .arg(parameter.help("A parameter of the pack; `.` is this folder"))
        .arg(Arg::new("reason").long("reason").value_name("TEXT").help("What the snapshot is made for"))
}

async fn snapshot(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let pack = matches.get_one::<String>("pack").expect("required");
    let (key, version) = pack.split_once('@').map_or((pack.as_str(), None), |(key, version)| (key, Some(version)));
    let mut parameters = Map::new();
    for pair in matches.get_many::<String>("input").into_iter().flatten() {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("`-i {pair}`: expected KEY=VALUE")))?;
        parameters.insert(name.to_owned(), typed(context, value));
    }
    let mut input = json!({ "packKey": key, "parameters": parameters });
    for (field, value) in
        [("packVersion", version), ("reason", matches.get_one::<String>("reason").map(String::as_str))]
    {
        if let Some(value) = value {
            input[field] = value.into();
        }
    }
    let value = context.client()?.command("context.pack.snapshot", "v1.1", &input).await?;
    let id = text(&value, "snapshotId");
    let said = format!("{id}   {} items   root {}", value["itemCount"], text(&value, "hash"));
    context.print(Data::One { value, text: said, id })?;
    Ok(Exit::Done)
}

fn diff_arguments(command: Command) -> Command {
    let with_text =
        Arg::new("text").long("text").action(ArgAction::SetTrue).help("Show how texts differ, line by line");
    command.arg(snapshot_argument("left")).arg(snapshot_argument("right")).arg(with_text)
}

async fn diff(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let of = |name: &str| matches.get_one::<String>(name).expect("required").clone();
    let input = json!({ "left": of("left"), "right": of("right"), "withText": matches.get_flag("text") });
    let value = context.client()?.query("context.snapshot.diff", "v1", &input).await?;
    let mut page = format!("{} items are the same\n", value["unchanged"]);
    for item in value["items"].as_array().into_iter().flatten() {
        page += &format!("{:<8} {}\n", text(item, "change"), safe_line(&text(item, "key")));
        page.extend(text(item, "diff").lines().map(|line| terminal::diff_line(line) + "\n"));
    }
    context.print(Data::One { value, text: page, id: of("right") })?;
    Ok(Exit::Done)
}
