//! What the program is called with.

use affiant_proof::{
    keys::{KeyKind, VerifierKey},
    trust::Trust,
};
use anyhow::{Context as _, Result, bail};
use clap::{Arg, ArgAction, Command, value_parser};

/// What the program is called with.
pub(crate) struct Arguments {
    pub(crate) bundle: String,
    trust: Option<String>,
    keys: Vec<VerifierKey>,
    pub(crate) previous: Option<String>,
    pub(crate) witness_store: Option<String>,
    pub(crate) quorum: usize,
    pub(crate) format: Format,
}

/// How the report is printed.
#[derive(Clone, Copy)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

const AFTER: &str = "\
Keys come from you, never from the bundle. Ask the log's owner for its public key over a channel that you trust:
  affiant-verify run.affiant --key name+hash+base64

Exit codes: 0 intact, 20 altered, 21 incomplete, 2 called wrongly.";

impl Arguments {
    /// Reads the command line; ends the program when it is called wrongly.
    pub(crate) fn parse() -> Self {
        let mut found = command().get_matches();
        let format =
            if found.get_one::<String>("format").is_some_and(|it| it == "json") { Format::Json } else { Format::Text };
        Self {
            bundle: found.remove_one("bundle").unwrap_or_default(),
            trust: found.remove_one("trust"),
            keys: found.remove_many("key").map(Iterator::collect).unwrap_or_default(),
            previous: found.remove_one("previous"),
            witness_store: found.remove_one("witness-store"),
            quorum: found.remove_one("witness-quorum").unwrap_or(0),
            format,
        }
    }

    /// The trust file, with the keys named beside it.
    pub(crate) fn trust(&self) -> Result<Trust> {
        let mut trust = match &self.trust {
            Some(path) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
                Trust::from_bytes(&bytes).with_context(|| format!("cannot use {path}"))?
            }
            None => Trust::default(),
        };
        for key in &self.keys {
            match key.kind() {
                KeyKind::Note => trust.origins.entry(key.name().to_string()).or_default().keys.push(key.clone()),
                KeyKind::Cosignature => trust.witnesses.keys.push(key.clone()),
            }
        }
        if trust.origins.is_empty() {
            bail!("no log is trusted: name one with --trust or --key");
        }
        Ok(trust)
    }
}

fn command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("affiant-verify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Check the record of a run offline: whether it is intact, signed, witnessed, incomplete or altered.")
        .after_help(AFTER)
        .arg(Arg::new("bundle").value_name("BUNDLE").required(true).help("The file that was exported"))
        .arg(option("trust", "FILE", "The logs and witnesses that you trust (JSON)"))
        .arg(
            option("key", "KEY", "A log's or witness's public key: name+hash+base64")
                .action(ArgAction::Append)
                .value_parser(value_parser!(VerifierKey)),
        )
        .arg(option("previous", "CHECKPOINT", "A checkpoint that you kept: the log must continue it"))
        .arg(option("witness-store", "FILE", "Remember the checkpoint of each log, and refuse forks and older heads"))
        .arg(option("witness-quorum", "N", "How many witnesses must have cosigned").value_parser(value_parser!(usize)))
        .arg(option("format", "FORMAT", "How to print").short('o').long("output").value_parser(["text", "json"]))
}
