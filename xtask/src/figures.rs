//! The README's table of figures, rendered from the files in `benches/results/`.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::sh;

/// How a number is written.
#[derive(Clone, Copy)]
enum As {
    /// With commas between thousands.
    Whole,
    /// With two digits after the point.
    Ratio,
    /// Milliseconds: one digit after the point where there are few.
    Millis,
    /// Seconds, with one digit after the point.
    Seconds,
    /// KiB as whole MiB.
    MiB,
}

/// A row: what was measured, its file, how the figure is told, and which numbers stand for each `{}`.
type Row = (&'static str, &'static str, &'static str, &'static [(&'static str, As)]);

const ROWS: &[Row] = &[
    (
        "one-step runs from 32 connections",
        "runs",
        "{} accepted and {} completed a second (median of five rounds)",
        &[("/medians/acceptedPerSecond", As::Whole), ("/medians/completedPerSecond", As::Whole)],
    ),
    ("steps of 500 ten-step runs", "runs", "{} a second", &[("/medians/stepsPerSecond", As::Whole)]),
    (
        "beside a bare floor that writes as many bytes and does nothing else",
        "runs",
        "{} of its accepted runs, {} of its steps",
        &[("/medians/ratioAccepted", As::Ratio), ("/medians/ratioSteps", As::Ratio)],
    ),
    (
        "request to reply, with the first step decided on disk, one at a time",
        "runs",
        "p50 {} ms, p99 {} ms",
        &[
            ("/submitToFirstStep/requestToReplyWithTheFirstStepDecidedOnDisk/p50Ms", As::Millis),
            ("/submitToFirstStep/requestToReplyWithTheFirstStepDecidedOnDisk/p99Ms", As::Millis),
        ],
    ),
    ("disk, with indexes and log", "runs", "{} bytes an event", &[("/medians/bytesPerEvent", As::Whole)]),
    ("cold start", "cold", "{} ms, {} MiB", &[("/readyMsMedian", As::Millis), ("/residentKiB", As::MiB)]),
    (
        "start with 1,000 contracts of your own",
        "contracts",
        "{} ms, {} MiB",
        &[("/readyMs", As::Millis), ("/residentKiB", As::MiB)],
    ),
    (
        "110,000 finished and 10,000 waiting runs",
        "large",
        "{} MiB; first page of `agent.status` p99 {} ms",
        &[("/residentKiB", As::MiB), ("/statusFirstPageP99Ms", As::Millis)],
    ),
    ("one run of 10,000 steps", "long", "every decision derived again in {} ms", &[("/replayMsMedian", As::Millis)]),
    (
        "a conversation that a thousand follow, 10 ms a piece of an answer",
        "followers",
        "a round takes {} ms, followed by nobody {} ms",
        &[("/conversation/followed/roundMsMedian", As::Millis), ("/conversation/alone/roundMsMedian", As::Millis)],
    ),
    (
        "a step that asks a model",
        "models",
        "{} ms beyond the provider's own time; a thousand conversations at once in {} MiB",
        &[("/step/modelStepOverheadMsMedian", As::Millis), ("/streams/residentKiB", As::MiB)],
    ),
    (
        "Studio: a page of a run in the browser, its 10,000th step, the check of its 10,001 events",
        "studio",
        "painted after {} ms, there after {} ms, checked in {} ms",
        &[
            ("/figures/first paint: run, ms/median", As::Millis),
            ("/figures/long run: to its last step, ms/median", As::Millis),
            ("/figures/verification of 10,001 events, ms/median", As::Millis),
        ],
    ),
    (
        "Studio: 100,000 runs, those of one agent that completed; those that were told two words",
        "studio",
        "the whole page in {} ms; in {} ms",
        &[
            ("/figures/list of 100,000 runs, status:completed agent:echo: the whole reply, ms/median", As::Millis),
            ("/figures/list of 100,000 runs, text:\"batch 7\": the whole reply, ms/median", As::Millis),
        ],
    ),
    ("`affiant try --yes`, 1,000 commits", "try", "{} s", &[("/seconds", As::Seconds)]),
    (
        "checking a bundle of 100,000 events, offline",
        "micro",
        "{} s, {} MiB",
        &[("/proofs/verify/seconds_median", As::Seconds), ("/proofs/verify/peak_mib", As::Whole)],
    ),
];

const BEGIN: &str = "| what | figure | file |\n|---|---|---|\n";

/// Writes the table; with `check`, only says that it is stale and fails.
pub(crate) fn run(check: bool) -> Result<()> {
    let path = sh::root().join("README.md");
    let readme = fs::read_to_string(&path)?;
    let (before, rest) = readme.split_once(BEGIN).context("the README has no table of figures")?;
    let (_, after) = rest.split_once("\n\n").context("the README ends with its table of figures")?;
    let fresh = format!("{before}{BEGIN}{}\n{after}", table()?);
    if fresh == readme {
        return Ok(());
    }
    if check {
        bail!("the README's figures are not those of benches/results/; run `cargo xtask generate` and commit");
    }
    println!("wrote   README.md");
    Ok(fs::write(path, fresh)?)
}

fn table() -> Result<String> {
    let mut table = String::new();
    for (what, file, told, numbers) in ROWS {
        let path = sh::root().join("benches/results").join(format!("{file}.json"));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let result = serde_json::from_str::<Value>(&text)?["result"].take();
        let mut told = (*told).to_owned();
        for (pointer, unit) in *numbers {
            let number = result.pointer(pointer).and_then(Value::as_f64);
            let number = number.with_context(|| format!("{file}.json has no number at {pointer}"))?;
            told = told.replacen("{}", &spelled(number, *unit), 1);
        }
        table += &format!("| {what} | {told} | `{file}` |\n");
    }
    Ok(table)
}

fn spelled(number: f64, unit: As) -> String {
    match unit {
        As::Whole => grouped(number),
        As::Ratio => format!("{number:.2}"),
        As::Millis if number < 10.0 => format!("{number:.1}"),
        As::Millis => grouped(number),
        As::Seconds => format!("{number:.1}"),
        As::MiB => grouped(number / 1024.0),
    }
}

/// A whole number with commas between thousands.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_written_as_people_read_it() {
        let written = [
            spelled(8654.43, As::Whole),
            spelled(0.3603, As::Ratio),
            spelled(0.588, As::Millis),
            spelled(1_234.5, As::Millis),
            spelled(54_468.0, As::MiB),
            spelled(123.0, As::Whole),
        ];
        assert_eq!(written, ["8,654", "0.36", "0.6", "1,234", "53", "123"]);
    }
}
