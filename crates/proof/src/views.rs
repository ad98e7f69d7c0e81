//! A run in the forms that people's own tools read: W3C PROV-JSON and OTLP/JSON. They say nothing that the events do not
//! say; the events are the record.

mod otlp;
mod prov;

use affiant_journal::{Event, Timestamp, bytes};
use serde_json::Value;

/// The run as provenance: what was made, by which activity, on whose behalf (W3C PROV-JSON).
pub fn prov(events: &[Event]) -> Vec<u8> {
    to_bytes(&prov::document(events))
}

/// The run as a trace: one span for the run and one for each step (OTLP/JSON `TracesData`).
pub fn otlp(events: &[Event]) -> Vec<u8> {
    to_bytes(&otlp::document(events))
}

fn to_bytes(document: &Value) -> Vec<u8> {
    bytes::encode(document).expect("views are made of texts and small numbers")
}

/// What both views say of a step: where it begins and ends.
struct StepSpan<'a> {
    step: u64,
    decided: &'a affiant_journal::StepDecided,
    seq: u64,
    begin: Timestamp,
    end: Timestamp,
    ended_by: Option<&'static str>,
}

/// The steps in order. One that has not ended lasts until the newest event.
fn steps(events: &[Event]) -> Vec<StepSpan<'_>> {
    use affiant_journal::Body;
    let newest = events.last().map_or(Timestamp::default(), |event| event.at);
    let mut steps: Vec<StepSpan<'_>> = Vec::new();
    for event in events {
        if let Body::StepDecided(decided) = &event.body {
            let (step, seq, begin) = (decided.step, event.seq, event.at);
            steps.push(StepSpan { step, decided, seq, begin, end: newest, ended_by: None });
        }
        let ended = match &event.body {
            Body::StepObserved(it) => Some(it.step),
            Body::StepFailed(it) if it.retry_at.is_none() => Some(it.step),
            _ => None,
        };
        let place = ended.and_then(|step| steps.binary_search_by_key(&step, |span| span.step).ok());
        if let Some(place) = place {
            (steps[place].end, steps[place].ended_by) = (event.at, Some(event.body.name()));
        }
    }
    steps
}
