//! Which of a line's words stand in another text, word for word. That two texts hold the same words is no proof that
//! one came from the other; whoever says so says it with that.

use serde_json::Value;

/// The longest line that is looked for, in bytes; of a longer one its beginning.
const LONGEST: usize = 4096;
/// The shortest part of a line that says anything, in characters.
const SHORTEST: usize = 12;
/// One word alone says something from this many characters on: a digest, an address.
const LONG_WORD: usize = 20;

/// A line that is looked for: a suffix automaton over its bytes, so that a text is read once whatever its length.
#[derive(Debug)]
pub struct Needle {
    line: String,
    /// The line without what only marks it: bullets, headings, quotes.
    bare: String,
    states: Vec<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    longest: usize,
    link: Option<usize>,
    next: Vec<(u8, usize)>,
}

/// Where words of a line stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where they begin in the text, in bytes.
    pub from: usize,
    /// Where they end in the text, in bytes.
    pub to: usize,
    /// Whether it is the whole line, but for the marks before it.
    pub whole: bool,
}

impl Needle {
    /// A line to look for; none when nothing in it could be told from chance.
    pub fn new(line: &str) -> Option<Self> {
        let line = line.get(..line.floor_char_boundary(LONGEST)).unwrap_or_default().trim().to_owned();
        let marks = |c: char| c.is_whitespace() || "#>*-+|`_".contains(c);
        let bare = line.trim_start_matches(marks).to_owned();
        if bare.chars().filter(|c| c.is_alphanumeric()).count() < 3 {
            return None;
        }
        let states = automaton(line.as_bytes());
        Some(Self { line, bare, states })
    }

    /// The whole line in a text, or the longest part of it that stands there and says something.
    pub fn find(&self, text: &str) -> Option<Found> {
        let whole =
            [&self.line, &self.bare].into_iter().find_map(|line| stands_alone(text, line).map(|at| (at, line.len())));
        if let Some((from, length)) = whole {
            return Some(Found { from, to: from + length, whole: true });
        }
        let (from, to) = self.longest(text)?;
        let (from, to) = whole_words(text, from, to);
        let part = &text[from..to];
        let (letters, words) = (part.chars().count(), part.split_whitespace().filter(|word| word.len() > 1).count());
        let says = letters >= LONG_WORD || (letters >= SHORTEST && words > 1);
        says.then_some(Found { from, to, whole: false })
    }

    /// The longest run of bytes that a text shares with the line, at the first place where it stands.
    fn longest(&self, text: &str) -> Option<(usize, usize)> {
        let (mut state, mut length, mut best) = (0, 0, (0, 0));
        for (at, byte) in text.bytes().enumerate() {
            // A part of a line is a part of one line.
            if byte == b'\n' {
                (state, length) = (0, 0);
                continue;
            }
            while let Some(link) = self.states[state].link.filter(|_| self.step(state, byte).is_none()) {
                (state, length) = (link, self.states[link].longest);
            }
            if let Some(next) = self.step(state, byte) {
                (state, length) = (next, length + 1);
            }
            let (from, to) = (text.ceil_char_boundary(at + 1 - length), at + 1);
            if text.is_char_boundary(to) && to - from > best.1 - best.0 {
                best = (from, to);
            }
        }
        (best.0 < best.1).then_some(best)
    }

    fn step(&self, state: usize, byte: u8) -> Option<usize> {
        self.states[state].next.iter().find(|(on, _)| *on == byte).map(|(_, to)| *to)
    }
}

/// The suffix automaton of some bytes (Blumer et al., 1985): its paths from the first state are their substrings.
fn automaton(bytes: &[u8]) -> Vec<State> {
    let mut states = vec![State::default()];
    let mut last = 0;
    for &byte in bytes {
        let new = states.len();
        states.push(State { longest: states[last].longest + 1, ..State::default() });
        let mut at = Some(last);
        while let Some(state) = at.filter(|&state| states[state].next.iter().all(|(on, _)| *on != byte)) {
            states[state].next.push((byte, new));
            at = states[state].link;
        }
        states[new].link = Some(at.map_or(0, |state| suffix(&mut states, state, byte)));
        last = new;
    }
    states
}

/// The state that stands for the suffix of `state` and this byte; a copy where the one that is there stands for more.
fn suffix(states: &mut Vec<State>, state: usize, byte: u8) -> usize {
    let to = |states: &[State], state: usize| states[state].next.iter().find(|(on, _)| *on == byte).map(|(_, to)| *to);
    let next = to(states, state).unwrap_or_default();
    if states[next].longest == states[state].longest + 1 {
        return next;
    }
    let copy = states.len();
    states.push(State { longest: states[state].longest + 1, ..states[next].clone() });
    states[next].link = Some(copy);
    let mut at = Some(state);
    while let Some(state) = at.filter(|&state| to(states, state) == Some(next)) {
        states[state].next.iter_mut().filter(|(on, _)| *on == byte).for_each(|(_, to)| *to = copy);
        at = states[state].link;
    }
    copy
}

/// Where a part begins and ends when words that it cuts are left out, and what joins it to the text around it.
fn whole_words(text: &str, mut from: usize, mut to: usize) -> (usize, usize) {
    let word = |c: char| c.is_alphanumeric();
    if text[..from].ends_with(word) {
        from += text[from..to].find(|c| !word(c)).unwrap_or(to - from);
    }
    if text[to..].starts_with(word) {
        to = from + text[from..to].rfind(|c| !word(c)).unwrap_or(0);
    }
    let joins = |c: char| c.is_whitespace() || ":;,.-*#>|".contains(c);
    let part = text[from..to].trim_end_matches(joins);
    let from = from + (part.len() - part.trim_start_matches(joins).len());
    let part = part.trim_start_matches(joins);
    (from, from + part.len())
}

/// Where something stands in a text for itself: not as a part of a longer word.
pub fn stands_alone(text: &str, what: &str) -> Option<usize> {
    let word = |c: char| c.is_alphanumeric();
    let (first, last) = (what.starts_with(word), what.ends_with(word));
    let alone = |at: &usize| {
        let (before, after) = (&text[..*at], &text[*at + what.len()..]);
        let longer = (first && before.ends_with(word)) || (last && after.starts_with(word));
        !longer
    };
    text.match_indices(what).map(|(at, _)| at).filter(|_| !what.is_empty()).find(alone)
}

/// Every text in a value, with the JSON pointer to it. The arguments of a model's call, which are JSON inside of a text,
/// are walked through as if they stood there.
pub fn leaves(value: &Value, each: &mut impl FnMut(&str, &str)) {
    walk(value, &mut String::new(), each);
}

fn walk(value: &Value, path: &mut String, each: &mut impl FnMut(&str, &str)) {
    let length = path.len();
    match value {
        Value::String(text) => each(path, text),
        Value::Array(items) => items.iter().enumerate().for_each(|(place, item)| {
            path.push_str(&format!("/{place}"));
            walk(item, path, each);
            path.truncate(length);
        }),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            path.push_str(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
            let call = name == "arguments" && members.get("kind").is_some_and(|kind| kind == "call");
            let inner = member.as_str().filter(|_| call).and_then(|text| serde_json::from_str::<Value>(text).ok());
            walk(inner.as_ref().unwrap_or(member), path, each);
            path.truncate(length);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn found<'t>(line: &str, text: &'t str) -> Option<(&'t str, bool)> {
        let found = Needle::new(line)?.find(text)?;
        Some((&text[found.from..found.to], found.whole))
    }

    #[test]
    fn a_line_is_found_whole_or_by_the_longest_part_that_says_something() {
        let line = "- **cart:** allow an empty cart (a91f3c2)";
        assert_eq!(found(line, "x\n- **cart:** allow an empty cart (a91f3c2)\n"), Some((line, true)));
        assert_eq!(found(line, "fix(cart): allow an empty cart"), Some(("allow an empty cart", false)));
        assert_eq!(
            found(line, "disallow an empty carton"),
            None,
            "what is left without the words it cuts is too short"
        );
        assert_eq!(
            found("Carts: allow an empty cart", "cart): allow an empty cart."),
            Some(("allow an empty cart", false))
        );
        assert_eq!(found("### Fixes", "all Fixes of it"), Some(("Fixes", true)));
        assert_eq!(
            found("Carts: allow an empty cart", "cart): allow an empty cart."),
            Some(("allow an empty cart", false))
        );
        assert_eq!(found("### Fixes", "Prefixes, Fixest"), None);
        assert_eq!(found("---", "---"), None);
        assert_eq!(found("", "anything"), None);
        assert_eq!(
            found("Grüße an alle Büßer hier", "viele Grüße an alle Büßer dort"),
            Some(("Grüße an alle Büßer", false))
        );
    }

    #[test]
    fn texts_are_found_inside_of_values_and_of_a_models_calls() {
        let call = json!({ "kind": "call", "arguments": "{\"content\":\"- one\\n\"}" });
        let value = json!({ "content": [call, { "a/b": "two", "n": 1 }] });
        let mut all = Vec::new();
        leaves(&value, &mut |path, text| all.push(format!("{path}={text}")));
        assert_eq!(all, ["/content/0/kind=call", "/content/0/arguments/content=- one\n", "/content/1/a~1b=two"]);
    }

    proptest! {
        #[test]
        fn what_is_found_stands_in_both(line in "[abü ]{0,40}", text in "[abü \n]{0,80}") {
            if let Some(needle) = Needle::new(&line) {
                let longest = needle.longest(&text).map_or("", |(from, to)| &text[from..to]);
                prop_assert!(needle.line.contains(longest) && text.contains(longest));
                let parts = |text: &str| -> Vec<String> {
                    let at: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
                    at.iter().flat_map(|&from| at.iter().filter(move |to| **to > from).map(move |&to| (from, to)))
                        .map(|(from, to)| text[from..to].to_owned()).collect()
                };
                let common = parts(&needle.line).into_iter().filter(|part| !part.contains('\n') && text.contains(part.as_str()));
                prop_assert_eq!(common.map(|part| part.len()).max().unwrap_or(0), longest.len());
                if let Some(it) = needle.find(&text) {
                    prop_assert!(needle.line.contains(&text[it.from..it.to]));
                }
            }
        }
    }
}
