//! The signed head of a log: C2SP tlog-checkpoint, with witnesses' cosignatures (tlog-cosignature) beside it.

use affiant_journal::Digest;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    keys::{KeyKind, SigningKey, VerifierKey},
    note::{BadNote, Note, NoteSignature},
    tree::Head,
};

/// What a log says of itself at one moment: which log, how many leaves, and the root over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log, such as `audit.example.org/t_default`.
    pub origin: String,
    /// Its size and root.
    pub head: Head,
}

/// A note is not a checkpoint that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCheckpoint {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// The text is not origin, size and root on three lines.
    #[error("the note is not a checkpoint: expected origin, size and root on three lines")]
    Text,
    /// A signature that names a known key was not made by it.
    #[error("a signature is wrong")]
    WrongSignature,
    /// No known key signed it.
    #[error("no known key signed the checkpoint")]
    UnknownKeys,
}

/// A checkpoint whose signatures were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The log keys that signed it; at least one.
    pub signed_by: Vec<VerifierKey>,
    /// The witnesses that cosigned it, and the moments they named, in seconds since 1970.
    pub cosigned_by: Vec<(VerifierKey, u64)>,
}

impl Checkpoint {
    /// The three lines that are signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.head.size, STANDARD.encode(self.head.root.0))
    }

    /// Reads the three lines; nothing may follow them.
    pub fn from_text(text: &str) -> Result<Self, BadCheckpoint> {
        let read = || {
            let [origin, size, root, ""] = *text.split('\n').collect::<Vec<_>>() else { return None };
            let root = STANDARD.decode(root).ok()?.try_into().ok()?;
            let head = Head { size: size.parse().ok()?, root: Digest(root) };
            Some(Self { origin: origin.to_owned(), head }).filter(|read| !origin.is_empty() && read.text() == text)
        };
        read().ok_or(BadCheckpoint::Text)
    }

    /// The signed note, with one line for each key. A second key signs beside the first while keys are exchanged.
    pub fn sign(&self, keys: &[&SigningKey]) -> Note {
        let text = self.text();
        let signatures = keys.iter().map(|key| line(key, key.sign(text.as_bytes()).to_vec())).collect();
        Note { text, signatures }
    }
}

/// A witness's line for a note: it saw this checkpoint at this moment, and nothing that contradicts it.
pub fn cosign(note: &Note, witness: &SigningKey, seconds: u64) -> NoteSignature {
    let signature = witness.sign(cosigned(&note.text, seconds).as_bytes());
    line(witness, [seconds.to_be_bytes().as_slice(), &signature].concat())
}

fn line(key: &SigningKey, bytes: Vec<u8>) -> NoteSignature {
    NoteSignature { name: key.verifier().name().clone(), id: key.verifier().id(), bytes }
}

fn cosigned(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// Reads a checkpoint and checks every signature whose key is known here; one that is wrong spoils the note.
/// Signatures by unknown keys mean nothing. `keys` holds log keys and witness keys, told apart by their kind.
pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Opened, BadCheckpoint> {
    let note = Note::parse(note)?;
    let checkpoint = Checkpoint::from_text(&note.text)?;
    let mut opened = Opened { checkpoint, signed_by: Vec::new(), cosigned_by: Vec::new() };
    for signature in &note.signatures {
        let known = keys.iter().find(|key| *key.name() == signature.name && key.id() == signature.id);
        let Some(key) = known else { continue };
        match key.kind() {
            KeyKind::Note if key.verifies(note.text.as_bytes(), &signature.bytes) => opened.add_log(key),
            KeyKind::Cosignature => opened.add_witness(key, witnessed(key, &note.text, &signature.bytes)?),
            KeyKind::Note => return Err(BadCheckpoint::WrongSignature),
        }
    }
    if opened.signed_by.is_empty() { Err(BadCheckpoint::UnknownKeys) } else { Ok(opened) }
}

/// The moment that a cosignature names.
fn witnessed(key: &VerifierKey, text: &str, bytes: &[u8]) -> Result<u64, BadCheckpoint> {
    let (seconds, signature) = bytes.split_first_chunk().ok_or(BadCheckpoint::WrongSignature)?;
    let seconds = u64::from_be_bytes(*seconds);
    let verified = key.verifies(cosigned(text, seconds).as_bytes(), signature);
    if verified { Ok(seconds) } else { Err(BadCheckpoint::WrongSignature) }
}

impl Opened {
    /// A key counts once, whatever names it has.
    fn add_log(&mut self, key: &VerifierKey) {
        if !self.signed_by.iter().any(|other| other.bytes() == key.bytes()) {
            self.signed_by.push(key.clone());
        }
    }

    fn add_witness(&mut self, key: &VerifierKey, seconds: u64) {
        if !self.cosigned_by.iter().any(|(other, _)| other.bytes() == key.bytes()) {
            self.cosigned_by.push((key.clone(), seconds));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{keys::KeyName, tree::empty_root};

    fn key(name: &str, kind: KeyKind, seed: u8) -> SigningKey {
        SigningKey::from_seed(KeyName::new(name).unwrap(), kind, &[seed; 32])
    }

    fn log() -> SigningKey {
        key("example.org/t_1", KeyKind::Note, 1)
    }

    fn witness() -> SigningKey {
        key("witness.example.net/w1", KeyKind::Cosignature, 2)
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "example.org/t_1".into(), head: Head { size: 417, root: Digest::of(b"root") } }
    }

    fn signed() -> String {
        let mut note = checkpoint().sign(&[&log()]);
        note.signatures.push(cosign(&note, &witness(), 1_795_359_600));
        note.to_string()
    }

    fn keys() -> Vec<VerifierKey> {
        vec![log().verifier().clone(), witness().verifier().clone()]
    }

    #[test]
    fn a_checkpoint_is_a_note_of_three_lines_with_its_signatures() {
        insta::assert_snapshot!(signed(), @"
        example.org/t_1
        417
        SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=

        — example.org/t_1 NTk+sLKhYA3xX3mQP6Pi6aNmKbIL8/UntGyTcPRid48a/xjFvHva9wcKJq5OkXII4uTQLe1LRnh3HEHQevdkWkF6/gE=
        — witness.example.net/w1 CrwfGQAAAABrAwNwOztL54cio3zlv0bUTix0nhZEysxuDqftnB7l6zPNX8o8dXQLvlUBpD6BWIa/QI6XsUjNQmeXwDDBjeMVAG4bCQ==
        ");
        let opened = open(&signed(), &keys()).unwrap();
        assert_eq!((opened.checkpoint, opened.signed_by), (checkpoint(), vec![log().verifier().clone()]));
        assert_eq!(opened.cosigned_by, [(witness().verifier().clone(), 1_795_359_600)]);
    }

    #[test]
    fn a_note_of_go_is_read_and_checked() {
        let text =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let note = Note::parse(&format!("{text}\n{line}")).unwrap();
        let peter: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        assert_eq!((note.signatures[0].id, note.to_string()), (peter.id(), format!("{text}\n{line}")));
        assert!(peter.verifies(note.text.as_bytes(), &note.signatures[0].bytes));
    }

    #[test]
    fn any_changed_character_is_found() {
        let note = signed();
        for (at, character) in note.char_indices() {
            let other = if character == 'A' { 'B' } else { 'A' };
            let changed = format!("{}{other}{}", &note[..at], &note[at + character.len_utf8()..]);
            // A changed name or key id makes a signature one of an unknown key; the other one still counts.
            let Ok(opened) = open(&changed, &keys()) else { continue };
            assert_eq!(opened.checkpoint, checkpoint());
            assert!(opened.signed_by.len() + opened.cosigned_by.len() < 2, "{changed}");
        }
    }

    #[test]
    fn a_signature_by_another_key_of_the_same_name_is_worth_nothing() {
        let note = checkpoint().sign(&[&key("example.org/t_1", KeyKind::Note, 9)]).to_string();
        assert_eq!(open(&note, &keys()), Err(BadCheckpoint::UnknownKeys));
        let mut note = checkpoint().sign(&[&log()]);
        note.signatures[0].bytes[0] ^= 1;
        assert_eq!(open(&note.to_string(), &keys()), Err(BadCheckpoint::WrongSignature));
    }

    #[test]
    fn while_keys_are_exchanged_either_is_enough() {
        let new = key("example.org/t_1", KeyKind::Note, 3);
        let note = checkpoint().sign(&[&log(), &new]).to_string();
        for known in [vec![log().verifier().clone()], vec![new.verifier().clone()]] {
            assert_eq!(open(&note, &known).unwrap().signed_by, known);
        }
    }

    #[test]
    fn the_same_signature_twice_counts_once() {
        let mut note = checkpoint().sign(&[&log()]);
        let line = cosign(&note, &witness(), 5);
        note.signatures.extend([line.clone(), line]);
        assert_eq!(open(&note.to_string(), &keys()).unwrap().cosigned_by.len(), 1);
    }

    #[test]
    fn a_text_that_is_not_exactly_a_checkpoint_is_refused() {
        let root = STANDARD.encode(empty_root().0);
        let cases = [
            format!("o\n0\n{root}\nextension\n"),
            format!("o\n00\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("o\n1\n{}\n", root.trim_end_matches('=')),
            format!("o\n1\n{root}"),
            "o\n1\n".into(),
            "o\n18446744073709551616\n{root}\n".into(),
        ];
        for text in cases {
            assert_eq!(Checkpoint::from_text(&text), Err(BadCheckpoint::Text), "{text}");
        }
        assert!(Checkpoint::from_text(&format!("o\n0\n{root}\n")).is_ok());
    }

    #[test]
    fn a_text_that_is_not_exactly_a_note_is_refused() {
        let note = signed();
        let cases = [
            (note.replace("\n\n", "\n"), BadNote::Unsigned),
            (note.trim_end().to_owned(), BadNote::Unsigned),
            (note.replace('\n', "\r\n"), BadNote::Control),
            (note.replace("— e", "- e"), BadNote::Line(1)),
            (note.replace("w1 ", "w1  "), BadNote::Line(2)),
            (format!("{note}— x AAAAAA==\n"), BadNote::Line(3)),
            (note.clone() + &"— x AAAAAAA=\n".repeat(99), BadNote::Length),
            ("x".repeat(MIB + 1), BadNote::Length),
        ];
        for (text, error) in cases {
            assert_eq!(Note::parse(&text), Err(error), "{}", &text[..text.len().min(500)]);
        }
    }

    const MIB: usize = 1 << 20;
}
