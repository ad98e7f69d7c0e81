//! Markdown that somebody else wrote, as HTML in which nothing of theirs is obeyed.
//!
//! No HTML of theirs, no images, and links only to `http`, `https` and `mailto`, each with the host that it leads to.
//! Headings begin below those of the page and leave no step out.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::visible::safe;

/// The heading on the page under which a document stands.
const BELOW: u8 = 2;

/// A document of somebody else's as HTML.
pub(crate) fn untrusted(text: &str) -> String {
    let text = safe(text);
    let mut out = Vec::new();
    let mut depth = BELOW;
    let mut links: Vec<Option<String>> = Vec::new();
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        out.push(match event {
            Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
            Event::Start(Tag::Heading { level, .. }) => {
                depth = (level as u8 + BELOW).min(depth + 1);
                Event::Start(Tag::Heading { level: heading(depth), id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Event::End(TagEnd::Heading(_)) => Event::End(TagEnd::Heading(heading(depth))),
            Event::Start(Tag::Image { dest_url, .. }) => Event::Text(format!("[image {dest_url}: ").into()),
            Event::End(TagEnd::Image) => Event::Text("]".into()),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let target = target(&dest_url);
                links.push(target.as_ref().map(|(_, host)| host.clone()));
                match target {
                    Some((address, _)) => opening(&address),
                    None => Event::Text("".into()),
                }
            }
            Event::End(TagEnd::Link) => match links.pop().flatten() {
                Some(host) => closing(&host),
                None => Event::Text("".into()),
            },
            other => other,
        });
    }
    let mut body = String::with_capacity(text.len() * 2);
    html::push_html(&mut body, out.into_iter());
    body.replace("<pre>", "<pre tabindex=\"0\">")
}

fn heading(level: u8) -> HeadingLevel {
    HeadingLevel::try_from(usize::from(level)).unwrap_or(HeadingLevel::H6)
}

/// Where a link leads, and what is shown of that; nothing for an address that is not followed.
fn target(address: &str) -> Option<(String, String)> {
    let (scheme, rest) = address.split_once(':')?;
    let host = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => {
            let authority = rest.strip_prefix("//")?.split(['/', '?', '#', '\\']).next()?;
            authority.rsplit('@').next()?
        }
        "mailto" => rest.split('?').next()?,
        _ => return None,
    };
    (!host.is_empty()).then(|| (address.to_owned(), host.to_owned()))
}

fn opening<'a>(address: &str) -> Event<'a> {
    Event::InlineHtml(format!("<a href=\"{}\" rel=\"noopener noreferrer\">", escaped(address)).into())
}

fn closing<'a>(host: &str) -> Event<'a> {
    Event::InlineHtml(format!("</a> <span class=\"quiet\">({})</span>", escaped(host)).into())
}

fn escaped(text: &str) -> CowStr<'static> {
    let escape = |letter: char| match letter {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_somebody_elses_is_obeyed() {
        let html = untrusted(
            "<script>alert(1)</script>\n\n![x](https://evil.example/a.png) <b onclick=x>b</b>\n\n[a](javascript:alert(1)) \
             [b](data:text/html,x) [c](/studio/sign-out) [d](JAVASCRIPT:x)",
        );
        for forbidden in ["<script", "<img", "<b", "href"] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
    }

    #[test]
    fn a_link_says_where_it_leads() {
        let html = untrusted("[the docs](https://ana@evil.example/x?a=\"b) <mailto:ana@example.com>");
        insta::assert_snapshot!(html, @r#"
        <p><a href="https://ana@evil.example/x?a=&quot;b" rel="noopener noreferrer">the docs</a> <span class="quiet">(evil.example)</span> <a href="mailto:ana@example.com" rel="noopener noreferrer">mailto:ana@example.com</a> <span class="quiet">(ana@example.com)</span></p>
        "#);
    }

    #[test]
    fn headings_stand_below_those_of_the_page_and_leave_none_out() {
        insta::assert_snapshot!(untrusted("## Unreleased\n\n#### Fixes\n\n# Top"), @r"
        <h3>Unreleased</h3>
        <h4>Fixes</h4>
        <h3>Top</h3>
        ");
    }

    #[test]
    fn what_hides_is_made_visible() {
        assert!(untrusted("a\u{202e}b").contains("⟦U+202E⟧"));
    }
}
