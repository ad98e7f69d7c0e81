//! `/llms.txt` and `/llms-full.txt`: the documentation for readers that are programs.

use affiant_contract::Registry;

use super::guide::GUIDE;
use crate::render::{
    names::is_newest,
    reference::{index, page, page_markdown},
};

const HEAD: &str = "# Affiant\n\n> Runs agents in the background and leaves a record of every run that anybody can \
                    verify. Every operation is a contract; REST, OpenAPI, MCP tools, the command line and these pages \
                    are rendered from it.\n";

/// Where everything is, each with a line about it.
pub(super) fn index_of(registry: &Registry) -> String {
    let mut text = format!("{HEAD}\n## Guide\n\n");
    for guide in GUIDE {
        let path = if guide.name == "index" { "/docs/index".to_owned() } else { guide.path() };
        text.push_str(&format!("- [{}]({path}.md): {}\n", guide.title, guide.about));
    }
    for feature in index(registry).features {
        text.push_str(&format!("\n## {}\n\n", feature.title));
        for entry in feature.contracts {
            text.push_str(&format!("- [{}]({}.md): {}\n", entry.key, entry.path, entry.description));
        }
    }
    text.push_str("\n## Machine-readable\n\n- [OpenAPI 3.1](/openapi.json): every operation\n");
    text.push_str("- [Errors](/docs/errors.json): every error code, with its remedy\n");
    text
}

/// The guide and every reference page, one after the other.
pub(super) fn full(registry: &Registry) -> String {
    let guides = GUIDE.iter().map(|guide| guide.text.trim().to_owned());
    let newest = registry.iter().filter(|contract| is_newest(registry, contract));
    let pages = newest.map(|contract| page_markdown(&page(registry, contract)));
    let all: Vec<String> = std::iter::once(HEAD.to_owned()).chain(guides).chain(pages).collect();
    all.join("\n\n---\n\n")
}
