//! Checks a bundle offline, with no server code.
//!
//! Exit codes: 0 intact, 20 altered, 21 incomplete, 2 when it was called wrongly.

mod arguments;
mod witness_store;

use std::{
    fs::File,
    io::{BufReader, Write},
    process::ExitCode,
};

use affiant_proof::{
    bundle::{Bundle, Limits},
    checkpoint,
    trust::Trust,
    verify::{Auditor, Held, Report, unreadable, verify},
};
use anyhow::{Context as _, Result, bail};

use arguments::{Arguments, Format};
use witness_store::WitnessStore;

/// Called wrongly.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nothing better can be done when standard error is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8> {
    let trust = arguments.trust()?;
    let mut store = arguments.witness_store.as_deref().map(WitnessStore::open).transpose()?;
    let mut held: Vec<Held> = store.iter().flat_map(WitnessStore::held).collect();
    if let Some(path) = &arguments.previous {
        held.push(previous(path, &trust).with_context(|| format!("cannot use {path}"))?);
    }
    let file = File::open(&arguments.bundle).with_context(|| format!("cannot open {}", arguments.bundle))?;
    let bundle = match Bundle::read(BufReader::new(file), Limits::default()) {
        Ok(bundle) => bundle,
        Err(error) => match unreadable(&error) {
            Some(report) => return print(arguments, &report),
            None => return Err(error).with_context(|| format!("cannot check {}", arguments.bundle)),
        },
    };
    let auditor = Auditor { trust: &trust, held: &held, quorum: arguments.quorum, replay: None };
    let report = verify(&bundle, &auditor);
    if let (0, Some(store)) = (report.verdict.exit_code(), &mut store) {
        store.keep(&bundle)?;
    }
    print(arguments, &report)
}

/// A checkpoint that the auditor kept. It must be one that the log signed.
fn previous(path: &str, trust: &Trust) -> Result<Held> {
    let note = std::fs::read_to_string(path)?;
    let claimed = affiant_proof::note::Note::parse(&note)?;
    let claimed = checkpoint::Checkpoint::from_text(&claimed.text)?;
    let keys = trust.keys(&claimed.origin, claimed.head.size)?;
    if keys.is_empty() {
        bail!("it is of the log {}, of which you name no key", claimed.origin);
    }
    let opened = checkpoint::open(&note, &keys)?;
    Ok(Held { origin: opened.checkpoint.origin, head: opened.checkpoint.head, from: "--previous" })
}

fn print(arguments: &Arguments, report: &Report) -> Result<u8> {
    let code = report.verdict.exit_code();
    let mut out = std::io::stdout().lock();
    match arguments.format {
        Format::Text => writeln!(out, "{}  {report}", arguments.bundle)?,
        Format::Json => {
            let mut value = serde_json::to_value(report)?;
            value["bundle"] = arguments.bundle.as_str().into();
            value["result"] = report.verdict.to_string().into();
            value["exit"] = code.into();
            writeln!(out, "{}", serde_json::to_string_pretty(&value)?)?;
        }
    }
    Ok(code)
}
