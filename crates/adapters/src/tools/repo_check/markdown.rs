//! What a Markdown text links to, and what can be linked to in it.

use std::{ops::Range, sync::LazyLock};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// A link or image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// Where it leads, as it is meant.
    pub(super) target: String,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// The bytes that spell the target, when they stand there letter by letter.
    pub(super) span: Option<Range<usize>>,
}

/// What is of interest in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) links: Vec<Link>,
    /// Texts of the headings, as shown, with an id given by hand where there is one.
    pub(super) headings: Vec<(String, Option<String>)>,
    /// Ids and names of HTML elements.
    pub(super) ids: Vec<String>,
}

/// Reads a text as GitHub does.
pub(super) fn read(text: &str) -> Found {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_GFM;
    let parser = Parser::new_ext(text, options);
    let definitions: Vec<_> =
        parser.reference_definitions().iter().map(|(_, def)| (def.dest.to_string(), def.span.clone())).collect();
    let mut found = Found::default();
    let mut heading: Option<(String, Option<String>)> = None;
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::Link { link_type, dest_url, .. } | Tag::Image { link_type, dest_url, .. }) => {
                found.links.extend(link(text, link_type, &dest_url, range, &definitions));
            }
            Event::Start(Tag::Heading { id, .. }) => heading = Some((String::new(), id.map(|id| id.to_string()))),
            Event::End(TagEnd::Heading(_)) => found.headings.extend(heading.take()),
            Event::Start(Tag::HtmlBlock) => html(text, range, &mut found),
            Event::InlineHtml(_) => html(text, range, &mut found),
            Event::Text(piece) | Event::Code(piece) => {
                if let Some((heading, _)) = &mut heading {
                    heading.push_str(&piece);
                }
            }
            _ => (),
        }
    }
    found
}

fn link(
    text: &str,
    kind: LinkType,
    target: &str,
    range: Range<usize>,
    definitions: &[(String, Range<usize>)],
) -> Option<Link> {
    let place = match kind {
        LinkType::Inline => range.clone(),
        LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut => {
            definitions.iter().find(|(dest, _)| dest == target).map(|(_, span)| span.clone())?
        }
        _ => return None,
    };
    // The target stands behind the label, which may hold the same words.
    let source = text.get(place.clone())?;
    let from = source.rfind("](").or_else(|| source.find("]:")).unwrap_or(0);
    let span = source[from..].find(target).filter(|_| !target.is_empty()).map(|at| {
        let start = place.start + from + at;
        start..start + target.len()
    });
    Some(Link { target: target.to_owned(), at: span.as_ref().map_or(range.start, |span| span.start), span })
}

/// Links and ids in a piece of HTML, comments left out.
fn html(text: &str, range: Range<usize>, found: &mut Found) {
    static COMMENT: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?s)<!--.*?(-->|$)").expect("constant"));
    static LINK: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?i)<(?:a|img)\s[^>]*?\b(?:href|src)\s*=\s*["']([^"'<>]*)["']"#).expect("constant")
    });
    static ID: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#"(?i)<[a-z][^>]*?\b(?:id|name)\s*=\s*["']([^"'<>]+)["']"#).expect("constant"));
    let Some(source) = text.get(range.clone()) else { return };
    let shown = COMMENT.replace_all(source, |comment: &regex::Captures<'_>| " ".repeat(comment[0].len()));
    for target in LINK.captures_iter(&shown).filter_map(|link| link.get(1)) {
        let span = range.start + target.start()..range.start + target.end();
        found.links.push(Link { target: target.as_str().to_owned(), at: span.start, span: Some(span) });
    }
    found.ids.extend(ID.captures_iter(&shown).map(|id| id[1].to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_a_reader_sees_them() {
        let text = "[a](b.md) ![i](img.png 'title') `[code](no.md)` [r][ref] [ref]\n\n```\n[no](no.md)\n```\n\n\
                    <a href=\"h.md\">x</a> <!-- [c](no.md) <a href='no.md'> -->\n\n<p>\n<img src='j.png'>\n</p>\n\n\
                    \\[no](no.md) <https://x.y> [sp](<a b.md>) [paren](a(b).md)\n\n[ref]: d.md\n[unused]: e.md\n";
        let found = read(text);
        let links: Vec<_> = found
            .links
            .iter()
            .map(|link| {
                assert_eq!(link.span.clone().map(|span| &text[span]), Some(&*link.target));
                link.target.as_str()
            })
            .collect();
        assert_eq!(links, ["b.md", "img.png", "d.md", "d.md", "h.md", "j.png", "a b.md", "a(b).md"]);
    }

    #[test]
    fn the_target_is_found_behind_a_label_of_the_same_words() {
        let text = "[setp.md](setp.md)";
        assert_eq!(read(text).links[0].span, Some(10..17));
    }

    #[test]
    fn headings_are_read_as_they_are_shown() {
        let found =
            read("---\ntitle: x\n---\n# A `b` *c* [d](e)\n\nSetext\n===\n\n## By hand {#own}\n\n<a name=\"n\"></a>\n");
        let headings: Vec<_> = found.headings.iter().map(|(text, id)| (text.as_str(), id.as_deref())).collect();
        assert_eq!(headings, [("A b c d", None), ("Setext", None), ("By hand", Some("own"))]);
        assert_eq!(found.ids, ["n"]);
    }
}
