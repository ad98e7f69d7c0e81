//! OTLP/JSON `TracesData` (opentelemetry-proto 1.x): hex ids, times in nanoseconds as text.

use affiant_journal::{Body, Digest, Event, Timestamp};
use serde_json::{Value, json};

use super::{StepSpan, steps};

/// `SPAN_KIND_INTERNAL`.
const INTERNAL: u64 = 1;

pub(super) fn document(events: &[Event]) -> Value {
    let spans = match (events.first(), events.last()) {
        (Some(first), Some(last)) => spans(events, first, last),
        _ => Vec::new(),
    };
    json!({"resourceSpans": [{
        "resource": {"attributes": [text("service.name", "affiant")]},
        "scopeSpans": [{"scope": {"name": "affiant.run-record", "version": "1"}, "spans": spans}],
    }]})
}

fn spans(events: &[Event], first: &Event, last: &Event) -> Vec<Value> {
    let run = first.stream.as_str();
    let (trace, root) = (hex(run, 32), hex(&format!("{run}/run"), 16));
    let failed = matches!(last.body, Body::RunFailed(_));
    let mut attributes = vec![text("affiant.run", run), text("affiant.outcome", last.body.name())];
    if let Body::RunSubmitted(it) = &first.body {
        attributes.push(text("affiant.agent", &it.agent.name));
    }
    let whole = json!({
        "traceId": trace, "spanId": root, "name": format!("run {run}"), "kind": INTERNAL, "attributes": attributes,
        "startTimeUnixNano": nanoseconds(first.at), "endTimeUnixNano": nanoseconds(last.at), "status": status(failed),
    });
    let steps = steps(events).into_iter().map(|span| {
        let StepSpan { step, decided, .. } = &span;
        let failed = span.ended_by == Some("step.failed");
        json!({
            "traceId": trace, "spanId": hex(&format!("{run}/step/{step}"), 16), "parentSpanId": root,
            "name": &*decided.operation.name, "kind": INTERNAL, "status": status(failed),
            "startTimeUnixNano": nanoseconds(span.begin), "endTimeUnixNano": nanoseconds(span.end.max(span.begin)),
            "attributes": [
                number("affiant.seq", span.seq), number("affiant.step", *step), text("affiant.rule", &decided.rule),
                text("affiant.action", &decided.action.to_string()),
            ],
        })
    });
    std::iter::once(whole).chain(steps).collect()
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

/// `STATUS_CODE_ERROR` or `STATUS_CODE_OK`.
fn status(failed: bool) -> Value {
    json!({"code": if failed { 2 } else { 1 }})
}

/// An id that is the same whenever the same run is rendered, and never all zero.
fn hex(name: &str, digits: usize) -> String {
    Digest::of(name.as_bytes()).hex()[..digits].to_owned()
}

fn nanoseconds(time: Timestamp) -> String {
    (i128::from(time.0) * 1000).max(0).to_string()
}
