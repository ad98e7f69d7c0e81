//! Links inside the repository.

use std::{ops::Range, sync::LazyLock};

use regex::Regex;

use super::{
    files::{Files, file_name, parent},
    findings::Finding,
    markdown::{self, Link},
    places,
};
use crate::display::escape;

/// Checks every link of a Markdown file that leads into the repository; how many there were.
pub(super) fn check(files: &Files, path: &str, text: &str, add: &mut dyn FnMut(Finding)) -> usize {
    let mut tried = 0;
    for link in markdown::read(text).links {
        let Some(target) = Target::of(path, &link) else { continue };
        tried += 1;
        if let Some(finding) = target.problem(files) {
            add(finding);
        }
    }
    tried
}

/// A link that leads into the repository, taken apart.
struct Target<'l> {
    /// The file it stands in.
    from: &'l str,
    link: &'l Link,
    /// The path as it is written.
    written: &'l str,
    /// The path from the top of the repository; the file itself when only a fragment is written.
    path: String,
    /// What stands between path and fragment.
    query: &'l str,
    fragment: Option<String>,
}

impl<'l> Target<'l> {
    /// Takes a link apart; none when it leads elsewhere, or may be filled in later.
    fn of(from: &'l str, link: &'l Link) -> Option<Self> {
        static ELSEWHERE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^([a-zA-Z][a-zA-Z0-9+.-]*:|//|\\|#$|$)|\{\{|\{%|<%|\$\{|%s|\[|\*|^@").expect("constant")
        });
        let target = link.target.as_str();
        if ELSEWHERE.is_match(target) {
            return None;
        }
        let (rest, fragment) = target.split_once('#').map_or((target, None), |(rest, f)| (rest, Some(f)));
        let (written, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let decoded = decode(written)?;
        let path = match written {
            "" => from.to_owned(),
            _ => resolve(from, &decoded)?,
        };
        let fragment = fragment.filter(|f| !f.is_empty()).and_then(decode);
        Some(Self { from, link, written, path, query, fragment })
    }

    fn problem(&self, files: &Files) -> Option<Finding> {
        let in_site = files.is_in_site(self.from);
        if !self.leads_somewhere(files) {
            return self.is_certain(in_site).then(|| self.broken(files));
        }
        let fragment = self.fragment.as_deref()?;
        if !self.query.is_empty() || is_special(fragment) {
            return None;
        }
        let anchors = files.anchors(&self.path)?;
        if anchors.has(fragment) || (in_site && anchors.nearly_has(fragment)) {
            return None;
        }
        let shown = escape(fragment);
        let file = escape(&self.path);
        let near = anchors.near(fragment);
        let (message, mend) = match near[..] {
            [only] => (
                format!("`{file}` has no heading `#{shown}`; `#{only}` is the only one of a similar name."),
                self.link.span.clone().map(|span| (span, format!("{}{}#{only}", self.written, self.query))),
            ),
            _ => (format!("`{file}` has no heading `#{shown}`."), None),
        };
        Some(self.finding("broken-anchor", message, mend))
    }

    /// Whether something is there, also under the names that GitHub and site generators complete.
    fn leads_somewhere(&self, files: &Files) -> bool {
        let path = self.path.trim_end_matches('/');
        let stem = path.strip_suffix(".html").unwrap_or(path);
        files.has(path)
            || [".md", ".mdx", ".markdown", "/index.md", "/README.md"]
                .iter()
                .any(|end| files.has(&format!("{stem}{end}")))
            || path.strip_suffix(".md").is_some_and(|stem| files.has(&format!("{stem}.mdx")))
    }

    /// Whether a link that leads nowhere here leads nowhere at all. A site generator has its own roots and names.
    fn is_certain(&self, in_site: bool) -> bool {
        let names_a_page = places::is_markdown(&self.path);
        let from_the_top = self.written.starts_with('/');
        let is_readme = file_name(self.from).to_ascii_lowercase().starts_with("readme");
        match (in_site, from_the_top) {
            (true, _) => names_a_page && !from_the_top,
            (false, true) => names_a_page || is_readme,
            (false, false) => true,
        }
    }

    fn broken(&self, files: &Files) -> Finding {
        let shown = escape(self.written);
        let near = self.near(files);
        let (message, mend) = match &near[..] {
            [only] => (
                format!("`{shown}` does not exist; `{}` is the only file of a similar name.", escape(only)),
                self.link.span.clone().zip(self.rewritten(files, only)),
            ),
            _ => (format!("`{shown}` does not exist."), None),
        };
        self.finding("broken-link", message, mend)
    }

    fn finding(&self, kind: &'static str, message: String, mend: Option<(Range<usize>, String)>) -> Finding {
        Finding { kind, target: self.link.target.clone(), message, at: self.link.at, mend }
    }

    /// The files that were most likely meant: of the same name elsewhere, or of a similar one in the same folder.
    fn near(&self, files: &Files) -> Vec<String> {
        let path = self.path.trim_end_matches('/');
        let name = file_name(path);
        if !name.contains('.') {
            return Vec::new();
        }
        let same_but_case: Vec<_> =
            files.named(name).iter().filter(|known| known.to_lowercase() == path.to_lowercase()).cloned().collect();
        if !same_but_case.is_empty() {
            return same_but_case;
        }
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let allowed = (name.chars().count() / 4).clamp(1, 2);
        let similar = |known: &&str| {
            let other = file_name(known);
            other.rsplit_once('.').map(|(_, extension)| extension) == extension
                && strsim::damerau_levenshtein(&other.to_lowercase(), &name.to_lowercase()) <= allowed
        };
        let mut near: Vec<String> = files.beside(parent(path)).filter(similar).map(str::to_owned).collect();
        near.extend(files.named(name).iter().filter(|known| file_name(known) == name).cloned());
        near.retain(|known| known != self.from && !places::is_fixture(known) && !files.is_generated(known));
        near.sort_unstable();
        near.dedup();
        near
    }

    /// The link's text with another path in it, in the way it was written; none when its fragment would not fit.
    fn rewritten(&self, files: &Files, path: &str) -> Option<String> {
        if let (Some(fragment), Some(anchors)) = (&self.fragment, files.anchors(path)) {
            anchors.has(fragment).then_some(())?;
        }
        let written = match (self.written.starts_with('/'), relative(parent(self.from), path)) {
            (true, _) => format!("/{path}"),
            (false, relative) if self.written.starts_with("./") && !relative.starts_with("..") => {
                format!("./{relative}")
            }
            (false, relative) => relative,
        };
        // What would have to be escaped is better mended by a person.
        let plain = |c: char| c.is_alphanumeric() || "/._-~@+,=".contains(c);
        let rest = &self.link.target[self.written.len()..];
        written.chars().all(plain).then(|| format!("{written}{rest}"))
    }
}

/// Fragments that are no anchors of the text: lines, text searches, and what GitHub adds itself.
fn is_special(fragment: &str) -> bool {
    static SPECIAL: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)^(L\d+.*|:~:.*|readme|top|fn-?.*|fnref.*|/.*|!.*)$").expect("constant"));
    SPECIAL.is_match(fragment)
}

/// A path with its percent escapes read; none when they do not give text.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = (*byte == b'%').then(|| after.get(..2)).flatten();
        let value = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(value.unwrap_or(*byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

/// A path as it is meant in a file; none when it leads out of the repository, as links to GitHub's own pages do.
fn resolve(from: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = match path.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => parent(from).split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in path.split('/') {
        match part {
            "" | "." => (),
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The way from a folder to a path.
fn relative(folder: &str, path: &str) -> String {
    let folder: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = path.split('/').collect();
    let common = folder.iter().zip(&parts).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", folder.len() - common);
    up.chain(parts[common..].iter().copied()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_and_written_again() {
        assert_eq!(resolve("docs/a.md", "../b/./c.md"), Some("b/c.md".into()));
        assert_eq!(resolve("docs/a.md", "/b.md"), Some("b.md".into()));
        assert_eq!(resolve("a.md", "../issues"), None);
        assert_eq!(relative("docs/x", "docs/y/z.md"), "../y/z.md");
        assert_eq!(relative("", "a.md"), "a.md");
        assert_eq!(decode("a%20b%zz%"), Some("a b%zz%".into()));
        assert_eq!(decode("%ff"), None);
    }
}
