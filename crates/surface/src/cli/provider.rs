//! `affiant provider …`: which models agents can ask.

use std::{
    io::{IsTerminal as _, Read as _},
    time::Duration,
};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::{
    Context, Exit, Failure, Noun, Verb,
    operation::{Act, First, List},
    output::{Column, Data, text},
    terminal::{note, safe_line},
};

pub(super) const NOUN: Noun = Noun {
    name: "provider",
    about: "Providers: which models agents can ask",
    verbs: &[
        Verb {
            name: "detect",
            alias: None,
            about: "Find keys in the environment and servers on this machine; asks no provider and spends nothing",
            examples: "  affiant provider detect",
            arguments: |command| command,
            run: |context, _| Box::pin(detect(context)),
        },
        Verb {
            name: "connect",
            alias: None,
            about: "Keep how a provider is reached, with its key sealed",
            examples: "  affiant provider connect anthropic --from-env\n  \
                affiant provider connect local --kind openai-chat --base-url http://127.0.0.1:8000\n  \
                affiant provider connect team --kind openai --from-env TEAM_KEY --budget-per-day 5.00",
            arguments: connect_arguments,
            run: |context, matches| Box::pin(connect(context, matches)),
        },
        Verb {
            name: "list",
            alias: Some("ls"),
            about: "List connections, never their keys",
            examples: "  affiant provider list",
            arguments: |command| LIST.arguments(command),
            run: |context, matches| Box::pin(LIST.run(context, matches)),
        },
        Verb {
            name: "check",
            alias: None,
            about: "Ask a provider for its list of models, which costs nothing",
            examples: "  affiant provider check anthropic",
            arguments: |command| CHECK.arguments(command),
            run: |context, matches| Box::pin(CHECK.run(context, matches)),
        },
        Verb {
            name: "remove",
            alias: Some("rm"),
            about: "Forget a connection and destroy its key",
            examples: "  affiant provider remove anthropic --yes",
            arguments: |command| REMOVE.arguments(command),
            run: |context, matches| Box::pin(REMOVE.run(context, matches)),
        },
    ],
};

const LIST: List = List { operation: "provider.list@1.0.0", view: "provider.index@1.0.0", first: First::Nothing };

const CHECK: Act = Act {
    operation: "provider.check@1.0.0",
    first: First::Text("name"),
    say: |checked| format!("{} answers. {}", safe_line(&text(checked, "name")), models(checked)),
};

const REMOVE: Act = Act {
    operation: "provider.remove@1.0.0",
    first: First::Text("name"),
    say: |removed| format!("{} is forgotten and its key destroyed", safe_line(&text(removed, "name"))),
};

/// Kinds, the variables that hold their keys, and those that hold their base URLs.
const KNOWN: [(&str, &[&str], &str); 3] = [
    ("anthropic", &["ANTHROPIC_API_KEY"], "ANTHROPIC_BASE_URL"),
    ("openai", &["OPENAI_API_KEY"], "OPENAI_BASE_URL"),
    ("gemini", &["GEMINI_API_KEY", "GOOGLE_API_KEY"], "GEMINI_BASE_URL"),
];

/// What all runs of a tenant may spend in a day over a connection that charges, unless somebody says otherwise.
const USUAL_BUDGET: &str = "5.00";

/// Where Ollama listens, unless `OLLAMA_HOST` says otherwise.
const OLLAMA: &str = "127.0.0.1:11434";

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

async fn detect(context: &Context<'_>) -> Result<Exit, Failure> {
    let mut found = Vec::new();
    for (kind, keys, base) in KNOWN {
        let address = set(base);
        let key = keys.iter().find(|name| set(name).is_some());
        // A server that speaks like OpenAI speaks Chat Completions nearly always, and Responses seldom.
        let speaks = if kind == "openai" && address.is_some() { "openai-chat" } else { kind };
        match (key, &address) {
            (None, None) => (),
            (Some(key), None) => found.push(row(kind, kind, key, format!("{kind} --from-env {key}"))),
            (key, Some(address)) => {
                let from = key.map_or(String::new(), |key| format!(" --from-env {key}"));
                let command = format!("{kind} --kind {speaks} --base-url {address}{from}");
                found.push(row(kind, speaks, base, command));
            }
        }
    }
    if let Some(address) = ollama().await {
        let base = if address == OLLAMA { String::new() } else { format!(" --base-url http://{address}") };
        found.push(row("ollama", "ollama", &format!("http://{address}"), format!("ollama{base}")));
    }
    if found.is_empty() {
        note(
            "Nothing found: no key in the environment, and no Ollama on this machine. Nothing was asked or spent.\n\
             Any compatible server: affiant provider connect NAME --kind openai-chat --base-url URL",
        );
    } else {
        note(
            "Nothing was asked of a provider, and nothing spent. A variable is only looked for; its value is not shown.",
        );
    }
    let columns = [
        Column::new("NAME", |row| safe_line(&text(row, "name"))),
        Column::new("SPEAKS", |row| text(row, "kind")),
        Column::new("FOUND IN", |row| safe_line(&text(row, "found"))),
        Column::new("CONNECT", |row| safe_line(&text(row, "connect"))),
    ];
    let total = Some(found.len() as u64);
    context.print(Data::List { items: found, columns: &columns, next: None, total })?;
    Ok(Exit::Done)
}

fn row(name: &str, kind: &str, found: &str, command: String) -> Value {
    json!({ "name": name, "kind": kind, "found": found, "connect": format!("affiant provider connect {command}") })
}

/// Where an Ollama answers on this machine, if one does.
async fn ollama() -> Option<String> {
    let host = set("OLLAMA_HOST").unwrap_or_else(|| OLLAMA.to_owned());
    let host = host.trim_start_matches("http://").trim_end_matches('/').replace("0.0.0.0", "127.0.0.1");
    let host = if host.contains(':') { host } else { format!("{host}:11434") };
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(800)).build().ok()?;
    let answer = client.get(format!("http://{host}/api/tags")).send().await.ok()?;
    answer.status().is_success().then_some(host)
}

fn connect_arguments(command: Command) -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    command
        .arg(Arg::new("name").value_name("NAME").required(true).help("The part before the `/` of an agent's model"))
        .arg(option("kind", "KIND", "What it speaks; the name when that is one of them").value_parser([
            "anthropic",
            "openai",
            "openai-chat",
            "gemini",
            "ollama",
        ]))
        .arg(option("base-url", "URL", "Where it is, when not at the provider's own address"))
        .arg(
            option("from-env", "VARIABLE", "Read the key from the environment; the usual variable when none is named")
                .num_args(0..=1)
                .default_missing_value(""),
        )
        .arg(option(
            "budget-per-day",
            "AMOUNT",
            "What all runs may spend over it in a day, or `none`; 5.00 at a provider's own address, none elsewhere",
        ))
        .arg(
            option("at-once", "COUNT", "Requests that may be under way at once").value_parser(clap::value_parser!(u32)),
        )
        .arg(
            Arg::new("no-check")
                .long("no-check")
                .action(ArgAction::SetTrue)
                .help("Keep it without asking the provider"),
        )
}

async fn connect(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let given = |name: &str| matches.get_one::<String>(name).cloned();
    let name = given("name").unwrap_or_default();
    let known = ["anthropic", "openai", "openai-chat", "gemini", "ollama"].contains(&name.as_str());
    let kind = given("kind").or_else(|| known.then(|| name.clone()));
    let kind = kind.ok_or_else(|| {
        Failure::usage("say what it speaks, with --kind anthropic, openai, openai-chat, gemini or ollama")
    })?;
    let base = given("base-url");
    let key = key(&kind, base.is_some(), given("from-env"))?;
    let budget = budget(&kind, base.is_some(), given("budget-per-day"));
    let check = !matches.get_flag("no-check");
    let mut input = Map::new();
    let fields = [
        ("name", Some(json!(name))),
        ("kind", Some(json!(kind))),
        ("baseUrl", base.map(Value::from)),
        ("key", key.map(Value::from)),
        ("budgetPerDay", budget.map(Value::from)),
        ("atOnce", matches.get_one::<u32>("at-once").map(|it| json!(it))),
        ("check", Some(json!(check))),
    ];
    input.extend(fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))));
    if check {
        note(&format!("Asking {} for its list of models, which costs nothing …", safe_line(&name)));
    }
    let made = context.client()?.command("provider.connect", "1.0.0", &Value::Object(input)).await;
    let made = made.map_err(|failure| match failure.code == "provider-check-failed" {
        true => failure.next("correct the key or the address; --no-check keeps the connection all the same"),
        false => failure,
    })?;
    let kept = if made["keyed"] == true { "its key is sealed" } else { "it has no key" };
    let address = safe_line(&text(&made, "baseUrl"));
    let said = format!("{} is connected at {address}; {kept}. {}", safe_line(&name), bounded(&made));
    let said = if check { format!("{said} {}", models(&made)) } else { said };
    context.print(Data::One { value: made, text: said, id: name })?;
    Ok(Exit::Done)
}

/// The key: from a variable, or from standard input. Never from an argument, which every process can read.
fn key(kind: &str, elsewhere: bool, variable: Option<String>) -> Result<Option<String>, Failure> {
    let usual = KNOWN.iter().find(|(known, ..)| kind.starts_with(known)).map_or(&[] as &[&str], |(_, keys, _)| *keys);
    if let Some(variable) = variable {
        let names = if variable.is_empty() { usual.to_vec() } else { vec![variable.as_str()] };
        let found = names.iter().find_map(|name| set(name));
        let missing = || {
            Failure::usage(format!(
                "{} is not set in this environment",
                if names.is_empty() { "no variable is usual for this kind, and VARIABLE" } else { names[0] }
            ))
        };
        return found.map(Some).ok_or_else(missing);
    }
    let mut piped = String::new();
    if !std::io::stdin().is_terminal() {
        std::io::stdin().take(64 << 10).read_to_string(&mut piped)?;
    }
    match piped.trim() {
        "" if kind == "ollama" || elsewhere => Ok(None),
        "" => Err(Failure::usage(
            "give the key with --from-env, or on standard input: affiant provider connect NAME < FILE",
        )),
        key => Ok(Some(key.to_owned())),
    }
}

/// What all runs may spend over it in a day: what was said, or a little where calls cost money.
fn budget(kind: &str, elsewhere: bool, said: Option<String>) -> Option<String> {
    match said.as_deref() {
        Some("none") => None,
        None if elsewhere || kind == "ollama" => None,
        None => Some(USUAL_BUDGET.to_owned()),
        Some(amount) => Some(amount.to_owned()),
    }
}

/// What bounds the spending over a connection, and how to say otherwise.
fn bounded(made: &Value) -> String {
    match made["budgetPerDay"].as_str() {
        Some(amount) => format!("All runs together may spend {amount} over it in a day (--budget-per-day)."),
        None => "What runs spend over it in a day is not bounded (--budget-per-day).".to_owned(),
    }
}

fn models(made: &Value) -> String {
    let names: Vec<String> =
        made["models"].as_array().into_iter().flatten().filter_map(Value::as_str).map(safe_line).collect();
    match names.as_slice() {
        [] => "It named no models.".to_owned(),
        all if all.len() <= 8 => format!("Models: {}", all.join(", ")),
        all => format!("Models: {}, … {} in all", all[..7].join(", "), all.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_calls_cost_money_a_day_is_bounded_unless_somebody_says_otherwise() {
        let of = |kind: &str, elsewhere: bool, said: Option<&str>| budget(kind, elsewhere, said.map(str::to_owned));
        assert_eq!(of("anthropic", false, None).as_deref(), Some("5.00"));
        assert_eq!(of("anthropic", false, Some("0.50")).as_deref(), Some("0.50"));
        assert_eq!(of("anthropic", false, Some("none")), None);
        // There are no prices for servers of one's own: a budget of money would keep every run from asking them.
        assert_eq!((of("openai-chat", true, None), of("ollama", false, None)), (None, None));
    }
}
