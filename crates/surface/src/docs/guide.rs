//! The guide: a few pages of prose, in the order in which the product is learned. They are Markdown files under
//! `docs/site/`; a link to `contracts.md` there is a link to `/docs/contracts` here.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde::Serialize;

/// One page of the guide.
#[derive(Debug)]
pub(super) struct Guide {
    /// Its name in the address.
    pub(super) name: &'static str,
    /// Its name in lists.
    pub(super) title: &'static str,
    /// One line for lists.
    pub(super) about: &'static str,
    /// Markdown.
    pub(super) text: &'static str,
}

macro_rules! guide {
    ($($name:literal $title:literal $about:literal;)*) => {
        &[$(Guide {
            name: $name,
            title: $title,
            about: $about,
            text: include_str!(concat!("../../../../docs/site/", $name, ".md")),
        }),*]
    };
}

/// Every page, in the order in which they are read.
#[rustfmt::skip]
pub(super) const GUIDE: &[Guide] = guide! {
    "index" "Start" "What Affiant is, and where to read on.";
    "contracts" "Contracts" "What can be asked is written once, in files.";
    "generated-surfaces" "Generated surfaces" "One contract is a route, a tool, a command, a form and a page.";
    "runtimes" "Runtimes" "How an agent decides, and what happens after a crash.";
    "agents" "An agent, from its file to its record" "One agent with everything an agent can have, file by file.";
    "models" "Connect a model" "Let agents ask a provider of models, with its key sealed.";
    "governance" "Governance" "Who may do what, who is asked, and what the record proves.";
    "auditing" "Auditing a run" "Check a bundle with our verifier or with nothing of ours, and know what that proves.";
    "adoption" "Incremental adoption" "Take one part, keep the rest of what you have.";
    "studio" "Studio" "The web interface on top, which uses the same door as everybody else.";
};

/// The page of this name.
pub(super) fn find(name: &str) -> Option<&'static Guide> {
    GUIDE.iter().find(|guide| guide.name == name)
}

/// A page of the guide, as its template reads it.
#[derive(Debug, Serialize)]
pub(super) struct GuidePage {
    title: &'static str,
    path: String,
    body: String,
    next: Option<Step>,
    previous: Option<Step>,
}

#[derive(Debug, Serialize)]
struct Step {
    title: &'static str,
    path: String,
}

impl Guide {
    /// Its address, without a suffix.
    pub(super) fn path(&self) -> String {
        if self.name == "index" { "/docs".to_owned() } else { format!("/docs/{}", self.name) }
    }

    /// What its template reads.
    pub(super) fn page(&self) -> GuidePage {
        let place = GUIDE.iter().position(|guide| guide.name == self.name);
        let step = |place: Option<usize>| {
            let guide = GUIDE.get(place?)?;
            Some(Step { title: guide.title, path: guide.path() })
        };
        GuidePage {
            title: self.title,
            path: if self.name == "index" { "/docs/index".to_owned() } else { self.path() },
            body: render(self.text),
            next: step(place.map(|place| place + 1)),
            previous: step(place.and_then(|place| place.checked_sub(1))),
        }
    }
}

/// Markdown as HTML: headings can be linked to, links to `.md` files lead to pages, and HTML is shown as text.
fn render(text: &str) -> String {
    let events: Vec<Event<'_>> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut out = Vec::with_capacity(events.len());
    for (index, event) in events.iter().enumerate() {
        out.push(match event {
            Event::Start(Tag::Heading { level, .. }) => heading(*level, &events[index + 1..]),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => Event::Start(Tag::Link {
                link_type: *link_type,
                dest_url: page_of(dest_url),
                title: title.clone(),
                id: id.clone(),
            }),
            Event::Html(html) | Event::InlineHtml(html) => Event::Text(html.clone()),
            other => other.clone(),
        });
    }
    let mut body = String::new();
    html::push_html(&mut body, out.into_iter());
    body.replace("<pre>", "<pre tabindex=\"0\">")
}

fn heading<'a>(level: HeadingLevel, after: &[Event<'a>]) -> Event<'a> {
    let inside = after.iter().take_while(|event| !matches!(event, Event::End(TagEnd::Heading(_))));
    let text: String = inside
        .filter_map(|event| match event {
            Event::Text(text) | Event::Code(text) => Some(&**text),
            _ => None,
        })
        .collect();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let id = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    Event::Start(Tag::Heading { level, id: Some(id.into()), classes: Vec::new(), attrs: Vec::new() })
}

/// `contracts.md#versions` as `/docs/contracts#versions`.
fn page_of<'a>(link: &CowStr<'a>) -> CowStr<'a> {
    let (file, anchor) = link.split_once('#').map_or((&**link, None), |(file, anchor)| (file, Some(anchor)));
    let Some(guide) = file.strip_suffix(".md").and_then(find) else { return link.clone() };
    let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
    format!("{}{anchor}", guide.path()).into()
}
