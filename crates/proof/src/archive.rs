//! The file format of a bundle: a plain tar with exactly one spelling.
//!
//! Any `tar` reads it. This reader accepts only what this writer writes (regular files, names in order, fixed headers,
//! zero padding), so every changed byte of the file is found, and no name leads out of the folder it is unpacked in.

use std::io::{self, Read, Write};

use affiant_journal::Digest;
use sha2::{Digest as _, Sha256};

/// Most that is read from a file that nobody has checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one member that is kept in memory.
    pub kept: u64,
    /// Bytes of all members.
    pub total: u64,
    /// Members.
    pub members: usize,
}

impl Default for Limits {
    /// 1 GiB, 64 GiB, one million.
    fn default() -> Self {
        Self { kept: 1 << 30, total: 64 << 30, members: 1_000_000 }
    }
}

/// One file in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Length in bytes.
    pub size: u64,
    /// The bytes, where they are kept.
    pub bytes: Option<Vec<u8>>,
}

/// A file is not an archive as it was written.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    /// Not a tar file at all.
    #[error("the file is not a bundle")]
    NotOne,
    /// It ends before its end marker.
    #[error("the file ends early{}", after(.0))]
    Truncated(String),
    /// Bytes outside the members are not as they are written.
    #[error("{what}{}", after(.member))]
    Changed {
        /// The member before or at the place, empty at the start.
        member: String,
        /// What is there.
        what: &'static str,
    },
    /// A name that this writer does not write.
    #[error("`{0}` is not a name of a bundle's member")]
    Name(String),
    /// More than the limits allow.
    #[error("{0} is larger than allowed here")]
    TooLarge(String),
    /// Reading failed.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

fn after(member: &str) -> String {
    if member.is_empty() { " at its start".into() } else { format!(" at or after `{member}`") }
}

const BLOCK: usize = 512;

/// Longest name of a member: the field of the oldest tar format.
const MAX_NAME: usize = 100;

/// Whether a member may have this name: path segments of letters, digits and `._-@`, none of them hidden, none empty.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte);
    let segment = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(plain);
    name.len() <= MAX_NAME && name.split('/').all(segment)
}

/// Writes the members, whose names are in order and valid, and the end marker.
pub(crate) fn write<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    out: &mut impl Write,
) -> io::Result<()> {
    for (name, bytes) in members {
        out.write_all(&header(name, bytes.len() as u64))?;
        out.write_all(bytes)?;
        out.write_all(&[0; BLOCK][..padding(bytes.len() as u64)])?;
    }
    out.write_all(&[0; 2 * BLOCK])
}

fn padding(size: u64) -> usize {
    (size.next_multiple_of(BLOCK as u64) - size) as usize
}

/// The header of a regular file that anybody may read, without owner or time (POSIX ustar).
fn header(name: &str, size: u64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\x000000000\x000000000\0");
    put(124, format!("{size:011o}\x0000000000000\0").as_bytes());
    put(148, b"        0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Reads members one after the other and hands each to `take`. `keep` says whose bytes are wanted; others are only
/// hashed, so that memory does not grow with the blobs.
pub(crate) fn read(
    file: &mut impl Read,
    limits: Limits,
    keep: impl Fn(&str) -> bool,
    mut take: impl FnMut(String, Member),
) -> Result<(), BadArchive> {
    let mut before = String::new();
    let mut total = 0;
    for _ in 0..=limits.members {
        let block = read_block(file, &before).map_err(|error| match error {
            BadArchive::Truncated(before) if before.is_empty() => BadArchive::NotOne,
            other => other,
        })?;
        if block == [0; BLOCK] {
            return end(file, &before);
        }
        let (name, size) = read_header(&block, &before)?;
        total += size;
        let kept = keep(&name);
        if total > limits.total || (kept && size > limits.kept) {
            return Err(BadArchive::TooLarge(name));
        }
        let member = read_member(file, &name, size, kept)?;
        take(name.clone(), member);
        before = name;
    }
    Err(BadArchive::TooLarge("the number of members".into()))
}

fn read_block(file: &mut impl Read, before: &str) -> Result<[u8; BLOCK], BadArchive> {
    let mut block = [0; BLOCK];
    fill(file, &mut block, before)?;
    Ok(block)
}

fn fill(file: &mut impl Read, buffer: &mut [u8], member: &str) -> Result<(), BadArchive> {
    file.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => BadArchive::Truncated(member.to_owned()),
        _ => BadArchive::Io(error),
    })
}

fn read_header(block: &[u8; BLOCK], before: &str) -> Result<(String, u64), BadArchive> {
    let changed = |what| BadArchive::Changed { member: before.to_owned(), what };
    if before.is_empty() && block[257..262] != *b"ustar" {
        return Err(BadArchive::NotOne);
    }
    let length = block[..MAX_NAME].iter().position(|byte| *byte == 0).unwrap_or(MAX_NAME);
    let name = String::from_utf8_lossy(&block[..length]).into_owned();
    if !is_name(&name) {
        return Err(BadArchive::Name(name));
    }
    let digits = std::str::from_utf8(&block[124..135]).ok();
    let size = digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()).ok_or(changed("a header is changed"))?;
    if *block != header(&name, size) {
        return Err(changed("a header is changed"));
    }
    if name.as_str() <= before {
        return Err(changed("members are not in order"));
    }
    Ok((name, size))
}

fn read_member(file: &mut impl Read, name: &str, size: u64, keep: bool) -> Result<Member, BadArchive> {
    let mut hash = Sha256::new();
    let mut kept = keep.then(Vec::new);
    let mut buffer = [0; 64 << 10];
    let mut left = size;
    while left > 0 {
        let part = &mut buffer[..left.min(64 << 10) as usize];
        fill(file, part, name)?;
        hash.update(&part);
        if let Some(kept) = &mut kept {
            // Grows with what is really there: a header may promise more than the file has.
            kept.extend_from_slice(part);
        }
        left -= part.len() as u64;
    }
    let part = &mut buffer[..padding(size)];
    fill(file, part, name)?;
    if part.iter().any(|byte| *byte != 0) {
        return Err(BadArchive::Changed { member: name.to_owned(), what: "padding is changed" });
    }
    Ok(Member { digest: Digest(hash.finalize().into()), size, bytes: kept })
}

fn end(file: &mut impl Read, before: &str) -> Result<(), BadArchive> {
    let changed = |what| Err(BadArchive::Changed { member: before.to_owned(), what });
    if read_block(file, before)? != [0; BLOCK] {
        return changed("the end marker is changed");
    }
    if file.read(&mut [0])? > 0 {
        return changed("there is more after the end marker");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut out = Vec::new();
        let long = vec![b'x'; 513];
        write([("a.txt", b"one\n".as_slice()), ("b/c@1.0.0.yaml", b""), ("d", &long)], &mut out).unwrap();
        out
    }

    fn members(bytes: &[u8]) -> Result<BTreeMap<String, Member>, String> {
        let mut members = BTreeMap::new();
        let keep = |name: &str| name != "d";
        read(&mut &*bytes, Limits { kept: 100, total: 1000, members: 3 }, keep, |name, member| {
            members.insert(name, member);
        })
        .map(|()| members)
        .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read() {
        let members = members(&archive()).unwrap();
        assert_eq!(members["a.txt"].bytes.as_deref(), Some(b"one\n".as_slice()));
        assert_eq!((members["d"].bytes.as_ref(), members["d"].digest), (None, Digest::of(&[b'x'; 513])));
        assert_eq!(members.len(), 3);
    }

    #[test]
    fn every_changed_bit_is_found_or_is_in_a_member() {
        let clean = archive();
        let before = members(&clean).unwrap();
        for at in 0..clean.len() * 8 {
            let mut bytes = clean.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert_ne!(members(&bytes).ok(), Some(before.clone()), "bit {} of byte {}", at % 8, at / 8);
        }
    }

    #[test]
    fn every_shorter_or_longer_file_is_refused() {
        let clean = archive();
        for length in 0..clean.len() {
            assert!(members(&clean[..length]).is_err(), "{length}");
        }
        let longer = [clean, vec![0]].concat();
        assert_eq!(members(&longer).unwrap_err(), "there is more after the end marker at or after `d`");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a\\b", "a b", "ä", "a\n", &"x".repeat(101)] {
            assert!(!is_name(name), "{name}");
        }
        assert!(is_name("blobs/9f2c") && is_name("contracts/git.log@1.0.0.yaml"));
        let mut out = Vec::new();
        write([("../a", b"".as_slice())], &mut out).unwrap();
        assert_eq!(members(&out).unwrap_err(), "`../a` is not a name of a bundle's member");
    }

    #[test]
    fn names_out_of_order_or_twice_are_refused() {
        for names in [["b", "a"], ["a", "a"]] {
            let mut out = Vec::new();
            write(names.map(|name| (name, b"".as_slice())), &mut out).unwrap();
            assert!(members(&out).unwrap_err().starts_with("members are not in order"));
        }
    }

    #[test]
    fn a_file_above_the_limits_is_refused() {
        for (names, size) in [(vec!["a", "b", "c", "e"], 1), (vec!["a"], 101), (vec!["d"], 1001)] {
            let bytes = vec![0; size];
            let mut out = Vec::new();
            write(names.into_iter().map(|name| (name, bytes.as_slice())), &mut out).unwrap();
            assert!(members(&out).unwrap_err().ends_with("is larger than allowed here"));
        }
    }
}
