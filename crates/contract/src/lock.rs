//! `contracts.lock`: what has been published, so that it stays what it was.
//!
//! One line for every published version, sorted: `key@version`, the digest of the file, and what callers can see of
//! it as JSON ([`Shape`]). The digest finds an edit; the shape tells what the edit does to callers, long after the
//! original text is gone. Ideas and contracts in creation are not published and stand in no lock.

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    compat::{Comparison, Shape, Verdict, compare_shapes},
    finding::{Finding, Span},
    model::{Contract, Ref, Stability},
    yaml,
};

/// The file's name, in the project folder.
pub const FILE: &str = "contracts.lock";

/// Code of the finding about an edit that breaks nobody.
pub(crate) const CHANGED: &str = "changed-version";

const HEAD: &str = "# Published contract versions: identity, digest of the file, and what callers can see of it.\n\
                    # Written by `affiant contract lock`, and by a server for what it serves first. A published version stays as it is.\n";

/// Published versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    entries: BTreeMap<Ref, Entry>,
}

/// One published version.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    digest: String,
    shape: Shape,
}

/// What became of a lock that was brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Versions that are published now and were not before.
    pub added: Vec<Ref>,
    /// Versions whose file is gone; they stay in the lock, because somebody may use them still.
    pub missing: Vec<Ref>,
    /// Versions whose file has changed; they stay as they were published unless they are named as accepted.
    pub changed: Vec<Ref>,
}

impl Lock {
    /// Reads the lock of a project folder; `None` where there is none yet.
    ///
    /// # Errors
    ///
    /// As [`Lock::parse`], and a finding when the file cannot be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, Vec<Finding>> {
        match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => Self::parse(FILE, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let finding = Finding::error("bad-lock", format!("it cannot be read: {error}"));
                Err(vec![finding.at(FILE, Arc::from(""), Span::default())])
            }
        }
    }

    /// Writes the lock into a project folder: whole, or not at all.
    ///
    /// # Errors
    ///
    /// The system's, when the folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let new = folder.join(format!(".{FILE}.new"));
        fs::write(&new, self.render())?;
        fs::rename(new, folder.join(FILE))
    }

    /// Reads a lock. `file` is what people see as its path.
    ///
    /// # Errors
    ///
    /// A finding for every line that is not one of a lock, and for every version that stands twice.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Finding>> {
        let mut lock = Self::default();
        let mut findings = Vec::new();
        let shared: Arc<str> = Arc::from(text);
        let mut offset = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let span = Span { line: number + 1, column: 1, offset, len: line.trim_end().len() };
            offset += line.len();
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = match entry(line) {
                Ok((reference, entry)) if !lock.entries.contains_key(&reference) => {
                    lock.entries.insert(reference, entry);
                    continue;
                }
                Ok((reference, _)) => format!("{reference} stands twice"),
                Err(why) => why,
            };
            let finding = Finding::error("bad-lock", wrong).help("Restore the line from version control");
            findings.push(finding.at(file, shared.clone(), span));
        }
        if findings.is_empty() { Ok(lock) } else { Err(findings) }
    }

    /// The lock as text, sorted, the same for the same contracts.
    pub fn render(&self) -> String {
        let mut text = HEAD.to_owned();
        for (reference, entry) in &self.entries {
            let shape = serde_json::to_string(&entry.shape).expect("a shape has text keys and finite numbers");
            writeln!(text, "{reference} {} {shape}", entry.digest).expect("writing to a string succeeds");
        }
        text
    }

    /// Publishes every contract that is not published yet, and takes over the changed ones that `accept` names.
    pub fn update<'a>(&mut self, contracts: impl IntoIterator<Item = &'a Contract>, accept: &[Ref]) -> Update {
        let mut update = Update::default();
        let mut there = Vec::new();
        for contract in contracts.into_iter().filter(|contract| is_published(contract)) {
            let reference = contract.reference();
            there.push(reference.clone());
            match self.entries.get(&reference) {
                Some(entry) if *entry.digest == *contract.source.digest => continue,
                Some(_) if !accept.contains(&reference) => {
                    update.changed.push(reference);
                    continue;
                }
                Some(_) => {}
                None => update.added.push(reference.clone()),
            }
            let entry = Entry { digest: contract.source.digest.to_string(), shape: Shape::of(contract) };
            self.entries.insert(reference, entry);
        }
        update.missing = self.entries.keys().filter(|reference| !there.contains(reference)).cloned().collect();
        update
    }

    /// Whether this version is published.
    pub fn contains(&self, reference: &Ref) -> bool {
        self.entries.contains_key(reference)
    }

    /// The digest of the file as it was published.
    pub fn digest(&self, reference: &Ref) -> Option<&str> {
        self.entries.get(reference).map(|entry| entry.digest.as_str())
    }

    /// Every published version, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Ref> {
        self.entries.keys()
    }

    /// What became of a contract since it was published; `None` when it is not published or has not changed.
    pub fn compare(&self, contract: &Contract) -> Option<Comparison> {
        let reference = contract.reference();
        let entry = self.entries.get(&reference).filter(|entry| *entry.digest != *contract.source.digest)?;
        Some(compare_shapes(&reference, &entry.shape, &reference, &Shape::of(contract)))
    }

    /// A finding for everything that an edit did to a published version: each breaking change with its place, reason
    /// and witness, or one finding for an edit that breaks nobody.
    pub fn check<'a>(&self, contracts: impl IntoIterator<Item = &'a Contract>) -> Vec<Finding> {
        contracts
            .into_iter()
            .filter_map(|contract| Some((contract, self.compare(contract)?)))
            .flat_map(edited)
            .collect()
    }
}

/// Whether others may rely on a contract.
fn is_published(contract: &Contract) -> bool {
    !matches!(contract.meta.stability, Stability::Idea | Stability::InCreation)
}

fn entry(line: &str) -> Result<(Ref, Entry), String> {
    let mut parts = line.splitn(3, ' ');
    let (reference, digest, shape) = (parts.next(), parts.next(), parts.next());
    let (Some(reference), Some(digest), Some(shape)) = (reference, digest, shape) else {
        return Err("a line of the lock has an identity, a digest and a shape".into());
    };
    let reference: Ref = reference.parse().map_err(|error| format!("{error}"))?;
    let hex =
        digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if hex.is_none() {
        return Err(format!("`{digest}` is not a digest"));
    }
    let shape = serde_json::from_str(shape).map_err(|error| format!("the shape cannot be read: {error}"))?;
    Ok((reference, Entry { digest: digest.to_owned(), shape }))
}

fn edited((contract, comparison): (&Contract, Comparison)) -> Vec<Finding> {
    let document = yaml::read("", &contract.source.text).0;
    let at = |finding: Finding, pointer: &str| {
        let span = document.as_ref().map(|document| document.span(pointer)).unwrap_or_default();
        finding.at(contract.source.path.display().to_string(), contract.source.text.clone(), span)
    };
    let needs = &comparison.needs;
    let way_out = format!(
        "Restore the published text and make the change in a new version {needs}; if nobody uses {0} yet, \
         `affiant contract lock --accept {0}` publishes it anew",
        comparison.new
    );
    if comparison.verdict != Verdict::Breaking {
        let what = match comparison.verdict {
            Verdict::Additive => "It adds something",
            _ => "Callers see no difference",
        };
        let message = format!("{} has changed since it was published", comparison.new);
        return vec![at(Finding::error(CHANGED, message).help(format!("{what}, but {}", lower(&way_out))), "/version")];
    }
    let breaking = comparison.changes.iter().filter(|change| change.breaking);
    breaking
        .map(|change| {
            let (version, path) = (&comparison.new, &change.path);
            let message = format!("this breaks {version}, which is published: in `{path}`, {}", change.what);
            let example = change.witness.as_ref().map(example).unwrap_or_default();
            let help = format!("{}{example}. {way_out}", upper(&change.why));
            at(Finding::error("broken-version", message).help(help), &change.pointer)
        })
        .collect()
}

/// A witness as far as it can be read at a glance; the comparison holds all of it.
fn example(witness: &Value) -> String {
    let text = witness.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!(", for example {} …", &text[..end]),
        None => format!(", for example {text}"),
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
