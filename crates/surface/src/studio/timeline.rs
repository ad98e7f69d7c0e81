//! The steps of a run as they are drawn: each in its place on a line of time, with what it did to the world, and all of
//! them at a glance.

use affiant_contract::{Binding, Registry};
use serde_json::{Value, json};

use super::words::micros;

/// Parts of a run's map. As many are told apart on a wide screen, whatever the run's length.
pub(super) const PARTS: u64 = 200;

/// A time in which nothing was under way and that is longer than this is a gap: it is said, and takes no room on the line.
const GAP: i64 = 5_000_000;

/// Parts with trouble that a map links to.
const LINKS: usize = 12;

/// What a step with a mark did, by the letter that stands for it.
pub(super) const MARKS: [(&str, &str); 4] = [
    ("W", "may have changed something"),
    ("N", "used the network"),
    ("$", "may have cost money"),
    ("A", "asked a person"),
];

/// Steps that follow one another, as `agent.audit` says them, and when everything before them had ended.
pub(super) struct Line<'a> {
    pub(super) steps: &'a mut [Value],
    pub(super) before: Option<i64>,
}

impl Line<'_> {
    /// Gives each step its place on a line of time that these steps fill, in thousandths, and says which gap came before
    /// it, in microseconds.
    pub(super) fn draw(&mut self) {
        let spans: Vec<Option<(i64, Option<i64>)>> =
            self.steps.iter().map(|step| Some((micros(&step["startedAt"])?, micros(&step["endedAt"])))).collect();
        let gaps = gaps(&spans, self.before);
        let mut lost = 0;
        let drawn: Vec<Option<(i64, Option<i64>)>> = spans
            .iter()
            .zip(&gaps)
            .map(|(span, gap)| {
                lost += gap;
                span.map(|(began, ended)| (began - lost, ended.map(|ended| ended - lost)))
            })
            .collect();
        let known = || drawn.iter().flatten();
        let from = known().map(|(began, _)| *began).min().unwrap_or_default();
        let to = known().map(|(began, ended)| ended.unwrap_or(*began)).max().unwrap_or_default();
        let whole = (to - from).max(1);
        for ((step, span), gap) in self.steps.iter_mut().zip(&drawn).zip(gaps) {
            if gap > 0 {
                step["idleMicros"] = gap.into();
            }
            let Some((began, ended)) = span else { continue };
            let left = ((began - from) * 1000 / whole).min(996);
            let width = ((ended.unwrap_or(to) - began) * 1000 / whole).clamp(4, 1000 - left);
            step["bar"] = json!({ "left": left, "width": width });
        }
    }

    /// Says of each step what it did to the world, by letters.
    pub(super) fn mark(&mut self, registry: &Registry) {
        for step in self.steps.iter_mut() {
            let marks = marks(registry, step);
            if !marks.is_empty() {
                step["marks"] = marks.into();
            }
        }
    }
}

/// How long nothing was under way before each step; 0 where that was not long.
fn gaps(spans: &[Option<(i64, Option<i64>)>], before: Option<i64>) -> Vec<i64> {
    let mut end = before;
    let gap = |span: &Option<(i64, Option<i64>)>| {
        let Some((began, ended)) = span else { return 0 };
        let gap = end.map_or(0, |end| began - end);
        // What has not ended is under way for ever after.
        end = Some(ended.unwrap_or(i64::MAX).max(end.unwrap_or(i64::MIN)));
        if gap > GAP { gap } else { 0 }
    };
    spans.iter().map(gap).collect()
}

fn marks(registry: &Registry, step: &Value) -> String {
    let mut marks = String::new();
    let name = step["operation"].as_str().unwrap_or_default();
    let bound = name.parse().ok().and_then(|reference| registry.tool_at(&reference));
    let begun = step["attempts"].as_u64().is_some_and(|attempts| attempts > 0);
    if let Some(bound) = bound.filter(|_| begun) {
        let operation = bound.operation();
        let key = &*bound.contract().meta.key;
        let far = matches!(operation.binding, Binding::Http(_) | Binding::Mcp(_));
        let model = key == "model.call";
        for (mark, is) in
            [('W', !operation.hints.read_only), ('N', far || key == "http.request" || model), ('$', model)]
        {
            marks.extend(is.then_some(mark));
        }
    }
    marks.extend(step["approvalId"].is_string().then_some('A'));
    marks
}

/// A run at a glance, from the parts that `agent.audit` names: bars, the words for whoever does not see them, and where to
/// look first.
pub(super) fn map(parts: &Value, total: u64) -> Value {
    let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
    let sum = |field: &str| parts.iter().filter_map(|part| part[field].as_u64()).sum::<u64>();
    let trouble: Vec<&Value> = parts.iter().map(|part| &part["firstTrouble"]).filter(|step| step.is_u64()).collect();
    let counts = [
        (sum("failed"), "failed or refused, drawn at full height"),
        (sum("waiting"), "waiting for a person"),
        (sum("asked"), "for which a person was asked, drawn at full height with a gap"),
        (sum("changed"), "that may have changed something, drawn at half height"),
    ];
    let said = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("; {count} {what}"));
    json!({
        "total": total, "bars": bars(parts), "text": format!("{total} steps{}", said.collect::<String>()),
        "trouble": trouble.iter().take(LINKS).collect::<Vec<_>>(), "more": trouble.len().saturating_sub(LINKS),
    })
}

/// What is drawn: neighbours that look alike are one bar.
fn bars(parts: &[Value]) -> Vec<Value> {
    let mut bars: Vec<(&str, u64, u64)> = Vec::new();
    for part in parts {
        let has = |field: &str| part[field].as_u64().is_some_and(|count| count > 0);
        let kind = match () {
            () if has("failed") => "failed",
            () if has("waiting") || has("asked") => "approval",
            () if has("changed") => "changed",
            () => "plain",
        };
        let (first, steps) =
            (part["firstStep"].as_u64().unwrap_or_default(), part["steps"].as_u64().unwrap_or_default());
        match bars.last_mut() {
            Some((known, _, wide)) if *known == kind => *wide += steps,
            _ => bars.push((kind, first, steps)),
        }
    }
    bars.iter().map(|(kind, first, steps)| json!({ "kind": kind, "first": first, "steps": steps })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u32) -> String {
        format!("2026-11-22T15:02:{:02}.{:03}Z", ms / 1000, ms % 1000)
    }

    fn drawn(mut steps: Vec<Value>, before: Option<i64>) -> Vec<Value> {
        Line { steps: &mut steps, before }.draw();
        steps
    }

    #[test]
    fn a_step_has_its_place_among_the_others_and_is_never_too_small_to_see() {
        let steps = drawn(
            vec![
                json!({ "startedAt": at(0), "endedAt": at(500) }),
                json!({ "startedAt": at(500), "endedAt": at(501) }),
                json!({ "startedAt": at(1), "endedAt": at(999) }),
                json!({ "status": "awaiting_approval" }),
                json!({ "startedAt": at(999) }),
            ],
            None,
        );
        assert_eq!(steps[0]["bar"], json!({ "left": 0, "width": 500 }));
        assert_eq!(steps[1]["bar"], json!({ "left": 500, "width": 4 }));
        assert_eq!(steps[3]["bar"], Value::Null);
        assert_eq!(steps[4]["bar"], json!({ "left": 996, "width": 4 }));
    }

    #[test]
    fn a_time_in_which_nothing_happened_is_said_and_takes_no_room() {
        let steps = vec![
            json!({ "startedAt": at(0), "endedAt": at(1000) }),
            json!({ "startedAt": at(500), "endedAt": at(2000) }),
            json!({ "startedAt": at(32_000), "endedAt": at(33_000) }),
        ];
        let steps = drawn(steps, micros(&json!("2026-11-22T15:01:00Z")));
        let gaps: Vec<&Value> = steps.iter().map(|step| &step["idleMicros"]).collect();
        assert_eq!(gaps, [&json!(60_000_000), &Value::Null, &json!(30_000_000)]);
        assert_eq!(steps[2]["bar"], json!({ "left": 666, "width": 333 }));
    }

    #[test]
    fn nothing_is_a_gap_while_a_step_is_under_way() {
        let steps = vec![json!({ "startedAt": at(0) }), json!({ "startedAt": at(30_000), "endedAt": at(30_001) })];
        assert!(drawn(steps, None).iter().all(|step| step["idleMicros"].is_null()));
    }

    #[test]
    fn a_map_has_a_bar_for_what_looks_alike_and_names_where_to_look_first() {
        let part = |first: u64, failed: u64, asked: u64| {
            let mut part = json!({ "firstStep": first, "steps": 50, "changed": 0, "asked": asked, "waiting": 0, "failed": failed });
            if failed > 0 {
                part["firstTrouble"] = (first + 7).into();
            }
            part
        };
        let map = map(&json!([part(0, 0, 0), part(50, 0, 0), part(100, 2, 1), part(150, 0, 1)]), 200);
        let bar = |kind: &str, first: u64, steps: u64| json!({ "kind": kind, "first": first, "steps": steps });
        assert_eq!(map["bars"], json!([bar("plain", 0, 100), bar("failed", 100, 50), bar("approval", 150, 50)]));
        assert_eq!(map["trouble"], json!([107]));
        assert_eq!(
            map["text"],
            "200 steps; 2 failed or refused, drawn at full height; 2 for which a person was asked, drawn at full height with a gap"
        );
    }

    #[test]
    fn a_step_is_marked_by_what_it_did_and_not_by_what_it_was_not_let_do() {
        let registry = Registry::new(affiant_contract::builtin()).unwrap();
        let of = |operation: &str, attempts: u64| {
            marks(&registry, &json!({ "operation": operation, "attempts": attempts, "approvalId": "apr_1" }))
        };
        assert_eq!(of("fs.write@1.0.0", 1), "WA");
        assert_eq!(of("fs.write@1.0.0", 0), "A");
        assert_eq!(of("http.request@1.0.0", 1), "WNA");
        assert_eq!(of("model.call@1.0.0", 1), "N$A");
        assert_eq!(of("fs.read@1.0.0", 1), "A");
        assert_eq!(of("nothing@1.0.0", 1), "A");
    }
}
