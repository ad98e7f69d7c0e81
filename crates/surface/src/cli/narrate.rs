//! A run told as it happens: journal events in, lines for people out. Pure, so that tests read as transcripts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::terminal::safe_line;
use crate::units::{size, took};

/// Tells a run from its events.
#[derive(Default)]
pub(super) struct Narrator {
    steps: BTreeMap<u64, Step>,
    stubbed: BTreeSet<u64>,
    /// What a model says at the moment, not told yet.
    words: String,
    /// The tool whose call a model writes at the moment.
    calling: String,
    /// Tokens and money of the whole run.
    spent: Option<(u64, String)>,
    /// Events told so far.
    pub(super) events: u64,
    /// The approvals that the run waits for, by step.
    pub(super) pending: BTreeMap<u64, Pending>,
    /// How the run ended, with the code of its problem.
    pub(super) ended: Option<(String, Option<String>)>,
    /// Questions that nobody has answered yet, by name.
    questions: BTreeSet<String>,
    /// Steps of which somebody must say how they ended.
    unknown: BTreeSet<u64>,
}

/// What a run waits for, when nothing but a person can move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits<'a> {
    /// That an action is allowed.
    Approval(&'a Pending),
    /// An answer.
    Answer,
    /// A word on how this step ended.
    Outcome(u64),
}

#[derive(Default)]
struct Step {
    label: String,
    attempts: u32,
}

/// An approval that is waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// Its id.
    pub(super) approval: String,
    /// Digest of the action.
    pub(super) action: String,
    /// When silence becomes `expired`.
    pub(super) expires: String,
}

impl Narrator {
    /// Takes one event and gives the line that tells it, if it is worth one.
    pub(super) fn tell(&mut self, event: &Value) -> Option<String> {
        let (body, kind) = (&event["body"], event["type"].as_str().unwrap_or_default());
        if kind == "model.delta" {
            return self.hear(body);
        }
        self.events += 1;
        let said = self.finish_words();
        let line = self.tell_event(kind, body);
        match (said, line) {
            (Some(said), Some(line)) => Some(format!("{said}\n{line}")),
            (said, line) => said.or(line),
        }
    }

    /// Takes what a model says and gives the lines that are whole.
    fn hear(&mut self, delta: &Value) -> Option<String> {
        match text(delta, "kind") {
            "text" => self.words.push_str(text(delta, "text")),
            "call" if self.calling != text(delta, "name") => {
                let said = self.finish_words();
                self.calling = text(delta, "name").to_owned();
                let line = format!("    → {}", safe_line(&self.calling));
                return Some(said.map_or_else(|| line.clone(), |said| format!("{said}\n{line}")));
            }
            _ => (),
        }
        let whole = self.words.rfind('\n').or_else(|| {
            // A long line is broken between two words.
            (self.words.len() > WORDS).then(|| self.words.rfind(' ')).flatten()
        })?;
        let rest = self.words.split_off(whole + 1);
        let said = std::mem::replace(&mut self.words, rest);
        quoted(&said)
    }

    /// What the run waits for, if it waits for a person.
    pub(super) fn waits(&self) -> Option<Waits<'_>> {
        let approval = self.pending.values().next().map(Waits::Approval);
        let answer = (!self.questions.is_empty()).then_some(Waits::Answer);
        approval.or(answer).or_else(|| self.unknown.first().copied().map(Waits::Outcome))
    }

    /// What was heard and not told yet.
    fn finish_words(&mut self) -> Option<String> {
        self.calling.clear();
        quoted(&std::mem::take(&mut self.words))
    }

    /// Tokens and money of the whole run, once it has ended.
    pub(super) fn spent(&self) -> Option<String> {
        self.spent.as_ref().map(|(tokens, cost)| format!("{tokens} tokens · {cost}"))
    }

    fn tell_event(&mut self, kind: &str, body: &Value) -> Option<String> {
        let number = body["step"].as_u64().unwrap_or_default();
        match kind {
            "step.decided" => self.decided(number, body),
            "step.dispatched" => {
                self.unknown.remove(&number);
                self.step(number).attempts =
                    u32::try_from(body["dispatch"]["attempt"].as_u64().unwrap_or(1)).unwrap_or(1);
                None
            }
            "step.observed" => Some(self.observed(number, body)),
            "step.failed" => Some(self.failed(number, body)),
            "step.unknown" => Some(self.unknown(number, body)),
            "approval.requested" => Some(self.asked(number, body)),
            "approval.resolved" => Some(self.answered(number, body)),
            "artifact.created" => Some(artifact(body)),
            "input.requested" => Some(self.question(body)),
            "input.received" => {
                self.questions.remove(text(body, "name"));
                Some(format!("  ✓ answered           {}", safe_line(text(body, "name"))))
            }
            "timer.set" => Some(format!("  ◌ waits until        {}", text(body, "until"))),
            "run.cancel_requested" => Some("  ⊘ cancel requested".to_owned()),
            "run.completed" | "run.failed" | "run.cancelled" => self.end(kind, body),
            _ => None,
        }
    }

    fn step(&mut self, number: u64) -> &mut Step {
        self.steps.entry(number).or_default()
    }

    fn label(&self, number: u64) -> String {
        self.steps.get(&number).map_or_else(|| format!("step {number}"), |step| step.label.clone())
    }

    fn decided(&mut self, number: u64, body: &Value) -> Option<String> {
        let operation = text(&body["operation"], "name").to_owned();
        let label = body["label"].as_str().or(body["name"].as_str()).unwrap_or(&operation);
        self.step(number).label = safe_line(label);
        match text(body, "decision") {
            "stubbed" => {
                self.stubbed.insert(number);
                None
            }
            "deny" => Some(format!("  ✗ {:<18} denied by {}", self.label(number), text(&body["policies"], "0"))),
            _ => None,
        }
    }

    fn observed(&mut self, number: u64, body: &Value) -> String {
        self.unknown.remove(&number);
        let how = match body["attempt"].as_u64() {
            Some(0) if self.stubbed.contains(&number) => "not done, this is a dry run".to_owned(),
            Some(0) => "taken from the record".to_owned(),
            _ => timed(body),
        };
        format!("  ✓ {:<18} {how}", self.label(number))
    }

    fn failed(&mut self, number: u64, body: &Value) -> String {
        self.unknown.remove(&number);
        let (label, code) = (self.label(number), text(body, "code"));
        match body["retry_at"].as_str() {
            Some(at) if body["unsent"] == true => {
                format!("  ◌ {label:<18} has no turn at its provider yet, asks again at {}", clock(at))
            }
            Some(at) => format!("  ↻ {label:<18} failed ({code}), tried again at {}", clock(at)),
            None => format!("  ✗ {label:<18} failed ({code})"),
        }
    }

    fn unknown(&mut self, number: u64, body: &Value) -> String {
        self.unknown.insert(number);
        format!("  ? {:<18} nobody saw how it ended ({})", self.label(number), text(body, "because"))
    }

    fn asked(&mut self, number: u64, body: &Value) -> String {
        let of = |field: &str| text(body, field).to_owned();
        let pending = Pending { approval: of("approval"), action: of("action"), expires: of("expires") };
        self.pending.insert(number, pending);
        format!("  △ waits for approval {}   expires {}", self.label(number), clock(text(body, "expires")))
    }

    fn answered(&mut self, number: u64, body: &Value) -> String {
        self.pending.remove(&number);
        let by = body["approver"].as_str().map(|approver| format!(" by {}", safe_line(approver))).unwrap_or_default();
        let mark = if text(body, "decision") == "approved" { "✓" } else { "✗" };
        format!("  {mark} {}{by}", text(body, "decision"))
    }

    fn question(&mut self, body: &Value) -> String {
        self.questions.insert(text(body, "name").to_owned());
        format!("  △ asks               {}", safe_line(text(body, "question")))
    }

    fn end(&mut self, kind: &str, body: &Value) -> Option<String> {
        let status = kind.trim_start_matches("run.").to_owned();
        self.spent = Some(spent(&body["totals"]["usage"]).unwrap_or((0, "$0.00".to_owned())));
        let code = body["code"].as_str().map(str::to_owned);
        let line = match status.as_str() {
            "completed" => None,
            "failed" => Some(format!("  ✗ run failed         {}", code.as_deref().unwrap_or("without a code"))),
            _ => Some(format!("  ⊘ run {status}")),
        };
        self.ended = Some((status, code));
        self.pending.clear();
        self.questions.clear();
        self.unknown.clear();
        line
    }
}

/// Characters of a model's words after which a line is broken.
const WORDS: usize = 96;

/// How long an attempt took, apart from what it waited for its turn.
fn timed(body: &Value) -> String {
    let all = body["duration_us"].as_u64().unwrap_or_default();
    match body["waited_us"].as_u64() {
        None => took(all),
        Some(waited) => format!("{}, after {} for its turn", took(all.saturating_sub(waited)), took(waited)),
    }
}

/// Words as they are quoted below a step.
fn quoted(words: &str) -> Option<String> {
    let lines = words.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<String> = lines.map(|line| format!("    │ {}", safe_line(line))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Tokens, and money with its currency. Tokens without a price are not said to be free. Events call them `unpriced`,
/// replies `unpricedTokens`.
pub(super) fn spent(usage: &Value) -> Option<(u64, String)> {
    let (tokens, cost) = (usage["tokens"].as_u64()?, text(usage, "cost"));
    let cost = match text(usage, "currency") {
        "USD" | "" => format!("${}", if cost == "0" || cost.is_empty() { "0.00" } else { cost }),
        currency => format!("{cost} {currency}"),
    };
    let unpriced = usage["unpricedTokens"].as_u64().or(usage["unpriced"].as_u64()).unwrap_or_default();
    let cost = match unpriced {
        0 => cost,
        all if all == tokens => "without a price".to_owned(),
        some => format!("{cost} + {some} tokens without a price"),
    };
    Some((tokens, cost))
}

fn artifact(body: &Value) -> String {
    let bytes = body["content"]["size"].as_u64().unwrap_or_default();
    let summary = body["summary"].as_str().map(|summary| format!("  {}", safe_line(summary))).unwrap_or_default();
    format!("  ✓ {:<18} {}{summary}", safe_line(text(body, "name")), size(bytes))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    let found = field.parse::<usize>().map_or(&value[field], |index| &value[index]);
    found.as_str().unwrap_or_default()
}

/// The time of day of an RFC 3339 time.
pub(super) fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

/// How many of something there are: `1 step`, `2 steps`.
pub(super) fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_of_a_model_are_told_line_by_line_and_are_no_events() {
        let mut narrator = Narrator::default();
        let delta = |kind: &str, text: &str| json!({ "type": "model.delta", "body": { "kind": kind, "text": text } });
        let mut told = Vec::new();
        for event in [
            delta("text", "I will read"),
            delta("text", " the log.\n"),
            delta("reasoning", "not shown"),
            json!({ "type": "model.delta", "body": { "kind": "call", "name": "git_log", "arguments": "{" } }),
            json!({ "type": "model.delta", "body": { "kind": "call", "name": "git_log", "arguments": "}" } }),
            delta("text", "Then\u{1b}[31m"),
            json!({ "type": "run.cancel_requested", "body": {} }),
        ] {
            told.extend(narrator.tell(&event));
        }
        let expected = ["    │ I will read the log.", "    → git_log", "    │ Then\\x1b[31m\n  ⊘ cancel requested"];
        assert_eq!((told, narrator.events), (expected.map(str::to_owned).to_vec(), 1));
        let totals = json!({ "totals": { "usage": { "tokens": 12, "cost": "0.0031", "currency": "USD" } } });
        narrator.tell(&json!({ "type": "run.completed", "body": totals }));
        assert_eq!(narrator.spent().as_deref(), Some("12 tokens · $0.0031"));
    }

    #[test]
    fn tokens_without_a_price_are_not_said_to_be_free() {
        let said = |unpriced: u64| {
            let usage = json!({ "tokens": 12, "cost": "0.5", "currency": "EUR", "unpriced": unpriced });
            let mut narrator = Narrator::default();
            narrator.tell(&json!({ "type": "run.completed", "body": { "totals": { "usage": usage } } }));
            narrator.spent().unwrap_or_default()
        };
        let expected =
            ["12 tokens · 0.5 EUR", "12 tokens · 0.5 EUR + 7 tokens without a price", "12 tokens · without a price"];
        assert_eq!([0, 7, 12].map(said), expected);
        assert_eq!(
            spent(&json!({ "tokens": 3, "cost": "0", "unpricedTokens": 3 })),
            Some((3, "without a price".into()))
        );
    }

    #[test]
    fn a_run_waits_until_each_of_its_questions_is_answered() {
        let event = |kind: &str, body: Value| json!({ "type": kind, "body": body });
        let asked = |step: u64| event("approval.requested", json!({ "step": step, "approval": format!("apr_{step}") }));
        let resolved = |step: u64| event("approval.resolved", json!({ "step": step, "decision": "approved" }));
        let told = [
            asked(1),
            asked(2),
            event("input.requested", json!({ "name": "account", "question": "Which?" })),
            event("step.unknown", json!({ "step": 3, "because": "lease-lost" })),
            resolved(1),
            event("step.observed", json!({ "step": 1, "attempt": 1 })),
            resolved(2),
            event("input.received", json!({ "name": "account" })),
            event("step.failed", json!({ "step": 3, "code": "binding-failed" })),
        ];
        let mut narrator = Narrator::default();
        let waits = told.iter().map(|event| {
            narrator.tell(event);
            match narrator.waits() {
                Some(Waits::Approval(pending)) => pending.approval.clone(),
                Some(Waits::Answer) => "an answer".to_owned(),
                Some(Waits::Outcome(step)) => format!("step {step}"),
                None => "nobody".to_owned(),
            }
        });
        let expected =
            ["apr_1", "apr_1", "apr_1", "apr_1", "apr_2", "apr_2", "an answer", "step 3", "nobody"].map(str::to_owned);
        assert_eq!(waits.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn waiting_for_a_turn_is_told_apart_from_work_and_from_failure() {
        let at = "2026-11-22T16:02:11.000000Z";
        let unsent = json!({ "step": 0, "code": "rate-limited", "unsent": true, "retry_at": at });
        let events = [
            json!({ "type": "step.decided", "body": { "step": 0, "label": "ask main/one", "decision": "allow" } }),
            json!({ "type": "step.failed", "body": unsent }),
            json!({ "type": "step.observed", "body": { "step": 0, "attempt": 2, "duration_us": 61_000, "waited_us": 40_000 } }),
        ];
        let mut narrator = Narrator::default();
        let lines: Vec<String> = events.iter().filter_map(|event| narrator.tell(event)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
          ◌ ask main/one       has no turn at its provider yet, asks again at 16:02:11
          ✓ ask main/one       21 ms, after 40 ms for its turn
        ");
    }

    #[test]
    fn a_run_reads_as_a_transcript() {
        let events = [
            json!({ "type": "run.submitted", "body": {} }),
            json!({ "type": "step.decided", "body": { "step": 0, "label": "classify", "decision": "allow", "operation": { "name": "items.classify@1.0.0" } } }),
            json!({ "type": "step.observed", "body": { "step": 0, "attempt": 1, "duration_us": 61_000 } }),
            json!({ "type": "artifact.created", "body": { "name": "NOTES.md", "content": { "size": 2100 }, "summary": "5 sections\u{1b}[2J" } }),
            json!({ "type": "step.decided", "body": { "step": 1, "label": "write CHANGELOG.md", "decision": "needs_approval" } }),
            json!({ "type": "approval.requested", "body": { "step": 1, "approval": "apr_1", "action": "sha256:1", "expires": "2026-11-22T16:02:11.000000Z" } }),
            json!({ "type": "approval.resolved", "body": { "step": 1, "decision": "approved", "approver": "owner" } }),
            json!({ "type": "run.completed", "body": {} }),
        ];
        let mut narrator = Narrator::default();
        let lines: Vec<String> = events.iter().filter_map(|event| narrator.tell(event)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
          ✓ classify           61 ms
          ✓ NOTES.md           2.0 KiB  5 sections\x1b[2J
          △ waits for approval write CHANGELOG.md   expires 16:02:11
          ✓ approved by owner
        ");
        assert_eq!(narrator.ended, Some(("completed".to_owned(), None)));
    }
}
