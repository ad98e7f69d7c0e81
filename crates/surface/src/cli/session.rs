//! `affiant open`: Studio in the browser, signed in.

use std::process::{Command as Process, Stdio};

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

use super::{Context, Exit, Failure, Noun, Verb, output::Data, terminal};
use crate::rest::query;

pub(super) const NOUN: Noun = Noun {
    name: "session",
    about: "Browsers that are signed in",
    verbs: &[Verb {
        name: "open",
        alias: None,
        about: "Open Studio in the browser, signed in",
        examples: "  affiant open\n  affiant open 7XK4QZ\n  affiant open --print",
        arguments,
        run: |context, matches| Box::pin(open(context, matches)),
    }],
};

fn arguments(command: Command) -> Command {
    command
        .arg(Arg::new("id").value_name("ID").help("Any id, or a part of one: a run, an approval, an artifact"))
        .arg(Arg::new("print").long("print").action(ArgAction::SetTrue).help("Print the address, open nothing"))
}

async fn open(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let next = match matches.get_one::<String>("id") {
        Some(id) => format!("/studio/go/{}", query::escape(id)),
        None => "/studio".to_owned(),
    };
    let session = client.command("session.create", "v1", &json!({ "next": next })).await?;
    let url = session["url"].as_str().unwrap_or_default();
    // What the server calls itself may not be how it is reached from here.
    let path = url.find("/studio").map_or("", |at| &url[at..]);
    let url = format!("{}{path}", client.base());
    if matches.get_flag("print") || context.no_input || !opened(&url) {
        let value = json!({ "url": url, "expiresAt": session["expiresAt"] });
        context.print(Data::One { value, text: url.clone(), id: url })?;
        return Ok(Exit::Done);
    }
    terminal::note(&format!("Studio opens in your browser, at {}/studio", client.base()));
    terminal::note("If it does not:  affiant open --print");
    Ok(Exit::Done)
}

/// Hands an address to the desktop. False where there is none that could take it.
fn opened(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let desktop =
        cfg!(target_os = "macos") || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    let start =
        || Process::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    desktop && start().is_ok()
}
