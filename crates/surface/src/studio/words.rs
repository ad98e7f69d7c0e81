//! How things are said on pages: lengths of time, sizes, states, parts of ids.

use serde::Deserialize as _;
use serde_json::Value;

use crate::handlers::wire::Moment;

/// A duration in microseconds, in the two largest units that matter.
pub(crate) fn took(micros: u64) -> String {
    let (ms, s) = (micros / 1000, micros / 1_000_000);
    match s {
        _ if micros < 1000 => format!("{micros} µs"),
        0 => format!("{ms} ms"),
        1..60 => format!("{s}.{} s", ms % 1000 / 100),
        60..3600 => format!("{}m {:02}s", s / 60, s % 60),
        3600..86400 => format!("{}h {:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d {:02}h", s / 86400, s / 3600 % 24),
    }
}

/// A number of bytes in a unit that is easily read.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// The end of an id: ids made close together have their beginnings in common.
pub(crate) fn tail(id: &str) -> String {
    let length = id.chars().count();
    match id.split_once('_') {
        Some((prefix, _)) if length > prefix.len() + 8 => {
            format!("{prefix}_…{}", id.chars().skip(length - 6).collect::<String>())
        }
        _ => id.to_owned(),
    }
}

/// What people call a state, and the sign that stands beside the word: no colour means anything alone.
pub(crate) fn state(status: &str) -> (&'static str, &'static str) {
    match status {
        "queued" => ("Queued", "queued"),
        "running" => ("Running", "running"),
        "waiting" => ("Waiting", "waiting"),
        "cancelling" => ("Cancelling", "running"),
        "completed" => ("Completed", "done"),
        "failed" => ("Failed", "failed"),
        "cancelled" => ("Cancelled", "stopped"),
        "pending" | "awaiting_approval" => ("Needs approval", "approval"),
        "approved" => ("Approved", "done"),
        "rejected" => ("Rejected", "failed"),
        "expired" => ("Expired", "stopped"),
        "withdrawn" => ("Withdrawn", "stopped"),
        "decided" => ("Decided", "queued"),
        "in_flight" => ("In flight", "running"),
        "retrying" => ("Retrying", "waiting"),
        "unknown" => ("Outcome unknown", "approval"),
        "stubbed" => ("Stubbed", "done"),
        "denied" => ("Denied", "failed"),
        "active" => ("Active", "done"),
        "revoked" => ("Revoked", "stopped"),
        "recorded" => ("Recorded", "queued"),
        "intact" => ("Intact", "intact"),
        "signed" => ("Signed", "intact"),
        "witnessed" => ("Witnessed", "intact"),
        "broken" => ("Broken", "broken"),
        _ => ("Unknown", "queued"),
    }
}

/// The states of steps.
pub(super) const STATES: &[&str] = &[
    "decided",
    "awaiting_approval",
    "approved",
    "in_flight",
    "retrying",
    "unknown",
    "completed",
    "stubbed",
    "failed",
    "denied",
    "rejected",
    "expired",
    "withdrawn",
];

/// Microseconds between two moments of a reply; nothing where one is missing or they are no moments.
pub(super) fn between(from: &Value, to: &Value) -> Option<u64> {
    u64::try_from(micros(to)? - micros(from)?).ok()
}

/// A moment of a reply in microseconds since 1970.
pub(super) fn micros(moment: &Value) -> Option<i64> {
    moment.is_string().then(|| Moment::deserialize(moment).ok())?.map(|at| at.0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_short_and_says_its_unit() {
        let table = [
            (7, "7 µs"),
            (61_000, "61 ms"),
            (9_420_000, "9.4 s"),
            (102_000_000, "1m 42s"),
            (7_440_000_000, "2h 04m"),
            (266_400_000_000, "3d 02h"),
        ];
        for (micros, said) in table {
            assert_eq!(took(micros), said);
        }
        assert_eq!([size(5), size(1536), size(3 << 20)], ["5 B", "1.5 KiB", "3.0 MiB"]);
    }

    #[test]
    fn an_id_is_shown_by_its_end() {
        assert_eq!(tail("run_01JDA3K9W2ZB8R5M0C7T7XK4QZ"), "run_…7XK4QZ");
        assert_eq!(tail("run_1"), "run_1");
        assert_eq!(tail("ü"), "ü");
    }
}
