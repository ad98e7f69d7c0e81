//! Can the sources of a context pack be read, each under its own name?

use std::collections::BTreeSet;

use crate::{
    finding::Finding,
    model::{ContextPack, Ref, SourceSpec},
};

use super::Subject;

pub(super) fn check(subject: &mut Subject<'_>, pack: &ContextPack) {
    if pack.sources.is_empty() {
        let finding = Finding::error("empty-list", "a context pack has at least one source");
        subject.at(
            "/sources",
            finding.help("Add a source, such as `{ key: readme, kind: file, root: ., include: [README.md] }`"),
        );
    }
    let mut seen = BTreeSet::new();
    for (index, source) in pack.sources.iter().enumerate() {
        let pointer = format!("/sources/{index}");
        if !seen.insert(&source.key) {
            let finding = Finding::error("named-twice", format!("two sources are called `{}`", source.key));
            subject.at(&format!("{pointer}/key"), finding.help("Give each its own key"));
        }
        match &source.from {
            SourceSpec::File { include, .. } if include.is_empty() => {
                let finding = Finding::error("empty-list", format!("the source `{}` takes no file", source.key));
                subject.at(&format!("{pointer}/include"), finding.help("Give at least one glob, such as `**/*.md`"));
            }
            SourceSpec::Git { limit: Some(0), .. } => {
                let finding =
                    Finding::error("zero-limit", format!("with a limit of zero `{}` holds nothing", source.key));
                subject.at(&format!("{pointer}/limit"), finding.help("Give a number above zero, or leave it out"));
            }
            SourceSpec::Contract { contract } if !contract.contains("${") => {
                if let Err(error) = contract.parse::<Ref>() {
                    subject.at(&format!("{pointer}/contract"), Finding::error("misshapen-field", error.to_string()));
                }
            }
            SourceSpec::Http { url }
                if !url.starts_with("http://") && !url.starts_with("https://") && !url.contains("${") =>
            {
                let finding = Finding::error("bad-url", format!("`{url}` is not an absolute http or https address"));
                subject.at(
                    &format!("{pointer}/url"),
                    finding.help("Write an absolute address, such as https://example.com/terms"),
                );
            }
            _ => {}
        }
    }
}
