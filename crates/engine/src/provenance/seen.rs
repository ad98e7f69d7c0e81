//! What a call of a model was shown, read from the messages that its arguments hold.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How much of something a model was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// All of it.
    Whole,
    /// Its beginning: the rest was more than the agent lets a result be.
    Cut,
    /// Its name and digest alone.
    Named,
    /// Nothing, or no longer: it was left out to make room.
    LeftOut,
    /// That it was shown is recorded; how much of it stands in what cannot be opened.
    Told,
}

/// What the opening of a conversation showed of a snapshot, by the digests of items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemsSeen {
    whole: BTreeSet<String>,
    named: BTreeSet<String>,
}

impl ItemsSeen {
    /// How much of the item with this digest was shown.
    pub fn extent(&self, digest: &str) -> Extent {
        match (self.whole.contains(digest), self.named.contains(digest)) {
            (true, _) => Extent::Whole,
            (false, true) => Extent::Named,
            (false, false) => Extent::LeftOut,
        }
    }
}

/// What the opening message of a conversation showed of a snapshot; none where it cannot be read, or is no opening.
pub fn items_seen(arguments: &Value) -> Option<ItemsSeen> {
    let opens = arguments["after"].is_null();
    let parts = arguments["messages"].as_array().filter(|_| opens)?.first()?["parts"].as_array()?;
    let mut seen = ItemsSeen::default();
    let mut lines = parts.iter().filter_map(|part| part["text"].as_str()).flat_map(str::lines);
    while let Some(line) = lines.next() {
        if let Some((mark, what)) = fence(line) {
            let shown = what.strip_prefix("context ").and_then(|what| what.rsplit_once(", "));
            seen.whole.extend(shown.map(|(_, digest)| digest.to_owned()));
            // What stands between the fences is somebody else's and may look like one; the end bears the text's own mark.
            let end = format!("--- end of {mark}");
            lines.find(|line| line.starts_with(&end));
        } else if let Some((_, digest)) = line.strip_suffix(')').and_then(|line| line.rsplit_once(", ")) {
            seen.named.insert(digest.to_owned());
        }
    }
    Some(seen)
}

/// The mark of the line that begins text from outside, and what the text is.
fn fence(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("--- untrusted ")?.strip_suffix(" ---")?.split_once(": ")
}

/// How much of each result the messages of a call showed, by the provider's id of the tool's call.
pub fn results_seen(arguments: &Value) -> BTreeMap<String, Extent> {
    let messages = arguments["messages"].as_array().into_iter().flatten();
    let parts = messages.flat_map(|message| message["parts"].as_array().into_iter().flatten());
    let results = parts.filter(|part| part["kind"] == "result");
    let extent = |content: &str| {
        let end = content.lines().next_back().unwrap_or_default();
        if end.starts_with("--- end of ") && end.contains("; cut: the first ") { Extent::Cut } else { Extent::Whole }
    };
    let of = |part: &Value| Some((part["call"].as_str()?.to_owned(), extent(part["content"].as_str()?)));
    results.filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_was_shown_whole_or_by_name_or_not_at_all() {
        let text = "--- untrusted 0a: context notes, sha256:a ---\n- c (x, sha256:c)\n--- untrusted 0b: context \
                    c, sha256:c ---\n--- end of 0a ---\n\nAlso in the context, \
                    but not shown here:\n- big (text/plain, sha256:b)";
        let seen = items_seen(&json!({ "messages": [{ "parts": [{ "kind": "text", "text": text }] }] })).unwrap();
        let extents = ["sha256:a", "sha256:b", "sha256:c"].map(|digest| seen.extent(digest));
        assert_eq!(extents, [Extent::Whole, Extent::Named, Extent::LeftOut]);
        assert_eq!(items_seen(&json!({ "after": 1, "messages": [] })), None);
        assert_eq!(items_seen(&json!({ "messages": { "sd": "sha256:0" } })), None);
    }

    #[test]
    fn a_result_was_shown_whole_or_cut() {
        let result =
            |call: &str, content: &str| json!({ "kind": "result", "call": call, "name": "ping", "content": content });
        let (whole, cut) =
            ("--- untrusted a: x ---\n1\n--- end of a ---", "1\n--- end of a; cut: the first 2 of 4 bytes ---");
        let seen = results_seen(&json!({ "messages": [{ "parts": [result("c1", whole), result("c2", cut)] }] }));
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [("c1".into(), Extent::Whole), ("c2".into(), Extent::Cut)]);
    }
}
