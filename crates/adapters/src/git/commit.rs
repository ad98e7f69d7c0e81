//! One commit as it is answered.

use affiant_journal::Timestamp;
use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice},
    objs::CommitRefIter,
};
use serde::Serialize;

use crate::display::{lossy, shorten};

/// How many digits of an id are enough when no other begins the same way.
const SHORT: usize = 7;

/// One commit. Text that is not UTF-8 and not Latin-1 by its own declaration is answered with replacement
/// characters, and marked; the id names the exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Commit {
    pub(crate) sha: String,
    pub(crate) short: String,
    pub(crate) author: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) email: String,
    pub(crate) at: String,
    pub(crate) subject: String,
    pub(crate) body: String,
    pub(crate) parents: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) lossy: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
}

/// How much of a message is answered, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) subject: usize,
    pub(crate) body: usize,
}

impl Commit {
    /// Reads a commit object. Headers that cannot be read are left empty: a history may hold anything.
    pub(super) fn read(id: ObjectId, data: &[u8], most: Most) -> Self {
        let iter = || CommitRefIter::from_bytes(data, id.kind());
        let author = iter().author().ok();
        let seconds = iter().committer().ok().and_then(|signature| signature.time().ok()).map_or(0, |t| t.seconds);
        let latin = is_latin(data);
        let (name, lossy_name) = text(author.as_ref().map_or(BStr::new(b""), |a| a.name.trim().as_bstr()), latin);
        let (email, lossy_email) = text(author.as_ref().map_or(BStr::new(b""), |a| a.email.trim().as_bstr()), latin);
        let (message, lossy_message) = text(message(data), latin);
        let (subject, body) = split(&message);
        let sha = id.to_string();
        Self {
            short: sha[..SHORT].to_owned(),
            sha,
            author: shorten(&name, most.subject),
            email: shorten(&email, most.subject),
            at: utc(seconds),
            subject: shorten(subject, most.subject),
            body: shorten(body, most.body),
            parents: iter().parent_ids().map(|parent| parent.to_string()).collect(),
            lossy: lossy_name || lossy_email || lossy_message,
            cut: [(subject, most.subject), (body, most.body)].iter().any(|(t, most)| t.chars().nth(*most).is_some()),
        }
    }
}

/// Gives every commit the shortest beginning of its id that no other one here has.
pub(super) fn shorten_ids(commits: &mut [Commit]) {
    let mut ids: Vec<String> = commits.iter().map(|commit| commit.sha.clone()).collect();
    ids.sort_unstable();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    for commit in commits {
        let at = ids.partition_point(|id| *id < commit.sha);
        let before = at.checked_sub(1).map_or(0, |before| common(&ids[before], &commit.sha));
        let after = ids.get(at + 1).map_or(0, |after| common(after, &commit.sha));
        let digits = SHORT.max(before.max(after) + 1).min(commit.sha.len());
        commit.short = commit.sha[..digits].to_owned();
    }
}

/// The message follows the first empty line.
fn message(data: &[u8]) -> &BStr {
    data.find(b"\n\n").map_or(BStr::new(b""), |at| data[at + 2..].as_bstr())
}

/// Whether the commit says that its text is Latin-1.
fn is_latin(data: &[u8]) -> bool {
    let header = data.find(b"\n\n").map_or(data, |end| &data[..end]);
    let name = header.lines().find_map(|line| line.strip_prefix(b"encoding "));
    let latin: [&[u8]; 4] = [b"iso-8859-1", b"iso8859-1", b"latin1", b"latin-1"];
    name.is_some_and(|name| latin.iter().any(|known| name.trim().eq_ignore_ascii_case(known)))
}

fn text(bytes: &BStr, latin: bool) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), false),
        Err(_) if latin => (bytes.iter().map(|byte| char::from(*byte)).collect(), false),
        Err(_) => lossy(bytes),
    }
}

/// First line, and the rest without the empty lines around it.
fn split(message: &str) -> (&str, &str) {
    let message = message.trim_start_matches(['\n', '\r']);
    let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
    (subject.trim_end(), body.trim_start_matches(['\n', '\r']).trim_end())
}

/// A time in UTC to the second; what lies outside the years 0 to 9999 is put at their edge.
fn utc(seconds: i64) -> String {
    const FIRST: i64 = -62_167_219_200;
    const LAST: i64 = 253_402_300_799;
    let text = Timestamp(seconds.clamp(FIRST, LAST) * 1_000_000).to_string();
    format!("{}Z", &text[..19])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &[u8], headers: &str) -> Commit {
        let tree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
        let head = format!("tree {tree}\nauthor Ana <a@b> 1 +0100\ncommitter Ana <a@b> 86400 +0100\n{headers}\n");
        let data = [head.as_bytes(), message].concat();
        Commit::read(ObjectId::null(gix::hash::Kind::Sha1), &data, Most { subject: 20, body: 30 })
    }

    #[test]
    fn a_message_is_a_subject_and_a_body() {
        let commit = read(b"\nFix crash  \r\n\r\nBecause\n\nof x\n\n", "");
        assert_eq!(
            (&*commit.subject, &*commit.body, &*commit.at),
            ("Fix crash", "Because\n\nof x", "1970-01-02T00:00:00Z")
        );
        assert_eq!((read(b"", "").subject, read(b"", "").body), (String::new(), String::new()));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_marked() {
        let commit = read(b"caf\xe9", "");
        assert_eq!((&*commit.subject, commit.lossy), ("caf\u{fffd}", true));
        let latin = read(b"caf\xe9", "encoding ISO-8859-1\n");
        assert_eq!((&*latin.subject, latin.lossy), ("café", false));
    }

    #[test]
    fn a_message_without_end_is_cut_and_marked() {
        let commit = read(&[b'x'; 10 << 20], "");
        assert_eq!((&*commit.subject, commit.cut), ("xxxxxxxxxxxxxxxxxxxx…", true));
        assert!(!read(b"12345678901234567890\n\nbody", "").cut);
    }

    #[test]
    fn a_commit_that_is_hardly_one_is_answered_all_the_same() {
        let commit = Commit::read(
            ObjectId::null(gix::hash::Kind::Sha1),
            b"author nobody\n\nhello",
            Most { subject: 9, body: 9 },
        );
        assert_eq!((&*commit.author, &*commit.subject, &*commit.at), ("", "hello", "1970-01-01T00:00:00Z"));
        assert_eq!([utc(i64::MAX), utc(i64::MIN)], ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z"]);
    }

    #[test]
    fn ids_are_as_short_as_they_can_be_told_apart() {
        let named = |sha: &str| Commit { sha: format!("{sha:0<40}"), ..read(b"x", "") };
        let mut commits = [named("aaaaaaaab"), named("aaaaaaaac"), named("b")];
        shorten_ids(&mut commits);
        assert_eq!(commits.map(|commit| commit.short), ["aaaaaaaab", "aaaaaaaac", "b000000"]);
    }
}
