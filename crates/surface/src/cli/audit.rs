//! `affiant audit …`: take the record away, and check it without the server.

use std::path::{Path, PathBuf};

use affiant_proof::{
    archive::Limits,
    bundle::Bundle,
    trust::Trust,
    verify::{self, Auditor, Report, Verdict},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;

mod trust;

use super::{
    Context, Exit, Failure, Noun, Verb, ids,
    operation::{Act, First},
    output::{Data, FORMATS, text},
    terminal,
};
use crate::units;

pub(super) const NOUN: Noun = Noun {
    name: "audit",
    about: "The record: take it away, and check it",
    verbs: &[
        Verb {
            name: "export",
            alias: None,
            about: "Keep everything that proves a run in one file",
            examples: "  affiant audit export @last -o run.affiant\n  affiant audit export @last -o run.affiant --previous kept-checkpoint",
            arguments: export_arguments,
            run: |context, matches| Box::pin(export(context, matches)),
        },
        Verb {
            name: "verify",
            alias: None,
            about: "Check a bundle without any server, or a run of the server by its record",
            examples: "  affiant audit verify run.affiant --trust trust.json\n  affiant audit verify @last",
            arguments: verify_arguments,
            run: |context, matches| Box::pin(check(context, matches)),
        },
        Verb {
            name: "checkpoint",
            alias: None,
            about: "The signed head of the log: keep it, and nobody can rewrite what stands before it unnoticed",
            examples: "  affiant audit checkpoint\n  affiant audit checkpoint -o json --jq .treeSize",
            arguments: |command| command,
            run: |context, _| Box::pin(checkpoint(context)),
        },
        Verb {
            name: "trust",
            alias: None,
            about: "Write the trust file that bundles of this server are checked with",
            examples: "  affiant audit trust -o trust.json\n  affiant audit trust -o trust.json --root-key root.key",
            arguments: trust::arguments,
            run: |context, matches| Box::pin(trust::run(context, matches)),
        },
        Verb {
            name: "rotate",
            alias: None,
            about: "Exchange the key that signs the log: begin, then end when everybody knows the new one",
            examples: "  affiant audit rotate begin\n  affiant audit rotate end",
            arguments: |command| ROTATE.arguments(command),
            run: |context, matches| Box::pin(ROTATE.run(context, matches)),
        },
        Verb {
            name: "erase",
            alias: None,
            about: "Make a person's data unreadable for good; proofs stay valid",
            examples: "  affiant audit erase --subject u_ana --basis 'GDPR Art. 17, request 2026-114' --yes",
            arguments: |command| ERASE.arguments(command),
            run: |context, matches| Box::pin(ERASE.run(context, matches)),
        },
        Verb {
            name: "hold",
            alias: None,
            about: "Keep a person's data from being erased, or let go of it",
            examples: "  affiant audit hold --subject u_ana --held true --reason 'Case 7 K 114/26'",
            arguments: |command| HOLD.arguments(command),
            run: |context, matches| Box::pin(HOLD.run(context, matches)),
        },
    ],
};

const ROTATE: Act = Act {
    operation: "log.rotate@1.0.0",
    first: First::Text("phase"),
    say: |reply| {
        let signers = reply["signers"].as_array().into_iter().flatten().filter_map(|key| key.as_str());
        let signers: String = signers.map(|key| format!("  {}\n", terminal::safe_line(key))).collect();
        format!("these sign {} from size {} on:\n{signers}", text(reply, "origin"), reply["treeSize"])
    },
};

const ERASE: Act = Act {
    operation: "subject.erase@1.0.0",
    first: First::Nothing,
    say: |reply| {
        format!(
            "{} values of {} can no longer be opened",
            reply["commitments"],
            terminal::safe_line(&text(reply, "subject"))
        )
    },
};

const HOLD: Act = Act {
    operation: "subject.hold@1.0.0",
    first: First::Nothing,
    say: |reply| {
        let word = if reply["held"] == true { "is held" } else { "is no longer held" };
        format!("the data of {} {word}", terminal::safe_line(&text(reply, "subject")))
    },
};

fn export_arguments(command: Command) -> Command {
    let run = Arg::new("run").value_name("RUN").help("A run's id, a part of it, or @last").required(true);
    // Here `-o` names the file, as whoever wants a file expects; the name of a format still means the format.
    let file = |output: Arg| {
        let output = output.value_name("FILE").value_parser(clap::value_parser!(String)).visible_alias("out");
        output.help("The file to write, named after the run when absent; or how the summary is printed")
    };
    let previous = Arg::new("previous").long("previous").value_name("FILE");
    let previous = previous.help("A checkpoint that you kept: the file then proves that the log continues it");
    let bare = Arg::new("without-contents").long("without-contents").action(ArgAction::SetTrue);
    command
        .mut_arg("output", file)
        .arg(run)
        .arg(previous)
        .arg(bare.help("Digests alone, without what files and results held"))
}

async fn export(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let client = context.client()?;
    let run = ids::run(&client, matches.get_one::<String>("run").expect("required")).await?;
    let mut input = json!({ "runId": run, "withBlobs": !matches.get_flag("without-contents") });
    if let Some(previous) = matches.get_one::<String>("previous") {
        let note = std::fs::read_to_string(context.folder.join(previous));
        input["previousCheckpoint"] = note.map_err(|error| Failure::usage(format!("{previous}: {error}")))?.into();
    }
    let value = client.query("agent.bundle", "v1", &input).await?;
    let bytes = client.bytes(&format!("/{}", text(&value, "uri").trim_start_matches('/'))).await?;
    let is_format = |named: &&String| FORMATS.iter().any(|(format, _)| format == named);
    let named = matches.get_one::<String>("output").filter(|named| !is_format(named)).cloned();
    let named = named.unwrap_or_else(|| format!("{run}.affiant"));
    std::fs::write(context.folder.join(&named), &bytes)?;
    let said = format!(
        "wrote {named}   {}, {} events, log of {} entries\n  check it on any machine: affiant audit verify {named} --trust FILE",
        units::size(bytes.len() as u64),
        value["events"],
        value["treeSize"]
    );
    context.print(Data::One { value, text: said, id: named })?;
    Ok(Exit::Done)
}

fn verify_arguments(command: Command) -> Command {
    let file =
        Arg::new("file").value_name("FILE|RUN").help("A bundle; or a run, whose record is fetched").required(true);
    let trust = Arg::new("trust")
        .long("trust")
        .value_name("FILE")
        .help("Whom you trust: your own file, never part of a bundle; for a run, the server's own word when absent");
    command.arg(file).arg(trust).after_help("Exit codes: 0 intact; 20 altered; 21 something that is needed is missing.")
}

/// Checks a bundle, or the record of a run that the server hands out. Every hash is computed here. Decisions are not
/// derived again: that is `affiant run replay`.
async fn check(context: &Context<'_>, matches: &ArgMatches) -> Result<Exit, Failure> {
    let named = matches.get_one::<String>("file").expect("required");
    let trusted = matches.get_one::<String>("trust");
    let file = context.folder.join(named);
    let (bundle, trust) = match file.exists() || named.contains(['/', '.']) {
        true => (read(named, open(&file)?)?, trust(context, trusted)?),
        false => {
            let client = context.client()?;
            let run = ids::run(&client, named).await?;
            let value = client.query("agent.bundle", "v1", &json!({ "runId": run })).await?;
            let bytes = client.bytes(&format!("/{}", text(&value, "uri").trim_start_matches('/'))).await?;
            let trust = match trusted {
                Some(_) => trust(context, trusted)?,
                None => trust::of_server(&client).await?,
            };
            (read(named, &bytes[..])?, trust)
        }
    };
    let report = verify::verify(&bundle, &Auditor { trust: &trust, held: &[], quorum: 0, replay: None });
    let value = serde_json::to_value(&report).expect("a report has text keys alone");
    context.print(Data::One { value, text: terminal::safe(&report.to_string()), id: named.clone() })?;
    Ok(exit(&report))
}

fn read(named: &str, file: impl std::io::Read) -> Result<Bundle, Failure> {
    let bundle = Bundle::read(file, Limits::default());
    bundle.map_err(|error| Failure::new(Exit::Altered, "bundle-invalid", format!("{named}: {error}")))
}

fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Intact { .. } => Exit::Done,
        Verdict::Incomplete { .. } => Exit::Incomplete,
        Verdict::AlteredAt { .. } | Verdict::AlteredIn { .. } => Exit::Altered,
    }
}

fn trust(context: &Context<'_>, named: Option<&String>) -> Result<Trust, Failure> {
    let Some(named) = named else { return Ok(Trust::default()) };
    let bytes =
        std::fs::read(context.folder.join(named)).map_err(|error| Failure::usage(format!("{named}: {error}")))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::usage(format!("{named}: {error}")))
}

fn open(path: &Path) -> Result<std::fs::File, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::new(Exit::NotFound, "not-found", format!("{}: {error}", PathBuf::from(path).display()))
    };
    std::fs::File::open(path).map_err(cannot)
}

async fn checkpoint(context: &Context<'_>) -> Result<Exit, Failure> {
    let value = context.client()?.query("log.checkpoint", "v1", &json!({})).await?;
    let (note, id) = (terminal::safe(&text(&value, "note")), text(&value, "rootHash"));
    context.print(Data::One { value, text: note, id })?;
    Ok(Exit::Done)
}
