//! Reference pages: one for each contract, as HTML, Markdown and JSON, from one model.
//!
//! [`page`] gathers the facts; the JSON format is that model as it is, HTML and Markdown are templates over it.

pub(crate) mod examples;
pub(crate) mod fields;
mod gather;
mod index;
pub mod page;
mod pretty;
mod templates;
mod words;
pub(crate) mod yaml;

use affiant_contract::Registry;

pub use gather::page;
pub use index::{ErrorIndex, Index, ending_page, error_index, error_page, index};
pub use page::{EndingPage, ErrorPage, Page};
pub(crate) use pretty::pretty;
pub(crate) use templates::{html, markdown, studio};

use super::File;

/// The page of a contract as Markdown.
pub fn page_markdown(page: &Page) -> String {
    markdown("page.md", page)
}

/// Every reference page as a Markdown file: the newest version of each contract under its key, the others with their
/// version, an index, and a page for each error code. Links between them are relative.
pub fn files(registry: &Registry) -> Vec<File> {
    let contracts = registry.iter().map(|contract| {
        let page = page(registry, contract);
        file(&page.path, page_markdown(&page))
    });
    let errors = error_index(registry);
    let error_files = errors.errors.iter().map(|error| file(&error.path, markdown("error.md", error)));
    let ending_files = errors.endings.iter().map(|ending| file(&ending.path, markdown("ending.md", ending)));
    let indexes = [
        file("/docs/reference", markdown("index.md", &index(registry))),
        file("/docs/errors", markdown("errors.md", &errors)),
    ];
    indexes.into_iter().chain(contracts).chain(error_files).chain(ending_files).collect()
}

/// A page below `/docs/` as a file.
fn file(path: &str, text: String) -> File {
    let path = path.strip_prefix("/docs/").unwrap_or(path);
    (format!("{path}.md"), text.into_bytes())
}

#[cfg(test)]
mod tests;
