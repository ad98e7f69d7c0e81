//! Looking for a line and its citations in what something holds.

use affiant_engine::provenance::{Found, Needle, leaves, stands_alone};
use serde_json::Value;

use super::cut;

/// Bytes of what the thing that a citation names is called.
const CALLED: usize = 100;

/// What something holds.
pub(super) enum Content {
    /// A value.
    Json(Value),
    /// A text.
    Text(String),
}

impl Content {
    /// Bytes of this media type; none where they are no text.
    pub(super) fn of(bytes: &[u8], media: &str) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let json = (media == "application/json").then(|| serde_json::from_str(text).ok()).flatten();
        Some(json.map_or_else(|| Self::Text(text.to_owned()), Self::Json))
    }

    /// Bytes of text in it.
    pub(super) fn size(&self) -> usize {
        let mut size = 0;
        self.each(&mut |_, text| size += text.len());
        size
    }

    /// The object that this text stands in, unless it is the whole of it, and what it is called.
    fn part(&self, path: &str) -> Option<(String, String)> {
        let (Self::Json(value), Some((above, _))) = (self, path.rsplit_once('/')) else { return None };
        let part = value.pointer(above).filter(|part| part.is_object() && !above.is_empty())?;
        let called = ["subject", "title", "name", "summary", "label"].iter().find_map(|field| part[*field].as_str());
        Some((above.to_owned(), cut(called.unwrap_or_default(), CALLED)))
    }

    fn each(&self, each: &mut impl FnMut(&str, &str)) {
        match self {
            Self::Json(value) => leaves(value, each),
            Self::Text(text) => each("", text),
        }
    }
}

/// A line and what it cites.
pub(super) struct Search {
    needle: Option<Needle>,
    cites: Vec<String>,
}

/// Where words stand.
pub(super) struct At {
    /// JSON pointer to the text.
    pub(super) path: String,
    /// Line of that text, from 1.
    pub(super) line: u64,
    /// First byte in that text, and the first behind it.
    pub(super) from: u64,
    pub(super) to: u64,
    /// Whether it is the whole line.
    pub(super) whole: bool,
    /// The words.
    pub(super) text: String,
}

/// A citation that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cite {
    /// The citation.
    pub(super) cite: String,
    /// Where a text stands that is the citation and nothing else: JSON pointer to what bears that name, and what it is
    /// called.
    pub(super) part: Option<(String, String)>,
}

/// What was found in one source.
#[derive(Default)]
pub(super) struct Hit {
    /// The longest part of the line.
    pub(super) words: Option<At>,
    /// Citations.
    pub(super) cites: Vec<Cite>,
}

impl Search {
    pub(super) fn new(line: &str, cites: &[String]) -> Self {
        Self { needle: Needle::new(line), cites: cites.to_vec() }
    }

    /// Looks for the line and its citations.
    pub(super) fn look(&self, content: &Content) -> Hit {
        let mut hit = Hit::default();
        content.each(&mut |path, text| {
            if let Some(found) = self.needle.as_ref().and_then(|needle| needle.find(text)) {
                take(&mut hit, path, text, found);
            }
            for cite in &self.cites {
                cited(&mut hit, cite, (path, text), content);
            }
        });
        hit
    }
}

fn cited(hit: &mut Hit, cite: &str, (path, text): (&str, &str), content: &Content) {
    let part = if text == cite { content.part(path) } else { None };
    let known = hit.cites.iter_mut().find(|known| known.cite == cite);
    match known {
        Some(known) => known.part = known.part.take().or(part),
        None if part.is_some() || stands_alone(text, cite).is_some() => {
            hit.cites.push(Cite { cite: cite.to_owned(), part });
        }
        None => (),
    }
}

/// Keeps what says more than what was found before: the whole line, then the longest part.
fn take(hit: &mut Hit, path: &str, text: &str, found: Found) {
    let length = found.to - found.from;
    if hit.words.as_ref().is_none_or(|before| (found.whole, length) > (before.whole, before.text.len())) {
        hit.words = Some(At {
            path: path.to_owned(),
            line: text[..found.from].matches('\n').count() as u64 + 1,
            from: found.from as u64,
            to: found.to as u64,
            whole: found.whole,
            text: text[found.from..found.to].to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_whole_line_is_better_than_a_longer_text_around_a_part_of_it() {
        let search = Search::new("- allow an empty cart (a91f3c2)", &["a91f3c2".into()]);
        let content = Content::Json(
            json!({ "a": "we allow an empty cart", "b": "x\n- allow an empty cart (a91f3c2)\n", "c": "a91f3c2" }),
        );
        let hit = search.look(&content);
        let at = hit.words.unwrap();
        assert_eq!((at.path.as_str(), at.line, at.whole), ("/b", 2, true));
        assert_eq!(hit.cites, [Cite { cite: "a91f3c2".into(), part: None }]);
    }

    #[test]
    fn a_citation_names_the_thing_that_bears_its_name() {
        let commits =
            json!({ "commits": [{ "short": "b", "body": "see a91f3c2" }, { "short": "a91f3c2", "subject": "Fix" }] });
        let hit = Search::new("x (a91f3c2)", &["a91f3c2".into()]).look(&Content::Json(commits));
        assert_eq!(hit.cites, [Cite { cite: "a91f3c2".into(), part: Some(("/commits/1".into(), "Fix".into())) }]);
    }
}
