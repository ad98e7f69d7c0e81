//! `affiant audit trust`: the trust file that bundles of a server are checked with, with an offline root key or without.

use std::path::Path;

use affiant_proof::{
    keys::{KeyKind, KeyName, SigningKey, VerifierKey},
    trust::{KeyHistory, LogTrust, Reign, Root, Trust},
};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::{Data, Exit, FORMATS, Failure, terminal, text};
use crate::cli::{Context, client::Client};

pub(super) fn arguments(command: Command) -> Command {
    let file = |output: Arg| {
        let output = output.value_name("FILE").value_parser(clap::value_parser!(String)).visible_alias("out");
        output.help("The file to write; printed when absent")
    };
    let root = Arg::new("root-key").long("root-key").value_name("FILE");
    let root = root.help("Sign the history of keys with this key, made when it is not there; keep it offline");
    command.mut_arg("output", file).arg(root)
}

/// Asks the server for its keys, and writes down that they are trusted. Do it once, over a connection that you trust.
pub(super) async fn run(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let reply = context.client()?.query("log.keys", "v1", &json!({})).await?;
    let mut trust = of_reply(&reply)?;
    let origin = text(&reply, "origin");
    if let Some(file) = matches.get_one::<String>("root-key") {
        trust.origins.insert(origin.clone(), rooted(&context.folder.join(file), &history_of(&reply)?)?);
    }
    let mut document = serde_json::to_string_pretty(&trust).expect("a trust file is texts and numbers");
    document.push('\n');
    let is_format = |named: &&String| FORMATS.iter().any(|(format, _)| format == named);
    let Some(named) = matches.get_one::<String>("output").filter(|named| !is_format(named)) else {
        terminal::data(document.trim_end());
        return Ok(Exit::Done);
    };
    std::fs::write(context.folder.join(named), &document)?;
    let said = format!("wrote {named}: bundles of {} can be checked with it", terminal::safe_line(&origin));
    context.print(Data::One { value: json!({ "file": named, "origin": origin }), text: said, id: named.clone() })?;
    Ok(Exit::Done)
}

/// The keys that a server says are its own: as good as the connection to it.
pub(super) async fn of_server(client: &Client) -> Result<Trust, Failure> {
    of_reply(&client.query("log.keys", "v1", &json!({})).await?)
}

fn of_reply(reply: &Value) -> Result<Trust, Failure> {
    let history = history_of(reply)?;
    let mut trust = Trust::default();
    for earlier in reply["before"].as_array().into_iter().flatten() {
        let keys = earlier["keys"].as_array().into_iter().flatten().filter_map(|key| key.as_str()?.parse().ok());
        let keys: Vec<VerifierKey> = keys.collect();
        trust.origins.insert(text(earlier, "origin"), LogTrust { keys, root: None });
    }
    let keys = history.keys.into_iter().map(|reign| reign.key).collect();
    trust.origins.insert(history.origin, LogTrust { keys, root: None });
    Ok(trust)
}

fn history_of(reply: &Value) -> Result<KeyHistory, Failure> {
    let keys = reply["keys"].as_array().into_iter().flatten();
    let reigns = keys.map(|row| {
        let key = text(row, "key").parse::<VerifierKey>();
        let key = key.map_err(|error| Failure::usage(format!("the server sent no key: {error}")))?;
        Ok(Reign { from: row["from"].as_u64().unwrap_or(0), key, until: row["until"].as_u64() })
    });
    let keys = reigns.collect::<Result<Vec<_>, Failure>>()?;
    Ok(KeyHistory { keys, origin: text(reply, "origin"), v: 1 })
}

/// The log's keys as the root key vouches for them.
fn rooted(file: &Path, history: &KeyHistory) -> Result<LogTrust, Failure> {
    let key = match std::fs::read_to_string(file) {
        Ok(text) => SigningKey::from_secret_text(text.trim())
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => fresh(file, history)?,
        Err(error) => return Err(error.into()),
    };
    let root = Root { history: history.sign(&key), keys: vec![key.verifier().clone()] };
    Ok(LogTrust { keys: Vec::new(), root: Some(root) })
}

/// A new root key, in a file that only its owner may read.
fn fresh(file: &Path, history: &KeyHistory) -> Result<SigningKey, Failure> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).expect("an operating system without randomness runs no commands");
    let server = history.origin.split('/').next().unwrap_or("affiant.local");
    let name = KeyName::new(format!("{server}/root")).map_err(|error| Failure::usage(error.to_string()))?;
    let key = SigningKey::from_seed(name, KeyKind::Note, &seed);
    let mut out = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(out, "{}", key.to_secret_text())?;
    out.sync_all()?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_root_key_is_made_once_and_vouches_for_the_history() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root.key");
        let log = SigningKey::from_seed(KeyName::new("example.org/t_1").unwrap(), KeyKind::Note, &[1; 32]);
        let keys = vec![Reign { from: 0, key: log.verifier().clone(), until: None }];
        let history = KeyHistory { keys, origin: "example.org/t_1".into(), v: 1 };
        let trusts = [(); 2].map(|()| rooted(&file, &history).unwrap());
        assert_eq!(trusts[0], trusts[1]);
        let origins = BTreeMap::from([(history.origin.clone(), trusts[0].clone())]);
        let written = serde_json::to_vec(&Trust { origins, ..Trust::default() }).unwrap();
        let read = Trust::from_bytes(&written).unwrap();
        assert_eq!(read.keys("example.org/t_1", 7).unwrap(), [log.verifier().clone()]);
    }
}
