//! What a range such as `last-tag..HEAD` means in a repository.

use std::collections::HashMap;

use gix::{ObjectId, object::Kind};

use super::{GitError, Repository, walk::Walk};

/// The name for the nearest tag before the end of a range.
const LAST_TAG: &str = "last-tag";

/// A commit, and the name it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) id: ObjectId,
}

/// From where, if not from the first commit, and to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: Option<Named>,
    pub(super) to: Named,
    /// The tag at `to`, if there is one.
    pub(super) to_tag: Option<String>,
}

/// Reads `A..B`, or one revision for all before it. An empty side is `HEAD`.
pub(super) fn range(repository: &Repository, text: &str, stop: &dyn Fn() -> bool) -> Result<Range, GitError> {
    let (from, to) = match text.split_once("..") {
        Some((_, to)) if to.starts_with('.') => {
            return Err(GitError::Question("a range has two dots, as in `v1.0.0..HEAD`".into()));
        }
        Some((from, to)) => (Some(from), to),
        None => (None, text),
    };
    let tags = tags(repository)?;
    let last_tag = |before: ObjectId| nearest(repository, before, &tags, stop);
    let resolve = |name: &str| -> Result<Named, GitError> {
        let name = if name.is_empty() { "HEAD" } else { name };
        if name != LAST_TAG {
            return revision(repository, name);
        }
        let none = || GitError::Revision { name: name.into(), why: "no tag comes before HEAD".into() };
        last_tag(revision(repository, "HEAD")?.id)?.ok_or_else(none)
    };
    let to = resolve(to)?;
    let from = match from {
        // Without any tag the range begins at the first commit.
        Some(LAST_TAG) => last_tag(to.id)?,
        Some(name) => Some(resolve(name)?),
        None => None,
    };
    Ok(Range { from, to_tag: tags.get(&to.id).map(|tag| tag.name.clone()), to })
}

/// The commit that a name stands for.
pub(crate) fn revision(repository: &Repository, name: &str) -> Result<Named, GitError> {
    let unknown = |why: &str| GitError::Revision { name: name.to_owned(), why: why.into() };
    let Ok(id) = repository.git.rev_parse_single(name) else {
        let unborn = repository.git.head().is_ok_and(|head| head.is_unborn());
        return Err(unknown(if unborn { "it has no commits yet" } else { "no branch, tag or commit has this name" }));
    };
    let object = id.object().map_err(|_| unknown("its object is not in this clone"))?;
    let commit = object.peel_to_kind(Kind::Commit).map_err(|_| unknown("it does not lead to a commit"))?;
    Ok(Named { name: name.to_owned(), id: commit.id })
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tag {
    looks_like_a_version: bool,
    name: String,
}

/// The tag to name each tagged commit by: one that looks like a version before others, then the last by name.
fn tags(repository: &Repository) -> Result<HashMap<ObjectId, Tag>, GitError> {
    let references = repository.git.references()?;
    let mut tags: HashMap<ObjectId, Tag> = HashMap::new();
    // A tag whose object is missing, or that is not on a commit, names no place in the history.
    for mut reference in references.tags()?.filter_map(Result::ok) {
        let name = reference.name().shorten().to_string();
        let Ok(commit) = reference.peel_to_commit() else { continue };
        let tag = Tag { looks_like_a_version: looks_like_a_version(&name), name };
        let known = tags.entry(commit.id).or_insert_with(|| tag.clone());
        *known = known.clone().max(tag);
    }
    Ok(tags)
}

/// The nearest tagged commit before this one. Tags such as `nightly` count only where no version is tagged.
fn nearest(
    repository: &Repository,
    before: ObjectId,
    tags: &HashMap<ObjectId, Tag>,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Named>, GitError> {
    let find = |versions: bool| {
        let pick = |id: &ObjectId| tags.get(id).filter(|tag| tag.looks_like_a_version || !versions).cloned();
        match tags.values().any(|tag| tag.looks_like_a_version || !versions) {
            true => Walk::new(repository, stop)?.first(before, pick),
            false => Ok(None),
        }
    };
    let found = match find(true)? {
        Some(found) => Some(found),
        None => find(false)?,
    };
    Ok(found.map(|(id, tag)| Named { name: tag.name, id }))
}

/// Whether the name has a number with a dot and another number: `v2.4.0`, `cli-1.2`, not `nightly` or `v2`.
fn looks_like_a_version(name: &str) -> bool {
    name.as_bytes().windows(3).any(|w| w[0].is_ascii_digit() && w[1] == b'.' && w[2].is_ascii_digit())
}
