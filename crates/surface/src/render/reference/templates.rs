//! The templates, and the few filters they need. All text is escaped unless a filter made it safe.

use std::{borrow::Cow, sync::LazyLock};

use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

use super::{pretty::pretty, yaml};
use crate::{
    assets, lineage,
    render::schema::each,
    rest::query,
    studio::{markdown, words},
    units,
    visible::safe,
};

static TEMPLATES: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(SOURCES, UndefinedBehavior::SemiStrict, format));

/// Replies leave out what they have nothing to say about, so on Studio's pages what is absent is empty.
static STUDIO: LazyLock<Environment<'static>> =
    LazyLock::new(|| environment(PAGES, UndefinedBehavior::Chainable, format_cut));

/// The longest text that a page of Studio prints unless its template says `long`, in bytes. Whoever names an agent or a
/// step chooses how long the name is, and no template can forget it.
const LONGEST: usize = 4096;

/// How a value is printed.
type Formatter = fn(&mut Output<'_>, &mut State<'_, '_>, &Value) -> Result<(), minijinja::Error>;

fn environment(
    sources: &[(&'static str, &'static str)],
    undefined: UndefinedBehavior,
    format: Formatter,
) -> Environment<'static> {
    let mut templates = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.expect("the usual delimiters do not clash"));
    templates.set_undefined_behavior(undefined);
    templates.set_auto_escape_callback(|name| match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    templates.set_formatter(format);
    templates.add_filter("inline", inline);
    templates.add_filter("md", md);
    templates.add_filter("cell", cell);
    templates.add_filter("codecell", codecell);
    templates.add_filter("fenced", fenced);
    templates.add_filter("span", span);
    templates.add_filter("relative", relative);
    templates.add_filter("capitalised", capitalised);
    templates.add_filter("breakable", breakable);
    templates.add_filter("pretty", |value: &Value| pretty(&json(value)));
    templates.add_filter("data", |here: &str| match here.split_once('?') {
        Some((path, query)) => format!("{path}.json?{query}"),
        None => format!("{here}.json"),
    });
    templates.add_filter("undescribed", undescribed);
    templates.add_filter("compact", compact);
    templates.add_filter("yaml", |value: &Value| yaml::yaml(&json(value)));
    templates.add_filter("state", |status: &str| words::state(status).0);
    templates.add_filter("sign", |status: &str| words::state(status).1);
    templates.add_filter("standing", |run: &Value| words::standing(&json(run)).to_owned());
    templates.add_filter("counted", units::counted);
    templates.add_filter("tail", words::tail);
    templates.add_filter("took", units::took);
    templates.add_filter("shown", lineage::shown);
    templates.add_filter("size", units::size);
    templates.add_filter("exact", |text: &str| {
        let mut html = String::with_capacity(text.len() + 16);
        escape(text, &mut html);
        Value::from_safe_string(html)
    });
    templates.add_filter("long", |text: &str| {
        let mut html = String::with_capacity(text.len() + 16);
        escape(&safe(text), &mut html);
        Value::from_safe_string(html)
    });
    let brief_or_nothing = |text: Option<&str>, most: usize| brief(text.unwrap_or_default(), most).into_owned();
    templates.add_filter("brief", brief_or_nothing);
    templates.add_filter("untrusted", |text: &str| Value::from_safe_string(markdown::untrusted(text)));
    templates.add_filter("segment", |text: &str| query::escape(text));
    templates.add_global("stylesheet", assets::path("docs", "css"));
    templates.add_global("checker", assets::path("record", "js"));
    templates.add_global("icon", assets::path("icon", "svg"));
    templates.add_global("release", env!("CARGO_PKG_VERSION"));
    for (name, source) in sources {
        templates.add_template(name, source).expect("every template is rendered by a test");
    }
    templates
}

macro_rules! sources {
    ($($name:literal)*) => { &[$(($name, include_str!(concat!("../../../templates/", $name)))),*] };
}

const SOURCES: &[(&str, &str)] = sources! {
    "layout.html" "macros.html" "macros.md"
    "page.html" "page.md"
    "index.html" "index.md"
    "errors.html" "errors.md" "error.html" "error.md"
    "ending.html" "ending.md"
    "guide.html" "form.html" "missing.html"
    "audit.html" "audit.macros.html" "audit.md"
};

const PAGES: &[(&str, &str)] = sources! {
    "studio/layout.html" "studio/macros.html" "studio/run.head.html"
    "studio/sign-in.html" "studio/again.html" "studio/problem.html" "studio/welcome.html"
    "studio/runs.html" "studio/run.html" "studio/approvals.html" "studio/approval.html" "studio/agents.html"
    "studio/agent.html" "studio/start.html" "studio/field.html" "studio/person.html" "studio/fork.html"
    "studio/compare.html" "studio/events.html" "studio/artifacts.html" "studio/context.html"
    "studio/run.audit.html" "studio/audit.html" "studio/settings.html" "studio/metrics.html" "studio/graph.html"
    "studio/signs.html"
};

/// A template for HTML. `facts` are its variables. Tables name their roles, because on a narrow page their cells are
/// no table cells to the browser any more; and beside the page stands a list of its parts.
pub(crate) fn html(template: &str, facts: &impl Serialize) -> String {
    let mut page = render(template, facts);
    for (tag, role) in [("table", "table"), ("thead", "rowgroup"), ("tbody", "rowgroup"), ("tr", "row"), ("td", "cell")]
    {
        for end in [">", " "] {
            page = page.replace(&format!("<{tag}{end}"), &format!("<{tag} role=\"{role}\"{end}"));
        }
    }
    page = page.replace("<th>", "<th role=\"columnheader\">");
    page = page.replace("<th scope=\"col\"", "<th role=\"columnheader\" scope=\"col\"");
    page = page.replace("<th scope=\"row\"", "<th role=\"rowheader\" scope=\"row\"");
    let contents = contents(&page);
    page.replacen("<!--toc-->", &contents, 1)
}

/// The list of a page's parts; nothing for a page with hardly any.
fn contents(page: &str) -> String {
    let parts = page.split("<h2 id=\"").skip(1).filter_map(|rest| {
        let (id, rest) = rest.split_once("\">")?;
        let (title, _) = rest.split_once("</h2>")?;
        Some(format!("<li><a href=\"#{id}\">{title}</a></li>"))
    });
    let parts: Vec<_> = parts.collect();
    if parts.len() < 3 {
        return String::new();
    }
    let list = parts.concat();
    format!(
        "<nav class=\"contents\" aria-labelledby=\"contents\"><h2 id=\"contents\">On this page</h2><ol>{list}</ol></nav>"
    )
}

/// A page of Studio.
pub(crate) fn studio(template: &str, facts: &impl Serialize) -> Result<String, minijinja::Error> {
    STUDIO.get_template(template)?.render(Serde(facts))
}

/// A template for Markdown, with at most one empty line between two others. Code stays as it is.
pub(crate) fn markdown(template: &str, facts: &impl Serialize) -> String {
    let text = render(template, facts);
    let mut lines: Vec<&str> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let run = &line[..line.len() - line.trim_start_matches('`').len()];
        let inside = fence.is_some();
        match fence {
            Some(open) if line == open => fence = None,
            None if run.len() >= 3 => fence = Some(run),
            _ => {}
        }
        let empty = line.trim().is_empty();
        if inside || !empty {
            lines.push(line);
        } else if lines.last().is_some_and(|last| !last.is_empty()) {
            lines.push("");
        }
    }
    lines.join("\n").trim().to_owned() + "\n"
}

/// Code for Markdown, in a fence that nothing in it can close.
fn fenced(code: &str, language: &str) -> String {
    let runs = code.split(|c: char| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(runs.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", code.trim_end())
}

/// A value of somebody else's on one line of Markdown: as code, between more backticks than stand in it.
fn span(value: &Value) -> String {
    let text = compact(value).replace('\n', " ");
    let runs = text.split(|c: char| c != '`').map(str::len).max().unwrap_or(0);
    let ticks = "`".repeat(runs + 1);
    let around = if text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']) { " " } else { "" };
    format!("{ticks}{around}{text}{around}{ticks}")
}

fn render(template: &str, facts: &impl Serialize) -> String {
    let template = TEMPLATES.get_template(template).expect("every template is named in SOURCES");
    template.render(Serde(facts)).unwrap_or_else(|error| panic!("a template failed: {error:#}"))
}

/// As the library writes values, but for a slash, which needs no escape and stands in every link, and for what hides in
/// a text, which is made visible.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if *state.auto_escape() == AutoEscape::Html && !value.is_safe() => {
            let mut html = String::with_capacity(text.len() + 16);
            escape(&safe(text), &mut html);
            Ok(out.write_str(&html)?)
        }
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// As [`format`], with no text longer than a page can bear.
fn format_cut(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), minijinja::Error> {
    match value.as_str() {
        Some(text) if text.len() > LONGEST && !value.is_safe() => {
            format(out, state, &Value::from(brief(text, LONGEST).into_owned()))
        }
        _ => format(out, state, value),
    }
}

/// A text where it has at most so many bytes, and otherwise its beginning with the length of the whole.
fn brief(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return text.into();
    }
    let start = text[..text.floor_char_boundary(most)].trim_end();
    format!("{start}… (cut here: {} characters in all)", text.chars().count()).into()
}

/// A sentence as HTML: escaped, with `…` in backticks as code, and with what hides in it made visible.
fn inline(text: &str) -> Value {
    let text = &safe(text);
    let mut html = String::with_capacity(text.len() + 16);
    for (index, part) in text.split('`').enumerate() {
        let closed = index % 2 == 1 && text.split('`').count() > index + 1;
        match (index % 2, closed) {
            (1, true) => {
                html.push_str("<code>");
                escape(part, &mut html);
                html.push_str("</code>");
            }
            (1, false) => {
                html.push('`');
                escape(part, &mut html);
            }
            _ => escape(part, &mut html),
        }
    }
    Value::from_safe_string(html)
}

fn escape(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
}

/// A sentence as Markdown: its `<` cannot begin a tag.
fn md(text: &str) -> String {
    let code = |(index, part): (usize, &str)| if index % 2 == 1 { part.to_owned() } else { part.replace('<', "&lt;") };
    text.split('`').enumerate().map(code).collect::<Vec<_>>().join("`")
}

/// A sentence inside a table of Markdown: on one line, and its `|` does not end the cell.
fn cell(text: &str) -> String {
    md(text).replace('|', r"\|").replace('\n', " ")
}

/// Code inside a table of Markdown, between as many backticks as it takes.
fn codecell(code: &str) -> String {
    let code = code.replace('|', r"\|").replace('\n', " ");
    if code.contains('`') { format!("`` {code} ``") } else { format!("`{code}`") }
}

/// `/docs/reference/a/b` as the relative link to its Markdown file from a page that stands `depth` folders deep.
fn relative(path: &str, depth: usize) -> String {
    format!("{}{}.md", "../".repeat(depth), path.strip_prefix("/docs/").unwrap_or(path))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A path as HTML that may be broken after each part.
fn breakable(path: &str) -> Value {
    let mut html = String::with_capacity(path.len() + 16);
    escape(path, &mut html);
    Value::from_safe_string(html.replace('.', ".<wbr>"))
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A schema without its descriptions, where they stand beside it already.
fn undescribed(schema: &Value) -> String {
    let mut schema = json(schema);
    each(&mut schema, &mut |fields| drop(fields.shift_remove("description")));
    pretty(&schema)
}

/// A value on one line; a text without its quotes.
fn compact(value: &Value) -> String {
    match json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_escaped_and_its_code_is_code() {
        assert_eq!(inline("a <b> `c < d` e").to_string(), "a &lt;b&gt; <code>c &lt; d</code> e");
        assert_eq!(inline("an odd ` one").to_string(), "an odd ` one");
        assert_eq!(inline("a \u{202e}b `\u{1b}c`").to_string(), "a ⟦U+202E⟧b <code>\\x1bc</code>");
    }

    #[test]
    fn a_text_without_end_is_cut_on_every_page_of_studio_and_says_so() {
        let mut studio = environment(&[], UndefinedBehavior::Chainable, format_cut);
        let page = "{{ name }}|{{ name | brief(5) }}|{{ none | brief(5) }}|{{ name | long }}";
        studio.add_template("page.html", page).unwrap();
        let name = "<é>".repeat(2000);
        let page = studio.get_template("page.html").unwrap().render(minijinja::context! { name }).unwrap();
        let parts: Vec<&str> = page.split('|').collect();
        assert!(parts[0].starts_with("&lt;é&gt;&lt;é") && parts[0].ends_with("… (cut here: 6000 characters in all)"));
        assert_eq!(parts[1..3], ["&lt;é&gt;&lt;… (cut here: 6000 characters in all)", ""]);
        assert_eq!(parts[3], "&lt;é&gt;".repeat(2000));
    }

    #[test]
    fn every_command_on_a_page_is_one() {
        let mut known = 0;
        for command in PAGES.iter().flat_map(|(_, source)| source.split("<code>affiant ").skip(1)) {
            let command = command.split("</code>").next().unwrap_or_default();
            let parts = command.split("{{").map(|part| part.split_once("}}").map_or(part, |(_, rest)| rest));
            let command = format!("affiant {}", parts.collect::<Vec<_>>().join("1"));
            command.lines().for_each(crate::cli::grammar::tests::accepted);
            known += 1;
        }
        assert!(known > 15, "only {known} were found");
    }

    #[test]
    fn a_cell_cannot_break_its_table() {
        assert_eq!(cell("a | b\n<script> `<T>`"), r"a \| b &lt;script> `<T>`");
        assert_eq!(codecell("a < b || c"), r"`a < b \|\| c`");
    }

    #[test]
    fn code_cannot_close_its_fence() {
        assert_eq!(fenced("a\n```\nb", "yaml"), "````yaml\na\n```\nb\n````");
    }

    #[test]
    fn a_value_cannot_leave_its_code() {
        assert_eq!(span(&Value::from("a ``` [b](c)\nd")), "````a ``` [b](c) d````");
        assert_eq!(span(&Value::from("`")), "`` ` ``");
    }

    #[test]
    fn links_between_markdown_files_are_relative() {
        assert_eq!(relative("/docs/reference/f/k@1.0.0", 2), "../../reference/f/k@1.0.0.md");
    }
}
