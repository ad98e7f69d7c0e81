//! Binding `command`: a program on this machine carries the operation out.
//!
//! It is started without a shell, in a process group of its own, with an environment that holds nothing but what
//! is named here. When it has ended, or must, the whole group is killed.

mod argv;
mod run;

use std::path::Path;

use affiant_contract::{CommandBinding, Contract};
use affiant_engine::ports::{Preview, ToolCall, ToolFailure};
use serde_json::{Map, Value};

use self::run::{Ended, Program};
use super::arguments;
use crate::{
    Environment,
    display::{escape, shorten},
    failure::{declared, refuse},
    secrets::Secrets,
};

/// One attempt, unless the binding says otherwise.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// Handed on to every program.
const ALWAYS: [&str; 2] = ["PATH", "LANG"];
/// By which the program recognises a second attempt.
const KEY: &str = "AFFIANT_IDEMPOTENCY_KEY";
/// The exit status by which a program says that it may succeed later (`EX_TEMPFAIL` of `sysexits.h`).
const TRY_LATER: i32 = 75;

pub(super) async fn call(
    folder: &Path,
    environment: &Environment,
    binding: &CommandBinding,
    call: &ToolCall,
) -> Result<Value, ToolFailure> {
    let input: Map<String, Value> = arguments(call)?;
    let names = ALWAYS.into_iter().chain(binding.env.iter().map(String::as_str));
    let mut variables: Vec<_> = names.filter_map(|name| Some((name.to_owned(), environment(name)?))).collect();
    let mut secrets = Secrets::default();
    variables.iter().for_each(|(name, value)| secrets.add_named(name, value));
    variables.push((KEY.to_owned(), call.idempotency_key.to_string()));
    let program = Program {
        argv: argv::fill(&binding.argv, &input)?,
        folder: folder.to_owned(),
        variables,
        input: call.arguments.clone(),
        timeout: binding.timeout.unwrap_or(TIMEOUT).min(call.timeout),
        cancel: call.cancel.clone(),
    };
    secrets.hide_from(program.run().await.and_then(|ended| result(&ended, &call.operation)))
}

fn result(ended: &Ended, operation: &Contract) -> Result<Value, ToolFailure> {
    let said = tail(&ended.errors);
    match ended.status {
        Some(0) => match serde_json::from_slice(&ended.output) {
            Ok(value @ Value::Object(_)) => Ok(value),
            // It says that it has done its work; only the answer is lost.
            _ => Err(ToolFailure {
                uncertain: true,
                ..refuse("binding-failed", format!("the program wrote something that is no JSON object{said}"))
            }),
        },
        Some(status) => Err(declared(operation, &ended.output).unwrap_or_else(|| ToolFailure {
            retryable: status == TRY_LATER,
            ..refuse("binding-failed", format!("the program ended with status {status}{said}"))
        })),
        None => Err(ToolFailure {
            uncertain: true,
            ..refuse("binding-failed", format!("the program was killed by a signal{said}"))
        }),
    }
}

/// The end of what a program wrote to standard error, for people.
fn tail(errors: &[u8]) -> String {
    let text = String::from_utf8_lossy(errors);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].iter().map(|line| shorten(&escape(line), 300));
    let shown = last.collect::<Vec<_>>().join(" | ");
    if shown.is_empty() { String::new() } else { format!(": {shown}") }
}

/// What a person is shown: the program with its arguments, and what it reads.
pub(super) fn show(binding: &CommandBinding, call: &ToolCall) -> Result<Preview, ToolFailure> {
    let input: Map<String, Value> = arguments(call)?;
    let argv = argv::fill(&binding.argv, &input)?;
    let line = argv.iter().map(|part| quote(part)).collect::<Vec<_>>().join(" ");
    let body = serde_json::to_string_pretty(&input).unwrap_or_default();
    Ok(Preview {
        title: format!("Run {}", shorten(&escape(argv.first().map_or("", String::as_str)), 120)),
        effect: "runs a program on the server's machine; what it does there is not limited".into(),
        body: format!("{line}\n\n{body}"),
        media: "text/plain".into(),
    })
}

/// An argument so that a reader sees where it begins and ends.
fn quote(part: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    match !part.is_empty() && part.chars().all(plain) {
        true => part.to_owned(),
        false => format!("'{}'", escape(part).replace('\'', "\\'")),
    }
}
